//! The whole state of the terminal shop.

use std::time::Duration;

use common::Timestamp;
use jiff::tz::TimeZone;

use super::autopilot::{AutopilotState, RunStatus};
use super::basket::Basket;
use super::books::Books;
use super::connection::Connection;
use super::layout::{Breakpoint, FrameLayout};
use super::notices::{Notices, Severity};
use super::orders::Orders;
use super::overlay::Overlay;
use super::services::Services;
use super::shared::Shared;
use super::shop::ShopScreen;
use crate::command::Screen;
use crate::keymap::Keymap;
use crate::now::Now;

/// The whole state: one part for each screen, and what the screens share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) now: Now,
    /// The frame's width and height in cells.
    pub(crate) size: (u16, u16),
    /// The layout of the last frame.
    pub(crate) layout: FrameLayout,
    pub(crate) screen: Screen,
    /// The screen on which "back" exits the shop.
    pub(crate) home_screen: Screen,
    /// The overlays, the topmost last.
    pub(crate) overlays: Vec<Overlay>,
    pub(crate) connection: Connection,
    pub(crate) books: Books,
    pub(crate) shop: ShopScreen,
    pub(crate) orders: Orders,
    pub(crate) basket: Basket,
    pub(crate) services: Services,
    pub(crate) autopilot: AutopilotState,
    pub(crate) notices: Notices,
    pub(crate) keymap: Keymap,
    /// The zone in which times are shown.
    pub(crate) zone: TimeZone,
    /// Whether nothing may spin or blink.
    pub(crate) reduced_motion: bool,
    /// Whether the screen has changed since the last frame.
    pub(crate) dirty: bool,
}

impl App {
    /// The state before the store is open.
    pub(crate) fn new(screen: Screen) -> Self {
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
                shop_name: "opening the store".to_owned(),
                ..Connection::default()
            },
            books: Books::default(),
            shop: ShopScreen::default(),
            orders: Orders::default(),
            basket: Basket::default(),
            services: Services::default(),
            autopilot: AutopilotState {
                available: Err("the store is still being opened".to_owned()),
                status: RunStatus::default(),
            },
            notices: Notices::default(),
            keymap: Keymap::default(),
            zone: TimeZone::UTC,
            reduced_motion: false,
            dirty: true,
        }
    }

    pub(crate) fn breakpoint(&self) -> Breakpoint {
        Breakpoint::of(self.size)
    }

    pub(crate) fn notify(&mut self, severity: Severity, text: &str) {
        self.notices.push(severity, text, self.now);
    }

    /// Borrows the parts that change independently, and the state that they share.
    pub(super) fn split(&mut self) -> (&mut ShopScreen, &mut Orders, Shared<'_>) {
        let dialog = self.overlays.iter().find_map(|overlay| match overlay {
            Overlay::Buy(dialog) => Some((dialog.order, dialog.book().map(|(item, _)| item))),
            _ => None,
        });
        let shared = Shared {
            now: self.now,
            connection: &self.connection,
            books: &mut self.books,
            notices: &mut self.notices,
            basket: &self.basket,
            dialog,
        };
        (&mut self.shop, &mut self.orders, shared)
    }

    pub(super) fn with_shop<T>(&mut self, update: impl FnOnce(&mut ShopScreen, &mut Shared<'_>) -> T) -> T {
        let (shop, _, mut shared) = self.split();
        update(shop, &mut shared)
    }

    pub(super) fn with_orders<T>(&mut self, update: impl FnOnce(&mut Orders, &mut Shared<'_>) -> T) -> T {
        let (_, orders, mut shared) = self.split();
        update(orders, &mut shared)
    }
}
