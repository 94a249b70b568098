//! The exit codes of the program, and the errors that lead to them.

use std::io;

use common::client::{self, SetupError};

use crate::terminal::Signal;
use crate::{config, connect, journal, runtime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// The store refused the request or does not have the object (404, 409, 422).
    Refused,
    /// Wrong usage (400, 401, 413, 415), or no terminal.
    Usage,
    /// No answer, a failing store, or an outcome that is still unknown.
    Unavailable,
    Violation,
    Interrupted,
    Quit,
    Terminated,
    HungUp,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unavailable => 3,
            Self::Violation => 4,
            Self::HungUp => 129,
            Self::Interrupted => 130,
            Self::Quit => 131,
            Self::Terminated => 143,
        }
    }

    /// The exit of a command after a signal.
    pub(crate) fn of_signal(signal: Signal) -> Self {
        match signal {
            Signal::HungUp => Self::HungUp,
            Signal::Terminated => Self::Terminated,
            Signal::Quit => Self::Quit,
            // A command does not listen for job control.
            Signal::Interrupted | Signal::Suspended | Signal::Continued => Self::Interrupted,
        }
    }

    pub(crate) fn of_status(status: u16) -> Self {
        match status {
            200..=299 => Self::Done,
            404 | 409 | 422 => Self::Refused,
            // Too many requests are a state of the store, not wrong usage.
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

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Config(#[from] config::Error),
    #[error(transparent)]
    Connect(#[from] connect::Error),
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error(transparent)]
    Journal(#[from] journal::Error),
    #[error(transparent)]
    Runtime(#[from] runtime::Error),
    #[error(transparent)]
    Autopilot(#[from] autopilot::Error),
    #[error(transparent)]
    Services(#[from] autopilot::faults::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Error {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Config(_) => Exit::Usage,
            Self::Client(error) => Exit::of_client_error(error),
            Self::Connect(error) | Self::Runtime(runtime::Error::Connect(error)) => match error {
                connect::Error::Url(_)
                | connect::Error::Client(SetupError::Certificates(_))
                | connect::Error::NotAuthorized(_) => Exit::Usage,
                connect::Error::NoAnswer(error) => Exit::of_client_error(error),
                connect::Error::NoFolder
                | connect::Error::TemporaryFolder(_)
                | connect::Error::Store(_)
                | connect::Error::NoAddress { .. }
                | connect::Error::Client(SetupError::Client(_)) => Exit::Unavailable,
            },
            Self::Autopilot(error) => match error {
                autopilot::Error::Books(error) => Exit::of_client_error(error),
                autopilot::Error::Lost => Exit::Unavailable,
                autopilot::Error::NoBooks => Exit::Refused,
                autopilot::Error::File { .. } => Exit::Usage,
            },
            Self::Journal(_) | Self::Runtime(_) | Self::Services(_) | Self::Io(_) => Exit::Unavailable,
        }
    }
}
