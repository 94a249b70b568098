//! Fuzz targets of this crate's parsers. `backend/fuzz` runs them.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a target fails by panicking")]

use std::path::Path;

use common::Seq;
use common::fuzzing::Target;
use common::wire::Book;

use crate::catalog_file::{self, Error};
use crate::csv::fuzzing::{books_blob, ledger, ledger_line};

/// The targets.
pub const TARGETS: [Target; 4] = [
    ("catalog_file", catalog_file),
    ("ledger", ledger),
    ("ledger_line", ledger_line),
    ("books_blob", books_blob),
];

/// The longest error message.
const ERROR_BYTES_MAX: usize = 1_000;

/// Parsed rows survive writing and parsing. An error names a line of the file, is short, and is safe to print.
fn catalog_file(input: &[u8]) {
    let path = Path::new("books.csv");
    match catalog_file::parse(input, path) {
        Ok(rows) => {
            let books: Vec<Book> = rows.iter().cloned().map(|row| row.into_book(Seq::ZERO)).collect();
            let mut text = Vec::new();
            catalog_file::write(&mut text, &books, path).unwrap();
            assert_eq!(catalog_file::parse(&text, path).unwrap(), rows);
        }
        Err(Error::Lines { errors, count, .. }) => {
            let lines = input.split(|&byte| byte == b'\n').count() as u64;
            assert!((1..=20).contains(&errors.len()) && errors.len() <= count);
            for error in errors {
                assert!((1..=lines).contains(&error.line), "{error:?}");
                assert!(!error.column.is_empty() && !error.expected.is_empty(), "{error:?}");
                let text = [&*error.column, &*error.expected].concat();
                assert!(!text.contains(char::is_control), "{error:?}");
                assert!(text.len() <= ERROR_BYTES_MAX, "{error:?}");
            }
        }
        Err(Error::OtherKind { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}
