//! Monitors the store: detects the appends of other catalogs on a database, and failures and recoveries.

use std::sync::Arc;
use std::time::Duration;

use common::Incident;
use common::backoff::Backoff;
use common::wire::StoreHealth;
use tokio::sync::{SetOnce, watch};

use super::job::Job;
use super::ledger_handle::LedgerHandle;
use super::ledger_thread::ReaderHandles;
use super::state::LedgerEnd;
use super::store_status::StoreStatus;
use crate::store;

/// Timeout of one wait for another catalog's append.
const APPEND_WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// Delays after a failed wait.
const RETRY: Backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
/// Interval of the probes of a file store.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Timeout of waiting for a `CheckHead`, which the thread executes even later.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// Queues `CheckHead` whenever another catalog has appended, and after every failure of the store; the ledger thread then
/// reads the missing entries. Ends with the thread.
pub(super) async fn monitor(handles: Arc<SetOnce<ReaderHandles>>, ledger: LedgerHandle, status: Arc<StoreStatus>) {
    let ReaderHandles { store, end, .. } = handles.wait().await;
    if !store.is_shared() {
        // The task must not keep the store open.
        let end = end.clone();
        drop(handles);
        return probe_file_store(end, ledger).await;
    }
    let (mut backoff, following) = (RETRY, Incident::new("other catalogs cannot be followed"));
    // The thread owns the sender of `end`.
    while end.has_changed().is_ok() {
        let (store, known) = (Arc::clone(store), end.borrow().head.seq);
        let waiting = tokio::task::spawn_blocking(move || store.wait_for_append(known, APPEND_WAIT_TIMEOUT));
        let Ok(waited) = waiting.await else { return };
        status.check_stall();
        let must_check = match waited {
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
        if must_check {
            // If the queue is full, skip this: the queued jobs notice the new entries by a conflict.
            let checking = tokio::time::timeout(CHECK_TIMEOUT, ledger.call(Job::CheckHead));
            if !matches!(checking.await, Ok(Ok(()))) {
                tokio::time::sleep(backoff.next_delay()).await;
                continue;
            }
        }
        following.recovered();
        backoff.reset();
    }
}

/// Queues `CheckHead` periodically: without sales it detects that the ledger's file was removed, or that the disk has space
/// again. Ends with the thread.
async fn probe_file_store(end: watch::Receiver<LedgerEnd>, ledger: LedgerHandle) {
    while end.has_changed().is_ok() {
        tokio::time::sleep(PROBE_INTERVAL).await;
        // A full queue needs no probe: its jobs use the store.
        let _ = ledger.call(Job::CheckHead).await;
    }
}
