//! The invariants of a ledger, as pure predicates: no I/O, no clock, no knowledge of who asks.
//!
//! `bookstored audit`, the autopilot's audit and the model replay a ledger through [`LedgerReplay`]; the catalog's debug
//! assertions check single entries with the same predicates.
//!
//! | rule | predicate |
//! | --- | --- |
//! | entries count from 1 without a gap; a group is whole, and all its lines are sold or none | [`check_sequence`] |
//! | the stock after an entry is the stock before it plus its change, and at least 0 | [`check_entry`] |
//! | an entry has the fields of its kind, and concerns a book that exists | [`check_fields`], [`check_entry`] |
//! | a sale takes its quantity; a refusal takes nothing and fits the stock; a withdrawal leaves nothing | [`check_entry`] |
//! | the price charged and the title sold are those in force; a new book is described | [`check_entry`] |
//! | an order is decided once | [`DecidedOrders`]; not part of a replay |
//! | a receipt has the lines of its order, and its totals add up | [`check_receipt`] |
//! | the catalog's books are those that follow from the ledger | [`BookState::check_book`] |

mod entry;
mod group;
mod orders;
mod receipt;
mod replay;
mod violation;

pub use entry::{BookState, check_entry, check_fields};
pub use group::{LedgerEnd, check_sequence};
pub use orders::{DecidedOrders, DuplicateOrders};
pub use receipt::check_receipt;
pub use replay::LedgerReplay;
pub use violation::{Rule, Violation};
