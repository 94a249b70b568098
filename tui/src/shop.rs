//! The interactive shop's door.

use crate::cli::Cli;
use crate::commands::{Error, Exit};

/// Opens the shop in this terminal and stays until the customer leaves.
///
/// # Errors
/// [`Error::Usage`] where there is no terminal.
pub async fn open(_cli: &Cli) -> Result<Exit, Error> {
    Err(Error::Usage(
        "no subcommand was given; try `bookstore topics` or `bookstore --help`".to_owned(),
    ))
}
