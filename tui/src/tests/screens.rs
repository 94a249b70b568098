//! Snapshots of every screen in three sizes, with a map of the styles.

use std::time::Duration;

use common::client::{ShopEvent, StreamItem};
use common::wire::{BookPage, Lack, Readiness, ReadyStatus, ServiceKind, UpstreamStatus};
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::catalog::{book, lost, neighbour, readiness, receipt, receipt_of, sold_out, too_few, unreachable};
use super::fixture::{Fixture, text};
use crate::app::Screen;
use crate::message::Event;
use crate::theme::{Appearance, Theme};

const SIZES: [(u16, u16); 3] = [(60, 20), (100, 30), (160, 45)];

fn snapshot(name: &str, shop: &mut Fixture) {
    let (columns, rows) = shop.app.size;
    // Twice: the second frame uses the scroll position of the first one.
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

/// One letter for each cell's style, with a legend.
fn styles(buffer: &Buffer) -> String {
    let mut legend: Vec<(String, char)> = Vec::new();
    let mut letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".chars();
    let mut map = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let cell = &buffer[(x, y)];
            let plain = cell.fg == Color::Reset && cell.modifier.is_empty();
            if plain && cell.bg == Color::Reset {
                line.push(if cell.symbol() == " " { ' ' } else { '.' });
                continue;
            }
            let style = format!("{:?} on {:?} {:?}", cell.fg, cell.bg, cell.modifier);
            let letter = match legend.iter().find(|(known, _)| *known == style) {
                Some((_, letter)) => *letter,
                None => {
                    let letter = letters.next().unwrap();
                    legend.push((style, letter));
                    letter
                }
            };
            line.push(letter);
        }
        map.push_str(line.trim_end());
        map.push('\n');
    }
    for (style, letter) in legend {
        map.push_str(&format!("{letter}: {style}\n"));
    }
    map
}

#[test]
fn the_shop() {
    in_all_sizes("shop_topics", |_| {});
    in_all_sizes("shop_books", |shop| {
        shop.press("Down Down");
        shop.answer_requests();
        shop.press("Enter Down Down");
        shop.pass(20_000);
        shop.moved(7, 1_249, -1, 41);
        shop.pass(9_000);
        shop.moved(7, 1_200, -49, 42);
        shop.pass(8_000);
        shop.moved(7, 1_180, -20, 43);
        shop.moved(5, 14, 2, 44);
    });
    in_all_sizes("shop_detail", |shop| {
        shop.press("Enter Down");
        let order = shop.confirm_order();
        shop.pass(300);
        shop.answer_buy(order, Ok(receipt(order, 2, 1, 41)));
        shop.press("Esc");
        shop.pass(5_000);
        shop.press("Enter");
    });
}

#[test]
fn finding() {
    for (name, word) in [("find", "gra"), ("find_nothing", "zebra")] {
        in_all_sizes(name, |shop| {
            shop.press("/");
            shop.typed(word);
            shop.answer_requests();
        });
    }
}

#[test]
fn waiting_for_the_shop() {
    for (columns, rows) in SIZES {
        let mut shop = Fixture::opened(columns, rows);
        snapshot("first_frame", &mut shop);
        shop.pass(500);
        snapshot("loading", &mut shop);
        shop.send(Event::TopicsLoaded(Err(unreachable())));
        shop.disconnect();
        snapshot("unreachable", &mut shop);
    }
}

#[test]
fn orders() {
    in_all_sizes("orders_empty", |shop| shop.press("2"));
    in_all_sizes("orders", |shop| {
        shop.press("Enter");
        let order = shop.confirm_order();
        shop.answer_buy(order, Ok(receipt(order, 1, 1, 1_284)));
        shop.press("Esc");
        shop.pass(61_000);
        shop.press("Down");
        let order = shop.confirm_order();
        shop.answer_buy(order, Err(sold_out()));
        shop.press("Esc");
        shop.pass(61_000);
        let order = shop.confirm_order();
        shop.answer_buy(order, Err(lost()));
        shop.press("Esc 2");
        shop.elapsed += Duration::from_secs(12);
    });
}

#[test]
fn services() {
    in_all_sizes("services", |shop| {
        shop.press("4");
        for requests in [18_000, 19_187] {
            shop.send(Event::HealthLoaded(Ok(all_services(requests))));
            shop.elapsed += Duration::from_secs(2);
        }
    });
    in_all_sizes("services_not_ready", |shop| {
        shop.press("4");
        let missing = vec![Lack {
            what: "catalog at http://127.0.0.1:8081".into(),
            why: "it cannot be reached: Connection refused (os error 111)".into(),
        }];
        let mut readiness = Readiness {
            status: ReadyStatus::NotReady,
            missing,
            ..all_services(19_187)
        };
        readiness.neighbours.remove(0);
        shop.send(Event::HealthLoaded(Ok(readiness)));
        shop.stream(StreamItem::Event(ShopEvent::Upstream(UpstreamStatus { live: false })));
    });
}

/// The report of a front-end and its two neighbors, each with this number of requests.
fn all_services(requests: u64) -> Readiness {
    let neighbours = [(ServiceKind::Catalog, 77), (ServiceKind::Order, 953)];
    readiness(
        requests,
        neighbours.map(|(service, requests)| neighbour(service, requests)),
    )
}

#[test]
fn overlays() {
    in_all_sizes("help", |shop| shop.press("?"));
    in_all_sizes("palette", |shop| shop.press(": r e"));
    in_all_sizes("log", |shop| {
        shop.send(Event::Notice("The store was found at http://127.0.0.1:8080".into()));
        shop.pass(2_000);
        shop.press("o m");
    });
    in_all_sizes("chart", |shop| {
        shop.press("Enter");
        for step in 1..=20_u64 {
            shop.pass(2_000);
            shop.moved(1, 400 - step * step, -1, 40 + step);
        }
        shop.press("e");
    });
}

#[test]
fn buying() {
    in_all_sizes("buy", |shop| {
        shop.press("Enter Down b +");
        shop.moved(2, 498, -2, 41);
    });
    in_all_sizes("buy_unknown", |shop| {
        shop.press("Enter");
        let order = shop.confirm_order();
        shop.answer_buy(order, Err(lost()));
    });
    in_all_sizes("buy_sold", |shop| {
        shop.press("Enter");
        let order = shop.confirm_order();
        shop.answer_buy(order, Ok(receipt(order, 1, 1, 41)));
    });
    in_all_sizes("buy_sold_out", |shop| {
        shop.press("Enter");
        let order = shop.confirm_order();
        shop.answer_buy(order, Err(sold_out()));
    });
}

/// Adds books of three topics to the basket; one of them is short, and the price of another one has changed.
fn fill_basket(shop: &mut Fixture) {
    shop.press("Enter a a Down a Esc Esc Down Down");
    shop.answer_requests();
    shop.press("Enter Down Down a");
    shop.answer_requests();
    shop.moved(1, 1, -399, 41);
    let book = book(2, "RPCs for Dummies", None, "distributed systems", 4_500, 500);
    let seq = common::Seq(42);
    let result = Ok(common::wire::Book { seq, ..book });
    shop.send(Event::BookLoaded {
        item: super::catalog::number(2),
        result,
    });
    shop.pass(1_000);
}

#[test]
fn the_basket() {
    in_all_sizes("basket_empty", |shop| shop.press("B"));
    in_all_sizes("basket", |shop| {
        fill_basket(shop);
        shop.press("B Down");
    });
    in_all_sizes("checkout", |shop| {
        fill_basket(shop);
        shop.press("B - b");
    });
    in_all_sizes("checkout_short", |shop| {
        fill_basket(shop);
        shop.press("B b");
    });
    in_all_sizes("checkout_sold_out", |shop| {
        fill_basket(shop);
        shop.press("B - b y");
        let order = shop.last_order().order;
        shop.answer_buy(order, Err(too_few(&[(2, 0, 1)])));
    });
    in_all_sizes("checkout_sold", |shop| {
        fill_basket(shop);
        shop.press("B - b y");
        let order = shop.last_order().order;
        shop.answer_buy(order, Ok(receipt_of(order, &[(1, 1), (2, 1), (7, 1)], 1_284)));
    });
}

#[test]
fn orders_of_several_books() {
    in_all_sizes("orders_several", |shop| {
        fill_basket(shop);
        shop.press("B - b y");
        let order = shop.last_order().order;
        shop.answer_buy(order, Err(too_few(&[(2, 0, 1)])));
        shop.press("Esc b y");
        let order = shop.last_order().order;
        shop.answer_buy(order, Ok(receipt_of(order, &[(1, 1), (2, 1), (7, 1)], 1_284)));
        shop.press("Esc 2");
    });
}

#[test]
fn changing() {
    let as_shopkeeper = |keys: &'static str| {
        move |shop: &mut Fixture| {
            shop.app.connection.is_shopkeeper = true;
            shop.press(keys);
        }
    };
    in_all_sizes("change", as_shopkeeper("Enter Down t Tab 5 0 Tab 9 . 5"));
    in_all_sizes("change_refused", as_shopkeeper("Enter t y"));
    in_all_sizes("change_withdraw", as_shopkeeper("Enter t w"));
    in_all_sizes("add_book", as_shopkeeper("T Tab 7 Tab S a n d"));
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
    for (key, name) in [("Enter", "shop_books"), ("b", "buy"), ("y", "buy_on_its_way")] {
        shop.press(key);
        snapshot(name, &mut shop);
    }
    shop.press("Esc");
    for (keys, name) in [("a B", "basket"), ("b", "checkout")] {
        shop.press(keys);
        snapshot(name, &mut shop);
    }
    shop.press("Esc Esc");
    shop.app.connection.is_shopkeeper = true;
    for (keys, name) in [("t Tab", "change"), ("Esc T Tab Tab Tab Tab Tab", "add_book")] {
        shop.press(keys);
        snapshot(name, &mut shop);
    }
}

#[test]
fn plain_signs_and_no_colours() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("Enter");
    shop.draw();
    let buffer = shop.draw_in(&Appearance::new(Theme::Mono, true, true));
    assert!(text(&buffer).is_ascii(), "{}", text(&buffer));
    insta::assert_snapshot!("ascii_mono_100x30", format!("{}\n{}", text(&buffer), styles(&buffer)));
}

#[test]
fn every_screen_fits_every_size_in_every_theme() {
    let scenes = [
        "",
        "Enter",
        "Enter Enter",
        "2",
        "4",
        "?",
        ":",
        "m",
        "Enter b",
        "Enter a a Down a B",
        "Enter a a Down a B b",
        "Enter a a Down a B b y",
        "Enter t Tab",
        "Enter t y",
        "Enter t w",
        "T Tab Tab",
        "Enter e",
        "/ a",
    ];
    for keys in scenes {
        for columns in (40..170).step_by(13) {
            for rows in [10, 13, 24, 50] {
                let mut shop = Fixture::stocked(columns, rows);
                shop.app.connection.is_shopkeeper = true;
                shop.press(keys);
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
fn the_tab_of_the_screen_is_shown_beside_the_longest_state_of_the_connection() {
    for columns in [40, 60, 80, 100, 120] {
        let mut shop = Fixture::stocked(columns, 30);
        shop.disconnect();
        for screen in Screen::ALL {
            shop.app.screen = screen;
            let frame = shop.screen();
            let tabs = frame.lines().next().unwrap();
            assert!(tabs.contains(screen.name()), "{columns} columns: {tabs}");
            for number in 1..=Screen::ALL.len() {
                assert!(
                    columns < 60 || tabs.contains(&format!("{number}")),
                    "{number} at {columns} columns: {tabs}"
                );
            }
        }
    }
}

#[test]
fn a_hostile_title_is_harmless_on_every_screen() {
    let hostile = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{200b}\r\n戰\u{301}\u{301}\u{301} 👩‍👩‍👧‍👦 title".repeat(20);
    for (columns, rows) in SIZES {
        let mut shop = Fixture::stocked(columns, rows);
        shop.press("Down");
        let (generation, _) = shop.topic_request().unwrap();
        let books = vec![book(9, &hostile, Some(&hostile), &hostile, 999_999_999, 1_000_000_000)];
        shop.answer_page(generation, Ok(BookPage { books, next: None }), 40);
        shop.press("Enter");
        for key in ["Enter", "b", "y", "Esc", "a", "B", "b", "Esc", "Esc", "m"] {
            shop.press(key);
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

#[test]
fn a_title_of_any_length_can_be_read_to_its_end() {
    let title = format!("{} finis", "letters and letters".repeat(30));
    let author = format!("{} surname", "a name".repeat(30));
    for (columns, rows) in SIZES {
        let mut shop = Fixture::stocked(columns, rows);
        shop.press("Down");
        let (generation, _) = shop.topic_request().unwrap();
        let books = vec![book(9, &title, Some(&author), "t", 100, 5)];
        shop.answer_page(generation, Ok(BookPage { books, next: None }), 40);
        shop.press("Enter Enter");
        shop.assert_shows("1.00");
        let mut seen = String::new();
        for _ in 0..20 {
            seen += &shop.screen();
            shop.press("PgDn");
        }
        assert!(seen.contains("finis") && seen.contains("surname"), "{seen}");
    }
}

#[test]
fn a_stock_that_never_moved_is_a_line_and_not_a_block() {
    let mut shop = Fixture::stocked(160, 45);
    shop.press("Enter");
    shop.pass(30_000);
    shop.assert_shows("Stock, last 1 min, unchanged");
    shop.assert_hides("█");
}
