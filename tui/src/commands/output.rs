//! Standard output and standard error of the commands.

use std::io::{self, Write};

use common::client::{Error as ClientError, Response};
use common::text;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::exit::{Error, Exit};
use crate::terminal::is_eio;

/// How answers are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    json: bool,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        Self { json }
    }

    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Prints an answer: its body as received with `--json`, otherwise the text that `plain` makes of it.
    pub(super) fn answer<T: DeserializeOwned>(
        self,
        answer: &Response,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Error> {
        ignore_lost_reader(self.answer_or_fail(answer, plain), || Exit::of_status(answer.status))
    }

    /// The same, but fails if the reader is gone.
    pub(super) fn answer_or_fail<T: DeserializeOwned>(
        self,
        answer: &Response,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Error> {
        if self.json {
            return write_verbatim(answer);
        }
        match answer.parse::<T>() {
            Ok(value) => {
                write_line(plain(&value).as_bytes())?;
                Ok(Exit::Done)
            }
            Err(error) => Ok(print_client_error(answer, &error)),
        }
    }

    /// Prints the body of an answer on one line.
    pub(super) fn verbatim(self, answer: &Response) -> Result<Exit, Error> {
        ignore_lost_reader(write_verbatim(answer), || Exit::of_status(answer.status))
    }

    /// Prints a value as one line of JSON.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(value).map_err(io::Error::from)?;
        ignore_lost_reader(write_line(&body), || ())
    }
}

fn write_verbatim(answer: &Response) -> Result<Exit, Error> {
    if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() {
        let error = answer.parse::<IgnoredAny>().err();
        print_error(&error.map_or_else(|| "the answer is not JSON".to_owned(), |error| explain(&error)));
        return Ok(not_done(answer));
    }
    // JSON has line breaks only between its tokens, so removing them changes no value.
    let mut body = answer.body.to_vec();
    body.retain(|byte| !matches!(byte, b'\n' | b'\r'));
    write_line(&body)?;
    Ok(Exit::of_status(answer.status))
}

fn print_client_error(answer: &Response, error: &ClientError) -> Exit {
    print_error(&explain(error));
    match error {
        ClientError::Malformed { .. } => not_done(answer),
        _ => Exit::of_status(answer.status),
    }
}

/// The exit for an answer that cannot be read: a success status does not count.
fn not_done(answer: &Response) -> Exit {
    match Exit::of_status(answer.status) {
        Exit::Done => Exit::Unavailable,
        exit => exit,
    }
}

/// A reader or a terminal that is gone does not change the result of the request.
fn ignore_lost_reader<T>(written: Result<T, Error>, result: impl FnOnce() -> T) -> Result<T, Error> {
    match written {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe || is_eio(&error) => Ok(result()),
        written => written,
    }
}

/// An error with the stock and the order that the store names in it.
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

/// Prints text of one or more lines; the caller has sanitized it.
pub(super) fn print(text: &str) -> Result<(), Error> {
    ignore_lost_reader(write_line(text.as_bytes()), || ())
}

/// Writes a line and fails if the reader is gone: for output without an end.
pub(super) fn write_line(bytes: &[u8]) -> Result<(), Error> {
    let mut line = bytes.to_vec();
    line.push(b'\n');
    write_all(&line)
}

/// Writes bytes to standard output and flushes it.
pub(super) fn write_all(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Prints an error to standard error.
pub(super) fn print_error(sentence: &str) {
    print_notice(&format!("bookstore: {sentence}"));
}

/// Prints a notice to standard error, if anything reads it.
pub(super) fn print_notice(sentence: &str) {
    let sanitized: Vec<_> = sentence.lines().map(text::sanitize).collect();
    let _ = writeln!(io::stderr().lock(), "{}", sanitized.join("\n"));
}
