//! How the program ends: the exit codes of the contract, and the errors behind them.

use std::io;

use common::client;

use crate::{config, connect, runtime};

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command did what it was asked to do.
    Done,
    /// The store refused the request or does not have the object (404, 409, 422).
    Refused,
    /// The command was used wrongly (400, 401, 413, 415), or has no terminal.
    Usage,
    /// No answer, a failing store, or an outcome that is still unknown.
    Unavailable,
    /// The audit found a violation.
    Violation,
    /// A signal stopped the command.
    Interrupted,
    /// The terminal is gone.
    HungUp,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
            Self::Violation => 4,
            Self::HungUp => 129,
            Self::Interrupted => 130,
        }
    }

    /// The exit for an HTTP status.
    pub fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            404 | 409 | 422 => Self::Refused,
            // Too many requests is the store's state, not a mistake of the command.
            429 => Self::Unavailable,
            400..=499 => Self::Usage,
            _ => Self::Unavailable,
        }
    }

    fn of_client_error(error: &client::Error) -> Self {
        match error {
            client::Error::Problem(problem) => Self::of_status(problem.status),
            _ => Self::Unavailable,
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command was used wrongly.
    #[error("{0}")]
    Usage(String),
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// There is no connection to a store.
    #[error(transparent)]
    Connect(#[from] connect::Error),
    /// The store gave no usable answer.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The interactive shop failed.
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    /// The autopilot failed.
    #[error(transparent)]
    Autopilot(#[from] autopilot::Error),
    /// The services for the fault injection do not run.
    #[error(transparent)]
    Services(#[from] autopilot::faults::Error),
    /// Standard output or the terminal failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    /// The exit for this error.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Client(error) => Exit::of_client_error(error),
            Self::Connect(error) | Self::Runtime(runtime::Error::Connect(error)) => match error {
                connect::Error::Url(_) | connect::Error::NotAuthorized(_) => Exit::Usage,
                connect::Error::NoAnswer(error) => Exit::of_client_error(error),
                connect::Error::LocalStore(_) | connect::Error::HttpClient(_) => Exit::Unavailable,
            },
            Self::Autopilot(error) => match error {
                autopilot::Error::Books(error) => Exit::of_client_error(error),
                autopilot::Error::Lost => Exit::Unavailable,
                autopilot::Error::NoBooks => Exit::Refused,
                autopilot::Error::File { .. } => Exit::Usage,
            },
            Self::Runtime(_) | Self::Services(_) | Self::Io(_) => Exit::Unavailable,
        }
    }
}
