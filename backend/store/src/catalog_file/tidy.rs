//! Making a hand-written file fit for a strict reader.

use super::Bad;

/// A file's text without blanks around columns, which the csv crate would take for a part of them (and a quote after
/// one for a letter), and without empty lines. No column holds a line break, so one line is one book.
pub(super) struct Tidy {
    pub(super) text: Vec<u8>,
    /// The number in the file of each line of `text`.
    pub(super) lines: Vec<u64>,
}

impl Tidy {
    /// Tidies a text; refuses quotes that no reader would understand as they were meant.
    pub(super) fn new(text: &[u8]) -> Result<Self, Bad> {
        let mut tidy = Self {
            text: Vec::with_capacity(text.len() + 1),
            lines: Vec::new(),
        };
        for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii();
            if !line.is_empty() {
                tidy.push(line).map_err(|(column, expected)| Bad {
                    line: number,
                    column,
                    expected: expected.to_owned(),
                })?;
                tidy.lines.push(number);
            }
        }
        Ok(tidy)
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

/// Where the quote ends that the text begins with; a doubled quote stands for one within.
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
