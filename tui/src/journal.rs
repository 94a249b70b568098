//! The orders of this person, in a file of their data folder: one line a step, appended and synced. An order is on disk
//! before its request leaves, so that no crash makes the shop forget what it asked for.
//!
//! It blocks; callers run it on a thread of their own.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::wire::Receipt;
use common::{Cost, Deadline, ItemNumber, OrderId, Quantity, Stock, StoreId, Timestamp};
use serde::{Deserialize, Serialize};

/// How much of an old journal is read at the start, in bytes; older orders stay in the file.
const READ_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One step of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Record {
    /// It is about to be sent.
    Placed(PlacedOrder),
    /// It was decided.
    Settled {
        /// The proof.
        receipt: Receipt,
    },
    /// It ended without a receipt.
    Closed(Closed),
}

/// An order as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedOrder {
    /// Its id, which is its idempotency key.
    pub order: OrderId,
    /// The book.
    pub item: ItemNumber,
    /// The book's title then.
    pub title: String,
    /// Copies.
    pub quantity: Quantity,
    /// What one copy cost then.
    pub cost: Cost,
    /// When it was confirmed.
    pub at: Timestamp,
    /// The last moment at which it may happen.
    pub deadline: Deadline,
    /// Where it was sent.
    pub shop: String,
    /// The store it was meant for, where that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
}

/// How an order ended without a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Its id.
    pub order: OrderId,
    /// How.
    pub reason: CloseReason,
    /// In a sentence.
    pub detail: String,
    /// What was on the shelf, where it was sold out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock: Option<Stock>,
    /// When this was learnt.
    pub at: Timestamp,
}

/// The ends that have no receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CloseReason {
    /// The shelf held too few copies.
    SoldOut,
    /// It was refused for another reason.
    Refused,
    /// It never happened.
    NotPlaced,
}

/// What an earlier session left.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalContents {
    /// The steps, oldest first.
    pub records: Vec<Record>,
    /// Lines that made no sense: the tail that a crash tore, mostly.
    pub skipped: usize,
}

/// Why the journal could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// The open file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// Whether the last line in the file may lack its end.
    torn: bool,
}

impl Journal {
    /// Opens the journal of a data folder, which is made where it is missing, and reads what is in it.
    ///
    /// # Errors
    /// [`Error`] when the system refuses.
    pub fn open(folder: &Path) -> Result<(Self, JournalContents), Error> {
        let path = folder.join("orders.jsonl");
        fs::create_dir_all(folder).map_err(error("make", folder))?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(error("open", &path))?;
        let text = read_tail(&mut file).map_err(error("read", &path))?;
        // The folder's entry must be as durable as the first order in the file.
        #[cfg(unix)]
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(error("sync", folder))?;
        let mut contents = JournalContents::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line) {
                Ok(line) => contents.records.push(line),
                Err(_) => contents.skipped += 1,
            }
        }
        let torn = !text.is_empty() && !text.ends_with('\n');
        Ok((
            Self {
                path,
                inner: Mutex::new(Inner { file, torn }),
            },
            contents,
        ))
    }

    /// Appends a line; it is durable on return.
    ///
    /// # Errors
    /// [`Error`] when the system refuses; the line may then be there in part, and counts as not written.
    pub fn append(&self, line: &Record) -> Result<(), Error> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Vec::new();
        if inner.torn {
            text.push(b'\n');
        }
        serde_json::to_writer(&mut text, line).map_err(|source| error("write to", &self.path)(source.into()))?;
        text.push(b'\n');
        inner.torn = true;
        // One write, so that two shops with the same folder do not mix their lines.
        inner.file.write_all(&text).map_err(error("write to", &self.path))?;
        inner.torn = false;
        inner.file.sync_all().map_err(error("sync", &self.path))
    }
}

fn read_tail(file: &mut File) -> io::Result<String> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(READ_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(READ_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line of a tail is half a line.
    let whole = if start == 0 {
        0
    } else {
        text.find('\n').map_or(text.len(), |end| end + 1)
    };
    Ok(text.get(whole..).unwrap_or_default().to_owned())
}

fn error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error {
        doing,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed() -> Record {
        Record::Placed(PlacedOrder {
            order: "0190b6d5-7f3c-7cc0-8000-2b0a6f1c9d4e".parse().unwrap(),
            item: ItemNumber::try_from(2).unwrap(),
            title: "RPCs for Dummies".into(),
            quantity: Quantity::ONE,
            cost: "40".parse().unwrap(),
            at: Timestamp::from_micros(1_769_860_800_000_000),
            deadline: Deadline::from_millis(1_769_860_805_000),
            shop: "http://127.0.0.1:8080".into(),
            store: None,
        })
    }

    #[test]
    fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(contents, JournalContents::default());
        journal.append(&placed()).unwrap();
        drop(journal);
        let (_, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(
            contents,
            JournalContents {
                records: vec![placed()],
                skipped: 0
            }
        );
    }

    #[test]
    fn a_torn_last_line_is_skipped_and_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orders.jsonl"), b"{\"step\":\"pla").unwrap();
        let (journal, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(contents.skipped, 1);
        journal.append(&placed()).unwrap();
        let (_, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(
            contents,
            JournalContents {
                records: vec![placed()],
                skipped: 1
            }
        );
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_can_read_what_somebody_bought() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap();
        let mode = fs::metadata(folder.path().join("orders.jsonl"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
    }
}
