//! What a terminal shows: every screen with every overlay, drawn one over the other by a second process on a pseudo-terminal,
//! equals the frame cell by cell, with styles.

use std::io::{Read, Write};

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use super::catalog::{lost, receipt, sold_out};
use super::fixture::{Fixture, text};
use super::second_process::SecondProcess;
use crate::format;
use crate::message::Event;
use crate::terminal::{TerminalBackend as _, TerminalGuard};
use crate::theme::{Appearance, Theme};
use crate::ui;
use crate::ui::autopilot::tests::SnapshotView;

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 36)];
/// The variable that gives the second process its columns and rows.
const SIZE: &str = "BOOKSTORE_TEST_SCENES";

/// Keys that lead to each screen with each overlay, from the shop's list of books.
fn scenes() -> Vec<String> {
    let screens = [
        "Esc",
        "Enter",
        "Enter Enter",
        "/ g r a",
        "2",
        "2 Enter",
        "2 / s o",
        "3",
        "4",
    ];
    let overlays = ["", "?", ":", ": b u", "m"];
    let combined = screens
        .iter()
        .flat_map(|screen| overlays.map(|overlay| format!("{screen} {overlay}")));
    let others = [
        "Enter b",
        "Enter b 5 0 0",
        "Enter b y",
        "Enter a a Down a B",
        "Enter a a Down a B b",
        "Enter a a Down a B b y",
        "Enter t",
        "Enter t Tab 5 Tab",
        "Enter t Tab 5 S-Tab y",
        "Enter t w",
        "T",
        "T Tab 7 Tab Tab Tab Tab Tab Tab Enter",
        "Enter e",
        "2 b",
        "3 s",
        "3 Space",
        "? PgDn",
        "m Down",
    ];
    combined.chain(others.map(str::to_owned)).collect()
}

/// A shop with orders, a busy stock and a run, after these keys.
fn scene((columns, rows): (u16, u16), keys: &str) -> Fixture {
    let mut shop = Fixture::stocked(columns, rows);
    shop.app.autopilot.available = Ok(());
    shop.app.connection.is_shopkeeper = true;
    shop.app.autopilot.status.has_run = true;
    shop.app.autopilot.status.shoppers = 8;
    shop.press("Enter");
    for answer in [Ok(()), Err(sold_out()), Err(lost())] {
        let order = shop.confirm_order();
        let answer = answer.map(|()| receipt(order, 1, 1, 1_284));
        shop.answer_buy(order, answer);
        shop.press("Esc");
    }
    shop.send(Event::Notice("戰爭 and peace: 👩‍👩‍👧 🇩🇪 é".into()));
    shop.moved(2, 320, -80, 1_290);
    shop.press("Esc");
    // In a text field every letter is text, so later keys would not be commands.
    let (before, typed) = keys.split_once('/').unwrap_or((keys, ""));
    shop.press(before);
    if !typed.is_empty() {
        shop.press("/");
        shop.press(typed.trim_end_matches(['?', ':', 'm']));
        shop.answer_requests();
        shop.press("Enter");
        shop.press(
            typed
                .get(typed.trim_end_matches(['?', ':', 'm']).len()..)
                .unwrap_or_default(),
        );
    }
    shop
}

fn appearance() -> Appearance {
    Appearance::new(Theme::Dark, false, true)
}

/// Draws the scenes in the second process; does nothing in the first.
#[test]
fn the_second_process_draws_the_scenes() {
    let Ok(size) = std::env::var(SIZE) else { return };
    let size = size.split_once('x').unwrap();
    let size = (size.0.parse().unwrap(), size.1.parse().unwrap());
    let mut terminal = TerminalGuard::acquire(true).unwrap();
    for (number, keys) in scenes().iter().enumerate() {
        let mut shop = scene(size, keys);
        // The layout of a first frame, as the first process has it.
        shop.draw_in_view(&appearance(), &mut SnapshotView::large());
        terminal
            .draw(|frame| {
                drop(ui::draw(
                    frame,
                    &shop.app,
                    &appearance(),
                    Some(&mut SnapshotView::large()),
                ));
            })
            .unwrap();
        let mut out = std::io::stdout();
        write!(out, "\u{1b}]2;scene-{number}\u{7}").unwrap();
        out.flush().unwrap();
        std::io::stdin().read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn a_terminal_shows_every_screen_and_overlay_as_it_was_drawn() {
    let mut compared = 0;
    for (columns, rows) in SIZES {
        let test = "tests::pseudo_terminal::the_second_process_draws_the_scenes";
        let mut process = SecondProcess::run(test, (SIZE, &format!("{columns}x{rows}")), (columns, rows));
        for (number, scene_keys) in scenes().iter().enumerate() {
            process.wait_for(&format!("\u{1b}]2;scene-{number}\u{7}"));
            let mut shop = scene((columns, rows), scene_keys);
            shop.draw_in_view(&appearance(), &mut SnapshotView::large());
            let frame = shop.draw_in_view(&appearance(), &mut SnapshotView::large());
            compared += assert_shown(process.terminal.screen(), &frame, scene_keys);
            process.keys.write_all(b"\n").unwrap();
        }
        process.end();
    }
    println!("{} scenes, {compared} cells compared", scenes().len() * SIZES.len());
}

/// Compares all cells; returns how many.
fn assert_shown(screen: &vt100::Screen, frame: &Buffer, keys: &str) -> usize {
    for y in 0..frame.area.height {
        let mut x = 0;
        while x < frame.area.width {
            let (wanted, shown) = (&frame[(x, y)], screen.cell(y, x).unwrap());
            let symbol = if shown.has_contents() { shown.contents() } else { " " };
            let is_blank = symbol == " ";
            let seen = (symbol.to_owned(), visible(style_of(shown), is_blank));
            let expected = (wanted.symbol().to_owned(), visible(style(wanted), is_blank));
            assert_eq!(
                seen,
                expected,
                "{keys:?}, column {x}, row {y} of\n{}\nshown:\n{}",
                text(frame),
                screen.contents()
            );
            x += u16::try_from(format::width(wanted.symbol())).unwrap().max(1);
        }
    }
    usize::from(frame.area.width) * usize::from(frame.area.height)
}

type CellStyle = (vt100::Color, vt100::Color, [bool; 5]);

/// The visible style: a blank has no letter that could be colored, bold, dim or italic.
fn visible((fg, bg, [bold, dim, italic, underlined, reversed]): CellStyle, is_blank: bool) -> CellStyle {
    match is_blank {
        true => (vt100::Color::Default, bg, [false, false, false, underlined, reversed]),
        false => (fg, bg, [bold, dim, italic, underlined, reversed]),
    }
}

fn style_of(cell: &vt100::Cell) -> CellStyle {
    let modifiers = [cell.bold(), cell.dim(), cell.italic(), cell.underline(), cell.inverse()];
    (cell.fgcolor(), cell.bgcolor(), modifiers)
}

fn style(cell: &Cell) -> CellStyle {
    let modifiers = [
        Modifier::BOLD,
        Modifier::DIM,
        Modifier::ITALIC,
        Modifier::UNDERLINED,
        Modifier::REVERSED,
    ];
    (
        color(cell.fg),
        color(cell.bg),
        modifiers.map(|modifier| cell.modifier.contains(modifier)),
    )
}

/// The sixteen colors in the order of their numbers.
fn color(color: Color) -> vt100::Color {
    const SIXTEEN: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match (0..).zip(SIXTEEN).find(|(_, known)| *known == color) {
        Some((number, _)) => vt100::Color::Idx(number),
        None => vt100::Color::Default,
    }
}
