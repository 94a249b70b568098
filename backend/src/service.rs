//! A service from its start to its stop: opened from its settings, listening at an address, stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use common::client::{self, ServiceEndpoint};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog::{self, Catalog, InitialCatalog};
use crate::descriptors;
use crate::frontend::{self, Frontend};
use crate::http::{Routes, Server, bind, install_metrics};
use crate::order::{self, Orders};
use crate::settings::{self, CatalogSettings};
use crate::store::{self, EditPolicy};

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot listen at the address.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// Its store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A neighbour's address is malformed.
    #[error("{0}")]
    Address(String),
    /// The HTTP client cannot be created.
    #[error("cannot set up connections: {0}")]
    Client(#[from] reqwest::Error),
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The program stopped while the store was being opened.
    #[error("the program stopped while the store was being opened")]
    Cancelled,
}

/// Where a service listens, and the limits of its connections.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// How long open connections may continue after the stop.
    pub grace: Duration,
    /// How many connections may be open at once; further ones wait to be accepted.
    pub connections_max: usize,
}

impl Listen {
    /// For one of `services` services in this process, which share the limit of open files.
    pub(crate) fn new(address: SocketAddr, grace: Duration, services: u64) -> Self {
        Self {
            address,
            grace,
            connections_max: descriptors::connections_max(services),
        }
    }
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    address: SocketAddr,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    catalog: Option<Arc<Catalog>>,
}

impl Service {
    /// Opens the store, then listens.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_catalog(listen: Listen, settings: &CatalogSettings) -> Result<Self, Error> {
        install_metrics();
        let (token, url) = (settings.token.read()?, settings.store.url()?);
        let edit = if settings.discard_edit {
            EditPolicy::Discard
        } else {
            EditPolicy::Refuse
        };
        let books = settings
            .books
            .clone()
            .map_or(InitialCatalog::BuiltIn, InitialCatalog::File);
        // Bound first: a port in use is reported before a million books are read.
        let listener = bind(listen.address)?;
        let opening = move || Catalog::open(store::open(&url, edit)?, &books);
        let opened = tokio::task::spawn_blocking(opening)
            .await
            .map_err(|_| Error::Cancelled)?;
        let catalog = Arc::new(opened?);
        let stopping = CancellationToken::new();
        let routes = catalog::routes(&catalog, token, stopping.clone());
        Self::start("catalog", listener, routes, listen, stopping, Some(catalog))
    }

    /// An order service over the catalogs at a comma list of addresses.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_order(listen: Listen, catalog_urls: &str) -> Result<Self, Error> {
        install_metrics();
        let catalog = client::CatalogClient::new(endpoint(catalog_urls)?);
        let listener = bind(listen.address)?;
        let routes = order::routes(&Arc::new(Orders::new(catalog)));
        Self::start("order", listener, routes, listen, CancellationToken::new(), None)
    }

    /// A front-end over the catalogs and order services at comma lists of addresses.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_frontend(
        listen: Listen,
        catalog_urls: &str,
        order_urls: &str,
        token: Option<Arc<str>>,
    ) -> Result<Self, Error> {
        install_metrics();
        let catalog = client::CatalogClient::new(endpoint(catalog_urls)?);
        let orders = client::OrderClient::new(endpoint(order_urls)?);
        let listener = bind(listen.address)?;
        let stopping = CancellationToken::new();
        let frontend = Arc::new(Frontend::new(catalog, orders, token, stopping.clone()));
        Self::start(
            "frontend",
            listener,
            frontend::routes(&frontend),
            listen,
            stopping,
            None,
        )
    }

    fn start(
        name: &'static str,
        listener: tokio::net::TcpListener,
        routes: Routes,
        listen: Listen,
        stopping: CancellationToken,
        catalog: Option<Arc<Catalog>>,
    ) -> Result<Self, Error> {
        let address = listener.local_addr()?;
        let server = Server {
            listener,
            routes,
            grace: listen.grace,
            connections_max: listen.connections_max,
            stopping: stopping.clone(),
        };
        Ok(Self {
            name,
            address,
            stopping,
            serving: tokio::spawn(server.run()),
            catalog,
        })
    }

    /// `catalog`, `order` or `frontend`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its base address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Becomes `Some(why)` when the catalog closed its store because of an error; `None` without a store.
    pub fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        self.catalog.as_ref().map(|catalog| catalog.store_closed())
    }

    /// Stops accepting, finishes requests within the grace period, writes a checkpoint.
    pub async fn stop(self) {
        self.stopping.cancel();
        if self.serving.await.is_err() {
            tracing::error!(service = self.name, "the service panicked");
        }
        if let Some(catalog) = self.catalog {
            catalog.close().await;
        }
        tracing::info!(service = self.name, "stopped");
    }
}

fn endpoint(urls: &str) -> Result<ServiceEndpoint, Error> {
    ServiceEndpoint::parse(client::http_client()?, urls).map_err(Error::Address)
}
