//! Runs the command line to its end.

use std::io;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::cli::{Cli, Command, OfflineCommand, OnlineCommand, OrdersArgs};
use crate::commands::{self, Error, Exit, Output, print_error, print_notice};
use crate::commands::{autopilot, interactive, orders, serve, shopkeeper};
use crate::config;
use crate::connect::{self, ShopConnection};
use crate::journal::JournalLocation;
use crate::terminal::Signals;

/// Parses the command line and runs it to its end; prints an error to standard error.
pub fn main() -> ExitCode {
    let mut cli = Cli::parse();
    let command = cli.command.take();
    // The services of a run with faults inherit the environment, and must not repeat the warnings.
    if !matches!(command, Some(Command::Offline(OfflineCommand::Serve { .. }))) {
        for why in backend::config::unknown_variables() {
            print_notice(&format!("bookstore: warning: {why}"));
        }
    }
    let exit = match command {
        Some(Command::Offline(OfflineCommand::Completions(args))) => {
            report(args.run(Cli::command()).map_err(Error::from).map(|()| Exit::Done))
        }
        Some(Command::Offline(OfflineCommand::Man(args))) => {
            report(args.run(Cli::command()).map_err(Error::from).map(|()| Exit::Done))
        }
        Some(Command::Offline(OfflineCommand::Orders(args))) => report(list_orders(&args, cli.shop.json)),
        Some(Command::Offline(OfflineCommand::Serve { arguments })) => serve::run(&arguments),
        Some(Command::Online(command)) => run_on_runtime(cli, Some(command)),
        None => run_on_runtime(cli, None),
    };
    ExitCode::from(exit.code())
}

fn list_orders(args: &OrdersArgs, json: bool) -> Result<Exit, Error> {
    let contents = orders::read()?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(orders::run(contents, args, &Output::new(json, None)))
}

fn run_on_runtime(mut cli: Cli, command: Option<OnlineCommand>) -> Exit {
    if let Err(error) = config::read().map(|config| cli.apply(config)) {
        return report(Err(error.into()));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&format!("cannot start the runtime: {error}"));
            return Exit::Unavailable;
        }
    };
    let exit = report(runtime.block_on(run(&cli, command)));
    // Requests without an answer must not delay the end of the process.
    runtime.shutdown_background();
    exit
}

fn report(result: Result<Exit, Error>) -> Exit {
    match result {
        Ok(exit) => exit,
        // The reader of the output has ended, as in `bookstore watch | head`.
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            print_error(&error.to_string());
            error.exit()
        }
    }
}

async fn run(cli: &Cli, command: Option<OnlineCommand>) -> Result<Exit, Error> {
    let Some(command) = command else {
        return interactive::browse(cli).await;
    };
    // Listens before a store is opened, so that every signal closes the store cleanly.
    let mut signals = Signals::listen()?;
    if let OnlineCommand::Autopilot(args) = &command {
        if args.own_store && cli.shop.named_url().is_some() {
            let why = "--own-store shops at your own store; leave out --url and unset BOOKSTORE_URL";
            return Err(Error::Usage(why.to_owned()));
        }
        if args.faults {
            return autopilot::run_with_faults(args, cli, signals).await;
        }
        if autopilot::has_screen(args, cli) {
            return interactive::show(cli, Some(args), signals).await;
        }
    }
    let connecting = async {
        match &command {
            OnlineCommand::Autopilot(args) => connect::connect_autopilot(&cli.shop, args.own_store).await,
            _ => connect::connect(&cli.shop).await,
        }
    };
    let connection = tokio::select! {
        connection = connecting => connection?,
        // Opening is cut off as by a crash; the next start recovers the store.
        signal = signals.next() => return Ok(Exit::of_signal(signal)),
    };
    if let Some(notice) = &connection.notice {
        print_notice(notice);
    }
    let result = run_connected(&connection, &command, cli, signals).await;
    connection.close().await;
    result
}

async fn run_connected(
    connection: &ShopConnection,
    command: &OnlineCommand,
    cli: &Cli,
    signals: Signals,
) -> Result<Exit, Error> {
    let out = Output::new(cli.shop.json, None);
    match command {
        OnlineCommand::Autopilot(args) => autopilot::run_headless(connection, args, cli, signals).await,
        OnlineCommand::Customer(command) => {
            commands::run_customers(connection, command, JournalLocation::of_user(), &out, signals).await
        }
        #[cfg(feature = "sshd")]
        OnlineCommand::Sshd(args) => {
            crate::sshd::serve(connection, args, cli, &out, signals).await?;
            Ok(Exit::Done)
        }
        OnlineCommand::Restock(args) => shopkeeper::restock(connection, args, &out, signals).await,
        OnlineCommand::Price { item, cost } => shopkeeper::price(connection, *item, *cost, &out, signals).await,
        OnlineCommand::Add(args) => shopkeeper::add(connection, args, &out, signals).await,
        OnlineCommand::Withdraw { item } => shopkeeper::withdraw(connection, *item, &out, signals).await,
    }
}
