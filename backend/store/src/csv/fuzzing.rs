//! The fuzz targets of a CSV store's files. The targets add the checksums, because no fuzzer would guess them.
#![expect(clippy::unwrap_used, reason = "a target fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use common::{Seq, Timestamp};

use super::line::{self, Line};
use super::{CsvStore, books_blob as blob};
use crate::format_1::describe;
use crate::texts::SharedTexts;
use crate::{EditPolicy, Error, Store as _};

/// A parsed entry or marker survives writing and parsing.
pub(crate) fn ledger_line(input: &[u8]) {
    let text = input.split(|&byte| byte == b'\n').next().unwrap_or_default();
    // The input itself rarely has a valid checksum.
    let _ = Line::parse(text);
    let checked = with_checksum(text);
    let Ok(line) = Line::parse(checked.trim_ascii_end()) else {
        return;
    };
    let batch = line.batch().unwrap_or_default();
    let mut written = Vec::new();
    if line.is_marker() {
        let Ok(marker) = line.marker() else { return };
        line::push_marker(&mut written, &marker, batch);
        let again = Line::parse(written.trim_ascii_end()).unwrap().marker();
        assert_eq!(again, Ok(marker));
    } else if let Ok(entry) = line.entry(&mut SharedTexts::default()) {
        line::push_entry(&mut written, &entry, batch);
        let again = Line::parse(written.trim_ascii_end()).unwrap();
        assert_eq!(again.entry(&mut SharedTexts::default()), Ok(entry));
        assert_eq!((again.batch(), again.needs_marker()), (Ok(batch), line.needs_marker()));
    }
}

/// Parsed books of a checkpoint survive writing and parsing.
pub(crate) fn books_blob(input: &[u8]) {
    let lines = input.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let text: Vec<u8> = lines.flat_map(with_checksum).collect();
    if let Some(books) = blob::parse(&text) {
        let (mut written, at) = (Vec::new(), Timestamp::from_micros(0));
        for book in &books {
            line::push_entry(&mut written, &describe(book, at), book.seq);
        }
        assert_eq!(blob::parse(&written), Some(books));
    }
}

/// A store either opens, with the same content when it is reopened, or is refused and not changed. Every line gets a checksum
/// except the first one and lines that begin with an exclamation mark.
pub(crate) fn ledger(input: &[u8]) {
    let mut ledger = Vec::new();
    for (index, line) in input.split_inclusive(|&byte| byte == b'\n').enumerate() {
        match line {
            [b'!', torn @ ..] => ledger.extend_from_slice(torn),
            [checked @ .., b'\n'] if index > 0 => ledger.extend(with_checksum(checked)),
            line => ledger.extend_from_slice(line),
        }
    }
    let folder = empty_folder();
    let file = folder.join("ledger.csv");
    fs::write(&file, &ledger).unwrap();
    let open = || {
        let store = CsvStore::open(&folder, EditPolicy::Discard)?;
        Ok::<_, Error>((store.load()?, store.read(Seq::ZERO, usize::MAX)?))
    };
    match open() {
        Ok(state) => assert_eq!(open().unwrap(), state),
        Err(error) => {
            if let Error::Damaged { line, .. } = error {
                let lines = ledger.split(|&byte| byte == b'\n').count() as u64;
                assert!((1..=lines).contains(&line), "{error}");
            }
            assert_eq!(fs::read(&file).unwrap(), ledger, "{error}");
        }
    }
}

/// An empty folder for this process, in memory if the system has `/dev/shm`.
fn empty_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = parent.join(format!("bookstore-fuzz-{}", std::process::id()));
    // The folder does not exist at the first call.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

fn with_checksum(text: &[u8]) -> Vec<u8> {
    let mut line = [text, b","].concat();
    line::finish(&mut line, 0);
    line
}
