//! What a store holds, brought to memory: the books, the newest entries, and which orders are decided.
//!
//! Only the newest entries are read. For each million older ones the store keeps a note of their orders; a million whose
//! note is missing is read, too.

use std::ops::RangeInclusive;

use common::{Entry, OrderId, Seq};

use super::decision_index::{DecisionIndex, FilterSnapshot};
use super::state::State;
use crate::store::{self, Store, StoreState};

/// Entries read at once.
const PAGE: usize = 10_000;

/// The state that a store holds.
pub(super) fn bootstrap(store: &dyn Store, loaded: StoreState) -> Result<State, store::Error> {
    let recent = index_decisions(store, DecisionIndex::default(), loaded.head)?;
    Ok(State::new(loaded, recent))
}

fn index_decisions(store: &dyn Store, mut recent: DecisionIndex, head: Seq) -> Result<DecisionIndex, store::Error> {
    while let Some((name, last)) = recent.next_snapshot(head) {
        let is_taken = match store.get_blob(&name)? {
            Some(note) => restore_filter(store, &mut recent, last, &note)?,
            None => false,
        };
        if !is_taken {
            tracing::info!(name, "no note of a million old orders; they are read again");
            break;
        }
    }
    while recent.last() < head {
        let page = store.read(recent.last(), PAGE)?;
        if page.is_empty() {
            break;
        }
        // What other catalogs append meanwhile is followed later, once.
        for entry in page.into_iter().take_while(|entry| entry.seq <= head) {
            recent.push(entry);
        }
    }
    Ok(recent)
}

/// The next entries after one, a page at the most.
pub(super) fn next_page(store: &dyn Store, after: Seq) -> Result<Vec<Entry>, store::Error> {
    store.read(after, PAGE)
}

/// All entries after one up to another.
pub(super) fn entries(store: &dyn Store, after: Seq, last: Seq) -> Result<Vec<Entry>, store::Error> {
    let count = usize::try_from(last.0.saturating_sub(after.0)).unwrap_or(usize::MAX);
    store.read(after, count)
}

/// The entry that decided an order, if it is among these.
pub(super) fn find(
    store: &dyn Store,
    order: OrderId,
    among: Vec<RangeInclusive<Seq>>,
) -> Result<Option<Entry>, store::Error> {
    for span in among {
        let found = store.find(order, span)?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Keeps the notes of what is complete by now. The next start only takes longer without them.
pub(super) fn save_filters(store: &dyn Store, notes: Vec<FilterSnapshot>) {
    for FilterSnapshot { name, last, content } in notes {
        let kept = fingerprint(store, last).and_then(|mut note| {
            note.extend_from_slice(&content);
            store.put_blob(&name, &note)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, name, "a note of old orders was not kept");
        }
    }
}

/// A store whose older copy was restored may hold notes of entries that are no more: the note says how its last one was.
fn restore_filter(store: &dyn Store, recent: &mut DecisionIndex, last: Seq, note: &[u8]) -> Result<bool, store::Error> {
    let expected = fingerprint(store, last)?;
    let content = note.strip_prefix(expected.as_slice());
    Ok(content.is_some_and(|content| recent.restore_filter(last, content)))
}

/// What tells an entry from any other that could stand in its place.
fn fingerprint(store: &dyn Store, seq: Seq) -> Result<Vec<u8>, store::Error> {
    let before = Seq(seq.0.saturating_sub(1));
    let entry = store.read(before, 1)?.into_iter().next();
    Ok(entry
        .map(|entry| format!("{entry:?}\n").into_bytes())
        .unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::decision_index::{Capacity, Lookup};
    use crate::store::conformance::ReferenceShop;
    use crate::store::{EditPolicy, csv};

    /// A store with many entries, and what a catalog remembers that was there all the time.
    fn sold(store: &dyn Store, count: usize) -> (ReferenceShop, DecisionIndex) {
        let mut shop = ReferenceShop::filled(store);
        shop.sell_through(store, count);
        let mut recent = small();
        shop.entries.iter().for_each(|entry| recent.push(entry.clone()));
        (shop, recent)
    }

    fn small() -> DecisionIndex {
        DecisionIndex::new(Capacity {
            entries_max: 20,
            block: 10,
        })
    }

    fn notes_used(recent: &mut DecisionIndex) -> usize {
        4 - recent.take_filter_snapshots().len()
    }

    fn knows_all(store: &dyn Store, recent: &DecisionIndex, shop: &ReferenceShop) {
        for entry in shop.entries.iter().filter(|entry| entry.order.is_some()) {
            let order = entry.order.unwrap();
            let known = match recent.lookup(order) {
                Lookup::Found(entry) => Some(entry.clone()),
                Lookup::Absent => None,
                Lookup::MaybeIn(among) => find(store, order, among).unwrap(),
            };
            assert_eq!(known.as_ref(), Some(entry));
        }
        assert_eq!(recent.lookup(OrderId::generate()), Lookup::Absent);
    }

    #[test]
    fn a_start_with_notes_knows_what_one_without_them_knows() {
        let folder = tempfile::tempdir().unwrap();
        let store = csv::Store::open(folder.path(), EditPolicy::Refuse).unwrap();
        let (shop, mut recent) = sold(&store, 61);
        let mut recalled = index_decisions(&store, small(), shop.head).unwrap();
        knows_all(&store, &recalled, &shop);
        assert_eq!(notes_used(&mut recalled), 0);
        save_filters(&store, recent.take_filter_snapshots());
        let mut recalled = index_decisions(&store, small(), shop.head).unwrap();
        knows_all(&store, &recalled, &shop);
        assert_eq!(notes_used(&mut recalled), 4);
    }

    #[test]
    fn a_note_of_another_history_is_not_believed() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = csv::Store::open(one.path(), EditPolicy::Refuse).unwrap();
        let (_, mut recent) = sold(&store, 61);
        save_filters(&store, recent.take_filter_snapshots());
        let restored = csv::Store::open(other.path(), EditPolicy::Refuse).unwrap();
        let (shop, _) = sold(&restored, 61);
        for block in 0..4 {
            let name = format!("orders-{block}");
            restored
                .put_blob(&name, &store.get_blob(&name).unwrap().unwrap())
                .unwrap();
        }
        let mut recalled = index_decisions(&restored, small(), shop.head).unwrap();
        knows_all(&restored, &recalled, &shop);
        assert_eq!(notes_used(&mut recalled), 0);
    }

    #[test]
    fn what_others_append_while_a_state_is_recalled_is_left_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let store = csv::Store::open(folder.path(), EditPolicy::Refuse).unwrap();
        let mut shop = ReferenceShop::filled(&store);
        let loaded = store.load().unwrap();
        let head = loaded.head;
        shop.sell_through(&store, 1);
        let mut state = bootstrap(&store, loaded).unwrap();
        assert_eq!(state.head, head);
        assert_eq!(state.decisions.entries_after(head, 10), Some(Vec::new()));
        // Then it is followed, and stands there once.
        let sold = shop.entries.last().unwrap();
        state.apply(sold.clone());
        assert_eq!(state.decisions.entries_after(head, 10), Some(vec![sold.clone()]));
    }
}
