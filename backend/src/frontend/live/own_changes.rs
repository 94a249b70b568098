//! Makes the changes of a client's own request visible before its response.

use std::time::Duration;

use common::client::AppendedEntries;
use common::{Entry, Position, Seq};

use super::Live;

/// Timeout of waiting for the feed to deliver the request's own change; usually the feed is faster.
pub(super) const OWN_CHANGE_TIMEOUT: Duration = Duration::from_millis(50);

impl Live {
    /// Waits up to [`OWN_CHANGE_TIMEOUT`] for an entry while the feed is live, so that the client's next read through this
    /// front-end shows its change even without `Bookstore-Seq`.
    pub(in crate::frontend) async fn wait_briefly(&self, position: Position) {
        if self.head() < Some(position) && self.state().live {
            // On the heap, because few purchases wait, but the futures of all would have space for it.
            let waiting = tokio::time::timeout(OWN_CHANGE_TIMEOUT, self.wait_until_applied(position));
            let _ = Box::pin(waiting).await;
        }
    }

    /// Applies the entries of an own purchase, if they belong to the feed's ledger and follow the applied entries. The feed skips
    /// them later, and delivers the others. `position` is that of the answer: no entry of it is newer.
    pub(in crate::frontend) fn apply_written(&self, written: &AppendedEntries, position: Position) {
        if Some(position) <= self.head() {
            return;
        }
        let mut state = self.state();
        if state.store == Some(written.store) && state.live && state.to_compare.is_none() {
            let head = self.head().unwrap_or_default();
            self.apply_next(&mut state, continuation(written.entries(), head.seq));
        }
    }
}

/// The complete groups among these entries that follow `head` without a gap.
fn continuation(entries: &[Entry], head: Seq) -> &[Entry] {
    let known = entries.partition_point(|entry| entry.seq <= head);
    let new = entries.get(known..).unwrap_or_default();
    let seqs = (head.0 + 1..).map(Seq);
    let length = new
        .iter()
        .zip(seqs)
        .take_while(|(entry, seq)| entry.seq == *seq)
        .count();
    let new = new.get(..length).unwrap_or_default();
    let whole = new.iter().rposition(|entry| entry.line.is_last());
    whole.and_then(|last| new.get(..=last)).unwrap_or_default()
}
