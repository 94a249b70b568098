//! Services from their start to their stop: opened from their settings, listening at an address, stopped in order.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::client::{Catalog, HttpClient, Orders, RemoteCatalog, RemoteOrders, ServiceEndpoint, SetupError};
use common::wire::ServiceKind;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::catalog::{self, CatalogService, InitialCatalog};
use crate::cli::Services;
use crate::descriptors::Share;
use crate::discovery::RunningShop;
use crate::frontend::{self, Frontend};
use crate::http::{AccessRules, ConnectionThreads, Health, Routes, Stop, Tls, run_server};
use crate::local::Local;
use crate::order::{self, OrderService};
use crate::settings::{
    self, AdminToken, AllInOneSettings, CallerSettings, CatalogArgs, CatalogUrl, RateLimitSettings, ServerSettings,
    ServiceToken,
};
use crate::store::{self, EditPolicy};
use crate::token::Token;

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
    #[error(transparent)]
    Client(#[from] SetupError),
    /// A setting cannot be used.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The program stopped while the store was being opened.
    #[error("the program stopped while the store was being opened")]
    Cancelled,
    /// The system's clock cannot be right, and HTTP cannot express its time.
    #[error("the system's clock is before the year 1970; set it")]
    Clock,
}

impl Error {
    /// Whether a setting is wrong, so that another start would fail as well.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Client(SetupError::Certificates(_)) => true,
            Self::Listen(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
            Self::Store(_) | Self::Client(SetupError::Client(_)) | Self::Cancelled | Self::Clock => false,
        }
    }
}

/// Ends the grace period of the services of a process.
#[derive(Debug, Clone, Default)]
pub struct Grace(CancellationToken);

impl Grace {
    /// Abandons requests in hand. Stores are still closed in order.
    pub fn end(&self) {
        self.0.cancel();
    }
}

/// The services that run in this process: the whole shop, whose services call each other directly, or one of them, which
/// calls the others over HTTP.
#[derive(Debug)]
pub struct RunningServices {
    /// Each after those it needs.
    services: Vec<Service>,
    discovery_file: Option<PathBuf>,
    shared: Shared,
    _watch: Option<AbortOnDropHandle<()>>,
}

/// What the services of a process share. Its secrets are each read once: a pipe can be read only once.
#[derive(Debug, Clone)]
struct Shared {
    /// Of the shopkeeper.
    shopkeeper: Token,
    /// By which catalog and order service recognize the other services.
    service: Token,
    /// `None` without TLS.
    tls: Option<Tls>,
    threads: ConnectionThreads,
    grace: Grace,
}

impl Shared {
    fn read(
        shopkeeper: Option<&AdminToken>,
        service: &ServiceToken,
        server: &ServerSettings,
        threads: ConnectionThreads,
    ) -> Result<Self, Error> {
        Ok(Self {
            shopkeeper: shopkeeper.map_or_else(|| Ok(Token::fixed(None)), AdminToken::read)?,
            service: service.read()?,
            tls: server.tls.open()?,
            threads,
            grace: Grace::default(),
        })
    }

    /// Reads the secrets that are in files again.
    fn reload(&self) {
        self.shopkeeper.reload();
        self.service.reload();
        self.tls.iter().for_each(Tls::reload);
    }

    /// Reads the certificate again whenever it changes, until the task is dropped.
    fn watch(&self) -> Option<AbortOnDropHandle<()>> {
        let watching = self.tls.clone()?.watch();
        Some(AbortOnDropHandle::new(tokio::spawn(watching)))
    }
}

impl RunningServices {
    /// Opens stores and starts services, which serve connections on threads of their own and on the current runtime's. Must
    /// run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(services: Services) -> Result<Self, Error> {
        check_clock(SystemTime::now())?;
        let threads = ConnectionThreads::start(services.threads())?;
        let (service, shared) = match services {
            Services::All(settings) => return Self::open_all_on(threads, &settings).await,
            Services::Catalog(args) => {
                let shared = Shared::read(Some(&args.catalog.token), &args.callers.token, &args.server, threads)?;
                (Service::open_catalog(&args, &shared).await?.0, shared)
            }
            Services::Order(args) => {
                let shared = Shared::read(None, &args.callers.token, &args.server, threads)?;
                let catalog = remote_catalog(&args.catalog, &shared, &args.server)?;
                let (service, _) = Service::open_order(&args.server, &args.callers, catalog, &shared)?;
                (service, shared)
            }
            Services::Frontend(args) => {
                let shared = Shared::read(Some(&args.token), &args.service_token, &args.server, threads)?;
                let catalog = remote_catalog(&args.catalog, &shared, &args.server)?;
                let orders = remote_orders(&args.order_url, args.catalog.ca.as_deref(), &shared, &args.server)?;
                let (server, rate_limit) = (&args.server, &args.rate_limit);
                let service = Service::open_frontend(server, rate_limit, catalog, orders, &shared)?;
                (service, shared)
            }
        };
        Ok(Self {
            services: vec![service],
            discovery_file: None,
            _watch: shared.watch(),
            shared,
        })
    }

    /// Opens the store and starts the three services in the current runtime. Must run within one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_all(settings: &AllInOneSettings) -> Result<Self, Error> {
        check_clock(SystemTime::now())?;
        Self::open_all_on(ConnectionThreads::current(), settings).await
    }

    async fn open_all_on(threads: ConnectionThreads, settings: &AllInOneSettings) -> Result<Self, Error> {
        let server = |listen| ServerSettings {
            listen,
            services_in_process: 3,
            ..settings.server.clone()
        };
        let (shopkeeper, service) = (&settings.catalog.token, &settings.callers.token);
        let shared = Shared::read(Some(shopkeeper), service, &settings.server, threads)?;
        // Before the catalog opens its store.
        let order_address = settings
            .server
            .inherited
            .address(ServiceKind::Order, settings.order_listen);
        settings.callers.check(ServiceKind::Order, order_address)?;
        let lock = settings.catalog.store.url()?.lock_path();
        let catalog = CatalogArgs {
            catalog: settings.catalog.clone(),
            server: server(settings.catalog_listen),
            callers: settings.callers.clone(),
        };
        let (catalog, service) = Service::open_catalog(&catalog, &shared).await?;
        let local: Arc<dyn Catalog> = catalog.local(service);
        let (order_server, callers) = (server(settings.order_listen), &settings.callers);
        let (order, service) = Service::open_order(&order_server, callers, Arc::clone(&local), &shared)?;
        let orders = order.local(service);
        let frontend_server = server(settings.server.listen);
        let frontend = Service::open_frontend(&frontend_server, &settings.rate_limit, local, orders, &shared)?;
        let shared_token = shared.shopkeeper.get().filter(|_| settings.share_token);
        let shop = RunningShop::new(frontend.url(), shared_token.as_deref());
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
            _watch: shared.watch(),
            shared,
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

    /// Reads tokens and certificates again.
    pub fn reload(&self) {
        self.shared.reload();
    }

    /// The services are not ready from now on, and go on all the same.
    pub fn begin_stop(&self) {
        for service in &self.services {
            service.stop_begun.cancel();
        }
    }

    /// How the time for requests in hand is ended while [`Self::stop`] waits for them.
    pub fn grace(&self) -> Grace {
        self.shared.grace.clone()
    }

    /// Stops the services, each before those it needs.
    pub async fn stop(self) {
        self.begin_stop();
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
    scheme: &'static str,
    address: SocketAddr,
    health: Arc<Health>,
    stop_begun: CancellationToken,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    catalog: Option<Arc<CatalogService>>,
}

impl Service {
    async fn open_catalog(args: &CatalogArgs, shared: &Shared) -> Result<(Self, Arc<CatalogService>), Error> {
        let server = &args.server;
        let address = server.inherited.address(ServiceKind::Catalog, server.listen);
        args.callers.check(ServiceKind::Catalog, address)?;
        let settings = &args.catalog;
        let url = settings.store.url()?;
        let is_remote = url.is_remote();
        let edit = match settings.discard_edit {
            true => EditPolicy::Discard,
            false => EditPolicy::Refuse,
        };
        let allow_empty = settings.allow_empty;
        let books = settings.books.clone();
        let books = books.map_or(InitialCatalog::BuiltIn, |path| InitialCatalog::File {
            path,
            allow_empty,
        });
        // Bound first: a port in use is reported before a million books are read.
        let listener = server.inherited.open(ServiceKind::Catalog, server.listen)?;
        let init = settings.init;
        let opening = move || {
            if init {
                store::init(&url)?;
            }
            store::open(&url, edit)
        };
        let catalog = if is_remote {
            CatalogService::open_in_background(opening, books)?
        } else {
            let opening = tokio::task::spawn_blocking(move || CatalogService::open(opening()?, &books));
            opening.await.map_err(|_| Error::Cancelled)??
        };
        let catalog = Arc::new(catalog);
        let rules = rules(server, &listener)?.with_service_token(shared.service.clone(), true);
        let stopping = CancellationToken::new();
        let routes = catalog::routes(&catalog, shared.shopkeeper.clone(), stopping.clone());
        let kept = Some(Arc::clone(&catalog));
        Ok((
            Self::start(server, rules, listener, routes, stopping, kept, shared)?,
            catalog,
        ))
    }

    fn open_order(
        server: &ServerSettings,
        callers: &CallerSettings,
        catalog: Arc<dyn Catalog>,
        shared: &Shared,
    ) -> Result<(Self, Arc<OrderService>), Error> {
        callers.check(
            ServiceKind::Order,
            server.inherited.address(ServiceKind::Order, server.listen),
        )?;
        let listener = server.inherited.open(ServiceKind::Order, server.listen)?;
        let rules = rules(server, &listener)?.with_service_token(shared.service.clone(), true);
        let stopping = CancellationToken::new();
        let orders = Arc::new(OrderService::new(catalog, stopping.clone()));
        let routes = order::routes(&orders);
        Ok((
            Self::start(server, rules, listener, routes, stopping, None, shared)?,
            orders,
        ))
    }

    fn open_frontend(
        server: &ServerSettings,
        rate_limit: &RateLimitSettings,
        catalog: Arc<dyn Catalog>,
        orders: Arc<dyn Orders>,
        shared: &Shared,
    ) -> Result<Self, Error> {
        let listener = server.inherited.open(ServiceKind::Frontend, server.listen)?;
        let rules = rules(server, &listener)?
            .with_service_token(shared.service.clone(), false)
            .with_rate_limit(rate_limit.rate_limit, &rate_limit.trusted_proxy);
        let stopping = CancellationToken::new();
        let frontend = Frontend::new(catalog, orders, shared.shopkeeper.clone(), stopping.clone());
        let subscribers = Share::of(server.services_in_process).subscribers;
        // A catalog of the same process answers nearly as fast as the cache.
        if server.services_in_process == 1 {
            frontend.fill_cache();
        }
        let routes = frontend::routes(&Arc::new(frontend.with_subscribers_max(subscribers)));
        Self::start(server, rules, listener, routes, stopping, None, shared)
    }

    fn start(
        settings: &ServerSettings,
        rules: AccessRules,
        listener: TcpListener,
        routes: Routes,
        stopping: CancellationToken,
        catalog: Option<Arc<CatalogService>>,
        shared: &Shared,
    ) -> Result<Self, Error> {
        let connections_max = Share::of(settings.services_in_process).connections;
        let (tls, threads) = (shared.tls.clone(), shared.threads.clone());
        let stop = Stop {
            stopping: stopping.clone(),
            grace: settings.grace,
            grace_ended: shared.grace.0.clone(),
        };
        Ok(Self {
            name: routes.service_name(),
            scheme: if tls.is_some() { "https" } else { "http" },
            address: listener.local_addr()?,
            health: routes.health(),
            stop_begun: routes.stop_begun(),
            serving: tokio::spawn(run_server(listener, tls, routes, rules, connections_max, threads, stop)),
            stopping,
            catalog,
        })
    }

    /// The client of this service, which is `service`, for others in the process.
    fn local<S>(&self, service: Arc<S>) -> Arc<Local<S>> {
        Arc::new(Local::new(service, self.url(), Arc::clone(&self.health)))
    }

    fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
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

fn check_clock(now: SystemTime) -> Result<(), Error> {
    match now < UNIX_EPOCH {
        true => Err(Error::Clock),
        false => Ok(()),
    }
}

/// Which requests a service at a listener's address accepts.
fn rules(settings: &ServerSettings, listener: &TcpListener) -> Result<AccessRules, Error> {
    let (hosts, origins) = (&settings.access.allowed_host, &settings.access.allowed_origin);
    Ok(AccessRules::new(listener.local_addr()?, hosts, origins))
}

/// The catalog of other processes.
fn remote_catalog(args: &CatalogUrl, shared: &Shared, server: &ServerSettings) -> Result<Arc<dyn Catalog>, Error> {
    let endpoint = neighbour("--catalog-url", &args.catalog_url, args.ca.as_deref(), shared, server)?;
    Ok(Arc::new(
        RemoteCatalog::new(endpoint).with_shopkeeper_token(shared.shopkeeper.source()),
    ))
}

/// The order service of other processes.
fn remote_orders(
    urls: &str,
    ca: Option<&Path>,
    shared: &Shared,
    server: &ServerSettings,
) -> Result<Arc<dyn Orders>, Error> {
    Ok(Arc::new(RemoteOrders::new(neighbour(
        "--order-url",
        urls,
        ca,
        shared,
        server,
    )?)))
}

/// The service at the addresses that a flag names.
fn neighbour(
    flag: &str,
    urls: &str,
    ca: Option<&Path>,
    shared: &Shared,
    server: &ServerSettings,
) -> Result<ServiceEndpoint, Error> {
    let parsed = ServiceEndpoint::parse_neighbours(HttpClient::for_addresses(urls, ca)?, urls);
    let endpoint = parsed.map_err(|why| settings::Error(format!("{flag}: {why}")))?;
    let endpoint = endpoint.with_calls_max(Share::of(server.services_in_process).calls);
    Ok(endpoint.with_service_token(shared.service.source()))
}
