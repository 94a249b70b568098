//! The commands: the interactive shop, and one-shot commands, which print an answer and return an exit code.
//!
//! Only this layer prints.

pub(crate) mod autopilot;
mod browse;
mod exit;
pub(crate) mod interactive;
mod order_record;
pub(crate) mod orders;
mod output;
mod purchase;
pub(crate) mod serve;
pub(crate) mod shopkeeper;
mod table;
mod watch;

use futures::FutureExt as _;

pub(crate) use exit::{Error, Exit};
#[cfg(feature = "sshd")]
pub(crate) use output::{Chunk, RemoteOutput};
pub(crate) use output::{Output, print_error, print_notice};
#[cfg(feature = "sshd")]
pub(crate) use watch::print as print_event;

use crate::cli::CustomerCommand;
use crate::connect::ShopConnection;
use crate::journal::JournalLocation;
use crate::terminal::Signals;

/// Runs a command of a customer, whose orders are recorded in `journal`.
pub(crate) async fn run_customers(
    connection: &ShopConnection,
    command: &CustomerCommand,
    journal: Option<JournalLocation>,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let work = match command {
        // `buy` handles signals itself.
        CustomerCommand::Buy(args) => return purchase::buy(connection, args, journal, out, signals).await,
        CustomerCommand::Topics => browse::topics(connection, out).boxed(),
        CustomerCommand::Search(args) => browse::search(connection, args, out).boxed(),
        CustomerCommand::Lookup { item } => browse::lookup(connection, *item, out).boxed(),
        CustomerCommand::Order { order } => purchase::order(connection, *order, journal, out).boxed(),
        CustomerCommand::Watch { after } => watch::run(connection, *after, out).boxed(),
    };
    tokio::select! {
        result = work => result,
        signal = signals.next() => Ok(Exit::of_signal(signal)),
    }
}
