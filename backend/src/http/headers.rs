//! Parsed names of header fields, because every purchase looks some up, and their short values.

use std::time::Duration;

use common::{Epoch, Position, headers};
use http::{HeaderName, HeaderValue};

pub(super) static ACCEL_BUFFERING: HeaderName = HeaderName::from_static(headers::ACCEL_BUFFERING);
pub(super) static CACHE_STATUS: HeaderName = HeaderName::from_static(headers::CACHE_STATUS);
pub(super) static DEADLINE: HeaderName = HeaderName::from_static(headers::DEADLINE);
pub(super) static DEPRECATION: HeaderName = HeaderName::from_static(headers::DEPRECATION);
/// The relation of a browser's page to the requested site (Fetch Metadata).
pub(super) static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
pub(super) static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) static HOPS: HeaderName = HeaderName::from_static(headers::HOPS);
pub(super) static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(headers::IDEMPOTENCY_KEY);
pub(super) static IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static(headers::IDEMPOTENCY_REPLAYED);
pub(super) static LAST_EVENT_ID: HeaderName = HeaderName::from_static(headers::LAST_EVENT_ID);
pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static(headers::REQUEST_ID);
/// The durations of parts of a request (W3C Server Timing).
pub(super) static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(super) static SERVICE_TOKEN: HeaderName = HeaderName::from_static(headers::SERVICE_TOKEN);
pub(super) static SEQ: HeaderName = HeaderName::from_static(headers::SEQ);
pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static(headers::TRACEPARENT);

/// The longest value that [`value`] makes, in bytes.
const VALUE_BYTES_MAX: usize = 64;

/// A position in quotes, as an entity tag.
pub(super) fn entity_tag(position: Position) -> Option<HeaderValue> {
    quoted(position, "\"")
}

/// A position as the value of `Bookstore-Seq`.
pub(super) fn seq(position: Position) -> Option<HeaderValue> {
    quoted(position, "")
}

fn quoted(position: Position, quote: &str) -> Option<HeaderValue> {
    let (mut seq, mut epoch) = (itoa::Buffer::new(), itoa::Buffer::new());
    let seq = seq.format(position.seq.0);
    match position.epoch {
        Epoch::FIRST => value([quote, seq, quote]),
        Epoch(number) => value([quote, seq, ".", epoch.format(number), quote]),
    }
}

/// The duration of a part of a request as the value of `Server-Timing`: in milliseconds with three decimals.
pub(super) fn timing(part: &str, took: Duration) -> Option<HeaderValue> {
    const ZEROS: &str = "000";
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let (mut whole, mut rest) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (whole, rest) = (whole.format(us / 1_000), rest.format(us % 1_000));
    let zeros = ZEROS.get(rest.len()..).unwrap_or_default();
    value([part, ";dur=", whole, ".", zeros, rest])
}

/// A short value joined from parts without an intermediate string, because every response has one. `None` if it is too long or
/// invalid in a header field.
pub(super) fn value<const N: usize>(parts: [&str; N]) -> Option<HeaderValue> {
    let (mut bytes, mut length) = ([0; VALUE_BYTES_MAX], 0);
    for part in parts {
        let end = length + part.len();
        bytes.get_mut(length..end)?.copy_from_slice(part.as_bytes());
        length = end;
    }
    HeaderValue::from_bytes(bytes.get(..length)?).ok()
}
