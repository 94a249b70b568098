//! The loop: takes in everything that happened, changes the state, draws once. At most thirty frames a second, none
//! without a change, and nothing here ever waits for the network.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use common::client::Shop;
use common::{OrderId, Timestamp};
use crossterm::event::EventStream;
use futures::StreamExt as _;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use crate::app::{App, Command, Screen, update};
use crate::effect::{Effect, Runner};
use crate::event::Event;
use crate::message::{Message, Now, What};
use crate::terminal::{Guard, Signal, Signals, Stage, panicked};
use crate::theme::{Look, Theme};
use crate::ui::{self, Pane};
use crate::{keymap, live};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// How often the autopilot's screen is asked whether it changed: charts move ten times a second.
const PANE_POLL: Duration = Duration::from_millis(100);
/// The shortest time between two ticks, whatever the state asks for.
const TICK_MIN: Duration = Duration::from_millis(10);
/// How many messages wait at most for the loop; who sends more waits.
const MESSAGES_MAX: usize = 4_096;
/// How many messages are taken in before a frame, so that a flood cannot keep the screen still.
const BATCH_MAX: usize = 8_192;

/// How the shop is opened.
pub struct Options {
    /// The shop.
    pub shop: Shop,
    /// What the header calls the store.
    pub place: String,
    /// Says when the shop's own store closed for good, and why; the shop stays usable for reading.
    pub ended: Option<watch::Receiver<Option<String>>>,
    /// The colours.
    pub theme: Theme,
    /// Plain ASCII signs only.
    pub ascii: bool,
    /// Nothing blinks or turns.
    pub reduced_motion: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Where the orders are kept.
    pub data_folder: PathBuf,
    /// The first screen.
    pub screen: Screen,
    /// What is told first.
    pub notices: Vec<String>,
    /// The autopilot's screen, where there is one.
    pub autopilot: Option<Box<dyn Pane + Send>>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("shop", &self.shop)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Why the shop ended other than by being left.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal failed, or is none.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    /// A part of the program panicked; what it said stands above.
    #[error("the shop had to close because of a fault in it")]
    Panicked,
}

/// Opens the shop on this process's terminal; returns when it is left.
///
/// # Errors
/// See [`Error`].
pub async fn run(options: Options) -> Result<(), Error> {
    // Before the terminal is taken: a signal must not end the program while it is ours.
    let signals = Signals::new()?;
    let stage = Guard::take(options.mouse)?;
    let (typed, input) = mpsc::channel(MESSAGES_MAX);
    let reader = tokio::spawn(read_keys(typed));
    let ended = visit(stage, input, options, signals).await;
    reader.abort();
    ended
}

/// Opens the shop on any stage with any input; returns when it is left or the input ends.
///
/// # Errors
/// See [`Error`].
pub async fn serve<S: Stage>(
    stage: S,
    input: mpsc::Receiver<io::Result<Event>>,
    options: Options,
) -> Result<(), Error> {
    visit(stage, input, options, Signals::new()?).await
}

/// Reads the terminal in a task of its own: the library's stream wakes only whoever polled it first, so nobody else may
/// poll it.
async fn read_keys(typed: mpsc::Sender<io::Result<Event>>) {
    let mut events = EventStream::new();
    while let Some(event) = events.next().await {
        let event = match event {
            Ok(event) => Event::from_crossterm(event).map(Ok),
            Err(error) => Some(Err(error)),
        };
        if let Some(event) = event
            && typed.send(event).await.is_err()
        {
            return;
        }
    }
}

async fn visit<S: Stage>(
    stage: S,
    input: mpsc::Receiver<io::Result<Event>>,
    options: Options,
    signals: Signals,
) -> Result<(), Error> {
    let (news, inbox) = mpsc::channel(MESSAGES_MAX);
    let reconnect = Arc::new(Notify::new());
    let autopilot = match &options.autopilot {
        Some(_) => Ok(()),
        None => Err("not part of this shop".to_owned()),
    };
    let mut app = App::new(&options.place, options.shop.url(), options.screen, autopilot);
    app.reduced_motion = options.reduced_motion;
    let runner = Runner::new(
        options.shop.clone(),
        news.clone(),
        options.data_folder,
        Arc::clone(&reconnect),
    );
    let mut session = Session {
        stage,
        app,
        look: Look::new(options.theme, options.ascii, options.reduced_motion),
        pane: options.autopilot,
        runner,
        began: Instant::now(),
        next_frame: Instant::now(),
        last_tick: Instant::now(),
        leaving: false,
        suspending: false,
    };
    // The first frame stands before anybody is asked anything.
    let (columns, rows) = session.stage.size()?;
    session.take_in(What::Input(Event::Resized { columns, rows }))?;
    for notice in options.notices {
        session.take_in(What::Notice(notice))?;
    }
    session.draw()?;
    session.take_in(What::Started)?;
    let follower = tokio::spawn(live::follow(options.shop, news, reconnect));
    let ended = session.live_on(input, inbox, options.ended, signals).await;
    follower.abort();
    let Session { stage, runner, .. } = session;
    drop(stage);
    runner.finish().await;
    ended
}

struct Session<S> {
    stage: S,
    app: App,
    look: Look,
    pane: Option<Box<dyn Pane + Send>>,
    runner: Runner,
    began: Instant,
    next_frame: Instant,
    last_tick: Instant,
    leaving: bool,
    suspending: bool,
}

impl<S: Stage> Session<S> {
    async fn live_on(
        &mut self,
        mut input: mpsc::Receiver<io::Result<Event>>,
        mut inbox: mpsc::Receiver<What>,
        mut ended: Option<watch::Receiver<Option<String>>>,
        mut signals: Signals,
    ) -> Result<(), Error> {
        if let Some(why) = ended.as_mut().and_then(|ended| ended.borrow_and_update().clone()) {
            self.take_in(What::StoreEnded(why))?;
        }
        while !self.leaving {
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
                    None => return Ok(()),
                },
                Some(what) = inbox.recv() => self.take_in(what)?,
                () = tokio::time::sleep_until(wake) => self.woke()?,
                signal = signals.next() => match signal {
                    Signal::Leave => return Ok(()),
                    Signal::Continued => self.come_back()?,
                },
                why = closing(&mut ended) => self.take_in(What::StoreEnded(why))?,
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
                if self.leaving || self.suspending {
                    break;
                }
            }
        }
        Ok(())
    }

    fn now(&self) -> Now {
        Now {
            elapsed: self.began.elapsed(),
            wall: Timestamp::now(),
        }
    }

    fn take_in(&mut self, what: What) -> Result<(), Error> {
        if let What::Input(Event::Key(key)) = &what
            && self.app.screen == Screen::Autopilot
            && self.app.overlays.is_empty()
            && !matches!(
                keymap::command(*key),
                Some(Command::Quit | Command::Suspend | Command::Redraw)
            )
            && let Some(pane) = &mut self.pane
            && pane.key(*key)
        {
            self.app.dirty = true;
            return Ok(());
        }
        self.app.spare_key.get_or_insert_with(OrderId::mint);
        let now = self.now();
        for effect in update(&mut self.app, Message { now, what }) {
            match effect {
                Effect::Quit => self.leaving = true,
                Effect::Suspend => self.suspending = true,
                Effect::Redraw => self.stage.wipe()?,
                Effect::Copy(text) => self.stage.copy(&text)?,
                effect => self.runner.run(effect),
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> Result<(), Error> {
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
            wake = wake.min(self.next_frame + PANE_POLL.saturating_sub(FRAME));
        }
        wake
    }

    fn shows_pane(&self) -> bool {
        self.app.screen == Screen::Autopilot && self.pane.is_some()
    }

    fn woke(&mut self) -> Result<(), Error> {
        if self.shows_pane() && self.pane.as_mut().is_some_and(|pane| pane.changed()) {
            self.app.dirty = true;
        } else if self.shows_pane() {
            self.next_frame = Instant::now() + FRAME;
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
        self.measure()
    }

    fn come_back(&mut self) -> Result<(), Error> {
        self.stage.retake()?;
        self.measure()
    }

    fn measure(&mut self) -> Result<(), Error> {
        let (columns, rows) = self.stage.size()?;
        self.take_in(What::Input(Event::Resized { columns, rows }))
    }
}

/// Waits until the shop's own store closed for good.
async fn closing(ended: &mut Option<watch::Receiver<Option<String>>>) -> String {
    loop {
        let Some(receiver) = ended else {
            return std::future::pending().await;
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
