//! Keeps up with other catalogs on a shared store.

use std::sync::Arc;
use std::time::Duration;

use common::{Incident, Seq};
use tokio::sync::watch;

use super::job::Job;
use super::ledger::Ledger;
use crate::store::Store;

/// How long one wait for an append lasts.
const APPEND_WAIT_TIMEOUT: Duration = Duration::from_secs(2);
/// The delay after a wait that failed.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// Lets the ledger's thread confirm the head, and so catch up, whenever another catalog has appended. Ends with the thread.
pub(super) async fn follow(store: Arc<dyn Store>, head: watch::Receiver<Seq>, ledger: Ledger) {
    let following = Incident::new("other catalogs cannot be followed");
    // The thread owns the sender.
    while head.has_changed().is_ok() {
        let (store, known) = (Arc::clone(&store), *head.borrow());
        let waited = tokio::task::spawn_blocking(move || store.wait_for_append(known, APPEND_WAIT_TIMEOUT)).await;
        match waited {
            Ok(Ok(found)) if found > *head.borrow() => {
                following.recovered();
                // A full queue needs no retry: its jobs find the new head by a conflict.
                let _ = ledger.call(Job::ConfirmHead).await;
            }
            // Nothing new, or this catalog's own entries.
            Ok(Ok(_)) => following.recovered(),
            Ok(Err(error)) => {
                following.failed(&error);
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Err(_) => return,
        }
    }
}
