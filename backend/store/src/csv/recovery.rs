//! Recovery: how much of the active segment is valid, and the books that follow from the ledger.
//!
//! A line without a valid checksum in the last batch is taken for the trace of a crash and truncated: a torn batch was not
//! acknowledged. (A flipped byte in an acknowledged last batch looks the same.) Anywhere before it such a line is damage to
//! durable data, and the store refuses to open.

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::wire::Book;
use common::{ItemNumber, Kind, Seq};

use super::checkpoint::CatalogFiles;
use super::disk::Disk;
use super::last_seq_index;
use super::line::{self, Line, Marker, StockChange};
use super::segment::{self, RawLine, Segment};
use crate::Error;
use crate::catalog_file::CatalogRow;

/// The result of scanning the active segment.
#[derive(Debug)]
pub(super) struct Scan {
    /// The first entry that it contains or will contain.
    pub(super) first: Seq,
    /// The last entry of the ledger.
    pub(super) head: Seq,
    /// The length of the valid part in bytes.
    pub(super) length: u64,
    /// The newest marker.
    pub(super) marker: Marker,
    /// Whether the newest marker is the last line and refers to the last entry.
    pub(super) ends_in_marker: bool,
    /// Whether nothing was appended since the file was created.
    pub(super) is_new: bool,
    /// The first torn line and the reason.
    pub(super) torn: Option<(u64, String)>,
}

#[derive(Debug)]
struct Batch {
    first: Seq,
    offset: u64,
    line: u64,
    needs_marker: bool,
    has_marker: bool,
}

#[derive(Debug)]
struct Torn {
    line: u64,
    why: String,
    /// The batch of the valid lines after the torn one.
    batch: Option<Seq>,
}

/// Scans lines in order, with the state that the next one must continue.
struct Scanner<'a> {
    segment: &'a Segment,
    line: u64,
    scan: Scan,
    batch: Option<Batch>,
    torn: Option<Torn>,
}

/// Checks every line of a segment and finds the end of the valid part.
pub(super) fn scan(disk: &dyn Disk, segment: &Segment) -> Result<Scan, Error> {
    let file = segment.open(disk)?;
    let mut scanner = None;
    let mut line = 0;
    segment.each_line(&*file, 0, |raw| {
        line += 1;
        match &mut scanner {
            None if line == 1 && raw.is_header() => {}
            None if line == 1 => {
                return Err(segment::damaged(
                    &segment.path,
                    line,
                    &"expected the header of a ledger",
                ));
            }
            None => scanner = Some(Scanner::begin(segment, &raw)?),
            Some(scanner) => scanner.accept(line, &raw)?,
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match scanner {
        Some(scanner) => Ok(scanner.finish()),
        None => Err(segment::damaged(
            &segment.path,
            line + 1,
            &"expected a marker with the store's id",
        )),
    }
}

impl<'a> Scanner<'a> {
    /// Starts at the second line. A file gets its name only when header and marker are durable, so they are never torn.
    fn begin(segment: &'a Segment, raw: &RawLine<'_>) -> Result<Self, Error> {
        let refuse = |why: String| segment::damaged(&segment.path, 2, &why);
        if !raw.is_whole {
            return Err(refuse("the line has no end".to_owned()));
        }
        let line = Line::parse(raw.bytes).map_err(|why| refuse(why.to_string()))?;
        let marker = line.marker().map_err(|why| refuse(why.to_string()))?;
        let first = line.batch().map_err(|why| refuse(why.to_string()))?;
        let head = Seq(first.0.saturating_sub(1));
        let scan = Scan {
            first,
            head,
            length: end_of(raw),
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

    fn accept(&mut self, number: u64, raw: &RawLine<'_>) -> Result<(), Error> {
        self.line = number;
        let line = if raw.is_whole {
            Line::parse(raw.bytes)
        } else {
            Err(line::Error::Checksum)
        };
        match (line, &self.torn) {
            (Ok(line), None) => {
                self.accept_valid(&line, raw)
                    .map_err(|why| segment::damaged(&self.segment.path, number, &why))?;
                self.scan.length = end_of(raw);
                self.scan.is_new = false;
            }
            (Ok(line), Some(_)) => self.check_torn_tail(&line)?,
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

    /// Accepts a valid line after valid lines. A crash neither removes nor duplicates a line, so it must continue them.
    fn accept_valid(&mut self, line: &Line<'_>, raw: &RawLine<'_>) -> Result<(), String> {
        let expected = self.scan.head.next();
        let batch = line.batch().map_err(|why| why.to_string())?;
        let open = self
            .batch
            .as_mut()
            .filter(|open| open.first == batch && !open.has_marker);
        if open.is_none() && (batch != expected || self.lacks_marker()) {
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
        line.stock_change().map_err(|why| why.to_string())?;
        match self.batch.as_mut().filter(|open| open.first == batch) {
            Some(open) => open.needs_marker |= line.needs_marker(),
            None => {
                self.batch = Some(Batch {
                    first: batch,
                    offset: raw.offset,
                    line: self.line,
                    needs_marker: line.needs_marker(),
                    has_marker: false,
                });
            }
        }
        self.scan.head = seq;
        self.scan.ends_in_marker = false;
        Ok(())
    }

    /// Checks a valid line after a bad one: the bad line was never durable only if both belong to the last batch.
    fn check_torn_tail(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let Some(torn) = &mut self.torn else { return Ok(()) };
        let batch = line.batch().ok();
        let of_open = self
            .batch
            .as_ref()
            .is_some_and(|open| Some(open.first) == batch && !open.has_marker);
        // The batch starts with the bad lines, unless this line is its first entry: then they are older.
        let of_next = batch == Some(self.scan.head.next())
            && (line.is_marker() || line.seq().ok() != batch)
            && !self
                .batch
                .as_ref()
                .is_some_and(|open| open.needs_marker && !open.has_marker);
        if (of_open || of_next) && torn.batch.is_none_or(|torn| Some(torn) == batch) {
            torn.batch = batch;
            return Ok(());
        }
        let why = format!(
            "{}, and the valid line {} belongs to a later batch",
            torn.why, self.line
        );
        Err(segment::damaged(&self.segment.path, torn.line, &why))
    }

    /// Whether the last batch lacks the marker that must end it.
    fn lacks_marker(&self) -> bool {
        self.batch
            .as_ref()
            .is_some_and(|open| open.needs_marker && !open.has_marker)
    }

    fn finish(self) -> Scan {
        let lacks_marker = self.lacks_marker();
        let mut scan = self.scan;
        scan.torn = self.torn.map(|torn| (torn.line, torn.why));
        scan.ends_in_marker &= scan.torn.is_none();
        if let Some(batch) = self.batch.filter(|_| lacks_marker) {
            // An import without its marker has no catalog file, so the whole batch is truncated.
            scan.head = Seq(batch.first.0.saturating_sub(1));
            scan.length = batch.offset;
            scan.torn = Some((batch.line, "the batch has no end".to_owned()));
        }
        scan
    }
}

fn end_of(raw: &RawLine<'_>) -> u64 {
    raw.offset.saturating_add(raw.bytes.len() as u64).saturating_add(1)
}

/// Replays the entries up to `head` on the books of the catalog file that the newest marker names.
pub(super) fn replay(
    files: &CatalogFiles<'_>,
    segments: &[Segment],
    marker: &Marker,
    rows: Vec<CatalogRow>,
    head: Seq,
) -> Result<Vec<Book>, Error> {
    let index = last_seq_index::get(files, segments, marker, &rows)?;
    let mut books: HashMap<ItemNumber, Book> = rows
        .into_iter()
        .map(|row| {
            let seq = index.get(&row.item).copied().unwrap_or(marker.seq);
            (row.item, row.into_book(seq))
        })
        .collect();
    drop(index);
    segment::each_entry(files.disk, segments, marker.seq, head, |line| {
        let seq = line.seq().map_err(|why| why.to_string())?;
        let change = line.stock_change().map_err(|why| why.to_string())?;
        apply(&mut books, seq, change)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let mut books: Vec<Book> = books.into_values().collect();
    books.sort_unstable_by_key(|book| book.item);
    Ok(books)
}

fn apply(books: &mut HashMap<ItemNumber, Book>, seq: Seq, change: StockChange) -> Result<(), String> {
    let item = change.item;
    let Some(book) = books.get_mut(&item) else {
        return match change.kind {
            Kind::Refused => Ok(()),
            _ => Err(format!("the catalog has no book {item}")),
        };
    };
    let follows = |stock| {
        format!(
            "the stock {:?} does not follow from {stock} of book {item}",
            change.stock_after.map(u32::from)
        )
    };
    match change.kind {
        Kind::Withdrawn => {
            books.remove(&item);
        }
        Kind::Refused => {
            if change.stock_after.is_some_and(|after| after != book.stock) {
                return Err(follows(book.stock));
            }
        }
        Kind::Sold | Kind::Restocked | Kind::Set => {
            let after = book.stock.checked_add_signed(change.change);
            book.stock = after
                .filter(|_| after == change.stock_after)
                .ok_or_else(|| follows(book.stock))?;
            book.seq = seq;
        }
    }
    Ok(())
}
