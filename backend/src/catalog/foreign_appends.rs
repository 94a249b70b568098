//! Keeps up with other catalogs on a shared store, and watches whether the store answers.

use std::sync::Arc;
use std::time::Duration;

use common::Incident;
use common::backoff::Backoff;
use common::wire::StoreHealth;
use tokio::sync::{SetOnce, watch};

use super::job::Job;
use super::ledger::Ledger;
use super::state::LedgerEnd;
use super::store_status::StoreStatus;
use super::writer::Loaded;
use crate::store;

/// How long one wait for an append lasts.
const APPEND_WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Delays after a wait that failed.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
/// How often a store of files is confirmed.
const RECHECK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a confirmation is waited for. It is done even later.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(2);

/// Lets the ledger's thread confirm the head, and so catch up, whenever another catalog has appended, and after every
/// failure of the store. Ends with the thread.
pub(super) async fn follow(loaded: Arc<SetOnce<Loaded>>, ledger: Ledger, status: Arc<StoreStatus>) {
    let Loaded { store, end, .. } = loaded.wait().await;
    if !store.is_shared() {
        // The task must not keep the store open.
        let end = end.clone();
        drop(loaded);
        return recheck(end, ledger).await;
    }
    let (mut backoff, following) = (RETRY, Incident::new("other catalogs cannot be followed"));
    // The thread owns the sender.
    while end.has_changed().is_ok() {
        let (store, known) = (Arc::clone(store), end.borrow().head.seq);
        let waiting = tokio::task::spawn_blocking(move || store.wait_for_append(known, APPEND_WAIT_TIMEOUT));
        let Ok(waited) = waiting.await else { return };
        status.is_stalled();
        let must_confirm = match waited {
            Ok(found) => found > end.borrow().head.seq || status.health() != Some(StoreHealth::Ok),
            Err(store::Error::Conflict) => true,
            Err(error) => {
                if !status.record(&error) {
                    following.failed(&error);
                }
                tokio::time::sleep(backoff.next_delay()).await;
                continue;
            }
        };
        if must_confirm {
            // A full queue needs no retry: its jobs find the new head by a conflict.
            let confirming = tokio::time::timeout(CONFIRM_TIMEOUT, ledger.call(Job::ConfirmHead));
            if !matches!(confirming.await, Ok(Ok(()))) {
                tokio::time::sleep(backoff.next_delay()).await;
                continue;
            }
        }
        following.recovered();
        backoff.reset();
    }
}

/// Lets the ledger's thread confirm the head of a store of files while nothing is sold: it finds out that the ledger lost its
/// name, or that there is room again. Ends with the thread.
async fn recheck(end: watch::Receiver<LedgerEnd>, ledger: Ledger) {
    while end.has_changed().is_ok() {
        tokio::time::sleep(RECHECK_INTERVAL).await;
        // A full queue needs no retry.
        let _ = ledger.call(Job::ConfirmHead).await;
    }
}
