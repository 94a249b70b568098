//! One connection: who the client is, and the one session that it may open. Everything else is refused: other channels,
//! forwarding, subsystems, the agent, other variables.

use std::collections::HashMap;
use std::sync::Arc;

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, ChannelWriteHalf, MethodKind, Pty, Sig};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::customers::Identity;
use super::input::InputParser;
use super::limits::VARIABLE_BYTES_MAX;
use super::session::{Program, Screen, SessionRequest};
use super::terminal::Size;
use super::{Server, session};
use crate::cli::Environment;
use crate::runtime::QUEUED_EVENTS_MAX;
use crate::terminal::Signal;

/// The user name that logs in without a key at once; any other name is not used.
const GUEST: &str = "guest";
/// Ctrl-C, as a terminal in raw mode sends it.
const INTERRUPT: u8 = 3;

/// What has happened on a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The session has begun.
    pub(super) begun: CancellationToken,
    /// The session has ended.
    pub(super) ended: CancellationToken,
}

pub(super) struct ConnectionHandler {
    server: Arc<Server>,
    peer: String,
    identity: Identity,
    channel: SessionChannel,
    progress: Progress,
}

/// The one channel.
enum SessionChannel {
    NotOpen,
    /// The client may describe its terminal.
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
    /// Another one is not opened.
    Closed,
}

/// Where a client's input goes. Dropping it is a hang-up.
enum Input {
    Screen {
        parser: InputParser,
        events: session::InputSender,
        activity: Arc<Activity>,
    },
    Command(mpsc::Sender<Signal>),
}

impl ConnectionHandler {
    pub(super) fn new(server: Arc<Server>, peer: String, progress: Progress) -> Self {
        Self {
            server,
            peer,
            identity: Identity::Guest,
            channel: SessionChannel::NotOpen,
            progress,
        }
    }

    /// Begins the session on the channel, if that is open and has none.
    fn begin(
        &mut self,
        requested: ChannelId,
        command: Option<Vec<u8>>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let (id, output, size, variables) = match std::mem::replace(&mut self.channel, SessionChannel::Closed) {
            SessionChannel::Open {
                id,
                output,
                size,
                variables,
            } if id == requested => (id, output, size, variables),
            other => {
                self.channel = other;
                return session.channel_failure(requested);
            }
        };
        let environment = Environment::Sent(variables);
        let (input, program) = match (command, &size) {
            (None, Some(size)) if environment.terminal_can_draw() => {
                let (events, receiver) = mpsc::channel(QUEUED_EVENTS_MAX);
                let activity = Arc::new(Activity::new());
                let screen = Screen {
                    size: Arc::clone(size),
                    environment,
                    input: receiver,
                    activity: Arc::clone(&activity),
                };
                let parser = InputParser::default();
                let input = Input::Screen {
                    parser,
                    events,
                    activity,
                };
                (input, Program::Screen(screen))
            }
            (command, _) => {
                let (sender, signals) = mpsc::channel(4);
                let until = sender.downgrade();
                let program = match command {
                    Some(line) => Program::Command { line, signals, until },
                    None => Program::NoScreen,
                };
                (Input::Command(sender), program)
            }
        };
        let request = SessionRequest {
            server: Arc::clone(&self.server),
            peer: self.peer.clone(),
            identity: self.identity.clone(),
            output,
            width: size.as_ref().map(|size| usize::from(size.get().0)),
            program,
        };
        self.channel = SessionChannel::Running { id, size, input };
        self.progress.begun.cancel();
        let ended = self.progress.ended.clone().drop_guard();
        tokio::spawn(async move {
            session::run(request).await;
            drop(ended);
        });
        session.channel_success(requested)
    }

    fn reply(session: &mut Session, channel: ChannelId, accepted: bool) -> Result<(), russh::Error> {
        match accepted {
            true => session.channel_success(channel),
            false => session.channel_failure(channel),
        }
    }

    fn hang_up(&mut self) {
        self.channel = SessionChannel::Closed;
    }
}

impl Handler for ConnectionHandler {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        // OpenSSH asks this way for the methods, before it offers its keys.
        if user == GUEST {
            return Ok(Auth::Accept);
        }
        Ok(Auth::Reject {
            proceed_with_methods: Some(
                [MethodKind::PublicKey, MethodKind::KeyboardInteractive]
                    .as_slice()
                    .into(),
            ),
            partial_success: false,
        })
    }

    /// Any key is a customer.
    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.identity = Identity::Key(Box::new(key.public_key.clone()));
        Ok(Auth::Accept)
    }

    /// A client without a key that the server accepts; it is asked nothing.
    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<russh::server::Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        self.identity = Identity::Guest;
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if !matches!(self.channel, SessionChannel::NotOpen) {
            reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
            return Ok(());
        }
        // What arrives comes to the functions below.
        let (_input, output) = channel.split();
        self.channel = SessionChannel::Open {
            id: output.id(),
            output,
            size: None,
            variables: HashMap::new(),
        };
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let accepted = match &mut self.channel {
            SessionChannel::Open {
                id, size, variables, ..
            } if *id == channel && term.len() <= VARIABLE_BYTES_MAX => {
                *size = Some(Size::new(columns, rows));
                variables.insert("TERM", term.to_owned());
                true
            }
            _ => false,
        };
        Self::reply(session, channel, accepted)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let known = Environment::NAMES.into_iter().find(|known| *known == name);
        let accepted = match (&mut self.channel, known) {
            (SessionChannel::Open { id, variables, .. }, Some(name))
                if *id == channel && value.len() <= VARIABLE_BYTES_MAX =>
            {
                variables.insert(name, value.to_owned());
                true
            }
            _ => false,
        };
        Self::reply(session, channel, accepted)
    }

    async fn shell_request(&mut self, channel: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.begin(channel, None, session)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.begin(channel, Some(line.to_vec()), session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single_connection: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(channel)
    }

    async fn window_change_request(
        &mut self,
        channel: ChannelId,
        columns: u32,
        rows: u32,
        _width: u32,
        _height: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let size = match &self.channel {
            SessionChannel::Open { size, .. } | SessionChannel::Running { size, .. } => size.as_ref(),
            SessionChannel::NotOpen | SessionChannel::Closed => None,
        };
        let accepted = size.is_some();
        if let Some(size) = size {
            size.set(columns, rows);
            if let SessionChannel::Running {
                input: Input::Screen { events, .. },
                ..
            } = &self.channel
            {
                // Fails only at the end of the session.
                let _ = events.send(Ok(session::resized(size))).await;
            }
        }
        Self::reply(session, channel, accepted)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _session: &mut Session) -> Result<(), Self::Error> {
        let SessionChannel::Running { id, size, input } = &mut self.channel else {
            return Ok(());
        };
        if *id != channel {
            return Ok(());
        }
        match input {
            Input::Screen {
                parser,
                events,
                activity,
            } => {
                activity.observe();
                for event in parser.parse(data) {
                    // Fails only at the end of the session.
                    let _ = events.send(Ok(event)).await;
                }
            }
            Input::Command(signals) => {
                if size.is_some() && data.contains(&INTERRUPT) {
                    // One that waits is enough.
                    let _ = signals.try_send(Signal::Interrupted);
                }
            }
        }
        Ok(())
    }

    async fn signal(&mut self, _channel: ChannelId, signal: Sig, _session: &mut Session) -> Result<(), Self::Error> {
        let signal = match signal {
            Sig::INT => Signal::Interrupted,
            Sig::TERM | Sig::KILL => Signal::Terminated,
            Sig::QUIT => Signal::Quit,
            Sig::HUP => Signal::HungUp,
            _ => return Ok(()),
        };
        match &self.channel {
            SessionChannel::Running {
                input: Input::Command(signals),
                ..
            } => {
                let _ = signals.try_send(signal);
            }
            SessionChannel::Running { .. } => self.hang_up(),
            _ => {}
        }
        Ok(())
    }

    /// The end of a screen's input is a hang-up; a command reads none.
    async fn channel_eof(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        if let SessionChannel::Running {
            input: Input::Screen { .. },
            ..
        } = &self.channel
        {
            self.hang_up();
        }
        Ok(())
    }

    async fn channel_close(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.hang_up();
        Ok(())
    }
}
