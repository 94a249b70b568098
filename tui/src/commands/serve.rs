//! One of the services in a process of its own, as `bookstored` would run it: what the autopilot mishandles is the shop that
//! came with it.

use std::ffi::OsString;

use anyhow::anyhow;
use backend::cli::{Cli, Plan};
use clap::Parser;

use super::{Exit, output};

/// Serves until it is told to end.
pub(super) fn run(arguments: &[OsString]) -> Exit {
    let program = OsString::from("bookstored");
    let cli = match Cli::try_parse_from([program].iter().chain(arguments)) {
        Ok(cli) => cli,
        Err(error) => {
            output::complain(&error.to_string());
            return Exit::Usage;
        }
    };
    // Whoever mishandles the services may be killed, too, and nobody would end them.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    let served = cli.role.plan().and_then(|plan| match plan {
        Plan::Serve(services) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(backend::run(services))
        }
        Plan::Work(_) => Err(anyhow!("that is none of the services")),
    });
    match served {
        Ok(()) => Exit::Done,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            Exit::Unavailable
        }
    }
}
