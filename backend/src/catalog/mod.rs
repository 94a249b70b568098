//! The catalog service: books, topics, search, stock, and the ledger, which is the only commit point of the bookstore.
//!
//! Only the ledger thread writes: it decides a batch on durable state, appends it, publishes it to the readers, and then
//! answers. A read waits for the store only if it requests a confirmed state, or an old entry or order that is not in memory.

mod bootstrap;
mod catalog_diff;
pub mod decide;
pub mod decision_index;
mod error;
mod feed;
mod filter;
mod followers;
mod in_process;
mod initial_catalog;
mod job;
mod ledger_handle;
mod ledger_thread;
mod metrics;
mod queue;
mod refusal_limit;
mod routes;
pub mod search_index;
mod service;
pub mod state;
mod store_monitor;
mod store_status;
mod update_answer;

pub use catalog_diff::CatalogDiff;
pub use decide::{CatalogUpdate, Verdict};
pub use error::Error;
pub use initial_catalog::InitialCatalog;
pub(crate) use routes::routes;
pub use service::CatalogService;
