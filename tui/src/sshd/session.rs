//! A session: runs the shop's screen or one command, and sends its exit code.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use russh::ChannelWriteHalf;
use russh::server::Msg;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Server;
use super::activity::Activity;
use super::command;
use super::customers::{Customer, Identity};
use super::limits::{FINAL_OUTPUT_TIMEOUT, QUEUED_CHUNKS_MAX};
use super::terminal::{RemoteTerminal, Size, leave};
use crate::app::Screen as ShopScreen;
use crate::cli::Environment;
use crate::commands::{Chunk, Exit, Output, RemoteOutput, print_notice};
use crate::input::InputEvent;
use crate::runtime::{self, ExitReason, Opened, Options};
use crate::terminal::{Signal, Signals};
use crate::theme::Appearance;

/// The type of extended data that is standard error (RFC 4254 5.2).
const STDERR: u32 = 1;

pub(super) type InputSender = mpsc::Sender<io::Result<InputEvent>>;

/// A client's request for a session.
pub(super) struct SessionRequest {
    pub(super) server: Arc<Server>,
    pub(super) peer: String,
    pub(super) identity: Identity,
    pub(super) output: ChannelWriteHalf<Msg>,
    /// The columns of its terminal; `None` if it has none.
    pub(super) width: Option<usize>,
    pub(super) program: Program,
}

pub(super) enum Program {
    Screen(Screen),
    Command {
        line: Vec<u8>,
        signals: mpsc::Receiver<Signal>,
        /// Terminates the command when a limit is reached.
        terminate: mpsc::WeakSender<Signal>,
    },
    /// The client requested a screen, but its terminal cannot show one.
    NoScreen,
}

/// A client's terminal.
pub(super) struct Screen {
    pub(super) size: Arc<Size>,
    pub(super) environment: Environment,
    pub(super) input: mpsc::Receiver<io::Result<InputEvent>>,
    pub(super) activity: Arc<Activity>,
}

pub(super) fn resized(size: &Size) -> InputEvent {
    let (columns, rows) = size.get();
    InputEvent::Resized { columns, rows }
}

/// Runs the session, and sends the exit code to the client.
pub(super) async fn run(request: SessionRequest) {
    let SessionRequest {
        server,
        peer,
        identity,
        output,
        width,
        program,
    } = request;
    let (chunks, queue) = mpsc::channel(QUEUED_CHUNKS_MAX);
    let writer = tokio::spawn(write(output, queue, width.is_some()));
    let started = Instant::now();
    let remote = RemoteOutput { chunks, width };
    let exit = run_program(&server, &identity, program, remote).await;
    let finish = async {
        if let Ok(Ok(output)) = writer.await {
            close_channel(&output, exit).await;
        }
    };
    // A client that does not read must not block the end of the session.
    let _ = tokio::time::timeout(FINAL_OUTPUT_TIMEOUT, finish).await;
    let (who, seconds) = (identity.name(), started.elapsed().as_secs());
    print_notice(&format!(
        "{peer}: the session of {who} ended after {seconds} s with {}",
        exit.code()
    ));
}

async fn run_program(server: &Arc<Server>, identity: &Identity, program: Program, remote: RemoteOutput) -> Exit {
    let out = Output::new(false, Some(remote.clone()));
    let customer = match server.customers.begin(identity) {
        Ok(customer) => customer,
        Err(error) => {
            out.print_error(&error.to_string()).await;
            return Exit::Refused;
        }
    };
    match program {
        Program::Screen(screen) => match run_screen(server, identity, customer, screen, remote.chunks).await {
            Ok(exit) => exit,
            Err(error) => {
                out.print_error(&error.to_string()).await;
                Exit::Unavailable
            }
        },
        Program::Command {
            line,
            signals,
            terminate,
        } => {
            tokio::select! {
                exit = command::run(server, &customer, &line, remote, Signals::of_connection(signals)) => exit,
                never = terminate_at_limit(server, terminate) => match never {},
            }
        }
        Program::NoScreen => {
            let advice = "the shop needs a terminal that can show a screen (`ssh -t`); in scripts name a command, such as \
                          `search war` or `lookup 2 --json` (see `help`)";
            out.print_error(advice).await;
            Exit::Usage
        }
    }
}

/// Sends SIGTERM to a command when the server stops, or after the longest time of a session; never completes.
async fn terminate_at_limit(server: &Server, command: mpsc::WeakSender<Signal>) -> std::convert::Infallible {
    tokio::select! {
        () = server.stop.cancelled() => {}
        () = tokio::time::sleep(server.args.max_time) => {}
    }
    if let Some(command) = command.upgrade() {
        let _ = command.try_send(Signal::Terminated);
    }
    std::future::pending().await
}

/// Runs the shop's screen, and restores the client's terminal at its end.
async fn run_screen(
    server: &Arc<Server>,
    identity: &Identity,
    customer: Customer,
    screen: Screen,
    chunks: mpsc::Sender<Chunk>,
) -> Result<Exit, runtime::Error> {
    let display = server.cli.display(None, &screen.environment);
    let terminal = RemoteTerminal::new(screen.size, display.mouse, chunks.clone())?;
    let mut connection = server.connection_of(identity).await;
    if *identity == Identity::Guest {
        let notice = "You are a guest: your orders are forgotten when this session ends. Log in with a key \
                      (ssh-keygen) to keep them";
        connection.notice = Some(notice.to_owned());
    }
    let events = Arc::clone(&server.events);
    let opened = Opened {
        connection,
        autopilot: None,
        follow: Box::new(|sender, reconnect| events.follow(sender, reconnect).boxed()),
    };
    let (reason, closed_by) = oneshot::channel();
    let limit = wait_for_limit(Arc::clone(server), screen.activity);
    let options = Options {
        opening: std::future::ready(Ok(opened)).boxed(),
        appearance: Appearance::new(display.theme, display.ascii, display.reduced_motion),
        mouse: display.mouse,
        keymap: display.keymap,
        journal: customer.orders.clone(),
        is_remote: true,
        screen: ShopScreen::Shop,
        exit_when: Some(
            async move {
                let _ = reason.send(limit.await);
            }
            .boxed(),
        ),
    };
    // Signals of this process are for the server; a client's signals close the channel, which ends its input.
    let (_none, signals) = mpsc::channel(1);
    let ended = runtime::run_session(terminal, screen.input, options, Signals::of_connection(signals)).await;
    let (exit, sentence) = match &ended {
        Ok(ExitReason::Completed) => (Exit::Done, closed_by.await.unwrap_or_default()),
        Ok(ExitReason::HungUp) => (Exit::HungUp, String::new()),
        Ok(ExitReason::UserQuit | ExitReason::Interrupted) => (Exit::Done, String::new()),
        Err(runtime::Error::Terminal(_)) => (Exit::HungUp, String::new()),
        Err(error) => (Exit::Unavailable, format!("bookstore: {error}")),
    };
    let _ = chunks.send(Chunk::Out(leave(&sentence)?)).await;
    Ok(exit)
}

/// Completes with a sentence when a limit is reached.
async fn wait_for_limit(server: Arc<Server>, activity: Arc<Activity>) -> String {
    let (idle, time) = (server.args.idle_timeout, server.args.max_time);
    tokio::select! {
        () = server.stop.cancelled() => "The shop is closing; come back soon.".to_owned(),
        () = activity.idle_for(idle) => format!("Closed: no key was pressed for {}.", in_words(idle)),
        () = tokio::time::sleep(time) => format!("Closed: a session lasts at most {}.", in_words(time)),
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 7_200 => format!("{} hours", seconds / 3_600),
        seconds if seconds >= 120 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

/// Writes to the client as fast as the client reads. For a terminal, lines end in a carriage return and a line feed.
async fn write(
    output: ChannelWriteHalf<Msg>,
    mut chunks: mpsc::Receiver<Chunk>,
    is_terminal: bool,
) -> Result<ChannelWriteHalf<Msg>, russh::Error> {
    let lines = |bytes: Vec<u8>| match is_terminal {
        true => with_carriage_returns(&bytes),
        false => bytes,
    };
    while let Some(chunk) = chunks.recv().await {
        match chunk {
            Chunk::Out(bytes) => output.data_bytes(lines(bytes)).await?,
            // One stream keeps the order of both in a terminal.
            Chunk::Err(bytes) if is_terminal => output.data_bytes(lines(bytes)).await?,
            Chunk::Err(bytes) => output.extended_data_bytes(STDERR, bytes).await?,
        }
    }
    Ok(output)
}

fn with_carriage_returns(bytes: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes.len() + 16);
    for byte in bytes {
        if *byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(*byte);
    }
    lines
}

/// Sends the exit code and closes the channel. Ignores errors, which mean that the client has disconnected.
async fn close_channel(output: &ChannelWriteHalf<Msg>, exit: Exit) {
    let _ = output.exit_status(u32::from(exit.code())).await;
    let _ = output.eof().await;
    let _ = output.close().await;
}
