//! What every screen looks like, in three sizes, with its styles beside the text.

use common::client::Error;
use common::wire::{Health, OrderStatus, Receipt, ReceiptLine};
use common::{Code, Problem, Quantity, Seq, Stock, Timestamp};
use tui::input::Key;
use tui::message::Event;
use tui::message::StreamEvent;
use tui::theme::{Appearance, Theme};

use crate::fixture::{Fixture, book, catalog, number, order, styles, text};

const SIZES: [(u16, u16); 3] = [(60, 20), (100, 30), (160, 45)];

fn snapshot(name: &str, shop: &mut Fixture) {
    let (columns, rows) = shop.app.size;
    // Twice: the second frame knows where the first one scrolled to.
    shop.draw();
    let buffer = shop.draw();
    let both = format!("{}\n{}", text(&buffer), styles(&buffer));
    insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), both);
}

fn in_all_sizes(name: &str, scene: impl Fn(&mut Fixture)) {
    for (columns, rows) in SIZES {
        let mut shop = Fixture::stocked(columns, rows);
        scene(&mut shop);
        snapshot(name, &mut shop);
    }
}

pub(crate) fn receipt(id: u64, item: u64, quantity: u64, seq: u64) -> Receipt {
    let book = catalog().into_iter().find(|book| book.item == number(item)).unwrap();
    let copies = Quantity::try_from(quantity).unwrap();
    let (total, seq) = (book.cost.times(copies), Seq(seq));
    let line = ReceiptLine {
        item: book.item,
        title: Some(book.title),
        quantity: copies,
        cost: Some(book.cost),
        total,
        stock: book.stock.checked_add_signed(-i64::from(copies.get())),
        seq,
        reason: None,
    };
    Receipt {
        order: order(id),
        status: OrderStatus::Sold,
        lines: [line].into(),
        total,
        seq,
        at: Timestamp::from_micros(1_769_860_807_000_000),
    }
}

/// Selects the book of that row and buys it; the id of its order.
pub(crate) fn confirm_order(shop: &mut Fixture) -> common::OrderId {
    shop.press(Key::Char('b'));
    shop.press(Key::Char('y'));
    let (order, _) = *shop.sent().last().unwrap();
    order
}

#[test]
fn the_shop() {
    in_all_sizes("shop_topics", |_| {});
    in_all_sizes("shop_books", |shop| {
        shop.press(Key::Down);
        shop.press(Key::Down);
        shop.answer_requests();
        shop.press(Key::Enter);
        shop.press(Key::Down);
        shop.press(Key::Down);
        shop.pass(20_000);
        shop.moved(7, 1_249, -1, 41);
        shop.pass(9_000);
        shop.moved(7, 1_200, -49, 42);
        shop.pass(8_000);
        shop.moved(7, 1_180, -20, 43);
        shop.moved(5, 14, 2, 44);
    });
    in_all_sizes("shop_detail", |shop| {
        shop.press(Key::Enter);
        shop.press(Key::Down);
        let order = confirm_order(shop);
        shop.pass(300);
        let mut receipt = receipt(1, 2, 1, 41);
        receipt.order = order;
        shop.send(Event::BuyCompleted {
            order,
            result: Ok(receipt),
        });
        shop.press(Key::Esc);
        shop.pass(5_000);
        shop.press(Key::Enter);
    });
}

#[test]
fn finding() {
    in_all_sizes("find", |shop| {
        shop.press(Key::Char('/'));
        shop.typed("gra");
        shop.answer_requests();
    });
    in_all_sizes("find_nothing", |shop| {
        shop.press(Key::Char('/'));
        shop.typed("zebra");
        shop.answer_requests();
    });
}

#[test]
fn waiting_for_the_shop() {
    for (columns, rows) in SIZES {
        let mut shop = Fixture::opened(columns, rows);
        snapshot("first_frame", &mut shop);
        shop.pass(500);
        snapshot("loading", &mut shop);
        let error = Error::Unreachable {
            url: crate::fixture::URL.into(),
            why: "Connection refused (os error 111)".into(),
        };
        shop.send(Event::TopicsLoaded(Err(error.clone())));
        let lost = StreamEvent::Disconnected {
            attempt: 2,
            retry_in: std::time::Duration::from_millis(2_400),
            reason: error.to_string(),
        };
        shop.send(Event::Stream(lost));
        snapshot("unreachable", &mut shop);
    }
}

#[test]
fn orders() {
    in_all_sizes("orders_empty", |shop| shop.press(Key::Char('2')));
    in_all_sizes("orders", |shop| {
        shop.press(Key::Enter);
        let sold = confirm_order(shop);
        let mut receipt = receipt(1, 1, 1, 1_284);
        receipt.order = sold;
        shop.send(Event::BuyCompleted {
            order: sold,
            result: Ok(receipt),
        });
        shop.press(Key::Esc);
        shop.pass(61_000);
        shop.press(Key::Down);
        let sold_out = confirm_order(shop);
        let problem = Problem::new(Code::SoldOut, "0 left").with_stock(Stock::ZERO);
        shop.send(Event::BuyCompleted {
            order: sold_out,
            result: Err(Error::Problem(Box::new(problem))),
        });
        shop.press(Key::Esc);
        shop.pass(61_000);
        let unknown = confirm_order(shop);
        let lost = Error::Lost {
            url: crate::fixture::URL.into(),
            why: "no answer in time".into(),
        };
        shop.send(Event::BuyCompleted {
            order: unknown,
            result: Err(lost),
        });
        shop.press(Key::Esc);
        shop.press(Key::Char('2'));
        shop.elapsed += std::time::Duration::from_secs(12);
    });
}

#[test]
fn services() {
    in_all_sizes("services", |shop| {
        shop.press(Key::Char('4'));
        for requests in [18_000, 19_187] {
            shop.send(Event::HealthLoaded(Ok(health(requests))));
            shop.elapsed += std::time::Duration::from_secs(2);
        }
    });
    in_all_sizes("services_not_ready", |shop| {
        shop.press(Key::Char('4'));
        let problem = Problem::new(
            Code::Unavailable,
            "The frontend service waits for: the catalog at http://127.0.0.1:8081.",
        );
        shop.send(Event::HealthLoaded(Err(Error::Problem(Box::new(problem)))));
        shop.send(Event::Stream(StreamEvent::Upstream(false)));
    });
}

fn health(requests: u64) -> Health {
    let one = |service: &str, requests| Health {
        status: "ok".into(),
        service: service.into(),
        version: "0.1.0".into(),
        uptime_s: 7_500,
        missing: Vec::new(),
        requests,
        p50_us: Some(250),
        p99_us: Some(50_000),
        head: (service != "order").then_some(Seq(40)),
        services: Vec::new(),
    };
    Health {
        services: vec![one("order", 953), one("catalog", 77)],
        ..one("frontend", requests)
    }
}

#[test]
fn overlays() {
    in_all_sizes("help", |shop| shop.press(Key::Char('?')));
    in_all_sizes("palette", |shop| {
        shop.press(Key::Char(':'));
        shop.typed("re");
    });
    in_all_sizes("log", |shop| {
        shop.send(Event::Notice("The store was found at http://127.0.0.1:8080".into()));
        shop.pass(2_000);
        shop.press(Key::Char('o'));
        shop.press(Key::Char('m'));
    });
    in_all_sizes("chart", |shop| {
        shop.press(Key::Enter);
        for step in 1..=20_u64 {
            shop.pass(2_000);
            shop.moved(1, 400 - step * step, -1, 40 + step);
        }
        shop.press(Key::Char('e'));
    });
}

#[test]
fn buying() {
    in_all_sizes("buy", |shop| {
        shop.press(Key::Enter);
        shop.press(Key::Down);
        shop.press(Key::Char('b'));
        shop.press(Key::Char('+'));
        shop.moved(2, 498, -2, 41);
    });
    in_all_sizes("buy_unknown", |shop| {
        shop.press(Key::Enter);
        let order = confirm_order(shop);
        let lost = Error::Lost {
            url: crate::fixture::URL.into(),
            why: "no answer in time".into(),
        };
        shop.send(Event::BuyCompleted {
            order,
            result: Err(lost),
        });
    });
    in_all_sizes("buy_sold", |shop| {
        shop.press(Key::Enter);
        let order = confirm_order(shop);
        let mut receipt = receipt(1, 1, 1, 41);
        receipt.order = order;
        shop.send(Event::BuyCompleted {
            order,
            result: Ok(receipt),
        });
    });
    in_all_sizes("buy_sold_out", |shop| {
        shop.press(Key::Enter);
        let order = confirm_order(shop);
        let problem = Problem::new(Code::SoldOut, "0 left").with_stock(Stock::ZERO);
        shop.send(Event::BuyCompleted {
            order,
            result: Err(Error::Problem(Box::new(problem))),
        });
    });
}

#[test]
fn the_smallest_frames() {
    for (columns, rows) in [(39, 10), (40, 9), (1, 1), (12, 3)] {
        let mut shop = Fixture::stocked(columns, rows);
        let screen = shop.screen();
        assert!(columns < 10 || screen.contains("too small"), "{screen}");
    }
    let mut shop = Fixture::stocked(40, 10);
    snapshot("shop_topics", &mut shop);
    shop.press(Key::Enter);
    snapshot("shop_books", &mut shop);
    shop.press(Key::Char('b'));
    snapshot("buy", &mut shop);
    shop.press(Key::Char('y'));
    snapshot("buy_on_its_way", &mut shop);
}

#[test]
fn plain_signs_and_no_colours() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.draw();
    let buffer = shop.draw_in(&Appearance::new(Theme::Mono, true, true));
    assert!(text(&buffer).is_ascii(), "{}", text(&buffer));
    insta::assert_snapshot!("ascii_mono_100x30", format!("{}\n{}", text(&buffer), styles(&buffer)));
}

#[test]
fn every_screen_fits_every_size_in_every_theme() {
    let keys = ["", "\n", "\n\n", "2", "4", "?", ":", "m", "\nb", "\ne", "/a"];
    for keys in keys {
        for columns in (40..170).step_by(13) {
            for rows in [10, 13, 24, 50] {
                let mut shop = Fixture::stocked(columns, rows);
                for key in keys.chars() {
                    shop.press(if key == '\n' { Key::Enter } else { Key::Char(key) });
                }
                shop.draw_in(&Appearance::new(Theme::HighContrast, columns % 2 == 0, false));
                shop.resize(200, 60);
                shop.draw_in(&Appearance::new(Theme::Light, false, false));
                shop.resize(40, 10);
                shop.draw();
            }
        }
    }
}

#[test]
fn a_hostile_title_is_harmless_on_every_screen() {
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{200b}\r\n戰\u{301}\u{301}\u{301} 👩‍👩‍👧‍👦 title".repeat(20);
    for (columns, rows) in SIZES {
        let mut shop = Fixture::stocked(columns, rows);
        let (generation, _) = {
            shop.press(Key::Down);
            shop.page_effect(tui::effect::ListingKind::Topic).unwrap()
        };
        let books = vec![book(9, &hostile, Some(&hostile), &hostile, 999_999_999, 1_000_000_000)];
        let page = common::wire::BookPage { books, next: None };
        shop.send(Event::PageLoaded {
            generation,
            result: Ok((page, Some(Seq(40)))),
        });
        shop.press(Key::Enter);
        for key in ['\n', 'b', 'y', 'm'] {
            shop.press(if key == '\n' { Key::Enter } else { Key::Char(key) });
            let screen = shop.screen();
            for c in screen.chars().filter(|c| *c != '\n') {
                assert!(
                    !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c),
                    "{c:?} in {screen}"
                );
            }
        }
    }
}
