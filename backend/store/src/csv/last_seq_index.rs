//! The last entry of each book as of a checkpoint. The catalog file does not contain it, so a blob beside it does. If that is
//! lost or belongs to another checkpoint, the ledger is read from its beginning.

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::wire::Book;
use common::{ItemNumber, Kind, Seq};

use super::checkpoint::CatalogFiles;
use super::disk::Disk;
use super::line::Marker;
use super::segment::{self, Segment};
use crate::Error;
use crate::catalog_file::CatalogRow;

const BLOB: &str = "tags";
/// A book's number and its last entry.
const RECORD_BYTES: usize = 12;

/// The last entry of each book.
pub(super) type LastSeqIndex = HashMap<ItemNumber, Seq>;

/// Saves the index of a checkpoint. Without it only the next start takes longer, so an error is logged.
pub(super) fn put(files: &CatalogFiles<'_>, marker: &Marker, books: &[Book]) {
    let mut blob = header(marker);
    blob.reserve(books.len().saturating_mul(RECORD_BYTES));
    for book in books {
        blob.extend_from_slice(&book.item.get().to_le_bytes());
        blob.extend_from_slice(&book.seq.0.to_le_bytes());
    }
    if let Err(error) = files.put_blob(BLOB, &blob) {
        tracing::warn!(%error, "the index of each book's last entry was not saved; the next start takes longer");
    }
}

/// Returns the index for the books of a checkpoint.
pub(super) fn get(
    files: &CatalogFiles<'_>,
    segments: &[Segment],
    marker: &Marker,
    rows: &[CatalogRow],
) -> Result<LastSeqIndex, Error> {
    let saved = files.get_blob(BLOB)?.and_then(|blob| parse(&blob, marker));
    match saved.filter(|index| rows.iter().all(|row| index.contains_key(&row.item))) {
        Some(index) => Ok(index),
        None => scan(files.disk, segments, marker.seq),
    }
}

/// Identifies the checkpoint.
fn header(marker: &Marker) -> Vec<u8> {
    format!("{} {}\n", marker.seq, marker.new).into_bytes()
}

fn parse(blob: &[u8], marker: &Marker) -> Option<LastSeqIndex> {
    let (records, rest) = blob
        .strip_prefix(header(marker).as_slice())?
        .as_chunks::<RECORD_BYTES>();
    let record = |&[a, b, c, d, seq @ ..]: &[u8; RECORD_BYTES]| {
        let item = ItemNumber::try_from(u64::from(u32::from_le_bytes([a, b, c, d]))).ok()?;
        Some((item, Seq(u64::from_le_bytes(seq))))
    };
    let index: Option<LastSeqIndex> = records.iter().map(record).collect();
    index.filter(|_| rest.is_empty())
}

fn scan(disk: &dyn Disk, segments: &[Segment], until: Seq) -> Result<LastSeqIndex, Error> {
    let mut index = LastSeqIndex::new();
    segment::each_entry(disk, segments, Seq::ZERO, until, |line| {
        let change = line.stock_change().map_err(|why| why.to_string())?;
        if change.kind != Kind::Refused {
            index.insert(change.item, line.seq().map_err(|why| why.to_string())?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(index)
}
