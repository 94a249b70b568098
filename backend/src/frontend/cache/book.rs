//! One book in the cache.

use common::wire::Book;
use common::{Seq, Stock};

/// A book: the beginning of its JSON, and its last two fields, the only ones that a sale changes.
#[derive(Debug)]
pub(super) struct CachedBook {
    /// The JSON up to `stock`. Copied for each reader, which costs less than a reference count that all threads share.
    beginning: Box<[u8]>,
    pub(super) stock: Stock,
    /// The entry of the last change.
    pub(super) seq: Seq,
}

impl CachedBook {
    pub(super) fn new(book: &Book) -> Self {
        // A struct with string keys: serializing it cannot fail.
        let mut json = serde_json::to_vec(book).unwrap_or_default();
        // A quote within a string is escaped, so this is the field itself.
        json.truncate(memchr::memmem::rfind(&json, b",\"stock\":").unwrap_or_default());
        Self {
            beginning: json.into_boxed_slice(),
            stock: book.stock,
            seq: book.seq,
        }
    }

    /// Calls `read` with the parts of the JSON.
    pub(super) fn with_json<T>(&self, read: impl FnOnce([&[u8]; 6]) -> T) -> T {
        let [mut stock, mut seq] = [itoa::Buffer::new(), itoa::Buffer::new()];
        read([
            &self.beginning,
            b",\"stock\":",
            stock.format(self.stock.get()).as_bytes(),
            b",\"seq\":",
            seq.format(self.seq.0).as_bytes(),
            b"}",
        ])
    }
}
