//! Completion scripts and man pages, generated from the command line's definition.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::exit::{Error, Exit};
use super::output;
use crate::cli::Cli;

pub(super) fn completions(shell: Shell) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "bookstore", &mut script);
    output::write_all(&script)?;
    Ok(Exit::Done)
}

/// Prints the program's man page, or writes one page for each command to a folder.
pub(super) fn pages(folder: Option<&Path>) -> Result<Exit, Error> {
    let command = Cli::command();
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            output::write_all(&page)?;
        }
    }
    Ok(Exit::Done)
}
