//! What an opened ledger says: how much of its last file can be trusted, and the books that follow from it.
//!
//! A line that is not whole can come from two things. A crash tears the batch that was being written, which nobody was
//! told of: it is cut off. Anything else destroys what was durable: that is damage, and only a person can decide on it.

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::wire::Book;
use common::{ItemNumber, Kind, Seq};

use super::checkpoint::Catalog;
use super::disk::Disk;
use super::line::{self, Line, Marker, Step};
use super::segment::{self, Piece, Segment};
use super::tags;
use crate::Error;
use crate::catalog_file::CatalogRow;

/// What the file says that entries were last added to.
#[derive(Debug)]
pub(super) struct Scan {
    /// The first entry that it holds, or will hold.
    pub(super) first: Seq,
    /// The last entry of the ledger.
    pub(super) head: Seq,
    /// The length up to which it is sound, in bytes.
    pub(super) length: u64,
    /// The newest marker.
    pub(super) marker: Marker,
    /// Whether the newest marker is the last line and about the last entry.
    pub(super) ends_in_marker: bool,
    /// Whether nothing was added since the file was made.
    pub(super) is_new: bool,
    /// Where it was torn by a crash, and how.
    pub(super) torn: Option<(u64, String)>,
}

#[derive(Debug)]
struct Batch {
    first: Seq,
    offset: u64,
    line: u64,
    wants_marker: bool,
    has_marker: bool,
}

#[derive(Debug)]
struct Torn {
    line: u64,
    why: String,
    /// The batch of the sound lines behind the torn place.
    batch: Option<Seq>,
}

/// Reads the file's lines in order and keeps what the next one must follow from.
struct Scanner<'a> {
    segment: &'a Segment,
    line: u64,
    scan: Scan,
    batch: Option<Batch>,
    torn: Option<Torn>,
}

/// Checks every line of a segment and finds where the sound part ends.
pub(super) fn scan(disk: &dyn Disk, segment: &Segment) -> Result<Scan, Error> {
    let file = segment.open(disk)?;
    let mut scanner = None;
    let mut line = 0;
    segment.each_line(&*file, 0, |piece| {
        line += 1;
        match &mut scanner {
            None if line == 1 && piece.is_header() => {}
            None if line == 1 => {
                return Err(segment::damaged(
                    &segment.path,
                    line,
                    &"expected the header of a ledger",
                ));
            }
            None => scanner = Some(Scanner::begin(segment, &piece)?),
            Some(scanner) => scanner.take(line, &piece)?,
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match scanner {
        Some(scanner) => Ok(scanner.end()),
        None => Err(segment::damaged(
            &segment.path,
            line + 1,
            &"expected a marker with the store's id",
        )),
    }
}

impl<'a> Scanner<'a> {
    /// From the second line. A file gets its name only when header and marker are durable, so they are never torn.
    fn begin(segment: &'a Segment, piece: &Piece<'_>) -> Result<Self, Error> {
        let refuse = |why: String| segment::damaged(&segment.path, 2, &why);
        if !piece.whole {
            return Err(refuse("the line has no end".to_owned()));
        }
        let line = Line::parse(piece.bytes).map_err(|why| refuse(why.to_string()))?;
        let marker = line.marker().map_err(|why| refuse(why.to_string()))?;
        let first = line.batch().map_err(|why| refuse(why.to_string()))?;
        let head = Seq(first.0.saturating_sub(1));
        let scan = Scan {
            first,
            head,
            length: end_of(piece),
            marker,
            ends_in_marker: marker.seq == head,
            is_new: true,
            torn: None,
        };
        Ok(Self {
            segment,
            line: 2,
            scan,
            batch: None,
            torn: None,
        })
    }

    fn take(&mut self, number: u64, piece: &Piece<'_>) -> Result<(), Error> {
        self.line = number;
        let line = if piece.whole {
            Line::parse(piece.bytes)
        } else {
            Err(line::Error::Checksum)
        };
        match (line, &self.torn) {
            (Ok(line), None) => {
                self.follow(&line, piece)
                    .map_err(|why| segment::damaged(&self.segment.path, number, &why))?;
                self.scan.length = end_of(piece);
                self.scan.is_new = false;
            }
            (Ok(line), Some(_)) => self.judge(&line)?,
            (Err(why), None) => {
                self.torn = Some(Torn {
                    line: number,
                    why: why.to_string(),
                    batch: None,
                });
            }
            (Err(_), Some(_)) => {}
        }
        Ok(())
    }

    /// Takes a sound line behind sound lines. No crash takes a line away or doubles one, so it must follow from them.
    fn follow(&mut self, line: &Line<'_>, piece: &Piece<'_>) -> Result<(), String> {
        let expected = self.scan.head.next();
        let batch = line.batch().map_err(|why| why.to_string())?;
        let open = self
            .batch
            .as_mut()
            .filter(|open| open.first == batch && !open.has_marker);
        if open.is_none() && (batch != expected || self.is_unfinished()) {
            return Err(format!("expected the batch {expected}, found a line of {batch}"));
        }
        if line.is_marker() {
            let marker = line.marker().map_err(|why| why.to_string())?;
            if marker.store != self.scan.marker.store || marker.seq > self.scan.head {
                return Err("the marker is of another ledger".to_owned());
            }
            match self.batch.as_mut().filter(|open| open.first == batch) {
                Some(open) => open.has_marker = true,
                None => self.batch = None,
            }
            self.scan.marker = marker;
            self.scan.ends_in_marker = marker.seq == self.scan.head;
            return Ok(());
        }
        let seq = line.seq().map_err(|why| why.to_string())?;
        if seq != expected {
            return Err(format!("expected the entry {expected}, found {seq}"));
        }
        line.step().map_err(|why| why.to_string())?;
        match self.batch.as_mut().filter(|open| open.first == batch) {
            Some(open) => open.wants_marker |= line.wants_marker(),
            None => {
                self.batch = Some(Batch {
                    first: batch,
                    offset: piece.offset,
                    line: self.line,
                    wants_marker: line.wants_marker(),
                    has_marker: false,
                });
            }
        }
        self.scan.head = seq;
        self.scan.ends_in_marker = false;
        Ok(())
    }

    /// A sound line behind a bad one: the bad one was never durable only if both are of the last batch.
    fn judge(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let Some(torn) = &mut self.torn else { return Ok(()) };
        let batch = line.batch().ok();
        let of_open = self
            .batch
            .as_ref()
            .is_some_and(|open| Some(open.first) == batch && !open.has_marker);
        // Its batch begins where the bad lines do, unless it is the first of its batch: then they are older.
        let of_next = batch == Some(self.scan.head.next())
            && (line.is_marker() || line.seq().ok() != batch)
            && !self
                .batch
                .as_ref()
                .is_some_and(|open| open.wants_marker && !open.has_marker);
        if (of_open || of_next) && torn.batch.is_none_or(|torn| Some(torn) == batch) {
            torn.batch = batch;
            return Ok(());
        }
        let why = format!("{}, and the sound line {} is of a later batch", torn.why, self.line);
        Err(segment::damaged(&self.segment.path, torn.line, &why))
    }

    /// Whether the last batch lacks the marker that ends it.
    fn is_unfinished(&self) -> bool {
        self.batch
            .as_ref()
            .is_some_and(|open| open.wants_marker && !open.has_marker)
    }

    fn end(self) -> Scan {
        let unfinished = self.is_unfinished();
        let mut scan = self.scan;
        scan.torn = self.torn.map(|torn| (torn.line, torn.why));
        scan.ends_in_marker &= scan.torn.is_none();
        if let Some(batch) = self.batch.filter(|_| unfinished) {
            // Half a new catalog is worse than the old one: its books have no titles yet.
            scan.head = Seq(batch.first.0.saturating_sub(1));
            scan.length = batch.offset;
            scan.torn = Some((batch.line, "the batch has no end".to_owned()));
        }
        scan
    }
}

fn end_of(piece: &Piece<'_>) -> u64 {
    piece.offset.saturating_add(piece.bytes.len() as u64).saturating_add(1)
}

/// The books of the catalog file that the newest marker names, after the entries up to `head`.
pub(super) fn replay(
    catalog: &Catalog<'_>,
    segments: &[Segment],
    marker: &Marker,
    listings: Vec<CatalogRow>,
    head: Seq,
) -> Result<Vec<Book>, Error> {
    let tags = tags::find(catalog, segments, marker, &listings)?;
    let tag = |item| tags.get(&item).copied().unwrap_or(marker.seq);
    let mut books: HashMap<ItemNumber, Book> = listings
        .into_iter()
        .map(|listing| (listing.item, book(listing, tag)))
        .collect();
    drop(tags);
    segment::each_entry(catalog.disk, segments, marker.seq, head, |line| {
        let seq = line.seq().map_err(|why| why.to_string())?;
        let step = line.step().map_err(|why| why.to_string())?;
        apply(&mut books, seq, step)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let mut books: Vec<Book> = books.into_values().collect();
    books.sort_unstable_by_key(|book| book.item);
    Ok(books)
}

/// A listing as a book, with the entry that changed it last.
pub(super) fn book(listing: CatalogRow, tag: impl Fn(ItemNumber) -> Seq) -> Book {
    let CatalogRow {
        item,
        title,
        stock,
        cost,
        topic,
        author,
    } = listing;
    Book {
        item,
        title,
        author,
        topic,
        cost,
        stock,
        seq: tag(item),
    }
}

fn apply(books: &mut HashMap<ItemNumber, Book>, seq: Seq, step: Step) -> Result<(), String> {
    let item = step.item;
    let Some(book) = books.get_mut(&item) else {
        return match step.kind {
            Kind::Refused => Ok(()),
            _ => Err(format!("the catalog has no book {item}")),
        };
    };
    let follows = |stock| {
        format!(
            "the stock {:?} does not follow from {stock} of book {item}",
            step.stock_after.map(u32::from)
        )
    };
    match step.kind {
        Kind::Withdrawn => {
            books.remove(&item);
        }
        Kind::Refused => {
            if step.stock_after.is_some_and(|after| after != book.stock) {
                return Err(follows(book.stock));
            }
        }
        Kind::Sold | Kind::Restocked | Kind::Set => {
            let after = book.stock.checked_add_signed(step.change);
            book.stock = after
                .filter(|_| after == step.stock_after)
                .ok_or_else(|| follows(book.stock))?;
            book.seq = seq;
        }
    }
    Ok(())
}
