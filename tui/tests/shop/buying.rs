//! Buying: no accidental purchase, no double purchase, and every order reaches a final state.

use common::client::Error;
use common::{Code, OrderId, Problem, Stock};
use std::time::Duration;
use tui::app::{OrderState, Overlay};
use tui::effect::Effect;
use tui::input::{InputEvent, Key, KeyEvent};
use tui::journal::{CloseReason, JournalContents, PlacedOrder, Record};
use tui::message::Event;

use crate::fixture::{Fixture, STORE, URL, number, order};
use crate::screens::{confirm_order, receipt};

fn shop_with_books() -> Fixture {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.effects.clear();
    shop
}

fn lost() -> Error {
    Error::Lost {
        url: URL.into(),
        why: "no answer in time".into(),
    }
}

fn problem(code: Code) -> Error {
    Error::Problem(Box::new(Problem::new(code, "said the shop")))
}

fn state(shop: &Fixture, order: OrderId) -> &OrderState {
    &shop.app.orders.find(order).unwrap().state
}

fn lookups(shop: &Fixture) -> Vec<OrderId> {
    let lookups = shop.effects.iter().filter_map(|effect| match effect {
        Effect::FindOrder(order) => Some(*order),
        _ => None,
    });
    lookups.collect()
}

fn undecided() -> PlacedOrder {
    PlacedOrder {
        order: order(77),
        item: number(2),
        title: "RPCs for Dummies".into(),
        quantity: common::Quantity::ONE,
        cost: "40".parse().unwrap(),
        at: common::Timestamp::from_micros(1_769_860_000_000_000),
        deadline: common::Deadline::from_millis(1_769_860_005_000),
        shop: "http://127.0.0.1:50123".into(),
        store: Some(STORE.parse().unwrap()),
    }
}

#[test]
fn y_confirms_and_the_order_is_sent_once() {
    let mut shop = shop_with_books();
    confirm_order(&mut shop);
    assert_eq!(shop.sent().len(), 1);
    let [Effect::Buy { placed, resend: false }] = &shop.effects[..] else {
        panic!("{:?}", shop.effects)
    };
    assert_eq!((placed.item, placed.store), (number(1), Some(STORE.parse().unwrap())));
    assert_eq!(placed.deadline.as_millis(), placed.at.as_millis() + 5_000);
}

#[test]
fn the_dialog_waits_until_earlier_orders_are_read() {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.answer_requests();
    shop.press(Key::Enter);
    shop.press(Key::Char('b'));
    shop.press(Key::Char('y'));
    assert!(
        shop.screen()
            .contains("Cannot buy: earlier orders are still being read.")
    );
    assert!(shop.sent().is_empty());
    shop.send(Event::JournalLoaded(Ok(JournalContents::default())));
    assert!(!shop.screen().contains("Cannot buy"));
    shop.press(Key::Char('y'));
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn enter_cancels_unless_the_focus_was_moved_to_buy() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    shop.press(Key::Enter);
    assert!(shop.app.overlays.is_empty() && shop.sent().is_empty());
    shop.press(Key::Char('b'));
    shop.press(Key::Tab);
    shop.press(Key::Enter);
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn the_key_that_opened_the_dialog_never_confirms() {
    let mut shop = shop_with_books();
    for _ in 0..50 {
        shop.press(Key::Char('b'));
        shop.pass(30);
    }
    assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]));
    assert!(shop.sent().is_empty());

    let mut shop = shop_with_books();
    shop.press(Key::Char(':'));
    shop.typed("buy");
    for _ in 0..50 {
        shop.press(Key::Enter);
        shop.pass(30);
    }
    assert!(
        matches!(shop.app.overlays[..], [Overlay::Buy(_)]),
        "held down, Enter opened it and did nothing else"
    );
    assert!(shop.sent().is_empty());
}

#[test]
fn a_held_key_never_confirms() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    for key in [Key::Char('y'), Key::Tab, Key::Enter] {
        let repeat = key != Key::Tab;
        shop.send(Event::Input(InputEvent::Key(KeyEvent {
            repeat,
            ..KeyEvent::plain(key)
        })));
    }
    assert!(shop.sent().is_empty());
}

#[test]
fn pasted_text_never_confirms() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    shop.send(Event::Input(InputEvent::Paste("y\n\ty\n".into())));
    assert!(shop.sent().is_empty());
}

#[test]
fn keys_do_nothing_while_the_order_is_on_its_way() {
    let mut shop = shop_with_books();
    confirm_order(&mut shop);
    for key in [Key::Char('y'), Key::Enter, Key::Tab, Key::Char('b'), Key::Char('+')] {
        shop.press(key);
        shop.pass(50);
    }
    assert_eq!(shop.sent().len(), 1);
    assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]));
}

#[test]
fn holding_enter_after_confirming_neither_closes_the_dialog_nor_buys_again() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    shop.press(Key::Tab);
    shop.press(Key::Enter);
    let (id, _) = shop.sent()[0];
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.send(Event::BuyCompleted {
        order: id,
        result: Ok(sold),
    });
    for _ in 0..30 {
        shop.pass(30);
        shop.press(Key::Enter);
    }
    assert!(shop.screen().contains("✓ sold"));
    assert_eq!(shop.sent().len(), 1);
    shop.pass(1_500);
    shop.press(Key::Enter);
    assert!(shop.app.overlays.is_empty(), "pressed again, it closes");
}

#[test]
fn every_dialog_has_its_own_idempotency_key() {
    let mut shop = shop_with_books();
    let first = confirm_order(&mut shop);
    shop.press(Key::Esc);
    let second = confirm_order(&mut shop);
    assert_ne!(first, second);
}

#[test]
fn the_quantity_is_stepped_or_typed_within_its_bounds() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    let quantity = |shop: &Fixture| match shop.app.overlays.last() {
        Some(Overlay::Buy(dialog)) => dialog.quantity.get(),
        _ => 0,
    };
    for (key, wanted) in [
        ('-', 1),
        ('+', 2),
        ('0', 2),
        ('4', 4),
        ('2', 42),
        ('7', 100),
        ('+', 100),
        ('5', 5),
    ] {
        shop.press(Key::Char(key));
        assert_eq!(quantity(&shop), wanted, "after {key}");
    }
    shop.press(Key::Backspace);
    assert_eq!(quantity(&shop), 1);
}

#[test]
fn more_copies_than_the_stock_cannot_be_confirmed() {
    let mut shop = shop_with_books();
    shop.press(Key::Char('b'));
    shop.press(Key::Char('5'));
    shop.moved(1, 3, -397, 41);
    shop.press(Key::Char('y'));
    assert!(shop.sent().is_empty());
    assert!(shop.screen().contains("Cannot buy: only 3 left."));
    shop.press(Key::Char('3'));
    shop.press(Key::Char('y'));
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn nothing_can_be_bought_while_the_journal_fails() {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.answer_requests();
    shop.press(Key::Enter);
    shop.press(Key::Char('b'));
    shop.press(Key::Char('y'));
    assert!(shop.sent().is_empty());
    shop.send(Event::JournalLoaded(Err("the disk is read-only".into())));
    shop.press(Key::Char('y'));
    assert!(shop.sent().is_empty());
    shop.press(Key::Esc);
    shop.press(Key::Char('b'));
    assert!(shop.app.overlays.is_empty());
    assert!(shop.screen().contains("read-only"));
}

#[test]
fn an_order_that_cannot_be_recorded_is_not_sent() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.send(Event::BuyNotRecorded {
        order: id,
        reason: "no space left".into(),
    });
    assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }));
    assert!(shop.screen().contains("not placed"));
}

#[test]
fn a_receipt_is_shown_and_recorded_and_updates_the_stock() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.effects.clear();
    shop.send(Event::BuyCompleted {
        order: id,
        result: Ok(sold.clone()),
    });
    assert_eq!(shop.effects, [Effect::AppendJournal(Record::Settled { receipt: sold })]);
    assert_eq!(shop.app.books.stock(number(1)), Some(399));
}

#[test]
fn sold_out_is_an_outcome_and_not_an_error() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    let sold_out = Problem::new(Code::SoldOut, "0 left").with_stock(Stock::ZERO);
    shop.effects.clear();
    shop.send(Event::BuyCompleted {
        order: id,
        result: Err(Error::Problem(Box::new(sold_out))),
    });
    assert_eq!(
        state(&shop, id),
        &OrderState::SoldOut {
            stock: Some(Stock::ZERO)
        }
    );
    let [Effect::AppendJournal(Record::Closed(closed))] = &shop.effects[..] else {
        panic!("{:?}", shop.effects)
    };
    assert_eq!(closed.reason, CloseReason::SoldOut);
    assert!(shop.screen().contains("None were left when its turn came."));
}

#[test]
fn a_lost_answer_is_resolved_with_the_same_key() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.send(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    assert!(shop.screen().contains("unknown, checking"));
    shop.effects.clear();
    shop.pass(300);
    assert_eq!(
        shop.sent(),
        [(id, true)],
        "its dialog is open and its deadline has not passed"
    );
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.send(Event::BuyCompleted {
        order: id,
        result: Ok(sold),
    });
    assert!(matches!(state(&shop, id), OrderState::Sold(_)));
}

#[test]
fn after_its_dialog_is_closed_an_order_is_looked_up_but_never_sent_again() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.send(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    shop.press(Key::Esc);
    shop.effects.clear();
    shop.pass(300);
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn after_its_deadline_an_order_is_looked_up_but_never_sent_again() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.elapsed += Duration::from_secs(6);
    shop.send(Event::BuyCompleted {
        order: id,
        result: Err(problem(Code::DeadlineExceeded)),
    });
    shop.effects.clear();
    shop.pass(300);
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn a_refusal_that_changed_nothing_ends_an_order_unless_an_earlier_request_was_lost() {
    for code in [Code::Unavailable, Code::StorageFull, Code::TooManyRequests] {
        let mut shop = shop_with_books();
        let id = confirm_order(&mut shop);
        shop.send(Event::BuyCompleted {
            order: id,
            result: Err(problem(code)),
        });
        assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }), "{code}");

        let mut shop = shop_with_books();
        let id = confirm_order(&mut shop);
        shop.send(Event::BuyCompleted {
            order: id,
            result: Err(lost()),
        });
        shop.pass(300);
        shop.send(Event::BuyCompleted {
            order: id,
            result: Err(problem(code)),
        });
        assert!(
            matches!(state(&shop, id), OrderState::Unknown { .. }),
            "{code} says nothing about the first request"
        );
    }
}

#[test]
fn an_unknown_order_is_final_only_after_its_deadline() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.send(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    shop.press(Key::Esc);
    shop.pass(300);
    shop.send(Event::OrderLoaded {
        order: id,
        result: Err(problem(Code::UnknownOrder)),
    });
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
    shop.pass(8_000);
    shop.send(Event::OrderLoaded {
        order: id,
        result: Err(problem(Code::UnknownOrder)),
    });
    assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }));
}

#[test]
fn an_undecided_order_of_an_earlier_session_is_looked_up_and_never_sent() {
    let mut shop = Fixture::opened(100, 30);
    shop.effects.clear();
    shop.send(Event::JournalLoaded(Ok(JournalContents {
        records: vec![Record::Placed(undecided())],
        skipped: 0,
    })));
    shop.pass(10_000);
    assert!(lookups(&shop).is_empty(), "the store is not known yet");
    shop.connect();
    assert_eq!((lookups(&shop), shop.sent().len()), (vec![order(77)], 0));
    shop.send(Event::OrderLoaded {
        order: order(77),
        result: Ok(receipt(77, 2, 1, 39)),
    });
    shop.press(Key::Char('2'));
    assert!(shop.screen().contains("✓ sold"));
}

#[test]
fn this_store_does_not_decide_an_order_of_another_store() {
    let mut shop = Fixture::opened(100, 30);
    let elsewhere = PlacedOrder {
        store: Some("0190b6d5-0000-7000-8000-000000000009".parse().unwrap()),
        ..undecided()
    };
    shop.send(Event::JournalLoaded(Ok(JournalContents {
        records: vec![Record::Placed(elsewhere)],
        skipped: 0,
    })));
    shop.connect();
    shop.pass(60_000);
    assert!(lookups(&shop).is_empty());
    assert!(matches!(state(&shop, order(77)), OrderState::Unknown { .. }));
}

#[test]
fn a_second_receipt_for_a_settled_order_changes_nothing() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.send(Event::BuyCompleted {
        order: id,
        result: Ok(sold.clone()),
    });
    shop.effects.clear();
    shop.send(Event::OrderLoaded {
        order: id,
        result: Ok(sold),
    });
    assert!(shop.effects.is_empty());
}

#[test]
fn the_receipt_of_another_order_changes_nothing() {
    let mut shop = shop_with_books();
    let id = confirm_order(&mut shop);
    shop.send(Event::BuyCompleted {
        order: id,
        result: Ok(receipt(99, 1, 1, 41)),
    });
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
}
