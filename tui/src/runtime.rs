//! The event loop: applies every event that has arrived, then draws once. It draws at most 30 frames per second and none
//! without a change, and it never waits for the network.

mod effects;
mod session;

use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use common::client::ShopClient;
use crossterm::event::EventStream;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, watch};

use crate::app::{App, Screen};
use crate::connect;
pub use crate::effect::ExitReason;
use crate::input::InputEvent;
use crate::keymap::Keymap;
use crate::terminal::{Signals, TerminalBackend, TerminalGuard, gone, is_gone};
use crate::theme::{Appearance, Theme};
use crate::ui::ScreenView;
use effects::EffectRunner;
use session::Session;

/// The most events that wait for the loop; a full queue makes its senders wait.
const QUEUED_EVENTS_MAX: usize = 4_096;
/// The name in the header until the store is open.
const NOT_OPEN: &str = "opening the store";

/// An open shop.
pub struct Opened {
    /// The client of the shop.
    pub shop: ShopClient,
    /// What the header calls the store.
    pub store_name: String,
    /// The reason once the local store is closed for good; the shop stays usable for reading.
    pub store_closed: Option<watch::Receiver<Option<String>>>,
    /// Notices to show first.
    pub notices: Vec<String>,
    /// The autopilot's view, if this shop has one.
    pub autopilot: Option<Box<dyn ScreenView + Send>>,
}

/// A shop that is being opened.
pub type Opening = BoxFuture<'static, Result<Opened, connect::Error>>;

/// How to open the shop.
pub struct Options {
    /// Opens the shop. The screen is usable while a store takes its time to open.
    pub opening: Opening,
    /// The color theme.
    pub theme: Theme,
    /// Whether only ASCII characters are drawn.
    pub ascii: bool,
    /// Whether nothing may spin or blink.
    pub reduced_motion: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// The folder of the journal of orders.
    pub data_folder: PathBuf,
    /// The first screen.
    pub screen: Screen,
    /// The keys of every command.
    pub keymap: Keymap,
    /// Exits the shop when it completes.
    pub exit_when: Option<BoxFuture<'static, ()>>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("screen", &self.screen)
            .field("data_folder", &self.data_folder)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("shop", &self.shop)
            .field("store_name", &self.store_name)
            .finish_non_exhaustive()
    }
}

impl Opened {
    fn has_autopilot(&self) -> Result<(), String> {
        match self.autopilot {
            Some(_) => Ok(()),
            None => Err("not part of this shop".to_owned()),
        }
    }
}

/// Why the shop ended other than by an exit.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal failed, or standard output is not a terminal.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    /// The shop did not open.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// A task panicked; its message is above.
    #[error("the shop closed because of an internal error; the message above names it")]
    Panicked,
}

/// Opens the shop on this process's terminal; returns at its exit.
///
/// # Errors
/// See [`Error`].
pub async fn run(options: Options) -> Result<ExitReason, Error> {
    match run_on_terminal(options).await {
        // A terminal that hung up is often noticed by a failed read or write first.
        Err(Error::Terminal(error)) if is_gone(&error) => Ok(ExitReason::HungUp),
        result => result,
    }
}

async fn run_on_terminal(options: Options) -> Result<ExitReason, Error> {
    // Before raw mode: a signal that ends the program would leave the terminal in it.
    let signals = Signals::new()?;
    let terminal = TerminalGuard::acquire(options.mouse)?;
    let (sender, input) = mpsc::channel(QUEUED_EVENTS_MAX);
    let reader = tokio::spawn(read_input(sender));
    let result = run_session(terminal, input, options, signals).await;
    reader.abort();
    result
}

/// Opens the shop on any terminal backend with any input; returns at its exit or when the input ends.
///
/// # Errors
/// See [`Error`].
pub async fn serve<S: TerminalBackend>(
    terminal: S,
    input: mpsc::Receiver<io::Result<InputEvent>>,
    options: Options,
) -> Result<ExitReason, Error> {
    run_session(terminal, input, options, Signals::new()?).await
}

/// Reads the terminal until it is gone. Only this task may poll the library's stream, because the stream wakes only its
/// first poller.
async fn read_input(sender: mpsc::Sender<io::Result<InputEvent>>) {
    // The stream panics if the terminal cannot be read; this call returns the error instead.
    if let Err(error) = crossterm::event::poll(Duration::ZERO) {
        let _ = sender.send(Err(error)).await;
        return;
    }
    let mut events = EventStream::new();
    // The stream does not report the end of its input; it spins instead.
    let mut gone = pin!(gone());
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut gone => return,
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

async fn run_session<S: TerminalBackend>(
    terminal: S,
    input: mpsc::Receiver<io::Result<InputEvent>>,
    options: Options,
    signals: Signals,
) -> Result<ExitReason, Error> {
    let (sender, events) = mpsc::channel(QUEUED_EVENTS_MAX);
    let mut opening = options.opening;
    // If the shop is open already, the first frame names it.
    let opened = (&mut opening).now_or_never().transpose()?;
    let autopilot = match &opened {
        Some(opened) => opened.has_autopilot(),
        None => Err(format!("{NOT_OPEN} comes first")),
    };
    let mut app = App::new(NOT_OPEN, "", options.screen, autopilot);
    app.reduced_motion = options.reduced_motion;
    app.keymap = options.keymap;
    let appearance = Appearance::new(options.theme, options.ascii, options.reduced_motion);
    let runner = EffectRunner::new(sender, options.data_folder);
    let mut session = Session::new(terminal, app, appearance, runner);
    let opening = match opened {
        Some(opened) => {
            session.open(opened)?;
            pending().boxed()
        }
        None => opening,
    };
    let exit_when = options.exit_when.unwrap_or_else(|| pending().boxed());
    let result = session.run(input, events, opening, signals, exit_when).await;
    session.close().await;
    result
}
