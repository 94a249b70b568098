//! The buying dialog: no accidental purchase.

use super::catalog::{STORE, number, receipt};
use super::fixture::Fixture;
use crate::app::Overlay;
use crate::effect::{Effect, Request};
use crate::input::{InputEvent, Key, KeyEvent};
use crate::journal::JournalContents;
use crate::message::Event;

/// A shop before its journal was read, with the dialog of the first book.
fn shop_without_journal() -> Fixture {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.answer_requests();
    shop.press("Enter b");
    shop
}

#[test]
fn y_confirms_and_the_order_is_sent_once() {
    let mut shop = Fixture::at_books();
    shop.confirm_order();
    let [
        Effect::Send(Request::Buy {
            sent,
            resend: false,
            basket: None,
        }),
    ] = &shop.effects[..]
    else {
        panic!("{:?}", shop.effects)
    };
    assert!(sent.line(number(1)).is_some());
    assert_eq!(sent.store, Some(STORE.parse().unwrap()));
    assert_eq!(sent.deadline.as_millis(), sent.at.as_millis() + 5_000);
}

#[test]
fn the_dialog_waits_until_earlier_orders_are_read() {
    let mut shop = shop_without_journal();
    shop.press("y");
    shop.assert_shows("Cannot buy: earlier orders are still being read.");
    assert!(shop.sent().is_empty());
    shop.send(Event::JournalLoaded(Ok(JournalContents::default())));
    shop.assert_hides("Cannot buy");
    shop.press("y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn enter_cancels_unless_the_focus_was_moved_to_buy() {
    let mut shop = Fixture::at_books();
    for cancel in ["Enter", "Esc", "n"] {
        shop.press("b");
        shop.press(cancel);
        assert!(shop.app.overlays.is_empty() && shop.sent().is_empty(), "{cancel}");
    }
    shop.press("b Tab Enter");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn the_key_that_opened_the_dialog_never_confirms() {
    for (open, held) in [("b", "b"), (": b u y Enter", "Enter")] {
        let mut shop = Fixture::at_books();
        shop.press(open);
        for _ in 0..50 {
            shop.pass(30);
            shop.press(held);
        }
        assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]), "{held}");
        assert!(shop.sent().is_empty(), "{held}");
    }
}

#[test]
fn a_held_key_never_confirms() {
    let mut shop = Fixture::at_books();
    shop.press("b");
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
    let mut shop = Fixture::at_books();
    shop.press("b");
    shop.send(Event::Input(InputEvent::Paste("y\n\ty\n".into())));
    assert!(shop.sent().is_empty());
}

#[test]
fn keys_do_nothing_while_the_order_is_pending() {
    let mut shop = Fixture::at_books();
    shop.confirm_order();
    for key in ["y", "Enter", "Tab", "b", "+"] {
        shop.press(key);
        shop.pass(50);
    }
    assert_eq!(shop.sent().len(), 1);
    assert!(matches!(shop.app.overlays[..], [Overlay::Buy(_)]));
}

#[test]
fn holding_enter_after_confirming_neither_closes_the_dialog_nor_buys_again() {
    let mut shop = Fixture::at_books();
    shop.press("b Tab Enter");
    let (id, _) = shop.sent()[0];
    shop.answer_buy(id, Ok(receipt(id, 1, 1, 41)));
    for _ in 0..30 {
        shop.pass(30);
        shop.press("Enter");
    }
    shop.assert_shows("✓ sold");
    assert_eq!(shop.sent().len(), 1);
    shop.pass(1_500);
    shop.press("Enter");
    assert!(shop.app.overlays.is_empty(), "pressed again, it closes");
}

#[test]
fn every_dialog_has_its_own_idempotency_key() {
    let mut shop = Fixture::at_books();
    let first = shop.confirm_order();
    shop.press("Esc");
    let second = shop.confirm_order();
    assert_ne!(first, second);
}

#[test]
fn the_quantity_is_stepped_or_typed_within_its_bounds() {
    let mut shop = Fixture::at_books();
    shop.press("b");
    for (key, wanted) in [
        ("-", 1),
        ("+", 2),
        ("0", 2),
        ("4", 4),
        ("2", 42),
        ("7", 100),
        ("+", 100),
        ("5", 5),
        ("Backspace", 1),
    ] {
        shop.press(key);
        let Some(Overlay::Buy(dialog)) = shop.app.overlays.last() else {
            panic!("{key} closed the dialog")
        };
        let (_, copies) = dialog.book().unwrap();
        assert_eq!(copies.quantity.get(), wanted, "after {key}");
    }
}

#[test]
fn more_copies_than_the_stock_cannot_be_confirmed() {
    let mut shop = Fixture::at_books();
    shop.press("b 5");
    shop.moved(1, 3, -397, 41);
    shop.press("y");
    assert!(shop.sent().is_empty());
    shop.assert_shows("Cannot buy: only 3 left.");
    shop.press("3 y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn nothing_can_be_bought_while_the_journal_fails() {
    let mut shop = shop_without_journal();
    shop.press("y");
    assert!(shop.sent().is_empty());
    shop.send(Event::JournalLoaded(Err("the disk is read-only".into())));
    shop.press("y");
    assert!(shop.sent().is_empty());
    shop.press("Esc b");
    assert!(shop.app.overlays.is_empty());
    shop.assert_shows("read-only");
}

#[test]
fn more_copies_than_an_order_can_have_are_reduced_and_the_dialog_says_so() {
    let mut shop = Fixture::at_books();
    shop.press("b 5 0 0");
    shop.assert_shows("At most 100 copies an order: 500 became 100.");
    shop.press("Backspace");
    shop.assert_hides("became 100");
}
