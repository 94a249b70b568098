//! Output of commands: catalog files, which appear complete or not at all, and results on standard output.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::message::message;

const BUFFER_BYTES: usize = 64 * 1024;

/// Standard output, or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `-`
    Standard,
    /// A file's path.
    File(PathBuf),
}

impl From<OsString> for Target {
    fn from(path: OsString) -> Self {
        match path.to_str() {
            Some("-") => Self::Standard,
            _ => Self::File(path.into()),
        }
    }
}

impl Target {
    /// The name in messages.
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Standard => Path::new("standard output"),
            Self::File(path) => path,
        }
    }

    /// Runs `write` on a buffered output. A file gets its name after it is synced.
    pub(super) fn write(&self, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
        match self {
            Self::Standard => {
                let mut out = Piped::new(io::stdout().lock());
                let written = buffered(&mut out, write).map(drop);
                if out.is_closed { Ok(()) } else { written }
            }
            // Write to a pipe or a device instead of replacing it by a file.
            Self::File(path) if path.exists() && !path.is_file() => {
                let file = File::options().write(true).open(path);
                let file = file.with_context(|| format!("cannot open {}", path.display()))?;
                buffered(file, write).map(drop)
            }
            Self::File(path) => {
                let mut part = path.clone().into_os_string();
                part.push(".part");
                let part = PathBuf::from(part);
                let written = write_whole(&part, write).and_then(|()| {
                    fs::rename(&part, path).with_context(|| format!("cannot rename {}", part.display()))
                });
                if written.is_err() {
                    // If this fails, the suffix marks the file as incomplete.
                    let _ = fs::remove_file(&part);
                }
                written
            }
        }
    }
}

fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    let file = buffered(file, write)?;
    file.sync_all()
        .with_context(|| format!("cannot sync {}", path.display()))
}

fn buffered<W: Write>(out: W, write: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<W> {
    let mut buffer = BufWriter::with_capacity(BUFFER_BYTES, out);
    write(&mut buffer)?;
    Ok(buffer.into_inner().map_err(io::IntoInnerError::into_error)?)
}

/// Records whether the reader closed the pipe, as in `bookstored export | head`.
struct Piped<W> {
    out: W,
    is_closed: bool,
}

impl<W> Piped<W> {
    fn new(out: W) -> Self {
        Self { out, is_closed: false }
    }

    fn record<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.is_closed |= matches!(&result, Err(error) if error.kind() == io::ErrorKind::BrokenPipe);
        result
    }
}

impl<W: Write> Write for Piped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.record(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.record(flushed)
    }
}

/// Prints a result as a line of standard output.
pub(super) fn tell(line: &str) -> Result<()> {
    print(&format!("{line}\n"))
}

/// Prints text. A closed pipe is not an error.
pub(super) fn print(text: &str) -> Result<()> {
    let mut out = Piped::new(io::stdout().lock());
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if out.is_closed { Ok(()) } else { Ok(written?) }
}

/// With `--json`, prints the verdict `incomplete` for an error, after the fields of `about`. Returns the result unchanged.
pub(super) fn or_incomplete<T>(json: bool, mut about: Value, result: Result<T>) -> Result<T> {
    if let (true, Err(error)) = (json, &result) {
        about["verdict"] = "incomplete".into();
        about["why"] = message(error).into();
        tell(&about.to_string())?;
    }
    result
}
