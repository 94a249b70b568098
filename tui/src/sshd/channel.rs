//! The one channel of a connection: the client's terminal and variables until the session begins, then its input.

use std::collections::HashMap;
use std::sync::Arc;

use russh::server::Msg;
use russh::{ChannelId, ChannelWriteHalf};
use tokio::sync::mpsc;

use super::activity::Activity;
use super::input::InputParser;
use super::limits::VARIABLE_BYTES_MAX;
use super::session::{self, Program, Screen};
use super::terminal::Size;
use crate::cli::Environment;
use crate::runtime::QUEUED_EVENTS_MAX;
use crate::terminal::Signal;

/// Ctrl-C, as a terminal in raw mode sends it.
const INTERRUPT: u8 = 3;

pub(super) enum SessionChannel {
    NotOpen,
    /// Open without a session; the client may describe its terminal.
    Open {
        id: ChannelId,
        output: ChannelWriteHalf<Msg>,
        size: Option<Arc<Size>>,
        variables: HashMap<&'static str, String>,
    },
    Running {
        id: ChannelId,
        size: Option<Arc<Size>>,
        input: Input,
    },
    /// Closed; the connection opens no other channel.
    Closed,
}

/// The receiver of a client's input. Dropping it is a hang-up.
pub(super) enum Input {
    Screen {
        parser: InputParser,
        events: session::InputSender,
        activity: Arc<Activity>,
    },
    Command(mpsc::Sender<Signal>),
}

/// A program, the output of its channel, and the columns of the client's terminal, if it has one.
pub(super) type Started = (Program, ChannelWriteHalf<Msg>, Option<usize>);

impl SessionChannel {
    pub(super) fn open(output: ChannelWriteHalf<Msg>) -> Self {
        Self::Open {
            id: output.id(),
            output,
            size: None,
            variables: HashMap::new(),
        }
    }

    /// Stores the kind and the size of the client's terminal; returns whether the request is accepted.
    pub(super) fn set_terminal(&mut self, requested: ChannelId, term: &str, columns: u32, rows: u32) -> bool {
        let Self::Open { id, size, .. } = self else {
            return false;
        };
        if *id == requested && term.len() <= VARIABLE_BYTES_MAX {
            *size = Some(Size::new(columns, rows));
        }
        self.set_variable(requested, "TERM", term)
    }

    /// Stores an environment variable; returns whether the request is accepted.
    pub(super) fn set_variable(&mut self, requested: ChannelId, name: &str, value: &str) -> bool {
        let known = Environment::NAMES.into_iter().find(|known| *known == name);
        match (self, known) {
            (Self::Open { id, variables, .. }, Some(name)) if *id == requested && value.len() <= VARIABLE_BYTES_MAX => {
                variables.insert(name, value.to_owned());
                true
            }
            _ => false,
        }
    }

    /// Starts the session: a command, or the screen without one. `None` if the channel is not open or has a session.
    pub(super) fn start(&mut self, requested: ChannelId, command: Option<Vec<u8>>) -> Option<Started> {
        let (id, output, size, variables) = match std::mem::replace(self, Self::Closed) {
            Self::Open {
                id,
                output,
                size,
                variables,
            } if id == requested => (id, output, size, variables),
            other => {
                *self = other;
                return None;
            }
        };
        let environment = Environment::Sent(variables);
        let (input, program) = match (command, &size) {
            (None, Some(size)) if environment.terminal_can_draw() => screen(Arc::clone(size), environment),
            (command, _) => {
                let (sender, signals) = mpsc::channel(4);
                let terminate = sender.downgrade();
                let program = match command {
                    Some(line) => Program::Command {
                        line,
                        signals,
                        terminate,
                    },
                    None => Program::NoScreen,
                };
                (Input::Command(sender), program)
            }
        };
        let width = size.as_ref().map(|size| usize::from(size.get().0));
        *self = Self::Running { id, size, input };
        Some((program, output, width))
    }

    /// Changes the size of the client's terminal; returns whether it has one.
    pub(super) async fn resize(&self, columns: u32, rows: u32) -> bool {
        let (Self::Open { size: Some(size), .. } | Self::Running { size: Some(size), .. }) = self else {
            return false;
        };
        size.set(columns, rows);
        if let Self::Running {
            input: Input::Screen { events, .. },
            ..
        } = self
        {
            // Fails only at the end of the session.
            let _ = events.send(Ok(session::resized(size))).await;
        }
        true
    }

    /// Forwards input: events to a screen, Ctrl-C in a terminal to a command.
    pub(super) async fn forward(&mut self, channel: ChannelId, data: &[u8]) {
        match self {
            Self::Running {
                id,
                input:
                    Input::Screen {
                        parser,
                        events,
                        activity,
                    },
                ..
            } if *id == channel => {
                activity.observe();
                for event in parser.parse(data) {
                    // Fails only at the end of the session.
                    let _ = events.send(Ok(event)).await;
                }
            }
            Self::Running {
                id,
                size: Some(_),
                input: Input::Command(signals),
            } if *id == channel && data.contains(&INTERRUPT) => {
                // Ignore a full channel: a signal is pending already.
                let _ = signals.try_send(Signal::Interrupted);
            }
            _ => {}
        }
    }

    /// Forwards a signal to a command; it closes a screen.
    pub(super) fn signal(&mut self, signal: Signal) {
        match self {
            Self::Running {
                input: Input::Command(signals),
                ..
            } => {
                // Ignore a full channel: a signal is pending already.
                let _ = signals.try_send(signal);
            }
            _ => self.end_input(),
        }
    }

    /// Handles the end of the input: a hang-up for a screen. A command reads no input.
    pub(super) fn end_input(&mut self) {
        if let Self::Running {
            input: Input::Screen { .. },
            ..
        } = self
        {
            *self = Self::Closed;
        }
    }
}

fn screen(size: Arc<Size>, environment: Environment) -> (Input, Program) {
    let (events, input) = mpsc::channel(QUEUED_EVENTS_MAX);
    let activity = Arc::new(Activity::new());
    let program = Program::Screen(Screen {
        size,
        environment,
        input,
        activity: Arc::clone(&activity),
    });
    let input = Input::Screen {
        parser: InputParser::default(),
        events,
        activity,
    };
    (input, program)
}
