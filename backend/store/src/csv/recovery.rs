//! Finds the valid part of the active segment.
//!
//! A line without a valid checksum in the last batch counts as the result of a crash and is truncated: a torn batch was not
//! acknowledged. (A flipped byte in an acknowledged last batch looks the same.) Before the last batch such a line is damage to
//! durable data, and the store refuses to open. A group without its last line is truncated before its first line.

use std::ops::ControlFlow;

use common::{GroupPosition, Seq};

use super::disk::Disk;
use super::line::{self, Format, Line, Marker};
use super::segment::{self, RawLine, Segment};
use crate::Error;

/// The result of scanning the active segment.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) format: Format,
    /// The first entry that the segment contains or will contain.
    pub(super) first: Seq,
    /// The last entry of the ledger.
    pub(super) head: Seq,
    /// The length of the valid part in bytes.
    pub(super) length: u64,
    /// The offset of the last batch in bytes. Everything before it was synced before that batch was written.
    pub(super) last_batch_start: u64,
    /// The newest marker.
    pub(super) marker: Marker,
    /// Whether the newest marker is the last line and refers to the last entry.
    pub(super) ends_in_marker: bool,
    /// Whether nothing was appended since the file was created.
    pub(super) is_new: bool,
    /// The first torn line and the reason.
    pub(super) torn: Option<(u64, String)>,
}

/// A position at which the ledger may be truncated.
#[derive(Debug, Clone, Copy)]
struct End {
    head: Seq,
    offset: u64,
    /// The number of the first truncated line.
    line_number: u64,
}

#[derive(Debug)]
struct OpenBatch {
    first: Seq,
    start: End,
    needs_marker: bool,
    has_marker: bool,
}

/// A group of which not all lines were read yet.
#[derive(Debug)]
struct OpenGroup {
    start: End,
    order: Vec<u8>,
    /// The position of its last line so far.
    last: GroupPosition,
}

#[derive(Debug)]
struct Torn {
    line_number: u64,
    why: String,
    /// The batch of the valid lines after the torn one.
    batch: Option<Seq>,
}

/// Scans lines in order, with the state that the next line must continue.
struct Scanner<'a> {
    segment: &'a Segment,
    /// The number of the current line, from 1.
    line_number: u64,
    scan: Scan,
    /// The batch of the last line.
    last_batch: Seq,
    batch: Option<OpenBatch>,
    group: Option<OpenGroup>,
    torn: Option<Torn>,
}

/// Checks every line of a segment and finds the end of the valid part.
pub(super) fn scan(disk: &dyn Disk, segment: &Segment) -> Result<Scan, Error> {
    let file = segment.open(disk)?;
    let (mut format, mut scanner) = (None, None);
    let mut line_number = 0;
    segment.each_line(&*file, 0, |raw| {
        line_number += 1;
        match (format, &mut scanner) {
            (None, _) => {
                format = raw.format();
                if format.is_none() {
                    return Err(segment::unknown_header(&segment.path, raw.bytes));
                }
            }
            (Some(format), None) => scanner = Some(Scanner::begin(segment, format, &raw)?),
            (_, Some(scanner)) => scanner.accept(line_number, &raw)?,
        }
        Ok(ControlFlow::Continue(()))
    })?;
    match scanner {
        Some(scanner) => Ok(scanner.finish()),
        None => Err(segment::damaged(
            &segment.path,
            line_number + 1,
            &"expected a marker with the store's id",
        )),
    }
}

impl<'a> Scanner<'a> {
    /// Starts at the second line, a marker. Header and marker are durable before the file gets its name, so they are never
    /// torn.
    fn begin(segment: &'a Segment, format: Format, raw: &RawLine<'_>) -> Result<Self, Error> {
        let refuse = |why: String| segment::damaged(&segment.path, 2, &why);
        if !raw.is_whole {
            return Err(refuse("the line has no end".to_owned()));
        }
        let line = Line::parse(raw.bytes).map_err(|why| refuse(why.to_string()))?;
        let marker = line.marker().map_err(|why| refuse(why.to_string()))?;
        let first = line.batch().map_err(|why| refuse(why.to_string()))?;
        let head = Seq(first.0.saturating_sub(1));
        let scan = Scan {
            format,
            first,
            head,
            length: end_of(raw),
            last_batch_start: raw.offset,
            marker,
            ends_in_marker: marker.seq == head,
            is_new: true,
            torn: None,
        };
        Ok(Self {
            segment,
            line_number: 2,
            scan,
            last_batch: first,
            batch: None,
            group: None,
            torn: None,
        })
    }

    fn accept(&mut self, number: u64, raw: &RawLine<'_>) -> Result<(), Error> {
        self.line_number = number;
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
                    line_number: number,
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
        if batch != self.last_batch {
            (self.last_batch, self.scan.last_batch_start) = (batch, raw.offset);
        }
        if line.is_marker() {
            if self.group.is_some() {
                return Err("the marker is within an order".to_owned());
            }
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
        line.kind().map_err(|why| why.to_string())?;
        let start = End {
            head: self.scan.head,
            offset: raw.offset,
            line_number: self.line_number,
        };
        self.accept_group_line(line, start)?;
        match self.batch.as_mut().filter(|open| open.first == batch) {
            Some(open) => open.needs_marker |= line.needs_marker(),
            None => {
                self.batch = Some(OpenBatch {
                    first: batch,
                    start,
                    needs_marker: line.needs_marker(),
                    has_marker: false,
                });
            }
        }
        self.scan.head = seq;
        self.scan.ends_in_marker = false;
        Ok(())
    }

    /// Accepts an entry that begins or continues a group.
    fn accept_group_line(&mut self, line: &Line<'_>, start: End) -> Result<(), String> {
        let position = line.group_position().map_err(|why| why.to_string())?;
        let is_next = match &self.group {
            None => position.is_first(),
            Some(open) => {
                Some(position) == GroupPosition::new(open.last.number() + 1, open.last.count())
                    && line.order_bytes() == open.order
            }
        };
        if !is_next {
            return Err(format!(
                "the entry {} is not the next line of its order",
                start.head.next()
            ));
        }
        let start = self.group.take().map_or(start, |open| open.start);
        self.group = (!position.is_last()).then(|| OpenGroup {
            start,
            order: line.order_bytes().to_vec(),
            last: position,
        });
        Ok(())
    }

    /// Checks a valid line after a torn one: the torn line was certainly not durable only if both belong to the last batch.
    fn check_torn_tail(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let Some(torn) = &mut self.torn else { return Ok(()) };
        let batch = line.batch().ok();
        let of_open = self
            .batch
            .as_ref()
            .is_some_and(|open| Some(open.first) == batch && !open.has_marker);
        // All earlier batches are complete, so the torn lines are the start of this line's batch, unless this line is itself its
        // first entry: then they belong to an older, durable batch.
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
            torn.why, self.line_number
        );
        Err(segment::damaged(&self.segment.path, torn.line_number, &why))
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
        scan.torn = self.torn.map(|torn| (torn.line_number, torn.why));
        scan.ends_in_marker &= scan.torn.is_none();
        // An import is kept whole or not at all, and so is a group.
        let batch = self.batch.filter(|_| lacks_marker).map(|batch| batch.start);
        let group = self.group.map(|group| group.start);
        if let Some(end) = batch.or(group) {
            (scan.head, scan.length) = (end.head, end.offset);
            scan.torn = Some((end.line_number, "the batch has no end".to_owned()));
        }
        scan.last_batch_start = scan.last_batch_start.min(scan.length);
        scan
    }
}

fn end_of(raw: &RawLine<'_>) -> u64 {
    raw.offset.saturating_add(raw.bytes.len() as u64).saturating_add(1)
}
