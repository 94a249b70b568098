//! The condition of the store as it was last found, and why. It is logged when it changes.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::wire::StoreHealth;

use super::error::Error;
use crate::store;

/// How long an append may run before the store counts as unreachable.
const APPEND_TIMEOUT: Duration = Duration::from_secs(3);

/// Shared by those who use the store, who record what they find, and those who report it.
#[derive(Debug)]
pub(super) struct StoreStatus(Mutex<Condition>);

#[derive(Debug)]
struct Condition {
    health: StoreHealth,
    why: String,
    /// When it was first found unhealthy, if that was logged.
    logged_at: Option<Instant>,
    /// When the append that runs began.
    append_began: Option<Instant>,
}

impl StoreStatus {
    /// Of a store that is not open yet.
    pub(super) fn opening() -> Self {
        Self(Mutex::new(Condition {
            health: StoreHealth::Unreachable,
            why: "it is not open yet".to_owned(),
            logged_at: None,
            append_began: None,
        }))
    }

    pub(super) fn health(&self) -> StoreHealth {
        self.lock().health
    }

    /// Why the store does not serve; `None` while it does.
    pub(super) fn problem(&self) -> Option<String> {
        let Condition { health, why, .. } = &*self.lock();
        (*health != StoreHealth::Ok).then(|| format!("{}: {why}", summary(*health)))
    }

    /// For a request that the store cannot serve now.
    pub(super) fn unavailable(&self) -> Error {
        let Condition { health, why, .. } = &*self.lock();
        unavailable(*health, why)
    }

    pub(super) fn set_ok(&self) {
        let mut condition = self.lock();
        condition.health = StoreHealth::Ok;
        if let Some(logged_at) = condition.logged_at.take() {
            tracing::info!(after_s = logged_at.elapsed().as_secs(), "the store serves again");
        }
    }

    pub(super) fn set(&self, health: StoreHealth, why: String) {
        self.change(health, &why.clone(), why);
    }

    /// Records what an error shows about the store; returns whether it is about the store.
    pub(super) fn record(&self, error: &store::Error) -> bool {
        let found = condition_of(error);
        if let Some((health, why)) = &found {
            self.change(*health, error, why.clone());
        }
        found.is_some()
    }

    fn change(&self, health: StoreHealth, logged: &dyn fmt::Display, why: String) {
        let mut condition = self.lock();
        if condition.health != health || condition.logged_at.is_none() {
            tracing::warn!("{}: {logged}", summary(health));
            condition.logged_at.get_or_insert_with(Instant::now);
        }
        (condition.health, condition.why) = (health, why);
    }

    pub(super) fn begin_append(&self) {
        self.lock().append_began = Some(Instant::now());
    }

    pub(super) fn end_append(&self) {
        self.lock().append_began = None;
    }

    /// Whether an append runs for too long. Then nothing that is handed in now is decided soon.
    pub(super) fn is_stalled(&self) -> bool {
        let began = self.lock().append_began;
        let is_stalled = began.is_some_and(|began| began.elapsed() > APPEND_TIMEOUT);
        if is_stalled && self.health() == StoreHealth::Ok {
            let why = "a commit is not answered; a synchronous standby may be away";
            self.set(StoreHealth::Unreachable, why.to_owned());
        }
        is_stalled
    }

    fn lock(&self) -> MutexGuard<'_, Condition> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an error shows about the store, if it is about the store, and why.
fn condition_of(error: &store::Error) -> Option<(StoreHealth, String)> {
    match error {
        store::Error::Full { source, .. } => Some((StoreHealth::Full, source.to_string())),
        store::Error::ReadOnly { why, .. } => Some((StoreHealth::ReadOnly, why.clone())),
        store::Error::Unavailable { why, .. } => Some((StoreHealth::Unreachable, why.clone())),
        _ => None,
    }
}

fn unavailable(health: StoreHealth, why: &str) -> Error {
    Error::Unavailable(format!("{}: {why}. Nothing was changed; try again.", summary(health)))
}

impl Error {
    /// For each request of a batch that changed nothing because of a transient error.
    pub(super) fn of_transient(error: &store::Error) -> Self {
        match condition_of(error) {
            Some((StoreHealth::Full, _)) => Self::Full(error.to_string()),
            Some((health, why)) => unavailable(health, &why),
            None => Self::CONTENDED,
        }
    }
}

fn summary(health: StoreHealth) -> &'static str {
    match health {
        StoreHealth::Ok => "The store serves",
        StoreHealth::Full => "The store has no room left",
        StoreHealth::ReadOnly => "The database accepts no writes",
        StoreHealth::Unreachable => "The database cannot be reached",
        StoreHealth::LostEntries => "The database lost entries",
    }
}
