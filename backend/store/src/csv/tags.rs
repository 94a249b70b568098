//! Which entry changed each book last, as of a checkpoint. The catalog file does not say, so a note beside it does; where
//! that is lost or of another checkpoint, the ledger is read from its beginning.

use std::collections::HashMap;
use std::ops::ControlFlow;

use common::wire::Book;
use common::{ItemNumber, Kind, Seq};

use super::checkpoint::Catalog;
use super::disk::Disk;
use super::line::Marker;
use super::segment::{self, Segment};
use crate::Error;
use crate::catalog_file::CatalogRow;

const NOTE: &str = "tags";
/// A book's number and its entry.
const TAG_BYTES: usize = 12;

/// The entries by book.
pub(super) type Tags = HashMap<ItemNumber, Seq>;

/// Keeps them as of a checkpoint. Without them the next start only takes longer.
pub(super) fn keep(catalog: &Catalog<'_>, marker: &Marker, books: &[Book]) {
    let mut note = head_of(marker);
    note.reserve(books.len().saturating_mul(TAG_BYTES));
    for book in books {
        note.extend_from_slice(&book.item.get().to_le_bytes());
        note.extend_from_slice(&book.seq.0.to_le_bytes());
    }
    if let Err(error) = catalog.keep_note(NOTE, &note) {
        tracing::warn!(%error, "the books' tags were not kept");
    }
}

/// Those of the books that a checkpoint lists.
pub(super) fn find(
    catalog: &Catalog<'_>,
    segments: &[Segment],
    marker: &Marker,
    listings: &[CatalogRow],
) -> Result<Tags, Error> {
    let kept = catalog.kept_note(NOTE)?.and_then(|note| parse(&note, marker));
    match kept.filter(|tags| listings.iter().all(|listing| tags.contains_key(&listing.item))) {
        Some(tags) => Ok(tags),
        None => scan(catalog.disk, segments, marker.seq),
    }
}

/// What tells a checkpoint from every other.
fn head_of(marker: &Marker) -> Vec<u8> {
    format!("{} {}\n", marker.seq, marker.new).into_bytes()
}

fn parse(note: &[u8], marker: &Marker) -> Option<Tags> {
    let (tags, rest) = note.strip_prefix(head_of(marker).as_slice())?.as_chunks::<TAG_BYTES>();
    let tag = |&[a, b, c, d, seq @ ..]: &[u8; TAG_BYTES]| {
        let item = ItemNumber::try_from(u64::from(u32::from_le_bytes([a, b, c, d]))).ok()?;
        Some((item, Seq(u64::from_le_bytes(seq))))
    };
    tags.iter()
        .map(tag)
        .collect::<Option<Tags>>()
        .filter(|_| rest.is_empty())
}

fn scan(disk: &dyn Disk, segments: &[Segment], until: Seq) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    segment::each_entry(disk, segments, Seq::ZERO, until, |line| {
        let step = line.step().map_err(|why| why.to_string())?;
        if step.kind != Kind::Refused {
            tags.insert(step.item, line.seq().map_err(|why| why.to_string())?);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(tags)
}
