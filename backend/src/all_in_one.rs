//! The whole shop in one process: the same services, with the same HTTP between them.

use std::path::PathBuf;

use tokio::sync::watch;

use crate::discovery::RunningShop;
use crate::service::{Error, Listen, Service};
use crate::settings::AllInOneSettings;

/// A running shop.
#[derive(Debug)]
pub struct AllInOne {
    catalog: Service,
    order: Service,
    frontend: Service,
    discovery_file: Option<PathBuf>,
}

impl AllInOne {
    /// Opens the store and starts the three services.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(settings: &AllInOneSettings) -> Result<Self, Error> {
        let listen = |address| Listen::new(address, settings.grace.grace, 3);
        let token = settings.catalog.token.read()?;
        let lock = settings.catalog.store.url()?.lock_path();
        let catalog = Service::open_catalog(listen(settings.catalog_listen), &settings.catalog).await?;
        let order = Service::open_order(listen(settings.order_listen), &catalog.url()).await?;
        let listen_frontend = listen(settings.listen);
        let frontend = Service::open_frontend(listen_frontend, &catalog.url(), &order.url(), token.clone()).await?;
        let shop = RunningShop::new(frontend.url(), token.filter(|_| settings.share_token).as_deref());
        // A store without a lock is shared: other programs open it themselves.
        let discovery_file = lock.and_then(|lock| {
            let published = shop.publish(&lock).inspect_err(|error| {
                tracing::warn!(%error, "other programs of this user cannot find the shop beside its store");
            });
            published.ok()
        });
        Ok(Self {
            catalog,
            order,
            frontend,
            discovery_file,
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

    /// See [`Service::store_closed`].
    pub fn store_closed(&self) -> Option<watch::Receiver<Option<String>>> {
        self.catalog.store_closed()
    }

    /// Stops the services, each before the one it needs.
    pub async fn stop(self) {
        if let Some(file) = &self.discovery_file {
            // A file that stays does no harm: it counts only while the lock is held.
            let _ = std::fs::remove_file(file);
        }
        self.frontend.stop().await;
        self.order.stop().await;
        self.catalog.stop().await;
    }
}
