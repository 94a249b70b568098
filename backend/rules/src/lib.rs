//! The invariants of a ledger, as pure predicates without I/O and clock.
//!
//! `bookstored audit`, the autopilot's audit and the model check a whole ledger with [`LedgerChecker`]; the catalog's debug
//! assertions check single entries with the same predicates.
//!
//! | rule | predicate |
//! | --- | --- |
//! | entries count from 1 without a gap; a group is whole, and all its lines are sold or none | [`check_sequence`] |
//! | the stock after an entry is the stock before it plus its change, and at least 0 | [`check_entry`] |
//! | an entry has the fields of its kind, and concerns a book that exists | [`check_fields`], [`check_entry`] |
//! | a sale takes its quantity; a refusal takes nothing and fits the stock; a withdrawal leaves nothing | [`check_entry`] |
//! | the price charged and the title sold are those in force; a new book is described | [`check_entry`] |
//! | an order is decided once | [`DecidedOrders`]; not part of [`LedgerChecker`] |
//! | a receipt has the lines of its order, and its totals add up | [`check_receipt`] |
//! | the catalog's books are those that follow from the ledger | [`BookState::check_book`] |

mod checker;
mod entry;
mod orders;
mod receipt;
mod sequence;
mod violation;

pub use checker::LedgerChecker;
pub use entry::{BookState, check_entry, check_fields};
pub use orders::{DecidedOrders, DuplicateOrders};
pub use receipt::check_receipt;
pub use sequence::{SequenceState, check_sequence};
pub use violation::{Rule, Violation};
