//! The shop's state and how it changes. [`update`] is pure: no clock, no input, no output; what happens arrives as a
//! message and what is to be done leaves as an effect.

mod books;
mod buying;
mod command;
mod connection;
mod data;
mod finding;
mod hints;
mod input;
mod listing;
mod loading;
mod news;
mod notices;
mod orders;
mod running;
mod services;
mod settling;
mod shop;
mod track;
mod view;

use std::time::Duration;

use common::{OrderId, Seq, Timestamp};
use tui_input::Input;

pub use books::Books;
pub use buying::{Dialog, Field};
pub use command::{About, Command, palette};
pub use connection::{Chip, Connection, Link};
pub use data::{Data, Phase, SKELETON_AFTER, SPINNER_AFTER, SPINNER_FRAME};
pub use finding::Find;
pub use hints::Hint;
pub use listing::Listing;
pub use notices::{Notice, Notices, Tone};
pub use orders::{Orders, Purchase, State};
pub use services::{Route, Service, Services};
pub use shop::{Column, Shelves, Sort, Topic};
pub use track::Track;
pub use view::{Target, View, Window};

use crate::effect::Effect;
use crate::keymap::Keymap;
use crate::message::{Message, Now, What};

/// What fills the frame between header and hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Screen {
    /// Topics, books, one book.
    #[default]
    Shop,
    /// Orders and receipts.
    Orders,
    /// Simulated shoppers.
    Autopilot,
    /// Health and counters.
    Services,
}

impl Screen {
    /// All of them, as their keys count them.
    pub const ALL: [Self; 4] = [Self::Shop, Self::Orders, Self::Autopilot, Self::Services];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shop => "Shop",
            Self::Orders => "Orders",
            Self::Autopilot => "Autopilot",
            Self::Services => "Services",
        }
    }
}

/// The panes of the shop's screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// The topics.
    #[default]
    Topics,
    /// The books.
    Books,
    /// One book.
    Detail,
}

/// How many panes there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// For nothing: under 40 × 10 cells.
    None,
    /// For one.
    One,
    /// For two: from 80 columns.
    Two,
    /// For three: from 120 columns.
    Three,
}

/// What the autopilot does, as far as the shop's keys and hints depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flight {
    /// Shoppers are in, or wait.
    pub runs: bool,
    /// There is or was a run to look at.
    pub flew: bool,
    /// They wait.
    pub paused: bool,
    /// They are being stopped.
    pub stopping: bool,
    /// The screen is held still.
    pub held: bool,
    /// One chart takes the whole screen.
    pub expanded: bool,
}

/// What lies over the screen.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// Every key.
    Help {
        /// The first line shown.
        scroll: usize,
    },
    /// Commands by name.
    Palette(Picker),
    /// The messages, the newest first.
    Log {
        /// The first line shown.
        scroll: usize,
    },
    /// The buying dialog.
    Buy(Box<Dialog>),
    /// The selected book's chart.
    Chart,
}

/// The palette's text and selection.
#[derive(Debug, Clone, Default)]
pub struct Picker {
    /// What is typed.
    pub input: Input,
    /// The selected row.
    pub selected: usize,
}

/// The whole state.
#[derive(Debug)]
pub struct App {
    /// The moment of the last message.
    pub now: Now,
    /// The frame's width and height.
    pub size: (u16, u16),
    /// What the header calls the store.
    pub place: String,
    /// The shop's address; empty while the store is still being opened.
    pub url: String,
    /// The screen shown.
    pub screen: Screen,
    /// The pane with the focus.
    pub focus: Focus,
    /// What lies over the screen, the topmost last.
    pub overlays: Vec<Overlay>,
    /// The connection.
    pub connection: Connection,
    /// The books.
    pub books: Books,
    /// The shop's screen.
    pub shop: Shelves,
    /// The orders' screen.
    pub orders: Orders,
    /// The services' screen.
    pub services: Services,
    /// What the person is told.
    pub notices: Notices,
    /// Whether the autopilot can be used, or why not.
    pub autopilot: Result<(), String>,
    /// What the autopilot does.
    pub flight: Flight,
    /// The screen that `q` leaves the shop from.
    pub door: Screen,
    /// Which key is which command.
    pub keymap: Keymap,
    /// Where things stand in the last frame.
    pub view: View,
    /// The id for the next order; whoever calls [`update`] puts a fresh one here when it was taken.
    pub spare_key: Option<OrderId>,
    /// Whether nothing may turn or blink.
    pub reduced_motion: bool,
    /// Whether anything on the screen has changed since the last frame.
    pub dirty: bool,
    /// From which entry on the event stream told everything.
    joined: Seq,
}

impl App {
    /// Before anything happened.
    pub fn new(place: &str, url: &str, screen: Screen, autopilot: Result<(), String>) -> Self {
        Self {
            now: Now {
                elapsed: Duration::ZERO,
                wall: Timestamp::from_micros(0),
            },
            size: (80, 24),
            place: common::text::sanitize(place).into_owned(),
            url: url.to_owned(),
            screen,
            focus: Focus::default(),
            overlays: Vec::new(),
            connection: Connection::default(),
            books: Books::default(),
            shop: Shelves::default(),
            orders: Orders::default(),
            services: Services::default(),
            notices: Notices::default(),
            autopilot,
            flight: Flight::default(),
            door: screen,
            keymap: Keymap::default(),
            view: View::default(),
            spare_key: None,
            reduced_motion: false,
            dirty: true,
            joined: Seq::ZERO,
        }
    }

    /// How many panes there is room for.
    pub fn room(&self) -> Room {
        match self.size {
            (0..40, _) | (_, 0..10) => Room::None,
            (40..80, _) => Room::One,
            (80..120, _) => Room::Two,
            _ => Room::Three,
        }
    }

    /// Tells the person something.
    pub fn tell(&mut self, tone: Tone, text: &str) {
        self.notices.tell(tone, text, self.now);
    }
}

/// Lets something happen: changes the state and says what is to be done in the world.
pub fn update(app: &mut App, message: Message) -> Vec<Effect> {
    app.now = message.now;
    let quiet = matches!(message.what, What::Drawn(_) | What::Live(_));
    app.dirty |= !quiet;
    match message.what {
        What::Started => app.started(),
        What::Opened { place, url, autopilot } => app.opened(&place, url, autopilot),
        What::Input(event) => app.input(event),
        What::Tick => app.tick(),
        What::Drawn(view) => {
            app.view = view;
            Vec::new()
        }
        What::Live(news) => app.live(news),
        What::Remembered(memory) => app.remembered(memory),
        What::Topics(result) => app.topics_arrived(result),
        What::Page { generation, result } => app.page_arrived(generation, result),
        What::Book { item, result } => app.book_arrived(item, result),
        What::Bought { order, result } => app.bought(order, result),
        What::NotRecorded { order, why } => app.not_recorded(order, &why),
        What::Order { order, result } => app.order_told(order, result),
        What::Health(result) => app.health_arrived(result),
        What::Metrics(result) => app.metrics_arrived(result),
        What::Flight(flight) => {
            app.flight = flight;
            Vec::new()
        }
        What::StoreEnded(why) => app.store_ended(&why),
        What::Notice(text) => {
            app.tell(Tone::Plain, &text);
            Vec::new()
        }
    }
}
