//! A request and its response.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use serde::de::DeserializeOwned;

use super::Freshness;
use super::error::{Error, root_cause};
use crate::wire::FastJson;
use crate::{Position, headers, limits};

/// The `User-Agent` of every request.
pub(super) const USER_AGENT: &str = concat!("bookstore/", env!("CARGO_PKG_VERSION"));

/// A request to one path of a service.
#[derive(Debug, Clone)]
#[must_use]
pub struct Request {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    timeout: Duration,
}

impl Request {
    /// A request to a path with its query, which must be percent-encoded.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: limits::HTTP_READ_TIMEOUT,
        }
    }

    /// A `GET` request.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// Adds a header field.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a header field if there is a value.
    pub fn header_if(self, name: &'static str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.header(name, value.to_string()),
            None => self,
        }
    }

    pub(super) fn freshness(self, fresh: Freshness) -> Self {
        self.header_if(headers::SEQ, fresh.min_position)
            .header_if("cache-control", fresh.check_head.then_some("no-cache"))
    }

    pub(super) fn bearer(self, token: Option<&str>) -> Self {
        self.header_if("authorization", token.map(|token| format!("Bearer {token}")))
    }

    /// Sets a JSON body.
    pub fn json(self, body: &impl serde::Serialize) -> Self {
        // Serialization of wire types, structs with string keys, cannot fail.
        self.json_bytes(serde_json::to_vec(body).unwrap_or_default())
    }

    pub(super) fn fast_json(self, body: &impl FastJson) -> Self {
        self.json_bytes(body.to_json())
    }

    fn json_bytes(mut self, body: Vec<u8>) -> Self {
        self.body = body.into();
        self.header("content-type", "application/json")
    }

    /// Sets the timeout of the whole exchange; by default [`limits::HTTP_READ_TIMEOUT`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn time_limit(&self) -> Duration {
        self.timeout
    }

    /// Converts the request; an error if a header field has an invalid value.
    pub(super) fn to_http<B: From<Bytes>>(&self, uri: &str) -> Result<http::Request<B>, http::Error> {
        let mut builder = http::Request::builder().method(self.method.clone()).uri(uri);
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        builder.body(self.body.clone().into())
    }
}

/// A response with its whole body, not parsed.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// `Bookstore-Seq`: the last entry that the response reflects.
    pub seq: Option<Position>,
    /// `ETag`: the entry of the last change of the resource.
    pub etag: Option<Position>,
    /// Whether the response repeats an earlier decision.
    pub replayed: bool,
    /// The body, at most [`limits::RESPONSE_BYTES_MAX`].
    pub body: Bytes,
    /// Whether the body's media type is JSON or absent.
    pub(super) is_json: bool,
    pub(super) url: String,
}

impl Response {
    /// Receives the body of a response.
    pub(super) async fn receive<B>(url: &str, response: http::Response<B>) -> Result<Self, Error>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let (head, body) = response.into_parts();
        let body = match Limited::new(body, limits::RESPONSE_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Error::malformed(url, "the response is too large"));
            }
            Err(error) => return Err(Error::lost(url, root_cause(&*error))),
        };
        Ok(Self {
            status: head.status.as_u16(),
            seq: field(&head.headers, headers::SEQ).and_then(|seq| seq.parse().ok()),
            etag: field(&head.headers, "etag").and_then(|tag| tag.trim_matches('"').parse().ok()),
            replayed: field(&head.headers, headers::IDEMPOTENCY_REPLAYED) == Some("true"),
            body,
            is_json: head.headers.get(CONTENT_TYPE).is_none_or(is_json),
            url: url.to_owned(),
        })
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Parses the body.
    ///
    /// # Errors
    /// [`Error::Problem`] if the response is a problem, [`Error::Malformed`] if the body is neither a problem nor a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.parse_with(parse_json)
    }

    pub(super) fn parse_fast<T: FastJson>(&self) -> Result<T, Error> {
        self.parse_with(T::from_json)
    }

    pub(super) fn parse_with<'a, T>(&'a self, parse: impl FnOnce(&'a [u8]) -> Result<T, String>) -> Result<T, Error> {
        if self.is_success() {
            return self.parse_body(parse);
        }
        Err(self.error())
    }

    /// Parses the body regardless of the status.
    pub(super) fn parse_body<'a, T>(&'a self, parse: impl FnOnce(&'a [u8]) -> Result<T, String>) -> Result<T, Error> {
        if !self.is_json {
            return Err(Error::malformed(&self.url, "the body is not JSON"));
        }
        parse(&self.body).map_err(|why| Error::malformed(&self.url, why))
    }

    /// The error to log of a response with status 4xx or 5xx; `None` for a problem, which the other service logs.
    pub(super) fn failure(&self) -> Option<Error> {
        let error = (self.status >= 400).then(|| self.error());
        error.filter(|error| error.code().is_none())
    }

    /// The error of a response whose status is not 2xx: its problem, or [`Error::Malformed`] without one.
    pub fn error(&self) -> Error {
        match serde_json::from_slice(&self.body) {
            Ok(problem) => Error::Problem(Box::new(problem)),
            // The response may come from a proxy, so the request may have had an effect.
            Err(_) => {
                let why = format!("status {} without a problem in the body", self.status);
                Error::malformed(&self.url, why)
            }
        }
    }
}

fn is_json(content_type: &HeaderValue) -> bool {
    let content_type = content_type.to_str().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

fn field<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Parses JSON. Validates UTF-8 once for the whole text, which is faster than for each string.
pub(super) fn parse_json<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    let text = str::from_utf8(json).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}
