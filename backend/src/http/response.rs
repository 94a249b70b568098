//! What a handler returns, and how it becomes an HTTP response.
//!
//! Errors are problem details, with two exceptions: an unknown transfer encoding gets 501 without a body (`access.rs`), and a
//! message that cannot be parsed gets a bare status from hyper or from `connection.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::problem::MEDIA_TYPE;
use common::{ArcStr, Code, Position, Problem};
use http::header::{AGE, ALLOW, CACHE_CONTROL, CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use warp::reply::Reply;

use super::event_stream::FrameStream;
use super::fields::Fields;
use super::headers;
use super::request_head::RequestHead;

/// The web framework's response.
pub(super) type WarpResponse = warp::reply::Response;

/// What a handler returns.
pub(crate) type ApiResult = Result<Response, ApiError>;

// Statics are validated at compile time; `from_static` in a function would validate the text for every response.
static JSON: HeaderValue = HeaderValue::from_static("application/json");
static PROBLEM: HeaderValue = HeaderValue::from_static(MEDIA_TYPE);
static METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
static EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");
static CACHE_HIT: HeaderValue = HeaderValue::from_static("bookstore; hit");
static CACHE_MISS: HeaderValue = HeaderValue::from_static("bookstore; fwd=miss");

/// Since when the original design's `GET` form of a purchase is deprecated (RFC 9745): 2026-01-01.
const DEPRECATED_SINCE: &str = "@1767225600";

/// A response without the header fields that the dispatcher adds.
#[derive(Debug)]
#[must_use]
pub(crate) struct Response {
    status: StatusCode,
    body: Body,
    media_type: &'static HeaderValue,
    seq: Option<Position>,
    etag: Option<Position>,
    cache_status: Option<&'static HeaderValue>,
    /// The name and duration of a part of the request.
    server_timing: Option<(&'static str, Duration)>,
    /// Header fields that few responses have.
    others: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Debug)]
enum Body {
    Empty,
    Bytes(Bytes),
    Events(Box<FrameStream>),
}

impl Response {
    /// A JSON document.
    pub(crate) fn json(value: &impl Serialize) -> Self {
        // The wire types are plain structs with string keys: serializing them cannot fail.
        Self::json_bytes(serde_json::to_vec(value).unwrap_or_default())
    }

    /// A JSON document from its text.
    pub(crate) fn json_bytes(json: impl Into<Bytes>) -> Self {
        Self::new(Body::Bytes(json.into()), &JSON)
    }

    /// Plain text in the format of Prometheus.
    pub(super) fn metrics(text: String) -> Self {
        Self::new(Body::Bytes(text.into()), &METRICS)
    }

    /// A stream of server-sent events.
    pub(crate) fn events(frames: FrameStream) -> Self {
        Self::new(Body::Events(Box::new(frames)), &EVENTS)
            .with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
            // nginx buffers a proxied response unless it carries this field.
            .with(headers::ACCEL_BUFFERING.clone(), HeaderValue::from_static("no"))
    }

    /// 405, with the methods that are allowed.
    pub(super) fn method_not_allowed(allow: String) -> Self {
        Self::from(Problem::new(Code::MethodNotAllowed, format!("Use {allow} here."))).with_text(ALLOW, allow)
    }

    /// A status without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self::new(Body::Empty, &JSON).with_status(status)
    }

    fn new(body: Body, media_type: &'static HeaderValue) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            media_type,
            seq: None,
            etag: None,
            cache_status: None,
            server_timing: None,
            others: Vec::new(),
        }
    }

    fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same body with 503, for a document that names what is missing.
    pub(super) fn into_unavailable(self) -> Self {
        self.with_status(StatusCode::SERVICE_UNAVAILABLE)
            .with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// Closes the connection after the response.
    pub(super) fn with_connection_close(self) -> Self {
        self.with(CONNECTION, HeaderValue::from_static("close"))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.others.push((name, value));
        self
    }

    /// Sets a header field, or omits it if the text is not a valid value.
    fn with_text(self, name: HeaderName, text: String) -> Self {
        match HeaderValue::try_from(text) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// Sets `Bookstore-Seq`: the position of the state that was read. Without it the field has the newest known position.
    pub(crate) fn with_seq(mut self, position: Option<Position>) -> Self {
        self.seq = position.or(self.seq);
        self
    }

    /// Sets the entity tag: the position of the last change.
    pub(crate) fn with_etag(mut self, position: impl Into<Option<Position>>) -> Self {
        self.etag = position.into().or(self.etag);
        self
    }

    /// Sets `Idempotency-Replayed` if the response repeats an earlier decision.
    pub(crate) fn with_replayed(self, replayed: bool) -> Self {
        if replayed {
            self.with(headers::IDEMPOTENCY_REPLAYED.clone(), HeaderValue::from_static("true"))
        } else {
            self
        }
    }

    /// Sets `Cache-Status` (RFC 9211): a hit, with `Age` (RFC 9111, 5.1) if it may be stale.
    pub(crate) fn with_cache_hit(mut self, age_s: Option<u64>) -> Self {
        let Some(age_s) = age_s else {
            self.cache_status = Some(&CACHE_HIT);
            return self;
        };
        self.with_text(headers::CACHE_STATUS.clone(), format!("bookstore; hit; ttl=-{age_s}"))
            .with(AGE, HeaderValue::from(age_s))
    }

    /// Sets `Cache-Status`: a miss.
    pub(crate) fn with_cache_miss(mut self) -> Self {
        self.cache_status = Some(&CACHE_MISS);
        self
    }

    /// Sets `Server-Timing`: the duration of a part of the request.
    pub(crate) fn with_server_timing(mut self, part: &'static str, took: Duration) -> Self {
        self.server_timing = Some((part, took));
        self
    }

    pub(crate) fn with_deprecation(self) -> Self {
        self.with(headers::DEPRECATION.clone(), HeaderValue::from_static(DEPRECATED_SINCE))
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The complete response to a request; takes the request's id.
    pub(super) fn finish(
        mut self,
        request: &mut Arc<RequestHead>,
        newest_position: impl FnOnce() -> Option<Position>,
    ) -> WarpResponse {
        // Only a read may be `304` (RFC 9110, 13.1.2).
        let is_read = matches!(request.method, Method::GET | Method::HEAD);
        if is_read && self.etag.is_some_and(|etag| request.has_etag(etag)) {
            self.status = StatusCode::NOT_MODIFIED;
            self.body = Body::Empty;
        }
        // A server error was read from no state, and its client may know a newer position than the service.
        let read_from = self.seq.filter(|_| !self.status.is_server_error());
        let fields = Fields {
            request_id: request.take_request_id(),
            server_timing: self.server_timing.and_then(|(part, took)| headers::timing(part, took)),
            seq: read_from.or_else(|| newest_position().filter(|newest| !request.knows_newer(*newest))),
            etag: self.etag,
            media_type: (!matches!(self.body, Body::Empty)).then_some(self.media_type),
            cache_status: self.cache_status,
        };
        let mut fields = fields.into_map();
        for (name, value) in self.others {
            fields.insert(name, value);
        }
        let mut response = match self.body {
            Body::Empty => WarpResponse::default(),
            Body::Bytes(bytes) => WarpResponse::new(bytes.into()),
            Body::Events(frames) => warp::reply::stream(frames.into_bytes()).into_response(),
        };
        *response.status_mut() = self.status;
        *response.headers_mut() = fields;
        response
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        let json = serde_json::to_vec(&problem).unwrap_or_default();
        let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = Self::new(Body::Bytes(json.into()), &PROBLEM).with_status(status);
        match problem.code {
            Code::Unauthorized => {
                response.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"bookstore\""))
            }
            Code::TooManyRequests | Code::Unavailable => response.with(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => response,
        }
    }
}

/// A problem. Boxed because it is large.
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
