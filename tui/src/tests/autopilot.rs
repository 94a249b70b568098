//! Random shoppers start only after a confirmation, and every screen shows an active run.

use super::fixture::Fixture;
use crate::app::{Command, Overlay, RunStatus, Screen};
use crate::effect::Effect;
use crate::message::Event;

/// A shop at an address, on the autopilot's screen.
fn at_autopilot(url: &str) -> Fixture {
    let mut shop = Fixture::stocked(80, 24);
    shop.app.autopilot.available = Ok(());
    shop.app.connection.url = url.to_owned();
    shop.app.autopilot.status.shoppers = 1;
    shop.press("3");
    shop.effects.clear();
    shop
}

fn has_started(shop: &Fixture) -> bool {
    shop.effects.contains(&Effect::AutopilotCommand(Command::Start))
}

const LOCAL: &str = "http://127.0.0.1:8080";

#[test]
fn the_focus_starts_on_cancel_and_neither_enter_nor_s_starts_a_run() {
    for keys in ["s Enter", "s s s", "s q", "s n", "s Esc", "s Tab Tab Enter"] {
        let mut shop = at_autopilot(LOCAL);
        shop.press(keys);
        assert!(!has_started(&shop), "{keys}");
    }
}

#[test]
fn y_or_tab_and_enter_starts_a_run_at_a_shop_on_this_machine() {
    for keys in ["s y", "s Tab Enter"] {
        let mut shop = at_autopilot(LOCAL);
        shop.press(keys);
        assert!(has_started(&shop) && shop.app.overlays.is_empty(), "{keys}");
    }
}

#[test]
fn at_a_shop_on_another_machine_its_host_must_be_typed() {
    let mut shop = at_autopilot("http://shop.example:8080");
    shop.press("s");
    shop.assert_shows("Type shop.example to continue");
    shop.press("y Enter");
    shop.press("Tab Enter");
    assert!(!has_started(&shop));
    shop.press("Backspace");
    shop.typed("shop.exampl");
    shop.press("Enter");
    assert!(!has_started(&shop));
    shop.typed("e");
    shop.press("Enter");
    assert!(has_started(&shop));
}

#[test]
fn the_palette_asks_as_well() {
    let mut shop = at_autopilot(LOCAL);
    shop.press(":");
    shop.typed("start");
    shop.press("Enter");
    assert!(!has_started(&shop));
    assert!(matches!(shop.app.overlays[..], [Overlay::StartRun(_)]));
}

#[test]
fn a_run_is_stopped_without_a_question() {
    let mut shop = at_autopilot(LOCAL);
    shop.app.autopilot.status.running = true;
    shop.press("s");
    assert!(has_started(&shop) && shop.app.overlays.is_empty());
}

#[test]
fn every_screen_shows_that_a_run_goes_on() {
    let running = RunStatus {
        running: true,
        has_run: true,
        ..RunStatus::default()
    };
    let paused = RunStatus {
        paused: true,
        ..running
    };
    for (columns, rows) in [(40, 10), (80, 24), (120, 36)] {
        for screen in ["1", "2", "3", "4"] {
            let mut shop = at_autopilot(LOCAL);
            shop.resize(columns, rows);
            shop.press(screen);
            let tabs = |shop: &mut Fixture| shop.screen().lines().next().unwrap_or_default().to_owned();
            assert!(!tabs(&mut shop).contains("3 ●") && !tabs(&mut shop).contains("Autopilot ●"));
            shop.send(Event::AutopilotChanged(running));
            let shown = tabs(&mut shop);
            assert!(
                shown.contains("3 ●") || shown.contains("3 Autopilot ●"),
                "{columns}: {shown}"
            );
            shop.send(Event::AutopilotChanged(paused));
            let shown = tabs(&mut shop);
            assert!(
                shown.contains("3 ‖") || shown.contains("3 Autopilot ‖"),
                "{columns}: {shown}"
            );
        }
    }
}

#[test]
fn a_run_that_ends_is_reported_on_another_screen() {
    let mut shop = at_autopilot(LOCAL);
    shop.app.autopilot.status.running = true;
    shop.press("1");
    assert_eq!(shop.app.screen, Screen::Shop);
    shop.send(Event::AutopilotChanged(RunStatus::default()));
    shop.assert_shows("The autopilot's run has ended; Autopilot (3) shows its numbers");
}
