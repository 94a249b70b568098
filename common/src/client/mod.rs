//! The typed HTTP client: one connection pool a process, limits on every wait, and errors that say whether a request
//! can have had an effect.

mod catalog;
mod events;
mod line;
mod orders;
mod settle;
mod shop;
mod sse;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;

pub use catalog::{CatalogClient, FeedEvent, Freshness};
pub use events::{ShopEvent, ShopEvents};
use line::Line;
pub use orders::{OrderClient, PlacedBatch, PlacedOrder};
pub use reqwest::Method;
pub use settle::{Settled, settle};
pub use shop::ShopClient;

use crate::wire::FastJson;
use crate::{Code, Problem, Seq, headers, limits};

/// Why a request has no answer that can be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// No connection was made: the request was not sent and had no effect.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// Where to.
        url: String,
        /// What the system said.
        why: String,
    },
    /// The request was sent and no whole answer came back: it may have had its effect.
    #[error("no answer from {url}: {why}")]
    Lost {
        /// Where to.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// The server answered with a problem.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The answer is none that a bookstore gives.
    #[error("{url} does not answer like a bookstore: {why}")]
    Malformed {
        /// Where to.
        url: String,
        /// What was wrong with it.
        why: String,
    },
}

impl Error {
    /// The code of the problem, where it is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether this very request certainly changed nothing.
    pub fn is_definite(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Lost { .. } | Self::Malformed { .. } => false,
            Self::Problem(problem) => problem.code.is_definite(),
        }
    }
}

/// One answer, not yet read as anything.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The `seq` of the state it was read from.
    pub seq: Option<Seq>,
    /// The `seq` of the last change of what it shows.
    pub etag: Option<Seq>,
    /// Whether it repeats an earlier decision.
    pub replayed: bool,
    /// The body, whole.
    pub body: Bytes,
    url: String,
}

impl Response {
    /// Whether it is a success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as the type it should be, or the problem it is.
    ///
    /// # Errors
    /// [`Error::Problem`] where the answer is one, [`Error::Malformed`] where it is neither.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        self.parse_by(|body| read_json(body))
    }

    /// The same, of a batch.
    fn parse_batch<T: FastJson>(&self) -> Result<T, Error> {
        self.parse_by(T::from_json)
    }

    fn parse_by<T>(&self, read: fn(&[u8]) -> Result<T, String>) -> Result<T, Error> {
        if self.is_success() {
            return read(&self.body).map_err(|why| self.malformed(&why));
        }
        match serde_json::from_slice::<Problem>(&self.body) {
            Ok(problem) => Err(Error::Problem(Box::new(problem))),
            // A proxy in between, or something else at that address: nobody knows what became of the request.
            Err(_) => Err(self.malformed(&format!("status {} without a problem in the body", self.status))),
        }
    }

    fn malformed(&self, why: &str) -> Error {
        Error::Malformed {
            url: self.url.clone(),
            why: why.to_owned(),
        }
    }
}

/// Checked once as text, not string by string.
fn read_json<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    let text = str::from_utf8(json).map_err(|error| error.to_string())?;
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<Bytes>,
    timeout: Duration,
}

impl Request {
    /// A request to a path with its query, both percent-encoded already.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            timeout: limits::READ_TIMEOUT,
        }
    }

    /// A `GET`.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// With one more header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With that header field if there is a value.
    #[must_use]
    pub fn header_if(self, name: &'static str, value: Option<impl std::fmt::Display>) -> Self {
        match value {
            Some(value) => self.header(name, value.to_string()),
            None => self,
        }
    }

    /// That must be answered that freshly.
    #[must_use]
    fn fresh(self, fresh: Freshness) -> Self {
        self.header_if(headers::SEQ, fresh.min_seq)
            .header_if("cache-control", fresh.confirm_head.then_some("no-cache"))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl serde::Serialize) -> Self {
        // The wire types are plain structs with string keys: writing them cannot fail.
        self.body = serde_json::to_vec(body).ok().map(Bytes::from);
        self.header("content-type", "application/json")
    }

    /// With the JSON body of a batch.
    #[must_use]
    fn batch(mut self, body: &impl FastJson) -> Self {
        self.body = Some(body.to_json().into());
        self.header("content-type", "application/json")
    }

    /// With another time limit than that of a read.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Builds the one client of the process.
///
/// # Errors
/// When the system gives no resources for it.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .pool_idle_timeout(limits::POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("bookstore/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The addresses of one service's copies: the one that answered last is asked first, the next when it cannot be reached.
#[derive(Debug, Clone)]
pub struct ServiceEndpoint {
    http: reqwest::Client,
    urls: Arc<[String]>,
    preferred: Arc<AtomicUsize>,
    /// A connection of its own, where it has one.
    line: Option<Arc<Line>>,
}

impl ServiceEndpoint {
    /// A service at a comma list of base addresses, like `http://127.0.0.1:8081`.
    ///
    /// # Errors
    /// Says which address is none.
    pub fn parse(http: reqwest::Client, list: &str) -> Result<Self, String> {
        let urls = list
            .split(',')
            .map(|url| parse_base(url.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            http,
            urls: urls.into(),
            preferred: Arc::default(),
            line: None,
        })
    }

    /// The same service over a connection of its own, which carries one request at a time and costs less than the pool;
    /// over the pool as before where there are several copies or the address is not plain HTTP.
    #[must_use]
    pub fn with_own_connection(&self) -> Self {
        let line = match &*self.urls {
            [url] => Line::to(url).map(Arc::new),
            _ => None,
        };
        Self { line, ..self.clone() }
    }

    /// The address that is asked first now.
    pub fn url(&self) -> &str {
        self.urls
            .get(self.preferred.load(Ordering::Relaxed))
            .map_or("", String::as_str)
    }

    /// Sends a request that may be sent again: where one copy cannot be reached, is not ready or loses the answer, the
    /// next is asked.
    ///
    /// # Errors
    /// The last copy's.
    pub async fn send_idempotent(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, |outcome| match outcome {
            Ok(answer) => answer.status == Code::Unavailable.status(),
            Err(_) => true,
        })
        .await
    }

    /// Sends a request that must arrive at most once: the next copy is asked only where this one certainly did nothing.
    ///
    /// # Errors
    /// The last copy's.
    pub async fn send_once(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, |outcome| match outcome {
            Ok(answer) => answer.status == Code::Unavailable.status(),
            Err(error) => error.is_definite(),
        })
        .await
    }

    async fn send(&self, request: &Request, try_next: fn(&Result<Response, Error>) -> bool) -> Result<Response, Error> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut outcome = self.send_to(first, request).await;
        for step in 1..self.urls.len() {
            if !try_next(&outcome) {
                break;
            }
            let copy = (first + step) % self.urls.len();
            outcome = self.send_to(copy, request).await;
            if outcome.is_ok() {
                self.preferred.store(copy, Ordering::Relaxed);
            }
        }
        outcome
    }

    async fn send_to(&self, copy: usize, request: &Request) -> Result<Response, Error> {
        let url = format!("{}{}", self.urls.get(copy).map_or("", String::as_str), request.path);
        if let Some(line) = &self.line {
            return line.send(url, request).await;
        }
        let mut building = self.http.request(request.method.clone(), &url).timeout(request.timeout);
        for (name, value) in &request.headers {
            building = building.header(*name, value);
        }
        if let Some(body) = &request.body {
            building = building.body(body.clone());
        }
        let response = building.send().await.map_err(|error| sending_failed(&url, &error))?;
        let status = response.status().as_u16();
        let field = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let seq = field(headers::SEQ).and_then(|seq| seq.parse().ok());
        let etag = field("etag").and_then(|tag| tag.trim_matches('"').parse().ok());
        let replayed = field(headers::IDEMPOTENCY_REPLAYED) == Some("true");
        let body = read_bounded(response, &url).await?;
        Ok(Response {
            status,
            seq,
            etag,
            replayed,
            body,
            url,
        })
    }

    /// Opens an event stream at the preferred copy, or at the next one that answers.
    async fn open_stream(&self, path: &str, field: Option<(&'static str, String)>) -> Result<reqwest::Response, Error> {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut last_error = None;
        for step in 0..self.urls.len() {
            let copy = (first + step) % self.urls.len();
            let url = format!("{}{path}", self.urls.get(copy).map_or("", String::as_str));
            let mut building = self.http.get(&url).header("accept", "text/event-stream");
            if let Some((name, value)) = &field {
                building = building.header(*name, value);
            }
            // Only the head of the answer has a limit here; the stream itself is watched by its reader.
            match tokio::time::timeout(limits::READ_TIMEOUT, building.send()).await {
                Ok(Ok(response)) if response.status().is_success() => {
                    self.preferred.store(copy, Ordering::Relaxed);
                    return Ok(response);
                }
                Ok(Ok(response)) => {
                    let status = response.status().as_u16();
                    let body = read_bounded(response, &url).await?;
                    let answer = Response {
                        status,
                        seq: None,
                        etag: None,
                        replayed: false,
                        body,
                        url,
                    };
                    last_error = answer.parse::<serde_json::Value>().err();
                }
                Ok(Err(error)) => last_error = Some(sending_failed(&url, &error)),
                Err(_) => {
                    last_error = Some(Error::Lost {
                        url,
                        why: "no answer in time".to_owned(),
                    });
                }
            }
        }
        Err(last_error.unwrap_or_else(|| Error::Unreachable {
            url: String::new(),
            why: "no address".to_owned(),
        }))
    }
}

async fn read_bounded(mut response: reqwest::Response, url: &str) -> Result<Bytes, Error> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limits::RESPONSE_BYTES_MAX => {
                return Err(Error::Malformed {
                    url: url.to_owned(),
                    why: "the answer is too large".to_owned(),
                });
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body.into()),
            Err(error) => {
                return Err(Error::Lost {
                    url: url.to_owned(),
                    why: root_cause(&error),
                });
            }
        }
    }
}

fn sending_failed(url: &str, error: &reqwest::Error) -> Error {
    let (url, why) = (url.to_owned(), root_cause(error));
    if error.is_connect() || error.is_builder() {
        Error::Unreachable { url, why }
    } else {
        Error::Lost { url, why }
    }
}

/// The innermost cause, which is the one that says something: "Connection refused", not "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn parse_base(url: &str) -> Result<String, String> {
    let parsed = reqwest::Url::parse(url)
        .map_err(|error| format!("{url:?} is no address ({error}); expected one like http://127.0.0.1:8080"))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(format!(
            "{url:?} is no address; expected one like http://127.0.0.1:8080"
        ));
    }
    Ok(parsed.as_str().trim_end_matches('/').to_owned())
}

/// Percent-encodes one segment of a path or one value of a query.
pub(crate) fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_with_a_host() {
        assert_eq!(
            parse_base("http://127.0.0.1:8080/").as_deref(),
            Ok("http://127.0.0.1:8080")
        );
        for url in ["", "8080", "127.0.0.1:8080", "ftp://x", "http://"] {
            assert!(parse_base(url).is_err(), "{url:?} was taken");
        }
    }

    #[test]
    fn what_has_a_meaning_in_an_address_is_encoded() {
        assert_eq!(encode("a/b c?&#é"), "a%2Fb%20c%3F%26%23%C3%A9");
    }
}
