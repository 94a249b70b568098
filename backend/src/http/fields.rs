//! The header fields that most responses have.
//!
//! Responses of one kind have the same names. Each thread keeps a map for each kind and clones it: hashing and inserting
//! seven names costs more than finding the response to a read in the cache.

use std::cell::RefCell;

use common::Position;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use super::headers;

/// The placeholder in a template for a value that differs between responses.
static OWN: HeaderValue = HeaderValue::from_static("");
static NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
static NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The fields of one response. Values behind a reference are equal for all responses of a kind.
pub(super) struct Fields {
    pub(super) request_id: HeaderValue,
    pub(super) server_timing: Option<HeaderValue>,
    pub(super) seq: Option<Position>,
    pub(super) etag: Option<Position>,
    pub(super) media_type: Option<&'static HeaderValue>,
    pub(super) cache_status: Option<&'static HeaderValue>,
}

/// The map that is cloned for each response of a kind. It keeps the positions of the last response, which most responses
/// between two changes of the shop share.
struct Template {
    has_server_timing: bool,
    seq: Option<Position>,
    etag: Option<Position>,
    media_type: Option<&'static HeaderValue>,
    cache_status: Option<&'static HeaderValue>,
    /// Placeholders come first, in the order in which [`Fields::into_map`] replaces them.
    map: HeaderMap,
}

thread_local! {
    /// One template for each kind of response that the thread has sent; the program has fewer than sixty kinds.
    static TEMPLATES: RefCell<Vec<Template>> = const { RefCell::new(Vec::new()) };
}

impl Fields {
    pub(super) fn into_map(self) -> HeaderMap {
        let mut map =
            TEMPLATES.with_borrow_mut(|templates| match templates.iter_mut().find(|known| known.fits(&self)) {
                Some(known) => known.map_at(self.seq, self.etag),
                None => {
                    let mut template = Template::new(&self);
                    let map = template.map_at(self.seq, self.etag);
                    templates.push(template);
                    map
                }
            });
        let own = [Some(self.request_id), self.server_timing];
        for (place, value) in map.values_mut().zip(own.into_iter().flatten()) {
            *place = value;
        }
        map
    }
}

impl Template {
    fn new(fields: &Fields) -> Self {
        let mut map = HeaderMap::new();
        map.insert(&headers::REQUEST_ID, OWN.clone());
        if fields.server_timing.is_some() {
            map.insert(&headers::SERVER_TIMING, OWN.clone());
        }
        if fields.seq.is_some() {
            map.insert(&headers::SEQ, OWN.clone());
        }
        if fields.etag.is_some() {
            map.insert(ETAG, OWN.clone());
            map.insert(CACHE_CONTROL, NO_CACHE.clone());
        }
        if let Some(media_type) = fields.media_type {
            map.insert(CONTENT_TYPE, media_type.clone());
        }
        if let Some(cache_status) = fields.cache_status {
            map.insert(&headers::CACHE_STATUS, cache_status.clone());
        }
        // Stop browsers from guessing that a body is a script or a page.
        map.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF.clone());
        Self {
            has_server_timing: fields.server_timing.is_some(),
            seq: None,
            etag: None,
            media_type: fields.media_type,
            cache_status: fields.cache_status,
            map,
        }
    }

    fn fits(&self, fields: &Fields) -> bool {
        self.has_server_timing == fields.server_timing.is_some()
            && self.seq.is_some() == fields.seq.is_some()
            && self.etag.is_some() == fields.etag.is_some()
            && is_same(self.media_type, fields.media_type)
            && is_same(self.cache_status, fields.cache_status)
    }

    /// A clone of the map with these positions.
    fn map_at(&mut self, seq: Option<Position>, etag: Option<Position>) -> HeaderMap {
        if self.seq != seq {
            self.seq = seq;
            if let Some(value) = seq.and_then(headers::seq) {
                self.map.insert(&headers::SEQ, value);
            }
        }
        if self.etag != etag {
            self.etag = etag;
            if let Some(value) = etag.and_then(headers::entity_tag) {
                self.map.insert(ETAG, value);
            }
        }
        self.map.clone()
    }
}

/// Whether both are the same constant.
fn is_same(one: Option<&'static HeaderValue>, other: Option<&'static HeaderValue>) -> bool {
    one.map(std::ptr::from_ref) == other.map(std::ptr::from_ref)
}

#[cfg(test)]
mod tests {
    use common::Seq;

    use super::*;

    static JSON: HeaderValue = HeaderValue::from_static("application/json");
    static HIT: HeaderValue = HeaderValue::from_static("bookstore; hit");

    /// Every response of a kind except the first is a clone.
    #[test]
    fn each_response_of_a_kind_has_its_own_values() {
        let number = |number: u64| HeaderValue::from(number);
        for flags in 0..8 {
            let [has_timing, has_seq, has_etag] = [1, 2, 4].map(|flag| flags & flag != 0);
            for (media_type, cache_status) in [
                (Some(&JSON), Some(&HIT)),
                (Some(&JSON), None),
                (None, Some(&HIT)),
                (None, None),
            ] {
                for n in 1..=4 {
                    let position = |seq| Position::from(Seq(seq));
                    let map = Fields {
                        request_id: number(n),
                        server_timing: has_timing.then(|| number(10 + n)),
                        // Two consecutive responses share a position.
                        seq: has_seq.then(|| position(20 + n / 2)),
                        etag: has_etag.then(|| position(30 + n / 2)),
                        media_type,
                        cache_status,
                    }
                    .into_map();
                    assert_eq!(map.get(&headers::REQUEST_ID), Some(&number(n)));
                    let timing = map.get(&headers::SERVER_TIMING);
                    assert_eq!(timing, has_timing.then(|| number(10 + n)).as_ref());
                    let seq = has_seq.then(|| number(20 + n / 2));
                    assert_eq!(map.get(&headers::SEQ), seq.as_ref());
                    let etag = has_etag.then(|| format!("\"{}\"", 30 + n / 2));
                    assert_eq!(map.get(ETAG).and_then(|etag| etag.to_str().ok()), etag.as_deref());
                    assert_eq!(map.get(CACHE_CONTROL), has_etag.then_some(&NO_CACHE));
                    assert_eq!(map.get(CONTENT_TYPE), media_type);
                    assert_eq!(map.get(&headers::CACHE_STATUS), cache_status);
                    assert_eq!(map.get(X_CONTENT_TYPE_OPTIONS), Some(&NOSNIFF));
                }
            }
        }
    }
}
