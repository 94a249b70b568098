//! The limit on recorded refusals, and decisions on a full disk.

use super::*;

#[test]
fn a_refusal_beyond_the_limit_is_not_recorded_and_its_key_stays_free() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW).with_refusals_max(1);
    assert_eq!(entry(batch.sell(&sale(1, 4)).unwrap()).kind, Kind::Refused);
    let refused = sale(1, 5);
    assert_eq!(batch.sell(&refused).unwrap(), Verdict::TooManyRefusals);
    assert_eq!(batch.update_books(&change(-4)).unwrap(), Verdict::TooManyRefusals);
    // Sales are never limited.
    let of_the_same_key = Sale {
        lines: sale(1, 3).lines,
        ..refused
    };
    assert_eq!(entry(batch.sell(&of_the_same_key).unwrap()).kind, Kind::Sold);
    assert_eq!(batch.into_entries().len(), 2);
}

#[test]
fn a_recorded_refusal_is_replayed_beyond_the_limit() {
    let mut shop = shop(3);
    let refused = sale(1, 4);
    let mut batch = DecisionBatch::new(&shop, NOW);
    let recorded = batch.sell(&refused).unwrap();
    shop.entries = batch.into_entries();
    let replayed = DecisionBatch::new(&shop, NOW)
        .with_refusals_max(0)
        .sell(&refused)
        .unwrap();
    let entries = entries(recorded);
    assert_eq!(
        replayed,
        Verdict::Recorded {
            entries,
            replayed: true
        }
    );
}

#[test]
fn every_line_of_a_refused_order_counts_and_it_is_recorded_whole_or_not_at_all() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW).with_refusals_max(3);
    assert_eq!(entries(batch.sell(&basket([(1, 4), (2, 1)])).unwrap()).len(), 2);
    let another = batch.sell(&basket([(1, 4), (2, 1)])).unwrap();
    assert_eq!(another, Verdict::TooManyRefusals);
    assert_eq!(entry(batch.sell(&sale(1, 4)).unwrap()).kind, Kind::Refused);
    assert_eq!(batch.into_entries().len(), 3);
}

#[test]
fn a_refusal_that_is_not_recorded_is_not_limited() {
    let shop = shop(3);
    let mut batch = DecisionBatch::new(&shop, NOW).with_refusals_max(0);
    let unkeyed = Sale {
        keyed: false,
        ..sale(1, 4)
    };
    assert!(matches!(batch.sell(&unkeyed).unwrap(), Verdict::RefusedUnrecorded(_)));
}

#[test]
fn on_a_full_disk_only_requests_without_new_entries_are_decided() {
    let mut shop = shop(3);
    let (sold, refused) = (sale(1, 1), sale(1, 4));
    let mut batch = DecisionBatch::new(&shop, NOW);
    let recorded = [batch.sell(&sold).unwrap(), batch.sell(&refused).unwrap()];
    shop.entries = batch.into_entries();
    let mut full = DecisionBatch::new(&shop, NOW).with_disk_space(false);
    for appending in [sale(1, 3), sale(1, 9), basket([(1, 1), (2, 1)])] {
        assert_eq!(full.sell(&appending).unwrap(), Verdict::DiskFull);
    }
    assert_eq!(full.update_books(&change(1)).unwrap(), Verdict::DiskFull);
    for (again, recorded) in [&sold, &refused].into_iter().zip(recorded) {
        let (entries, replayed) = (entries(recorded), true);
        assert_eq!(full.sell(again).unwrap(), Verdict::Recorded { entries, replayed });
    }
    let unkeyed = Sale {
        keyed: false,
        ..sale(1, 9)
    };
    assert!(matches!(full.sell(&unkeyed).unwrap(), Verdict::RefusedUnrecorded(_)));
    assert_eq!(full.into_entries(), []);
}
