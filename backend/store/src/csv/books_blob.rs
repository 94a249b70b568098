//! The blob with the books as of a checkpoint. With it a start reads only later entries; if it is missing, torn or of another
//! checkpoint, the start reads the whole ledger.
//!
//! A book has the format of a ledger line: an entry that describes the book without changing it.

use common::wire::Book;

use super::files::Files;
use super::line::{self, Line, Marker};
use crate::texts::SharedTexts;
use crate::{Error, format_1};

const NAME: &str = "books";

/// Saves the books of a checkpoint. An error is only logged, because it only makes the next start slower.
pub(super) fn put(files: &Files<'_>, marker: &Marker, books: &[Book]) {
    let mut blob = header(marker);
    for book in books {
        line::push_entry(&mut blob, &format_1::describe(book, marker.at), marker.seq);
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

/// The first line, which identifies the checkpoint.
fn header(marker: &Marker) -> Vec<u8> {
    format!("books {} {} {}\n", marker.store, marker.seq, marker.new).into_bytes()
}

pub(super) fn parse(lines: &[u8]) -> Option<Vec<Book>> {
    let (mut books, mut texts) = (Vec::new(), SharedTexts::default());
    for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        books.push(Line::parse(line).ok()?.book(&mut texts).ok()??);
    }
    Some(books)
}
