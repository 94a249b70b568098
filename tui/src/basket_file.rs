//! The basket of one store, as a file in the user's data folder: `baskets/STORE.json`. A write replaces the file atomically,
//! and is refused if another program has changed the file since this program read it.
//!
//! Calls block; run them on a blocking thread.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use common::{Cost, Deadline, ItemNumber, OrderId, Quantity, Stock, StoreId, limits};
use serde::{Deserialize, Serialize};

/// Version of the file format; a file with a newer version is not changed.
const FORMAT: u32 = 1;
/// Largest file that is read; twenty lines with the longest titles are smaller.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// The contents of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedBasket {
    /// One line for each book, in the order of adding.
    pub(crate) lines: Vec<BasketLine>,
    /// The pending order that buys the basket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkout: Option<Checkout>,
}

/// Copies of one book in the basket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BasketLine {
    pub(crate) item: ItemNumber,
    pub(crate) quantity: Quantity,
    /// The title when the line was added; `None` until the book is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// The cost of one copy when the line was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cost: Option<Cost>,
    /// The stock when the line was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stock: Option<Stock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkout {
    pub(crate) order: OrderId,
    /// An order without a record after this time was never sent.
    pub(crate) deadline: Deadline,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    format: u32,
    #[serde(flatten)]
    basket: SavedBasket,
}

/// The field that all versions of the format have.
#[derive(Deserialize)]
struct FormatHeader {
    format: u32,
}

/// A basket to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BasketChange {
    pub(crate) basket: SavedBasket,
    /// Number of the change; an older change never replaces a newer one.
    pub(crate) revision: u64,
    /// Number of the read on which the change is based.
    pub(crate) generation: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} was written by a newer version of this program", .0.display())]
    Newer(PathBuf),
    #[error("the basket file is damaged; it was renamed to {}", .0.display())]
    Damaged(PathBuf),
    #[error("another program has changed the basket")]
    Conflict,
}

#[derive(Debug)]
pub(crate) struct BasketFile {
    path: PathBuf,
    last_seen: Mutex<LastSeen>,
}

/// The file as this program last read or wrote it.
#[derive(Debug, Default)]
struct LastSeen {
    /// Number of reads.
    generation: u64,
    revision: u64,
    /// `None` if there was no file.
    version: Option<FileVersion>,
}

/// Identifies a version of the file: inode, size, and seconds and nanoseconds of the modification time.
type FileVersion = (u64, u64, i64, i64);

impl BasketFile {
    /// The file of a store in a data folder, without opening it.
    pub(crate) fn new(data_folder: &Path, store: StoreId) -> Self {
        Self {
            path: data_folder.join("baskets").join(format!("{store}.json")),
            last_seen: Mutex::default(),
        }
    }

    /// Reads the file; returns the number of this read and the basket, or `None` if the file is unchanged. Without a file the
    /// basket is empty; a damaged file is moved aside.
    pub(crate) fn read(&self) -> Option<(u64, Result<SavedBasket, Error>)> {
        let mut last_seen = self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let version = version(&self.path);
        if last_seen.generation > 0 && version == last_seen.version {
            return None;
        }
        let read = match version {
            Some(_) => self.parse(),
            None => Ok(SavedBasket::default()),
        };
        last_seen.generation += 1;
        // A file that cannot be read now may be readable later.
        last_seen.version = version.filter(|_| read.is_ok());
        Some((last_seen.generation, read))
    }

    fn parse(&self) -> Result<SavedBasket, Error> {
        let text = read_file(&self.path).map_err(error("read", &self.path))?;
        match parse(&text) {
            Ok(basket) => Ok(basket),
            Err(ParseError::Newer) => Err(Error::Newer(self.path.clone())),
            Err(ParseError::Damaged) => {
                let aside = self.path.with_extension("json.damaged");
                fs::rename(&self.path, &aside).map_err(error("rename", &self.path))?;
                Err(Error::Damaged(aside))
            }
        }
    }

    /// Replaces the file; durable on return. Ignores a change older than the last written one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another program has changed the file since the read on which the change is based.
    pub(crate) fn write(&self, change: &BasketChange) -> Result<(), Error> {
        let mut last_seen = self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
        if change.generation != last_seen.generation {
            return Err(Error::Conflict);
        }
        if change.revision <= last_seen.revision {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).map_err(error("create", folder))?;
        let folder_file = File::open(folder).map_err(error("open", folder))?;
        // Released when the folder is closed.
        folder_file.lock().map_err(error("lock", folder))?;
        if version(&self.path) != last_seen.version {
            return Err(Error::Conflict);
        }
        let part = self.path.with_extension("json.part");
        let written = write_file(&part, &change.basket).and_then(|()| fs::rename(&part, &self.path));
        written.map_err(error("write", &self.path))?;
        folder_file.sync_all().map_err(error("sync", folder))?;
        (last_seen.version, last_seen.revision) = (version(&self.path), change.revision);
        Ok(())
    }
}

impl SavedBasket {
    fn is_valid(&self) -> bool {
        let lines = &self.lines;
        let is_repeated = |(at, line): (usize, &BasketLine)| lines.iter().take(at).any(|other| other.item == line.item);
        lines.len() <= limits::ORDER_LINES_MAX && !lines.iter().enumerate().any(is_repeated)
    }
}

/// Why a text cannot be parsed as a basket.
#[derive(Debug)]
pub(crate) enum ParseError {
    Newer,
    Damaged,
}

/// Parses the text of a basket's file.
pub(crate) fn parse(text: &[u8]) -> Result<SavedBasket, ParseError> {
    if serde_json::from_slice(text).is_ok_and(|FormatHeader { format }| format > FORMAT) {
        return Err(ParseError::Newer);
    }
    let contents: Contents = serde_json::from_slice(text).map_err(|_| ParseError::Damaged)?;
    let is_valid = contents.basket.is_valid();
    is_valid.then_some(contents.basket).ok_or(ParseError::Damaged)
}

/// The text of a basket's file.
pub(crate) fn to_text(basket: &SavedBasket) -> serde_json::Result<Vec<u8>> {
    let contents = Contents {
        format: FORMAT,
        basket: basket.clone(),
    };
    let mut text = serde_json::to_vec(&contents)?;
    text.push(b'\n');
    Ok(text)
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe would block.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX).read_to_end(&mut text)?;
    Ok(text)
}

fn write_file(path: &Path, basket: &SavedBasket) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&to_text(basket)?)?;
    file.sync_all()
}

fn version(path: &Path) -> Option<FileVersion> {
    let file = fs::metadata(path).ok()?;
    Some((file.ino(), file.len(), file.mtime(), file.mtime_nsec()))
}

fn error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: &str = "0190b6d5-0000-7000-8000-000000000001";

    fn file(folder: &Path) -> BasketFile {
        BasketFile::new(folder, STORE.parse().unwrap())
    }

    fn basket(items: &[u64]) -> SavedBasket {
        let line = |item: &u64| BasketLine {
            item: ItemNumber::try_from(*item).unwrap(),
            quantity: Quantity::try_from(3).unwrap(),
            title: Some("RPCs for Dummies".into()),
            cost: Some("40".parse().unwrap()),
            stock: Some(Stock::try_from(500).unwrap()),
        };
        SavedBasket {
            lines: items.iter().map(line).collect(),
            checkout: None,
        }
    }

    fn change(items: &[u64], revision: u64) -> BasketChange {
        BasketChange {
            basket: basket(items),
            revision,
            generation: 1,
        }
    }

    #[test]
    fn a_basket_is_read_back_and_an_older_change_never_replaces_a_newer_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = file(folder.path());
        assert_eq!(first.read().unwrap().1.unwrap(), SavedBasket::default());
        first.write(&change(&[2, 1], 2)).unwrap();
        first.write(&change(&[2], 1)).unwrap();
        assert!(first.read().is_none(), "its own changes are known");
        assert_eq!(file(folder.path()).read().unwrap().1.unwrap(), basket(&[2, 1]));
        let mode = fs::metadata(&first.path).unwrap().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn of_two_programs_the_one_with_the_older_reading_must_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [file(folder.path()), file(folder.path())];
        for program in [&first, &second] {
            program.read().unwrap().1.unwrap();
        }
        first.write(&change(&[2], 1)).unwrap();
        assert!(matches!(second.write(&change(&[1], 1)), Err(Error::Conflict)));
        let (generation, read) = second.read().unwrap();
        assert_eq!((generation, read.unwrap()), (2, basket(&[2])));
        let stale = second.write(&change(&[1], 2));
        assert!(matches!(stale, Err(Error::Conflict)), "made before the reading");
        assert_eq!(file(folder.path()).read().unwrap().1.unwrap(), basket(&[2]));
    }

    #[test]
    fn a_newer_file_stays_and_a_damaged_one_is_moved_aside() {
        let line = r#"{"item":2,"quantity":1}"#;
        let many = vec![line; 21].join(",");
        let twice = format!(r#"{{"format":1,"lines":[{line},{line}]}}"#);
        let zero = r#"{"format":1,"lines":[{"item":2,"quantity":0}]}"#;
        let deep = "[".repeat(100_000);
        let long = format!(r#"{{"format":1,"lines":[],"x":"{}"}}"#, "x".repeat(300_000));
        let damaged = [
            "",
            "{",
            "null",
            "[]",
            r#"{"format":1}"#,
            r#"{"lines":[]}"#,
            "\u{0}\u{1}",
            zero,
            &twice,
            &deep,
            &long,
            &format!(r#"{{"format":1,"lines":[{many}]}}"#),
        ];
        for text in damaged {
            let folder = tempfile::tempdir().unwrap();
            let file = file(folder.path());
            fs::create_dir_all(file.path.parent().unwrap()).unwrap();
            fs::write(&file.path, text).unwrap();
            let Some((1, Err(Error::Damaged(aside)))) = file.read() else {
                panic!("{text:.80}")
            };
            assert_eq!(fs::read_to_string(aside).unwrap(), text);
            file.write(&change(&[2], 1)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path());
        fs::create_dir_all(file.path.parent().unwrap()).unwrap();
        let newer = r#"{"format":2,"sections":[]}"#;
        fs::write(&file.path, newer).unwrap();
        assert!(matches!(file.read(), Some((1, Err(Error::Newer(_))))));
        assert!(file.write(&change(&[2], 1)).is_err());
        assert_eq!(fs::read_to_string(&file.path).unwrap(), newer);
        fs::remove_file(&file.path).unwrap();
        fs::create_dir(&file.path).unwrap();
        assert!(matches!(file.read(), Some((2, Err(Error::Io { .. })))));
    }
}
