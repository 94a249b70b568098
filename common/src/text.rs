//! The forms in which text is stored, compared, split into words and displayed.

mod fold;
mod words;

use std::borrow::Cow;

use arcstr::ArcStr;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::limits;

pub use self::fold::fold;
pub use self::words::{for_each_index_word, query_words};

/// The stored form of a title, an author or a topic: in NFC, without surrounding whitespace.
pub fn normalize_name(name: ArcStr) -> ArcStr {
    let trimmed = name.trim();
    match trimmed.is_ascii() || is_nfc(trimmed) {
        true if trimmed.len() == name.len() => name,
        true => trimmed.into(),
        false => trimmed.nfc().collect::<String>().into(),
    }
}

/// The error of an empty name.
pub const EMPTY_NAME: &str = "expected a text, found nothing";

/// Checks a title, an author or a topic: not empty, bounded, trimmed, without control characters.
///
/// # Errors
/// States what was expected and found.
pub fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err(EMPTY_NAME.to_owned());
    }
    if name.len() > limits::NAME_BYTES_MAX {
        return Err(format!(
            "expected at most {} bytes, found {}",
            limits::NAME_BYTES_MAX,
            name.len()
        ));
    }
    if let Some(control) = name.chars().find(|c| c.is_control()) {
        let hint = match control {
            '\u{80}'..='\u{9f}' => ", a sign of Windows-1252 that was converted as ISO-8859-1",
            _ => "",
        };
        return Err(format!(
            "expected no control characters, found U+{:04X}{hint}",
            u32::from(control)
        ));
    }
    if name.trim() != name {
        return Err("expected no blanks around the text".to_owned());
    }
    Ok(())
}

/// Makes untrusted text safe to display, so that it cannot control the terminal or reverse the direction of a line. Replaces
/// tabs and line breaks by spaces, and control characters and bidirectional controls (Unicode TR9) by the visible U+FFFD.
pub fn sanitize(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| replacement(c).is_none()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| replacement(c).unwrap_or(c)).collect())
}

fn replacement(c: char) -> Option<char> {
    match c {
        '\t' | '\n' | '\r' | '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => Some(char::REPLACEMENT_CHARACTER),
        '\u{061C}'
        | '\u{200B}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}'
        | '\u{FEFF}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_in_nfc_without_whitespace_around_it() {
        assert_eq!(normalize_name(" cafe\u{301}\u{A0}".into()), "café");
        assert_eq!(normalize_name("戰爭與和平 ".into()), "戰爭與和平");
    }

    #[test]
    fn control_characters_and_bidirectional_controls_are_replaced() {
        assert_eq!(sanitize("\u{1b}[2Jgone\u{7}"), "\u{fffd}[2Jgone\u{fffd}");
        assert_eq!(sanitize("a\u{202e}b\u{9b}31m"), "a\u{fffd}b\u{fffd}31m");
        assert_eq!(sanitize("two\r\nlines"), "two  lines");
    }

    #[test]
    fn a_harmless_text_is_unchanged() {
        let title = "Война и мир — 戰爭與和平";
        assert!(matches!(sanitize(title), Cow::Borrowed(same) if same == title));
    }
}
