//! The catalog file as a checkpoint of the ledger.
//!
//! `catalog.csv` is for the shopkeeper to read and edit; `.catalog.csv` is the store's copy of what it last wrote there. The
//! ledger's entries have no titles, so an edited file is compared with the copy, and the copy is what remains when an edit
//! is discarded.
//!
//! New content takes four durable steps: both files under temporary names, the marker in the ledger, both final names.
//! Before the marker the old content is valid, after it the new one, and at every moment the valid content is whole under
//! one of the four names: [`CatalogFiles::find_content`] finds it by its digest. A start that finishes an interrupted
//! replacement writes under a fifth name, so that it may be interrupted as well.

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

/// The file for people.
const USER_FILE: &str = "catalog.csv";
/// The store's copy.
const STORE_COPY: &str = ".catalog.csv";
const USER_FILE_NEW: &str = "catalog.csv.new";
const STORE_COPY_NEW: &str = ".catalog.csv.new";
/// For a start that finishes a replacement: prepared files must stay until they have their final names.
const INSTALL_NEW: &str = "catalog.csv.copy.new";

/// The catalog files of a store's folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct CatalogFiles<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a Path,
}

impl CatalogFiles<'_> {
    /// The path of the file for people.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(USER_FILE)
    }

    /// The current content of the file for people.
    pub(super) fn user_file(&self) -> Result<Option<Vec<u8>>, Error> {
        self.read(USER_FILE)
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.folder.join(name);
        disk::read_file(self.disk, &path).map_err(Error::io("read", &path))
    }

    /// Finds the content with the digest in the ledger's newest marker.
    pub(super) fn find_content(&self, digest: Digest) -> Result<Vec<u8>, Error> {
        for name in [STORE_COPY, USER_FILE, STORE_COPY_NEW, USER_FILE_NEW] {
            if let Some(content) = self.read(name)?.filter(|content| Digest::of(Some(content)) == digest) {
                return Ok(content);
            }
        }
        Err(Error::Damaged {
            path: self.folder.join(STORE_COPY),
            line: 1,
            why: "neither it nor catalog.csv is the file that the ledger names".to_owned(),
            remedy: "restore both from a backup of the store's folder".to_owned(),
        })
    }

    /// Parses content that the store wrote.
    pub(super) fn parse(&self, content: &[u8]) -> Result<Vec<CatalogRow>, Error> {
        Ok(catalog_file::parse(content, &self.folder.join(STORE_COPY))?)
    }

    /// Makes new content durable under temporary names. On a full disk nothing is left behind.
    pub(super) fn prepare(&self, content: &[u8]) -> Result<(), Error> {
        for name in [USER_FILE_NEW, STORE_COPY_NEW] {
            let path = self.folder.join(name);
            if let Err(source) = disk::write_file(self.disk, &path, content) {
                self.discard_prepared()?;
                return Err(write_error(path, source));
            }
        }
        self.sync_folder()
    }

    /// Whether this content is prepared and lacks its last final name.
    pub(super) fn is_prepared(&self, content: &[u8]) -> Result<bool, Error> {
        Ok(self.read(USER_FILE_NEW)?.as_deref() == Some(content))
    }

    /// Renames the prepared files to their final names.
    pub(super) fn publish(&self) -> Result<(), Error> {
        for (from, to) in [(STORE_COPY_NEW, STORE_COPY), (USER_FILE_NEW, USER_FILE)] {
            let path = self.folder.join(from);
            self.disk
                .rename(&path, &self.folder.join(to))
                .map_err(Error::io("rename", &path))?;
        }
        self.sync_folder()
    }

    /// Removes files under temporary names.
    pub(super) fn discard_prepared(&self) -> Result<(), Error> {
        for name in [USER_FILE_NEW, STORE_COPY_NEW, INSTALL_NEW] {
            let path = self.folder.join(name);
            disk::remove_if_exists(self.disk, &path).map_err(Error::io("remove", &path))?;
        }
        Ok(())
    }

    /// Writes the content to each of the two files that differs.
    pub(super) fn install(&self, content: &[u8]) -> Result<(), Error> {
        self.install_file(content, STORE_COPY)?;
        self.install_file(content, USER_FILE)?;
        self.discard_prepared()
    }

    /// Writes the content to the store's copy only.
    pub(super) fn install_copy(&self, content: &[u8]) -> Result<(), Error> {
        self.install_file(content, STORE_COPY)?;
        self.discard_prepared()
    }

    fn install_file(&self, content: &[u8], name: &str) -> Result<(), Error> {
        if self.read(name)?.as_deref() == Some(content) {
            return Ok(());
        }
        let path = self.folder.join(INSTALL_NEW);
        if let Err(source) = disk::write_file(self.disk, &path, content) {
            disk::remove_if_exists(self.disk, &path).map_err(Error::io("remove", &path))?;
            return Err(write_error(path, source));
        }
        self.disk
            .rename(&path, &self.folder.join(name))
            .map_err(Error::io("rename", &path))?;
        self.sync_folder()
    }

    /// Saves a copy of an edited file before it is replaced.
    pub(super) fn save_edit(&self, edited: &[u8]) -> Result<(), Error> {
        let at = Timestamp::now().to_string().replace(':', "-");
        let path = self.folder.join(format!("{USER_FILE}.edited-{at}"));
        if let Err(source) = disk::write_file(self.disk, &path, edited) {
            disk::remove_if_exists(self.disk, &path).map_err(Error::io("remove", &path))?;
            return Err(write_error(path, source));
        }
        tracing::warn!(copy = %path.display(), "the catalog file was edited by hand; the edit is replaced, and a copy is kept");
        self.sync_folder()
    }

    /// Saves a blob with a checksum, which makes a sync unnecessary: a torn blob reads as missing.
    pub(super) fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        let (path, new) = (self.blob_path(name), self.folder.join(format!(".{name}.note.new")));
        let written = self.disk.create(&new).and_then(|file| {
            file.write_at(content, 0)?;
            file.write_at(&crc32c::crc32c(content).to_le_bytes(), content.len() as u64)?;
            self.disk.rename(&new, &path)
        });
        written.map_err(|source| {
            // A leftover is replaced by the next blob.
            let _ = disk::remove_if_exists(self.disk, &new);
            write_error(new, source)
        })
    }

    /// Reads a blob; `None` if it is missing or torn.
    pub(super) fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.blob_path(name);
        let mut content = disk::read_file(self.disk, &path).map_err(Error::io("read", &path))?;
        let sum = content.as_mut().and_then(|content| {
            let sum = *content.last_chunk()?;
            content.truncate(content.len() - sum.len());
            Some(u32::from_le_bytes(sum))
        });
        Ok(content.filter(|content| sum == Some(crc32c::crc32c(content))))
    }

    /// The names of files that only a store with a ledger contains.
    pub(super) fn leftovers(&self) -> Result<Vec<String>, Error> {
        let mut names = self.disk.names(self.folder).map_err(Error::io("list", self.folder))?;
        names.retain(|name| {
            let is_blob = name.starts_with('.') && name.ends_with(".note");
            name == STORE_COPY || is_blob || Segment::first_of(name).is_some()
        });
        Ok(names)
    }

    fn blob_path(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}.note"))
    }

    fn sync_folder(&self) -> Result<(), Error> {
        self.disk
            .sync_folder(self.folder)
            .map_err(Error::io("sync", self.folder))
    }
}

/// The error of a failed write, which is transient only if the disk is full.
pub(super) fn write_error(path: PathBuf, source: io::Error) -> Error {
    if disk::is_full(&source) {
        Error::Full { path, source }
    } else {
        Error::io("write", &path)(source)
    }
}

/// The values in an edited file that differ from both the store's copy and the ledger. A stock that only sales have changed
/// since is not an edit.
pub(super) fn differences(edited: &[CatalogRow], written: &[CatalogRow], books: &[Book]) -> Vec<Difference> {
    let written = by_item(written);
    let edited = by_item(edited);
    let books: BTreeMap<ItemNumber, &Book> = books.iter().map(|book| (book.item, book)).collect();
    let mut differences = Vec::new();
    for (item, book) in &books {
        match edited.get(item) {
            None => differences.push(Difference {
                location: format!("book {item}"),
                file: "no such book".to_owned(),
                ledger: format!("{:?}", book.title),
            }),
            Some(row) => {
                let was = written.get(item).map(|written| columns(written)).unwrap_or_default();
                let now = columns(&CatalogRow {
                    stock: book.stock,
                    ..(*written.get(item).unwrap_or(row)).clone()
                });
                for (((column, file), (_, was)), (_, ledger)) in columns(row).into_iter().zip(was).zip(now) {
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
    for (item, row) in edited.iter().filter(|(item, _)| !books.contains_key(item)) {
        differences.push(Difference {
            location: format!("book {item}"),
            file: format!("{:?}", row.title),
            ledger: "no such book".to_owned(),
        });
    }
    differences
}

/// The rows of an edited file; a stock that was not edited becomes the ledger's, so that later sales stay.
pub(super) fn merged(mut edited: Vec<CatalogRow>, written: &[CatalogRow], books: &[Book]) -> Vec<CatalogRow> {
    let written = by_item(written);
    let stocks: BTreeMap<_, _> = books.iter().map(|book| (book.item, book.stock)).collect();
    for row in &mut edited {
        if let (Some(written), Some(&stock)) = (written.get(&row.item), stocks.get(&row.item))
            && written.stock == row.stock
        {
            row.stock = stock;
        }
    }
    edited
}

fn by_item(rows: &[CatalogRow]) -> BTreeMap<ItemNumber, &CatalogRow> {
    rows.iter().map(|row| (row.item, row)).collect()
}

/// The name and the value of each column that can be edited.
fn columns(row: &CatalogRow) -> Vec<(&'static str, String)> {
    let CatalogRow {
        item: _,
        title,
        stock,
        cost,
        topic,
        author,
    } = row;
    vec![
        ("name", format!("{title:?}")),
        ("stock", stock.to_string()),
        ("cost", cost.to_string()),
        ("topic", format!("{topic:?}")),
        (
            "author",
            author
                .as_ref()
                .map_or_else(|| "none".to_owned(), |author| format!("{author:?}")),
        ),
    ]
}
