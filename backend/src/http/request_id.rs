//! `X-Request-Id`: the client's, or a new one.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use super::headers;

/// The longest id that is accepted from a client, in bytes.
const BYTES_MAX: usize = 128;

/// The part of an id that differs between processes; a counter distinguishes the requests of one process.
static PREFIX: LazyLock<String> = LazyLock::new(|| format!("{:08x}-", rand::random::<u32>()));
static NEXT: AtomicU64 = AtomicU64::new(1);

/// The id of a request: the client's, if it is 1 to 128 visible ASCII characters.
pub(super) fn of(given: Option<&HeaderValue>) -> HeaderValue {
    given.filter(|id| is_valid(id.as_bytes())).cloned().unwrap_or_else(new)
}

fn is_valid(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn new() -> HeaderValue {
    let mut decimal = itoa::Buffer::new();
    let number = decimal.format(NEXT.fetch_add(1, Ordering::Relaxed));
    headers::value([PREFIX.as_str(), number]).unwrap_or(const { HeaderValue::from_static("-") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_id_is_kept_and_anything_else_gets_a_new_one() {
        let of_value = |value: &[u8]| of(Some(&HeaderValue::from_bytes(value).unwrap()));
        let longest = [b'x'; BYTES_MAX];
        for valid in [b"a".as_slice(), b"!~", &longest] {
            assert_eq!(of_value(valid), HeaderValue::from_bytes(valid).unwrap());
        }
        for invalid in [b"".as_slice(), b"a b", b"a\tb", "é".as_bytes(), &[b'x'; BYTES_MAX + 1]] {
            assert_ne!(of_value(invalid), HeaderValue::from_bytes(invalid).unwrap());
        }
        let (first, second) = (of(None), of(None));
        assert_ne!(first, second);
        assert!(is_valid(first.as_bytes()), "{first:?}");
        assert!(first.as_bytes().starts_with(PREFIX.as_bytes()) && first.len() > PREFIX.len());
    }
}
