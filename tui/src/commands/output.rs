//! Standard output and standard error of the one-shot commands.

use std::io::{self, Write};

use common::client::{Error as ClientError, Response};
use common::text;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::exit::{Error, Exit};
use crate::terminal::is_lost;

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

    /// Prints an answer: its body as it came with `--json`, else what `plain` makes of it.
    ///
    /// # Errors
    /// The problem that the answer is; without `--json` nothing of it has been printed yet.
    pub(super) fn answer<T: DeserializeOwned>(
        self,
        answer: &Response,
        plain: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Error> {
        if self.json {
            return self.verbatim(answer);
        }
        match answer.parse::<T>() {
            Ok(value) => {
                print(&plain(&value))?;
                Ok(Exit::Done)
            }
            Err(error) => {
                print_error(&explain(&error));
                Ok(exit_of(answer, &error))
            }
        }
    }

    /// Prints the body on one line, whatever it says.
    pub(super) fn verbatim(self, answer: &Response) -> Result<Exit, Error> {
        if serde_json::from_slice::<IgnoredAny>(&answer.body).is_err() {
            let error = answer.parse::<IgnoredAny>().err();
            print_error(&error.map_or_else(|| "the answer is not JSON".to_owned(), |error| explain(&error)));
            return Ok(match Exit::of_status(answer.status) {
                Exit::Done => Exit::Unavailable,
                exit => exit,
            });
        }
        // Between its values JSON may hold line breaks, within them never: so this changes nothing but the lines.
        let body: Vec<u8> = answer
            .body
            .iter()
            .copied()
            .filter(|byte| !matches!(byte, b'\n' | b'\r'))
            .collect();
        ignore_lost_reader(write_line(&body))?;
        Ok(Exit::of_status(answer.status))
    }

    /// Prints a value as one line of JSON.
    pub(super) fn json(self, value: &impl Serialize) -> Result<(), Error> {
        let body = serde_json::to_vec(value).map_err(io::Error::from)?;
        ignore_lost_reader(write_line(&body))
    }
}

/// A reader or a terminal that went away does not change how the request ended.
fn ignore_lost_reader(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe || is_lost(&error) => Ok(()),
        written => written,
    }
}

fn exit_of(answer: &Response, error: &ClientError) -> Exit {
    match (error, Exit::of_status(answer.status)) {
        // A success that makes no sense is none.
        (ClientError::Malformed { .. }, Exit::Done) => Exit::Unavailable,
        (_, exit) => exit,
    }
}

/// An error in the words of whoever shops here.
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

/// Prints text of one or more lines, which the caller has cleaned.
pub(super) fn print(text: &str) -> Result<(), Error> {
    ignore_lost_reader(write_line(text.as_bytes()))
}

/// Writes a line for a reader that must be there: for output without an end.
pub(super) fn write_line(bytes: &[u8]) -> Result<(), Error> {
    let mut out = Vec::with_capacity(bytes.len() + 1);
    out.extend_from_slice(bytes);
    out.push(b'\n');
    write_all(&out)
}

/// Writes bytes to standard output at once.
pub(super) fn write_all(bytes: &[u8]) -> Result<(), Error> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Says on standard error what went wrong.
pub(super) fn print_error(sentence: &str) {
    print_note(&format!("bookstore: {sentence}"));
}

/// Tells something on standard error. Nobody may be listening there, and then it does not matter.
pub(super) fn print_note(sentence: &str) {
    let cleaned: Vec<_> = sentence.lines().map(text::sanitize).collect();
    let _ = writeln!(io::stderr().lock(), "{}", cleaned.join("\n"));
}
