//! The event loop: applies all queued events, then draws once. It draws at most 30 frames per second, draws no frame without a
//! change, and never waits for the network.

mod effects;
mod session;
#[cfg(test)]
mod tests;

use std::future::pending;
use std::io;
use std::pin::pin;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use jiff::tz::TimeZone;
use tokio::sync::mpsc;

use crate::app::{App, Screen};
use crate::connect::{self, ShopConnection};
pub(crate) use crate::effect::ExitReason;
use crate::input::InputEvent;
use crate::journal::JournalLocation;
use crate::keymap::Keymap;
use crate::terminal::{Signals, TerminalBackend, TerminalGuard, is_hangup, wait_for_hangup};
use crate::theme::Appearance;
use crate::ui::ScreenView;
use effects::EffectRunner;
pub(crate) use effects::FollowEvents;
use session::{Session, Sources};

/// Capacity of the queue of events; a full queue makes its senders wait.
pub(crate) const QUEUED_EVENTS_MAX: usize = 4_096;

/// An open shop.
pub(crate) struct Opened {
    pub(crate) connection: ShopConnection,
    /// `None` over SSH, which does not offer the autopilot.
    pub(crate) autopilot: Option<Box<dyn ScreenView + Send>>,
    pub(crate) follow: FollowEvents,
}

pub(crate) type Opening = BoxFuture<'static, Result<Opened, connect::Error>>;

pub(crate) struct Options {
    /// Opens the shop, while the screen is already usable.
    pub(crate) opening: Opening,
    pub(crate) appearance: Appearance,
    pub(crate) mouse: bool,
    pub(crate) keymap: Keymap,
    pub(crate) journal: JournalLocation,
    /// Whether the terminal is on another machine.
    pub(crate) is_remote: bool,
    pub(crate) screen: Screen,
    /// Exits the shop when it completes.
    pub(crate) exit_when: Option<BoxFuture<'static, ()>>,
}

/// Why the shop failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    #[error(transparent)]
    Connect(#[from] connect::Error),
    #[error("the shop closed because of an internal error; the message above names it")]
    Panicked,
}

/// Opens the shop on this process's terminal; returns at its exit.
pub(crate) async fn run(options: Options) -> Result<ExitReason, Error> {
    match run_on_terminal(options).await {
        // A failed read or write often reports a hang-up first.
        Err(Error::Terminal(error)) if is_hangup(&error) => Ok(ExitReason::HungUp),
        result => result,
    }
}

async fn run_on_terminal(options: Options) -> Result<ExitReason, Error> {
    // Before raw mode, because an unhandled signal would end the program without restoring the terminal.
    let signals = Signals::listen()?.with_job_control()?;
    let terminal = TerminalGuard::acquire(options.mouse)?;
    let (sender, input) = mpsc::channel(QUEUED_EVENTS_MAX);
    let reader = tokio::spawn(read_input(sender));
    let result = run_session(terminal, input, options, signals).await;
    reader.abort();
    result
}

/// Reads the terminal until it hangs up. Only this task may poll the library's stream, because the stream wakes only its first
/// poller.
async fn read_input(sender: mpsc::Sender<io::Result<InputEvent>>) {
    // The stream panics if the terminal cannot be read; this call returns the error instead.
    if let Err(error) = crossterm::event::poll(Duration::ZERO) {
        let _ = sender.send(Err(error)).await;
        return;
    }
    let mut events = EventStream::new();
    // The stream does not report the end of its input; it spins instead.
    let mut hangup = pin!(wait_for_hangup());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut hangup => return,
        };
        let event = match event {
            Some(Ok(event)) => InputEvent::from_crossterm(event).map(Ok),
            Some(Err(error)) => Some(Err(error)),
            None => return,
        };
        if let Some(event) = event
            && sender.send(event).await.is_err()
        {
            return;
        }
    }
}

/// Opens the shop on any terminal backend with any input; returns at its exit or when the input ends.
pub(crate) async fn run_session<S: TerminalBackend>(
    terminal: S,
    input: mpsc::Receiver<io::Result<InputEvent>>,
    options: Options,
    signals: Signals,
) -> Result<ExitReason, Error> {
    let (sender, events) = mpsc::channel(QUEUED_EVENTS_MAX);
    let mut app = App::new(options.screen);
    app.reduced_motion = options.appearance.reduced_motion;
    app.keymap = options.keymap;
    app.zone = TimeZone::system();
    app.connection.is_remote = options.is_remote;
    let runner = EffectRunner::new(sender, options.journal);
    let mut session = Session::new(terminal, app, options.appearance, runner);
    let mut opening = options.opening;
    // If the shop is already open, the first frame shows its name.
    if let Some(opened) = (&mut opening).now_or_never() {
        session.open(opened?)?;
        opening = pending().boxed();
    }
    let mut sources = Sources {
        input,
        events,
        opening,
        signals,
        exit_when: options.exit_when.unwrap_or_else(|| pending().boxed()),
    };
    let result = match session.start() {
        Ok(()) => session.run(&mut sources).await,
        Err(error) => Err(error),
    };
    session.close().await;
    result
}
