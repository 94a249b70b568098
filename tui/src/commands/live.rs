//! The autopilot's live screen in a terminal of its own. The terminal is given back as it was on every way out.

use std::io;
use std::time::Duration;

use common::client::Shop;
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures::StreamExt;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::Line;
use ratatui::{DefaultTerminal, Frame};

use super::load::{Ended, wind_up};
use super::{Error, Interrupt};
use crate::autopilot::screen::{self, Look};
use crate::autopilot::{Autopilot, Handle, Phase, Settings, Snapshot};
use crate::cli::{Colour, LookArgs, ThemeName};

/// Ten pictures a second are as many as a chart of seconds needs.
const FRAME: Duration = Duration::from_millis(100);

/// Raw mode and the alternate screen, for as long as this is kept. The library's hook gives them back in a panic, too.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        ratatui::try_init().map(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    StartOrStop,
    Pause,
    Fewer,
    More,
    Leave,
    Interrupt,
    Redraw,
    Nothing,
}

/// What the loop over keys and pictures came to.
enum Next {
    /// Leave, with whether it was by Ctrl-C.
    Leave(bool),
    /// A run ended by itself.
    Ended,
    /// A signal asks to end.
    Signal,
}

/// Shows a run until it ends or the customer leaves.
pub(super) async fn run(
    shop: &Shop,
    mut settings: Settings,
    look: &LookArgs,
    mut interrupt: Interrupt,
) -> Result<Ended, Error> {
    let look = look_of(look);
    let mut screen = Screen::open()?;
    let mut keys = EventStream::new();
    let mut autopilot = Autopilot::start(shop.clone(), settings.clone());
    let next = watch(
        &mut screen,
        &mut keys,
        &mut autopilot,
        shop,
        &mut settings,
        &look,
        &mut interrupt,
    )
    .await;
    drop(screen);
    let interrupted = match next? {
        Next::Leave(by_interrupt) => by_interrupt,
        Next::Ended => false,
        Next::Signal => true,
    };
    if autopilot.snapshot().phase == Phase::Ended {
        return Ok((interrupted, autopilot.ended().await?));
    }
    // The screen is gone: whoever presses Ctrl-C now sends a signal again.
    Ok((interrupted, wind_up(&autopilot, interrupt).await?))
}

async fn watch(
    screen: &mut Screen,
    keys: &mut EventStream,
    autopilot: &mut Handle,
    shop: &Shop,
    settings: &mut Settings,
    look: &Look,
    interrupt: &mut Interrupt,
) -> Result<Next, Error> {
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut shown: Option<Snapshot> = None;
    // A run that was stopped by key stays on the screen; one that ends by itself ends the program.
    let mut stopped = false;
    loop {
        let wish = tokio::select! {
            _ = frames.tick() => Wish::Nothing,
            event = keys.next() => match event {
                Some(event) => wish(&event?),
                None => return Ok(Next::Leave(false)),
            },
            ended = autopilot.ended(), if !stopped => return ended.map(|_| Next::Ended).map_err(Error::from),
            () = interrupt.wait() => return Ok(Next::Signal),
        };
        match wish {
            Wish::StartOrStop if stopped => {
                // Only when the old run is over may the next one begin.
                if matches!(autopilot.snapshot().phase, Phase::Ended | Phase::Failed) {
                    *autopilot = Autopilot::start(shop.clone(), settings.clone());
                    stopped = false;
                }
            }
            Wish::StartOrStop => {
                stopped = true;
                let stopping = autopilot.clone();
                tokio::spawn(async move { stopping.stop().await.map(drop) });
            }
            Wish::Pause if autopilot.snapshot().phase == Phase::Paused => autopilot.resume(),
            Wish::Pause => autopilot.pause(),
            Wish::Fewer => set_shoppers(
                autopilot,
                settings,
                settings.shoppers.saturating_sub(step(settings.shoppers - 1)),
            ),
            Wish::More => set_shoppers(
                autopilot,
                settings,
                settings.shoppers.saturating_add(step(settings.shoppers)),
            ),
            Wish::Leave => return Ok(Next::Leave(false)),
            Wish::Interrupt => return Ok(Next::Leave(true)),
            Wish::Redraw => {
                screen.0.clear()?;
                shown = None;
            }
            Wish::Nothing => {}
        }
        let snapshot = autopilot.snapshot();
        if shown.as_ref() != Some(&snapshot) {
            screen.0.draw(|frame| draw(frame, &snapshot, look))?;
            shown = Some(snapshot);
        }
    }
}

/// Ones up to ten, tens up to a hundred, and so on.
fn step(shoppers: u32) -> u32 {
    10_u32.pow(shoppers.max(1).ilog10())
}

fn set_shoppers(autopilot: &Handle, settings: &mut Settings, shoppers: u32) {
    autopilot.set_shoppers(shoppers);
    settings.shoppers = autopilot.snapshot().shoppers;
}

fn wish(event: &Event) -> Wish {
    match event {
        Event::Resize(..) => Wish::Redraw,
        Event::Key(KeyEvent {
            code,
            modifiers,
            kind: KeyEventKind::Press,
            ..
        }) => match (code, modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c'), true) => Wish::Interrupt,
            (KeyCode::Char('l'), true) => Wish::Redraw,
            (_, true) => Wish::Nothing,
            (KeyCode::Char('q'), _) => Wish::Leave,
            (KeyCode::Char('s'), _) => Wish::StartOrStop,
            (KeyCode::Char('p'), _) => Wish::Pause,
            (KeyCode::Char('['), _) => Wish::Fewer,
            (KeyCode::Char(']'), _) => Wish::More,
            _ => Wish::Nothing,
        },
        _ => Wish::Nothing,
    }
}

fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, look: &Look) {
    let [body, hints] = Layout::vertical([Constraint::Min(0), Constraint::Length(1)]).areas(frame.area());
    screen::draw_with(frame, body, snapshot, look);
    let start_or_stop = match snapshot.phase {
        Phase::Ended | Phase::Failed => "start",
        _ => "stop",
    };
    let pause = if snapshot.phase == Phase::Paused {
        "go on"
    } else {
        "pause"
    };
    let keys = format!("s {start_or_stop}  p {pause}  [ ] fewer, more shoppers  q quit");
    frame.render_widget(Line::styled(keys, look.dim), hints);
}

fn look_of(args: &LookArgs) -> Look {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let mono = match (args.theme, args.color) {
        (Some(ThemeName::Mono), _) | (_, Colour::Never) => true,
        (_, Colour::Always) => false,
        (_, Colour::Auto) => no_colour,
    };
    // Under NO_COLOR the library would write resets that wipe bold and dim; our own look has no colours anyway.
    crossterm::style::force_color_output(true);
    Look {
        ascii: args.ascii,
        ..if mono { Look::MONO } else { Look::COLOUR }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shoppers_change_by_ones_then_by_tens() {
        assert_eq!([1, 9, 10, 99, 100, 9_999].map(step), [1, 1, 10, 10, 100, 1_000]);
    }

    #[test]
    fn a_key_counts_when_it_is_pressed_only() {
        let key = |kind| Event::Key(KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, kind));
        assert_eq!(wish(&key(KeyEventKind::Press)), Wish::Leave);
        assert_eq!(wish(&key(KeyEventKind::Release)), Wish::Nothing);
        assert_eq!(wish(&key(KeyEventKind::Repeat)), Wish::Nothing);
    }
}
