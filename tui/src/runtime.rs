//! The loop: takes in everything that happened, changes the state, draws once. At most thirty frames a second, none
//! without a change, and nothing here ever waits for the network.

mod session;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use common::client::Shop;
use crossterm::event::EventStream;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Notify, mpsc, watch};

use crate::app::{App, Screen};
use crate::effect::Runner;
use crate::event::Event;
use crate::keymap::Keymap;
use crate::live;
use crate::message::What;
use crate::terminal::{Guard, Signals, Stage};
use crate::theme::{Look, Theme};
use crate::ui::Pane;
use session::Session;

/// How many messages wait at most for the loop; who sends more waits.
const MESSAGES_MAX: usize = 4_096;
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
    /// Which key is which command.
    pub keymap: Keymap,
    /// Leaves the shop when it is done.
    pub leave: Option<BoxFuture<'static, ()>>,
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

/// How the shop was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// By the person, step by step; or there is no person any more.
    Quietly,
    /// By Ctrl-C or by a signal.
    Interrupted,
    /// Because [`Options::leave`] was done.
    Done,
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
pub async fn run(options: Options) -> Result<Left, Error> {
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
) -> Result<Left, Error> {
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
) -> Result<Left, Error> {
    let (news, inbox) = mpsc::channel(MESSAGES_MAX);
    let reconnect = Arc::new(Notify::new());
    let autopilot = match &options.autopilot {
        Some(_) => Ok(()),
        None => Err("not part of this shop".to_owned()),
    };
    let mut app = App::new(&options.place, options.shop.url(), options.screen, autopilot);
    app.reduced_motion = options.reduced_motion;
    app.keymap = options.keymap;
    let runner = Runner::new(
        options.shop.clone(),
        news.clone(),
        options.data_folder,
        Arc::clone(&reconnect),
    );
    let look = Look::new(options.theme, options.ascii, options.reduced_motion);
    let mut session = Session::new(stage, app, look, options.autopilot, runner);
    // The first frame stands before anybody is asked anything.
    session.measure()?;
    for notice in options.notices {
        session.take_in(What::Notice(notice))?;
    }
    session.draw()?;
    session.take_in(What::Started)?;
    let follower = tokio::spawn(live::follow(options.shop, news, reconnect));
    let leave = options.leave.unwrap_or_else(|| Box::pin(std::future::pending()));
    let ended = session.live_on(input, inbox, options.ended, signals, leave).await;
    follower.abort();
    session.close().await;
    ended
}
