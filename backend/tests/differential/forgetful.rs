//! A store with a bug that a differential test must find.

use std::ops::RangeInclusive;

use common::wire::Book;
use common::{Entry, OrderId, Seq};
use store::{Error, Store, StoreState};

/// A store whose bug is that it does not find orders from before its last restart.
#[derive(Debug)]
pub(super) struct Forgetful(pub(super) Box<dyn Store>, pub(super) Seq);

impl Store for Forgetful {
    fn load(&self) -> Result<StoreState, Error> {
        self.0.load()
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        self.0.read(after, limit)
    }

    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error> {
        self.0.orders(range, limit)
    }

    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error> {
        let mut found = self.0.find(order, among)?;
        found.retain(|entry| entry.seq > self.1);
        Ok(found)
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.0.append(head, entries)
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        self.0.checkpoint(books, at)
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.0.restore(head, entries)
    }

    fn put_blob(&self, name: &str, note: &[u8]) -> Result<(), Error> {
        self.0.put_blob(name, note)
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.0.get_blob(name)
    }
}
