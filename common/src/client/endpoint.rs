//! The endpoint of a service: its instances, and the selection of the instance that a request is sent to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::connection::Connection;
use super::context::{Caller, TokenSource};
use super::error::{Error, root_cause};
use super::url::{parse_service_urls, parse_shop_urls};
use super::{Freshness, HttpClient, Request, Response};
use crate::{Code, Incident};

/// The endpoint of a service with one instance or several. A request goes to the instance that responded last; if that is
/// unavailable, to the next one.
#[derive(Debug, Clone)]
pub struct ServiceEndpoint {
    http: HttpClient,
    urls: Arc<[String]>,
    preferred: Arc<AtomicUsize>,
    caller: Caller,
    /// A separate connection that replaces the pool of `http`.
    connection: Option<Arc<Connection>>,
    /// The log of each instance's failures; empty if the caller is not a service.
    incidents: Arc<[Incident]>,
    /// The permits of requests in flight, which limit the descriptors in use.
    calls: Arc<Semaphore>,
}

impl ServiceEndpoint {
    /// Parses a comma-separated list of a shop's base URLs like `http://127.0.0.1:8080`. A URL may have a path, but no user
    /// information, because a shop uses none.
    ///
    /// # Errors
    /// Names the invalid URL.
    pub fn parse(http: HttpClient, list: &str) -> Result<Self, String> {
        Ok(Self::new(http, parse_shop_urls(list)?))
    }

    /// Parses a comma-separated list of a service's base URLs, for another service. A URL must not have a path; its user
    /// information is dropped.
    ///
    /// # Errors
    /// Names the invalid URL, without its user information.
    pub fn parse_services(http: HttpClient, list: &str) -> Result<Self, String> {
        Ok(Self::new(http, parse_service_urls(list)?))
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

    /// Adds the source of the token that authenticates the caller to the service.
    #[must_use]
    pub fn with_service_token(self, service_token: TokenSource) -> Self {
        let caller = Caller {
            service_token: Some(service_token),
            ..self.caller
        };
        Self { caller, ..self }
    }

    /// Limits the requests in flight; more wait for a permit. Requests over a separate connection and streams need none.
    #[must_use]
    pub fn with_calls_max(self, calls: usize) -> Self {
        Self {
            calls: Arc::new(Semaphore::new(calls)),
            ..self
        }
    }

    /// Marks the caller as a service: calls carry their context, and failures are logged.
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

    /// A clone of this endpoint with a separate connection, which carries one request at a time at a lower cost than the pool.
    /// Has no effect if the service has several instances.
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

    /// The base URL of the preferred instance.
    pub fn url(&self) -> &str {
        self.base(self.preferred.load(Ordering::Relaxed))
    }

    /// The base URLs of all instances, in the order of the list.
    pub(super) fn urls(&self) -> &[String] {
        &self.urls
    }

    /// Sends a `GET` request; `path` must be percent-encoded.
    ///
    /// # Errors
    /// The errors of [`Self::send_idempotent`].
    pub async fn get(&self, path: &str, fresh: Freshness) -> Result<Response, Error> {
        let request = Request::get(path).freshness(fresh);
        self.send_idempotent(&request).await
    }

    /// Sends an idempotent request: to the next instance if one is unreachable, not ready or loses the response.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn send_idempotent(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, |_| true).await
    }

    /// Sends a request that must be applied at most once: to the next instance only if this one certainly did not apply it.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub async fn send_once(&self, request: &Request) -> Result<Response, Error> {
        self.send(request, Error::is_not_applied).await
    }

    async fn send(&self, request: &Request, may_send_again: fn(&Error) -> bool) -> Result<Response, Error> {
        let mut result = Err(Error::unreachable("", "no address"));
        for instance in self.instances() {
            // Boxed, because a call's future is large and every caller's future contains it.
            result = Box::pin(self.send_to(instance, request)).await;
            let try_next = match &result {
                Ok(response) => {
                    self.preferred.store(instance, Ordering::Relaxed);
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

    async fn send_to(&self, instance: usize, request: &Request) -> Result<Response, Error> {
        let url = format!("{}{}", self.base(instance), request.path());
        let result = match &self.connection {
            Some(connection) => connection.send(&url, request).await,
            None => self.call(&url, request).await,
        };
        self.log_failure(
            instance,
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

    /// Sends a request over the pool, without a permit.
    pub(super) async fn exchange(&self, url: &str, request: &Request, timeout: Duration) -> Result<Response, Error> {
        let response = self.execute(url, request, Some(timeout)).await?;
        Response::receive(url, response.into()).await
    }

    /// Logs the failure of an instance, or its recovery.
    pub(super) fn log_failure(&self, instance: usize, failure: Option<Error>) {
        match (self.incidents.get(instance), failure) {
            (Some(incident), Some(error)) => incident.failed(error),
            (Some(incident), None) => incident.recovered(),
            (None, _) => {}
        }
    }

    /// Opens a stream at the first instance that responds with success. The time limit does not apply to the stream itself.
    pub(super) async fn open_stream(&self, request: &Request) -> Result<reqwest::Response, Error> {
        let mut error = Error::unreachable("", "no address");
        for instance in self.instances() {
            let url = format!("{}{}", self.base(instance), request.path());
            let opening =
                tokio::time::timeout(request.time_limit(), Box::pin(self.open_stream_at(&url, request))).await;
            match opening.unwrap_or_else(|_| Err(Error::lost(&url, "no answer in time"))) {
                Ok(response) => {
                    self.preferred.store(instance, Ordering::Relaxed);
                    self.log_failure(instance, None);
                    return Ok(response);
                }
                Err(failed) => {
                    self.log_failure(instance, Some(failed.clone()));
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

    /// The instances, the preferred one first.
    fn instances(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.preferred.load(Ordering::Relaxed), self.urls.len());
        (0..count).map(move |step| (first + step) % count)
    }

    fn base(&self, instance: usize) -> &str {
        self.urls.get(instance).map_or("", String::as_str)
    }
}
