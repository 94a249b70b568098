//! Normalizes a hand-written file for the strict CSV reader.

use super::LineError;

/// A file's text without empty lines and without blanks around columns: the csv crate would keep the blanks, and would take
/// a quote after one literally. No column contains a line break, so one line is one book.
pub(super) struct Normalized {
    pub(super) text: Vec<u8>,
    /// For each line of `text` its number in the file.
    pub(super) lines: Vec<u64>,
}

impl Normalized {
    /// # Errors
    /// A quote that is not closed on its line, or text after a closing quote.
    pub(super) fn new(text: &[u8]) -> Result<Self, LineError> {
        let mut normalized = Self {
            text: Vec::with_capacity(text.len() + 1),
            lines: Vec::new(),
        };
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii();
            if !line.is_empty() {
                normalized.push(line).map_err(|(column, expected)| LineError {
                    line: number,
                    column,
                    expected: expected.to_owned(),
                })?;
                normalized.lines.push(number);
            }
        }
        Ok(normalized)
    }

    fn push(&mut self, line: &[u8]) -> Result<(), (usize, &'static str)> {
        let mut rest = line;
        for column in 0.. {
            rest = rest.trim_ascii_start();
            let end = match rest.first() {
                Some(b'"') => closing_quote(rest).ok_or((column, "expected a closing quote on the same line"))? + 1,
                _ => memchr::memchr(b',', rest).unwrap_or(rest.len()),
            };
            let (field, after) = rest.split_at(end);
            self.text.extend_from_slice(field.trim_ascii_end());
            match after.trim_ascii_start() {
                [] => break,
                [b',', after @ ..] => rest = after,
                _ => {
                    return Err((
                        column,
                        "expected a comma after the closing quote; a quote within quotes is doubled",
                    ));
                }
            }
            self.text.push(b',');
        }
        self.text.push(b'\n');
        Ok(())
    }
}

/// The offset of the quote that closes the one at the start; a doubled quote stands for one within.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr(b'"', text.get(at..)?)?;
        if text.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}
