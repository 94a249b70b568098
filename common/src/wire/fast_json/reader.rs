//! Reading what was written in the expected form, and giving up where it was not.

use super::FastJson;

/// What is still to be read of a text.
#[derive(Debug)]
pub struct JsonReader<'a>(&'a str);

impl<'a> JsonReader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    // Inlined, so that what is expected is compared as a word or two and not by a call.
    #[inline]
    pub(super) fn skip(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    #[inline]
    pub(super) fn skips(&mut self, expected: &str) -> bool {
        self.skip(expected).is_some()
    }

    /// Up to the quote that ends it; the one that begins it is read already.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let end = memchr::memchr2(b'"', b'\\', self.0.as_bytes())?;
        let word = self.0.get(..end)?;
        self.0 = self.0.get(end..)?.strip_prefix('"')?;
        Some(word)
    }

    pub(super) fn parsed<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.word()?.parse().ok()
    }

    /// A text that may need escapes, with both its quotes.
    pub(super) fn text(&mut self) -> Option<String> {
        let inner = self.0.strip_prefix('"')?.as_bytes();
        let mut end = memchr::memchr2(b'"', b'\\', inner)?;
        while inner.get(end) == Some(&b'\\') {
            end += 2;
            end += memchr::memchr2(b'"', b'\\', inner.get(end..)?)?;
        }
        let (text, rest) = self.0.split_at_checked(end + 2)?;
        self.0 = rest;
        let plain = text.get(1..=end)?;
        match plain.bytes().any(|byte| byte == b'\\' || byte < b' ') {
            true => serde_json::from_str(text).ok(),
            false => Some(plain.to_owned()),
        }
    }

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

    pub(super) fn count<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let is_negative = self.skips("-");
        let size = i64::try_from(self.number()?).ok()?;
        // JSON has a negative zero, which is no whole number to `serde_json`.
        match (is_negative, size) {
            (true, 0) => None,
            (true, size) => Some(-size),
            (false, size) => Some(size),
        }
    }

    pub(super) fn is(&mut self) -> Option<bool> {
        if self.skips("true") {
            return Some(true);
        }
        self.skip("false").map(|()| false)
    }

    /// A field that may be absent.
    #[inline]
    pub(super) fn maybe<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.skips(name) {
            read(self).map(Some)
        } else {
            Some(None)
        }
    }

    /// What stands between two brackets; the first one is read already.
    pub(super) fn list<T: FastJson>(&mut self) -> Option<Vec<T>> {
        let mut items = Vec::new();
        if self.skips("]") {
            return Some(items);
        }
        let bytes = self.0.len();
        loop {
            items.push(T::read_json(self)?);
            if !self.skips(",") {
                self.skip("]")?;
                return Some(items);
            }
            if items.len() == 1 {
                // The others are about as long as the first one.
                items.reserve(self.0.len() / (bytes - self.0.len()));
            }
        }
    }
}
