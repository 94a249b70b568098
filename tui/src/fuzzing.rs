//! Fuzz targets: properties of this crate's parsers for every input. `backend/fuzz` runs them.
#![expect(clippy::unwrap_used, reason = "a target fails by panicking")]

use common::fuzzing::Target;

use crate::keymap::Chord;
use crate::{basket_file, config};

/// The targets.
pub const TARGETS: [Target; 3] = [
    ("basket", basket),
    ("key_binding", key_binding),
    ("shop_configuration", shop_configuration),
];

/// A basket is read back from its text.
fn basket(input: &[u8]) {
    if let Ok(basket) = basket_file::parse(input) {
        let text = basket_file::to_text(&basket).unwrap();
        assert_eq!(basket_file::parse(&text).unwrap(), basket);
    }
}

/// A key is read back from its name.
fn key_binding(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(chord) = text.parse::<Chord>() {
        assert_eq!(chord.to_string().parse(), Ok(chord), "{text:?}");
    }
}

/// An error names a line and a column of the file.
fn shop_configuration(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    if let Err(error) = config::parse(text) {
        let number = |word: &str| -> usize {
            let (_, rest) = error.split_once(word).unwrap();
            let digits = rest.split(|sign: char| !sign.is_ascii_digit()).next().unwrap();
            digits.parse().unwrap()
        };
        let (line, column) = (number("line "), number("column "));
        let shown = text.split('\n').nth(line - 1);
        assert!(
            shown.is_some_and(|shown| (1..=shown.chars().count() + 1).contains(&column)),
            "{error}"
        );
    }
}
