//! The blob with the books as of a checkpoint. It saves a start the replay of all earlier entries; if it is missing, torn or
//! of another checkpoint, the ledger is read from its beginning.

use std::collections::HashSet;
use std::str;

use common::wire::Book;
use common::{ArcStr, Seq};

use super::files::Files;
use super::line::Marker;
use crate::Error;

const NAME: &str = "books";

/// Saves the books of a checkpoint. Without them only the next start takes longer, so an error is logged.
pub(super) fn put(files: &Files<'_>, marker: &Marker, books: &[Book]) {
    let mut blob = header(marker);
    if books.iter().try_for_each(|book| push(&mut blob, book)).is_none() {
        return;
    }
    if let Err(error) = files.put_blob(NAME, &blob) {
        tracing::warn!(%error, "the books were not saved for the next start, which takes longer");
    }
}

/// Returns the books of a checkpoint, by item number.
pub(super) fn get(files: &Files<'_>, marker: &Marker) -> Result<Option<Vec<Book>>, Error> {
    let blob = files.get_blob(NAME)?;
    Ok(blob.and_then(|blob| parse(blob.strip_prefix(header(marker).as_slice())?)))
}

/// Identifies the checkpoint.
fn header(marker: &Marker) -> Vec<u8> {
    format!("books {} {} {}\n", marker.store, marker.seq, marker.new).into_bytes()
}

/// `None` for a text that is too long for a record, which no valid book has.
fn push(blob: &mut Vec<u8>, book: &Book) -> Option<()> {
    let Book {
        item,
        title,
        author,
        topic,
        cost,
        stock,
        seq,
    } = book;
    blob.extend_from_slice(&item.get().to_le_bytes());
    blob.extend_from_slice(&seq.0.to_le_bytes());
    blob.extend_from_slice(&cost.cents().to_le_bytes());
    blob.extend_from_slice(&stock.get().to_le_bytes());
    for text in [title, topic, author.as_ref().unwrap_or(&ArcStr::new())] {
        blob.extend_from_slice(&u16::try_from(text.len()).ok()?.to_le_bytes());
        blob.extend_from_slice(text.as_bytes());
    }
    Some(())
}

fn parse(mut records: &[u8]) -> Option<Vec<Book>> {
    let (mut books, mut topics) = (Vec::new(), HashSet::new());
    while !records.is_empty() {
        let item = u64::from_le_bytes(take(&mut records)?).try_into().ok()?;
        let seq = Seq(u64::from_le_bytes(take(&mut records)?));
        let cost = u64::from(u32::from_le_bytes(take(&mut records)?)).try_into().ok()?;
        let stock = u64::from(u32::from_le_bytes(take(&mut records)?)).try_into().ok()?;
        let title = take_text(&mut records)?.into();
        let topic = take_text(&mut records)?;
        let author = Some(take_text(&mut records)?).filter(|author| !author.is_empty());
        // Many books share a topic.
        if !topics.contains(topic) {
            topics.insert(ArcStr::from(topic));
        }
        books.push(Book {
            item,
            title,
            author: author.map(ArcStr::from),
            topic: topics.get(topic)?.clone(),
            cost,
            stock,
            seq,
        });
    }
    Some(books)
}

fn take<const N: usize>(records: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = records.split_first_chunk()?;
    *records = rest;
    Some(*first)
}

fn take_text<'a>(records: &mut &'a [u8]) -> Option<&'a str> {
    let length = u16::from_le_bytes(take(records)?);
    let (text, rest) = records.split_at_checked(length.into())?;
    *records = rest;
    str::from_utf8(text).ok()
}
