//! The whole shop in one process: the same services, the same HTTP between them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::beacon::Beacon;
use crate::descriptors;
use crate::service::{CatalogSettings, Error, Listen, Service};

/// What a shop is opened with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The catalog's part.
    pub catalog: CatalogSettings,
    /// Where the front-end listens.
    pub listen: SocketAddr,
    /// Where the catalog listens.
    pub catalog_listen: SocketAddr,
    /// Where the order service listens.
    pub order_listen: SocketAddr,
    /// How long each service's connections may go on after the stop.
    pub grace: Duration,
    /// Whether whoever finds this shop beside its store may use the shopkeeper's token, too.
    pub share_token: bool,
}

/// A running shop.
#[derive(Debug)]
pub struct All {
    catalog: Service,
    order: Service,
    frontend: Service,
    beacon: Option<PathBuf>,
}

impl All {
    /// Opens the store and starts the three services.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        let Settings {
            catalog,
            listen: frontend_listen,
            catalog_listen,
            order_listen,
            grace,
            share_token,
        } = settings;
        let token = catalog.token.clone();
        let lock = catalog.store.lock_path();
        let connections_max = descriptors::connections_max(3);
        let listen = |address| Listen {
            address,
            grace,
            connections_max,
        };
        let catalog = Service::open_catalog(listen(catalog_listen), catalog).await?;
        let order = Service::open_order(listen(order_listen), &catalog.url()).await?;
        let frontend =
            Service::open_frontend(listen(frontend_listen), &catalog.url(), &order.url(), token.clone()).await?;
        let beacon = Beacon::new(frontend.url(), token.filter(|_| share_token).as_deref());
        // A store without a lock is shared: whoever wants it opens it, too.
        let beacon = lock.and_then(|lock| {
            let left = beacon.leave(&lock).inspect_err(|error| {
                tracing::warn!(%error, "another shop on this machine will not find this store by itself");
            });
            left.ok()
        });
        Ok(Self {
            catalog,
            order,
            frontend,
            beacon,
        })
    }

    /// The services, in the order in which they started.
    pub fn services(&self) -> [&Service; 3] {
        [&self.catalog, &self.order, &self.frontend]
    }

    /// The front-end's address.
    pub fn url(&self) -> String {
        self.frontend.url()
    }

    /// Says when the store is closed for good, and why.
    pub fn ended(&self) -> Option<watch::Receiver<Option<String>>> {
        self.catalog.ended()
    }

    /// Stops the services, each before the one it needs.
    pub async fn stop(self) {
        if let Some(beacon) = &self.beacon {
            // A stale one does no harm: the lock is free then.
            let _ = std::fs::remove_file(beacon);
        }
        self.frontend.stop().await;
        self.order.stop().await;
        self.catalog.stop().await;
    }
}
