//! The whole state of the terminal shop.

use std::time::Duration;

use common::{ItemNumber, OrderId, Timestamp, text};

use super::autopilot::{AutopilotState, RunStatus};
use super::books::Books;
use super::connection::Connection;
use super::layout::{Breakpoint, FrameLayout};
use super::notices::{Notices, Severity};
use super::orders::Orders;
use super::overlay::Overlay;
use super::services::Services;
use super::shared::Shared;
use super::shop::ShopScreen;
use crate::keymap::Keymap;
use crate::message::Now;
use crate::screen::Screen;

/// The whole state: one part for each screen, and what the screens share.
#[derive(Debug)]
pub struct App {
    /// The time of the last message.
    pub now: Now,
    /// The frame's width and height in cells.
    pub size: (u16, u16),
    /// Where everything is in the last frame.
    pub layout: FrameLayout,
    /// The screen shown.
    pub screen: Screen,
    /// The screen on which "back" exits the shop.
    pub home_screen: Screen,
    /// The overlays, the topmost last.
    pub overlays: Vec<Overlay>,
    /// The connection to the shop.
    pub connection: Connection,
    /// Every book that is in a list.
    pub books: Books,
    /// The shop's screen.
    pub shop: ShopScreen,
    /// The orders' screen.
    pub orders: Orders,
    /// The services' screen.
    pub services: Services,
    /// The autopilot's screen.
    pub autopilot: AutopilotState,
    /// Messages to the user.
    pub notices: Notices,
    /// The keys of every command.
    pub keymap: Keymap,
    /// Whether nothing may spin or blink.
    pub reduced_motion: bool,
    /// Whether the screen has changed since the last frame.
    pub dirty: bool,
}

impl App {
    /// The state before the first message.
    pub fn new(store_name: &str, url: &str, screen: Screen, autopilot: Result<(), String>) -> Self {
        Self {
            now: Now {
                elapsed: Duration::ZERO,
                wall: Timestamp::from_micros(0),
            },
            size: (80, 24),
            layout: FrameLayout::default(),
            screen,
            home_screen: screen,
            overlays: Vec::new(),
            connection: Connection {
                store_name: text::sanitize(store_name).into_owned(),
                url: url.to_owned(),
                ..Connection::default()
            },
            books: Books::default(),
            shop: ShopScreen::default(),
            orders: Orders::default(),
            services: Services::default(),
            autopilot: AutopilotState {
                available: autopilot,
                status: RunStatus::default(),
            },
            notices: Notices::default(),
            keymap: Keymap::default(),
            reduced_motion: false,
            dirty: true,
        }
    }

    /// How many panes fit the frame.
    pub fn breakpoint(&self) -> Breakpoint {
        Breakpoint::of(self.size)
    }

    /// Shows a message to the user and logs it.
    pub fn notify(&mut self, severity: Severity, text: &str) {
        self.notices.push(severity, text, self.now);
    }

    /// The order and the book of the open buying dialog.
    pub(super) fn open_dialog_target(&self) -> Option<(OrderId, ItemNumber)> {
        self.overlays.iter().find_map(|overlay| match overlay {
            Overlay::Buy(dialog) => Some((dialog.order, dialog.item)),
            _ => None,
        })
    }

    /// The parts that change on their own, and what they share.
    pub(super) fn split(&mut self) -> (&mut ShopScreen, &mut Orders, Shared<'_>) {
        let dialog = self.open_dialog_target();
        let shared = Shared {
            now: self.now,
            connection: &self.connection,
            books: &mut self.books,
            notices: &mut self.notices,
            dialog,
        };
        (&mut self.shop, &mut self.orders, shared)
    }

    /// Runs an update of the shop's screen.
    pub(super) fn with_shop<T>(&mut self, update: impl FnOnce(&mut ShopScreen, &mut Shared<'_>) -> T) -> T {
        let (shop, _, mut shared) = self.split();
        update(shop, &mut shared)
    }

    /// Runs an update of the orders.
    pub(super) fn with_orders<T>(&mut self, update: impl FnOnce(&mut Orders, &mut Shared<'_>) -> T) -> T {
        let (_, orders, mut shared) = self.split();
        update(orders, &mut shared)
    }
}
