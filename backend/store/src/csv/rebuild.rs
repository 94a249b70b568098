//! Rebuilds the books from the ledger.

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::wire::Book;
use common::{ArcStr, Cost, Description, Entry, ItemNumber, Kind, Seq, Stock};

use super::disk::Disk;
use super::files::Files;
use super::line::{self, Line, Marker};
use super::segment::Segment;
use super::segments;
use crate::Error;
use crate::texts::SharedTexts;

/// The books as of `head` and, if `wants_written` is set, as of that entry. Starts from the books in `blob`, if there is one.
pub(super) fn books_at(
    files: &Files<'_>,
    segments: &[Segment],
    marker: &Marker,
    blob: Option<Vec<Book>>,
    wants_written: Option<Seq>,
    head: Seq,
) -> Result<(Vec<Book>, Option<Vec<Book>>), Error> {
    let disk = files.disk;
    let incomplete = |why: String| match segments.last() {
        Some(last) => last
            .open(disk)
            .map_or_else(|error| error, |file| last.damaged(&*file, u64::MAX, &why)),
        None => Error::Closed,
    };
    let blob = match blob {
        Some(books) if marker.seq == head => {
            let written = wants_written.map(|_| books.clone());
            return Ok((books, written));
        }
        blob => blob,
    };
    let has_blob = blob.is_some();
    let from = if has_blob { marker.seq } else { Seq::ZERO };
    let mut rebuild = Rebuild::from(from, blob.unwrap_or_default());
    let mut written = None;
    if let Some(until) = wants_written {
        rebuild.run(disk, segments, until)?;
        let known = match has_blob {
            true => HashMap::new(),
            false => upgraded_books(disk, segments)?,
        };
        written = Some(rebuild.clone().books(&known).map_err(incomplete)?);
    }
    rebuild.run(disk, segments, head)?;
    let books = rebuild.books(&HashMap::new()).map_err(incomplete)?;
    Ok((books, written))
}

/// The books as of an entry, while entries are applied.
#[derive(Debug, Clone)]
pub(super) struct Rebuild {
    /// The last applied entry.
    at: Seq,
    /// A book of format 1 has an empty title until an entry describes it.
    books: HashMap<ItemNumber, Book>,
}

impl Rebuild {
    /// Continues from the books as of the entry `at`.
    pub(super) fn from(at: Seq, books: Vec<Book>) -> Self {
        Self {
            at,
            books: books.into_iter().map(|book| (book.item, book)).collect(),
        }
    }

    /// Applies the entries up to `until`.
    pub(super) fn run(&mut self, disk: &dyn Disk, segments: &[Segment], until: Seq) -> Result<(), Error> {
        let mut texts = SharedTexts::default();
        segments::each_entry(disk, segments, self.at, until, |line| {
            let entry = line.entry(&mut texts).map_err(|why| why.to_string())?;
            self.apply(&entry)?;
            Ok(ControlFlow::Continue(()))
        })?;
        self.at = self.at.max(until);
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), String> {
        let item = entry.item;
        let stock = match (self.books.get(&item), entry.kind) {
            (Some(book), _) => book.stock,
            (None, Kind::Refused) => return Ok(()),
            (None, Kind::Set) => Stock::ZERO,
            (None, _) => return Err(format!("the catalog has no book {item}")),
        };
        let follows = match entry.kind {
            Kind::Withdrawn => true,
            Kind::Refused => entry.stock_after.is_none_or(|after| after == stock),
            _ => entry.stock_after.is_some() && stock.checked_add_signed(entry.change) == entry.stock_after,
        };
        if !follows {
            let after = entry.stock_after.map(Stock::get);
            return Err(format!(
                "the stock {after:?} does not follow from {stock} of book {item}"
            ));
        }
        if let Some(described) = entry.described() {
            self.books.insert(item, described);
            return Ok(());
        }
        match entry.kind {
            Kind::Refused => {}
            Kind::Withdrawn => {
                self.books.remove(&item);
            }
            Kind::Sold | Kind::Restocked | Kind::Set => {
                let book = self.books.entry(item).or_insert_with(|| undescribed(item));
                (book.stock, book.seq) = (entry.stock_after.unwrap_or(stock), entry.seq);
                // Only in format 1 a `set` entry without a description changes the cost.
                if entry.kind == Kind::Set {
                    book.cost = entry.unit_cost.unwrap_or(book.cost);
                }
            }
        }
        Ok(())
    }

    /// The books by item number. A book that no entry has described gets its description from `known`.
    ///
    /// # Errors
    /// A book without a description.
    pub(super) fn books(self, known: &HashMap<ItemNumber, Book>) -> Result<Vec<Book>, String> {
        let mut books: Vec<Book> = self.books.into_values().collect();
        for book in books.iter_mut().filter(|book| book.title.is_empty()) {
            let Some(described) = known.get(&book.item) else {
                return Err(format!("no entry describes the book {}", book.item));
            };
            *book = Book {
                cost: book.cost,
                stock: book.stock,
                seq: book.seq,
                ..described.clone()
            };
        }
        books.sort_unstable_by_key(|book| book.item);
        Ok(books)
    }
}

/// A book of format 1 before an entry describes it.
fn undescribed(item: ItemNumber) -> Book {
    let description = Description::new(ArcStr::new());
    Book::new(
        item,
        ArcStr::new(),
        description,
        Cost::default(),
        Stock::ZERO,
        Seq::ZERO,
    )
}

/// The books as described by the upgrade from format 1; none if there was no upgrade.
pub(super) fn upgraded_books(disk: &dyn Disk, segments: &[Segment]) -> Result<HashMap<ItemNumber, Book>, Error> {
    let (until, mut books) = (segments::format_1_until(disk, segments)?, HashMap::new());
    let upgrade = segments.iter().find(|segment| segment.first == until.next());
    let Some(upgrade) = upgrade.filter(|_| until > Seq::ZERO) else {
        return Ok(books);
    };
    // The upgrade's entries are between the file's first two markers.
    let (file, mut markers, mut texts) = (upgrade.open(disk)?, 0, SharedTexts::default());
    upgrade.each_line(&*file, 0, |raw| {
        if raw.format().is_some() {
            return Ok(ControlFlow::Continue(()));
        }
        let refuse = |why: line::Error| upgrade.damaged(&*file, raw.offset, &why);
        let line = Line::parse(raw.bytes).map_err(refuse)?;
        if line.is_marker() {
            markers += 1;
        } else if let Some(book) = line.book(&mut texts).map_err(refuse)? {
            books.insert(book.item, book);
        }
        Ok(match markers {
            0 | 1 => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        })
    })?;
    Ok(books)
}
