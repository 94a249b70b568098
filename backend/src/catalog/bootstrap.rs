//! Builds the catalog's state from its store: the books, the newest entries, and the index of the decided orders.
//!
//! Only the newest entries are kept in memory, beginning with the first order among them. For each million older entries the
//! store has a saved filter of their order ids. If the filter is missing, or the million is incomplete, a start reads
//! the ids of its orders.

use std::ops::RangeInclusive;

use common::{Entry, InlineVec, OrderId, Seq};

use super::decision_index::{DecisionIndex, OldEntries, SavedFilter};
use super::state::State;
use crate::store::{self, Store, StoreState};

/// Number of entries or orders read at once.
const PAGE_ENTRIES: usize = 10_000;

/// Builds the state of a loaded store.
pub(super) fn bootstrap(store: &dyn Store, loaded: StoreState) -> Result<State, store::Error> {
    let state = State::load(loaded, |books| index_decisions(store, DecisionIndex::default(), books))?;
    if let Some(last) = state.decisions.last_group().last() {
        store.confirm(last)?;
    }
    Ok(state)
}

/// Indexes the entries up to the head of `state`. They share the texts of its books.
fn index_decisions(store: &dyn Store, mut index: DecisionIndex, state: &State) -> Result<DecisionIndex, store::Error> {
    let head = state.head;
    while let Some(old) = index.next_old_entries(head) {
        index_old(store, &mut index, old)?;
    }
    // Entries of imported books before the first order are not kept. The last entry is always kept, to check the next one.
    let first = store
        .orders(index.last().next()..=head, 1)?
        .first()
        .map_or(head, |(first, _)| *first);
    index.skip_to(first);
    index.reserve_until(head);
    while index.last() < head {
        let page = store.read(index.last(), PAGE_ENTRIES)?;
        if page.is_empty() {
            break;
        }
        // The ledger thread applies the entries that another catalog has appended since `load`, also to the books.
        for mut entry in page.into_iter().take_while(|entry| entry.seq <= head) {
            state.share_texts(&mut entry);
            index.push(entry);
        }
    }
    Ok(index)
}

/// Indexes the orders of old entries: from their saved filter, or else from the ledger.
fn index_old(store: &dyn Store, index: &mut DecisionIndex, old: OldEntries) -> Result<(), store::Error> {
    let OldEntries { filter, range } = old;
    if let Some(name) = filter {
        let content = store.get_blob(&name)?;
        if let Some(content) = content
            && restore_filter(store, index, range.clone(), &content)?
        {
            return Ok(());
        }
        tracing::info!(
            name,
            "the saved filter of these entries is missing; reading their order ids"
        );
    }
    if let Some(orders) = index.begin_block(range.clone()) {
        let (mut next, last) = range.into_inner();
        loop {
            let page = store.orders(next..=last, PAGE_ENTRIES)?;
            let Some((newest, _)) = page.last() else { break };
            next = newest.next();
            page.into_iter().for_each(|(_, order)| orders.add(order));
        }
    }
    Ok(())
}

/// At most [`PAGE_ENTRIES`] entries after `after`, extended to a whole group.
pub(super) fn next_page(store: &dyn Store, after: Seq) -> Result<Vec<Entry>, store::Error> {
    store.read(after, PAGE_ENTRIES)
}

/// The entries that decided an order, if its first line is in one of the ranges.
pub(super) fn find(
    store: &dyn Store,
    order: OrderId,
    ranges: Vec<RangeInclusive<Seq>>,
) -> Result<InlineVec<Entry>, store::Error> {
    for range in ranges {
        let found = store.find(order, range.clone())?;
        // An entry of another catalog beyond the range is not confirmed yet.
        if found.first().is_some_and(|first| range.contains(&first.seq)) {
            return Ok(found.into());
        }
    }
    Ok(InlineVec::new())
}

/// Saves the filters of complete blocks. After a failure, only the next start takes longer.
pub(super) fn save_filters(store: &dyn Store, filters: Vec<SavedFilter>) {
    for SavedFilter { name, last, content } in filters {
        let saved = fingerprint(store, last).and_then(|mut blob| {
            blob.extend_from_slice(&content);
            store.put_blob(&name, &blob)
        });
        if let Err(error) = saved {
            tracing::warn!(%error, name, "the filter of old orders was not saved; the next start takes longer");
        }
    }
}

/// Restores a filter from its blob. Returns `false` for a blob of another history, for example in a store that was
/// restored from a backup: a blob begins with the fingerprint of its last entry.
fn restore_filter(
    store: &dyn Store,
    index: &mut DecisionIndex,
    range: RangeInclusive<Seq>,
    blob: &[u8],
) -> Result<bool, store::Error> {
    let expected = fingerprint(store, *range.end())?;
    let content = blob.strip_prefix(expected.as_slice());
    Ok(content.is_some_and(|content| index.restore_filter(range, content)))
}

/// Distinguishes an entry from any other entry with the same number.
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

    /// A store with many entries, and the index of a catalog that applied them all.
    fn sold(store: &dyn Store, count: usize) -> (ReferenceShop, DecisionIndex) {
        let mut shop = ReferenceShop::filled(store);
        shop.sell_through(store, count);
        let mut index = small();
        shop.entries.iter().for_each(|entry| index.push(entry.clone()));
        (shop, index)
    }

    fn small() -> DecisionIndex {
        DecisionIndex::new(Capacity {
            entries_max: 20,
            block_len: 10,
        })
    }

    fn index_of(store: &dyn Store) -> DecisionIndex {
        index_decisions(store, small(), &State::new(store.load().unwrap())).unwrap()
    }

    fn filters_used(index: &mut DecisionIndex) -> usize {
        4 - index.take_unsaved_filters().len()
    }

    fn assert_finds_all(store: &dyn Store, index: &DecisionIndex, shop: &ReferenceShop) {
        for group in common::entry::groups(&shop.entries).filter(|group| group[0].order.is_some()) {
            let order = group[0].order.unwrap();
            let known = match index.lookup(order) {
                Lookup::Found(entries) => entries,
                Lookup::Absent => InlineVec::new(),
                Lookup::MaybeIn(ranges) => find(store, order, ranges).unwrap(),
            };
            assert_eq!(&*known, group);
        }
        assert_eq!(index.lookup(OrderId::generate()), Lookup::Absent);
    }

    #[test]
    fn a_start_with_saved_filters_finds_the_same_decisions_as_one_without() {
        let folder = tempfile::tempdir().unwrap();
        let store = csv::CsvStore::open(folder.path(), EditPolicy::Refuse).unwrap();
        let (shop, mut index) = sold(&store, 61);
        let mut restored_index = index_of(&store);
        assert_finds_all(&store, &restored_index, &shop);
        assert_eq!(filters_used(&mut restored_index), 0);
        save_filters(&store, index.take_unsaved_filters());
        let mut restored_index = index_of(&store);
        assert_finds_all(&store, &restored_index, &shop);
        assert_eq!(filters_used(&mut restored_index), 4);
        // Without its filter, only the entries of its block are read.
        store.put_blob("orders-1", b"").unwrap();
        let mut restored_index = index_of(&store);
        assert_finds_all(&store, &restored_index, &shop);
        assert_eq!(filters_used(&mut restored_index), 3);
    }

    #[test]
    fn a_start_keeps_the_entries_from_the_first_order_on_and_always_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = csv::CsvStore::open(folder.path(), EditPolicy::Refuse).unwrap();
        let mut shop = ReferenceShop::filled(&store);
        let imported = shop.entries.len();
        let kept_after = |after| index_of(&store).entries_after(Seq(after as u64), 99);
        assert_eq!(kept_after(imported - 2), None);
        assert_eq!(kept_after(imported - 1), Some(shop.entries[imported - 1..].to_vec()));
        shop.sell_through(&store, 3);
        assert_eq!(kept_after(imported - 1), None);
        assert_eq!(kept_after(imported), Some(shop.entries[imported..].to_vec()));
        assert_finds_all(&store, &index_of(&store), &shop);
    }

    #[test]
    fn a_filter_of_another_history_is_rejected() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = csv::CsvStore::open(one.path(), EditPolicy::Refuse).unwrap();
        let (_, mut index) = sold(&store, 61);
        save_filters(&store, index.take_unsaved_filters());
        let restored = csv::CsvStore::open(other.path(), EditPolicy::Refuse).unwrap();
        let (shop, _) = sold(&restored, 61);
        for block in 0..4 {
            let name = format!("orders-{block}");
            restored
                .put_blob(&name, &store.get_blob(&name).unwrap().unwrap())
                .unwrap();
        }
        let mut restored_index = index_of(&restored);
        assert_finds_all(&restored, &restored_index, &shop);
        assert_eq!(filters_used(&mut restored_index), 0);
    }

    #[test]
    fn what_other_catalogs_append_during_a_start_is_applied_later_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = csv::CsvStore::open(folder.path(), EditPolicy::Refuse).unwrap();
        let mut shop = ReferenceShop::filled(&store);
        let loaded = store.load().unwrap();
        let head = loaded.head;
        shop.sell_through(&store, 1);
        let mut state = bootstrap(&store, loaded).unwrap();
        assert_eq!(state.head, head);
        assert_eq!(state.decisions.entries_after(head, 10), Some(Vec::new()));
        let sold = shop.entries.last().unwrap();
        state.apply(vec![sold.clone()]);
        assert_eq!(state.decisions.entries_after(head, 10), Some(vec![sold.clone()]));
    }
}
