//! What events do to the state and the screen of the shop.

use common::client::Error;
use common::wire::{Book, BookPage, Hello};
use common::{Code, Problem, Seq};
use std::time::Duration;
use tui::app::{Focus, Overlay, Screen};
use tui::effect::{Effect, ExitReason, ListingKind, Query};
use tui::input::{InputEvent, Key, KeyEvent, MouseAction, MouseEvent};
use tui::message::Event;
use tui::message::StreamEvent;

use crate::fixture::{Fixture, URL, book, number};

fn unreachable() -> Error {
    Error::Unreachable {
        url: URL.into(),
        why: "Connection refused".into(),
    }
}

fn lost(shop: &mut Fixture, attempt: u32) {
    let retry_in = Duration::from_millis(2_400);
    shop.send(Event::Stream(StreamEvent::Disconnected {
        attempt,
        retry_in,
        reason: "cannot reach the shop".into(),
    }));
}

fn find(shop: &mut Fixture, text: &str) {
    let screen = shop.screen();
    assert!(screen.contains(text), "no {text:?} in\n{screen}");
}

fn find_no(shop: &mut Fixture, text: &str) {
    let screen = shop.screen();
    assert!(!screen.contains(text), "{text:?} in\n{screen}");
}

/// A topic with a million books, page by page.
fn endless(after: u64) -> BookPage {
    let books: Vec<Book> = (after + 1..=after + 100)
        .map(|item| book(item, &format!("Volume {item}"), None, "distributed systems", 1_000, 5))
        .collect();
    BookPage {
        books,
        next: Some((after + 100).to_string()),
    }
}

fn page(shop: &mut Fixture, page: BookPage) {
    let (generation, _) = shop.page_effect(ListingKind::Topic).unwrap();
    shop.effects.clear();
    shop.send(Event::PageLoaded {
        generation,
        result: Ok((page, Some(Seq(40)))),
    });
}

#[test]
fn the_first_frame_is_drawn_before_any_answer() {
    let mut shop = Fixture::opened(100, 30);
    find(&mut shop, "Topics");
    find(&mut shop, "◐ connecting");
    find_no(&mut shop, "░");
    shop.pass(200);
    find(&mut shop, "░");
    find_no(&mut shop, "loading");
    shop.pass(300);
    find(&mut shop, "loading");
}

#[test]
fn a_stock_event_updates_the_stock_shown() {
    let mut shop = Fixture::stocked(100, 30);
    find(&mut shop, " 500 ");
    shop.moved(2, 499, -1, 41);
    find(&mut shop, " 499▼");
    shop.pass(1_000);
    find_no(&mut shop, "▼");
    shop.moved(2, 499, -1, 41);
    find_no(&mut shop, "▼");
    shop.moved(2, 600, 101, 42);
    find(&mut shop, " 600▲");
}

#[test]
fn an_idle_shop_needs_no_tick_and_no_frame() {
    let mut shop = Fixture::stocked(100, 30);
    shop.pass(10_000);
    shop.app.dirty = false;
    assert_eq!(shop.app.next_wake(), None);
    shop.moved(999, 1, -1, 41);
    assert!(!shop.app.dirty, "the book is in no list");
    shop.moved(1, 399, -1, 42);
    assert!(shop.app.dirty);
}

#[test]
fn a_frozen_screen_is_marked_and_catches_up() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.press(Key::Char(' '));
    shop.moved(2, 499, -1, 41);
    find(&mut shop, "‖ frozen");
    find(&mut shop, " 500 ");
    shop.press(Key::Char(' '));
    find(&mut shop, " 499▼");
    find(&mut shop, "● live");
}

#[test]
fn a_lost_connection_counts_down_and_reconnects() {
    let mut shop = Fixture::stocked(100, 30);
    lost(&mut shop, 2);
    find(&mut shop, "◐ reconnecting 3s (#2)");
    shop.pass(500);
    find(&mut shop, "◐ reconnecting 2s (#2)");
    shop.effects.clear();
    shop.press(Key::Char('R'));
    assert_eq!(shop.effects, [Effect::Reconnect]);
    shop.send(Event::Stream(StreamEvent::Connecting { attempt: 2 }));
    shop.connect();
    find(&mut shop, "● live");
}

#[test]
fn books_stay_shown_after_a_failed_load_which_is_retried() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Char('r'));
    let (generation, _) = shop.page_effect(ListingKind::Topic).unwrap();
    shop.effects.clear();
    shop.send(Event::PageLoaded {
        generation,
        result: Err(unreachable()),
    });
    find(&mut shop, "RPCs for Dummies");
    shop.pass(1_100);
    assert!(
        shop.page_effect(ListingKind::Topic).is_some(),
        "it is loaded again after a second"
    );
}

#[test]
fn a_new_connection_retries_failed_loads_at_once() {
    let mut shop = Fixture::opened(100, 30);
    shop.send(Event::TopicsLoaded(Err(unreachable())));
    find(&mut shop, "Connection refused");
    find(&mut shop, "Trying again in 1 s");
    shop.effects.clear();
    shop.connect();
    assert!(shop.effects.contains(&Effect::LoadTopics));
}

#[test]
fn a_page_older_than_the_stream_is_loaded_again() {
    let mut shop = Fixture::opened(100, 30);
    shop.send(Event::TopicsLoaded(Ok(crate::fixture::topics())));
    let (generation, query) = shop.page_effect(ListingKind::Topic).unwrap();
    shop.connect();
    shop.effects.clear();
    let books = crate::fixture::answer(&query);
    shop.send(Event::PageLoaded {
        generation,
        result: Ok((BookPage { books, next: None }, Some(Seq(39)))),
    });
    assert!(
        shop.page_effect(ListingKind::Topic).is_some(),
        "the stream did not report the events between 39 and 40"
    );
}

#[test]
fn another_store_at_the_same_address_is_loaded_again() {
    let mut shop = Fixture::stocked(100, 30);
    let store = "0190b6d5-0000-7000-8000-000000000002".parse().unwrap();
    shop.effects.clear();
    shop.send(Event::Stream(StreamEvent::Connected {
        hello: Hello { seq: Seq(3), store },
        resumed: false,
    }));
    assert!(shop.effects.contains(&Effect::LoadTopics));
    find_no(&mut shop, "RPCs for Dummies");
    shop.answer_requests();
    find(&mut shop, "RPCs for Dummies");
}

#[test]
fn a_million_books_are_loaded_page_by_page_as_the_selection_moves_down() {
    let mut shop = Fixture::opened(100, 30);
    shop.send(Event::TopicsLoaded(Ok(crate::fixture::topics())));
    shop.connect();
    page(&mut shop, endless(0));
    assert_eq!(
        shop.page_effect(ListingKind::Topic),
        None,
        "the selection is far from the end"
    );
    shop.press(Key::Enter);
    let mut loaded = 100;
    for _ in 0..300 {
        shop.press(Key::Char('G'));
        if shop.page_effect(ListingKind::Topic).is_none() {
            break;
        }
        page(&mut shop, endless(loaded));
        loaded += 100;
    }
    assert_eq!(shop.app.shop.rows.len(), 20_000, "a list is bounded");
    find(&mut shop, "20,000+");
}

#[test]
fn a_search_matches_the_topic_at_once_and_then_the_whole_shop() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Char('/'));
    shop.typed("rpc");
    find(&mut shop, "1 here");
    find_no(&mut shop, "Xen");
    let (_, query) = shop.page_effect(ListingKind::Search).unwrap();
    assert_eq!(query, Query::Words("rpc".into()));
    for _ in 0..3 {
        shop.press(Key::Backspace);
    }
    shop.effects.clear();
    shop.typed("quix");
    shop.answer_requests();
    find(&mut shop, "Don Quixote");
    find(&mut shop, "0 here, 1 elsewhere");
    shop.press(Key::Enter);
    shop.press(Key::Char('b'));
    assert!(
        matches!(shop.app.overlays.last(), Some(Overlay::Buy(_))),
        "a match can be bought"
    );
    shop.press(Key::Esc);
    shop.press(Key::Esc);
    find(&mut shop, "RPCs for Dummies");
}

#[test]
fn an_answer_to_an_older_search_is_ignored() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Char('/'));
    shop.typed("x");
    let (older, query) = shop.page_effect(ListingKind::Search).unwrap();
    shop.typed("y");
    let books = crate::fixture::answer(&query);
    shop.send(Event::PageLoaded {
        generation: older,
        result: Ok((BookPage { books, next: None }, Some(Seq(40)))),
    });
    find_no(&mut shop, "Xen");
}

#[test]
fn letters_typed_into_the_search_run_no_command() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Char('/'));
    shop.effects.clear();
    shop.typed("bqy1");
    assert!(shop.app.overlays.is_empty());
    assert!(
        !shop
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Exit(_) | Effect::Copy(_)))
    );
    shop.send(Event::Input(InputEvent::Key(KeyEvent::ctrl('c'))));
    assert!(shop.effects.contains(&Effect::Exit(ExitReason::Interrupted)));
}

#[test]
fn q_goes_back_one_step_at_a_time_and_then_exits() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.press(Key::Enter);
    assert_eq!(shop.app.shop.focus, Focus::Detail);
    shop.effects.clear();
    shop.press(Key::Char('q'));
    shop.press(Key::Char('q'));
    assert_eq!((shop.app.shop.focus, shop.effects.len()), (Focus::Topics, 0));
    shop.press(Key::Char('4'));
    shop.effects.clear();
    shop.press(Key::Char('q'));
    assert_eq!(shop.app.screen, Screen::Shop);
    shop.press(Key::Char('q'));
    assert_eq!(shop.effects, [Effect::Exit(ExitReason::UserQuit)]);
}

#[test]
fn a_resize_keeps_selection_and_input() {
    let mut shop = Fixture::stocked(160, 45);
    shop.press(Key::Char('/'));
    shop.typed("gra");
    shop.answer_requests();
    shop.press(Key::Down);
    let selected = shop.app.shop.selected();
    for (columns, rows) in [(60, 20), (39, 9), (100, 30), (40, 10), (160, 45)] {
        shop.resize(columns, rows);
        shop.draw();
    }
    assert_eq!(shop.app.shop.selected(), selected);
    find(&mut shop, "/ gra");
}

#[test]
fn the_selection_stays_on_its_book_when_the_list_is_sorted() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.press(Key::Down);
    assert_eq!(shop.app.shop.selected(), Some(number(2)));
    for key in ['o', 'o', 'O', 'o', 'O'] {
        shop.press(Key::Char(key));
        assert_eq!(shop.app.shop.selected(), Some(number(2)));
    }
    find(&mut shop, "Stock▲");
}

#[test]
fn a_disabled_command_says_why_wherever_it_is_listed() {
    let mut shop = Fixture::stocked(60, 30);
    shop.press(Key::Char('b'));
    assert!(shop.app.overlays.is_empty());
    find(&mut shop, "Cannot buy now: choose a book first");
    shop.press(Key::Char('3'));
    assert_eq!(shop.app.screen, Screen::Shop);
    find(&mut shop, "not part of this shop");
    shop.press(Key::Char(':'));
    shop.typed("autopilot");
    find(&mut shop, "not now: not part of this shop");
    shop.press(Key::Enter);
    assert!(matches!(shop.app.overlays.last(), Some(Overlay::Palette(_))));
}

#[test]
fn the_palette_runs_a_command_by_its_name() {
    let mut shop = Fixture::stocked(100, 30);
    shop.send(Event::Input(InputEvent::Key(KeyEvent::ctrl('p'))));
    shop.typed("messages");
    shop.press(Key::Enter);
    assert!(matches!(shop.app.overlays[..], [Overlay::Log { .. }]));
}

#[test]
fn overlays_stack_and_esc_closes_the_topmost() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Char('?'));
    shop.press(Key::Esc);
    assert!(shop.app.overlays.is_empty());
    shop.press(Key::Char('m'));
    shop.press(Key::Char('q'));
    assert!(shop.app.overlays.is_empty());
}

#[test]
fn clicks_select_and_the_wheel_scrolls() {
    let mut shop = Fixture::stocked(100, 30);
    let at = |shop: &mut Fixture, text: &str| {
        let screen = shop.screen();
        let (row, line) = screen
            .lines()
            .enumerate()
            .find(|(_, line)| line.contains(text))
            .unwrap();
        let before = line.split(text).next().unwrap();
        (
            u16::try_from(tui::format::width(before)).unwrap(),
            u16::try_from(row).unwrap(),
        )
    };
    let click = |shop: &mut Fixture, text: &str, action: MouseAction| {
        let (column, row) = at(shop, text);
        shop.send(Event::Input(InputEvent::Mouse(MouseEvent { column, row, action })));
    };
    click(&mut shop, "graduate school", MouseAction::Click);
    shop.answer_requests();
    click(&mut shop, "Cooking", MouseAction::Click);
    assert_eq!(shop.app.shop.selected(), Some(number(4)));
    click(&mut shop, "Xen", MouseAction::WheelUp);
    assert_eq!(shop.app.shop.selected(), Some(number(3)));
    click(&mut shop, "4 Services", MouseAction::Click);
    assert_eq!(shop.app.screen, Screen::Services);
    click(&mut shop, "q back", MouseAction::Click);
    assert_eq!(shop.app.screen, Screen::Shop);
    click(&mut shop, "? help", MouseAction::Click);
    assert!(matches!(shop.app.overlays.last(), Some(Overlay::Help { .. })));
    // A click outside the overlay does nothing.
    shop.send(Event::Input(InputEvent::Mouse(MouseEvent {
        column: 3,
        row: 4,
        action: MouseAction::Click,
    })));
    assert_eq!(shop.app.shop.topic, 1);
}

#[test]
fn y_copies_the_selection_to_the_clipboard() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.effects.clear();
    shop.press(Key::Char('y'));
    let text = "1 How to get a good grade in 677 in 20 minutes a day 30.00".to_owned();
    assert_eq!(shop.effects, [Effect::Copy(text)]);
}

#[test]
fn a_withdrawn_book_leaves_the_list() {
    let mut shop = Fixture::stocked(100, 30);
    shop.effects.clear();
    shop.moved(2, 0, -500, 41);
    assert_eq!(shop.effects, [Effect::LoadBook(number(2))]);
    let problem = Problem::new(Code::UnknownItem, "no book 2");
    shop.send(Event::BookLoaded {
        item: number(2),
        result: Err(Error::Problem(Box::new(problem))),
    });
    shop.pass(20_000);
    find_no(&mut shop, "RPCs for Dummies");
}

#[test]
fn a_shop_with_a_closed_store_is_still_readable() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press(Key::Enter);
    shop.send(Event::StoreClosed("the disk failed".into()));
    find(&mut shop, "○ offline");
    find(&mut shop, "closed for good: the disk failed");
    find(&mut shop, "RPCs for Dummies");
    shop.press(Key::Char('b'));
    assert!(shop.app.overlays.is_empty());
}

#[test]
fn services_are_polled_only_while_their_screen_is_shown() {
    let mut shop = Fixture::stocked(100, 30);
    shop.pass(10_000);
    assert!(!shop.effects.contains(&Effect::LoadServices));
    shop.press(Key::Char('4'));
    assert!(shop.effects.contains(&Effect::LoadServices));
    shop.send(Event::HealthLoaded(Err(unreachable())));
    shop.effects.clear();
    shop.pass(2_100);
    assert!(shop.effects.contains(&Effect::LoadServices));
    shop.press(Key::Char('1'));
    shop.send(Event::HealthLoaded(Err(unreachable())));
    shop.effects.clear();
    shop.pass(60_000);
    assert!(!shop.effects.contains(&Effect::LoadServices));
}
