//! The server's warnings.
//!
//! A commit whose wait for the standby is cancelled succeeds, and only a warning tells. No other signal does: a wait may be
//! cancelled at any time and any number of times, so neither a time limit nor another write shows that one was not. sqlx
//! keeps warnings to itself and passes them to `tracing` alone. So a statement runs under a dispatcher of its own, which
//! counts them whatever the program logs, and every connection proves that this works before it is used
//! ([`statements::WARN`](super::statements::WARN)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::instrument::WithSubscriber as _;
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

const TARGET: &str = "sqlx::postgres::notice";

/// Observes the warnings of statements.
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

    /// Runs a statement that makes the server warn, on a new connection.
    pub(super) async fn prove<T, E>(&self, statement: impl Future<Output = Result<T, E>>) -> Result<(), E> {
        let (done, warned) = self.observe(statement).await;
        if self.are_seen.swap(warned, Ordering::Relaxed) && !warned {
            tracing::info!("the server's warnings are not seen; every commit is confirmed by another write");
        }
        done.map(drop)
    }

    /// Whether the server's warnings arrive. Where they do not, every commit is in doubt.
    pub(super) fn are_seen(&self) -> bool {
        self.are_seen.load(Ordering::Relaxed)
    }

    /// Runs a statement; returns its result, and whether the server warned. One statement runs at a time.
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
