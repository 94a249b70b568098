//! The catalog file as a checkpoint of the ledger.
//!
//! `catalog.csv` is the shopkeeper's to read and to edit; `.catalog.csv` is the store's own copy of what it last wrote
//! there. The ledger's entries carry no titles, so an edited file cannot be checked against the ledger alone: the copy is
//! what it is compared with, and what the store goes by when the edit is dropped.
//!
//! A new content goes through four durable steps: both files under temporary names, the marker in the ledger, both
//! names. Before the marker the old content counts, after it the new one, and at every moment the content that counts is
//! whole under one of the four names: [`Catalog::content`] finds it by its digest. A start that has to finish this writes
//! under a fifth name, so that it may be cut off as well.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use common::wire::Book;
use common::{ItemNumber, Timestamp};

use super::disk::{self, Disk};
use super::line::Digest;
use super::segment::Segment;
use crate::catalog_file::{self, CatalogRow};
use crate::{Difference, Error};

/// For the shopkeeper.
const SHOWN: &str = "catalog.csv";
/// For the store.
const KEPT: &str = ".catalog.csv";
const SHOWN_NEW: &str = "catalog.csv.new";
const KEPT_NEW: &str = ".catalog.csv.new";
/// For whoever finishes what was prepared: that must stay until it is in its place.
const COPY_NEW: &str = "catalog.csv.copy.new";

/// The catalog files of a store's folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Catalog<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a Path,
}

impl Catalog<'_> {
    /// The file that the shopkeeper sees.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(SHOWN)
    }

    /// The shopkeeper's file as it is now.
    pub(super) fn shown(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read(SHOWN)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.folder.join(name);
        disk::read_whole(self.disk, &path).map_err(Error::io("read", &path))
    }

    /// The content that the ledger's newest marker names, wherever it is.
    pub(super) fn content(&self, digest: Digest) -> Result<Vec<u8>, Error> {
        for name in [KEPT, SHOWN, KEPT_NEW, SHOWN_NEW] {
            if let Some(content) = self.read(name)?.filter(|content| Digest::of(Some(content)) == digest) {
                return Ok(content);
            }
        }
        Err(Error::Damaged {
            path: self.folder.join(KEPT),
            line: 1,
            why: "neither it nor catalog.csv is the file that the ledger names".to_owned(),
            remedy: "restore both from a backup of the store's folder".to_owned(),
        })
    }

    /// Understands a content of the store's own.
    pub(super) fn parse(&self, content: &[u8]) -> Result<Vec<CatalogRow>, Error> {
        Ok(catalog_file::parse(content, &self.folder.join(KEPT))?)
    }

    /// Makes a new content durable under temporary names. Where there is no room for it, nothing is left behind.
    pub(super) fn prepare(&self, content: &[u8]) -> Result<(), Error> {
        for name in [SHOWN_NEW, KEPT_NEW] {
            let path = self.folder.join(name);
            if let Err(source) = disk::write_whole(self.disk, &path, content) {
                self.forget()?;
                return Err(no_room_or("write", path, source));
            }
        }
        self.sync_folder()
    }

    /// Whether a content is prepared and has not got the shopkeeper's name yet, which is the last step.
    pub(super) fn is_prepared(&self, content: &[u8]) -> Result<bool, Error> {
        Ok(self.read(SHOWN_NEW)?.as_deref() == Some(content))
    }

    /// Gives a prepared content its names.
    pub(super) fn publish(&self) -> Result<(), Error> {
        for (from, to) in [(KEPT_NEW, KEPT), (SHOWN_NEW, SHOWN)] {
            let path = self.folder.join(from);
            self.disk
                .rename(&path, &self.folder.join(to))
                .map_err(Error::io("rename", &path))?;
        }
        self.sync_folder()
    }

    /// Drops what was prepared.
    pub(super) fn forget(&self) -> Result<(), Error> {
        for name in [SHOWN_NEW, KEPT_NEW, COPY_NEW] {
            let path = self.folder.join(name);
            disk::remove_if_there(self.disk, &path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// Makes both files hold a content, if one of them does not.
    pub(super) fn install(&self, content: &[u8]) -> Result<(), Error> {
        self.put(content, KEPT)?;
        self.put(content, SHOWN)?;
        self.forget()
    }

    /// Makes the store's own file hold a content, and leaves the shopkeeper's alone.
    pub(super) fn keep(&self, content: &[u8]) -> Result<(), Error> {
        self.put(content, KEPT)?;
        self.forget()
    }

    fn put(&self, content: &[u8], name: &str) -> Result<(), Error> {
        if self.read(name)?.as_deref() == Some(content) {
            return Ok(());
        }
        let path = self.folder.join(COPY_NEW);
        if let Err(source) = disk::write_whole(self.disk, &path, content) {
            disk::remove_if_there(self.disk, &path).map_err(Error::io("remove", &path))?;
            return Err(no_room_or("write", path, source));
        }
        self.disk
            .rename(&path, &self.folder.join(name))
            .map_err(Error::io("rename", &path))?;
        self.sync_folder()
    }

    /// Keeps a copy of what somebody else wrote, before it is replaced.
    pub(super) fn keep_copy(&self, foreign: &[u8]) -> Result<(), Error> {
        let at = Timestamp::now().to_string().replace(':', "-");
        let path = self.folder.join(format!("{SHOWN}.edited-{at}"));
        if let Err(source) = disk::write_whole(self.disk, &path, foreign) {
            disk::remove_if_there(self.disk, &path).map_err(Error::io("remove", &path))?;
            return Err(no_room_or("write", path, source));
        }
        tracing::warn!(copy = %path.display(), "the catalog file was edited by hand; the edit is dropped, a copy is kept");
        self.sync_folder()
    }

    /// Keeps a note. It is whole or not there: what tells is its checksum, so that nobody waits for the disk.
    pub(super) fn keep_note(&self, name: &str, note: &[u8]) -> Result<(), Error> {
        let (path, new) = (self.note(name), self.folder.join(format!(".{name}.note.new")));
        let written = self.disk.create(&new).and_then(|file| {
            file.write_at(note, 0)?;
            file.write_at(&crc32c::crc32c(note).to_le_bytes(), note.len() as u64)?;
            self.disk.rename(&new, &path)
        });
        written.map_err(|source| {
            // What is left of it is replaced by the next one.
            let _ = disk::remove_if_there(self.disk, &new);
            no_room_or("write", new, source)
        })
    }

    /// The note under a name.
    pub(super) fn kept_note(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.note(name);
        let mut note = disk::read_whole(self.disk, &path).map_err(Error::io("read", &path))?;
        let sum = note.as_mut().and_then(|note| {
            let sum = *note.last_chunk()?;
            note.truncate(note.len() - sum.len());
            Some(u32::from_le_bytes(sum))
        });
        Ok(note.filter(|note| sum == Some(crc32c::crc32c(note))))
    }

    /// The names of files that only a store with a ledger writes.
    pub(super) fn leftovers(&self) -> Result<Vec<String>, Error> {
        let mut names = self.disk.names(self.folder).map_err(Error::io("list", self.folder))?;
        names.retain(|name| {
            let is_snapshot = name.starts_with('.') && name.ends_with(".note");
            name == KEPT || is_snapshot || Segment::first_of(name).is_some()
        });
        Ok(names)
    }

    fn note(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.note"))
    }

    fn sync_folder(&self) -> Result<(), Error> {
        self.disk
            .sync_folder(self.folder)
            .map_err(Error::io("sync", self.folder))
    }
}

/// A failed write: a full disk is a passing thing, anything else is not.
pub(super) fn no_room_or(operation: &'static str, path: PathBuf, source: io::Error) -> Error {
    if disk::is_full(&source) {
        Error::Full { path, source }
    } else {
        Error::Io {
            operation,
            path,
            source,
        }
    }
}

/// Where an edited file differs from what the store wrote and from what the ledger says now. The stock of a book that
/// was sold since is no edit.
pub(super) fn differences(edited: &[CatalogRow], written: &[CatalogRow], books: &[Book]) -> Vec<Difference> {
    let written = by_item(written);
    let edited = by_item(edited);
    let books: BTreeMap<ItemNumber, &Book> = books.iter().map(|book| (book.item, book)).collect();
    let mut differences = Vec::new();
    for (item, book) in &books {
        match edited.get(item) {
            None => differences.push(Difference {
                location: format!("book {item}"),
                file: "that it is gone".to_owned(),
                ledger: format!("{:?}", book.title),
            }),
            Some(listing) => {
                let was = written.get(item).map(|written| columns(written)).unwrap_or_default();
                let now = columns(&CatalogRow {
                    stock: book.stock,
                    ..(*written.get(item).unwrap_or(listing)).clone()
                });
                for (((column, file), (_, was)), (_, ledger)) in columns(listing).into_iter().zip(was).zip(now) {
                    if file != was && file != ledger {
                        differences.push(Difference {
                            location: format!("book {item}, {column}"),
                            file,
                            ledger,
                        });
                    }
                }
            }
        }
    }
    for (item, listing) in edited.iter().filter(|(item, _)| !books.contains_key(item)) {
        differences.push(Difference {
            location: format!("book {item}"),
            file: format!("{:?}", listing.title),
            ledger: "that there is none".to_owned(),
        });
    }
    differences
}

/// An edited catalog with the ledger's stock wherever the stock was not what was edited: nobody meant to undo the sales
/// since the file was written.
pub(super) fn merged(mut edited: Vec<CatalogRow>, written: &[CatalogRow], books: &[Book]) -> Vec<CatalogRow> {
    let written = by_item(written);
    let stocks: BTreeMap<_, _> = books.iter().map(|book| (book.item, book.stock)).collect();
    for listing in &mut edited {
        if let (Some(written), Some(&stock)) = (written.get(&listing.item), stocks.get(&listing.item))
            && written.stock == listing.stock
        {
            listing.stock = stock;
        }
    }
    edited
}

fn by_item(listings: &[CatalogRow]) -> BTreeMap<ItemNumber, &CatalogRow> {
    listings.iter().map(|listing| (listing.item, listing)).collect()
}

fn columns(listing: &CatalogRow) -> Vec<(&'static str, String)> {
    vec![
        ("name", format!("{:?}", listing.title)),
        ("stock", listing.stock.to_string()),
        ("cost", listing.cost.to_string()),
        ("topic", format!("{:?}", listing.topic)),
        (
            "author",
            listing
                .author
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), |author| format!("{author:?}")),
        ),
    ]
}
