//! Services from their start to their stop: opened from their settings, listening at an address, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use common::client::{self, CatalogClient, OrderClient, ServiceEndpoint};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog::{self, Catalog, InitialCatalog};
use crate::cli::Services;
use crate::descriptors;
use crate::discovery::RunningShop;
use crate::frontend::{self, Frontend};
use crate::http::{AccessRules, Routes, bind, install_metrics, run_server};
use crate::order::{self, Orders};
use crate::settings::{
    self, AllInOneSettings, CatalogArgs, CatalogUrl, FrontendArgs, OrderArgs, RateLimitSettings, ServerSettings,
};
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

/// The services that run in this process: the whole shop, with the same HTTP between them, or one of them.
#[derive(Debug)]
pub struct RunningServices {
    /// Each after those it needs.
    services: Vec<Service>,
    discovery_file: Option<PathBuf>,
}

impl RunningServices {
    /// Opens stores and starts services. Must run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(services: Services) -> Result<Self, Error> {
        install_metrics();
        let service = match services {
            Services::All(settings) => return Self::open_all(&settings).await,
            Services::Catalog(args) => Service::open_catalog(&args).await?,
            Services::Order(args) => Service::open_order(&args)?,
            Services::Frontend(args) => Service::open_frontend(&args)?,
        };
        Ok(Self {
            services: vec![service],
            discovery_file: None,
        })
    }

    /// Opens the store and starts the three services. Must run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_all(settings: &AllInOneSettings) -> Result<Self, Error> {
        install_metrics();
        let server = |listen| ServerSettings {
            listen,
            services_in_process: 3,
            ..settings.server.clone()
        };
        let (token, lock) = (
            settings.catalog.token.read()?,
            settings.catalog.store.url()?.lock_path(),
        );
        let catalog = Service::open_catalog(&CatalogArgs {
            catalog: settings.catalog.clone(),
            server: server(settings.catalog_listen),
        })
        .await?;
        let catalog_url = CatalogUrl {
            catalog_url: catalog.url(),
        };
        let order = Service::open_order(&OrderArgs {
            server: server(settings.order_listen),
            catalog: catalog_url.clone(),
        })?;
        let frontend = Service::open_frontend(&FrontendArgs {
            server: server(settings.server.listen),
            catalog: catalog_url,
            order_url: order.url(),
            rate_limit: settings.rate_limit.clone(),
            token: settings.catalog.token.clone(),
        })?;
        let shop = RunningShop::new(frontend.url(), token.filter(|_| settings.share_token).as_deref());
        // A store without a lock is shared: other programs open it themselves.
        let discovery_file = lock.and_then(|lock| {
            let published = shop.publish(&lock).inspect_err(|error| {
                tracing::warn!(%error, "other programs of this user cannot find the shop beside its store");
            });
            published.ok()
        });
        Ok(Self {
            services: vec![catalog, order, frontend],
            discovery_file,
        })
    }

    /// Name (`catalog`, `order` or `frontend`) and base address of each, in the order in which they started.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.services.iter().map(|service| (service.name, service.url()))
    }

    /// The base address of the service that started last: the front-end's if all run.
    pub fn url(&self) -> String {
        self.services.last().map(Service::url).unwrap_or_default()
    }

    /// Becomes `Some(why)` when the catalog closed its store because of an error; `None` without a store.
    pub fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        let catalog = self.services.first()?.catalog.as_ref()?;
        Some(catalog.store_closed())
    }

    /// Stops the services, each before those it needs.
    pub async fn stop(self) {
        if let Some(file) = &self.discovery_file {
            // A file that stays does no harm: it counts only while the lock is held.
            let _ = std::fs::remove_file(file);
        }
        for service in self.services.into_iter().rev() {
            service.stop().await;
        }
    }
}

#[derive(Debug)]
struct Service {
    name: &'static str,
    address: SocketAddr,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    catalog: Option<Arc<Catalog>>,
}

impl Service {
    async fn open_catalog(args: &CatalogArgs) -> Result<Self, Error> {
        let settings = &args.catalog;
        let (token, url) = (settings.token.read()?, settings.store.url()?);
        let edit = match settings.discard_edit {
            true => EditPolicy::Discard,
            false => EditPolicy::Refuse,
        };
        let books = settings.books.clone();
        let books = books.map_or(InitialCatalog::BuiltIn, InitialCatalog::File);
        // Bound first: a port in use is reported before a million books are read.
        let listener = bind(args.server.listen)?;
        let catalog = if url.is_remote() {
            Catalog::open_in_background(move || store::open(&url, edit), books)?
        } else {
            let opening = tokio::task::spawn_blocking(move || Catalog::open(store::open(&url, edit)?, &books));
            opening.await.map_err(|_| Error::Cancelled)??
        };
        let catalog = Arc::new(catalog);
        let (server, kept) = (&args.server, Arc::clone(&catalog));
        Self::start(
            server,
            &RateLimitSettings::default(),
            listener,
            Some(kept),
            |stopping| catalog::routes(&catalog, token, stopping),
        )
    }

    fn open_order(args: &OrderArgs) -> Result<Self, Error> {
        let catalog = CatalogClient::new(endpoint(&args.catalog.catalog_url)?);
        let listener = bind(args.server.listen)?;
        Self::start(&args.server, &RateLimitSettings::default(), listener, None, |_| {
            order::routes(&Arc::new(Orders::new(catalog)))
        })
    }

    fn open_frontend(args: &FrontendArgs) -> Result<Self, Error> {
        let token = args.token.read()?;
        let catalog = CatalogClient::new(endpoint(&args.catalog.catalog_url)?);
        let orders = OrderClient::new(endpoint(&args.order_url)?);
        let listener = bind(args.server.listen)?;
        Self::start(&args.server, &args.rate_limit, listener, None, |stopping| {
            frontend::routes(&Arc::new(Frontend::new(catalog, orders, token, stopping)))
        })
    }

    fn start(
        settings: &ServerSettings,
        rate_limit: &RateLimitSettings,
        listener: TcpListener,
        catalog: Option<Arc<Catalog>>,
        routes: impl FnOnce(CancellationToken) -> Routes,
    ) -> Result<Self, Error> {
        let (address, stopping) = (listener.local_addr()?, CancellationToken::new());
        let routes = routes(stopping.clone());
        let (hosts, origins) = (&settings.access.allowed_host, &settings.access.allowed_origin);
        let rules =
            AccessRules::new(address, hosts, origins).with_rate_limit(rate_limit.rate_limit, &rate_limit.trusted_proxy);
        let connections_max = descriptors::connections_max(settings.services_in_process);
        Ok(Self {
            name: routes.service_name(),
            address,
            serving: tokio::spawn(run_server(
                listener,
                routes,
                rules,
                connections_max,
                settings.grace,
                stopping.clone(),
            )),
            stopping,
            catalog,
        })
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops accepting, finishes requests within the grace period, writes a checkpoint.
    async fn stop(self) {
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
    let parsed = ServiceEndpoint::parse(client::http_client()?, urls);
    Ok(parsed.map_err(settings::Error)?)
}
