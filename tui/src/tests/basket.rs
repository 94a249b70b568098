//! The basket: adding books, its overlay, and the one order that buys it.

use common::wire::{Book, BookPage};
use common::{Code, Quantity};

use super::catalog::{catalog, lost, number, order, problem, receipt_of, too_few};
use super::fixture::Fixture;
use crate::app::{OrderState, Overlay, Screen};
use crate::basket_file::{BasketLine, SavedBasket};
use crate::effect::{Effect, Request};
use crate::input::{InputEvent, Key, KeyEvent, MouseAction, MouseEvent};
use crate::journal::{JournalContents, Record, SentLine, SentOrder};
use crate::message::Event;

/// Two copies of the first book and one of the second one are in the basket; the first book is selected.
fn filled() -> Fixture {
    let mut shop = Fixture::at_books();
    shop.press("a a Down a Up");
    shop.effects.clear();
    shop
}

/// The basket is open, and its dialog has been confirmed.
fn checked_out() -> (Fixture, SentOrder) {
    let mut shop = filled();
    shop.press("B b y");
    let sent = shop.last_order();
    (shop, sent)
}

/// The books and copies in the basket.
fn lines(basket: &SavedBasket) -> Vec<(u64, u32)> {
    let lines = basket.lines.iter();
    lines.map(|line| (line.item.get(), line.quantity.get())).collect()
}

fn in_basket(shop: &Fixture) -> Vec<(u64, u32)> {
    lines(&shop.app.basket.saved)
}

fn saved_line(item: u64, quantity: u64, cost: &str, stock: u64) -> BasketLine {
    BasketLine {
        item: number(item),
        quantity: Quantity::try_from(quantity).unwrap(),
        title: Some(format!("Saved {item}")),
        cost: Some(cost.parse().unwrap()),
        stock: Some(common::Stock::try_from(stock).unwrap()),
    }
}

fn with_cost(item: u64, cents: u64, seq: u64) -> Event {
    let book = catalog().into_iter().find(|book| book.item == number(item)).unwrap();
    let book = Book {
        cost: common::Cost::try_from(cents).unwrap(),
        seq: common::Seq(seq),
        ..book
    };
    Event::BookLoaded {
        item: book.item,
        result: Ok(book),
    }
}

/// A click on a text of the screen.
fn click_on(shop: &mut Fixture, text: &str) -> Event {
    let screen = shop.screen();
    let mut lines = screen.lines().enumerate();
    let (row, before) = lines
        .find_map(|(row, line)| Some((row, line.split_once(text)?.0)))
        .unwrap();
    let [column, row] = [crate::format::width(before), row].map(|at| u16::try_from(at).unwrap());
    let action = MouseAction::Click;
    Event::Input(InputEvent::Mouse(MouseEvent { column, row, action }))
}

fn is_at_basket(shop: &Fixture) -> bool {
    matches!(shop.app.overlays[..], [Overlay::Basket])
}

#[test]
fn a_adds_a_copy_and_the_header_shows_copies_and_total() {
    let mut shop = Fixture::at_books();
    shop.assert_hides("basket 0");
    shop.press("a");
    shop.assert_shows("In the basket: 1 × How to get a good grade");
    shop.press("a Down a");
    shop.assert_shows("basket 3 · 100.00");
    assert_eq!(lines(&shop.written_basket()), [(1, 2), (2, 1)]);
    shop.press("2");
    shop.assert_shows("basket 3 · 100.00");
    let click = click_on(&mut shop, "basket 3");
    shop.send(click);
    assert!(is_at_basket(&shop), "a click on it opens the basket");
}

#[test]
fn the_basket_takes_20_books_and_100_copies_of_each() {
    let mut shop = Fixture::stocked(100, 30);
    let (generation, _) = shop.topic_request_after_down();
    let books = (100..125)
        .map(|item| super::catalog::book(item, "A Book", None, "t", 100, 500))
        .collect();
    shop.answer_page(generation, Ok(BookPage { books, next: None }), 40);
    shop.press("Enter");
    for _ in 0..20 {
        shop.press("a Down");
    }
    shop.press("a");
    shop.assert_shows("The basket has 20 books, the limit of one order");
    assert_eq!(in_basket(&shop).len(), 20);
    shop.press("Home B 9 9");
    shop.press("+ +");
    shop.assert_shows("At most 100 copies of a book in one order");
    shop.press("Esc a");
    shop.assert_shows("At most 100 copies of a book in one order; A Book was not added");
    assert_eq!(in_basket(&shop)[0], (100, 100));
}

#[test]
fn copies_are_changed_and_lines_removed() {
    let mut shop = filled();
    shop.press("B");
    for (keys, wanted) in [
        ("+", vec![(1, 3), (2, 1)]),
        ("a", vec![(1, 4), (2, 1)]),
        ("1 2", vec![(1, 12), (2, 1)]),
        ("Backspace", vec![(1, 1), (2, 1)]),
        ("-", vec![(1, 1), (2, 1)]),
        ("Down 5", vec![(1, 1), (2, 5)]),
        ("Up 2", vec![(1, 2), (2, 5)]),
        ("x", vec![(2, 5)]),
    ] {
        shop.press(keys);
        assert_eq!(in_basket(&shop), wanted, "after {keys}");
        assert_eq!(shop.written_basket(), shop.app.basket.saved, "after {keys}");
    }
    shop.assert_shows("basket 5 · 200.00");
    shop.press("Delete");
    shop.assert_shows("The basket is empty. In the shop (1), a adds a book.");
    shop.press("b");
    assert!(is_at_basket(&shop) && shop.sent().is_empty());
    shop.press("B");
    assert!(shop.app.overlays.is_empty());
}

#[test]
fn stock_and_prices_are_live_and_short_lines_are_marked() {
    let mut shop = filled();
    shop.press("B");
    shop.moved(1, 1, -399, 41);
    shop.assert_shows("only 1 left");
    shop.assert_shows("! How to get");
    shop.assert_shows("Cannot check out: too few copies are left of a book.");
    shop.assert_shows("! basket 3 · 100.00");
    shop.press("b y");
    assert!(shop.sent().is_empty());
    shop.press("Esc -");
    shop.assert_hides("only 1 left");
    shop.send(with_cost(2, 4_500, 42));
    shop.assert_shows("was 40.00");
    shop.assert_shows("basket 2 · 75.00");
    shop.press("b");
    shop.assert_shows("45.00  1  45.00  was 40.00");
    shop.press("y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn a_book_that_was_withdrawn_cannot_be_bought_until_it_is_back() {
    let mut shop = filled();
    shop.press("B");
    let withdrawn = || Event::BookLoaded {
        item: number(2),
        result: Err(problem(Code::UnknownItem)),
    };
    shop.send(withdrawn());
    shop.pass(6_000);
    shop.assert_shows("left the catalog");
    shop.assert_shows("! RPCs for Dummies");
    shop.assert_shows("! basket 3 · 60.00");
    shop.press("b y Esc");
    assert!(shop.sent().is_empty());
    shop.effects.clear();
    shop.moved(2, 7, 7, 50);
    assert_eq!(shop.effects, [Effect::Send(Request::Book(number(2)))]);
    shop.answer_requests();
    shop.assert_hides("left the catalog");
    shop.assert_shows("basket 3 · 100.00");
}

#[test]
fn the_checkout_starts_on_cancel_and_neither_its_key_nor_a_held_key_nor_pasted_text_buys() {
    let mut shop = filled();
    shop.press("B");
    for _ in 0..40 {
        shop.press("b");
        shop.pass(30);
    }
    assert!(matches!(shop.app.overlays[..], [Overlay::Basket, Overlay::Buy(_)]));
    shop.send(Event::Input(InputEvent::Paste("y\n\ty\n".into())));
    shop.send(Event::Input(InputEvent::Key(KeyEvent {
        repeat: true,
        ..KeyEvent::plain(Key::Char('y'))
    })));
    assert!(shop.sent().is_empty());
    shop.pass(1_500);
    shop.press("Enter");
    assert!(is_at_basket(&shop) && shop.sent().is_empty(), "the focus is on Cancel");
    let before = shop.app.orders.next_order_id;
    shop.press("b Tab Enter Enter y b");
    assert_eq!(
        shop.sent(),
        [(before.unwrap(), false)],
        "its key was made when it opened"
    );
}

#[test]
fn the_basket_is_one_order_that_the_file_names_before_it_is_sent() {
    let (mut shop, sent) = checked_out();
    let ordered: Vec<_> = sent
        .lines
        .iter()
        .map(|line| (line.item.get(), line.quantity.get()))
        .collect();
    assert_eq!(ordered, [(1, 2), (2, 1)]);
    let Effect::Send(Request::Buy {
        basket: Some(change), ..
    }) = shop.effects.last().unwrap()
    else {
        panic!("{:?}", shop.effects)
    };
    assert_eq!(change.basket.checkout.map(|checkout| checkout.order), Some(sent.order));
    // A copy added while the order is pending was not bought.
    shop.press("Esc");
    shop.assert_shows("Cannot check out: its order is still pending");
    shop.press("Esc a");
    shop.answer_buy(sent.order, Ok(receipt_of(sent.order, &[(1, 2), (2, 1)], 41)));
    assert_eq!(in_basket(&shop), [(1, 1)]);
    assert_eq!(shop.written_basket(), shop.app.basket.saved);
    assert_eq!(shop.written_basket().checkout, None);
    shop.press("2");
    shop.assert_shows("How to get a good grade in 677 in 20 minutes a day and 1 more");
    shop.assert_shows("100.00");
}

#[test]
fn a_bought_basket_is_empty_and_closes_with_its_dialog() {
    let (mut shop, sent) = checked_out();
    shop.answer_buy(sent.order, Ok(receipt_of(sent.order, &[(1, 2), (2, 1)], 41)));
    shop.assert_shows("Total     100.00 for 3 copies");
    shop.assert_shows("Order     0190b6d5");
    shop.assert_shows("Bought for 100.00: 2 books");
    shop.pass(1_500);
    shop.press("Enter");
    assert!(shop.app.overlays.is_empty() && in_basket(&shop).is_empty());
    shop.assert_hides("basket 3");
}

#[test]
fn a_changed_total_must_be_confirmed_again_and_not_by_a_held_key() {
    let mut shop = filled();
    shop.press("B b");
    shop.send(with_cost(2, 4_500, 41));
    for _ in 0..20 {
        shop.press("y");
        shop.pass(40);
    }
    assert!(shop.sent().is_empty());
    shop.assert_shows("Not bought: the total is now 105.00, not 100.00.");
    shop.pass(1_500);
    shop.press("y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn after_sold_out_the_short_lines_are_offered_for_removal() {
    for keys in ["x", "Tab Enter"] {
        let (mut shop, sent) = checked_out();
        shop.answer_buy(sent.order, Err(too_few(&[(2, 0, 1)])));
        assert_eq!(in_basket(&shop), [(1, 2), (2, 1)], "nothing was bought");
        shop.assert_shows("none left: RPCs for Dummies");
        shop.assert_shows("Remove what cannot be bought from the basket?");
        shop.pass(1_500);
        shop.press(keys);
        assert!(is_at_basket(&shop), "{keys}");
        assert_eq!(lines(&shop.written_basket()), [(1, 2)]);
        shop.press("b y");
        let again = shop.last_order();
        assert!(again.order != sent.order && again.lines.len() == 1);
    }
    let (mut shop, sent) = checked_out();
    shop.answer_buy(sent.order, Err(too_few(&[(2, 0, 1)])));
    shop.pass(1_500);
    shop.press("Enter");
    assert!(is_at_basket(&shop));
    assert_eq!(in_basket(&shop), [(1, 2), (2, 1)], "Enter only closes");
}

#[test]
fn an_order_with_a_lost_answer_is_resolved_with_the_same_key() {
    let (mut shop, sent) = checked_out();
    shop.answer_buy(sent.order, Err(lost()));
    shop.assert_shows("unknown, checking");
    shop.press("Esc b y");
    assert_eq!(shop.sent().len(), 1, "no second order while one is pending");
    shop.press("Esc Esc");
    shop.effects.clear();
    shop.pass(9_000);
    assert!(shop.effects.contains(&Effect::Send(Request::Order(sent.order))));
    shop.answer_lookup(sent.order, Ok(receipt_of(sent.order, &[(1, 2), (2, 1)], 41)));
    assert!(in_basket(&shop).is_empty());
}

/// A restarted shop with this basket and a recorded order.
fn restarted(basket: SavedBasket, record: Option<Record>) -> Fixture {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.answer_requests();
    shop.read_basket(1, basket);
    shop.answer_requests();
    shop.send(Event::JournalLoaded(Ok(JournalContents {
        records: record.into_iter().collect(),
        skipped: 0,
    })));
    shop
}

#[test]
fn after_a_restart_the_order_of_the_basket_is_looked_up_and_never_sent_again() {
    let (first, sent) = checked_out();
    let basket = first.written_basket();
    let mut shop = restarted(basket.clone(), Some(Record::Sent(sent.clone())));
    assert_eq!(in_basket(&shop).len(), 2);
    shop.press("B b y Esc Esc");
    assert!(shop.sent().is_empty());
    shop.answer_lookup(sent.order, Ok(receipt_of(sent.order, &[(1, 2), (2, 1)], 41)));
    assert!(in_basket(&shop).is_empty() && shop.written_basket().checkout.is_none());
    // The order has no record: the program ended between the two writes.
    let mut shop = restarted(basket, None);
    assert!(shop.app.basket.saved.checkout.is_some());
    shop.pass(6_000);
    shop.press("B b y");
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn an_older_basket_shows_changed_prices_and_scarce_stocks() {
    let saved = SavedBasket {
        lines: vec![
            saved_line(2, 1, "35", 480),
            saved_line(5, 2, "12", 13),
            saved_line(7, 1, "1234.56", 9),
        ],
        checkout: None,
    };
    let mut shop = restarted(saved, None);
    shop.resize(120, 30);
    for keys in ["B", "b"] {
        shop.press(keys);
        shop.assert_shows("was 35.00");
        shop.assert_shows("was 12.00, 12 left, 13 before");
        shop.assert_hides("9 before");
        shop.assert_hides("480 before");
        shop.assert_shows("RPCs for Dummies");
        shop.assert_hides("Saved");
    }
    // One copy less leaves 11.
    shop.press("Esc Down -");
    shop.assert_hides("13 before");
}

/// A basket of a copy of each of `books`; two are left of each, and of the last book none.
fn many(books: u64, columns: u16, rows: u16) -> Fixture {
    let lines = (101..=100 + books).map(|item| saved_line(item, 1, "10", 2)).collect();
    let mut shop = restarted(SavedBasket { lines, checkout: None }, None);
    for item in 101..=100 + books {
        let stock = if item == 100 + books { 0 } else { 2 };
        let book = super::catalog::book(item, &format!("Book {item}."), None, "t", 1_000, stock);
        shop.send(Event::BookLoaded {
            item: book.item,
            result: Ok(book),
        });
    }
    shop.resize(columns, rows);
    shop
}

#[test]
fn the_checkout_lists_the_lines_and_first_those_with_notes_if_not_all_fit() {
    for (columns, rows, shown) in [(120, 36, 20), (80, 24, 16), (60, 20, 12)] {
        let mut shop = many(20, columns, rows);
        shop.press("B b");
        let screen = shop.screen();
        assert_eq!(screen.matches("Book 1").count(), shown, "{screen}");
        assert!(
            screen.contains("! Book 120.") && screen.contains("none left"),
            "{screen}"
        );
        assert_eq!(
            screen.contains(&format!("and {} more", 20 - shown)),
            shown < 20,
            "{screen}"
        );
        assert!(screen.contains("20 books") && screen.contains("200.00"), "{screen}");
    }
}

#[test]
fn the_basket_opens_on_the_first_short_line() {
    let mut shop = many(20, 80, 24);
    shop.press("B");
    shop.assert_shows("▌! Book 120.");
}

#[test]
fn a_line_that_gets_short_while_the_checkout_is_open_is_offered_for_removal() {
    for keys in ["x", "Tab Tab Enter", "S-Tab Enter"] {
        let mut shop = filled();
        shop.press("B b");
        shop.assert_hides("Remove");
        shop.moved(2, 0, -500, 41);
        shop.assert_shows("Cannot buy: too few copies are left of a book.");
        shop.assert_shows("Buy y     Remove x");
        shop.press("y");
        shop.press("Tab Enter S-Tab");
        assert!(shop.sent().is_empty());
        shop.press(keys);
        assert!(is_at_basket(&shop), "{keys}");
        assert_eq!(lines(&shop.written_basket()), [(1, 2)]);
    }
}

#[test]
fn a_stock_that_returns_makes_no_purchase_of_a_removal() {
    let mut shop = filled();
    shop.press("B b");
    shop.moved(2, 0, -500, 41);
    shop.press("Tab Tab");
    shop.moved(2, 5, 5, 42);
    shop.press("Enter x");
    assert!(shop.sent().is_empty());
    assert_eq!(in_basket(&shop), [(1, 2), (2, 1)]);
    shop.press("Tab Enter");
    assert!(is_at_basket(&shop), "the focus went on to Cancel");
}

#[test]
fn a_click_on_a_button_that_was_removed_does_nothing() {
    let mut shop = filled();
    shop.press("B b");
    let click = click_on(&mut shop, "Buy y");
    shop.press("y");
    shop.send(click);
    assert_eq!(shop.sent().len(), 1);
}

#[test]
fn a_basket_of_another_program_or_store_replaces_this_one() {
    let mut shop = filled();
    let other = SavedBasket {
        lines: vec![saved_line(3, 1, "75", 300)],
        checkout: None,
    };
    shop.read_basket(1, SavedBasket::default());
    assert_eq!(in_basket(&shop).len(), 2, "an old reading");
    shop.read_basket(2, other.clone());
    assert_eq!(in_basket(&shop), [(3, 1)]);
    assert_eq!(shop.effects, [Effect::Send(Request::Book(number(3)))]);
    shop.assert_shows("Another program has changed the basket");
    let store = "0190b6d5-0000-7000-8000-000000000009";
    shop.connect_to(store, 3);
    assert!(in_basket(&shop).is_empty());
    assert!(shop.effects.contains(&Effect::LoadBasket(store.parse().unwrap())));
    shop.press("1 Enter a");
    assert!(in_basket(&shop).is_empty(), "it is not read yet");
    shop.read_basket(3, other);
    assert!(in_basket(&shop).is_empty(), "of the store before");
}

#[test]
fn a_basket_that_cannot_be_read_is_not_touched() {
    let mut shop = Fixture::opened(100, 30);
    shop.connect();
    shop.send(Event::BasketRead {
        store: super::catalog::STORE.parse().unwrap(),
        generation: 1,
        result: Err("/x was written by a newer version of this program".into()),
    });
    shop.answer_requests();
    shop.press("Enter");
    shop.effects.clear();
    shop.press("a");
    shop.assert_shows("written by a newer version");
    assert!(shop.effects.is_empty());
    shop.pass(6_000);
    shop.press("B");
    shop.assert_shows("The basket cannot be used: /x was written by a newer version");
    assert!(shop.effects.contains(&Effect::ReadBasket), "it may be readable now");
}

#[test]
fn buying_several_books_again_refills_the_basket_at_most_once() {
    let (mut shop, sent) = checked_out();
    shop.answer_buy(sent.order, Ok(receipt_of(sent.order, &[(1, 2), (2, 1)], 41)));
    shop.press("Esc 2");
    assert_eq!(shop.app.screen, Screen::Orders);
    for _ in 0..2 {
        shop.press("b");
        assert!(is_at_basket(&shop));
        assert_eq!(in_basket(&shop), [(1, 2), (2, 1)]);
        shop.press("Esc");
    }
    assert_eq!(shop.sent().len(), 1, "it is only in the basket");
}

#[test]
fn an_order_that_could_not_be_recorded_leaves_the_basket_as_it_is() {
    let (mut shop, sent) = checked_out();
    let reason = "another program has changed the basket".to_owned();
    shop.send(Event::BuyNotRecorded {
        order: sent.order,
        reason,
    });
    shop.assert_shows("Nothing was bought");
    assert!(shop.effects.contains(&Effect::ReadBasket));
    assert_eq!(in_basket(&shop), [(1, 2), (2, 1)]);
    assert_eq!(shop.app.basket.saved.checkout, None);
}

#[test]
fn a_refused_order_of_several_names_the_lines_in_orders() {
    let (mut shop, sent) = checked_out();
    shop.answer_buy(sent.order, Err(too_few(&[(2, 0, 1)])));
    shop.press("Esc Esc 2");
    let state = &shop.app.orders.find(sent.order).unwrap().state;
    assert!(matches!(state, OrderState::NotSold(not_sold) if not_sold.short.len() == 1));
    shop.assert_shows("RPCs for Dummies (none left)");
    shop.assert_shows("Too few copies were left of a book.");
}

#[test]
fn the_lines_of_an_unrecorded_title_are_named_by_their_number() {
    let line = |item| SentLine {
        item: number(item),
        quantity: Quantity::ONE,
        title: None,
        cost: None,
    };
    let (_, sent) = checked_out();
    let sent = SentOrder {
        order: order(78),
        lines: vec![line(7), line(8)],
        ..sent
    };
    let mut shop = restarted(SavedBasket::default(), Some(Record::Sent(sent)));
    shop.press("2");
    shop.assert_shows("item 7 and 1 more");
}
