//! Numbers are never truncated: in every table of every screen, at every width, each visible number is a complete one.

use std::collections::HashSet;

use common::client::Error;
use common::wire::{Activity, Book, BookPage, Neighbour, Readiness, Receipt, ServiceKind};
use common::{Cost, Quantity, Seq};

use super::catalog::{book, neighbour, number, readiness, receipt, receipt_of, sold_out};
use super::fixture::Fixture;
use crate::basket_file::{BasketLine, SavedBasket};
use crate::message::Event;
use crate::theme::{Appearance, Theme};
use crate::ui::autopilot::tests::SnapshotView;

/// Wide enough for every column.
const WIDE: u16 = 900;
const ROWS: u16 = 40;

/// The standalone runs of digits, commas and points, without those in an id, a date or a word.
fn numbers(screen: &str) -> HashSet<String> {
    let is_part = |c: char| c.is_ascii_digit() || c == ',' || c == '.';
    let mut numbers = HashSet::new();
    // Positions in a list depend on its rows, and the end of the store's id may stand on a line of its own.
    let positions = regex::Regex::new(r"\d+-\d+ of \d+|0+1").unwrap();
    for line in positions.replace_all(screen, " ").lines() {
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let length = chars[at..].iter().take_while(|c| is_part(**c)).count();
            let before = at.checked_sub(1).map_or(' ', |before| chars[before]);
            let after = chars.get(at + length).copied().unwrap_or(' ');
            let stands_alone = [before, after]
                .iter()
                .all(|c| !c.is_alphanumeric() && !"-:#".contains(*c));
            let token: String = chars[at..at + length].iter().collect();
            if stands_alone && token.contains(|c: char| c.is_ascii_digit()) {
                numbers.insert(token.trim_matches(['.', ',']).to_owned());
            }
            at += length.max(1);
        }
    }
    numbers
}

/// Fails if a screen shows a number that is not in the widest frame, or lacks one that is never dropped.
fn assert_no_number_is_cut(name: &str, open: impl Fn(u16) -> Fixture, stay: &[&str]) {
    let screen = |width: u16| {
        let mut shop = open(width);
        let appearance = Appearance::new(Theme::Dark, false, true);
        super::fixture::text(&shop.draw_in_view(&appearance, &mut SnapshotView::large()))
    };
    let all = numbers(&screen(WIDE));
    for width in 40..=200 {
        let shown = screen(width);
        let unknown: Vec<_> = numbers(&shown).difference(&all).cloned().collect();
        assert!(unknown.is_empty(), "{name} at {width}: {unknown:?} in\n{shown}");
        for text in stay {
            assert!(shown.contains(text), "{name} at {width}: no {text:?} in\n{shown}");
        }
    }
}

/// Books with the longest texts and the largest numbers.
fn large_books() -> Vec<Book> {
    let title = "lettersandletters ".repeat(34);
    vec![
        book(
            9_781_402_894_626,
            title.trim(),
            Some("An Author With a Long Name"),
            "t",
            999_999_999,
            1_000_000_000,
        ),
        book(7, "Short", None, "t", 74_250, 45),
        book(812, "Sold Out", Some("Ä"), "t", 174_250, 0),
    ]
}

fn shop(width: u16) -> Fixture {
    let mut shop = Fixture::stocked(width, ROWS);
    let (generation, _) = shop.topic_request_after_down();
    let page = BookPage {
        books: large_books(),
        next: None,
    };
    shop.answer_page(generation, Ok(page), 40);
    shop.press("Enter");
    shop
}

/// A receipt with another total.
fn sold_for(total: u64, sold: Receipt) -> Receipt {
    let total = Cost::try_from(total).unwrap().times(common::Quantity::ONE);
    Receipt { total, ..sold }
}

fn orders(width: u16) -> Fixture {
    let mut shop = Fixture::at_books();
    // The first book has digits in its title.
    shop.press("Down");
    for answer in [Some(74_250), None, Some(174_250), Some(999_999_999)] {
        let order = shop.confirm_order();
        let answer: Result<Receipt, Error> = match answer {
            Some(total) => Ok(sold_for(total, receipt(order, 2, 1, 1_284_567))),
            None => Err(sold_out()),
        };
        shop.answer_buy(order, answer);
        shop.press("Esc");
        shop.pass(90_000_000);
    }
    shop.press("2");
    shop.resize(width, ROWS);
    shop
}

fn services(width: u16) -> Fixture {
    let mut shop = Fixture::stocked(width, ROWS);
    shop.press("4");
    for requests in [1_234_567_890, 1_234_569_890] {
        let large = |service| Neighbour {
            version: "0.12.345".into(),
            head: Some(Seq(987_654_321)),
            activity: Activity {
                uptime_s: 7_500_000,
                ..neighbour(service, requests).activity
            },
            ..neighbour(service, requests)
        };
        let own = large(ServiceKind::Frontend);
        shop.send(Event::HealthLoaded(Ok(Readiness {
            version: own.version,
            head: own.head,
            activity: own.activity,
            ..readiness(requests, [ServiceKind::Catalog, ServiceKind::Order].map(large))
        })));
        shop.elapsed += std::time::Duration::from_secs(2);
    }
    shop
}

fn autopilot(width: u16) -> Fixture {
    let mut shop = Fixture::stocked(width, ROWS);
    shop.app.autopilot.available = Ok(());
    shop.press("3");
    shop
}

#[test]
fn the_list_of_books() {
    let stay = ["9,999,999.99", "1,000,000,000", "742.50", "45", "1,742.50", "none"];
    assert_no_number_is_cut("books", shop, &stay);
    let detail = |width| {
        let mut shop = shop(width);
        shop.press("Enter");
        shop
    };
    assert_no_number_is_cut("a book", detail, &["9,999,999.99", "1,000,000,000", "9781402894626"]);
}

#[test]
fn a_search() {
    let search = |width| {
        let mut shop = shop(width);
        shop.press("/ l e t");
        shop.answer_requests();
        shop
    };
    assert_no_number_is_cut("a search", search, &["9,999,999.99", "1,000,000,000"]);
}

#[test]
fn the_list_of_orders() {
    let stay = ["742.50", "1,742.50", "9,999,999.99", "✓ sold", "∅ sold out"];
    assert_no_number_is_cut("orders", orders, &stay);
    // In 80 columns there is room for title, date and amount.
    let mut shop = orders(80);
    shop.resize(80, 24);
    let screen = shop.screen();
    for text in ["RPCs for Dummies", "01-31 12:00", "742.50", "1,742.50", "9,999,999.99"] {
        assert!(screen.contains(text), "no {text:?} in\n{screen}");
    }
}

/// A shop with the most copies of the most expensive books in its basket, one of which is short.
fn basket(width: u16) -> Fixture {
    let mut shop = Fixture::stocked(width, ROWS);
    let line = |item: u64, title: &str| BasketLine {
        item: number(item),
        quantity: Quantity::try_from(100).unwrap(),
        title: Some(title.into()),
        cost: Some(Cost::try_from(999_999_999).unwrap()),
        stock: None,
    };
    let lines = vec![line(2, "RPCs for Dummies"), line(3, "Xen"), line(5, "Middlemarch")];
    shop.read_basket(2, SavedBasket { lines, checkout: None });
    shop.answer_requests();
    for (seq, item) in (50..).zip([1, 2, 3]) {
        let large = book(
            item,
            "lettersandletters and letters",
            None,
            "t",
            999_999_998,
            1_000_000_000,
        );
        let result = Ok(Book { seq: Seq(seq), ..large });
        shop.send(Event::BookLoaded {
            item: number(item),
            result,
        });
    }
    // The message names no number of the basket.
    shop.pass(20_000);
    shop.press("B");
    shop
}

#[test]
fn the_basket() {
    let stay = ["2,000,001,295.00", "999,999,998.00", "100", "300", "only 12 left"];
    assert_no_number_is_cut("basket", basket, &stay);
    let checkout = |width| {
        let mut shop = basket(width);
        shop.press("Esc 2 B b");
        shop
    };
    assert_no_number_is_cut("checkout", checkout, &stay);
    let orders = |width| {
        let mut shop = basket(WIDE);
        shop.press("Down Down x b y");
        let order = shop.last_order().order;
        let sold = receipt_of(order, &[(2, 100), (3, 100)], 1_284_567);
        let total = Cost::try_from(999_999_999).unwrap().times(Quantity::ONE);
        shop.answer_buy(order, Ok(Receipt { total, ..sold }));
        shop.press("Esc 2");
        shop.pass(90_000_000);
        shop.resize(width, ROWS);
        shop
    };
    assert_no_number_is_cut("an order of several books", orders, &["9,999,999.99"]);
}

#[test]
fn the_services() {
    assert_no_number_is_cut("services", services, &["frontend", "● ready", "entry 40"]);
}

#[test]
fn the_autopilot() {
    let stay = ["123,456 of 1,000,000", "9781402894626", "12.50"];
    assert_no_number_is_cut("autopilot", autopilot, &stay);
}

#[test]
fn the_buying_dialog() {
    let dialog = |width| {
        let mut shop = shop(width);
        shop.press("b 1 0 0");
        shop
    };
    assert_no_number_is_cut("buying", dialog, &["9,999,999.99", "999,999,999.00", "1,000,000,000"]);
}
