//! The check that every store runs on the entries of an append.

use std::path::Path;

use common::{Entry, GroupPosition, Seq};

use crate::{Error, catalog_file};

/// Checks that entries follow `head` without a gap, that they are whole groups, and that a catalog file can hold the books that
/// they describe.
///
/// # Errors
/// [`Error::Conflict`], [`Error::PartialGroup`], [`Error::CatalogFile`].
pub(crate) fn check_batch(head: Seq, entries: &[Entry]) -> Result<(), Error> {
    let (mut last, mut open) = (head, None::<&Entry>);
    for entry in entries {
        // `next` of the largest number returns the same number.
        if entry.seq != last.next() || entry.seq == last {
            return Err(Error::Conflict);
        }
        last = entry.seq;
        let continues = match open {
            None => entry.line.is_first(),
            Some(before) => {
                Some(entry.line) == GroupPosition::new(before.line.number() + 1, before.line.count())
                    && entry.order == before.order
            }
        };
        if !continues {
            return Err(Error::PartialGroup(entry.seq));
        }
        open = Some(entry).filter(|entry| !entry.line.is_last());
        if let Some(book) = entry.described() {
            catalog_file::check_book(&book, Path::new("ledger"), entry.seq.0)?;
        }
    }
    match open {
        Some(open) => Err(Error::PartialGroup(open.seq)),
        None => Ok(()),
    }
}
