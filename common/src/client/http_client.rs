//! The HTTP client of a process, and the TLS that its connections speak.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use super::error::root_cause;
use super::message::USER_AGENT;
use super::tls;
use crate::limits;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is no certificate to trust.
    #[error("--ca: {0}")]
    Certificates(String),
    /// The system lacks the resources.
    #[error("cannot set up connections: {0}")]
    Client(String),
}

/// A pool of connections, and what is needed to open one beside it. Clones share the pool.
#[derive(Debug, Clone)]
pub struct HttpClient {
    pool: reqwest::Client,
    tls: Arc<ClientConfig>,
}

/// Builds a client for `http://` addresses.
///
/// # Errors
/// If the system lacks the resources.
pub fn http_client() -> Result<HttpClient, SetupError> {
    HttpClient::trusting(tls::trust_none().map_err(SetupError::Client)?)
}

impl HttpClient {
    /// For a comma-separated list of addresses. If one begins with `https://`, the authorities in the PEM file `ca` are
    /// trusted; without one, those of the system.
    ///
    /// # Errors
    /// If there is no certificate to trust, or if the system lacks the resources.
    pub fn for_addresses(list: &str, ca: Option<&Path>) -> Result<Self, SetupError> {
        let is_https = list.split(',').any(|url| url.trim_start().starts_with("https:"));
        match is_https || ca.is_some() {
            true => Self::trusting(tls::trust(ca).map_err(SetupError::Certificates)?),
            false => http_client(),
        }
    }

    fn trusting(tls: ClientConfig) -> Result<Self, SetupError> {
        let pool = reqwest::Client::builder()
            .connect_timeout(limits::HTTP_CONNECT_TIMEOUT)
            .pool_idle_timeout(limits::POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls.clone())
            .build()
            .map_err(|error| SetupError::Client(root_cause(&error)))?;
        Ok(Self {
            pool,
            tls: Arc::new(tls),
        })
    }

    /// The pool.
    pub fn pool(&self) -> &reqwest::Client {
        &self.pool
    }

    pub(super) fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }
}
