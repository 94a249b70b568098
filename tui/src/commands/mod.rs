//! The one-shot commands: ask the store once, print the answer, end with the code the contract names.
//!
//! The only layer that prints.

mod browse;
mod interrupt;
mod live;
mod load;
mod manual;
mod output;
mod purchase;
mod serve;
mod table;
mod watch;

use std::io;

use common::client;

pub use interrupt::Interrupt;
use output::Output;

use crate::cli::{Cli, Command};
use crate::place::Place;
use crate::{config, place, runtime, shop};

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done as asked.
    Done,
    /// The store refused it or does not have it (404, 409, 422).
    Refused,
    /// Asked wrongly (400, 401, 413, 415), or no terminal.
    Usage,
    /// No answer, a failing store, or an outcome that is still unknown.
    Unavailable,
    /// The audit found a fault.
    Violation,
    /// Stopped by a signal.
    Interrupted,
    /// The terminal of a screen is gone.
    HungUp,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
            Self::Violation => 4,
            Self::HungUp => 129,
            Self::Interrupted => 130,
        }
    }

    /// What it means that a shop gave no answer that can be used.
    fn of_no_answer(error: &client::Error) -> Self {
        match error {
            client::Error::Problem(problem) => Self::of_status(problem.status),
            _ => Self::Unavailable,
        }
    }

    /// What an HTTP status means for whoever asked.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            404 | 409 | 422 => Self::Refused,
            // Too many at once is the store's state, not a mistake of the command.
            429 => Self::Unavailable,
            400..=499 => Self::Usage,
            _ => Self::Unavailable,
        }
    }
}

/// Why a command did not end as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was called wrongly.
    #[error("{0}")]
    Usage(String),
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// There is no shop to ask.
    #[error(transparent)]
    Place(#[from] place::Error),
    /// The store gave no answer that can be used.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The interactive shop failed.
    #[error(transparent)]
    Shop(#[from] runtime::Error),
    /// The autopilot could not run.
    #[error(transparent)]
    Autopilot(#[from] autopilot::Error),
    /// The services that are to be mishandled do not run.
    #[error(transparent)]
    Services(#[from] autopilot::faults::Error),
    /// The terminal or the output failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// The exit that goes with it.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Client(error) => Exit::of_no_answer(error),
            Self::Place(error) | Self::Shop(runtime::Error::Place(error)) => match error {
                place::Error::Url(_) | place::Error::Guest(_) => Exit::Usage,
                place::Error::NoAnswer(error) => Exit::of_no_answer(error),
                place::Error::OwnStore(_) | place::Error::Connections(_) => Exit::Unavailable,
            },
            Self::Autopilot(error) => match error {
                autopilot::Error::Books(error) => Exit::of_no_answer(error),
                autopilot::Error::Lost => Exit::Unavailable,
                autopilot::Error::NoBooks => Exit::Refused,
                autopilot::Error::File { .. } => Exit::Usage,
            },
            Self::Shop(_) | Self::Services(_) | Self::Io(_) => Exit::Unavailable,
        }
    }
}

/// Runs a command line to its end on a runtime of its own, and says on standard error what went wrong.
pub fn main(mut cli: Cli) -> Exit {
    match cli.command {
        Some(Command::Completions { shell }) => return ended(manual::completions(shell)),
        Some(Command::Man { ref folder }) => return ended(manual::pages(folder.as_deref())),
        Some(Command::Serve { ref arguments }) => return serve::run(arguments),
        _ => {}
    }
    if let Err(error) = config::read().map(|config| cli.adopt(config)) {
        return ended(Err(error.into()));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("the program cannot start: {error}"));
            return Exit::Unavailable;
        }
    };
    let exit = ended(runtime.block_on(run(&cli)));
    // Requests that nobody waits for any more must not hold the process.
    runtime.shutdown_background();
    exit
}

/// Says on standard error what went wrong.
fn ended(done: Result<Exit, Error>) -> Exit {
    match done {
        Ok(exit) => exit,
        // Whoever read the output has enough of it: `bookstore watch | head`.
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            output::complain(&error.to_string());
            error.exit()
        }
    }
}

async fn run(cli: &Cli) -> Result<Exit, Error> {
    let Some(command) = &cli.command else {
        return shop::open(cli).await;
    };
    // Listened to before a store is opened: no signal may leave it without its clean stop.
    let interrupt = Interrupt::listen()?;
    match command {
        Command::Autopilot(args) if args.faults => return load::run_with_faults(args, cli, interrupt).await,
        Command::Autopilot(args) if load::has_screen(args, cli) => return live::run(args, cli, interrupt).await,
        _ => {}
    }
    let place = place::find(cli).await?;
    if let Some(note) = &place.note {
        output::tell(note);
    }
    let done = run_at(&place, command, cli, interrupt).await;
    place.leave().await;
    done
}

async fn run_at(place: &Place, command: &Command, cli: &Cli, mut interrupt: Interrupt) -> Result<Exit, Error> {
    let (out, shop) = (Output::new(cli.shop.json), &place.shop);
    match command {
        // These two end in an orderly way of their own when they are interrupted.
        Command::Autopilot(args) => return load::run(place, args, cli, interrupt).await,
        Command::Buy(args) => return purchase::buy(shop, args, &out, interrupt).await,
        _ => {}
    }
    let work = async {
        match command {
            Command::Topics => browse::topics(shop, &out).await,
            Command::Search(args) => browse::search(shop, args, &out).await,
            Command::Lookup { item } => browse::lookup(shop, *item, &out).await,
            Command::Order { order } => purchase::order(shop, *order, &out).await,
            Command::Restock(args) => purchase::restock(shop, args, &out).await,
            Command::Watch { after } => watch::run(shop, *after, &out).await,
            Command::Autopilot(_)
            | Command::Buy(_)
            | Command::Completions { .. }
            | Command::Man { .. }
            | Command::Serve { .. } => Ok(Exit::Done),
        }
    };
    tokio::select! {
        done = work => done,
        () = interrupt.wait() => Ok(Exit::Interrupted),
    }
}
