//! What a handler gives back, and the one place where it becomes an HTTP response.

use std::borrow::Cow;

use bytes::Bytes;
use common::problem::MEDIA_TYPE;
use common::{Code, Problem, Seq, headers};
use http::header::{
    AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use serde::Serialize;
use warp::reply::Reply;

use super::events::Frames;

/// What the web framework sends.
pub(super) type WarpResponse = warp::reply::Response;

/// What a handler gives back.
pub type Outcome = Result<Answer, Failure>;

/// The moment the original design's `GET` form of a purchase became outdated (RFC 9745), 2026-01-01.
const DEPRECATED_SINCE: &str = "@1767225600";

/// A success.
#[derive(Debug)]
pub struct Answer {
    body: Body,
    seq: Option<Seq>,
    etag: Option<Seq>,
    replayed: bool,
    cache: Option<Cow<'static, str>>,
    age_s: Option<u64>,
    deprecated: bool,
}

#[derive(Debug)]
enum Body {
    Json(Bytes),
    Text(Bytes),
    Events(Frames),
}

impl Answer {
    /// A JSON document.
    pub fn json(value: &impl Serialize) -> Self {
        // The wire types are plain structs with string keys: writing them cannot fail.
        Self::json_bytes(serde_json::to_vec(value).unwrap_or_default())
    }

    /// A JSON document that is written already.
    pub fn json_bytes(json: impl Into<Bytes>) -> Self {
        Self::new(Body::Json(json.into()))
    }

    /// Plain text in the format of Prometheus.
    pub fn metrics(text: String) -> Self {
        Self::new(Body::Text(text.into()))
    }

    /// A stream of server-sent events.
    pub fn events(frames: Frames) -> Self {
        Self::new(Body::Events(frames))
    }

    fn new(body: Body) -> Self {
        Self {
            body,
            seq: None,
            etag: None,
            replayed: false,
            cache: None,
            age_s: None,
            deprecated: false,
        }
    }

    /// Read from the state after that entry.
    #[must_use]
    pub fn at(mut self, seq: Option<Seq>) -> Self {
        self.seq = seq;
        self
    }

    /// Changed last by that entry, which makes its entity tag.
    #[must_use]
    pub fn tagged(mut self, seq: Seq) -> Self {
        self.etag = Some(seq);
        self
    }

    /// Repeats an earlier decision, or not.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }

    /// How a cache came by it (RFC 9211), like `bookstore; hit`.
    #[must_use]
    pub fn cached(mut self, status: impl Into<Cow<'static, str>>) -> Self {
        self.cache = Some(status.into());
        self
    }

    /// Kept for so long without word from where it came (RFC 9111, 5.1), in seconds.
    #[must_use]
    pub fn aged(mut self, age_s: u64) -> Self {
        self.age_s = Some(age_s);
        self
    }

    /// To a form of the request that is outdated.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    pub(super) fn into_response(self, if_none_match: Option<&str>, head: Option<Seq>) -> WarpResponse {
        let tag = self.etag.map(|seq| format!("\"{seq}\""));
        let unchanged = tag
            .as_deref()
            .is_some_and(|tag| if_none_match.is_some_and(|list| matches(list, tag)));
        let mut response = if unchanged {
            status_only(StatusCode::NOT_MODIFIED)
        } else {
            match self.body {
                Body::Json(json) => with_body(json, "application/json"),
                Body::Text(text) => with_body(text, "text/plain; version=0.0.4; charset=utf-8"),
                Body::Events(frames) => {
                    let mut response = warp::reply::stream(frames.into_bytes()).into_response();
                    let fields = response.headers_mut();
                    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
                    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                    // nginx buffers a proxied response unless it carries this field.
                    fields.insert(
                        HeaderName::from_static(headers::ACCEL_BUFFERING),
                        HeaderValue::from_static("no"),
                    );
                    response
                }
            }
        };
        let fields = response.headers_mut();
        if let Some(tag) = tag.and_then(|tag| HeaderValue::try_from(tag).ok()) {
            fields.insert(ETAG, tag);
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        if let Some(seq) = self.seq.or(head) {
            fields.insert(HeaderName::from_static(headers::SEQ), HeaderValue::from(seq.0));
        }
        if self.replayed {
            fields.insert(
                HeaderName::from_static(headers::IDEMPOTENCY_REPLAYED),
                HeaderValue::from_static("true"),
            );
        }
        if let Some(cache) = self.cache {
            let cache = match cache {
                Cow::Borrowed(cache) => Some(HeaderValue::from_static(cache)),
                Cow::Owned(cache) => HeaderValue::try_from(cache).ok(),
            };
            fields.extend(cache.map(|cache| (HeaderName::from_static(headers::CACHE_STATUS), cache)));
        }
        if let Some(age_s) = self.age_s {
            fields.insert(AGE, HeaderValue::from(age_s));
        }
        if self.deprecated {
            fields.insert(
                HeaderName::from_static(headers::DEPRECATION),
                HeaderValue::from_static(DEPRECATED_SINCE),
            );
        }
        response
    }
}

/// A failure: the problem, and what its answer carries beside it.
#[derive(Debug)]
pub struct Failure {
    problem: Box<Problem>,
    seq: Option<Seq>,
    replayed: bool,
    allow: Option<String>,
    deprecated: bool,
}

impl Failure {
    /// A problem with nothing but its code and a sentence.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// 400, with what was expected.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }

    /// 405, with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        let mut failure = Self::new(Code::MethodNotAllowed, format!("Use {allow} here."));
        failure.allow = Some(allow);
        failure
    }

    /// Read from the state after that entry.
    #[must_use]
    pub fn at(mut self, seq: Option<Seq>) -> Self {
        self.seq = seq;
        self
    }

    /// Repeats an earlier decision, or not.
    #[must_use]
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }

    /// Of a form of the request that is outdated.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    pub(super) fn into_response(self, head: Option<Seq>) -> WarpResponse {
        let code = self.problem.code;
        let mut response = with_body(serde_json::to_vec(&self.problem).unwrap_or_default().into(), MEDIA_TYPE);
        if let Ok(status) = StatusCode::from_u16(code.status()) {
            *response.status_mut() = status;
        }
        let fields = response.headers_mut();
        match code {
            Code::Unauthorized => {
                fields.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bookstore\""));
            }
            Code::TooManyRequests | Code::Unavailable => {
                fields.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            fields.insert(ALLOW, allow);
        }
        if let Some(seq) = self.seq.or(head) {
            fields.insert(HeaderName::from_static(headers::SEQ), HeaderValue::from(seq.0));
        }
        if self.replayed {
            fields.insert(
                HeaderName::from_static(headers::IDEMPOTENCY_REPLAYED),
                HeaderValue::from_static("true"),
            );
        }
        if self.deprecated {
            fields.insert(
                HeaderName::from_static(headers::DEPRECATION),
                HeaderValue::from_static(DEPRECATED_SINCE),
            );
        }
        response
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            seq: None,
            replayed: false,
            allow: None,
            deprecated: false,
        }
    }
}

fn with_body(body: Bytes, media_type: &'static str) -> WarpResponse {
    let mut response = Response::new(body.into());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn status_only(status: StatusCode) -> WarpResponse {
    status.into_response()
}

/// Whether an `If-None-Match` list names the tag; weak tags compare equal to strong ones (RFC 9110, 13.1.2).
fn matches(list: &str, tag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|listed| listed == "*" || listed.strip_prefix("W/").unwrap_or(listed) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_weak_or_strong_or_by_the_star() {
        for list in ["\"5\"", "W/\"5\"", "\"4\", \"5\"", "*"] {
            assert!(matches(list, "\"5\""), "{list}");
        }
        for list in ["", "\"55\"", "5", "\"4\""] {
            assert!(!matches(list, "\"5\""), "{list}");
        }
    }
}
