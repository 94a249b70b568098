//! The condition of the store as it was last found, and why.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::Incident;
use common::wire::StoreHealth;

use super::error::Error;
use crate::store;

/// How long an append may run before the store counts as unreachable.
const APPEND_TIMEOUT: Duration = Duration::from_secs(3);

/// Shared by those who use the store, who record what they find, and those who report it.
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
    /// When the append that runs began.
    append_began: Option<Instant>,
}

impl StoreStatus {
    /// Of a store that is not open yet.
    pub(super) fn opening() -> Self {
        Self {
            condition: Mutex::new(Condition {
                health: None,
                why: String::new(),
                append_began: None,
            }),
            outage: Incident::new("the store does not serve"),
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

    /// For a request that the store cannot serve now.
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

    /// Records what an error shows about the store; returns whether it is about the store.
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

    /// Whether an append runs for too long. Then nothing that is handed in now is decided soon.
    pub(super) fn check_stall(&self) -> bool {
        let began = self.lock().append_began;
        let is_stalled = began.is_some_and(|began| began.elapsed() > APPEND_TIMEOUT);
        if is_stalled && self.health() == Some(StoreHealth::Ok) {
            let why = "a commit is not answered; a synchronous standby may be away";
            self.set(StoreHealth::Unreachable, why.to_owned());
        }
        is_stalled
    }

    fn lock(&self) -> MutexGuard<'_, Condition> {
        self.condition.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error shows about the store, if it is about the store, and why.
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
    /// For each request of a batch that changed nothing because of a transient error.
    pub(super) fn of_transient(error: &store::Error) -> Self {
        match condition_of(error) {
            Some((StoreHealth::Full, _)) => Self::Full,
            Some((health, why)) => unavailable(Some(health), &why),
            None if matches!(error, store::Error::Conflict) => Self::CONTENDED,
            None => Self::UNAVAILABLE,
        }
    }
}

/// Without a full stop.
fn sentence(health: Option<StoreHealth>, why: &str) -> String {
    let summary = match health {
        None => return "The store is not open yet".to_owned(),
        Some(StoreHealth::Ok) => "The store serves",
        Some(StoreHealth::Full) => "The store has no room left",
        Some(StoreHealth::ReadOnly) => "The database accepts no writes",
        Some(StoreHealth::Unreachable) => "The database cannot be reached",
        Some(StoreHealth::LostEntries) => "The database lost entries",
    };
    format!("{summary}: {why}")
}
