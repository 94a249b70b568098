//! The limit on refusals that a batch records.

use super::*;

#[test]
fn a_refusal_beyond_the_limit_is_not_recorded_and_its_key_stays_free() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW).with_refusals_max(1);
    assert_eq!(entry(batch.sell(&sale(1, 4)).unwrap()).kind, Kind::Refused);
    let refused = sale(1, 5);
    assert_eq!(batch.sell(&refused).unwrap(), Verdict::TooManyRefusals);
    assert_eq!(batch.update_stock(&change(-4)).unwrap(), Verdict::TooManyRefusals);
    // What is sold is never limited.
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
    let mut batch = Batch::new(&shop, NOW);
    let recorded = batch.sell(&refused).unwrap();
    shop.entries = batch.into_entries();
    let replayed = Batch::new(&shop, NOW).with_refusals_max(0).sell(&refused).unwrap();
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
    let mut batch = Batch::new(&shop, NOW).with_refusals_max(3);
    assert_eq!(entries(batch.sell(&basket([(1, 4), (2, 1)])).unwrap()).len(), 2);
    let another = batch.sell(&basket([(1, 4), (2, 1)])).unwrap();
    assert_eq!(another, Verdict::TooManyRefusals);
    assert_eq!(entry(batch.sell(&sale(1, 4)).unwrap()).kind, Kind::Refused);
    assert_eq!(batch.into_entries().len(), 3);
}

#[test]
fn a_refusal_that_is_not_recorded_is_not_limited() {
    let shop = shop(3);
    let mut batch = Batch::new(&shop, NOW).with_refusals_max(0);
    let unkeyed = Sale {
        keyed: false,
        ..sale(1, 4)
    };
    assert!(matches!(batch.sell(&unkeyed).unwrap(), Verdict::Refused(_)));
}
