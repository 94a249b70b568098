//! The services of a process: started from their settings in the order of their dependencies, stopped in reverse order.

mod remote;
mod running_service;
mod shared;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use common::client::{Catalog, SetupError};
use common::wire::ServiceKind;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::remote::{remote_catalog, remote_orders};
use self::running_service::RunningService;
pub use self::shared::Grace;
use self::shared::Shared;
use crate::cli::Services;
use crate::discovery::RunningShop;
use crate::http::ConnectionThreads;
use crate::settings::{self, AllInOneSettings, CatalogArgs, ServerSettings};
use crate::store;

/// Why a service did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A service cannot listen at its address.
    #[error(transparent)]
    Listen(#[from] std::io::Error),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Client(#[from] SetupError),
    /// A setting is invalid.
    #[error(transparent)]
    Settings(#[from] settings::Error),
    /// The program stopped while the store was being opened.
    #[error("the program stopped while the store was being opened")]
    Cancelled,
    /// The system's clock is before 1970, a time that HTTP cannot express.
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

/// The services that run in this process: the whole shop, whose services call each other directly, or one of them, which
/// calls the others over HTTP.
#[derive(Debug)]
pub struct RunningServices {
    /// In start order: dependencies first.
    services: Vec<RunningService>,
    discovery_file: Option<PathBuf>,
    shared: Shared,
    _watch: Option<AbortOnDropHandle<()>>,
}

impl RunningServices {
    /// Opens stores and starts services. They serve connections on the current runtime and on threads of their own. Must run
    /// within a runtime.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(services: Services) -> Result<Self, Error> {
        check_clock(SystemTime::now())?;
        let current_max = usize::from(!services.are_local());
        let threads = ConnectionThreads::start(services.connection_threads(), current_max)?;
        let (service, shared) = match services {
            Services::All(settings) => return Self::open_all_on(threads, &settings).await,
            Services::Catalog(args) => {
                let shared = Shared::read(
                    Some(&args.catalog.admin_token),
                    &args.callers.service_token,
                    &args.server,
                    threads,
                )?;
                (RunningService::open_catalog(&args, &shared).await?.0, shared)
            }
            Services::Order(args) => {
                let shared = Shared::read(None, &args.callers.service_token, &args.server, threads)?;
                let catalog = remote_catalog(&args.catalog, &shared, &args.server)?;
                let (service, _) = RunningService::open_order(&args.server, &args.callers, catalog, &shared)?;
                (service, shared)
            }
            Services::Frontend(args) => {
                let shared = Shared::read(Some(&args.admin_token), &args.service_token, &args.server, threads)?;
                let catalog = remote_catalog(&args.catalog, &shared, &args.server)?;
                let orders = remote_orders(&args.order_url, args.catalog.ca.as_deref(), &shared, &args.server)?;
                let (server, rate_limit) = (&args.server, &args.rate_limit);
                let service = RunningService::open_frontend(server, rate_limit, catalog, orders, &shared)?;
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

    /// Opens the store and starts the three services on the current runtime alone. Must run within a runtime.
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
        let (shopkeeper, service) = (&settings.catalog.admin_token, &settings.callers.service_token);
        let shared = Shared::read(Some(shopkeeper), service, &settings.server, threads)?;
        // Check the order service's callers before the catalog opens its store.
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
        let (catalog, service) = RunningService::open_catalog(&catalog, &shared).await?;
        let local: Arc<dyn Catalog> = catalog.local(service);
        let (order_server, callers) = (server(settings.order_listen), &settings.callers);
        let (order, service) = RunningService::open_order(&order_server, callers, Arc::clone(&local), &shared)?;
        let orders = order.local(service);
        let frontend_server = server(settings.server.listen);
        let frontend = RunningService::open_frontend(&frontend_server, &settings.rate_limit, local, orders, &shared)?;
        let shared_token = shared.shopkeeper.get().filter(|_| settings.share_token);
        let shop = RunningShop::new(frontend.url(), shared_token.as_deref());
        // A store without a lock is shared: other programs open it directly.
        let discovery_file = lock.and_then(|lock| {
            let published = shop.publish(&lock).inspect_err(|error| {
                tracing::warn!(%error, "the shop's address could not be saved beside its store; other programs of \
                                        this user cannot find the shop");
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

    /// Name (`catalog`, `order` or `frontend`) and base address of each service, in start order.
    pub fn addresses(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.services.iter().map(|service| (service.name, service.url()))
    }

    /// The base address of the service that started last: the front-end if all run.
    pub fn url(&self) -> String {
        self.services.last().map(RunningService::url).unwrap_or_default()
    }

    /// A channel that becomes `Some(why)` when an error closes the store; `None` without a store.
    pub fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        let catalog = self.services.first()?.catalog.as_ref()?;
        Some(catalog.store_closed())
    }

    /// Reads tokens and certificates again.
    pub fn reload(&self) {
        self.shared.reload();
    }

    /// `/readyz` answers 503 from now on; requests are still served.
    pub fn begin_stop(&self) {
        for service in &self.services {
            service.begin_stop();
        }
    }

    /// Ends the grace period early while [`Self::stop`] waits.
    pub fn grace(&self) -> Grace {
        self.shared.grace.clone()
    }

    /// Stops the services in reverse start order.
    pub async fn stop(self) {
        self.begin_stop();
        if let Some(file) = &self.discovery_file {
            // A leftover file is harmless: readers ignore it unless the lock is held.
            let _ = std::fs::remove_file(file);
        }
        for service in self.services.into_iter().rev() {
            service.stop().await;
        }
    }
}

fn check_clock(now: SystemTime) -> Result<(), Error> {
    match now < UNIX_EPOCH {
        true => Err(Error::Clock),
        false => Ok(()),
    }
}
