//! The shared code of the bookstore's programs: books, orders, ledger entries, money, wire types, problems, the typed HTTP
//! client, the batcher, the backoff and the log of repeated failures.
//!
//! Only [`client`] does input and output. This crate neither decides about stock nor stores anything.

pub mod backoff;
pub mod batcher;
pub mod book;
pub mod client;
pub mod deadline;
pub mod entry;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod headers;
pub mod if_match;
pub mod incident;
pub mod item;
pub mod limits;
pub mod metrics;
pub mod money;
pub mod order;
pub mod parse;
pub mod position;
pub mod problem;
pub mod reply;
pub mod seq;
pub mod text;
pub mod time;
pub mod trace;
pub mod wire;

pub use arcstr::ArcStr;
pub use book::Description;
pub use deadline::Deadline;
pub use entry::{Entry, GroupPosition, Kind, Reason};
pub use if_match::{IfMatch, IfNoneMatch};
pub use incident::Incident;
pub use item::{ItemNumber, Quantity, Stock};
pub use money::Cost;
pub use order::OrderId;
pub use position::{Epoch, LatestPosition, Position};
pub use problem::{Code, Problem};
pub use seq::{Seq, StoreId};
pub use time::Timestamp;

/// A list that almost always has one element, for which it needs no allocation.
pub type InlineVec<T> = smallvec::SmallVec<[T; 1]>;
