//! The first entries of a fresh store: the `set` of each book.

use std::path::PathBuf;

use common::wire::Book;
use common::{Entry, Kind, Seq, Stock, Timestamp};

use crate::store::catalog_file::{self, Listing};
use crate::store::{self, Loaded, Store};

/// Where the first books of a fresh store come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listings {
    /// The four books that are compiled in.
    #[default]
    Default,
    /// A catalog file.
    File(PathBuf),
}

impl Listings {
    fn read(&self) -> Result<Vec<Listing>, catalog_file::Error> {
        match self {
            Self::Default => catalog_file::parse(catalog_file::DEFAULT.as_bytes(), "the built-in catalog".as_ref()),
            Self::File(path) => catalog_file::read(path),
        }
    }
}

/// What the store holds, after filling it if it is fresh.
pub(super) fn load(store: &dyn Store, listings: &Listings) -> Result<Loaded, store::Error> {
    let loaded = store.load()?;
    if loaded.head > Seq::ZERO || !loaded.books.is_empty() {
        if let Listings::File(path) = listings {
            tracing::info!(books = %path.display(), "the store has books already; the file is not read");
        }
        return Ok(loaded);
    }
    let listings = match (listings, store.seed()?) {
        (Listings::Default, Some(found)) => found,
        (named, _) => named.read()?,
    };
    let (entries, books) = first_entries(listings);
    store.import(Seq::ZERO, &entries, &books)?;
    tracing::info!(books = books.len(), "a fresh store was filled");
    store.load()
}

fn first_entries(listings: Vec<Listing>) -> (Vec<Entry>, Vec<Book>) {
    let at = Timestamp::now();
    let mut head = Seq::ZERO;
    listings
        .into_iter()
        .map(|listing| {
            head = head.next();
            let entry = Entry {
                seq: head,
                at,
                kind: Kind::Set,
                item: listing.item,
                quantity: None,
                change: Stock::NONE.change_to(listing.stock),
                stock_after: Some(listing.stock),
                order: None,
                unit_cost: Some(listing.cost),
                reason: None,
            };
            let book = Book {
                item: listing.item,
                title: listing.title,
                author: listing.author,
                topic: listing.topic,
                cost: listing.cost,
                stock: listing.stock,
                seq: head,
            };
            (entry, book)
        })
        .unzip()
}
