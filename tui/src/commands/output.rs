//! The output of commands: standard output and standard error of this process, or the two streams of an SSH connection.

use std::io::{self, Write};

use common::client::{Error as ClientError, Response};
use common::text;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::mpsc;

use super::exit::{Error, Exit};
use super::table::terminal_width;
use crate::terminal::is_eio;

/// Bytes for standard output or standard error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    Out(Vec<u8>),
    Err(Vec<u8>),
}

/// The output of an SSH connection. Its queue is short, so that a slow reader delays the command.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "sshd"), expect(dead_code, reason = "only `sshd` has connections"))]
pub(crate) struct RemoteOutput {
    pub(crate) chunks: mpsc::Sender<Chunk>,
    /// The width of the terminal, in cells; `None` if there is none.
    pub(crate) width: Option<usize>,
}

/// The format and the destination of output.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    json: bool,
    /// `None` for the streams of this process.
    remote: Option<RemoteOutput>,
}

impl Output {
    pub(crate) fn new(json: bool, remote: Option<RemoteOutput>) -> Self {
        Self { json, remote }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// The width of the terminal, in cells; `None` if the output is no terminal.
    pub(super) fn width(&self) -> Option<usize> {
        match &self.remote {
            None => terminal_width(),
            Some(remote) => remote.width,
        }
    }

    /// Prints an answer: the received body with `--json`, otherwise the text from `plain`. Ignores a closed output.
    pub(super) async fn answer<T: DeserializeOwned>(
        &self,
        answer: &Response,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Error> {
        let printed = self.answer_or_fail(answer, plain).await;
        ignore_lost_reader(printed, || Exit::of_status(answer.status))
    }

    /// Like [`Output::answer`], but fails if the output is closed.
    pub(super) async fn answer_or_fail<T: DeserializeOwned>(
        &self,
        answer: &Response,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Error> {
        if self.json {
            return self.write_verbatim(answer).await;
        }
        let text = answer.parse::<T>().map(|value| plain(&value));
        match text {
            Ok(text) => {
                self.write_line(text.as_bytes()).await?;
                Ok(Exit::Done)
            }
            Err(error) => Ok(self.print_client_error(answer, &error).await),
        }
    }

    /// Prints the body of an answer on one line.
    pub(super) async fn verbatim(&self, answer: &Response) -> Result<Exit, Error> {
        ignore_lost_reader(self.write_verbatim(answer).await, || Exit::of_status(answer.status))
    }

    /// Prints a value as one line of JSON.
    pub(super) async fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(value).map_err(io::Error::from)?;
        ignore_lost_reader(self.write_line(&body).await, || ())
    }

    /// Prints text of one or more lines; the caller has sanitized it.
    pub(crate) async fn print(&self, text: &str) -> Result<(), Error> {
        ignore_lost_reader(self.write_line(text.as_bytes()).await, || ())
    }

    /// Writes a line, and fails if the output is closed: for output without an end.
    pub(super) async fn write_line(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut line = bytes.to_vec();
        line.push(b'\n');
        self.write_all(line).await
    }

    /// Writes bytes to standard output and flushes it.
    pub(super) async fn write_all(&self, bytes: Vec<u8>) -> Result<(), Error> {
        if let Some(remote) = &self.remote {
            let sent = remote.chunks.send(Chunk::Out(bytes)).await;
            return sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&bytes)?;
        stdout.flush()?;
        Ok(())
    }

    /// Prints an error to standard error.
    pub(crate) async fn print_error(&self, sentence: &str) {
        self.print_notice(&format!("bookstore: {sentence}")).await;
    }

    /// Prints a notice to standard error; ignores errors.
    pub(crate) async fn print_notice(&self, sentence: &str) {
        let line = sanitized(sentence);
        match &self.remote {
            None => {
                let _ = io::stderr().lock().write_all(&line);
            }
            Some(remote) => {
                let _ = remote.chunks.send(Chunk::Err(line)).await;
            }
        }
    }

    async fn write_verbatim(&self, answer: &Response) -> Result<Exit, Error> {
        if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() {
            let error = answer.parse::<IgnoredAny>().err();
            let sentence = error.map_or_else(|| "the answer is not JSON".to_owned(), |error| explain(&error));
            self.print_error(&sentence).await;
            return Ok(not_done(answer));
        }
        // JSON has line breaks only between its tokens, so removing them changes no value.
        let mut body = answer.body.to_vec();
        body.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        self.write_line(&body).await?;
        Ok(Exit::of_status(answer.status))
    }

    async fn print_client_error(&self, answer: &Response, error: &ClientError) -> Exit {
        self.print_error(&explain(error)).await;
        match error {
            ClientError::Malformed { .. } => not_done(answer),
            _ => Exit::of_status(answer.status),
        }
    }
}

/// The exit for an answer that cannot be parsed; never `Done`.
fn not_done(answer: &Response) -> Exit {
    match Exit::of_status(answer.status) {
        Exit::Done => Exit::Unavailable,
        exit => exit,
    }
}

/// Ignores a closed output or a hang-up, which must not change the result of the request.
fn ignore_lost_reader<T>(written: Result<T, Error>, result: impl FnOnce() -> T) -> Result<T, Error> {
    match written {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe || is_eio(&error) => Ok(result()),
        written => written,
    }
}

/// The error's text, with the stock and the order of a problem.
pub(super) fn explain(error: &ClientError) -> String {
    let ClientError::Problem(problem) = error else {
        return error.to_string();
    };
    let mut sentence = problem.to_string();
    if let Some(stock) = problem.stock {
        sentence.push_str(&format!(" (in stock: {stock})"));
    }
    if let Some(order) = problem.order {
        sentence.push_str(&format!("\n  order  {order}"));
    }
    sentence
}

/// Prints an error to standard error of this process.
pub(crate) fn print_error(sentence: &str) {
    print_notice(&format!("bookstore: {sentence}"));
}

/// Prints a notice to standard error of this process; ignores errors.
pub(crate) fn print_notice(sentence: &str) {
    let _ = io::stderr().lock().write_all(&sanitized(sentence));
}

/// The lines of a text without control characters, each with a line break.
fn sanitized(sentence: &str) -> Vec<u8> {
    let lines: Vec<_> = sentence.lines().map(text::sanitize).collect();
    format!("{}\n", lines.join("\n")).into_bytes()
}
