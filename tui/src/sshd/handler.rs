//! The SSH requests of one connection: login, and the one session that the client may open. All other requests are refused:
//! other channels, forwarding, subsystems, the agent.

use std::sync::Arc;

use russh::server::{Auth, ChannelOpenHandle, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, Pty, Sig};
use tokio_util::sync::CancellationToken;

use super::channel::SessionChannel;
use super::customers::Identity;
use super::session::SessionRequest;
use super::{Server, session};
use crate::terminal::Signal;

/// The user name that logs in without a key; all other user names are ignored.
const GUEST: &str = "guest";

/// The progress of a connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Cancelled when the session has begun.
    pub(super) begun: CancellationToken,
    /// Cancelled when the session has ended.
    pub(super) ended: CancellationToken,
}

pub(super) struct ConnectionHandler {
    server: Arc<Server>,
    peer: String,
    identity: Identity,
    channel: SessionChannel,
    progress: Progress,
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

    /// Begins the session on the channel, if the channel is open and has none.
    fn begin(
        &mut self,
        requested: ChannelId,
        command: Option<Vec<u8>>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let Some((program, output, width)) = self.channel.start(requested, command) else {
            return session.channel_failure(requested);
        };
        let request = SessionRequest {
            server: Arc::clone(&self.server),
            peer: self.peer.clone(),
            identity: self.identity.clone(),
            output,
            width,
            program,
        };
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
}

impl Handler for ConnectionHandler {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Result<Auth, Self::Error> {
        // OpenSSH requests the methods this way, before it offers its keys.
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

    /// Accepts any key: the key is the customer.
    async fn auth_publickey(&mut self, _user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.identity = Identity::Key(Box::new(key.public_key.clone()));
        Ok(Auth::Accept)
    }

    /// Accepts a client without a suitable key as a guest, without any prompt.
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
        // Input arrives in `data` and the other functions of this trait.
        let (_input, output) = channel.split();
        self.channel = SessionChannel::open(output);
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
        let accepted = self.channel.set_terminal(channel, term, columns, rows);
        Self::reply(session, channel, accepted)
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        value: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let accepted = self.channel.set_variable(channel, name, value);
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
        let accepted = self.channel.resize(columns, rows).await;
        Self::reply(session, channel, accepted)
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], _session: &mut Session) -> Result<(), Self::Error> {
        self.channel.forward(channel, data).await;
        Ok(())
    }

    async fn signal(&mut self, _channel: ChannelId, signal: Sig, _session: &mut Session) -> Result<(), Self::Error> {
        match signal {
            Sig::INT => self.channel.signal(Signal::Interrupted),
            Sig::TERM | Sig::KILL => self.channel.signal(Signal::Terminated),
            Sig::QUIT => self.channel.signal(Signal::Quit),
            Sig::HUP => self.channel.signal(Signal::HungUp),
            _ => {}
        }
        Ok(())
    }

    async fn channel_eof(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.channel.end_input();
        Ok(())
    }

    async fn channel_close(&mut self, _channel: ChannelId, _session: &mut Session) -> Result<(), Self::Error> {
        self.channel = SessionChannel::Closed;
        Ok(())
    }
}
