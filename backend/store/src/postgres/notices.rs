//! The server's warnings.
//!
//! A commit whose wait for the standby is cancelled succeeds, and only a server warning reports it. A wait may be cancelled at
//! any time and repeatedly, so neither a time limit nor another write proves that none was. sqlx passes warnings only to
//! `tracing`. So a statement runs under its own dispatcher, which counts warnings independently of the program's log level.
//! Every new connection verifies that warnings arrive ([`statements::WARN`](super::statements::WARN)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::instrument::WithSubscriber as _;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

const TARGET: &str = "sqlx::postgres::notice";

/// Counts the server's warnings.
#[derive(Debug)]
pub(super) struct Warnings {
    dispatch: Dispatch,
    count: Arc<AtomicU64>,
    are_seen: AtomicBool,
}

impl Warnings {
    pub(super) fn new() -> Self {
        let count = Arc::default();
        Self {
            dispatch: Dispatch::new(Counter(Arc::clone(&count))),
            count,
            are_seen: AtomicBool::new(false),
        }
    }

    /// Runs a statement that makes the server warn, on a new connection, and records whether the warning arrived.
    pub(super) async fn prove<T, E>(&self, statement: impl Future<Output = Result<T, E>>) -> Result<(), E> {
        let (done, warned) = self.observe(statement).await;
        if self.are_seen.swap(warned, Ordering::Relaxed) && !warned {
            tracing::info!("the database's warnings do not arrive; every commit is confirmed by another write");
        }
        done.map(drop)
    }

    /// Whether the server's warnings arrive. Otherwise every commit must be confirmed.
    pub(super) fn are_seen(&self) -> bool {
        self.are_seen.load(Ordering::Relaxed)
    }

    /// Runs a statement; returns its result and whether the server warned. Statements must not run concurrently.
    pub(super) async fn observe<T>(&self, statement: impl Future<Output = T>) -> (T, bool) {
        let before = self.count.load(Ordering::Relaxed);
        let result = statement.with_subscriber(self.dispatch.clone()).await;
        (result, self.count.load(Ordering::Relaxed) > before)
    }
}

#[derive(Debug)]
struct Counter(Arc<AtomicU64>);

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET && *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
