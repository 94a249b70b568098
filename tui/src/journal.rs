//! The journal of this user's orders: one JSON record per line, appended and synced. An order is recorded before its
//! request is sent, so that a crash does not lose it.
//!
//! Calls block; run them on a blocking thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::wire::Receipt;
use common::{Cost, Deadline, ItemNumber, OrderId, Quantity, Stock, StoreId, Timestamp};
use serde::{Deserialize, Serialize};

/// How much of the end of a journal is read, in bytes; older orders stay in the file.
const READ_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step")]
pub(crate) enum Record {
    /// The order is about to be sent.
    #[serde(rename = "placed")]
    Sent(SentOrder),
    /// The shop sold it.
    #[serde(rename = "settled")]
    Sold { receipt: Receipt },
    /// It was decided otherwise.
    #[serde(rename = "closed")]
    NotSold(NotSold),
}

/// An order as it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SentOrder {
    /// The id, which is the idempotency key.
    pub(crate) order: OrderId,
    pub(crate) item: ItemNumber,
    /// The book's title when it was confirmed.
    pub(crate) title: String,
    pub(crate) quantity: Quantity,
    /// The cost of one copy when it was confirmed.
    pub(crate) cost: Cost,
    pub(crate) at: Timestamp,
    /// The shop does not decide it after this time.
    pub(crate) deadline: Deadline,
    /// The shop's address.
    pub(crate) shop: String,
    /// The id of the store, if it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<StoreId>,
}

/// Why an order was not sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NotSold {
    pub(crate) order: OrderId,
    pub(crate) reason: NotSoldReason,
    /// The reason in words.
    pub(crate) detail: String,
    /// The copies that were left, if it was sold out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stock: Option<Stock>,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NotSoldReason {
    SoldOut,
    /// It was refused for another reason.
    Refused,
    NotPlaced,
}

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

#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// Whether the file may end in a torn line.
    torn: bool,
}

impl Journal {
    /// Opens the journal in a data folder and reads it; creates what is missing.
    pub(crate) fn open(folder: &Path) -> Result<(Self, JournalContents), Error> {
        let path = folder.join("orders.jsonl");
        fs::create_dir_all(folder).map_err(error("create", folder))?;
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&path).map_err(error("open", &path))?;
        let text = read_tail(&mut file).map_err(error("read", &path))?;
        // The new file's name must be as durable as its first record.
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
        let inner = Mutex::new(Inner { file, torn });
        Ok((Self { path, inner }, contents))
    }

    /// Appends a record; it is durable on return.
    ///
    /// # Errors
    /// [`Error`] if the system refuses. A part of the record may then be in the file; the next start skips it.
    pub(crate) fn append(&self, record: &Record) -> Result<(), Error> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Vec::new();
        if inner.torn {
            text.push(b'\n');
        }
        serde_json::to_writer(&mut text, record).map_err(|source| error("write to", &self.path)(source.into()))?;
        text.push(b'\n');
        inner.torn = true;
        // One write, so that two programs with the same folder do not mix their records.
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
    // The first line of a tail is incomplete.
    let (_torn, whole) = text.split_once('\n').unwrap_or_default();
    Ok(if start == 0 {
        text.into_owned()
    } else {
        whole.to_owned()
    })
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Record {
        Record::Sent(SentOrder {
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
    fn records_are_read_back_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (journal, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(contents, JournalContents::default());
        journal.append(&sent()).unwrap();
        drop(journal);
        let (_, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!((contents.records, contents.skipped), (vec![sent()], 0));
    }

    #[test]
    fn a_torn_last_line_is_skipped_and_does_not_spoil_the_next() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("orders.jsonl"), b"{\"step\":\"pla").unwrap();
        let (journal, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!(contents.skipped, 1);
        journal.append(&sent()).unwrap();
        let (_, contents) = Journal::open(folder.path()).unwrap();
        assert_eq!((contents.records, contents.skipped), (vec![sent()], 1));
    }

    #[test]
    fn the_journal_is_private_to_its_user() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Journal::open(folder.path()).unwrap();
        let metadata = fs::metadata(folder.path().join("orders.jsonl")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o077, 0);
    }
}
