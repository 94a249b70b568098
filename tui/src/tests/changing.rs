//! The shopkeeper's dialogs: no accidental change.

use common::wire::{BookAction, StockChange};
use common::{Cost, Stock};

use super::catalog::{book, number};
use super::fixture::Fixture;
use crate::app::{Change, ChangeOutcome, ChangeStep, Command, Overlay, SentChange};
use crate::effect::{Effect, Request};
use crate::input::{InputEvent, Key, KeyEvent};
use crate::message::Event;

/// A shop with the shopkeeper's token, whose first book is selected.
fn at_books() -> Fixture {
    let mut shop = Fixture::at_books();
    shop.app.connection.is_shopkeeper = true;
    shop
}

/// The changes sent so far.
fn sent(shop: &Fixture) -> Vec<SentChange> {
    let changes = shop.effects.iter().filter_map(|effect| match effect {
        Effect::Send(Request::Change(sent)) => Some(sent.clone()),
        _ => None,
    });
    changes.collect()
}

fn changes(shop: &Fixture) -> Vec<Change> {
    sent(shop).into_iter().map(|sent| sent.change).collect()
}

fn answer(shop: &mut Fixture, outcome: ChangeOutcome) {
    let sent = sent(shop).pop().unwrap();
    shop.send(Event::ChangeCompleted { sent, outcome });
}

fn stock(copies: u64) -> Stock {
    Stock::try_from(copies).unwrap()
}

fn cost(text: &str) -> Cost {
    text.parse().unwrap()
}

#[test]
fn without_the_token_nothing_opens_and_the_reason_is_shown() {
    let mut shop = Fixture::at_books();
    for key in ["t", "T"] {
        shop.press(key);
        assert!(shop.app.overlays.is_empty());
        shop.assert_shows("it needs the shopkeeper's token");
    }
    for command in [Command::Change, Command::AddBook] {
        let reason = command.disabled_reason(&shop.app);
        assert!(reason.is_some_and(|why| why.contains("--token")));
    }
    let mut shop = at_books();
    shop.press("2 t");
    assert!(shop.app.overlays.is_empty(), "only in the shop");
}

#[test]
fn a_stock_a_price_or_both_are_saved_with_y_or_with_the_button() {
    let set = |stock| Change::Ready(BookAction::Stock(stock));
    for (keys, expected) in [
        ("Tab 5 0 S-Tab y", set(StockChange::To(stock(50)))),
        ("Tab + 5 Tab Tab Enter", set(StockChange::By(5))),
        ("Tab - 5 Esc t Tab - 6 Enter Enter Enter", set(StockChange::By(-6))),
        ("Tab Tab 9 . 5 Tab y", Change::Price(cost("9.50"), None)),
        ("Tab 0 Tab 9 Tab Enter", Change::Price(cost("9"), Some(stock(0)))),
    ] {
        let mut shop = at_books();
        shop.press("t");
        shop.press(keys);
        let sent = sent(&shop);
        assert_eq!(
            (sent.len(), sent[0].item, &sent[0].change),
            (1, number(1), &expected),
            "{keys}"
        );
    }
}

#[test]
fn neither_the_key_that_opened_it_nor_a_held_key_nor_enter_on_cancel_changes_anything() {
    for keys in [
        "t t t",
        "t Enter",
        "t q",
        "t n",
        "t Esc",
        "t y y",
        "t Tab y",
        "t w w w",
        "t w Enter",
        "t w q",
        "T y",
    ] {
        let mut shop = at_books();
        shop.press(keys);
        assert!(sent(&shop).is_empty(), "{keys}");
    }
    let mut shop = at_books();
    shop.press("t Tab 5 S-Tab");
    for key in [Key::Char('y'), Key::Enter] {
        let repeat = true;
        let key = KeyEvent {
            repeat,
            ..KeyEvent::plain(key)
        };
        shop.send(Event::Input(InputEvent::Key(key)));
    }
    shop.send(Event::Input(InputEvent::Paste("y\n\ty\n".into())));
    assert!(sent(&shop).is_empty());
}

#[test]
fn wrong_numbers_are_named_and_nothing_is_sent() {
    for (keys, why) in [
        ("t y", "enter a new stock or a new price"),
        ("t Tab Tab 1 . 2 . 3 Tab y", "Price: expected a cost"),
        ("t Tab + - Tab Tab y", "Stock: expected"),
        ("t Tab + 1 Tab 9 Tab y", "with a new price, enter the total stock"),
        ("T Tab Tab S Tab Tab n Tab 1 Tab Tab y", "Number: expected"),
        ("T Tab 7 Tab S Tab Tab n Tab Tab Tab y", "Price: expected a cost"),
        ("T Tab 7 Tab Tab Tab n Tab 1 Tab Tab y", "title: expected a text"),
    ] {
        let mut shop = at_books();
        shop.press(keys);
        shop.assert_shows(why);
        assert!(sent(&shop).is_empty(), "{keys}");
    }
}

#[test]
fn letters_are_text_in_a_new_book() {
    let mut shop = at_books();
    shop.press("T Tab 7 x Tab Q y Tab n Tab t Tab 1 . 5 Tab 3 Tab Enter");
    let [
        SentChange {
            item,
            change: Change::Add(fields),
            ..
        },
    ] = &sent(&shop)[..]
    else {
        panic!("{:?}", shop.effects)
    };
    let texts = (
        &*fields.title,
        fields.description.author.as_deref(),
        &*fields.description.topic,
    );
    assert_eq!((item.get(), texts), (7, ("Qy", Some("n"), "t")));
    assert_eq!((fields.cost, fields.stock), (cost("1.50"), Some(stock(3))));
}

#[test]
fn a_withdrawal_must_be_confirmed_and_the_confirmation_starts_on_cancel() {
    let mut shop = at_books();
    shop.press("t w");
    shop.assert_shows("left in stock?");
    shop.press("Enter");
    assert!(
        matches!(shop.app.overlays[..], [Overlay::Change(_)]),
        "back to the dialog"
    );
    for keys in ["w y", "w Tab Enter"] {
        let mut shop = at_books();
        shop.press("t");
        shop.press(keys);
        assert_eq!(changes(&shop), [Change::Ready(BookAction::Withdraw)], "{keys}");
    }
}

#[test]
fn keys_do_nothing_while_the_change_is_pending_and_its_success_closes_the_dialog() {
    let mut shop = at_books();
    shop.press("t Tab 5 S-Tab y");
    for key in ["y", "Tab", "w", "t", "5"] {
        shop.press(key);
        shop.pass(50);
    }
    assert_eq!(sent(&shop).len(), 1);
    answer(&mut shop, ChangeOutcome::Done);
    assert!(shop.app.overlays.is_empty());
    shop.assert_shows("Item 1 is saved");
    assert!(
        shop.effects.contains(&Effect::Send(Request::Book(number(1)))),
        "it is read again"
    );
}

#[test]
fn a_refused_change_can_be_corrected_and_gets_another_key() {
    let mut shop = at_books();
    shop.press("t Tab - 9 S-Tab y");
    answer(
        &mut shop,
        ChangeOutcome::Refused("The stock would fall below 0.\u{1b}".into()),
    );
    shop.assert_shows("The stock would fall below 0");
    shop.press("Tab Backspace 1 S-Tab y");
    let sent = sent(&shop);
    assert_eq!(sent[1].change, Change::Ready(BookAction::Stock(StockChange::By(-1))));
    assert_ne!(sent[0].key, sent[1].key);
}

#[test]
fn a_change_of_unknown_outcome_is_retried_with_its_key() {
    let mut shop = at_books();
    shop.press("t Tab Tab 9 Tab y");
    let action = Change::Price(cost("9"), None)
        .action(Some(book(1, "One", None, "t", 100, 5)))
        .unwrap();
    answer(&mut shop, ChangeOutcome::Unknown(action.clone(), "no answer".into()));
    shop.assert_shows("Whether it was done is unknown");
    shop.pass(2_000);
    shop.press("y");
    let sent = sent(&shop);
    assert_eq!(
        (sent.len(), sent[1].key, &sent[1].change),
        (2, sent[0].key, &Change::Ready(action))
    );
}

#[test]
fn a_notice_reports_the_outcome_of_a_change_after_the_dialog_was_closed() {
    for (outcome, text) in [
        (ChangeOutcome::Done, "Item 1 is saved"),
        (ChangeOutcome::Refused("full".into()), "Item 1 was not changed: full"),
        (
            ChangeOutcome::Unknown(BookAction::Withdraw, "no answer".into()),
            "Whether item 1 was changed is unknown",
        ),
    ] {
        let mut shop = at_books();
        shop.press("t Tab 5 S-Tab y Esc");
        shop.press("t");
        answer(&mut shop, outcome);
        shop.assert_shows(text);
        let [Overlay::Change(dialog)] = &shop.app.overlays[..] else {
            panic!("the new dialog is closed")
        };
        assert_eq!(dialog.step, ChangeStep::Editing);
    }
}

#[test]
fn the_shops_own_texts_are_kept_and_an_existing_number_is_refused() {
    let known = book(1, "A\u{1b}", Some("B"), "t", 100, 5);
    let action = Change::Price(cost("2"), None).action(Some(known.clone())).unwrap();
    let BookAction::Set(fields) = action else {
        panic!("{action:?}")
    };
    assert_eq!((&*fields.title, fields.stock), ("A\u{1b}", None));
    assert!(Change::Price(cost("2"), None).action(None).is_err());
    assert!(Change::Add(fields.clone()).action(Some(known)).is_err());
    assert_eq!(Change::Add(fields.clone()).action(None), Ok(BookAction::Set(fields)));
}
