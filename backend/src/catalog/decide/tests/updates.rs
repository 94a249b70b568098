//! Resent stock updates.

use common::Description;

use super::*;

fn to(stock: u64) -> CatalogUpdate {
    update(1, BookAction::Stock(StockChange::To(Stock::try_from(stock).unwrap())))
}

/// Decides `update` after `decided`, an update with the same id, was recorded.
pub(super) fn again(shop: &mut Fixture, decided: &CatalogUpdate, update: CatalogUpdate) -> Verdict {
    let mut batch = DecisionBatch::new(shop, NOW);
    batch.update_books(decided).unwrap();
    shop.entries = batch.into_entries();
    let resent = CatalogUpdate {
        id: decided.id,
        ..update
    };
    DecisionBatch::new(shop, NOW).update_books(&resent).unwrap()
}

pub(super) fn is_replayed(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Recorded { replayed: true, .. })
}

#[test]
fn the_same_update_is_replayed_and_another_one_needs_another_key() {
    // The first is refused, because the stock is 3.
    for decided in [change(-9), change(2), to(7)] {
        assert!(is_replayed(&again(&mut shop(3), &decided, decided.clone())));
        let other_book = update(2, decided.changes.as_slice()[0].action.clone());
        assert_eq!(again(&mut shop(3), &decided, other_book), Verdict::KeyReused);
    }
    for (decided, other) in [
        (change(2), change(3)),
        (change(2), to(5)),
        (to(7), to(8)),
        (to(5), change(2)),
    ] {
        assert_eq!(again(&mut shop(3), &decided, other), Verdict::KeyReused);
    }
}

#[test]
fn an_update_of_the_stock_describes_no_book_and_has_no_title() {
    let mut described = shop(3);
    let set = to(3);
    let recorded = entry(DecisionBatch::new(&described, NOW).update_books(&set).unwrap());
    assert_eq!((recorded.kind, recorded.title.clone()), (Kind::Set, None));
    let description = Some(Box::new(Description::new("t")));
    described.entries = vec![Entry {
        description,
        ..recorded
    }];
    let verdict = DecisionBatch::new(&described, NOW).update_books(&set).unwrap();
    assert_eq!(verdict, Verdict::KeyReused);
}

#[test]
fn an_update_with_the_key_of_a_refused_order_is_refused() {
    let mut shop = shop(3);
    let order = sale(1, 9);
    let mut batch = DecisionBatch::new(&shop, NOW);
    batch.sell(&order).unwrap();
    shop.entries = batch.into_entries();
    let change = CatalogUpdate {
        id: order.id,
        ..change(-9)
    };
    let verdict = DecisionBatch::new(&shop, NOW).update_books(&change).unwrap();
    assert_eq!(verdict, Verdict::KeyReused);
}
