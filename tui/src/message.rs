//! Everything that can happen to the shop, each with the moment at which it happened.

use std::time::Duration;

use common::client::Error;
use common::wire::{Book, BookPage, Health, Receipt, Topics};
use common::{ItemNumber, OrderId, Seq, Timestamp};

use crate::app::{Flight, View};
use crate::event::Event;
use crate::journal;
use crate::live::News;

/// A moment: on the clock that never jumps, for waiting, and on the wall, for showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the program began.
    pub elapsed: Duration,
    /// By the system's clock.
    pub wall: Timestamp,
}

/// Something happened.
#[derive(Debug)]
pub struct Message {
    /// When.
    pub now: Now,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// The first frame stands; the world may be asked now.
    Started,
    /// The store is open.
    Opened {
        /// What to call it.
        place: String,
        /// The shop's address.
        url: String,
        /// Whether the autopilot can be used, or why not.
        autopilot: Result<(), String>,
    },
    /// The person did something.
    Input(Event),
    /// The moment has come that [`crate::app::App::wake_at`] asked for.
    Tick,
    /// A frame was drawn; this is where things stand in it.
    Drawn(View),
    /// News of the event stream.
    Live(News),
    /// The orders on disk were read, or could not be.
    Remembered(Result<journal::Memory, String>),
    /// An answer to [`crate::effect::Effect::LoadTopics`].
    Topics(Result<Topics, Error>),
    /// An answer to [`crate::effect::Effect::LoadPage`].
    Page {
        /// Which listing asked.
        generation: u64,
        /// The books, and the `seq` they were read at where the answer says so.
        result: Result<(BookPage, Option<Seq>), Error>,
    },
    /// An answer to [`crate::effect::Effect::LoadBook`].
    Book {
        /// Which book was asked for.
        item: ItemNumber,
        /// The book.
        result: Result<Book, Error>,
    },
    /// An answer to [`crate::effect::Effect::Buy`].
    Bought {
        /// Which order.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// The order could not be written down, so it was not sent.
    NotRecorded {
        /// Which order.
        order: OrderId,
        /// What the disk said.
        why: String,
    },
    /// An answer to [`crate::effect::Effect::AskOrder`].
    Order {
        /// Which order.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// Whether the front-end is ready.
    Health(Result<Health, Error>),
    /// What the front-end counts, in the text format of Prometheus.
    Metrics(Result<String, Error>),
    /// The autopilot does something else now.
    Flight(Flight),
    /// The shop's own store closed for good.
    StoreEnded(String),
    /// Something to tell the person.
    Notice(String),
}
