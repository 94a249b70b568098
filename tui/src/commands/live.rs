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
use crate::autopilot::cockpit::{Cockpit, Wish};
use crate::autopilot::screen::{self, Look};
use crate::autopilot::{Phase, Settings, Snapshot};
use crate::cli::LookArgs;
use crate::theme;

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
enum Asked {
    Of(Wish),
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
    settings: Settings,
    look: &LookArgs,
    mut interrupt: Interrupt,
) -> Result<Ended, Error> {
    let look = look_of(look);
    let mut screen = Screen::open()?;
    let mut keys = EventStream::new();
    let mut cockpit = Cockpit::new(shop.clone(), settings);
    cockpit.start();
    let next = watch(&mut screen, &mut keys, &mut cockpit, &look, &mut interrupt).await;
    drop(screen);
    let interrupted = match next? {
        Next::Leave(by_interrupt) => by_interrupt,
        Next::Ended => false,
        Next::Signal => true,
    };
    let Some(run) = cockpit.run() else {
        return Err(crate::autopilot::Error::Lost.into());
    };
    if run.snapshot().phase == Phase::Ended {
        return Ok((interrupted, run.ended().await?));
    }
    // The screen is gone: whoever presses Ctrl-C now sends a signal again.
    Ok((interrupted, wind_up(run, interrupt).await?))
}

async fn watch(
    screen: &mut Screen,
    keys: &mut EventStream,
    cockpit: &mut Cockpit,
    look: &Look,
    interrupt: &mut Interrupt,
) -> Result<Next, Error> {
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut shown: Option<Snapshot> = None;
    loop {
        let asked = tokio::select! {
            _ = frames.tick() => Asked::Nothing,
            event = keys.next() => match event {
                Some(event) => asked(&event?),
                None => return Ok(Next::Leave(false)),
            },
            // A run that was stopped by key stays on the screen; one that ends by itself ends the program.
            ended = ended(cockpit), if !cockpit.was_stopped() => return ended.map(|()| Next::Ended),
            () = interrupt.wait() => return Ok(Next::Signal),
        };
        match asked {
            Asked::Of(wish) => cockpit.act(wish),
            Asked::Leave => return Ok(Next::Leave(false)),
            Asked::Interrupt => return Ok(Next::Leave(true)),
            Asked::Redraw => {
                screen.0.clear()?;
                shown = None;
            }
            Asked::Nothing => {}
        }
        let snapshot = cockpit.snapshot();
        if let Some(snapshot) = &snapshot
            && shown.as_ref() != Some(snapshot)
        {
            screen.0.draw(|frame| draw(frame, snapshot, look))?;
        }
        shown = snapshot;
    }
}

async fn ended(cockpit: &Cockpit) -> Result<(), Error> {
    match cockpit.run() {
        Some(run) => Ok(run.ended().await.map(drop)?),
        None => std::future::pending().await,
    }
}

fn asked(event: &Event) -> Asked {
    match event {
        Event::Resize(..) => Asked::Redraw,
        Event::Key(KeyEvent {
            code: KeyCode::Char(letter),
            modifiers,
            kind: KeyEventKind::Press,
            ..
        }) => match (letter, modifiers.contains(KeyModifiers::CONTROL)) {
            ('c', true) => Asked::Interrupt,
            ('l', true) => Asked::Redraw,
            (_, true) => Asked::Nothing,
            ('q', _) => Asked::Leave,
            (&letter, _) => Wish::of(letter).map_or(Asked::Nothing, Asked::Of),
        },
        _ => Asked::Nothing,
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
    // Under NO_COLOR the library would write resets that wipe bold and dim; our own look has no colours anyway.
    crossterm::style::force_color_output(true);
    Look::of(&theme::Look::new(args.theme(), args.ascii, args.reduced_motion))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_when_it_is_pressed_only() {
        let key = |kind| Event::Key(KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, kind));
        assert_eq!(asked(&key(KeyEventKind::Press)), Asked::Leave);
        assert_eq!(asked(&key(KeyEventKind::Release)), Asked::Nothing);
        assert_eq!(asked(&key(KeyEventKind::Repeat)), Asked::Nothing);
    }
}
