//! One visit: the loop itself.

use std::io;
use std::time::Duration;

use common::{OrderId, Timestamp};
use futures::FutureExt as _;
use futures::future::{BoxFuture, pending};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Error, Left, Opened, Opening};
use crate::app::{App, Screen, update};
use crate::effect::{Effect, Runner};
use crate::event::Event;
use crate::message::{Message, Now, What};
use crate::terminal::{Signal, Signals, Stage, panicked};
use crate::theme::Appearance;
use crate::ui::{self, Pane};

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
    stage: S,
    app: App,
    look: Appearance,
    pane: Option<Box<dyn Pane + Send>>,
    runner: Runner,
    /// Says when the shop's own store closed for good.
    ended: Option<watch::Receiver<Option<String>>>,
    began: Instant,
    next_frame: Instant,
    /// When the autopilot's screen is asked next whether it changed.
    next_pane_poll: Instant,
    last_tick: Instant,
    leaving: Option<Left>,
    suspending: bool,
}

impl<S: Stage> Session<S> {
    pub(super) fn new(stage: S, app: App, look: Appearance, runner: Runner) -> Self {
        let now = Instant::now();
        Self {
            stage,
            app,
            look,
            pane: None,
            runner,
            ended: None,
            began: now,
            next_frame: now,
            next_pane_poll: now,
            last_tick: now,
            leaving: None,
            suspending: false,
        }
    }

    /// The shop is open.
    pub(super) fn open(&mut self, opened: Opened) -> Result<(), Error> {
        self.take_in(What::Opened {
            autopilot: opened.has_autopilot(),
            url: opened.shop.url().to_owned(),
            place: opened.place,
        })?;
        for notice in opened.notices {
            self.take_in(What::Notice(notice))?;
        }
        self.pane = opened.autopilot;
        self.ended = opened.ended;
        self.runner.open(opened.shop);
        let ended = self.ended.as_mut().and_then(|ended| ended.borrow_and_update().clone());
        ended.map_or(Ok(()), |why| self.take_in(What::StoreEnded(why)))
    }

    /// Gives the terminal back, then waits for what is being written down.
    pub(super) async fn close(self) {
        drop(self.stage);
        self.runner.finish().await;
    }

    /// Shows the first frame and lives until it is left.
    pub(super) async fn live_on(
        &mut self,
        mut input: mpsc::Receiver<io::Result<Event>>,
        mut inbox: mpsc::Receiver<What>,
        mut opening: Opening,
        mut signals: Signals,
        mut leave: BoxFuture<'static, ()>,
    ) -> Result<Left, Error> {
        // The first frame waits for nobody.
        self.measure()?;
        self.draw()?;
        self.take_in(What::Started)?;
        loop {
            if let Some(left) = self.leaving {
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
                    Some(event) => self.take_in(What::Input(event?))?,
                    // Nobody is there any more.
                    None => return Ok(Left::HungUp),
                },
                Some(what) = inbox.recv() => self.take_in(what)?,
                () = tokio::time::sleep_until(wake) => self.woke()?,
                signal = signals.next() => match signal {
                    Signal::Leave => return Ok(Left::Interrupted),
                    Signal::HungUp => return Ok(Left::HungUp),
                    Signal::Continued => self.come_back()?,
                },
                opened = &mut opening => {
                    opening = pending().boxed();
                    self.open(opened?)?;
                }
                why = closing(&mut self.ended) => self.take_in(What::StoreEnded(why))?,
                () = &mut leave => return Ok(Left::Done),
                () = panicked() => return Err(Error::Panicked),
            }
            for _ in 0..BATCH_MAX {
                let Ok(what) = inbox.try_recv() else { break };
                self.take_in(what)?;
            }
            for _ in 0..BATCH_MAX {
                let Ok(event) = input.try_recv() else {
                    break;
                };
                self.take_in(What::Input(event?))?;
                if self.leaving.is_some() || self.suspending {
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
    fn take_in(&mut self, what: What) -> Result<(), Error> {
        self.app.spare_key.get_or_insert_with(OrderId::generate);
        let now = self.now();
        let mut flew = false;
        for effect in update(&mut self.app, Message { now, what }) {
            match effect {
                Effect::Leave => self.leaving = Some(Left::Quietly),
                Effect::Quit => self.leaving = Some(Left::Interrupted),
                Effect::Suspend => self.suspending = true,
                Effect::Redraw => self.stage.wipe()?,
                Effect::Copy(text) => self.stage.copy(&text)?,
                Effect::Fly(command) => {
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

    /// Takes in what the autopilot does now.
    fn look_at_pane(&mut self) -> Result<(), Error> {
        match self.pane.as_ref().map(|pane| pane.flight()) {
            Some(flight) if flight != self.app.flight => self.take_in(What::Flight(flight)),
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
        self.stage.draw(|frame| view = Some(ui::draw(frame, app, look, pane)))?;
        match view {
            Some(view) => self.take_in(What::Drawn(view)),
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
            self.app.dirty |= self.pane.as_mut().is_some_and(|pane| pane.changed());
        }
        let due = self.app.wake_at().is_some_and(|at| at <= self.began.elapsed());
        if due {
            self.last_tick = Instant::now();
            self.take_in(What::Tick)?;
        }
        Ok(())
    }

    async fn suspend(&mut self) -> Result<(), Error> {
        self.suspending = false;
        self.stage.suspend().await?;
        self.app.dirty = true;
        self.measure()
    }

    fn come_back(&mut self) -> Result<(), Error> {
        self.stage.retake()?;
        self.app.dirty = true;
        self.measure()
    }

    /// Takes in the terminal's size.
    fn measure(&mut self) -> Result<(), Error> {
        let (columns, rows) = self.stage.size()?;
        if (columns, rows) == self.app.size {
            return Ok(());
        }
        self.take_in(What::Input(Event::Resized { columns, rows }))
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
