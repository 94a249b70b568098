//! The front-end service: the public HTTP API with validation, limits, cache and live events. It stores nothing, so any number
//! of instances can run.

mod buying;
pub mod cache;
mod fill;
mod live;
mod metrics;
mod reads;
mod routes;
mod selector;
mod shopkeeper;
mod stock_events;
mod subscriber;

use std::sync::Arc;

use common::client::{Catalog, CatalogUpdate, Follower, Orders};
use common::wire::{BookChanges, ServiceKind};
use common::{Code, Position, Problem, Seq, limits};
use futures::FutureExt;
use futures::future::{BoxFuture, join};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use live::Live;
use metrics::FrontendMetrics;
pub(crate) use routes::routes;

use crate::client_response::{client_problem, update_response};
use crate::dependencies::Dependencies;
use crate::http::{ApiResult, DependencyStatus, Exposition, HttpService, KnownStore};
use crate::token::Token;

/// A running front-end.
#[derive(Debug)]
pub(crate) struct Frontend {
    catalog: Arc<dyn Catalog>,
    orders: Arc<dyn Orders>,
    live: Arc<Live>,
    metrics: Arc<FrontendMetrics>,
    dependencies: Arc<Dependencies>,
    subscribers: Arc<Semaphore>,
    token: Token,
    stopping: CancellationToken,
}

impl Frontend {
    /// `token` is the shopkeeper's. Must run within a runtime.
    pub(crate) fn new(
        catalog: Arc<dyn Catalog>,
        orders: Arc<dyn Orders>,
        token: Token,
        stopping: CancellationToken,
    ) -> Self {
        let live = Arc::new(Live::new());
        let follow = catalog.follow(Arc::clone(&live) as Arc<dyn Follower>);
        let publish = Arc::clone(&live).publish_changes();
        tokio::spawn(stopping.clone().run_until_cancelled_owned(join(follow, publish)));
        let dependencies = Arc::new(Dependencies::new(Arc::clone(&catalog), Some(Arc::clone(&orders))));
        let metrics = Arc::<FrontendMetrics>::default();
        let observed = Arc::clone(&metrics);
        Arc::clone(&dependencies).watch(stopping.clone(), move |report| {
            observed.observe_catalog(report.ledger.and_then(|(_, head)| head));
        });
        Self {
            catalog,
            orders,
            live,
            metrics,
            dependencies,
            subscribers: Arc::new(Semaphore::new(limits::SUBSCRIBERS_MAX)),
            token,
            stopping,
        }
    }

    /// Limits the number of event streams.
    pub(crate) fn with_subscribers_max(self, subscribers: usize) -> Self {
        Self {
            subscribers: Arc::new(Semaphore::new(subscribers)),
            ..self
        }
    }

    /// Reads all books into the cache in the background. Must run within a runtime.
    pub(crate) fn fill_cache(&self) {
        let fill = fill::fill(Arc::clone(&self.catalog), Arc::clone(&self.live));
        tokio::spawn(self.stopping.clone().run_until_cancelled_owned(fill));
    }

    /// The newest ledger entry that the front-end knows.
    pub(crate) fn head(&self) -> Position {
        self.live.newest_position()
    }

    fn observe_position(&self, position: Position) {
        self.live.observe_position(position);
    }

    /// Changes books. The change is sent once: a client resolves an unknown outcome with the same key.
    async fn update_books(&self, update: CatalogUpdate) -> ApiResult {
        let key = update.keyed.then_some(update.id);
        let is_one = matches!(update.changes, BookChanges::One(_));
        let answer = match self.catalog.update_books(update).await {
            Ok(answer) => answer,
            Err(error) if error.is_not_applied() => return Err(client_problem(error).into()),
            Err(error) => {
                tracing::debug!(%error, "the outcome of a shopkeeper's change is unknown");
                let detail = "There was no decision in time. Send the same key again to learn the outcome.";
                return Err(Problem::new(Code::DeadlineExceeded, detail).with_order(key).into());
            }
        };
        self.observe_position(answer.position);
        if let Ok(changed) = &answer.result {
            self.live.wait_briefly(answer.position.at(changed.seq)).await;
        }
        Ok(update_response(is_one, answer))
    }
}

impl HttpService for Frontend {
    fn kind(&self) -> ServiceKind {
        ServiceKind::Frontend
    }

    fn newest_position(&self) -> Option<Position> {
        Some(self.head()).filter(|head| head.seq > Seq::ZERO)
    }

    fn known_store(&self) -> KnownStore {
        // The head of its events, which is what its clients see.
        KnownStore {
            id: self.live.store(),
            head: self.live.head(),
            health: None,
        }
    }

    fn write_metrics(&self, out: &mut Exposition) {
        self.write_metrics_to(out);
    }

    fn check_dependencies(&self) -> BoxFuture<'_, DependencyStatus> {
        async { self.dependencies.check().await.status.clone() }.boxed()
    }
}
