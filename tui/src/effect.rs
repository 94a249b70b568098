//! What the program must do after an update, as plain data. [`crate::runtime`] carries it out.

use common::{ItemNumber, OrderId};

use crate::command::Command;
use crate::journal::{PlacedOrder, Record};

/// Something to be done outside of the program's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Exit the program.
    Exit(ExitReason),
    /// Hand the terminal back and stop until the shell continues the program.
    Suspend,
    /// Let the autopilot's screen run one of its commands.
    AutopilotCommand(Command),
    /// Draw every cell anew.
    Redraw,
    /// Put a text on the terminal's clipboard.
    Copy(String),
    /// Read the orders that earlier sessions left.
    LoadJournal,
    /// Ask for the topics.
    LoadTopics,
    /// Ask for a page of books.
    LoadPage {
        /// Which listing asks; a newer page of the same listing replaces an older one on its way.
        generation: u64,
        /// Which of the listings it is.
        listing: ListingKind,
        /// What is searched.
        query: Query,
        /// Where the last page ended.
        after: Option<String>,
    },
    /// Ask for one book.
    LoadBook(ItemNumber),
    /// Send an order. Unless it is `again`, it is written down first, and not sent if that fails.
    Buy {
        /// The order.
        placed: PlacedOrder,
        /// Whether it is written down already.
        resend: bool,
    },
    /// Ask what became of an order. Never sends it.
    FindOrder(OrderId),
    /// Write down how an order ended.
    AppendJournal(Record),
    /// Ask whether the front-end is ready, and what it counts.
    LoadServices,
    /// Make the connection of the events anew.
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

/// The two listings that fill independently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListingKind {
    /// The topic on the shelf.
    Topic,
    /// What was found in the whole shop.
    Search,
}

/// What a listing shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// The books of a topic.
    Topic(String),
    /// The books whose words begin like these.
    Words(String),
}
