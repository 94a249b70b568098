//! The executable: parses the command line, runs it, and exits with the code of the contract.

use std::process::ExitCode;

use clap::Parser;
use tui::cli::Cli;
use tui::commands;

fn main() -> ExitCode {
    ExitCode::from(commands::main(Cli::parse()).code())
}
