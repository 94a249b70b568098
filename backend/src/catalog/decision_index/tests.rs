use super::*;
use common::{GroupPosition, ItemNumber, Kind, Timestamp};

const ENTRIES_MAX: usize = 1_000_000;
const BLOCK: u64 = 1_000_000;

fn entry(seq: u64) -> Entry {
    Entry {
        seq: Seq(seq),
        at: Timestamp::from_micros(0),
        kind: Kind::Sold,
        item: ItemNumber::try_from(1).unwrap(),
        line: GroupPosition::ONLY,
        quantity: None,
        change: -1,
        stock_after: None,
        order: Some(id(seq)),
        unit_cost: None,
        reason: None,
        title: None,
        description: None,
    }
}

/// An order of `count` lines from the entry `first`.
fn order(first: u64, count: usize) -> Vec<Entry> {
    let lines = (first..).zip(GroupPosition::of_group(count));
    let of_order = |(seq, line)| Entry {
        line,
        order: Some(id(first)),
        ..entry(seq)
    };
    lines.map(of_order).collect()
}

fn id(n: u64) -> OrderId {
    OrderId::from(uuid::Uuid::from_u128(u128::from(n)))
}

#[test]
fn pages_come_from_memory_if_their_first_entry_is_there() {
    let mut index = DecisionIndex::default();
    assert_eq!(index.entries_after(Seq::ZERO, 9), Some(vec![]));
    (5..=9).for_each(|seq| index.push(entry(seq)));
    assert_eq!(index.entries_after(Seq(3), 9), None);
    let page = index.entries_after(Seq(6), 2).unwrap();
    assert_eq!(page.iter().map(|entry| entry.seq.0).collect::<Vec<_>>(), [7, 8]);
    assert_eq!(index.entries_after(Seq(9), 9), Some(vec![]));
}

#[test]
fn an_order_is_found_evicted_and_read_whole() {
    let mut index = DecisionIndex::new(Capacity {
        entries_max: 6,
        block_len: 4,
    });
    let orders = [order(1, 1), order(2, 2), order(4, 3), order(7, 1)];
    orders.iter().flatten().for_each(|entry| index.push(entry.clone()));
    assert_eq!(index.lookup(id(2)), Lookup::Found(orders[1].clone().into()));
    assert_eq!(index.entries_after(Seq(1), 1), Some(orders[1].clone()));
    assert_eq!(index.entries_after(Seq(3), 4).unwrap().len(), 4);
    // The block ends within order 4, which belongs to the block.
    (8..=12).for_each(|seq| index.push(entry(seq)));
    for (first, block) in [(1, 1..=4), (2, 1..=4), (4, 1..=4)] {
        let range = Seq(*block.start())..=Seq(*block.end());
        assert_eq!(index.lookup(id(first)), Lookup::MaybeIn(vec![range]), "{first}");
    }
    assert_eq!(index.lookup(id(7)), Lookup::Found(orders[3].clone().into()));
    assert_eq!(index.entries_after(Seq(6), 1), Some(orders[3].clone()));
    assert_eq!(index.take_unsaved_filters()[0].last, Seq(4));
}

#[test]
fn an_old_order_is_always_found_and_a_new_one_is_seldom_a_false_positive() {
    let mut index = DecisionIndex::default();
    let known = 2 * BLOCK + 50_000;
    (1..=known).for_each(|seq| index.push(entry(seq)));
    let oldest_kept = known - ENTRIES_MAX as u64 + 1;
    for seq in (1..oldest_kept).step_by(7) {
        let Lookup::MaybeIn(ranges) = index.lookup(id(seq)) else {
            panic!("order {seq} is not found")
        };
        assert!(ranges.iter().any(|range| range.contains(&Seq(seq))));
    }
    assert!(matches!(index.lookup(id(oldest_kept)), Lookup::Found(found) if found[0].seq == Seq(oldest_kept)));
    let false_positives = (1..=100_000)
        .filter(|n| index.lookup(id(known * 2 + n)) != Lookup::Absent)
        .count();
    assert!(
        false_positives < 3,
        "{false_positives} of 100000 new orders are false positives"
    );
}

#[test]
fn a_saved_filter_replaces_its_block() {
    let mut index = DecisionIndex::default();
    let known = BLOCK + ENTRIES_MAX as u64 + 10;
    (1..BLOCK + ENTRIES_MAX as u64).for_each(|seq| index.push(entry(seq)));
    assert_eq!(
        index.take_unsaved_filters(),
        [],
        "a block whose last entry is in memory has a saved filter"
    );
    (BLOCK + ENTRIES_MAX as u64..=known).for_each(|seq| index.push(entry(seq)));
    let filters = index.take_unsaved_filters();
    assert_eq!((filters.len(), index.take_unsaved_filters().len()), (1, 0));

    let mut restored = DecisionIndex::default();
    let old = |filter, range| Some(OldEntries { filter, range });
    assert_eq!(restored.next_old_entries(Seq(ENTRIES_MAX as u64)), None);
    assert_eq!(
        restored.next_old_entries(Seq(BLOCK + ENTRIES_MAX as u64 - 1)),
        old(None, Seq(1)..=Seq(BLOCK - 1))
    );
    let block = Seq(1)..=filters[0].last;
    assert_eq!(
        restored.next_old_entries(Seq(known)),
        old(Some(filters[0].name.clone()), block.clone())
    );
    assert!(!restored.restore_filter(block.clone(), b"no filter"));
    assert!(restored.restore_filter(block, &filters[0].content));
    let rest = Seq(BLOCK + 1)..=Seq(BLOCK + 10);
    assert_eq!(restored.next_old_entries(Seq(known)), old(None, rest.clone()));
    let orders = restored.begin_block(rest).unwrap();
    (BLOCK + 1..=BLOCK + 10).for_each(|seq| orders.add(id(seq)));
    assert_eq!(
        (restored.last(), restored.next_old_entries(Seq(known))),
        (Seq(BLOCK + 10), None)
    );
    (BLOCK + 11..=known).for_each(|seq| restored.push(entry(seq)));
    for seq in [1, BLOCK - 1, BLOCK, BLOCK + 1, BLOCK + 10, BLOCK + 11, known, known + 1] {
        assert_eq!(restored.lookup(id(seq)), index.lookup(id(seq)), "{seq}");
    }
    assert_eq!(restored.take_unsaved_filters(), []);
}
