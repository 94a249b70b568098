//! Orders: none is sent twice, and every one reaches a final state.

use std::time::Duration;

use common::{Code, OrderId, Stock};

use super::catalog::{STORE, lost, number, order, problem, receipt, sold_out};
use super::fixture::Fixture;
use crate::app::OrderState;
use crate::effect::{Effect, Request};
use crate::journal::{JournalContents, NotSoldReason, Record, SentLine, SentOrder};
use crate::message::Event;

fn state(shop: &Fixture, order: OrderId) -> &OrderState {
    &shop.app.orders.find(order).unwrap().state
}

/// Whether the order was not placed.
fn is_not_placed(shop: &Fixture, order: OrderId) -> bool {
    matches!(state(shop, order), OrderState::NotSold(not_sold) if not_sold.reason == NotSoldReason::NotPlaced)
}

fn lookups(shop: &Fixture) -> Vec<OrderId> {
    let lookups = shop.effects.iter().filter_map(|effect| match effect {
        Effect::Send(Request::Order(order)) => Some(*order),
        _ => None,
    });
    lookups.collect()
}

/// A shop whose order got no answer.
fn shop_with_lost_answer() -> (Fixture, OrderId) {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    shop.answer_buy(id, Err(lost()));
    (shop, id)
}

/// A shop that has read a pending order of an earlier session, placed in this store.
fn shop_with_earlier_order(store: &str) -> Fixture {
    let sent = SentOrder {
        order: order(77),
        lines: vec![SentLine {
            item: number(2),
            title: Some("RPCs for Dummies".into()),
            quantity: common::Quantity::ONE,
            cost: Some("40".parse().unwrap()),
        }],
        at: common::Timestamp::from_micros(1_769_860_000_000_000),
        deadline: common::Deadline::from_millis(1_769_860_005_000),
        shop: "http://127.0.0.1:50123".into(),
        store: Some(store.parse().unwrap()),
    };
    let mut shop = Fixture::opened(100, 30);
    shop.effects.clear();
    shop.send(Event::JournalLoaded(Ok(JournalContents {
        records: vec![Record::Sent(sent)],
        skipped: 0,
    })));
    shop
}

#[test]
fn an_order_that_cannot_be_recorded_is_not_sent() {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    shop.send(Event::BuyNotRecorded {
        order: id,
        reason: "no space left".into(),
    });
    assert!(is_not_placed(&shop, id));
    shop.assert_shows("not placed");
}

#[test]
fn a_receipt_is_recorded_once_and_updates_the_stock() {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    let sold = receipt(id, 1, 1, 41);
    shop.effects.clear();
    shop.answer_buy(id, Ok(sold.clone()));
    let record = Record::Sold { receipt: sold.clone() };
    assert_eq!(shop.effects, [Effect::AppendJournal(record)]);
    assert_eq!(shop.app.books.stock(number(1)), Some(399));
    shop.effects.clear();
    shop.answer_lookup(id, Ok(sold));
    assert!(shop.effects.is_empty(), "a second receipt changes nothing");
}

#[test]
fn sold_out_is_an_outcome_and_not_an_error() {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    shop.effects.clear();
    shop.answer_buy(id, Err(sold_out()));
    let OrderState::NotSold(not_sold) = state(&shop, id) else {
        panic!("{:?}", state(&shop, id))
    };
    assert_eq!(
        (not_sold.reason, not_sold.stock),
        (NotSoldReason::SoldOut, Some(Stock::ZERO))
    );
    let record = Record::NotSold(not_sold.clone());
    assert_eq!(shop.effects, [Effect::AppendJournal(record)]);
    shop.assert_shows("None were left when the order was decided.");
}

#[test]
fn a_lost_answer_is_resolved_with_the_same_key() {
    let (mut shop, id) = shop_with_lost_answer();
    shop.assert_shows("unknown, checking");
    shop.effects.clear();
    shop.pass(300);
    assert_eq!(
        shop.sent(),
        [(id, true)],
        "its dialog is open and its deadline has not passed"
    );
    shop.answer_buy(id, Ok(receipt(id, 1, 1, 41)));
    assert!(matches!(state(&shop, id), OrderState::Sold(_)));
}

#[test]
fn after_its_dialog_is_closed_an_order_is_looked_up_but_never_sent_again() {
    let (mut shop, id) = shop_with_lost_answer();
    shop.press("Esc");
    shop.effects.clear();
    shop.pass(300);
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn after_its_deadline_an_order_is_looked_up_but_never_sent_again() {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    shop.elapsed += Duration::from_secs(6);
    shop.answer_buy(id, Err(problem(Code::DeadlineExceeded)));
    shop.effects.clear();
    shop.pass(300);
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn a_refusal_that_changed_nothing_ends_an_order_unless_an_earlier_request_was_lost() {
    for code in [Code::Unavailable, Code::StorageFull, Code::TooManyRequests] {
        let mut shop = Fixture::at_books();
        let id = shop.confirm_order();
        shop.answer_buy(id, Err(problem(code)));
        assert!(is_not_placed(&shop, id), "{code}");

        let (mut shop, id) = shop_with_lost_answer();
        shop.pass(300);
        shop.answer_buy(id, Err(problem(code)));
        assert!(
            matches!(state(&shop, id), OrderState::Unknown { .. }),
            "{code} says nothing about the first request"
        );
    }
}

#[test]
fn an_unknown_order_counts_as_not_placed_only_after_its_deadline() {
    let (mut shop, id) = shop_with_lost_answer();
    shop.press("Esc");
    shop.pass(300);
    shop.answer_lookup(id, Err(problem(Code::UnknownOrder)));
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
    shop.pass(8_000);
    shop.answer_lookup(id, Err(problem(Code::UnknownOrder)));
    assert!(is_not_placed(&shop, id));
}

#[test]
fn a_pending_order_of_an_earlier_session_is_looked_up_and_never_sent() {
    let mut shop = shop_with_earlier_order(STORE);
    shop.pass(10_000);
    assert!(lookups(&shop).is_empty(), "the store is not known yet");
    shop.connect();
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![order(77)], 0));
    shop.answer_lookup(order(77), Ok(receipt(order(77), 2, 1, 39)));
    shop.press("2");
    shop.assert_shows("✓ sold");
}

#[test]
fn this_store_does_not_decide_an_order_of_another_store() {
    let mut shop = shop_with_earlier_order("0190b6d5-0000-7000-8000-000000000009");
    shop.connect();
    shop.pass(60_000);
    assert!(lookups(&shop).is_empty());
    assert!(matches!(state(&shop, order(77)), OrderState::Unknown { .. }));
}

#[test]
fn the_receipt_of_another_order_changes_nothing() {
    let mut shop = Fixture::at_books();
    let id = shop.confirm_order();
    shop.answer_buy(id, Ok(receipt(order(99), 1, 1, 41)));
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
}
