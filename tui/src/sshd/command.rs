//! The commands of a client. The parser knows only customers' commands: no option names an address, a file or a token.

use std::sync::Arc;

use clap::Parser as _;
use tokio::sync::{Notify, mpsc};

use super::Server;
use super::customers::Customer;
use super::limits::{COMMAND_BYTES_MAX, QUEUED_CHUNKS_MAX, SEARCH_BOOKS_MAX};
use crate::cli::{CustomerCommand, RemoteCli, RemoteCommand};
use crate::commands::{self, Error, Exit, Output, RemoteOutput};
use crate::journal;
use crate::message::Event;
use crate::terminal::Signals;

/// Runs a command line, and prints its errors.
pub(super) async fn run(
    server: &Arc<Server>,
    customer: &Customer,
    line: &[u8],
    remote: RemoteOutput,
    signals: Signals,
) -> Exit {
    let plain = Output::new(false, Some(remote.clone()));
    let parsed = words(line).and_then(|words| {
        let words = std::iter::once("bookstore".to_owned()).chain(words);
        RemoteCli::try_parse_from(words).map_err(Refusal::Clap)
    });
    let cli = match parsed {
        Ok(cli) => cli,
        Err(Refusal::Sentence(sentence)) => {
            plain.print_error(sentence).await;
            return Exit::Usage;
        }
        Err(Refusal::Clap(error)) if error.use_stderr() => {
            plain.print_notice(error.render().to_string().trim_end()).await;
            return Exit::Usage;
        }
        Err(Refusal::Clap(help)) => {
            let printed = plain.print(help.render().to_string().trim_end()).await;
            return printed.map_or_else(|error| error.exit(), |()| Exit::Done);
        }
    };
    let out = Output::new(cli.json, Some(remote));
    match run_parsed(server, customer, cli.command, &out, signals).await {
        Ok(exit) => exit,
        Err(error) => {
            out.print_error(&error.to_string()).await;
            error.exit()
        }
    }
}

enum Refusal {
    Sentence(&'static str),
    Clap(clap::Error),
}

/// The words of a command line, quoted as in a shell.
fn words(line: &[u8]) -> Result<Vec<String>, Refusal> {
    if line.len() > COMMAND_BYTES_MAX {
        return Err(Refusal::Sentence("the command line is too long"));
    }
    let line = std::str::from_utf8(line).map_err(|_| Refusal::Sentence("the command line is not in UTF-8"))?;
    shlex::split(line).ok_or(Refusal::Sentence("a quotation mark in the command line is not closed"))
}

async fn run_parsed(
    server: &Arc<Server>,
    customer: &Customer,
    command: RemoteCommand,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    match command {
        RemoteCommand::Orders(args) => {
            let folder = customer.orders.folder.clone();
            let read = tokio::task::spawn_blocking(move || journal::read(&folder)).await;
            let contents = read.map_err(|error| Error::Usage(error.to_string()))??;
            commands::orders::run(contents, &args, out).await
        }
        RemoteCommand::Customer(CustomerCommand::Search(args)) if args.limit > SEARCH_BOOKS_MAX => {
            let sentence = format!("--limit is at most {SEARCH_BOOKS_MAX} over SSH");
            Err(Error::Usage(sentence))
        }
        RemoteCommand::Customer(CustomerCommand::Watch { after: None }) => tokio::select! {
            result = watch(server, out) => result,
            signal = signals.next() => Ok(Exit::of_signal(signal)),
        },
        RemoteCommand::Customer(command) => {
            let orders = Some(customer.orders.clone());
            commands::run_customers(&server.connection, &command, orders, out, signals).await
        }
    }
}

/// Prints the event stream that all sessions share.
async fn watch(server: &Server, out: &Output) -> Result<Exit, Error> {
    let (sender, mut events) = mpsc::channel(QUEUED_CHUNKS_MAX);
    tokio::spawn(Arc::clone(&server.events).follow(sender, Arc::new(Notify::new())));
    while let Some(event) = events.recv().await {
        if let Event::Stream(item) = event {
            commands::print_event(&item, out).await?;
        }
    }
    Ok(Exit::Unavailable)
}
