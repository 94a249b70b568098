//! Everything that can happen to the shop, each with the moment at which it happened.

use std::time::Duration;

use common::client::Error;
use common::wire::{Book, BookPage, Health, Hello, Receipt, StockEvent, Topics};
use common::{ItemNumber, OrderId, Seq, Timestamp};

use crate::app::autopilot::RunStatus;
use crate::app::layout::FrameLayout;
use crate::input::InputEvent;
use crate::journal;

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
    /// Event.
    pub event: Event,
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The first frame stands; the world may be asked now.
    Started,
    /// The store is open.
    ShopOpened {
        /// What to call it.
        store_name: String,
        /// The shop's address.
        url: String,
        /// Whether the autopilot can be used, or why not.
        autopilot: Result<(), String>,
    },
    /// The person did something.
    Input(InputEvent),
    /// The moment has come that [`crate::app::App::wake_at`] asked for.
    Tick,
    /// A frame was drawn; this is where things stand in it.
    FrameDrawn(FrameLayout),
    /// StreamEvent of the event stream.
    Stream(StreamEvent),
    /// The orders on disk were read, or could not be.
    JournalLoaded(Result<journal::JournalContents, String>),
    /// An answer to [`crate::effect::Effect::LoadTopics`].
    TopicsLoaded(Result<Topics, Error>),
    /// An answer to [`crate::effect::Effect::LoadPage`].
    PageLoaded {
        /// Which listing asked.
        generation: u64,
        /// The books, and the `seq` they were read at where the answer says so.
        result: Result<(BookPage, Option<Seq>), Error>,
    },
    /// An answer to [`crate::effect::Effect::LoadBook`].
    BookLoaded {
        /// Which book was asked for.
        item: ItemNumber,
        /// The book.
        result: Result<Book, Error>,
    },
    /// An answer to [`crate::effect::Effect::Buy`].
    BuyCompleted {
        /// Which order.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// The order could not be written down, so it was not sent.
    BuyNotRecorded {
        /// Which order.
        order: OrderId,
        /// What the disk said.
        reason: String,
    },
    /// An answer to [`crate::effect::Effect::FindOrder`].
    OrderLoaded {
        /// Which order.
        order: OrderId,
        /// Its receipt.
        result: Result<Receipt, Error>,
    },
    /// Whether the front-end is ready.
    HealthLoaded(Result<Health, Error>),
    /// The autopilot does something else now.
    AutopilotChanged(RunStatus),
    /// The shop's own store closed for good.
    StoreClosed(String),
    /// Something to tell the person.
    Notice(String),
}

/// What the screen is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// A connection is being made; the first attempt after a good connection is number 1.
    Connecting {
        /// Which attempt.
        attempt: u32,
    },
    /// It stands.
    Connected {
        /// Whose ledger it is, and where that stands.
        hello: Hello,
        /// Whether everything since the last event follows; else only what comes from now on.
        resumed: bool,
    },
    /// A stock moved.
    StockChanged(StockEvent),
    /// Everything must be read afresh.
    Resync(Seq),
    /// Whether the front-end has its catalog.
    Upstream(bool),
    /// It broke, or was not made.
    Disconnected {
        /// The attempt that comes next.
        attempt: u32,
        /// How long until then.
        retry_in: Duration,
        /// What happened.
        reason: String,
    },
}
