//! A file of the ledger, read forwards in chunks of bounded size.
//!
//! A segment needs no index: its lines are ordered by `seq`, so a binary search finds an entry (14 small reads in 64 MiB).

use std::fmt;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::Seq;

use super::disk::{Disk, File};
use super::line::{Format, LINE_BYTES_MAX, Line};
use crate::Error;

const CHUNK_BYTES: usize = 64 * 1024;
const COPY_BYTES: usize = 1024 * 1024;
/// The binary search ends at a range of this size; the range is then scanned.
const SCAN_BYTES: u64 = 4 * 1024;
/// The sizes of a read of the binary search: first one for short lines, then one that contains a whole line at any offset.
const PROBES_BYTES: [usize; 2] = [1024, (2 * LINE_BYTES_MAX).next_power_of_two()];

/// The advice for a damaged ledger. No program truncates it, because that would lose acknowledged sales.
pub(super) const REMEDY: &str = "restore the store's folder from a backup, or move the folder away to begin a new store; \
                                 the entries before the damage are intact";

/// One file of the ledger.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    /// The first entry that the segment contains or will contain.
    pub(super) first: Seq,
    pub(super) path: PathBuf,
    /// The durable length in bytes.
    pub(super) length: u64,
    /// The open file of the active segment; `None` for a sealed one, which is opened when it is read.
    pub(super) file: Option<Arc<dyn File>>,
}

/// The unchecked bytes of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLine<'a> {
    /// The offset of the line in the file, in bytes.
    pub(super) offset: u64,
    /// Without the line break.
    pub(super) bytes: &'a [u8],
    /// Whether it ends in a line break.
    pub(super) is_whole: bool,
}

impl RawLine<'_> {
    /// The format that a header names; `None` for any other line.
    pub(super) fn format(&self) -> Option<Format> {
        (self.is_whole && self.offset == 0).then(|| Format::of_header(self.bytes))?
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

    /// A buffer for reading from an offset on, no larger than the rest of the file.
    fn buffer(&self, bytes_max: usize, from: u64) -> Vec<u8> {
        let left = usize::try_from(self.length.saturating_sub(from)).unwrap_or(bytes_max);
        vec![0; left.min(bytes_max)]
    }

    /// Visits blocks of whole lines from an offset on, until `visit` breaks. Only the file's last line may be partial.
    pub(super) fn each_block(
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
                // The line is too long, or the file ends within it.
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

    /// Visits the lines from an offset on, until `visit` breaks. A line must begin at the offset.
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

    /// The format that the header names.
    pub(super) fn format(&self, disk: &dyn Disk) -> Result<Format, Error> {
        let (file, mut format) = (self.open(disk)?, Err(unknown_header(&self.path, b"")));
        self.each_line(&*file, 0, |raw| {
            format = raw.format().ok_or_else(|| unknown_header(&self.path, raw.bytes));
            Ok(ControlFlow::Break(()))
        })?;
        format
    }

    /// The range of bytes that contains the beginning of the entry `target`, if this segment has it. A line begins at its
    /// start.
    pub(super) fn locate(&self, file: &dyn File, target: Seq) -> Result<Range<u64>, Error> {
        let mut range = 0..self.length;
        let mut probe = vec![0; PROBES_BYTES[1]];
        while range.end.saturating_sub(range.start) > SCAN_BYTES {
            let middle = range.start + (range.end - range.start) / 2;
            let mut found = None;
            for bytes in PROBES_BYTES {
                let part = probe.get_mut(..bytes).unwrap_or_default();
                let got = file.read_at(part, middle).map_err(Error::io("read", &self.path))?;
                found = first_entry(part.get(..got).unwrap_or_default());
                if found.is_some() {
                    break;
                }
            }
            match found {
                Some((skipped, seq)) if seq <= target => range.start = middle.saturating_add(skipped as u64),
                Some(_) => range.end = middle,
                // Only markers, or damage, which the scan from the start of the range reports.
                None => break,
            }
        }
        Ok(range)
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

    /// Copies the durable part from an offset on to the same offset of another file, or of the same file.
    pub(super) fn copy_to(&self, to: &dyn File, mut offset: u64) -> io::Result<()> {
        let from = self.file.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut buffer = self.buffer(COPY_BYTES, offset);
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
}

/// The error for a file with an unknown header.
pub(super) fn unknown_header(path: &Path, first: &[u8]) -> Error {
    match first.starts_with(b"seq,at,kind,item,") {
        true => Error::NewerFormat(path.to_owned()),
        false => damaged(path, 1, &"it does not begin with the header of a ledger"),
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

/// The offset and the number of the first entry after the first line break.
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
