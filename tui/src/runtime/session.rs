//! One visit: the loop itself.

use std::io;
use std::time::Duration;

use common::{OrderId, Timestamp};
use futures::FutureExt as _;
use futures::future::{BoxFuture, pending};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::effects::Runner;
use super::{Error, ExitReason, Opened, Opening};
use crate::app::{App, Screen, update};
use crate::effect::Effect;
use crate::input::InputEvent;
use crate::message::{Event, Message, Now};
use crate::terminal::{Signal, Signals, TerminalBackend, panicked};
use crate::theme::Appearance;
use crate::ui::{self, ScreenView};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// How often the autopilot's screen is asked whether it changed: charts move ten times a second.
const PANE_POLL: Duration = Duration::from_millis(100);
/// The shortest time between two ticks, whatever the state asks for.
const TICK_MIN: Duration = Duration::from_millis(10);
/// How many messages are taken in before a frame, so that a flood cannot keep the screen still.
const BATCH_MAX: usize = 8_192;

/// A shop that is open.
pub(super) struct Session<S> {
    terminal: S,
    app: App,
    look: Appearance,
    pane: Option<Box<dyn ScreenView + Send>>,
    runner: Runner,
    /// Says when the shop's own store closed for good.
    store_closed: Option<watch::Receiver<Option<String>>>,
    began: Instant,
    next_frame: Instant,
    /// When the autopilot's screen is asked next whether it changed.
    next_pane_poll: Instant,
    last_tick: Instant,
    exit: Option<ExitReason>,
    suspending: bool,
}

impl<S: TerminalBackend> Session<S> {
    pub(super) fn new(terminal: S, app: App, look: Appearance, runner: Runner) -> Self {
        let now = Instant::now();
        Self {
            terminal,
            app,
            look,
            pane: None,
            runner,
            store_closed: None,
            began: now,
            next_frame: now,
            next_pane_poll: now,
            last_tick: now,
            exit: None,
            suspending: false,
        }
    }

    /// The shop is open.
    pub(super) fn open(&mut self, opened: Opened) -> Result<(), Error> {
        self.take_in(Event::ShopOpened {
            autopilot: opened.has_autopilot(),
            url: opened.shop.url().to_owned(),
            store_name: opened.store_name,
        })?;
        for notice in opened.notices {
            self.take_in(Event::Notice(notice))?;
        }
        self.pane = opened.autopilot;
        self.store_closed = opened.store_closed;
        self.runner.open(opened.shop);
        let ended = self
            .store_closed
            .as_mut()
            .and_then(|ended| ended.borrow_and_update().clone());
        ended.map_or(Ok(()), |why| self.take_in(Event::StoreClosed(why)))
    }

    /// Gives the terminal back, then waits for event is being written down.
    pub(super) async fn close(self) {
        drop(self.terminal);
        self.runner.finish().await;
    }

    /// Shows the first frame and lives until it is left.
    pub(super) async fn live_on(
        &mut self,
        mut input: mpsc::Receiver<io::Result<InputEvent>>,
        mut inbox: mpsc::Receiver<Event>,
        mut opening: Opening,
        mut signals: Signals,
        mut leave: BoxFuture<'static, ()>,
    ) -> Result<ExitReason, Error> {
        // The first frame waits for nobody.
        self.measure()?;
        self.draw()?;
        self.take_in(Event::Started)?;
        loop {
            if let Some(left) = self.exit {
                return Ok(left);
            }
            if self.suspending {
                self.suspend().await?;
            }
            if self.app.dirty && Instant::now() >= self.next_frame {
                self.draw()?;
            }
            let wake = self.next_wake();
            tokio::select! {
                event = input.recv() => match event {
                    Some(event) => self.take_in(Event::Input(event?))?,
                    // Nobody is there any more.
                    None => return Ok(ExitReason::HungUp),
                },
                Some(event) = inbox.recv() => self.take_in(event)?,
                () = tokio::time::sleep_until(wake) => self.woke()?,
                signal = signals.next() => match signal {
                    Signal::Leave => return Ok(ExitReason::Interrupted),
                    Signal::HungUp => return Ok(ExitReason::HungUp),
                    Signal::Continued => self.come_back()?,
                },
                opened = &mut opening => {
                    opening = pending().boxed();
                    self.open(opened?)?;
                }
                why = closing(&mut self.store_closed) => self.take_in(Event::StoreClosed(why))?,
                () = &mut leave => return Ok(ExitReason::Completed),
                () = panicked() => return Err(Error::Panicked),
            }
            for _ in 0..BATCH_MAX {
                let Ok(event) = inbox.try_recv() else { break };
                self.take_in(event)?;
            }
            for _ in 0..BATCH_MAX {
                let Ok(event) = input.try_recv() else {
                    break;
                };
                self.take_in(Event::Input(event?))?;
                if self.exit.is_some() || self.suspending {
                    break;
                }
            }
        }
    }

    fn now(&self) -> Now {
        Now {
            elapsed: self.began.elapsed(),
            wall: Timestamp::now(),
        }
    }

    /// Lets something happen.
    fn take_in(&mut self, event: Event) -> Result<(), Error> {
        self.app.orders.spare_id.get_or_insert_with(OrderId::generate);
        let now = self.now();
        let mut flew = false;
        for effect in update(&mut self.app, Message { now, event }) {
            match effect {
                Effect::Exit(reason) => self.exit = Some(reason),
                Effect::Suspend => self.suspending = true,
                Effect::Redraw => self.terminal.clear()?,
                Effect::Copy(text) => self.terminal.copy(&text)?,
                Effect::AutopilotCommand(command) => {
                    if let Some(pane) = &mut self.pane {
                        pane.run(command);
                    }
                    flew = true;
                }
                effect => self.runner.run(effect),
            }
        }
        if flew { self.look_at_pane() } else { Ok(()) }
    }

    /// Takes in event the autopilot does now.
    fn look_at_pane(&mut self) -> Result<(), Error> {
        match self.pane.as_ref().map(|pane| pane.status()) {
            Some(flight) if flight != self.app.autopilot.status => self.take_in(Event::AutopilotChanged(flight)),
            _ => Ok(()),
        }
    }

    /// Draws a frame.
    fn draw(&mut self) -> Result<(), Error> {
        self.measure()?;
        let now = Instant::now();
        self.next_frame = now + FRAME;
        // A frame tells of the moment it is drawn in, not of the last message.
        self.app.now = self.now();
        self.app.dirty = false;
        let (app, look) = (&self.app, &self.look);
        let pane = self.pane.as_deref_mut();
        let mut view = None;
        self.terminal
            .draw(|frame| view = Some(ui::draw(frame, app, look, pane)))?;
        match view {
            Some(view) => self.take_in(Event::FrameDrawn(view)),
            None => Ok(()),
        }
    }

    fn next_wake(&self) -> Instant {
        // An hour, for want of "never".
        let mut wake = Instant::now() + Duration::from_secs(3_600);
        if let Some(at) = self.app.wake_at() {
            wake = wake.min((self.began + at).max(self.last_tick + TICK_MIN));
        }
        if self.app.dirty {
            wake = wake.min(self.next_frame);
        }
        if self.shows_pane() {
            wake = wake.min(self.next_pane_poll);
        }
        wake
    }

    fn shows_pane(&self) -> bool {
        self.app.screen == Screen::Autopilot && self.pane.is_some()
    }

    fn woke(&mut self) -> Result<(), Error> {
        if self.shows_pane() && Instant::now() >= self.next_pane_poll {
            self.next_pane_poll = Instant::now() + PANE_POLL;
            self.look_at_pane()?;
            self.app.dirty |= self.pane.as_mut().is_some_and(|pane| pane.has_changed());
        }
        let due = self.app.wake_at().is_some_and(|at| at <= self.began.elapsed());
        if due {
            self.last_tick = Instant::now();
            self.take_in(Event::Tick)?;
        }
        Ok(())
    }

    async fn suspend(&mut self) -> Result<(), Error> {
        self.suspending = false;
        self.terminal.suspend().await?;
        self.app.dirty = true;
        self.measure()
    }

    fn come_back(&mut self) -> Result<(), Error> {
        self.terminal.reacquire()?;
        self.app.dirty = true;
        self.measure()
    }

    /// Takes in the terminal's size.
    fn measure(&mut self) -> Result<(), Error> {
        let (columns, rows) = self.terminal.size()?;
        if (columns, rows) == self.app.size {
            return Ok(());
        }
        self.take_in(Event::Input(InputEvent::Resized { columns, rows }))
    }
}

/// Waits until the shop's own store closed for good.
async fn closing(ended: &mut Option<watch::Receiver<Option<String>>>) -> String {
    loop {
        let Some(receiver) = ended else {
            return pending().await;
        };
        if receiver.changed().await.is_err() {
            *ended = None;
            continue;
        }
        if let Some(why) = receiver.borrow_and_update().clone() {
            return why;
        }
    }
}
