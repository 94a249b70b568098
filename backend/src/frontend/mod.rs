//! The front-end service: the public HTTP with validation, limits, cache and live events. It stores nothing durable, so any
//! number of copies can run.

mod buying;
pub mod cache;
mod live;
mod reads;
mod routes;
mod selector;
mod stock_events;
mod subscriber;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::batcher::Batcher;
use common::client::{self, CatalogClient, Freshness, OrderClient, Response as ClientResponse};
use common::wire::{Health, Order, StockChange};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use live::Live;
pub use routes::routes;

use crate::http::{ApiError, ApiResult, Readiness, ReadinessCheck, Response};

/// A running front-end.
#[derive(Debug)]
pub struct Frontend {
    catalog: CatalogClient,
    orders: OrderClient,
    batcher: Batcher<Order, buying::Outcome>,
    live: Arc<Live>,
    subscribers: Arc<Semaphore>,
    /// The newest ledger entry in any response.
    head: AtomicU64,
    token: Option<Arc<str>>,
    stopping: CancellationToken,
}

impl Frontend {
    /// Over a catalog and an order service; `token` is the shopkeeper's. Must run within a runtime.
    pub fn new(
        catalog: CatalogClient,
        orders: OrderClient,
        token: Option<Arc<str>>,
        stopping: CancellationToken,
    ) -> Self {
        let live = Arc::new(Live::new());
        tokio::spawn(live::follow(Arc::clone(&live), catalog.clone(), stopping.clone()));
        Self {
            batcher: buying::batcher(orders.clone(), Arc::clone(&live)),
            catalog,
            orders,
            live,
            subscribers: Arc::new(Semaphore::new(limits::SUBSCRIBERS_MAX)),
            head: AtomicU64::new(0),
            token,
            stopping,
        }
    }

    /// The newest ledger entry that the front-end knows.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Relaxed)).max(self.live.head())
    }

    fn observe_seq(&self, seq: Option<Seq>) {
        if let Some(seq) = seq {
            self.head.fetch_max(seq.0, Ordering::Relaxed);
        }
    }

    /// Reads from the catalog and relays its response.
    async fn relay_get(&self, path: &str, fresh: Freshness) -> ApiResult {
        self.relay(self.catalog.get(path, fresh).await)
    }

    fn relay(&self, response: Result<ClientResponse, client::Error>) -> ApiResult {
        let response = response.map_err(|error| unavailable(&error))?;
        let (seq, replayed) = (response.seq, response.replayed);
        self.observe_seq(seq);
        if !response.is_success() {
            return Err(match response.parse::<serde_json::Value>() {
                Err(client::Error::Problem(problem)) => ApiError::from(*problem).with_seq(seq).with_replayed(replayed),
                Err(error) => unavailable(&error),
                Ok(_) => ApiError::new(Code::Internal, "A neighbour sent an invalid response."),
            });
        }
        let relayed = Response::json_bytes(response.body)
            .with_seq(seq)
            .with_replayed(replayed);
        Ok(match response.etag {
            Some(etag) => relayed.with_etag(etag),
            None => relayed,
        })
    }

    /// Changes a stock. The change is sent once: a client resolves an unknown outcome with the same key.
    async fn change_stock(
        &self,
        item: ItemNumber,
        change: StockChange,
        key: Option<OrderId>,
        deadline: Option<Deadline>,
        token: Option<&str>,
    ) -> ApiResult {
        let deadline = Deadline::clamped(deadline);
        let changed = self.catalog.update(item, change, key, deadline, token).await;
        match &changed {
            Err(error) if !error.is_definite() => {
                tracing::warn!(%error, "the outcome of a stock change is unknown");
                let detail = "There was no decision in time. Send the same key again to learn the outcome.";
                return Err(Problem::new(Code::DeadlineExceeded, detail).with_order(key).into());
            }
            Ok(ClientResponse { etag: Some(seq), .. }) => self.live.wait_briefly(*seq).await,
            _ => {}
        }
        self.relay(changed)
    }
}

/// 503: the request changed nothing.
fn unavailable(error: &client::Error) -> ApiError {
    tracing::warn!(%error, "a service behind this one did not answer");
    ApiError::new(Code::Unavailable, "A service of the shop cannot be reached; try again.")
}

impl ReadinessCheck for Frontend {
    fn check_readiness(&self) -> BoxFuture<'_, Readiness> {
        async {
            let (catalog, orders) = tokio::join!(self.catalog.ready(), self.orders.ready());
            let mut readiness = Readiness {
                // The head of its events: what its clients see.
                head: Some(self.live.head()),
                ..Readiness::default()
            };
            for (name, url, response) in [
                ("the order service", self.orders.url(), orders),
                ("the catalog", self.catalog.url(), catalog),
            ] {
                match neighbour_health(name, url, response) {
                    Ok(health) => readiness.services.push(health),
                    Err(missing) => readiness.missing.push(missing),
                }
            }
            readiness
        }
        .boxed()
    }
}

fn neighbour_health(name: &str, url: &str, response: Result<ClientResponse, client::Error>) -> Result<Health, String> {
    let response = response.map_err(|error| format!("{name}: {error}"))?;
    response.parse().map_err(|error| match error {
        client::Error::Problem(problem) => format!("{name} at {url} is not ready ({})", problem.detail),
        _ => format!("{name} at {url} is not ready"),
    })
}
