//! What a handler returns, and the one place where it becomes an HTTP response.

use std::borrow::Cow;

use bytes::Bytes;
use common::problem::MEDIA_TYPE;
use common::{Code, Problem, Seq};
use http::header::{AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use warp::reply::Reply;

use super::event_stream::FrameStream;
use super::headers;

/// The web framework's response.
pub(super) type WarpResponse = warp::reply::Response;

/// What a handler returns.
pub type ApiResult = Result<Response, ApiError>;

/// Since when the original design's `GET` form of a purchase is deprecated (RFC 9745): 2026-01-01.
const DEPRECATED_SINCE: &str = "@1767225600";

/// What successes and errors have in common.
#[derive(Debug, Default)]
struct Metadata {
    seq: Option<Seq>,
    replayed: bool,
    deprecated: bool,
}

impl Metadata {
    fn write(self, fields: &mut HeaderMap, head: Option<Seq>) {
        if let Some(seq) = self.seq.or(head) {
            fields.insert(&headers::SEQ, HeaderValue::from(seq.0));
        }
        if self.replayed {
            fields.insert(&headers::IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        if self.deprecated {
            fields.insert(&headers::DEPRECATION, HeaderValue::from_static(DEPRECATED_SINCE));
        }
    }
}

/// A success.
#[derive(Debug)]
pub struct Response {
    body: Body,
    metadata: Metadata,
    etag: Option<Seq>,
    cache_status: Option<Cow<'static, str>>,
    age_s: Option<u64>,
}

#[derive(Debug)]
enum Body {
    Json(Bytes),
    Text(Bytes),
    Events(FrameStream),
}

impl Response {
    /// A JSON document.
    pub fn json(value: &impl Serialize) -> Self {
        // The wire types are plain structs with string keys: serializing them cannot fail.
        Self::json_bytes(serde_json::to_vec(value).unwrap_or_default())
    }

    /// A JSON document that is serialized already.
    pub fn json_bytes(json: impl Into<Bytes>) -> Self {
        Self::new(Body::Json(json.into()))
    }

    /// Plain text in the format of Prometheus.
    pub fn metrics(text: String) -> Self {
        Self::new(Body::Text(text.into()))
    }

    /// A stream of server-sent events.
    pub fn events(frames: FrameStream) -> Self {
        Self::new(Body::Events(frames))
    }

    fn new(body: Body) -> Self {
        Self {
            body,
            metadata: Metadata::default(),
            etag: None,
            cache_status: None,
            age_s: None,
        }
    }

    /// Sets `Bookstore-Seq`: the entry of the state it was read from.
    #[must_use]
    pub fn with_seq(mut self, seq: Option<Seq>) -> Self {
        self.metadata.seq = seq;
        self
    }

    /// Sets the entity tag: the entry of the last change.
    #[must_use]
    pub fn with_etag(mut self, seq: Seq) -> Self {
        self.etag = Some(seq);
        self
    }

    /// Sets `Idempotency-Replayed`: the response repeats an earlier decision.
    #[must_use]
    pub fn with_replayed(mut self, replayed: bool) -> Self {
        self.metadata.replayed = replayed;
        self
    }

    /// Sets `Cache-Status` (RFC 9211), like `bookstore; hit`.
    #[must_use]
    pub fn with_cache_status(mut self, status: impl Into<Cow<'static, str>>) -> Self {
        self.cache_status = Some(status.into());
        self
    }

    /// Sets `Age` (RFC 9111, 5.1) in seconds.
    #[must_use]
    pub fn with_age_s(mut self, age_s: u64) -> Self {
        self.age_s = Some(age_s);
        self
    }

    /// Sets `Deprecation`.
    #[must_use]
    pub fn with_deprecation(mut self) -> Self {
        self.metadata.deprecated = true;
        self
    }

    pub(super) fn into_response(self, if_none_match: Option<&str>, head: Option<Seq>) -> WarpResponse {
        let etag = self.etag.map(|seq| format!("\"{seq}\""));
        let is_unchanged = etag
            .as_deref()
            .is_some_and(|etag| if_none_match.is_some_and(|list| matches(list, etag)));
        let mut response = if is_unchanged {
            StatusCode::NOT_MODIFIED.into_response()
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
                    fields.insert(&headers::ACCEL_BUFFERING, HeaderValue::from_static("no"));
                    response
                }
            }
        };
        let fields = response.headers_mut();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::try_from(etag).ok()) {
            fields.insert(ETAG, etag);
            fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let cache_status = match self.cache_status {
            Some(Cow::Borrowed(status)) => Some(HeaderValue::from_static(status)),
            Some(Cow::Owned(status)) => HeaderValue::try_from(status).ok(),
            None => None,
        };
        if let Some(status) = cache_status {
            fields.insert(&headers::CACHE_STATUS, status);
        }
        if let Some(age_s) = self.age_s {
            fields.insert(AGE, HeaderValue::from(age_s));
        }
        self.metadata.write(fields, head);
        response
    }
}

/// An error: a problem document, and the header fields beside it.
#[derive(Debug)]
pub struct ApiError {
    problem: Box<Problem>,
    metadata: Metadata,
    allow: Option<String>,
}

impl ApiError {
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
        let mut error = Self::new(Code::MethodNotAllowed, format!("Use {allow} here."));
        error.allow = Some(allow);
        error
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.problem.code
    }

    /// See [`Response::with_seq`].
    #[must_use]
    pub fn with_seq(mut self, seq: Option<Seq>) -> Self {
        self.metadata.seq = seq;
        self
    }

    /// See [`Response::with_replayed`].
    #[must_use]
    pub fn with_replayed(mut self, replayed: bool) -> Self {
        self.metadata.replayed = replayed;
        self
    }

    /// See [`Response::with_deprecation`].
    #[must_use]
    pub fn with_deprecation(mut self) -> Self {
        self.metadata.deprecated = true;
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
        self.metadata.write(fields, head);
        response
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            metadata: Metadata::default(),
            allow: None,
        }
    }
}

fn with_body(body: Bytes, media_type: &'static str) -> WarpResponse {
    let mut response = WarpResponse::new(body.into());
    let media_type = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
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
    fn if_none_match_finds_a_tag_weak_or_strong_or_by_the_star() {
        for list in ["\"5\"", "W/\"5\"", "\"4\", \"5\"", "*"] {
            assert!(matches(list, "\"5\""), "{list}");
        }
        for list in ["", "\"55\"", "5", "\"4\""] {
            assert!(!matches(list, "\"5\""), "{list}");
        }
    }
}
