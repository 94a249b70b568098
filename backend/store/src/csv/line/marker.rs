//! Markers, the ledger lines that name a catalog file.

use std::fmt;
use std::io::{self, Write as _};
use std::str::FromStr;

use common::{Description, Seq, StoreId, Timestamp};
use sha2::{Digest as _, Sha256};

use super::super::disk::File;
use super::write::finish;
use super::{Error, Line};

/// The column `kind`.
const KIND: &[u8] = b"checkpoint";
/// The column `reason` during a restore.
const RESTORE: &str = "restore";
/// The buffer size for hashing a file.
const PART_BYTES: usize = 64 * 1024;

/// Names the catalog file that is valid from here on. A marker is a line of the ledger, so it has a place among the entries.
///
/// Its columns: `kind` is `checkpoint`, `seq` the entry as of which the file's stock is, `order` the store's id, `reason` the
/// digests or `restore`, and `batch` the first entry written with or after the marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::csv) struct Marker {
    /// Whether the entries are an incomplete restore, which has no catalog file.
    pub(in crate::csv) is_restore: bool,
    /// The last entry that the new file contains; 0 before the first checkpoint.
    pub(in crate::csv) seq: Seq,
    pub(in crate::csv) at: Timestamp,
    pub(in crate::csv) store: StoreId,
    /// The previous catalog file.
    pub(in crate::csv) replaced: Digest,
    /// The new catalog file.
    pub(in crate::csv) new: Digest,
}

/// The first 64 bits of a file's SHA-256, `None` for a missing file. It detects changes; it is not a defence against forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::csv) struct Digest(pub(in crate::csv) Option<u64>);

impl Digest {
    pub(in crate::csv) fn of(content: Option<&[u8]>) -> Self {
        Self(content.and_then(|content| start_of(&Sha256::digest(content))))
    }

    /// The digest of a file's content, which is read in parts.
    pub(in crate::csv) fn of_file(file: &dyn File) -> io::Result<Self> {
        let (mut hash, mut part, mut offset) = (Sha256::new(), vec![0; PART_BYTES], 0_u64);
        loop {
            let filled = file.read_at(&mut part, offset)?;
            match part.get(..filled) {
                None | Some([]) => return Ok(Self(start_of(&hash.finalize()))),
                Some(read) => {
                    hash.update(read);
                    offset = offset.saturating_add(read.len() as u64);
                }
            }
        }
    }
}

fn start_of(hash: &[u8]) -> Option<u64> {
    hash.first_chunk().copied().map(u64::from_be_bytes)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(digest) => write!(f, "{digest:016x}"),
            None => f.write_str("none"),
        }
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self(None)),
            _ => u64::from_str_radix(text, 16)
                .map(|digest| Self(Some(digest)))
                .map_err(|_| ()),
        }
    }
}

/// Appends a marker's line.
pub(in crate::csv) fn push_marker(buffer: &mut Vec<u8>, marker: &Marker, batch: Seq) {
    let start = buffer.len();
    push(buffer, marker.seq);
    push(buffer, marker.at);
    buffer.extend_from_slice(KIND);
    buffer.extend_from_slice(b",,,,,,,");
    push(buffer, marker.store);
    buffer.push(b',');
    match marker.is_restore {
        true => push(buffer, RESTORE),
        false => push(buffer, format_args!("{}-{}", marker.replaced, marker.new)),
    }
    // No title and no description.
    buffer.extend_from_slice(&[b','; 1 + Description::COLUMNS.len()]);
    push(buffer, batch);
    finish(buffer, start);
}

fn push(buffer: &mut Vec<u8>, column: impl fmt::Display) {
    // Writing to memory cannot fail.
    let _ = write!(buffer, "{column},");
}

impl Line<'_> {
    pub(in crate::csv) fn is_marker(&self) -> bool {
        self.columns[2] == KIND
    }

    pub(in crate::csv) fn marker(&self) -> Result<Marker, Error> {
        if !self.is_marker() {
            return Err(Error::Column("kind"));
        }
        let digests = self.text(11, "reason")?;
        let is_restore = digests == RESTORE;
        let digests = if is_restore { "none-none" } else { digests };
        let (replaced, new) = digests.split_once('-').ok_or(Error::Column("reason"))?;
        let digest = |text: &str| text.parse().map_err(|()| Error::Column("reason"));
        Ok(Marker {
            is_restore,
            seq: self.seq()?,
            at: self.column(1, "at")?,
            store: self.column(9, "order")?,
            replaced: digest(replaced)?,
            new: digest(new)?,
        })
    }
}
