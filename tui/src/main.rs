//! The executable: reads the command line, runs it, ends with the code the contract names.

use std::process::ExitCode;

use clap::Parser;
use tui::cli::Cli;
use tui::commands;

fn main() -> ExitCode {
    ExitCode::from(commands::main(Cli::parse()).code())
}
