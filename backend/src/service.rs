//! Services from their start to their stop: opened from their settings, listening at an address, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::client::{self, CatalogClient, OrderClient, ServiceEndpoint};
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
    self, AllInOneSettings, CatalogArgs, CatalogUrl, FrontendArgs, OrderArgs, RateLimitSettings, ServerSettings,
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
    /// The shopkeeper's, of the services that have one.
    token: Option<Token>,
    grace: Grace,
}

impl RunningServices {
    /// Opens stores and starts services. Must run within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(services: Services) -> Result<Self, Error> {
        prepare()?;
        let grace = Grace::default();
        let (service, token) = match services {
            Services::All(settings) => return Self::open_all(&settings).await,
            Services::Catalog(args) => {
                let token = args.catalog.token.read()?;
                (Service::open_catalog(&args, token.clone(), &grace).await?, Some(token))
            }
            Services::Order(args) => (Service::open_order(&args, &grace)?, None),
            Services::Frontend(args) => {
                let token = args.token.read()?;
                (Service::open_frontend(&args, token.clone(), &grace)?, Some(token))
            }
        };
        Ok(Self {
            services: vec![service],
            discovery_file: None,
            token,
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
        // Once for both: a pipe can be read only once.
        let token = settings.catalog.token.read()?;
        let lock = settings.catalog.store.url()?.lock_path();
        let catalog = CatalogArgs {
            catalog: settings.catalog.clone(),
            server: server(settings.catalog_listen),
        };
        let catalog = Service::open_catalog(&catalog, token.clone(), &grace).await?;
        let catalog_url = CatalogUrl {
            catalog_url: catalog.url(),
        };
        let order = OrderArgs {
            server: server(settings.order_listen),
            catalog: catalog_url.clone(),
        };
        let order = Service::open_order(&order, &grace)?;
        let frontend = FrontendArgs {
            server: server(settings.server.listen),
            catalog: catalog_url,
            order_url: order.url(),
            rate_limit: settings.rate_limit.clone(),
            token: settings.catalog.token.clone(),
        };
        let frontend = Service::open_frontend(&frontend, token.clone(), &grace)?;
        let shared_token = token.get().filter(|_| settings.share_token);
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
            token: Some(token),
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
        if let Some(token) = &self.token {
            token.reload();
        }
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
    async fn open_catalog(args: &CatalogArgs, token: Token, grace: &Grace) -> Result<Self, Error> {
        let settings = &args.catalog;
        let url = settings.store.url()?;
        let edit = match settings.discard_edit {
            true => EditPolicy::Discard,
            false => EditPolicy::Refuse,
        };
        let books = settings.books.clone();
        let books = books.map_or(InitialCatalog::BuiltIn, InitialCatalog::File);
        // Bound first: a port in use is reported before a million books are read.
        let listener = bind(args.server.listen)?;
        let opening = tokio::task::spawn_blocking(move || Catalog::open(store::open(&url, edit)?, &books));
        let catalog = Arc::new(opening.await.map_err(|_| Error::Cancelled)??);
        let (server, kept) = (&args.server, Arc::clone(&catalog));
        Self::start(
            server,
            &RateLimitSettings::default(),
            listener,
            Some(kept),
            grace,
            |stopping| catalog::routes(&catalog, token, stopping),
        )
    }

    fn open_order(args: &OrderArgs, grace: &Grace) -> Result<Self, Error> {
        let share = Share::of(args.server.services_in_process);
        let catalog = CatalogClient::new(endpoint(&args.catalog.catalog_url, share)?);
        let listener = bind(args.server.listen)?;
        Self::start(
            &args.server,
            &RateLimitSettings::default(),
            listener,
            None,
            grace,
            |_| order::routes(&Arc::new(Orders::new(catalog))),
        )
    }

    fn open_frontend(args: &FrontendArgs, token: Token, grace: &Grace) -> Result<Self, Error> {
        let share = Share::of(args.server.services_in_process);
        let catalog = CatalogClient::new(endpoint(&args.catalog.catalog_url, share)?);
        let orders = OrderClient::new(endpoint(&args.order_url, share)?);
        let listener = bind(args.server.listen)?;
        Self::start(&args.server, &args.rate_limit, listener, None, grace, |stopping| {
            let frontend = Frontend::new(catalog, orders, token, stopping);
            frontend::routes(&Arc::new(frontend.with_subscribers_max(share.subscribers)))
        })
    }

    fn start(
        settings: &ServerSettings,
        rate_limit: &RateLimitSettings,
        listener: TcpListener,
        catalog: Option<Arc<Catalog>>,
        grace: &Grace,
        routes: impl FnOnce(CancellationToken) -> Routes,
    ) -> Result<Self, Error> {
        let (address, stopping) = (listener.local_addr()?, CancellationToken::new());
        let routes = routes(stopping.clone());
        let (hosts, origins) = (&settings.access.allowed_host, &settings.access.allowed_origin);
        let rules =
            AccessRules::new(address, hosts, origins).with_rate_limit(rate_limit.rate_limit, &rate_limit.trusted_proxy);
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

fn endpoint(urls: &str, share: Share) -> Result<ServiceEndpoint, Error> {
    let parsed = ServiceEndpoint::parse(client::http_client()?, urls);
    Ok(parsed.map_err(settings::Error)?.with_calls_max(share.calls))
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
