//! The header fields of a request.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a request, with a 64-bit filter of their names: it answers most lookups of missing fields without hashing.
#[derive(Debug)]
pub(super) struct RequestFields {
    map: HeaderMap,
    /// The union of the names' [`bit`]s.
    bits: u64,
}

impl RequestFields {
    pub(super) fn new(map: HeaderMap) -> Self {
        let bits = map.keys().fold(0, |bits, name| bits | bit(name));
        Self { map, bits }
    }

    /// All lines of a field.
    pub(super) fn values<'a>(
        &'a self,
        name: &HeaderName,
    ) -> impl DoubleEndedIterator<Item = &'a HeaderValue> + use<'a> {
        let may_exist = self.bits & bit(name) != 0;
        let values = may_exist.then(|| self.map.get_all(name));
        values.into_iter().flatten()
    }

    /// The first line of a field.
    pub(super) fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        let may_exist = self.bits & bit(name) != 0;
        may_exist.then(|| self.map.get(name)).flatten()
    }
}

/// The value as text; empty if it is not ASCII.
pub(super) fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// The bit of a name in the filter, from its length and first byte.
fn bit(name: &HeaderName) -> u64 {
    let name = name.as_str().as_bytes();
    let first = name.first().copied().unwrap_or_default();
    1 << ((name.len() + usize::from(first)) % 64)
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, HOST, TE, VIA};

    use super::*;

    #[test]
    fn every_line_of_a_field_is_found_and_no_missing_one() {
        let value = HeaderValue::from_static;
        let map = HeaderMap::from_iter([(HOST, value("a")), (TE, value("x")), (HOST, value("b"))]);
        let fields = RequestFields::new(map);
        assert_eq!(Vec::from_iter(fields.values(&HOST)), ["a", "b"]);
        assert_eq!(fields.get(&HOST), Some(&value("a")));
        for name in [CONTENT_TYPE, VIA] {
            assert_eq!((fields.get(&name), fields.values(&name).next()), (None, None), "{name}");
        }
    }
}
