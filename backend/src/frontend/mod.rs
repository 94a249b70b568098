//! The front-end service: public HTTP; validation, limits, live events. It keeps nothing durable, so any number of copies
//! can run anywhere.

mod buying;
pub mod cache;
mod events;
mod live;
mod reading;
mod routes;
mod selector;
mod subscriber;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::batcher::Batcher;
use common::client::{self, CatalogClient, Freshness, OrderClient, Response as Reply};
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
    /// The last entry of the ledger that was heard of.
    head: AtomicU64,
    token: Option<Arc<str>>,
    stopping: CancellationToken,
}

impl Frontend {
    /// Over that catalog and that order service; `token` is the shopkeeper's. Must run within a runtime.
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

    /// The last entry of the ledger that was heard of.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Relaxed)).max(self.live.head())
    }

    fn note(&self, seq: Option<Seq>) {
        if let Some(seq) = seq {
            self.head.fetch_max(seq.0, Ordering::Relaxed);
        }
    }

    /// Reads from the catalog and hands its answer on.
    async fn relay_get(&self, path: &str, fresh: Freshness) -> ApiResult {
        self.relay(self.catalog.get(path, fresh).await)
    }

    fn relay(&self, reply: Result<Reply, client::Error>) -> ApiResult {
        let reply = reply.map_err(|error| unreachable(&error))?;
        self.note(reply.seq);
        if reply.is_success() {
            let answer = Response::json_bytes(reply.body)
                .with_seq(reply.seq)
                .with_replayed(reply.replayed);
            return Ok(match reply.etag {
                Some(etag) => answer.with_etag(etag),
                None => answer,
            });
        }
        let (seq, replayed) = (reply.seq, reply.replayed);
        match reply.parse::<serde_json::Value>() {
            Err(client::Error::Problem(problem)) => Err(ApiError::from(*problem).with_seq(seq).with_replayed(replayed)),
            Err(error) => Err(unreachable(&error)),
            Ok(_) => Err(ApiError::new(
                Code::Internal,
                "The answer of a neighbour makes no sense.",
            )),
        }
    }
}

/// A read changes nothing, so it may always be tried again.
fn unreachable(error: &client::Error) -> ApiError {
    tracing::warn!(%error, "a neighbour did not answer");
    ApiError::new(Code::Unavailable, "The shop's catalog cannot be reached; try again.")
}

impl ReadinessCheck for Frontend {
    fn check_readiness(&self) -> BoxFuture<'_, Readiness> {
        async {
            let (catalog, orders) = tokio::join!(self.catalog.ready(), self.orders.ready());
            // How far its events are, which is what its readers see.
            let mut found = Readiness {
                head: Some(self.live.head()),
                ..Readiness::default()
            };
            for (who, url, reply) in [
                ("the order service", self.orders.url(), orders),
                ("the catalog", self.catalog.url(), catalog),
            ] {
                match say(who, url, reply) {
                    Ok(health) => found.services.push(health),
                    Err(missing) => found.missing.push(missing),
                }
            }
            found
        }
        .boxed()
    }
}

fn say(who: &str, url: &str, reply: Result<Reply, client::Error>) -> Result<Health, String> {
    match reply {
        Ok(reply) => match reply.parse() {
            Ok(health) => Ok(health),
            Err(client::Error::Problem(problem)) => Err(format!("{who} at {url} is not ready ({})", problem.detail)),
            Err(_) => Err(format!("{who} at {url} is not ready")),
        },
        Err(error) => Err(format!("{who}: {error}")),
    }
}

impl Frontend {
    /// Changes a stock. It is never sent twice from here: an unknown outcome is asked for with the same key.
    async fn change_stock(
        &self,
        item: ItemNumber,
        change: StockChange,
        key: Option<OrderId>,
        deadline: Option<Deadline>,
        token: Option<&str>,
    ) -> ApiResult {
        let deadline = Deadline::clamped(deadline);
        match self.catalog.update(item, change, key, deadline, token).await {
            Err(error) if !error.is_definite() => {
                tracing::warn!(%error, "nobody knows what became of a stock change");
                let detail = "There was no decision in time. Ask with the same key what became of it.";
                Err(Problem::new(Code::DeadlineExceeded, detail).with_order(key).into())
            }
            reply => {
                if let Ok(Reply {
                    etag: Some(changed), ..
                }) = &reply
                {
                    self.live.hear_soon(*changed).await;
                }
                self.relay(reply)
            }
        }
    }
}
