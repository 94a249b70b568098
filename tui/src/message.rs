//! Events, each with the time at which it happened: the input of [`crate::app::update`].

use std::time::Duration;

use common::client::Error;
use common::wire::{Book, BookPage, Health, Hello, Receipt, StockEvent, Topics};
use common::{ItemNumber, OrderId, Seq, Timestamp};

use crate::app::autopilot::RunStatus;
use crate::app::layout::FrameLayout;
use crate::input::InputEvent;
use crate::journal;

/// A time, by the monotonic clock and by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The time since the program started.
    pub elapsed: Duration,
    /// The wall-clock time.
    pub wall: Timestamp,
}

/// An event and its time.
#[derive(Debug)]
pub struct Message {
    /// When it happened.
    pub now: Now,
    /// The event.
    pub event: Event,
}

/// An event.
#[derive(Debug)]
pub enum Event {
    /// The first frame is drawn; requests may be sent now.
    Started,
    /// The store is open.
    ShopOpened {
        /// The store's name in the header.
        store_name: String,
        /// The shop's address.
        url: String,
        /// Whether the autopilot can be used, or why not.
        autopilot: Result<(), String>,
    },
    /// The user pressed a key, used the mouse, pasted, or resized the terminal.
    Input(InputEvent),
    /// The time that [`crate::app::App::next_wake`] asked for has come.
    Tick,
    /// A frame was drawn.
    FrameDrawn(FrameLayout),
    /// An event of the shop's event stream.
    Stream(StreamEvent),
    /// An answer to [`crate::effect::Effect::LoadJournal`].
    JournalLoaded(Result<journal::JournalContents, String>),
    /// An answer to [`crate::effect::Effect::LoadTopics`].
    TopicsLoaded(Result<Topics, Error>),
    /// An answer to [`crate::effect::Effect::LoadPage`].
    PageLoaded {
        /// The number of the listing that asked.
        generation: u64,
        /// The books, and the `seq` they were read at, if the answer names it.
        result: Result<(BookPage, Option<Seq>), Error>,
    },
    /// An answer to [`crate::effect::Effect::LoadBook`].
    BookLoaded {
        /// The item number that was asked for.
        item: ItemNumber,
        /// The book.
        result: Result<Book, Error>,
    },
    /// An answer to [`crate::effect::Effect::Buy`].
    BuyCompleted {
        /// The order's id.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// The order could not be recorded in the journal, so it was not sent.
    BuyNotRecorded {
        /// The order's id.
        order: OrderId,
        /// The journal's error.
        reason: String,
    },
    /// An answer to [`crate::effect::Effect::FindOrder`].
    OrderLoaded {
        /// The order's id.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// The health of the front-end and the services behind it.
    HealthLoaded(Result<Health, Error>),
    /// The state of the autopilot's run has changed.
    AutopilotChanged(RunStatus),
    /// The local store is closed for good.
    StoreClosed(String),
    /// A notice for the user.
    Notice(String),
}

/// An event of the shop's event stream, or of its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A connection is being opened. Attempts count from 1 after a connection that worked.
    Connecting {
        /// The number of the attempt.
        attempt: u32,
    },
    /// The connection is open.
    Connected {
        /// The store, and the last entry of its ledger.
        hello: Hello,
        /// Whether every event since the last one follows; otherwise only those from now on.
        resumed: bool,
    },
    /// The stock of a book changed.
    StockChanged(StockEvent),
    /// Events were skipped; everything must be loaded again.
    Resync(Seq),
    /// Whether the front-end is connected to its catalog.
    Upstream(bool),
    /// The connection was lost, or was not made.
    Disconnected {
        /// The number of the next attempt.
        attempt: u32,
        /// The delay before the next attempt.
        retry_in: Duration,
        /// Why the connection ended.
        reason: String,
    },
}
