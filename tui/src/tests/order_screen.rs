//! The orders' screen: filter, sorting, buying again, copying and scrolling a receipt.

use super::catalog::{STORE, lost, number, receipt, sold_out};
use super::fixture::Fixture;
use crate::app::{Overlay, Purchase};

use crate::effect::{Effect, Request};

/// A shop with a sold order of two copies of book 1, and a refused one of book 2, on the orders' screen.
fn shop_with_orders(columns: u16, rows: u16) -> Fixture {
    let mut shop = Fixture::at_books();
    shop.press("b + y");
    let (order, _) = *shop.sent().last().unwrap();
    shop.answer_buy(order, Ok(receipt(order, 1, 2, 41)));
    shop.press("Esc Down");
    let order = shop.confirm_order();
    shop.answer_buy(order, Err(sold_out()));
    shop.press("Esc 2");
    shop.resize(columns, rows);
    shop.effects.clear();
    shop
}

fn titles(shop: &Fixture) -> Vec<String> {
    let orders = &shop.app.orders;
    (0..orders.rows.len())
        .filter_map(|row| orders.row(row))
        .map(Purchase::title)
        .collect()
}

const GRADE: &str = "How to get a good grade in 677 in 20 minutes a day";

#[test]
fn a_filter_finds_orders_by_title_and_state() {
    let mut shop = shop_with_orders(100, 30);
    assert_eq!(titles(&shop), ["RPCs for Dummies", GRADE]);
    shop.press("/");
    shop.typed("grade");
    assert_eq!(titles(&shop), [GRADE]);
    shop.press("Enter");
    shop.assert_shows("/ grade");
    shop.press("Esc /");
    shop.typed("out");
    assert_eq!(titles(&shop), ["RPCs for Dummies"]);
    shop.press("Esc");
    assert_eq!(titles(&shop).len(), 2);
    shop.press("/");
    shop.typed("zebra");
    shop.assert_shows("No order matches. Esc clears the filter.");
}

#[test]
fn orders_are_sorted_and_the_selection_stays_on_its_order() {
    let mut shop = shop_with_orders(100, 30);
    shop.press("Down");
    for (key, first) in [
        ("o", GRADE),
        ("O", "RPCs for Dummies"),
        ("O", GRADE),
        ("o", GRADE),
        ("o", GRADE),
    ] {
        shop.press(key);
        assert_eq!(titles(&shop)[0], first, "{key}");
        assert_eq!(shop.app.orders.selected().unwrap().title(), GRADE);
    }
}

#[test]
fn b_opens_the_dialog_for_the_same_book_and_copies() {
    let mut shop = shop_with_orders(100, 30);
    shop.press("Down b");
    let Some(Overlay::Buy(dialog)) = shop.app.overlays.last() else {
        panic!("{:?}", shop.app.overlays)
    };
    let (item, copies) = dialog.book().unwrap();
    assert_eq!((item, copies.quantity.get()), (number(1), 2));
    shop.press("b b Enter");
    assert!(
        shop.sent().is_empty(),
        "the focus starts on Cancel, and the key that opened it never buys"
    );
    shop.press("b y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn an_unlisted_book_is_requested_before_it_is_bought_again() {
    let mut shop = shop_with_orders(100, 30);
    // Another topic drops the books of this one.
    shop.press("1 Esc Esc Down");
    shop.answer_requests();
    shop.press("2 b");
    assert!(
        shop.effects.contains(&Effect::Send(Request::Book(number(2)))),
        "{:?}",
        shop.effects
    );
    shop.press("y");
    assert!(shop.sent().is_empty(), "its cost is not known yet");
    shop.answer_requests();
    shop.assert_shows("40.00");
    shop.press("y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn an_order_of_another_store_is_not_bought_again() {
    let mut shop = shop_with_orders(100, 30);
    assert_ne!(STORE, "0190b6d5-0000-7000-8000-000000000009");
    shop.connect_to("0190b6d5-0000-7000-8000-000000000009", 3);
    shop.press("b");
    assert!(shop.app.overlays.is_empty());
    shop.assert_shows("it was placed in another store");
}

#[test]
fn y_copies_the_receipt_as_text() {
    let mut shop = shop_with_orders(100, 30);
    shop.press("Down y");
    let [Effect::Copy(text)] = &shop.effects[..] else {
        panic!("{:?}", shop.effects)
    };
    for part in ["Sold", GRADE, "60.00", "own store", STORE] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    shop.assert_shows("Copied the receipt");
}

#[test]
fn a_receipt_in_45_columns_and_12_rows_can_be_scrolled_to_its_end() {
    let mut shop = shop_with_orders(45, 12);
    shop.press("Down Enter");
    shop.assert_shows("How to get a good grade");
    shop.assert_hides(STORE.get(..30).unwrap());
    let mut seen = String::new();
    for _ in 0..20 {
        seen += &shop.screen();
        shop.press("Down");
    }
    for part in ["60.00", "Entry", "Order", "Store"] {
        assert!(seen.contains(part), "{part:?} was never shown");
    }
    // Scrolling stops at the end: one step back moves.
    let end = shop.screen();
    shop.press("Up");
    assert_ne!(shop.screen(), end);
    shop.press("Esc");
    shop.assert_shows("RPCs for Dummies");
}

#[test]
fn a_pending_order_stays_selected_when_it_is_decided() {
    let mut shop = shop_with_orders(100, 30);
    shop.press("1");
    let order = shop.confirm_order();
    shop.answer_buy(order, Err(lost()));
    shop.press("Esc 2");
    let selected = shop.app.orders.selected().unwrap().sent.order;
    shop.answer_lookup(order, Ok(receipt(order, 2, 1, 50)));
    assert_eq!(shop.app.orders.selected().unwrap().sent.order, selected);
}
