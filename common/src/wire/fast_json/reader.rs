//! A parser of JSON in one layout. It returns `None` for any other layout.

use std::borrow::Cow;

/// The unread rest of a text.
#[derive(Debug)]
pub struct JsonReader<'a>(&'a str);

impl<'a> JsonReader<'a> {
    pub(in crate::wire) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(in crate::wire) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `byte` is the next one.
    #[inline]
    pub(super) fn is_at(&self, byte: u8) -> bool {
        self.0.as_bytes().first() == Some(&byte)
    }

    pub(super) fn remaining_bytes(&self) -> usize {
        self.0.len()
    }

    /// Skips `expected`. Inlined, so that a constant text is compared in a few instructions.
    #[inline]
    pub(in crate::wire) fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Reads a string without escapes; returns it without quotes.
    #[inline]
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let inner = self.0.strip_prefix('"')?;
        let end = memchr::memchr2(b'"', b'\\', inner.as_bytes())?;
        let word = inner.get(..end)?;
        self.0 = inner.get(end..)?.strip_prefix('"')?;
        Some(word)
    }

    /// Reads a string that may have escapes.
    pub(super) fn string(&mut self) -> Option<Cow<'a, str>> {
        let text: &'a str = self.0;
        let inner = text.strip_prefix('"')?.as_bytes();
        let mut end = memchr::memchr2(b'"', b'\\', inner)?;
        while inner.get(end) == Some(&b'\\') {
            end += 2;
            end += memchr::memchr2(b'"', b'\\', inner.get(end..)?)?;
        }
        let (quoted, rest) = text.split_at_checked(end + 2)?;
        self.0 = rest;
        let plain = quoted.get(1..=end)?;
        match plain.bytes().any(|byte| byte == b'\\' || byte < b' ') {
            true => serde_json::from_str(quoted).ok().map(Cow::Owned),
            false => Some(Cow::Borrowed(plain)),
        }
    }

    /// Reads a whole number without leading zeros.
    pub(super) fn number(&mut self) -> Option<u64> {
        let bytes = self.0.as_bytes();
        let (mut number, mut digits) = (0_u64, 0);
        while let Some(byte @ b'0'..=b'9') = bytes.get(digits) {
            number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
            digits += 1;
        }
        if digits == 0 || (digits > 1 && bytes.first() == Some(&b'0')) {
            return None;
        }
        self.0 = self.0.get(digits..)?;
        Some(number)
    }

    /// Reads a whole number with an optional minus sign.
    pub(super) fn signed(&mut self) -> Option<i64> {
        let is_negative = self.skip("-").is_some();
        let magnitude = i64::try_from(self.number()?).ok()?;
        match (is_negative, magnitude) {
            // `serde_json` parses `-0` as a floating-point number.
            (true, 0) => None,
            (true, magnitude) => Some(-magnitude),
            (false, magnitude) => Some(magnitude),
        }
    }
}
