//! What clients were told, written down before anything else is done with it; `backend/checks/check_ledger.py` reads it.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::watch;

/// The file, and how much stands in it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    /// Orders acknowledged as sold, each once.
    pub(super) sold: watch::Sender<usize>,
    /// Orders that were refused.
    pub(super) refused: AtomicUsize,
    /// Stock changes, done or refused.
    pub(super) restocks: AtomicUsize,
    /// Decided orders that were asked for again.
    pub(super) asked: AtomicUsize,
    /// Requests whose outcome was unknown.
    pub(super) unknown: AtomicUsize,
    /// Requests that were begun and are not answered.
    flying: Mutex<HashSet<u64>>,
    begun: AtomicU64,
}

impl Journal {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: Mutex::new(File::create(path).unwrap()),
            sold: watch::Sender::default(),
            refused: AtomicUsize::default(),
            restocks: AtomicUsize::default(),
            asked: AtomicUsize::default(),
            unknown: AtomicUsize::default(),
            flying: Mutex::default(),
            begun: AtomicU64::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn write(&self, told: &Value) {
        let line = format!("{told}\n");
        self.file.lock().unwrap().write_all(line.as_bytes()).unwrap();
    }

    /// Begins a request, which flies until the guard is dropped.
    pub(super) fn begin(&self) -> Flight<'_> {
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        self.flying.lock().unwrap().insert(number);
        Flight { journal: self, number }
    }

    /// The requests that were begun and are not answered.
    pub(super) fn flying(&self) -> HashSet<u64> {
        self.flying.lock().unwrap().clone()
    }
}

/// A request on its way.
#[derive(Debug)]
pub(super) struct Flight<'a> {
    journal: &'a Journal,
    number: u64,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.journal.flying.lock().unwrap().remove(&self.number);
    }
}
