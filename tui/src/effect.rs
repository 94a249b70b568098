//! The effects of an update, as plain data. [`crate::runtime`] performs them.

use common::{ItemNumber, OrderId, StoreId};

use crate::app::change_dialog::SentChange;
use crate::basket_file::BasketChange;
use crate::command::Command;
use crate::journal::{Record, SentOrder};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    Exit(ExitReason),
    /// Restore the terminal and stop until the shell continues the program.
    Suspend,
    /// Run a command of the autopilot's view.
    AutopilotCommand(Command),
    /// Draw every cell again.
    Redraw,
    /// Put a text on the terminal's clipboard.
    Copy(String),
    /// Open the journal and read the orders of earlier sessions.
    LoadJournal,
    /// Record the outcome of an order in the journal.
    AppendJournal(Record),
    /// Read the basket of a store.
    LoadBasket(StoreId),
    /// Read the basket again if another program has changed it.
    ReadBasket,
    /// Write the changed basket.
    SaveBasket(BasketChange),
    /// Open the event stream's connection again at once.
    Reconnect,
    /// Send a request to the shop, as soon as it is open.
    Send(Request),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Topics,
    /// A page of books. Replaces an older request of the same listing.
    Page {
        /// Number of the listing.
        generation: u64,
        query: Query,
        /// The cursor of the page; `None` for the first one.
        after: Option<String>,
    },
    Book(ItemNumber),
    /// Send an order. It is recorded in the journal first, and not sent if that fails.
    Buy {
        sent: SentOrder,
        /// Whether the order was sent before, and is already in the journal.
        resend: bool,
        /// The basket, with this order as its checkout. It is written first; the order is not sent if that fails.
        basket: Option<BasketChange>,
    },
    /// Look up an order; never sends it.
    Order(OrderId),
    /// Send a shopkeeper's change with its idempotency key until it is decided, for a limited time.
    Change(SentChange),
    /// The health of the services.
    Health,
}

/// Why the shop was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitReason {
    /// The user went back from the home screen.
    UserQuit,
    /// Ctrl-C, or a signal.
    Interrupted,
    /// The terminal hung up, or the input ended.
    HungUp,
    /// The future in [`crate::runtime::Options::exit_when`] completed.
    Completed,
}

/// The query of a listing. The selected topic, the search and the whole shop load independently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Query {
    Topic(String),
    /// A topic as a part of the whole shop, for the local search.
    WholeTopic(String),
    /// The books with words that begin with these words.
    Search(String),
}
