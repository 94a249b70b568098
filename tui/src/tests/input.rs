//! Keys, clicks and pasted text: what they do on the screen shown.

use super::catalog::number;
use super::fixture::Fixture;
use crate::app::{Focus, Overlay, Screen};
use crate::effect::{Effect, ExitReason};
use crate::input::{InputEvent, MouseAction, MouseEvent};
use crate::message::Event;

#[test]
fn letters_typed_into_the_search_run_no_command() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("/");
    shop.effects.clear();
    shop.typed("bqy1");
    assert!(shop.app.overlays.is_empty());
    let is_command = |effect: &Effect| matches!(effect, Effect::Exit(_) | Effect::Copy(_));
    assert!(!shop.effects.iter().any(is_command));
    shop.press("^C");
    assert!(shop.effects.contains(&Effect::Exit(ExitReason::Interrupted)));
}

#[test]
fn q_goes_back_one_step_at_a_time_and_then_exits() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("Enter Enter");
    assert_eq!(shop.app.shop.focus, Focus::Detail);
    shop.effects.clear();
    shop.press("q q");
    assert_eq!((shop.app.shop.focus, shop.effects.len()), (Focus::Topics, 0));
    shop.press("4");
    shop.effects.clear();
    shop.press("q");
    assert_eq!(shop.app.screen, Screen::Shop);
    shop.press("q");
    assert_eq!(shop.effects, [Effect::Exit(ExitReason::UserQuit)]);
}

#[test]
fn a_resize_keeps_selection_and_input() {
    let mut shop = Fixture::stocked(160, 45);
    shop.press("/ g r a");
    shop.answer_requests();
    shop.press("Down");
    let selected = shop.app.shop.selected();
    for (columns, rows) in [(60, 20), (39, 9), (100, 30), (40, 10), (160, 45)] {
        shop.resize(columns, rows);
        shop.draw();
    }
    assert_eq!(shop.app.shop.selected(), selected);
    shop.assert_shows("/ gra");
}

#[test]
fn the_selection_stays_on_its_book_when_the_list_is_sorted() {
    let mut shop = Fixture::at_books();
    shop.press("Down");
    assert_eq!(shop.app.shop.selected(), Some(number(2)));
    for key in ["o", "o", "O", "o", "O"] {
        shop.press(key);
        assert_eq!(shop.app.shop.selected(), Some(number(2)));
    }
    shop.assert_shows("Stock▲");
}

#[test]
fn a_disabled_command_says_why_wherever_it_is_listed() {
    let mut shop = Fixture::stocked(60, 30);
    shop.press("b");
    assert!(shop.app.overlays.is_empty());
    shop.assert_shows("Cannot buy now: choose a book first");
    shop.press("3");
    assert_eq!(shop.app.screen, Screen::Shop);
    shop.assert_shows("not part of this shop");
    shop.press(":");
    shop.typed("autopilot");
    shop.assert_shows("not now: not part of this shop");
    shop.press("Enter");
    assert!(matches!(shop.app.overlays.last(), Some(Overlay::Palette(_))));
}

#[test]
fn the_palette_runs_a_command_by_its_name() {
    let mut shop = Fixture::stocked(100, 30);
    shop.press("^P");
    shop.typed("messages");
    shop.press("Enter");
    assert!(matches!(shop.app.overlays[..], [Overlay::Log { .. }]));
}

#[test]
fn esc_and_q_close_the_topmost_overlay() {
    let mut shop = Fixture::stocked(100, 30);
    for keys in ["? Esc", "m q"] {
        shop.press(keys);
        assert!(shop.app.overlays.is_empty(), "{keys}");
    }
}

#[test]
fn clicks_select_and_the_wheel_scrolls() {
    fn at(shop: &mut Fixture, column: u16, row: u16, action: MouseAction) {
        shop.send(Event::Input(InputEvent::Mouse(MouseEvent { column, row, action })));
    }
    fn on(shop: &mut Fixture, text: &str, action: MouseAction) {
        let screen = shop.screen();
        let mut lines = screen.lines().enumerate();
        let (row, before) = lines
            .find_map(|(row, line)| Some((row, line.split_once(text)?.0)))
            .unwrap();
        let column = u16::try_from(crate::format::width(before)).unwrap();
        at(shop, column, u16::try_from(row).unwrap(), action);
    }
    let mut shop = Fixture::stocked(100, 30);
    on(&mut shop, "graduate school", MouseAction::Click);
    shop.answer_requests();
    on(&mut shop, "Cooking", MouseAction::Click);
    assert_eq!(shop.app.shop.selected(), Some(number(4)));
    on(&mut shop, "Xen", MouseAction::WheelUp);
    assert_eq!(shop.app.shop.selected(), Some(number(3)));
    on(&mut shop, "4 Services", MouseAction::Click);
    assert_eq!(shop.app.screen, Screen::Services);
    on(&mut shop, "q back", MouseAction::Click);
    assert_eq!(shop.app.screen, Screen::Shop);
    on(&mut shop, "? help", MouseAction::Click);
    assert!(matches!(shop.app.overlays.last(), Some(Overlay::Help { .. })));
    // A click outside the overlay does nothing.
    at(&mut shop, 3, 4, MouseAction::Click);
    assert_eq!(shop.app.shop.topic, 1);
}

#[test]
fn y_copies_the_selection_to_the_clipboard() {
    let mut shop = Fixture::at_books();
    shop.press("y");
    let text = "1 How to get a good grade in 677 in 20 minutes a day 30.00".to_owned();
    assert_eq!(shop.effects, [Effect::Copy(text)]);
}
