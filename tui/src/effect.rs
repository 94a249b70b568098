//! What the program must do after an update, as plain data. [`crate::runtime`] carries it out.

use common::{ItemNumber, OrderId};

use crate::command::Command;
use crate::journal::{PlacedOrder, Record};

/// An effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Exit the program.
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
    /// Request the topics.
    LoadTopics,
    /// Request a page of books. It replaces an older request of the same kind.
    LoadPage {
        /// The number of the listing that asks.
        generation: u64,
        /// The kind of the listing.
        kind: ListingKind,
        /// The books that are wanted.
        query: Query,
        /// The cursor of the page; `None` for the first one.
        after: Option<String>,
    },
    /// Request one book.
    LoadBook(ItemNumber),
    /// Send an order. It is recorded in the journal first, and not sent if that fails.
    Buy {
        /// The order.
        placed: PlacedOrder,
        /// Whether it was sent before, and so recorded already.
        resend: bool,
    },
    /// Look up an order; never sends it.
    FindOrder(OrderId),
    /// Record the outcome of an order in the journal.
    AppendJournal(Record),
    /// Request the health of the services.
    LoadServices,
    /// Open the event stream's connection again at once.
    Reconnect,
}

/// Why the shop was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitReason {
    /// The user went back from the home screen.
    UserQuit,
    /// Ctrl-C, or a signal.
    Interrupted,
    /// The terminal hung up, or the input ended.
    HungUp,
    /// The future in [`crate::runtime::Options::exit_when`] completed.
    Completed,
}

/// The two listings, which load independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListingKind {
    /// The selected topic.
    Topic,
    /// The search in the whole shop.
    Search,
}

/// What a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The books of a topic.
    Topic(String),
    /// The books with words that start with these.
    Words(String),
}
