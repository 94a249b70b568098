//! What a handler returns, and the one place where it becomes an HTTP response.

use bytes::Bytes;
use common::problem::MEDIA_TYPE;
use common::{ArcStr, Code, Position, Problem};
use http::StatusCode;
use http::header::{
    AGE, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, IntoHeaderName, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;
use warp::reply::Reply;

use super::event_stream::FrameStream;
use super::headers;
use super::request::Head;

/// The web framework's response.
pub(super) type WarpResponse = warp::reply::Response;

/// What a handler returns.
pub(crate) type ApiResult = Result<Response, ApiError>;

/// Since when the original design's `GET` form of a purchase is deprecated (RFC 9745): 2026-01-01.
const DEPRECATED_SINCE: &str = "@1767225600";

/// The header fields of most responses; a map with room for them is not enlarged field by field.
const FIELDS_TYPICAL: usize = 8;

/// A response without the header fields that the dispatcher adds.
#[derive(Debug)]
#[must_use]
pub(crate) struct Response(WarpResponse);

impl Response {
    /// A JSON document.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        // The wire types are plain structs with string keys: serializing them cannot fail.
        Self::json_bytes(serde_json::to_vec(value).unwrap_or_default())
    }

    /// A JSON document that is serialized already.
    pub(crate) fn json_bytes(json: impl Into<Bytes>) -> Self {
        Self::new(json.into(), "application/json")
    }

    /// Plain text in the format of Prometheus.
    pub(super) fn metrics(text: String) -> Self {
        Self::new(text.into(), "text/plain; version=0.0.4; charset=utf-8")
    }

    /// A stream of server-sent events.
    pub(crate) fn events(frames: FrameStream) -> Self {
        Self(warp::reply::stream(frames.into_bytes()).into_response())
            .with(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))
            .with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            // nginx buffers a proxied response unless it carries this field.
            .with(&headers::ACCEL_BUFFERING, HeaderValue::from_static("no"))
    }

    /// 405, with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        Self::from(Problem::new(Code::MethodNotAllowed, format!("Use {allow} here."))).with_text(ALLOW, allow)
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        let mut response = WarpResponse::new(Bytes::new().into());
        *response.status_mut() = status;
        Self(response)
    }

    fn new(body: Bytes, media_type: &'static str) -> Self {
        let mut response = WarpResponse::new(body.into());
        response.headers_mut().reserve(FIELDS_TYPICAL);
        Self(response).with(CONTENT_TYPE, HeaderValue::from_static(media_type))
    }

    /// The same body with 503, for a document that says itself what is missing.
    pub(super) fn into_unavailable(mut self) -> Self {
        *self.0.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        self.with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Closes the connection after the response.
    pub(super) fn with_connection_close(self) -> Self {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    fn with(mut self, name: impl IntoHeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }

    /// Sets a header field, which is left out if the text is not valid in one.
    fn with_text(self, name: impl IntoHeaderName, text: String) -> Self {
        match HeaderValue::try_from(text) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// Sets `Bookstore-Seq`: the entry of the state it was read from; without one it is the newest entry known.
    pub(crate) fn with_seq(self, position: Option<Position>) -> Self {
        match position.and_then(|position| headers::position("", position)) {
            Some(value) => self.with(&headers::SEQ, value),
            None => self,
        }
    }

    /// Sets the entity tag: the entry of the last change.
    pub(crate) fn with_etag(self, position: impl Into<Option<Position>>) -> Self {
        match position.into().and_then(|position| headers::position("\"", position)) {
            Some(tag) => self
                .with(ETAG, tag)
                .with(CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            None => self,
        }
    }

    /// Sets `Idempotency-Replayed` if the response repeats an earlier decision.
    pub(crate) fn with_replayed(self, replayed: bool) -> Self {
        if replayed {
            self.with(&headers::IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"))
        } else {
            self
        }
    }

    /// Sets `Cache-Status` (RFC 9211): a hit, with `Age` (RFC 9111, 5.1) if it may be stale.
    pub(crate) fn with_cache_hit(self, age_s: Option<u64>) -> Self {
        match age_s {
            None => self.with(&headers::CACHE_STATUS, HeaderValue::from_static("bookstore; hit")),
            Some(age_s) => self
                .with_text(&headers::CACHE_STATUS, format!("bookstore; hit; ttl=-{age_s}"))
                .with(AGE, HeaderValue::from(age_s)),
        }
    }

    /// Sets `Cache-Status`: a miss.
    pub(crate) fn with_cache_miss(self) -> Self {
        self.with(&headers::CACHE_STATUS, HeaderValue::from_static("bookstore; fwd=miss"))
    }

    pub(crate) fn with_deprecation(self) -> Self {
        self.with(&headers::DEPRECATION, HeaderValue::from_static(DEPRECATED_SINCE))
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// The whole response to a request.
    pub(super) fn finish(self, request: &Head, newest_seq: impl FnOnce() -> Option<Position>) -> WarpResponse {
        let response = if self.0.headers().contains_key(&headers::SEQ) {
            self
        } else {
            self.with_seq(newest_seq())
        };
        let Self(mut response) = response
            .with(&headers::REQUEST_ID, request.request_id.clone())
            // A browser must not take what it asked for as a script or a page for one.
            .with(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if request.headers.contains_key(IF_NONE_MATCH)
            && let Some(etag) = response.headers().get(ETAG)
            && let mut lists = request.headers.get_all(IF_NONE_MATCH).iter()
            && lists.any(|list| matches(list.to_str().unwrap_or_default(), etag))
        {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Default::default();
        }
        response
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let json = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = Self::new(json.into(), MEDIA_TYPE);
        *response.0.status_mut() =
            StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match problem.code {
            Code::Unauthorized => {
                response.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bookstore\""))
            }
            Code::TooManyRequests | Code::Unavailable => response.with(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => response,
        }
    }
}

/// A problem without header fields of its own, boxed because it is large.
#[derive(Debug)]
pub(crate) struct ApiError(Box<Problem>);

impl ApiError {
    pub(crate) fn new(code: Code, detail: impl Into<ArcStr>) -> Self {
        Problem::new(code, detail).into()
    }

    /// 400, with what was expected.
    pub(crate) fn invalid(detail: impl Into<ArcStr>) -> Self {
        Self::new(Code::InvalidRequest, detail)
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem))
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        (*error.0).into()
    }
}

/// Whether an `If-None-Match` list names the tag; weak tags compare equal to strong ones (RFC 9110, 13.1.2).
fn matches(list: &str, tag: &HeaderValue) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|listed| listed == "*" || tag == listed.strip_prefix("W/").unwrap_or(listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_finds_a_tag_weak_or_strong_or_by_the_star() {
        let tag = HeaderValue::from_static("\"5\"");
        for list in ["\"5\"", "W/\"5\"", "\"4\", \"5\"", "*"] {
            assert!(matches(list, &tag), "{list}");
        }
        for list in ["", "\"55\"", "5", "\"4\""] {
            assert!(!matches(list, &tag), "{list}");
        }
    }
}
