//! Runs the command line: the interactive shop, or one command that prints its answer and ends with the contract's exit code.
//!
//! Only this layer prints.

mod autopilot;
mod browse;
mod exit;
mod interactive;
mod interrupt;
mod manual;
mod output;
mod purchase;
mod serve;
mod table;
mod watch;

use std::io;

pub use exit::{Error, Exit};
use interrupt::Interrupt;
use output::Output;

use crate::cli::{Cli, Command};
use crate::config;
use crate::connect::{self, StoreConnection};

/// Runs the command line to its end on a new runtime; prints an error to standard error.
pub fn main(mut cli: Cli) -> Exit {
    match cli.command {
        Some(Command::Completions { shell }) => return report(manual::completions(shell)),
        Some(Command::Man { ref folder }) => return report(manual::pages(folder.as_deref())),
        Some(Command::Serve { ref arguments }) => return serve::run(arguments),
        _ => {}
    }
    if let Err(error) = config::read().map(|config| cli.apply(config)) {
        return report(Err(error.into()));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::print_error(&format!("cannot start the runtime: {error}"));
            return Exit::Unavailable;
        }
    };
    let exit = report(runtime.block_on(run(&cli)));
    // Abandoned requests must not delay the end of the process.
    runtime.shutdown_background();
    exit
}

fn report(result: Result<Exit, Error>) -> Exit {
    match result {
        Ok(exit) => exit,
        // The reader of the output ended first, as in `bookstore watch | head`.
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            output::print_error(&error.to_string());
            error.exit()
        }
    }
}

async fn run(cli: &Cli) -> Result<Exit, Error> {
    let Some(command) = &cli.command else {
        return interactive::browse(cli).await;
    };
    // Listens before a store is opened, so that every signal closes the store cleanly.
    let interrupt = Interrupt::listen()?;
    match command {
        Command::Autopilot(args) if args.faults => return autopilot::run_with_faults(args, cli, interrupt).await,
        Command::Autopilot(args) if autopilot::has_screen(args, cli) => {
            return autopilot::run_with_screen(args, cli, interrupt).await;
        }
        _ => {}
    }
    let connection = connect::connect(&cli.shop).await?;
    if let Some(note) = &connection.note {
        output::print_note(note);
    }
    let result = run_connected(&connection, command, cli, interrupt).await;
    connection.close().await;
    result
}

async fn run_connected(
    connection: &StoreConnection,
    command: &Command,
    cli: &Cli,
    mut interrupt: Interrupt,
) -> Result<Exit, Error> {
    let (out, shop) = (Output::new(cli.shop.json), &connection.shop);
    match command {
        // These two handle the interrupt themselves.
        Command::Autopilot(args) => return autopilot::run_headless(shop, args, cli, interrupt).await,
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
        result = work => result,
        () = interrupt.wait() => Ok(Exit::Interrupted),
    }
}
