//! The copies of one service, and how a request is sent to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::Connection;
use super::context::{Caller, TokenSource};
use super::error::{Error, root_cause};
use super::url::{parse_neighbour_urls, parse_shop_urls};
use super::{Freshness, HttpClient, Request, Response};
use crate::{Code, Incident};

/// The addresses of a service's copies. The copy that responded last is asked first, the next one if it is unavailable.
#[derive(Debug, Clone)]
pub struct ServiceEndpoint {
    http: HttpClient,
    urls: Arc<[String]>,
    preferred: Arc<AtomicUsize>,
    caller: Caller,
    /// Used instead of `http` if there is one.
    connection: Option<Arc<Connection>>,
    /// Log the failures of each copy, where the caller is a service too.
    incidents: Arc<[Incident]>,
    /// Limits the requests in flight, and with them the descriptors in use.
    calls: Arc<Semaphore>,
}

impl ServiceEndpoint {
    /// Parses a comma-separated list of a shop's base addresses like `http://127.0.0.1:8080`; they may have a path, and no
    /// user information: a shop asks for none.
    ///
    /// # Errors
    /// Names the address that is not valid.
    pub fn parse(http: HttpClient, list: &str) -> Result<Self, String> {
        Ok(Self::new(http, parse_shop_urls(list)?))
    }

    /// Parses a comma-separated list of the base addresses of a service, for another service: they have no path. User
    /// information in them is dropped.
    ///
    /// # Errors
    /// Names the address that is not valid, without its user information.
    pub fn parse_neighbours(http: HttpClient, list: &str) -> Result<Self, String> {
        Ok(Self::new(http, parse_neighbour_urls(list)?))
    }

    fn new(http: HttpClient, urls: Arc<[String]>) -> Self {
        Self {
            http,
            urls,
            preferred: Arc::default(),
            caller: Caller::default(),
            connection: None,
            incidents: Arc::default(),
            calls: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    /// The same service with the source of the token by which it recognizes other services.
    #[must_use]
    pub fn with_service_token(self, service_token: TokenSource) -> Self {
        let caller = Caller {
            service_token: Some(service_token),
            ..self.caller
        };
        Self { caller, ..self }
    }

    /// Limits the requests in flight; more wait. An own connection is not counted, and neither are streams.
    #[must_use]
    pub fn with_calls_max(self, calls: usize) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            ..self
        }
    }

    /// The same service for a caller that is a service too.
    #[must_use]
    pub(super) fn between_services(self) -> Self {
        let incident = |url: &String| Incident::new(format!("calls to {url} fail"));
        let caller = Caller {
            is_service: true,
            ..self.caller
        };
        Self {
            caller,
            incidents: self.urls.iter().map(incident).collect(),
            ..self
        }
    }

    /// The same service over a connection of its own, which carries one request at a time at less cost than the pool.
    /// Without effect if there are several copies.
    #[must_use]
    pub(super) fn with_own_connection(&self) -> Self {
        let connection = match &*self.urls {
            [url] => Connection::to(url, &self.http, self.caller.clone()).map(Arc::new),
            _ => None,
        };
        Self {
            connection,
            ..self.clone()
        }
    }

    /// The address that is asked first.
    pub fn url(&self) -> &str {
        self.base(self.preferred.load(Ordering::Relaxed))
    }

    /// The addresses of all copies, in the order of the list.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Sends a `GET` request; `path` is percent-encoded already.
    ///
    /// # Errors
    /// Those of [`Self::send_idempotent`].
    pub async fn get(&self, path: &str, fresh: Freshness) -> Result<Response, Error> {
        let request = Request::get(path).freshness(fresh);
        self.send_idempotent(&request).await
    }

    /// Sends a request that may be sent again: if a copy is unreachable or not ready, or loses the response, the next
    /// copy is asked.
    ///
    /// # Errors
    /// Of the last copy asked.
    pub async fn send_idempotent(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, |_| true).await
    }

    /// Sends a request that must arrive at most once: the next copy is asked only if this one certainly did nothing.
    ///
    /// # Errors
    /// Of the last copy asked.
    pub async fn send_once(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, Error::is_not_applied).await
    }

    async fn send(&self, request: &Request, may_send_again: fn(&Error) -> bool) -> Result<Response, Error> {
        let mut result = Err(Error::unreachable("", "no address"));
        for copy in self.copies() {
            // On the heap: the future of a call is large, and is moved wherever a caller's future is.
            result = Box::pin(self.send_to(copy, request)).await;
            let try_next = match &result {
                Ok(response) => {
                    self.preferred.store(copy, Ordering::Relaxed);
                    response.status == Code::Unavailable.status()
                }
                Err(error) => may_send_again(error),
            };
            if !try_next {
                break;
            }
        }
        result
    }

    async fn send_to(&self, copy: usize, request: &Request) -> Result<Response, Error> {
        let url = format!("{}{}", self.base(copy), request.path());
        let result = match &self.connection {
            Some(connection) => connection.send(&url, request).await,
            None => self.call(&url, request).await,
        };
        self.log_failure(
            copy,
            result
                .as_ref()
                .map_or_else(|error| Some(error.clone()), Response::failure),
        );
        result
    }

    async fn call(&self, url: &str, request: &Request) -> Result<Response, Error> {
        let started = Instant::now();
        let permit = tokio::time::timeout(request.time_limit(), self.calls.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Error::unreachable(url, "too many calls are in flight"));
        };
        let left = request.time_limit().saturating_sub(started.elapsed());
        self.exchange(url, request, left).await
    }

    /// Sends a request over the pool, whatever else is in flight.
    pub(super) async fn exchange(&self, url: &str, request: &Request, timeout: Duration) -> Result<Response, Error> {
        let response = self.execute(url, request, Some(timeout)).await?;
        Response::receive(url, response.into()).await
    }

    /// Logs that a copy fails, or does not any more.
    pub(super) fn log_failure(&self, copy: usize, failure: Option<Error>) {
        match (self.incidents.get(copy), failure) {
            (Some(incident), Some(error)) => incident.failed(error),
            (Some(incident), None) => incident.recovered(),
            (None, _) => {}
        }
    }

    /// Opens a stream at the first copy that responds with success. The stream itself has no time limit.
    pub(super) async fn open_stream(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let mut error = Error::unreachable("", "no address");
        for copy in self.copies() {
            let url = format!("{}{}", self.base(copy), request.path());
            let opening =
                tokio::time::timeout(request.time_limit(), Box::pin(self.open_stream_at(&url, request))).await;
            match opening.unwrap_or_else(|_| Err(Error::lost(&url, "no answer in time"))) {
                Ok(response) => {
                    self.preferred.store(copy, Ordering::Relaxed);
                    self.log_failure(copy, None);
                    return Ok(response);
                }
                Err(failed) => {
                    self.log_failure(copy, Some(failed.clone()));
                    error = failed;
                }
            }
        }
        Err(error)
    }

    async fn open_stream_at(&self, url: &str, request: &Request) -> Result<reqwest::Response, Error> {
        let response = self.execute(url, request, None).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(Response::receive(url, response.into()).await?.error())
    }

    async fn execute(
        &self,
        url: &str,
        request: &Request,
        timeout: Option<Duration>,
    ) -> Result<reqwest::Response, Error> {
        let unsent = |why: String| Error::unreachable(url, why);
        let message = request.to_http::<reqwest::Body>(url);
        let mut message = message.map_err(|error| unsent(error.to_string()))?;
        self.caller.write(message.headers_mut());
        let mut message = reqwest::Request::try_from(message).map_err(|error| unsent(root_cause(&error)))?;
        *message.timeout_mut() = timeout;
        self.http.pool().execute(message).await.map_err(|error| {
            let why = root_cause(&error);
            if error.is_connect() || error.is_builder() {
                Error::unreachable(url, why)
            } else {
                Error::lost(url, why)
            }
        })
    }

    /// The copies, the preferred one first.
    fn copies(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.preferred.load(Ordering::Relaxed), self.urls.len());
        (0..count).map(move |step| (first + step) % count)
    }

    fn base(&self, copy: usize) -> &str {
        self.urls.get(copy).map_or("", String::as_str)
    }
}
