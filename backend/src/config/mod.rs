//! The sources of settings: a flag, else its environment variable, else the configuration file, else a default.
//!
//! The definition of the command line is the only list of settings. A setting is an argument that has an environment
//! variable; its key in the file is the flag's long name. A value of the file becomes the argument's default, so that clap
//! parses it and prefers flags and variables.

mod file;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod report;
#[cfg(test)]
mod tests;
mod variables;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use self::file::File;
pub use self::variables::unknown_variables;
use crate::cli::Cli;

/// Why no configuration was loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag or a variable is wrong; or help was asked for.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file is wrong.
    #[error("{0}")]
    File(String),
}

/// A command with its settings and their sources.
#[derive(Debug)]
pub struct Configuration {
    /// The command.
    pub cli: Cli,
    command: Command,
    matches: ArgMatches,
    file: Option<File>,
}

impl Configuration {
    /// Parses the command line, together with the environment and the configuration file that they name.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn load(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Error> {
        let mut arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut command = Cli::command();
        let mut matches = command.try_get_matches_from_mut(&arguments)?;
        if let Some(("config", config)) = matches.subcommand()
            && config.subcommand_name().is_none()
        {
            arguments.push("all".into());
            matches = command.try_get_matches_from_mut(&arguments)?;
        }
        let path: Option<&PathBuf> = matches.get_one("config");
        let file = path.map(|path| File::read(path, &Cli::command())).transpose()?;
        Self::with_file(&arguments, command, matches, file)
    }

    /// Parses the command line again with the file's values as defaults; `matches` are the matches without the file.
    fn with_file(
        arguments: &[OsString],
        mut command: Command,
        mut matches: ArgMatches,
        file: Option<File>,
    ) -> Result<Self, Error> {
        if let Some(file) = &file {
            command = file.add_defaults(Cli::command());
            let parsed = command.try_get_matches_from_mut(arguments);
            // The command line was valid without the file, so the file is wrong.
            matches = parsed.map_err(|error| file.explain(&error, role(&matches)))?;
        }
        Ok(Self {
            cli: Cli::from_arg_matches(&matches)?,
            command,
            matches,
            file,
        })
    }

    /// The configuration file.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(File::path)
    }
}

/// The name of the command that runs, or whose settings `config` shows.
fn role(matches: &ArgMatches) -> &str {
    match matches.subcommand() {
        Some(("config", config)) => config.subcommand_name().unwrap_or_default(),
        Some((name, _)) => name,
        None => "",
    }
}

/// The settings of a command, and those of all commands.
fn settings<'a>(whole: &'a Command, command: &'a Command) -> impl Iterator<Item = &'a Arg> {
    // clap copies global arguments into the subcommand when it parses a command line.
    let own = command.get_arguments().filter(|argument| !argument.is_global_set());
    let settings = own.chain(whole.get_arguments());
    settings.filter(|argument| argument.get_env().is_some() && argument.get_id() != "config")
}

/// A setting's key in the file.
fn key(setting: &Arg) -> &str {
    setting.get_long().unwrap_or_default()
}

/// The services that a process can run, by the names of their commands.
fn roles(whole: &Command) -> impl Iterator<Item = &Command> {
    let listens = |command: &&Command| command.get_arguments().any(|argument| argument.get_id() == "listen");
    whole.get_subcommands().filter(listens)
}

/// The name that a misspelt one most probably stands for.
fn nearest<'a>(misspelt: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const SIMILARITY_MIN: f64 = 0.7;
    let similar = names.map(|name| (strsim::jaro(misspelt, name), name));
    let nearest = similar.max_by(|(one, _), (other, _)| one.total_cmp(other));
    nearest
        .filter(|&(similarity, _)| similarity > SIMILARITY_MIN)
        .map(|(_, name)| name)
}
