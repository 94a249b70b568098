//! The answers that clients got, written to a file before they are used; `backend/checks/check_ledger.py` reads it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::watch;

/// The file, and counts of what it contains.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    /// Orders acknowledged as sold, each once.
    pub(super) sold: watch::Sender<usize>,
    /// Orders of several lines among the sold ones.
    pub(super) sold_of_several_lines: AtomicUsize,
    /// Orders refused.
    pub(super) refused: AtomicUsize,
    /// Stock changes, applied or refused.
    pub(super) restocks: AtomicUsize,
    /// Lookups of decided orders.
    pub(super) lookups: AtomicUsize,
    /// Requests whose outcome was unknown.
    pub(super) unknown: AtomicUsize,
    in_flight: Mutex<HashSet<u64>>,
    next_request: AtomicU64,
}

impl Journal {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::new(File::create(path).unwrap()),
            sold: watch::Sender::default(),
            sold_of_several_lines: AtomicUsize::default(),
            refused: AtomicUsize::default(),
            restocks: AtomicUsize::default(),
            lookups: AtomicUsize::default(),
            unknown: AtomicUsize::default(),
            in_flight: Mutex::default(),
            next_request: AtomicU64::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, answer: &Value) {
        let line = format!("{answer}\n");
        self.file.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// The counts, in one line.
    pub(super) fn summary(&self) -> String {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        format!(
            "{} purchases acknowledged ({} of several lines), {} refused, {} stock changes, {} orders looked up, {} answers unknown",
            *self.sold.borrow(),
            count(&self.sold_of_several_lines),
            count(&self.refused),
            count(&self.restocks),
            count(&self.lookups),
            count(&self.unknown),
        )
    }

    /// Registers a request as in flight until the guard is dropped.
    pub(super) fn begin_request(&self) -> InFlight<'_> {
        let number = self.next_request.fetch_add(1, Ordering::Relaxed);
        self.in_flight.lock().unwrap().insert(number);
        InFlight { journal: self, number }
    }

    /// The requests that are in flight.
    pub(super) fn in_flight(&self) -> HashSet<u64> {
        self.in_flight.lock().unwrap().clone()
    }
}

/// A request in flight.
#[derive(Debug)]
pub(super) struct InFlight<'a> {
    journal: &'a Journal,
    number: u64,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.journal.in_flight.lock().unwrap().remove(&self.number);
    }
}
