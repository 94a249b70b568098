//! The contract of a store, implemented by files.

use std::ops::{ControlFlow, RangeInclusive};

use common::metrics::Histogram;
use common::wire::Book;
use common::{Entry, Epoch, OrderId, Seq};

use super::{CsvStore, ReadView, books_blob, find, rebuild, segments, shown};
use crate::catalog_file::{self, CatalogRow};
use crate::texts::SharedTexts;
use crate::{Error, Store, StoreState};

impl Store for CsvStore {
    fn load(&self) -> Result<StoreState, Error> {
        // Writes wait meanwhile, so that the files and the ledger are as of the same moment.
        self.append_state.read(|state| {
            let (head, marker) = (state.head, &state.marker);
            if marker.is_restore {
                let store = shown(&self.folder);
                return Err(Error::RestoreIncomplete { store, head });
            }
            let opened = self.opened_state.lock().map_err(|_| Error::Closed)?.take();
            if let Some(opened) = opened.filter(|opened| opened.head == head) {
                return Ok(opened);
            }
            let files = self.files();
            let blob = books_blob::get(&files, marker)?;
            let (books, _) = rebuild::books_at(&files, &self.view().segments, marker, blob, None, head)?;
            Ok(StoreState {
                store: self.id,
                epoch: Epoch::FIRST,
                head,
                books,
            })
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let ReadView { head, segments } = self.view();
        let (mut entries, mut texts) = (Vec::new(), SharedTexts::default());
        if limit == 0 {
            return Ok(entries);
        }
        segments::each_entry(&*self.disk, &segments, after, head, |line| {
            let entry = line.entry(&mut texts).map_err(|why| why.to_string())?;
            let is_last = entry.line.is_last();
            entries.push(entry);
            Ok(if entries.len() < limit || !is_last {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            })
        })?;
        self.with_titles(entries, &segments)
    }

    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error> {
        let ReadView { head, segments } = self.view();
        let (before, last) = (Seq(range.start().0.saturating_sub(1)), head.min(*range.end()));
        let mut orders = Vec::new();
        segments::each_entry(&*self.disk, &segments, before, last, |line| {
            if let Some(order) = line.first_of_order().map_err(|why| why.to_string())? {
                orders.push((line.seq().map_err(|why| why.to_string())?, order));
            }
            Ok(match orders.len() < limit {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            })
        })?;
        Ok(orders)
    }

    fn find(&self, order: OrderId, among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error> {
        let ReadView { head, segments } = self.view();
        let entries = find::find(&*self.disk, &segments, head, order, &among)?;
        self.with_titles(entries, &segments)
    }

    fn append(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_batch(expected_head, entries, false)
    }

    fn restore(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.append_batch(expected_head, entries, true)
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        self.replace_catalog(books, at)
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let mut written = Ok(());
        // A missing blob only makes the next start slower, so a failure does not close the store.
        self.append_state.write(|_, full_disk| {
            written = full_disk.attempt(self.disk.now(), &self.folder, || self.files().put_blob(name, content));
            Ok(())
        })?;
        written
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.files().get_blob(name)
    }

    fn seed_rows(&self) -> Result<Option<Vec<CatalogRow>>, Error> {
        let is_empty = self.view().head == Seq::ZERO;
        let files = self.files();
        let current = if is_empty { files.catalog()? } else { None };
        Ok(current
            .map(|current| catalog_file::parse(&current, &files.catalog_path()))
            .transpose()?)
    }

    fn ledger_bytes(&self) -> Result<Option<u64>, Error> {
        Ok(Some(self.view().segments.iter().map(|segment| segment.length).sum()))
    }

    fn syncs(&self) -> Option<&Histogram> {
        Some(&self.syncs)
    }

    fn manual_edit(&self) -> Option<Vec<CatalogRow>> {
        self.manual_edit.clone()
    }
}
