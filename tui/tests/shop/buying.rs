//! Nothing is bought by accident, nothing is bought twice, and no order is forgotten.

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

fn shelf() -> Fixture {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.wishes.clear();
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

fn asked(shop: &Fixture) -> Vec<OrderId> {
    let asked = shop.wishes.iter().filter_map(|wish| match wish {
        Effect::FindOrder(order) => Some(*order),
        _ => None,
    });
    asked.collect()
}

fn left_open() -> PlacedOrder {
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
    let mut shop = shelf();
    confirm_order(&mut shop);
    assert_eq!(shop.sent().len(), 1);
    let [Effect::Buy { placed, resend: false }] = &shop.wishes[..] else {
        panic!("{:?}", shop.wishes)
    };
    assert_eq!((placed.item, placed.store), (number(1), Some(STORE.parse().unwrap())));
    assert_eq!(placed.deadline.as_millis(), placed.at.as_millis() + 5_000);
}

#[test]
fn while_earlier_orders_are_being_read_the_dialog_opens_and_waits() {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.grant();
    shop.press(Key::Enter);
    shop.press(Key::Char('b'));
    shop.press(Key::Char('y'));
    assert!(
        shop.screen()
            .contains("Cannot buy: earlier orders are still being read.")
    );
    assert!(shop.sent().is_empty());
    shop.tell(Event::JournalLoaded(Ok(JournalContents::default())));
    assert!(!shop.screen().contains("Cannot buy"));
    shop.press(Key::Char('y'));
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn enter_cancels_unless_the_focus_was_moved_to_buy() {
    let mut shop = shelf();
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
    let mut shop = shelf();
    for _ in 0..50 {
        shop.press(Key::Char('b'));
        shop.pass(30);
    }
    assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]));
    assert!(shop.sent().is_empty());

    let mut shop = shelf();
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
fn a_key_held_down_never_confirms() {
    let mut shop = shelf();
    shop.press(Key::Char('b'));
    for key in [Key::Char('y'), Key::Tab, Key::Enter] {
        let repeat = key != Key::Tab;
        shop.tell(Event::Input(InputEvent::Key(KeyEvent {
            repeat,
            ..KeyEvent::plain(key)
        })));
    }
    assert!(shop.sent().is_empty());
}

#[test]
fn a_pasted_text_never_confirms() {
    let mut shop = shelf();
    shop.press(Key::Char('b'));
    shop.tell(Event::Input(InputEvent::Paste("y\n\ty\n".into())));
    assert!(shop.sent().is_empty());
}

#[test]
fn presses_while_the_order_is_on_its_way_do_nothing() {
    let mut shop = shelf();
    confirm_order(&mut shop);
    for key in [Key::Char('y'), Key::Enter, Key::Tab, Key::Char('b'), Key::Char('+')] {
        shop.press(key);
        shop.pass(50);
    }
    assert_eq!(shop.sent().len(), 1);
    assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]));
}

#[test]
fn enter_held_down_after_confirming_neither_hides_the_outcome_nor_buys_again() {
    let mut shop = shelf();
    shop.press(Key::Char('b'));
    shop.press(Key::Tab);
    shop.press(Key::Enter);
    let (id, _) = shop.sent()[0];
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.tell(Event::BuyCompleted {
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
    assert!(shop.app.overlays.is_empty(), "pressed anew, it closes");
}

#[test]
fn every_dialog_has_a_key_of_its_own_and_keeps_it() {
    let mut shop = shelf();
    let first = confirm_order(&mut shop);
    shop.press(Key::Esc);
    let second = confirm_order(&mut shop);
    assert_ne!(first, second);
}

#[test]
fn the_quantity_is_stepped_or_typed_and_stays_within_its_bounds() {
    let mut shop = shelf();
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
fn more_than_there_is_cannot_be_confirmed() {
    let mut shop = shelf();
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
fn nothing_can_be_bought_before_orders_can_be_written_down() {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.grant();
    shop.press(Key::Enter);
    shop.press(Key::Char('b'));
    shop.press(Key::Char('y'));
    assert!(shop.sent().is_empty());
    shop.tell(Event::JournalLoaded(Err("the disk is read-only".into())));
    shop.press(Key::Char('y'));
    assert!(shop.sent().is_empty());
    shop.press(Key::Esc);
    shop.press(Key::Char('b'));
    assert!(shop.app.overlays.is_empty());
    assert!(shop.screen().contains("read-only"));
}

#[test]
fn an_order_that_could_not_be_written_down_was_not_sent() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.tell(Event::BuyNotRecorded {
        order: id,
        reason: "no space left".into(),
    });
    assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }));
    assert!(shop.screen().contains("not placed"));
}

#[test]
fn a_receipt_is_shown_kept_and_moves_the_stock_at_once() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.wishes.clear();
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Ok(sold.clone()),
    });
    assert_eq!(shop.wishes, [Effect::AppendJournal(Record::Settled { receipt: sold })]);
    assert_eq!(shop.app.books.stock(number(1)), Some(399));
}

#[test]
fn sold_out_is_an_outcome_and_calmly_shown() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    let sold_out = Problem::new(Code::SoldOut, "0 left").with_stock(Stock::ZERO);
    shop.wishes.clear();
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Err(Error::Problem(Box::new(sold_out))),
    });
    assert_eq!(
        state(&shop, id),
        &OrderState::SoldOut {
            stock: Some(Stock::ZERO)
        }
    );
    let [Effect::AppendJournal(Record::Closed(closed))] = &shop.wishes[..] else {
        panic!("{:?}", shop.wishes)
    };
    assert_eq!(closed.reason, CloseReason::SoldOut);
    assert!(shop.screen().contains("None were left when its turn came."));
}

#[test]
fn a_lost_answer_is_settled_by_asking_with_the_same_key() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    assert!(shop.screen().contains("unknown, checking"));
    shop.wishes.clear();
    shop.pass(300);
    assert_eq!(
        shop.sent(),
        [(id, true)],
        "its dialog stands and its deadline has not passed"
    );
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Ok(sold),
    });
    assert!(matches!(state(&shop, id), OrderState::Sold(_)));
}

#[test]
fn once_the_dialog_is_closed_an_order_is_asked_for_but_never_sent_again() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    shop.press(Key::Esc);
    shop.wishes.clear();
    shop.pass(300);
    assert_eq!((asked(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn after_its_deadline_an_order_is_asked_for_but_never_sent_again() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.elapsed += Duration::from_secs(6);
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Err(problem(Code::DeadlineExceeded)),
    });
    shop.wishes.clear();
    shop.pass(300);
    assert_eq!((asked(&shop), shop.sent().len()), (vec![id], 0));
}

#[test]
fn a_refusal_that_changed_nothing_ends_an_order_unless_an_earlier_request_was_lost() {
    for code in [Code::Unavailable, Code::StorageFull, Code::TooManyRequests] {
        let mut shop = shelf();
        let id = confirm_order(&mut shop);
        shop.tell(Event::BuyCompleted {
            order: id,
            result: Err(problem(code)),
        });
        assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }), "{code}");

        let mut shop = shelf();
        let id = confirm_order(&mut shop);
        shop.tell(Event::BuyCompleted {
            order: id,
            result: Err(lost()),
        });
        shop.pass(300);
        shop.tell(Event::BuyCompleted {
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
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Err(lost()),
    });
    shop.press(Key::Esc);
    shop.pass(300);
    shop.tell(Event::OrderLoaded {
        order: id,
        result: Err(problem(Code::UnknownOrder)),
    });
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
    shop.pass(8_000);
    shop.tell(Event::OrderLoaded {
        order: id,
        result: Err(problem(Code::UnknownOrder)),
    });
    assert!(matches!(state(&shop, id), OrderState::NotPlaced { .. }));
}

#[test]
fn an_order_left_open_by_an_earlier_session_is_asked_for_and_never_sent() {
    let mut shop = Fixture::opened(100, 30);
    shop.wishes.clear();
    shop.tell(Event::JournalLoaded(Ok(JournalContents {
        records: vec![Record::Placed(left_open())],
        skipped: 0,
    })));
    shop.pass(10_000);
    assert!(asked(&shop).is_empty(), "nobody knows yet whose ledger it is");
    shop.connect();
    assert_eq!((asked(&shop), shop.sent().len()), (vec![order(77)], 0));
    shop.tell(Event::OrderLoaded {
        order: order(77),
        result: Ok(receipt(77, 2, 1, 39)),
    });
    shop.press(Key::Char('2'));
    assert!(shop.screen().contains("✓ sold"));
}

#[test]
fn an_order_of_another_store_is_not_declared_dead_by_this_one() {
    let mut shop = Fixture::opened(100, 30);
    let elsewhere = PlacedOrder {
        store: Some("0190b6d5-0000-7000-8000-000000000009".parse().unwrap()),
        ..left_open()
    };
    shop.tell(Event::JournalLoaded(Ok(JournalContents {
        records: vec![Record::Placed(elsewhere)],
        skipped: 0,
    })));
    shop.connect();
    shop.pass(60_000);
    assert!(asked(&shop).is_empty());
    assert!(matches!(state(&shop, order(77)), OrderState::Unknown { .. }));
}

#[test]
fn a_second_receipt_for_a_settled_order_changes_nothing() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    let mut sold = receipt(1, 1, 1, 41);
    sold.order = id;
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Ok(sold.clone()),
    });
    shop.wishes.clear();
    shop.tell(Event::OrderLoaded {
        order: id,
        result: Ok(sold),
    });
    assert!(shop.wishes.is_empty());
}

#[test]
fn another_orders_receipt_settles_nothing() {
    let mut shop = shelf();
    let id = confirm_order(&mut shop);
    shop.tell(Event::BuyCompleted {
        order: id,
        result: Ok(receipt(99, 1, 1, 41)),
    });
    assert!(matches!(state(&shop, id), OrderState::Unknown { .. }));
}
