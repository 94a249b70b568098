//! One service of this process: its opening, its server and its stop.

use std::net::SocketAddr;
use std::sync::Arc;

use common::client::{Catalog, Orders};
use common::wire::ServiceKind;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::shared::Shared;
use crate::catalog::{self, CatalogService, InitialCatalog};
use crate::descriptors::DescriptorBudget;
use crate::frontend::{self, Frontend};
use crate::http::{AccessRules, Health, Routes, Stop, run_server};
use crate::in_process::InProcess;
use crate::order::{self, OrderService};
use crate::settings::{CallerSettings, CatalogArgs, RateLimitSettings, ServerSettings};
use crate::store::{self, EditPolicy};

/// A service that serves requests until [`Self::stop`].
#[derive(Debug)]
pub(super) struct RunningService {
    /// `catalog`, `order` or `frontend`.
    pub(super) name: &'static str,
    scheme: &'static str,
    address: SocketAddr,
    health: Arc<Health>,
    /// When cancelled, the server stops accepting.
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    /// `None` for the other services.
    pub(super) catalog: Option<Arc<CatalogService>>,
}

impl RunningService {
    pub(super) async fn open_catalog(
        args: &CatalogArgs,
        shared: &Shared,
    ) -> Result<(Self, Arc<CatalogService>), Error> {
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
        // Bind before the store opens, so that a port in use is reported before a million books are read.
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
        let owned = Some(Arc::clone(&catalog));
        Ok((
            Self::start(server, rules, listener, routes, stopping, owned, shared)?,
            catalog,
        ))
    }

    pub(super) fn open_order(
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

    pub(super) fn open_frontend(
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
        let subscribers = DescriptorBudget::of(server.services_in_process).subscribers;
        // A catalog of the same process is nearly as fast as the cache.
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
        let connections_max = DescriptorBudget::of(settings.services_in_process).connections;
        let (tls, threads) = (shared.tls.clone(), shared.threads.clone());
        let stop = Stop {
            stopping: stopping.clone(),
            grace: settings.grace,
            grace_ended: shared.grace.ended(),
        };
        Ok(Self {
            name: routes.service_name(),
            scheme: if tls.is_some() { "https" } else { "http" },
            address: listener.local_addr()?,
            health: routes.health(),
            serving: tokio::spawn(run_server(listener, tls, routes, rules, connections_max, threads, stop)),
            stopping,
            catalog,
        })
    }

    /// A client of `service`, which this server exposes, for direct calls within the process.
    pub(super) fn local<S>(&self, service: Arc<S>) -> Arc<InProcess<S>> {
        Arc::new(InProcess::new(service, self.url(), Arc::clone(&self.health)))
    }

    pub(super) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// `/readyz` answers 503 from now on; requests are still served.
    pub(super) fn begin_stop(&self) {
        self.health.begin_stop();
    }

    /// Stops accepting, finishes open requests within the grace period, and closes the store with a checkpoint.
    pub(super) async fn stop(self) {
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

/// The access rules of a service at the listener's address.
fn rules(settings: &ServerSettings, listener: &TcpListener) -> Result<AccessRules, Error> {
    let (hosts, origins) = (&settings.access.allowed_host, &settings.access.allowed_origin);
    Ok(AccessRules::new(listener.local_addr()?, hosts, origins))
}
