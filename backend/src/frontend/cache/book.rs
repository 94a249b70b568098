//! One book in the cache, as the bytes of its JSON.

use common::wire::Book;
use common::{Seq, Stock};

/// A book's JSON. Its last fields are `stock` and `seq`, the only ones that a sale changes.
#[derive(Debug)]
pub(super) struct CachedBook {
    /// Copied for each reader: that costs less than a reference count that all threads share.
    pub(super) json: Box<[u8]>,
    /// The length of the part before `stock`.
    prefix_bytes: usize,
    pub(super) stock: Stock,
    /// The entry of the last change.
    pub(super) seq: Seq,
}

impl CachedBook {
    pub(super) fn new(book: &Book) -> Self {
        // A struct with string keys: serializing it cannot fail.
        let json = serde_json::to_vec(book).unwrap_or_default();
        // A quote within a string is escaped, so this is the field itself.
        let prefix_bytes = memchr::memmem::rfind(&json, b",\"stock\":").unwrap_or_default();
        Self {
            json: json.into_boxed_slice(),
            prefix_bytes,
            stock: book.stock,
            seq: book.seq,
        }
    }

    /// Writes `stock` and `seq` into the JSON.
    pub(super) fn rewrite(&mut self) {
        let prefix = self.json.get(..self.prefix_bytes).unwrap_or_default();
        let mut json = Vec::with_capacity(prefix.len() + 48);
        json.extend_from_slice(prefix);
        json.extend_from_slice(b",\"stock\":");
        json.extend_from_slice(itoa::Buffer::new().format(self.stock.get()).as_bytes());
        json.extend_from_slice(b",\"seq\":");
        json.extend_from_slice(itoa::Buffer::new().format(self.seq.0).as_bytes());
        json.push(b'}');
        self.json = json.into_boxed_slice();
    }
}
