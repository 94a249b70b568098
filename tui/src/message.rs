//! Messages, the input of [`crate::app::update`]: events, each with its time.

use common::client::{Error, ShopEvent, StreamItem};
use common::wire::{Book, BookPage, Readiness, Receipt, Topics};
use common::{ItemNumber, OrderId, Seq, StoreId};

use crate::app::autopilot::RunStatus;
use crate::app::change_dialog::{ChangeOutcome, SentChange};
use crate::app::layout::FrameLayout;
use crate::basket_file::SavedBasket;
use crate::input::InputEvent;
use crate::journal;
use crate::now::Now;

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) now: Now,
    pub(crate) event: Event,
}

#[derive(Debug)]
pub(crate) enum Event {
    /// The first frame is drawn; requests may be sent now.
    Started,
    ShopOpened {
        /// The store's name in the header.
        shop_name: String,
        url: String,
        /// Whether the shopkeeper's token is known.
        is_shopkeeper: bool,
    },
    Input(InputEvent),
    /// The time of [`crate::app::App::next_wake`] was reached.
    Tick,
    FrameDrawn(FrameLayout),
    Stream(StreamItem<ShopEvent>),
    JournalLoaded(Result<journal::JournalContents, String>),
    /// Records were appended to the journal, by this program or another one.
    JournalGrew(journal::JournalContents),
    /// The basket of a store was read.
    BasketRead {
        store: StoreId,
        /// Number of the read.
        generation: u64,
        result: Result<SavedBasket, String>,
    },
    TopicsLoaded(Result<Topics, Error>),
    PageLoaded {
        /// Number of the listing.
        generation: u64,
        /// The books, and the `seq` at which they were read, if the answer has it.
        result: Result<(BookPage, Option<Seq>), Error>,
    },
    BookLoaded {
        item: ItemNumber,
        result: Result<Book, Error>,
    },
    /// The answer to a purchase.
    BuyCompleted {
        order: OrderId,
        result: Result<Receipt, Error>,
    },
    /// The order could not be recorded in the journal, so it was not sent.
    BuyNotRecorded {
        order: OrderId,
        reason: String,
    },
    /// The answer to a lookup of an order.
    OrderLoaded {
        order: OrderId,
        result: Result<Receipt, Error>,
    },
    /// The outcome of a shopkeeper's change.
    ChangeCompleted {
        sent: SentChange,
        outcome: ChangeOutcome,
    },
    HealthLoaded(Result<Readiness, Error>),
    AutopilotChanged(RunStatus),
    /// The local store has closed permanently.
    StoreClosed(String),
    Notice(String),
}
