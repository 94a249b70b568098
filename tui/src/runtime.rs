//! The loop: takes in everything that happened, changes the state, draws once. At most thirty frames a second, none
//! without a change, and nothing here ever waits for the network.

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
use effects::Runner;
use session::Session;

/// How many messages wait at most for the loop; who sends more waits.
const MESSAGES_MAX: usize = 4_096;
/// What the header calls a store that is not open yet.
const NOT_OPEN: &str = "opening the store";

/// A shop that is open.
pub struct Opened {
    /// The shop.
    pub shop: ShopClient,
    /// What the header calls the store.
    pub store_name: String,
    /// Says when the shop's own store closed for good, and why; the shop stays usable for reading.
    pub store_closed: Option<watch::Receiver<Option<String>>>,
    /// What is told first.
    pub notices: Vec<String>,
    /// The autopilot's screen, where there is one.
    pub autopilot: Option<Box<dyn ScreenView + Send>>,
}

/// A shop that is being opened.
pub type Opening = BoxFuture<'static, Result<Opened, connect::Error>>;

/// How the shop is opened.
pub struct Options {
    /// Brings the shop. A store may take a while to open: the screen stands meanwhile.
    pub opening: Opening,
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
    /// Which key is which command.
    pub keymap: Keymap,
    /// Leaves the shop when it is done.
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

/// Why the shop ended other than by being left.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The terminal failed, or is none.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    /// The shop did not open.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// A part of the program panicked; what it said stands above.
    #[error("the shop had to close because of a fault in it")]
    Panicked,
}

/// Opens the shop on this process's terminal; returns when it is left.
///
/// # Errors
/// See [`Error`].
pub async fn run(options: Options) -> Result<ExitReason, Error> {
    match run_here(options).await {
        // What failed is only how it was noticed first.
        Err(Error::Terminal(error)) if is_gone(&error) => Ok(ExitReason::HungUp),
        ended => ended,
    }
}

async fn run_here(options: Options) -> Result<ExitReason, Error> {
    // Before the terminal is taken: a signal must not end the program while it is ours.
    let signals = Signals::new()?;
    let terminal = TerminalGuard::acquire(options.mouse)?;
    let (typed, input) = mpsc::channel(MESSAGES_MAX);
    let reader = tokio::spawn(read_keys(typed));
    let ended = visit(terminal, input, options, signals).await;
    reader.abort();
    ended
}

/// Opens the shop on any terminal with any input; returns when it is left or the input ends.
///
/// # Errors
/// See [`Error`].
pub async fn serve<S: TerminalBackend>(
    terminal: S,
    input: mpsc::Receiver<io::Result<InputEvent>>,
    options: Options,
) -> Result<ExitReason, Error> {
    visit(terminal, input, options, Signals::new()?).await
}

/// Reads the terminal until it is gone, in a task of its own: the library's stream wakes only whoever polled it first, so
/// nobody else may poll it.
async fn read_keys(typed: mpsc::Sender<io::Result<InputEvent>>) {
    // The stream panics where the terminal cannot be read any more; asked this way, the library says so.
    if let Err(error) = crossterm::event::poll(Duration::ZERO) {
        let _ = typed.send(Err(error)).await;
        return;
    }
    let mut events = EventStream::new();
    // At the end of its input the stream never wakes anybody, and looks for more as fast as it can.
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
            && typed.send(event).await.is_err()
        {
            return;
        }
    }
}

async fn visit<S: TerminalBackend>(
    terminal: S,
    input: mpsc::Receiver<io::Result<InputEvent>>,
    options: Options,
    signals: Signals,
) -> Result<ExitReason, Error> {
    let (news, inbox) = mpsc::channel(MESSAGES_MAX);
    let mut opening = options.opening;
    // One that is open already is named in the first frame.
    let opened = (&mut opening).now_or_never().transpose()?;
    let autopilot = match &opened {
        Some(opened) => opened.has_autopilot(),
        None => Err(format!("{NOT_OPEN} comes first")),
    };
    let mut app = App::new(NOT_OPEN, "", options.screen, autopilot);
    app.reduced_motion = options.reduced_motion;
    app.keymap = options.keymap;
    let look = Appearance::new(options.theme, options.ascii, options.reduced_motion);
    let runner = Runner::new(news, options.data_folder);
    let mut session = Session::new(terminal, app, look, runner);
    let opening = match opened {
        Some(opened) => {
            session.open(opened)?;
            pending().boxed()
        }
        None => opening,
    };
    let leave = options.exit_when.unwrap_or_else(|| pending().boxed());
    let ended = session.live_on(input, inbox, opening, signals, leave).await;
    session.close().await;
    ended
}
