//! The HTTP client of a process, with its TLS configuration.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use super::error::root_cause;
use super::message::USER_AGENT;
use super::tls;
use crate::limits;

/// The reason why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is no certificate to trust.
    #[error("--ca: {0}")]
    Certificates(String),
    /// The system lacks the resources.
    #[error("cannot set up connections: {0}")]
    Client(String),
}

/// A connection pool, and the TLS configuration for separate connections. Clones share the pool.
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
    /// Builds a client for a comma-separated list of URLs. For `https://` it trusts the authorities in the PEM file `ca`, or
    /// without a file the system's.
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

    /// The connection pool.
    pub fn pool(&self) -> &reqwest::Client {
        &self.pool
    }

    pub(super) fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }
}
