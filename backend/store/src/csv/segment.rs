//! The files of the ledger, read forwards in chunks of bounded size.
//!
//! A segment needs no index: its lines are ordered by `seq`, so an entry is found by binary search (14 small reads in
//! 64 MiB), which costs nothing when the store is opened.

use std::fmt;
use std::io;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Entry, OrderId, Seq};
use memchr::memmem;

use super::disk::{Disk, File};
use super::line::{HEADER, Line};
use crate::Error;

const CHUNK_BYTES: usize = 64 * 1024;
const COPY_BYTES: usize = 1024 * 1024;
/// The binary search ends at a range of this size, which is then scanned.
const SCAN_BYTES: u64 = 4 * 1024;
/// Contains a whole line wherever it begins: no line is longer than half of it.
const PROBE_BYTES: usize = 1024;

/// The way out of a damaged ledger. Truncating it would lose acknowledged sales, so no program does.
pub(super) const REMEDY: &str =
    "restore the store's folder from a backup, or move it away to start afresh; its entries up to there are sound";

/// One file of the ledger.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The first entry that it contains or will contain.
    pub(super) first: Seq,
    pub(super) path: PathBuf,
    /// The durable length in bytes.
    pub(super) length: u64,
    /// The open file of the active segment; sealed ones are opened when they are read.
    pub(super) file: Option<Arc<dyn File>>,
}

/// A line's bytes in a segment, not yet checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLine<'a> {
    /// Where it begins in the file, in bytes.
    pub(super) offset: u64,
    /// Without the line break.
    pub(super) bytes: &'a [u8],
    /// Whether it ends in a line break.
    pub(super) is_whole: bool,
}

impl RawLine<'_> {
    pub(super) fn is_header(&self) -> bool {
        self.is_whole && self.offset == 0 && HEADER.strip_suffix(b"\n") == Some(self.bytes)
    }
}

impl Segment {
    /// The file name of a sealed segment.
    pub(super) fn sealed_name(first: Seq) -> String {
        format!("ledger-{:020}.csv", first.0)
    }

    /// The first entry of the sealed segment with this file name.
    pub(super) fn first_of(name: &str) -> Option<Seq> {
        let first = name.strip_prefix("ledger-")?.strip_suffix(".csv")?.parse().ok()?;
        (Self::sealed_name(first) == name).then_some(first)
    }

    pub(super) fn open(&self, disk: &dyn Disk) -> Result<Arc<dyn File>, Error> {
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => disk.open(&self.path).map_err(Error::io("open", &self.path)),
        }
    }

    /// A buffer for reading from an offset on, no larger than what is left.
    fn buffer(&self, bytes_max: usize, from: u64) -> Vec<u8> {
        let left = usize::try_from(self.length.saturating_sub(from)).unwrap_or(bytes_max);
        vec![0; left.min(bytes_max)]
    }

    /// Visits blocks of whole lines from an offset on, until `visit` breaks; only the last line of the file may be partial.
    fn each_block(
        &self,
        file: &dyn File,
        from: u64,
        mut visit: impl FnMut(u64, &[u8]) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let (mut buffer, mut next, mut filled) = (self.buffer(CHUNK_BYTES, from), from, 0);
        loop {
            let unread = usize::try_from(self.length.saturating_sub(next)).unwrap_or(usize::MAX);
            let space = buffer.get_mut(filled..).unwrap_or_default();
            let wanted = space.len().min(unread);
            let space = space.get_mut(..wanted).unwrap_or_default();
            let more = if wanted == 0 {
                0
            } else {
                file.read_at(space, next).map_err(Error::io("read", &self.path))?
            };
            let offset = next.saturating_sub(filled as u64);
            next = next.saturating_add(more as u64);
            filled += more;
            let held = buffer.get(..filled).unwrap_or_default();
            let block = match memchr::memrchr(b'\n', held) {
                Some(last) => last + 1,
                // No line is that long, or the file ends here: the rest is not a whole line.
                None if more == 0 || filled == buffer.len() => filled,
                None => continue,
            };
            if block == 0 {
                return Ok(());
            }
            if visit(offset, held.get(..block).unwrap_or_default())?.is_break() {
                return Ok(());
            }
            buffer.copy_within(block..filled, 0);
            filled -= block;
        }
    }

    /// Visits the lines from an offset on, which must be the start of a line, until `visit` breaks.
    pub(super) fn each_line(
        &self,
        file: &dyn File,
        from: u64,
        mut visit: impl FnMut(RawLine<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        self.each_block(file, from, |mut offset, block| {
            let mut rest = block;
            while !rest.is_empty() {
                let (bytes, is_whole, length) = match memchr::memchr(b'\n', rest) {
                    Some(end) => (rest.get(..end).unwrap_or_default(), true, end + 1),
                    None => (rest, false, rest.len()),
                };
                if visit(RawLine {
                    offset,
                    bytes,
                    is_whole,
                })?
                .is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
                offset = offset.saturating_add(length as u64);
                rest = rest.get(length..).unwrap_or_default();
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// The offset of a line at or shortly before the entry `target`.
    fn locate(&self, file: &dyn File, target: Seq) -> Result<u64, Error> {
        let (mut low, mut high) = (0, self.length);
        let mut probe = vec![0; PROBE_BYTES];
        while high.saturating_sub(low) > SCAN_BYTES {
            let middle = low + (high - low) / 2;
            let got = file
                .read_at(&mut probe, middle)
                .map_err(Error::io("read", &self.path))?;
            match first_entry(probe.get(..got).unwrap_or_default()) {
                Some((skipped, seq)) if seq <= target => low = middle.saturating_add(skipped as u64),
                Some(_) => high = middle,
                // Only markers or damage here; the scan from `low` finds out.
                None => break,
            }
        }
        Ok(low)
    }

    /// An error that names the line at an offset.
    pub(super) fn damaged(&self, file: &dyn File, offset: u64, why: &dyn fmt::Display) -> Error {
        let mut line = 1;
        let counted = self.each_line(file, 0, |raw| {
            if raw.offset >= offset {
                return Ok(ControlFlow::Break(()));
            }
            line += 1;
            Ok(ControlFlow::Continue(()))
        });
        match counted {
            Ok(()) => damaged(&self.path, line, why),
            Err(error) => error,
        }
    }

    /// Copies the durable part to an empty file.
    pub(super) fn copy_to(&self, to: &dyn File) -> io::Result<()> {
        let from = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let (mut buffer, mut offset) = (self.buffer(COPY_BYTES, 0), 0);
        while offset < self.length {
            let wanted = usize::try_from(self.length - offset)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let got = from.read_at(buffer.get_mut(..wanted).unwrap_or_default(), offset)?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            to.write_at(buffer.get(..got).unwrap_or_default(), offset)?;
            offset = offset.saturating_add(got as u64);
        }
        Ok(())
    }

    /// Searches the text between two entries for an order's id, without parsing other lines.
    fn find(
        &self,
        disk: &dyn Disk,
        order: &memmem::Finder<'_>,
        among: &RangeInclusive<Seq>,
    ) -> Result<Option<Entry>, Error> {
        let file = self.open(disk)?;
        let from = self.locate(&*file, *among.start())?;
        let end = self.locate(&*file, among.end().next())?.saturating_add(2 * SCAN_BYTES);
        let mut found = None;
        self.each_block(&*file, from, |offset, block| {
            if offset > end {
                return Ok(ControlFlow::Break(()));
            }
            for at in order.find_iter(block) {
                let start = memchr::memrchr(b'\n', block.get(..at).unwrap_or_default()).map_or(0, |end| end + 1);
                let rest = block.get(start..).unwrap_or_default();
                let Some(end) = memchr::memchr(b'\n', rest) else {
                    continue;
                };
                let line = Line::parse(rest.get(..end).unwrap_or_default());
                let entry = match line {
                    Ok(line) if line.is_marker() => continue,
                    line => line.and_then(|line| line.entry()),
                };
                found = Some(entry.map_err(|why| (offset.saturating_add(start as u64), why)));
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found
            .transpose()
            .map_err(|(offset, why)| self.damaged(&*file, offset, &why))
    }
}

/// An error about a line of a file.
pub(super) fn damaged(path: &Path, line: u64, why: &dyn fmt::Display) -> Error {
    Error::Damaged {
        path: path.to_owned(),
        line,
        why: why.to_string(),
        remedy: REMEDY.to_owned(),
    }
}

/// The first entry after the first line break, with the offset of its line.
fn first_entry(probe: &[u8]) -> Option<(usize, Seq)> {
    let mut start = memchr::memchr(b'\n', probe)? + 1;
    loop {
        let rest = probe.get(start..)?;
        let end = memchr::memchr(b'\n', rest)?;
        let line = Line::parse(rest.get(..end)?).ok()?;
        if !line.is_marker() {
            return Some((start, line.seq().ok()?));
        }
        start += end + 1;
    }
}

/// Visits the entries after `after` up to `head`, in order, until `visit` breaks. An error of `visit` is damage.
pub(super) fn each_entry(
    disk: &dyn Disk,
    segments: &[Segment],
    after: Seq,
    head: Seq,
    mut visit: impl FnMut(&Line<'_>) -> Result<ControlFlow<()>, String>,
) -> Result<(), Error> {
    if after >= head {
        return Ok(());
    }
    let (mut expected, mut stopped) = (after.next(), false);
    let start = segments
        .partition_point(|segment| segment.first <= expected)
        .saturating_sub(1);
    for (segment, is_first) in segments
        .iter()
        .skip(start)
        .zip(std::iter::once(true).chain(std::iter::repeat(false)))
    {
        let file = segment.open(disk)?;
        let from = if is_first { segment.locate(&*file, expected)? } else { 0 };
        segment.each_line(&*file, from, |raw| {
            if raw.is_header() {
                return Ok(ControlFlow::Continue(()));
            }
            let refuse = |why: String| segment.damaged(&*file, raw.offset, &why);
            if !raw.is_whole {
                return Err(refuse("the line has no end".to_owned()));
            }
            let line = Line::parse(raw.bytes).map_err(|why| refuse(why.to_string()))?;
            if line.is_marker() {
                return Ok(ControlFlow::Continue(()));
            }
            let seq = line.seq().map_err(|why| refuse(why.to_string()))?;
            if is_first && seq <= after {
                return Ok(ControlFlow::Continue(()));
            }
            if seq != expected {
                return Err(refuse(format!("expected the entry {expected}, found {seq}")));
            }
            stopped = visit(&line).map_err(refuse)?.is_break() || seq == head;
            expected = seq.next();
            Ok(if stopped {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        if stopped {
            return Ok(());
        }
        if segments.last().is_some_and(|last| last.first == segment.first) {
            return Err(segment.damaged(&*file, u64::MAX, &format!("the entry {expected} is missing")));
        }
    }
    Ok(())
}

/// Finds the entry of an order in a range, in the newest segments first.
pub(super) fn find(
    disk: &dyn Disk,
    segments: &[Segment],
    order: OrderId,
    among: &RangeInclusive<Seq>,
) -> Result<Option<Entry>, Error> {
    let text = order.to_string();
    let finder = memmem::Finder::new(text.as_bytes());
    let end = segments.partition_point(|segment| segment.first <= *among.end());
    let start = segments.partition_point(|segment| segment.first <= *among.start());
    let candidates = segments.get(start.saturating_sub(1)..end).unwrap_or_default();
    for segment in candidates.iter().rev() {
        if let Some(entry) = segment.find(disk, &finder, among)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// The sealed segments in a folder, in order.
pub(super) fn sealed(disk: &dyn Disk, folder: &Path) -> Result<Vec<Segment>, Error> {
    let names = disk.names(folder).map_err(Error::io("list", folder))?;
    let mut segments = Vec::new();
    for name in names {
        if let Some(first) = Segment::first_of(&name) {
            let path = folder.join(&name);
            let length = disk
                .open(&path)
                .and_then(|file| file.length())
                .map_err(Error::io("open", &path))?;
            segments.push(Segment {
                first,
                path,
                length,
                file: None,
            });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}
