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

use common::batcher::Batcher;
use common::client::{self, CatalogClient, OrderClient, Response as ClientResponse, ServiceEndpoint};
use common::wire::{Health, Order, StockChange};
use common::{Code, Deadline, IfMatch, ItemNumber, OrderId, Problem, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use live::Live;
pub(crate) use routes::routes;

use crate::http::{ApiError, ApiResult, HttpService, Readiness, Response};

/// A running front-end.
#[derive(Debug)]
pub(crate) struct Frontend {
    catalog: CatalogClient,
    orders: OrderClient,
    batcher: Batcher<Order, buying::Placed>,
    live: Arc<Live>,
    subscribers: Arc<Semaphore>,
    token: Option<Arc<str>>,
    stopping: CancellationToken,
}

impl Frontend {
    /// Over a catalog and an order service; `token` is the shopkeeper's. Must run within a runtime.
    pub(crate) fn new(
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
            token,
            stopping,
        }
    }

    /// The newest ledger entry that the front-end knows.
    pub(crate) fn head(&self) -> Seq {
        self.live.newest_seq()
    }

    fn observe_seq(&self, seq: Option<Seq>) {
        if let Some(seq) = seq {
            self.live.observe_seq(seq);
        }
    }

    fn relay(&self, response: Result<ClientResponse, client::Error>) -> ApiResult {
        let response = response.map_err(|error| unavailable(&error))?;
        let (seq, replayed) = (response.seq, response.replayed);
        self.observe_seq(seq);
        let relayed = if response.is_success() {
            Response::json_bytes(response.body).with_etag(response.etag)
        } else {
            match response.error() {
                client::Error::Problem(problem) => Response::from(*problem),
                error => return Err(unavailable(&error)),
            }
        };
        Ok(relayed.with_seq(seq).with_replayed(replayed))
    }

    /// Changes a stock. The change is sent once: a client resolves an unknown outcome with the same key.
    async fn change_stock(
        &self,
        item: ItemNumber,
        change: StockChange,
        key: Option<OrderId>,
        if_match: Option<&IfMatch>,
        deadline: Option<Deadline>,
        token: Option<&str>,
    ) -> ApiResult {
        let deadline = Deadline::clamped(deadline);
        let changed = self.catalog.update(item, change, key, if_match, deadline, token).await;
        match &changed {
            Err(error) if !error.is_not_applied() => {
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

impl HttpService for Frontend {
    fn name(&self) -> &'static str {
        "frontend"
    }

    fn newest_seq(&self) -> Option<Seq> {
        Some(self.head()).filter(|&head| head > Seq::ZERO)
    }

    fn check_readiness(&self) -> BoxFuture<'_, Readiness> {
        let check = async {
            let orders = upstream_health("the order service", self.orders.endpoint());
            let catalog = upstream_health("the catalog", self.catalog.endpoint());
            let (orders, catalog) = tokio::join!(orders, catalog);
            let mut readiness = Readiness {
                // The head of its events: what its clients see.
                head: Some(self.live.head()),
                ..Readiness::default()
            };
            for health in [orders, catalog] {
                match health {
                    Ok(health) => readiness.services.push(health),
                    Err(missing) => readiness.missing.push(missing),
                }
            }
            readiness
        };
        check.boxed()
    }
}

/// The health of a service that this one needs, or what is missing.
async fn upstream_health(name: &str, endpoint: &ServiceEndpoint) -> Result<Health, String> {
    let response = endpoint.ready().await.map_err(|error| format!("{name}: {error}"))?;
    response.parse().map_err(|error| match error {
        client::Error::Problem(problem) => format!("{name} at {} is not ready ({})", endpoint.url(), problem.detail),
        _ => format!("{name} at {} is not ready", endpoint.url()),
    })
}
