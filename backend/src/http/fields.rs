//! The header fields that most responses have.
//!
//! Responses of one kind have the same names. Each thread keeps a map for each kind and clones it: hashing and inserting
//! seven names costs more than finding the response to a read in the cache.

use std::cell::RefCell;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

use super::headers;

static NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
static NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The fields of one response. Those behind a reference are the same for all responses of a kind.
pub(super) struct Fields {
    pub(super) request_id: HeaderValue,
    pub(super) seq: Option<HeaderValue>,
    pub(super) etag: Option<HeaderValue>,
    pub(super) media_type: Option<&'static HeaderValue>,
    pub(super) cache_status: Option<&'static HeaderValue>,
}

/// What the map of a response is cloned from.
struct Template {
    has_seq: bool,
    has_etag: bool,
    media_type: Option<&'static HeaderValue>,
    cache_status: Option<&'static HeaderValue>,
    /// The values that differ between two responses come first, in the order in which [`Fields::into_map`] replaces them.
    map: HeaderMap,
}

thread_local! {
    /// One for each kind that the thread has answered with; the program has less than sixty.
    static TEMPLATES: RefCell<Vec<Template>> = const { RefCell::new(Vec::new()) };
}

impl Fields {
    pub(super) fn into_map(self) -> HeaderMap {
        let mut map = TEMPLATES.with_borrow_mut(|templates| match templates.iter().find(|known| known.fits(&self)) {
            Some(known) => known.map.clone(),
            None => {
                let template = Template::new(&self);
                let map = template.map.clone();
                templates.push(template);
                map
            }
        });
        let varying = [Some(self.request_id), self.seq, self.etag];
        for (place, value) in map.values_mut().zip(varying.into_iter().flatten()) {
            *place = value;
        }
        map
    }
}

impl Template {
    fn new(fields: &Fields) -> Self {
        let mut map = HeaderMap::new();
        map.insert(&headers::REQUEST_ID, fields.request_id.clone());
        if let Some(seq) = &fields.seq {
            map.insert(&headers::SEQ, seq.clone());
        }
        if let Some(etag) = &fields.etag {
            map.insert(ETAG, etag.clone());
            map.insert(CACHE_CONTROL, NO_CACHE.clone());
        }
        if let Some(media_type) = fields.media_type {
            map.insert(CONTENT_TYPE, media_type.clone());
        }
        if let Some(cache_status) = fields.cache_status {
            map.insert(&headers::CACHE_STATUS, cache_status.clone());
        }
        // A browser must not take what it asked for as a script or a page for one.
        map.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF.clone());
        Self {
            has_seq: fields.seq.is_some(),
            has_etag: fields.etag.is_some(),
            media_type: fields.media_type,
            cache_status: fields.cache_status,
            map,
        }
    }

    fn fits(&self, fields: &Fields) -> bool {
        self.has_seq == fields.seq.is_some()
            && self.has_etag == fields.etag.is_some()
            && is_same(self.media_type, fields.media_type)
            && is_same(self.cache_status, fields.cache_status)
    }
}

/// Whether both are the same constant.
fn is_same(one: Option<&'static HeaderValue>, other: Option<&'static HeaderValue>) -> bool {
    one.map(std::ptr::from_ref) == other.map(std::ptr::from_ref)
}

#[cfg(test)]
mod tests {
    use super::*;

    static JSON: HeaderValue = HeaderValue::from_static("application/json");
    static HIT: HeaderValue = HeaderValue::from_static("bookstore; hit");

    /// Every response of a kind but the first is made of a clone.
    #[test]
    fn each_response_of_a_kind_has_its_own_values() {
        let number = |number: u64| HeaderValue::from(number);
        for (has_seq, has_etag) in [(true, true), (true, false), (false, true), (false, false)] {
            for (media_type, cache_status) in [
                (Some(&JSON), Some(&HIT)),
                (Some(&JSON), None),
                (None, Some(&HIT)),
                (None, None),
            ] {
                for n in 1..=3 {
                    let map = Fields {
                        request_id: number(n),
                        seq: has_seq.then(|| number(10 + n)),
                        etag: has_etag.then(|| number(20 + n)),
                        media_type,
                        cache_status,
                    }
                    .into_map();
                    assert_eq!(map.get(&headers::REQUEST_ID), Some(&number(n)));
                    assert_eq!(map.get(&headers::SEQ), has_seq.then(|| number(10 + n)).as_ref());
                    assert_eq!(map.get(ETAG), has_etag.then(|| number(20 + n)).as_ref());
                    assert_eq!(map.get(CACHE_CONTROL), has_etag.then_some(&NO_CACHE));
                    assert_eq!(map.get(CONTENT_TYPE), media_type);
                    assert_eq!(map.get(&headers::CACHE_STATUS), cache_status);
                    assert_eq!(map.get(X_CONTENT_TYPE_OPTIONS), Some(&NOSNIFF));
                }
            }
        }
    }
}
