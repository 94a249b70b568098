//! The journal of this user's orders: one JSON record per line, appended and synced. An order is recorded before its request is
//! sent, so that a crash does not lose the order. All programs of a user share one journal.
//!
//! Calls block; run them on a blocking thread.

mod record;
mod recorded_order;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use etcetera::BaseStrategy as _;
use tokio::sync::watch;

pub(crate) use record::{NotSold, NotSoldReason, Record, SentLine, SentOrder};
pub(crate) use recorded_order::{Outcome, RecordedOrder, recorded_orders};

/// Longest tail of a journal that is read, in bytes; older orders stay in the file.
const READ_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct JournalContents {
    /// The records, oldest first.
    pub(crate) records: Vec<Record>,
    /// The number of lines that cannot be parsed, such as a tail torn by a crash.
    pub(crate) skipped: usize,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub(crate) struct Error {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The data folder of the user; `None` if no home folder is known.
pub(crate) fn data_folder() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.data_dir().join("bookstore"))
}

/// The location of a journal.
#[derive(Debug, Clone)]
pub(crate) struct JournalLocation {
    pub(crate) folder: PathBuf,
    /// Only for an SSH customer: notifies the customer's other sessions, which all run in this process. `None` for the journal
    /// that programs of a user share.
    pub(crate) changes: Option<watch::Sender<()>>,
}

impl JournalLocation {
    /// The journal of this user; `None` if no home folder is known.
    pub(crate) fn of_user() -> Option<Self> {
        data_folder().map(|folder| Self { folder, changes: None })
    }
}

#[derive(Debug)]
pub(crate) struct Journal {
    location: JournalLocation,
    path: PathBuf,
    /// Empty until the file is opened.
    file: OnceLock<File>,
    /// Offset of the first unread byte. Locked while this program reads or appends.
    read_offset: Mutex<u64>,
}

impl Journal {
    /// Opens the journal and reads it. Creates missing files, except for SSH customers, whose first order creates them.
    pub(crate) fn open(location: &JournalLocation) -> Result<(Self, JournalContents), Error> {
        let journal = match location.changes {
            None => Self::open_to_append(location)?,
            Some(_) => Self::new(location),
        };
        let contents = journal.read_new()?;
        Ok((journal, contents))
    }

    /// Opens the journal without reading it; creates missing files.
    pub(crate) fn open_to_append(location: &JournalLocation) -> Result<Self, Error> {
        let journal = Self::new(location);
        journal.created()?;
        Ok(journal)
    }

    fn new(location: &JournalLocation) -> Self {
        Self {
            location: location.clone(),
            path: location.folder.join("orders.jsonl"),
            file: OnceLock::new(),
            read_offset: Mutex::new(0),
        }
    }

    /// The file, if it exists.
    fn existing(&self) -> Result<Option<&File>, Error> {
        if self.file.get().is_none() {
            match OpenOptions::new().read(true).append(true).open(&self.path) {
                Ok(file) => self.file.get_or_init(|| file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(error("open", &self.path)(source)),
            };
        }
        Ok(self.file.get())
    }

    /// The file, which is created if it is missing.
    fn created(&self) -> Result<&File, Error> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let (folder, path) = (&self.location.folder, &self.path);
        fs::create_dir_all(folder).map_err(error("create", folder))?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(path).map_err(error("open", path))?;
        // Makes the file's name durable before its first record.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(error("sync", folder))?;
        Ok(self.file.get_or_init(|| file))
    }

    /// Reads the records that were appended since the last call, by this program or another one.
    ///
    /// # Errors
    /// [`Error`] if an I/O operation fails.
    pub(crate) fn read_new(&self) -> Result<JournalContents, Error> {
        let mut read_offset = self.read_offset.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.existing()? else {
            return Ok(JournalContents::default());
        };
        let (text, end) = read_from(file, *read_offset).map_err(error("read", &self.path))?;
        *read_offset = end;
        Ok(parse(&text))
    }

    /// Appends records; they are durable on return.
    ///
    /// # Errors
    /// [`Error`] if an I/O operation fails. A part of the records may then be in the file; readers skip a torn line.
    pub(crate) fn append(&self, records: &[Record]) -> Result<(), Error> {
        let _read = self.read_offset.lock().unwrap_or_else(PoisonError::into_inner);
        let file = self.created()?;
        // Other programs append to the same file.
        file.lock().map_err(error("lock", &self.path))?;
        let appended = self.append_locked(file, records);
        let unlocked = file.unlock().map_err(error("unlock", &self.path));
        if let Some(changes) = &self.location.changes {
            changes.send_replace(());
        }
        appended.and(unlocked)
    }

    fn append_locked(&self, mut file: &File, records: &[Record]) -> Result<(), Error> {
        let length = file.metadata().map_err(error("read", &self.path))?.len();
        let mut text = Vec::new();
        if is_torn(file, length).map_err(error("read", &self.path))? {
            text.push(b'\n');
        }
        for record in records {
            serde_json::to_writer(&mut text, record).map_err(|source| error("write to", &self.path)(source.into()))?;
            text.push(b'\n');
        }
        let written = file.write_all(&text);
        if written.is_err() {
            // Removes a partly written record, as on a full disk.
            let _ = file.set_len(length);
        }
        written.map_err(error("write to", &self.path))?;
        file.sync_all().map_err(error("sync", &self.path))
    }
}

/// Reads the journal in a data folder without changing it; without one there are no orders.
pub(crate) fn read(folder: &Path) -> Result<JournalContents, Error> {
    let path = folder.join("orders.jsonl");
    match File::open(&path) {
        Ok(file) => {
            let (text, _) = read_from(&file, 0).map_err(error("read", &path))?;
            Ok(parse(&text))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(JournalContents::default()),
        Err(source) => Err(error("open", &path)(source)),
    }
}

/// Whether the file ends in an incomplete line, as after a crash.
fn is_torn(file: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else {
        return Ok(false);
    };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

/// The text after an offset, at most the last [`READ_BYTES_MAX`] bytes, and the offset after its last complete line. At offset
/// 0 the text includes an incomplete last line, so that it is counted as skipped.
fn read_from(mut file: &File, offset: u64) -> io::Result<(String, u64)> {
    let length = file.metadata()?.len();
    if length <= offset {
        return Ok((String::new(), length));
    }
    let start = offset.max(length.saturating_sub(READ_BYTES_MAX));
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length - start).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let end = start + u64::try_from(whole).unwrap_or(0);
    if offset > 0 {
        // Another program may be writing the rest of the last line.
        bytes.truncate(whole);
    }
    let text = String::from_utf8_lossy(&bytes);
    if start == offset {
        return Ok((text.into_owned(), end));
    }
    // The first line of a tail is incomplete.
    let (_torn, whole) = text.split_once('\n').unwrap_or_default();
    Ok((whole.to_owned(), end))
}

fn parse(text: &str) -> JournalContents {
    let mut contents = JournalContents::default();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(record) => contents.records.push(record),
            Err(_) => contents.skipped += 1,
        }
    }
    contents
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
