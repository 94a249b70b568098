//! Services from their start to their stop: opened from their settings, listening at an address, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::client::{self, CatalogClient, OrderClient, ServiceEndpoint};
use common::wire::ServiceKind;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::catalog::{self, Catalog, InitialCatalog};
use crate::cli::Services;
use crate::descriptors::Share;
use crate::discovery::RunningShop;
use crate::frontend::{self, Frontend};
use crate::http::{AccessRules, Routes, Stop, bind, install_metrics, run_server};
use crate::order::{self, Orders};
use crate::settings::{
    self, AdminToken, AllInOneSettings, CatalogArgs, CatalogUrl, FrontendArgs, OrderArgs, ServerSettings, ServiceToken,
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
    #[error("cannot set up connections: {0}")]
    Client(#[from] reqwest::Error),
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
            Self::Settings(_) => true,
            Self::Listen(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
            Self::Store(_) | Self::Client(_) | Self::Cancelled | Self::Clock => false,
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

/// The services that run in this process: the whole shop, with the same HTTP between them, or one of them.
#[derive(Debug)]
pub struct RunningServices {
    /// Each after those it needs.
    services: Vec<Service>,
    discovery_file: Option<PathBuf>,
    tokens: Tokens,
    grace: Grace,
}

/// The tokens of a process, each read once: a pipe can be read only once.
#[derive(Debug, Clone)]
struct Tokens {
    shopkeeper: Token,
    /// By which catalog and order service recognize the other services.
    service: Token,
}

impl Tokens {
    fn read(shopkeeper: Option<&AdminToken>, service: &ServiceToken) -> Result<Self, Error> {
        Ok(Self {
            shopkeeper: shopkeeper.map_or_else(|| Ok(Token::fixed(None)), AdminToken::read)?,
            service: service.read()?,
        })
    }
}

impl RunningServices {
    /// Opens stores and starts services. Must run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(services: Services) -> Result<Self, Error> {
        prepare()?;
        let grace = Grace::default();
        let (service, tokens) = match services {
            Services::All(settings) => return Self::open_all(&settings).await,
            Services::Catalog(args) => {
                let tokens = Tokens::read(Some(&args.catalog.token), &args.callers.token)?;
                (Service::open_catalog(&args, &tokens, &grace).await?, tokens)
            }
            Services::Order(args) => {
                let tokens = Tokens::read(None, &args.callers.token)?;
                (Service::open_order(&args, &tokens, &grace)?, tokens)
            }
            Services::Frontend(args) => {
                let tokens = Tokens::read(Some(&args.token), &args.service_token)?;
                (Service::open_frontend(&args, &tokens, &grace)?, tokens)
            }
        };
        Ok(Self {
            services: vec![service],
            discovery_file: None,
            tokens,
            grace,
        })
    }

    /// Opens the store and starts the three services. Must run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_all(settings: &AllInOneSettings) -> Result<Self, Error> {
        prepare()?;
        let grace = Grace::default();
        let server = |listen| ServerSettings {
            listen,
            services_in_process: 3,
            ..settings.server.clone()
        };
        let tokens = Tokens::read(Some(&settings.catalog.token), &settings.callers.token)?;
        // Before the catalog opens its store.
        settings.callers.check(ServiceKind::Order, settings.order_listen)?;
        let lock = settings.catalog.store.url()?.lock_path();
        let catalog = CatalogArgs {
            catalog: settings.catalog.clone(),
            server: server(settings.catalog_listen),
            callers: settings.callers.clone(),
        };
        let catalog = Service::open_catalog(&catalog, &tokens, &grace).await?;
        let catalog_url = CatalogUrl {
            catalog_url: catalog.url(),
        };
        let order = OrderArgs {
            server: server(settings.order_listen),
            callers: settings.callers.clone(),
            catalog: catalog_url.clone(),
        };
        let order = Service::open_order(&order, &tokens, &grace)?;
        let frontend = FrontendArgs {
            server: server(settings.server.listen),
            catalog: catalog_url,
            order_url: order.url(),
            rate_limit: settings.rate_limit.clone(),
            service_token: settings.callers.token.clone(),
            token: settings.catalog.token.clone(),
        };
        let frontend = Service::open_frontend(&frontend, &tokens, &grace)?;
        let shared_token = tokens.shopkeeper.get().filter(|_| settings.share_token);
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
            tokens,
            grace,
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

    /// Reads token files again.
    pub fn reload(&self) {
        self.tokens.shopkeeper.reload();
        self.tokens.service.reload();
    }

    /// The services are not ready from now on, and go on all the same.
    pub fn begin_stop(&self) {
        for service in &self.services {
            service.stop_begun.cancel();
        }
    }

    /// How the time for requests in hand is ended while [`Self::stop`] waits for them.
    pub fn grace(&self) -> Grace {
        self.grace.clone()
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
    address: SocketAddr,
    stop_begun: CancellationToken,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    catalog: Option<Arc<Catalog>>,
}

impl Service {
    async fn open_catalog(args: &CatalogArgs, tokens: &Tokens, grace: &Grace) -> Result<Self, Error> {
        args.callers.check(ServiceKind::Catalog, args.server.listen)?;
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
        let listener = bind(args.server.listen)?;
        let init = settings.init;
        let opening = move || {
            if init {
                store::init(&url)?;
            }
            store::open(&url, edit)
        };
        let catalog = if is_remote {
            Catalog::open_in_background(opening, books)?
        } else {
            let opening = tokio::task::spawn_blocking(move || Catalog::open(opening()?, &books));
            opening.await.map_err(|_| Error::Cancelled)??
        };
        let catalog = Arc::new(catalog);
        let (kept, shopkeeper) = (Arc::clone(&catalog), tokens.shopkeeper.clone());
        let rules = rules(&args.server, &listener)?.with_service_token(tokens.service.clone(), true);
        Self::start(&args.server, rules, listener, Some(kept), grace, |stopping| {
            catalog::routes(&catalog, shopkeeper, stopping)
        })
    }

    fn open_order(args: &OrderArgs, tokens: &Tokens, grace: &Grace) -> Result<Self, Error> {
        args.callers.check(ServiceKind::Order, args.server.listen)?;
        let share = Share::of(args.server.services_in_process);
        let catalog = CatalogClient::new(neighbour("--catalog-url", &args.catalog.catalog_url, tokens, share)?);
        let listener = bind(args.server.listen)?;
        let rules = rules(&args.server, &listener)?.with_service_token(tokens.service.clone(), true);
        Self::start(&args.server, rules, listener, None, grace, |stopping| {
            order::routes(&Arc::new(Orders::new(catalog, stopping)))
        })
    }

    fn open_frontend(args: &FrontendArgs, tokens: &Tokens, grace: &Grace) -> Result<Self, Error> {
        let share = Share::of(args.server.services_in_process);
        let catalog = CatalogClient::new(neighbour("--catalog-url", &args.catalog.catalog_url, tokens, share)?);
        let orders = OrderClient::new(neighbour("--order-url", &args.order_url, tokens, share)?);
        let listener = bind(args.server.listen)?;
        let rules = rules(&args.server, &listener)?
            .with_service_token(tokens.service.clone(), false)
            .with_rate_limit(args.rate_limit.rate_limit, &args.rate_limit.trusted_proxy);
        let shopkeeper = tokens.shopkeeper.clone();
        Self::start(&args.server, rules, listener, None, grace, |stopping| {
            let frontend = Frontend::new(catalog, orders, shopkeeper, stopping);
            frontend::routes(&Arc::new(frontend.with_subscribers_max(share.subscribers)))
        })
    }

    fn start(
        settings: &ServerSettings,
        rules: AccessRules,
        listener: TcpListener,
        catalog: Option<Arc<Catalog>>,
        grace: &Grace,
        routes: impl FnOnce(CancellationToken) -> Routes,
    ) -> Result<Self, Error> {
        let (address, stopping) = (listener.local_addr()?, CancellationToken::new());
        let routes = routes(stopping.clone());
        let connections_max = Share::of(settings.services_in_process).connections;
        let stop = Stop {
            stopping: stopping.clone(),
            grace: settings.grace,
            grace_ended: grace.0.clone(),
        };
        Ok(Self {
            name: routes.service_name(),
            address,
            stop_begun: routes.stop_begun(),
            serving: tokio::spawn(run_server(listener, routes, rules, connections_max, stop)),
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

/// What every start needs.
fn prepare() -> Result<(), Error> {
    check_clock(SystemTime::now())?;
    install_metrics();
    Ok(())
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

/// The service at the addresses that a flag names.
fn neighbour(flag: &str, urls: &str, tokens: &Tokens, share: Share) -> Result<ServiceEndpoint, Error> {
    let parsed = ServiceEndpoint::parse_neighbours(client::http_client()?, urls);
    let endpoint = parsed.map_err(|why| settings::Error(format!("{flag}: {why}")))?;
    let endpoint = endpoint.with_calls_max(share.calls);
    Ok(endpoint.with_service_token(tokens.service.source()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_before_1970_is_refused_at_the_start() {
        check_clock(UNIX_EPOCH).unwrap();
        let refused = check_clock(UNIX_EPOCH - Duration::from_secs(1));
        assert!(matches!(refused, Err(Error::Clock)));
    }
}
