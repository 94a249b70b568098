//! The autopilot: a load generator whose shoppers search, look up and buy at random, and an audit of the answers that they
//! receive.
//!
//! The screen and the headless command share this code. A plan depends on the seed and the settings, never on answers. This
//! crate does not use the terminal and prints nothing.

mod audit;
pub mod axis;
mod basket;
pub mod controller;
pub mod faults;
mod fnv;
mod handle;
mod html_report;
mod mix;
mod number;
mod operation_stats;
mod outcome;
mod pace;
mod plan;
mod popularity;
mod report;
mod run_state;
mod runner;
mod sample;
mod schedule;
mod series;
mod settings;
mod shopkeeper;
mod shopper;
mod snapshot;
mod stock;
mod summary;
pub mod svg;
mod table;
mod tally;
mod workload;

use std::io;
use std::sync::Arc;

use common::client;

pub use basket::{Basket, BasketCounts};
pub use handle::Handle;
pub use mix::Mix;
pub use number::ms;
pub use operation_stats::{Latency, OperationStats};
pub use outcome::{ByOperation, OperationKind, Outcomes};
pub use pace::Think;
pub use popularity::Popularity;
pub use report::{AuditVerdict, Report};
pub use schedule::ScheduleStats;
pub use settings::{SHOPPERS_MAX, Settings};
pub use snapshot::{Phase, Snapshot};
pub use stock::BookStock;
pub use tally::{SERIES_SECONDS_MAX, Second};

/// Why a run has no report.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The books could not be read.
    #[error("{0}")]
    Books(#[from] client::Error),
    /// The store has no books.
    #[error("the store has no books to shop for")]
    NoBooks,
    /// The plan or the series could not be written.
    #[error("cannot write {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// The operating system's error.
        error: Arc<io::Error>,
    },
    /// The run ended without a report.
    #[error("the autopilot ended without a report")]
    Lost,
}
