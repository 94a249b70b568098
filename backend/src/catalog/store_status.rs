//! The last observed health of the store, and its cause.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::Incident;
use common::wire::StoreHealth;

use super::error::Error;
use crate::store;

/// Duration of an append after which the store counts as unreachable.
const APPEND_TIMEOUT: Duration = Duration::from_secs(3);

/// Written by users of the store, read by health checks and metrics.
#[derive(Debug)]
pub(super) struct StoreStatus {
    condition: Mutex<Condition>,
    outage: Incident,
}

#[derive(Debug)]
struct Condition {
    /// `None` until the store is open or has failed.
    health: Option<StoreHealth>,
    why: String,
    /// When the current append began.
    append_began: Option<Instant>,
}

impl StoreStatus {
    /// The status of a store that is not open yet.
    pub(super) fn opening() -> Self {
        Self {
            condition: Mutex::new(Condition {
                health: None,
                why: String::new(),
                append_began: None,
            }),
            outage: Incident::new("the store is not available"),
        }
    }

    /// `None` until the store is open or has failed.
    pub(super) fn health(&self) -> Option<StoreHealth> {
        self.lock().health
    }

    /// Why the store does not serve; `None` while it does.
    pub(super) fn problem(&self) -> Option<String> {
        let Condition { health, why, .. } = &*self.lock();
        (*health != Some(StoreHealth::Ok)).then(|| sentence(*health, why))
    }

    /// The error of a request that the store cannot serve now.
    pub(super) fn unavailable(&self) -> Error {
        let Condition { health, why, .. } = &*self.lock();
        unavailable(*health, why)
    }

    pub(super) fn set_ok(&self) {
        self.lock().health = Some(StoreHealth::Ok);
        self.outage.recovered();
    }

    pub(super) fn set(&self, health: StoreHealth, why: String) {
        self.outage.failed(&why);
        let mut condition = self.lock();
        (condition.health, condition.why) = (Some(health), why);
    }

    /// Records the health that an error implies; returns whether it implies one.
    pub(super) fn record(&self, error: &store::Error) -> bool {
        let Some((health, why)) = condition_of(error) else {
            return false;
        };
        self.outage.failed(error);
        let mut condition = self.lock();
        (condition.health, condition.why) = (Some(health), why);
        true
    }

    pub(super) fn begin_append(&self) {
        self.lock().append_began = Some(Instant::now());
    }

    pub(super) fn end_append(&self) {
        self.lock().append_began = None;
    }

    /// Returns whether the current append takes longer than [`APPEND_TIMEOUT`]; if so, sets the health to `Unreachable`.
    pub(super) fn check_stall(&self) -> bool {
        let began = self.lock().append_began;
        let is_stalled = began.is_some_and(|began| began.elapsed() > APPEND_TIMEOUT);
        if is_stalled && self.health() == Some(StoreHealth::Ok) {
            let why = "a commit was not confirmed; a synchronous standby may be unreachable";
            self.set(StoreHealth::Unreachable, why.to_owned());
        }
        is_stalled
    }

    fn lock(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The health that an error implies, and its cause; `None` if the error is not about the store.
fn condition_of(error: &store::Error) -> Option<(StoreHealth, String)> {
    match error {
        store::Error::Full { why, .. } => Some((StoreHealth::Full, why.clone())),
        store::Error::ReadOnly { why, .. } => Some((StoreHealth::ReadOnly, why.clone())),
        store::Error::Unavailable { why, .. } => Some((StoreHealth::Unreachable, why.clone())),
        _ => None,
    }
}

fn unavailable(health: Option<StoreHealth>, why: &str) -> Error {
    Error::Unavailable(format!("{}. Nothing was changed; try again.", sentence(health, why)))
}

impl Error {
    /// The error of each request in a batch whose append failed with a transient error and changed nothing.
    pub(super) fn of_transient(error: &store::Error) -> Self {
        match condition_of(error) {
            Some((StoreHealth::Full, _)) => Self::Full,
            Some((health, why)) => unavailable(Some(health), &why),
            None if matches!(error, store::Error::Conflict) => Self::CONTENDED,
            None => Self::UNAVAILABLE,
        }
    }
}

/// The health and its cause, without a full stop.
fn sentence(health: Option<StoreHealth>, why: &str) -> String {
    let summary = match health {
        None => return "The store is not open yet".to_owned(),
        Some(StoreHealth::Ok) => "The store works",
        Some(StoreHealth::Full) => "The store is out of disk space",
        Some(StoreHealth::ReadOnly) => "The database accepts no writes",
        Some(StoreHealth::Unreachable) => "The database cannot be reached",
        Some(StoreHealth::LostEntries) => "The database lost entries",
    };
    format!("{summary}: {why}")
}
