//! The event loop of one session.

#[cfg(test)]
mod tests;

use std::io;
use std::time::Duration;

use common::{OrderId, Timestamp};
use futures::FutureExt as _;
use futures::future::{BoxFuture, pending};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::effects::EffectRunner;
use super::{Error, ExitReason, Opened, Opening};
use crate::app::{App, Screen, update};
use crate::effect::Effect;
use crate::input::InputEvent;
use crate::message::{Event, Message};
use crate::now::Now;
use crate::terminal::{Signal, Signals, TerminalBackend, panicked};
use crate::theme::Appearance;
use crate::ui::{self, ScreenView};

/// The shortest time between two frames: 30 frames per second.
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
/// Time between two checks of the autopilot's view for changes, and so between two frames of its charts.
const VIEW_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Shortest time between two ticks, even if the state requests earlier ones.
const TICK_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Most events handled before a frame, so that a flood of events cannot stop the drawing.
const BATCH_MAX: usize = 8_192;

/// The sources of a session's events.
pub(super) struct Sources {
    pub(super) input: mpsc::Receiver<io::Result<InputEvent>>,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) opening: Opening,
    pub(super) signals: Signals,
    /// Ends the session when it completes.
    pub(super) exit_when: BoxFuture<'static, ()>,
}

/// The event loop, with everything it owns.
pub(super) struct Session<S> {
    terminal: S,
    app: App,
    appearance: Appearance,
    autopilot_view: Option<Box<dyn ScreenView + Send>>,
    runner: EffectRunner,
    /// Changes when the local store closes permanently.
    store_closed: Option<watch::Receiver<Option<String>>>,
    started: Instant,
    next_frame: Instant,
    /// Time of the next check of the autopilot's view.
    next_view_poll: Instant,
    last_tick: Instant,
    exit: Option<ExitReason>,
    suspending: bool,
}

impl<S: TerminalBackend> Session<S> {
    pub(super) fn new(terminal: S, app: App, appearance: Appearance, runner: EffectRunner) -> Self {
        let now = Instant::now();
        Self {
            terminal,
            app,
            appearance,
            autopilot_view: None,
            runner,
            store_closed: None,
            started: now,
            next_frame: now,
            next_view_poll: now,
            last_tick: now,
            exit: None,
            suspending: false,
        }
    }

    /// Connects the session to the opened shop.
    pub(super) fn open(&mut self, opened: Opened) -> Result<(), Error> {
        let connection = opened.connection;
        self.handle(Event::ShopOpened {
            url: connection.shop.url(),
            is_shopkeeper: connection.shop.is_shopkeeper(),
            shop_name: connection.name.clone(),
        })?;
        if let Some(notice) = connection.notice.clone() {
            self.handle(Event::Notice(notice))?;
        }
        self.autopilot_view = opened.autopilot;
        self.store_closed = connection.store_closed();
        self.runner.open(connection.shop, opened.follow);
        Ok(())
    }

    /// Restores the terminal, then waits for writes to disk.
    pub(super) async fn close(self) {
        drop(self.terminal);
        self.runner.shut_down().await;
    }

    /// Draws the first frame, without waiting for any answer, and sends the first requests.
    pub(super) fn start(&mut self) -> Result<(), Error> {
        self.update_size()?;
        self.draw()?;
        self.handle(Event::Started)
    }

    /// Runs until the exit.
    pub(super) async fn run(&mut self, sources: &mut Sources) -> Result<ExitReason, Error> {
        let Sources {
            input,
            events,
            opening,
            signals,
            exit_when,
        } = sources;
        loop {
            if let Some(reason) = self.exit {
                return Ok(reason);
            }
            if self.suspending {
                self.suspend().await?;
                // Suspending raises SIGTSTP again; discard it.
                signals.discard(Signal::Suspended);
            }
            if self.app.dirty && self.terminal.is_ready() && Instant::now() >= self.next_frame {
                self.draw()?;
            }
            let wake = self.next_wake();
            let waits = self.app.dirty && !self.terminal.is_ready();
            tokio::select! {
                event = input.recv() => match event {
                    Some(event) => self.handle(Event::Input(event?))?,
                    None => return Ok(ExitReason::HungUp),
                },
                Some(event) = events.recv() => self.handle(event)?,
                () = tokio::time::sleep_until(wake) => self.on_wake()?,
                ready = self.terminal.ready(), if waits => ready?,
                signal = signals.next() => match signal {
                    Signal::Interrupted | Signal::Terminated | Signal::Quit => return Ok(ExitReason::Interrupted),
                    Signal::HungUp => return Ok(ExitReason::HungUp),
                    Signal::Suspended => self.suspending = true,
                    Signal::Continued => self.resume()?,
                },
                opened = &mut *opening => {
                    *opening = pending().boxed();
                    self.open(opened?)?;
                }
                reason = store_closed(&mut self.store_closed) => {
                    self.store_closed = None;
                    self.handle(Event::StoreClosed(reason))?;
                }
                () = &mut *exit_when => return Ok(ExitReason::Completed),
                () = panicked() => return Err(Error::Panicked),
            }
            for _ in 0..BATCH_MAX {
                let Ok(event) = events.try_recv() else { break };
                self.handle(event)?;
            }
            for _ in 0..BATCH_MAX {
                let Ok(event) = input.try_recv() else { break };
                self.handle(Event::Input(event?))?;
                if self.exit.is_some() || self.suspending {
                    break;
                }
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            elapsed: self.started.elapsed(),
            wall: Timestamp::now(),
        }
    }

    /// Applies an event and performs its effects.
    fn handle(&mut self, event: Event) -> Result<(), Error> {
        self.app.orders.next_order_id.get_or_insert_with(OrderId::generate);
        let now = self.now();
        let mut changes_autopilot = false;
        for effect in update(&mut self.app, Message { now, event }) {
            match effect {
                Effect::Exit(reason) => self.exit = Some(reason),
                Effect::Suspend => self.suspending = true,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Copy(text) => self.terminal.copy(&text)?,
                Effect::AutopilotCommand(command) => {
                    if let Some(view) = &mut self.autopilot_view {
                        view.run(command);
                    }
                    changes_autopilot = true;
                }
                Effect::LoadJournal => self.runner.load_journal(),
                Effect::AppendJournal(record) => self.runner.append_journal(record),
                Effect::LoadBasket(store) => self.runner.load_basket(store),
                Effect::ReadBasket => self.runner.read_basket(),
                Effect::SaveBasket(change) => self.runner.save_basket(change),
                Effect::Reconnect => self.runner.reconnect(),
                Effect::Send(request) => self.runner.send(request),
            }
        }
        if changes_autopilot {
            self.update_run_status()
        } else {
            Ok(())
        }
    }

    /// Reports a changed state of the run to the app.
    fn update_run_status(&mut self) -> Result<(), Error> {
        match self.autopilot_view.as_ref().map(|view| view.status()) {
            Some(status) if status != self.app.autopilot.status => self.handle(Event::AutopilotChanged(status)),
            _ => Ok(()),
        }
    }

    /// Draws a frame.
    fn draw(&mut self) -> Result<(), Error> {
        self.update_size()?;
        let now = Instant::now();
        self.next_frame = now + FRAME_INTERVAL;
        // A frame shows the current time, not the time of the last event.
        self.app.now = self.now();
        self.app.dirty = false;
        let (app, appearance) = (&self.app, &self.appearance);
        let view = self.autopilot_view.as_deref_mut();
        let mut layout = None;
        self.terminal
            .draw(|frame| layout = Some(ui::draw(frame, app, appearance, view)))?;
        match layout {
            Some(layout) => self.handle(Event::FrameDrawn(layout)),
            None => Ok(()),
        }
    }

    fn next_wake(&self) -> Instant {
        // One hour stands for "never".
        let mut wake = Instant::now() + Duration::from_secs(3_600);
        if let Some(at) = self.app.next_wake() {
            wake = wake.min((self.started + at).max(self.last_tick + TICK_INTERVAL_MIN));
        }
        if self.app.dirty && self.terminal.is_ready() {
            wake = wake.min(self.next_frame);
        }
        if self.polls_autopilot() {
            wake = wake.min(self.next_view_poll);
        }
        wake
    }

    /// Whether to poll the run: for its screen, or for its badge on other screens.
    fn polls_autopilot(&self) -> bool {
        self.shows_autopilot() || self.app.autopilot.status.running
    }

    fn shows_autopilot(&self) -> bool {
        self.app.screen == Screen::Autopilot && self.autopilot_view.is_some()
    }

    fn on_wake(&mut self) -> Result<(), Error> {
        if self.polls_autopilot() && Instant::now() >= self.next_view_poll {
            self.next_view_poll = Instant::now() + VIEW_POLL_INTERVAL;
            self.update_run_status()?;
            // `|=`: never clears a pending redraw.
            self.app.dirty |=
                self.shows_autopilot() && self.autopilot_view.as_mut().is_some_and(|view| view.has_changed());
        }
        let due = self.app.next_wake().is_some_and(|at| at <= self.started.elapsed());
        if due {
            self.last_tick = Instant::now();
            self.handle(Event::Tick)?;
        }
        Ok(())
    }

    async fn suspend(&mut self) -> Result<(), Error> {
        self.suspending = false;
        self.terminal.suspend().await?;
        self.app.dirty = true;
        self.update_size()
    }

    fn resume(&mut self) -> Result<(), Error> {
        self.terminal.reacquire()?;
        self.app.dirty = true;
        self.update_size()
    }

    /// Reports a changed size of the terminal to the app.
    fn update_size(&mut self) -> Result<(), Error> {
        let (columns, rows) = self.terminal.size()?;
        if (columns, rows) == self.app.size {
            return Ok(());
        }
        self.handle(Event::Input(InputEvent::Resized { columns, rows }))
    }
}

/// Waits until the local store closes permanently; returns the reason.
async fn store_closed(closed: &mut Option<watch::Receiver<Option<String>>>) -> String {
    if let Some(receiver) = closed
        && let Ok(reason) = receiver.wait_for(Option::is_some).await
        && let Some(reason) = &*reason
    {
        return reason.clone();
    }
    pending().await
}
