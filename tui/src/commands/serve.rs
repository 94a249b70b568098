//! Runs one service in this process, like `bookstored`. Fault injection starts its services this way, to test the services of
//! the same build.

use std::ffi::OsString;

use backend::cli::{Cli, Command};
use backend::daemon;
use backend::message::message;
use clap::Parser;

use super::exit::Exit;
use super::output::print_error;

/// Serves until a signal arrives.
pub(crate) fn run(arguments: &[OsString]) -> Exit {
    let program = OsString::from("bookstored");
    let cli = match Cli::try_parse_from([program].iter().chain(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            print_error(&error.to_string());
            return Exit::Usage;
        }
    };
    // A killed parent cannot stop its services.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let served = match cli.command {
        Command::Serve(services) => daemon::run(*services, &cli.logging, None),
        _ => {
            print_error("this role is a command, not a service; run it with bookstored");
            return Exit::Usage;
        }
    };
    match served {
        Ok(()) => Exit::Done,
        Err(error) => {
            print_error(&message(&error));
            Exit::Unavailable
        }
    }
}
