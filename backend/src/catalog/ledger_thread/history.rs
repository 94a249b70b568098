//! Follows the history of the ledger: applies the entries of other catalogs, and replaces a history that the database lost.

use common::Seq;
use common::wire::StoreHealth;

use super::LedgerThread;
use crate::catalog::bootstrap;
use crate::catalog::state::LedgerEnd;
use crate::store;

impl LedgerThread {
    /// Applies the confirmed entries that other catalogs appended. Reloads the state if the ledger does not continue the
    /// entries that this catalog knows, or if a conflict left no new entry.
    pub(super) fn catch_up(&mut self, after_conflict: bool) -> Result<(), store::Error> {
        let mut awaits_entry = after_conflict;
        loop {
            let (known, before) = {
                let state = self.read_state();
                let known = state.decisions.last_group();
                let before = known
                    .first()
                    .map_or(state.head, |first| Seq(first.seq.0.saturating_sub(1)));
                (known, before)
            };
            let mut page = bootstrap::next_page(&*self.store, before)?;
            if !page.starts_with(&known) {
                return self.replace_history();
            }
            page.drain(..known.len());
            let Some(last) = page.last() else {
                // A conflict without a new entry: another catalog replaced the history.
                return if awaits_entry { self.reload() } else { Ok(()) };
            };
            match self.store.confirm(last) {
                Err(store::Error::Conflict) => return Ok(()),
                confirmed => confirmed?,
            }
            self.publish(page);
            awaits_entry = false;
        }
    }

    /// Handles a database that lost or changed entries that this catalog knows. Gives the ledger a new id, unless another
    /// catalog has done so, so that clients discard what they know of the lost history.
    fn replace_history(&mut self) -> Result<(), store::Error> {
        let LedgerEnd { store, head } = *self.end.borrow();
        let why = format!(
            "it lacks some of the {} entries that this catalog has read; the ledger is read again from the start",
            head.seq
        );
        self.status.set(StoreHealth::LostEntries, why);
        self.store.replace_id(store)?;
        self.reload()
    }

    fn reload(&mut self) -> Result<(), store::Error> {
        let state = bootstrap::bootstrap(&*self.store, self.store.load()?)?;
        let (end, known) = (state.end(), *self.end.borrow());
        self.last_checkpoint = end.head.seq;
        self.metrics.set_checkpoint(end.head.seq);
        self.followers.replace(state, &self.state);
        if known.store != end.store {
            tracing::warn!(known = %known.head, found = %end.head, store = %end.store, "the history of the store was \
                                                                                        replaced; its ledger was read \
                                                                                        again");
        }
        self.end.send_replace(end);
        self.status.set_ok();
        Ok(())
    }

    pub(super) fn confirm_last(&self) -> Result<(), store::Error> {
        let last = self.read_state().decisions.last_group().pop();
        if let Some(last) = last {
            self.store.confirm(&last)?;
            self.status.set_ok();
        }
        Ok(())
    }
}
