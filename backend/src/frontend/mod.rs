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
use common::client::{self, CatalogClient, OrderClient, Response as ClientResponse};
use common::wire::{Book, Order, ServiceKind, StockChange};
use common::{Code, Deadline, IfMatch, Incident, ItemNumber, OrderId, Position, Problem, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use live::Live;
pub(crate) use routes::routes;

use crate::http::{ApiResult, HttpService, KnownStore, Needs, Response};
use crate::neighbours::Neighbours;
use crate::relay::client_problem;
use crate::token::Token;

/// A running front-end.
#[derive(Debug)]
pub(crate) struct Frontend {
    catalog: CatalogClient,
    orders: OrderClient,
    batcher: Batcher<Order, buying::Placed>,
    live: Arc<Live>,
    neighbours: Arc<Neighbours>,
    subscribers: Arc<Semaphore>,
    /// Answers of other services that are none of theirs.
    foreign_answers: Incident,
    token: Token,
    stopping: CancellationToken,
}

impl Frontend {
    /// Over a catalog and an order service; `token` is the shopkeeper's. Must run within a runtime.
    pub(crate) fn new(catalog: CatalogClient, orders: OrderClient, token: Token, stopping: CancellationToken) -> Self {
        let live = Arc::new(Live::new());
        tokio::spawn(live::follow(Arc::clone(&live), catalog.clone(), stopping.clone()));
        let neighbours = Arc::new(Neighbours::new(catalog.endpoint(), Some(orders.endpoint())));
        Arc::clone(&neighbours).watch(stopping.clone(), |_| {});
        Self {
            batcher: buying::batcher(orders.clone(), Arc::clone(&live)),
            catalog,
            orders,
            live,
            neighbours,
            subscribers: Arc::new(Semaphore::new(limits::SUBSCRIBERS_MAX)),
            foreign_answers: Incident::new("answers do not come from a service of the bookstore"),
            token,
            stopping,
        }
    }

    /// Limits the event streams.
    pub(crate) fn with_subscribers_max(self, subscribers: usize) -> Self {
        Self {
            subscribers: Arc::new(Semaphore::new(subscribers)),
            ..self
        }
    }

    /// The newest ledger entry that the front-end knows.
    pub(crate) fn head(&self) -> Position {
        self.live.newest_seq()
    }

    fn observe_seq(&self, position: Option<Position>) {
        if let Some(position) = position {
            self.live.observe_seq(position);
        }
    }

    /// Makes sure that the body of a success is a `T`: another program may answer at a service's address.
    fn check<T: DeserializeOwned>(&self, response: client::Result) -> client::Result {
        let response = check_problem(response)?;
        if response.is_success() {
            self.parse::<T>(&response)?;
        }
        Ok(response)
    }

    fn parse<T: DeserializeOwned>(&self, response: &ClientResponse) -> client::Result<T> {
        let parsed = response.parse();
        self.foreign_answers.observe(&parsed);
        parsed
    }

    /// Passes on a response whose body was [checked](Self::check).
    fn relay(&self, response: client::Result) -> ApiResult {
        let response = response.map_err(client_problem)?;
        let (seq, replayed) = (response.seq, response.replayed);
        self.observe_seq(seq);
        let relayed = if response.is_success() {
            Response::json_bytes(response.body).with_etag(response.etag)
        } else {
            Response::from(client_problem(response.error()))
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
        let changed = self.check::<Book>(changed);
        match &changed {
            Err(error) if !error.is_not_applied() => {
                tracing::debug!(%error, "the outcome of a stock change is unknown");
                let detail = "There was no decision in time. Send the same key again to learn the outcome.";
                return Err(Problem::new(Code::DeadlineExceeded, detail).with_order(key).into());
            }
            Ok(ClientResponse {
                etag: Some(changed), ..
            }) => self.live.wait_briefly(*changed).await,
            _ => {}
        }
        self.relay(changed)
    }
}

/// An error if the response is neither a success nor a problem: a proxy, or another program, has answered.
fn check_problem(response: client::Result) -> client::Result {
    let response = response?;
    if response.is_success() {
        return Ok(response);
    }
    match response.error() {
        client::Error::Problem(_) => Ok(response),
        error => Err(error),
    }
}

impl HttpService for Frontend {
    fn kind(&self) -> ServiceKind {
        ServiceKind::Frontend
    }

    fn newest_seq(&self) -> Option<Position> {
        Some(self.head()).filter(|head| head.seq > Seq::ZERO)
    }

    fn known_store(&self) -> KnownStore {
        // The head of its events: what its clients see.
        KnownStore {
            id: self.live.store(),
            head: self.live.head(),
            health: None,
        }
    }

    fn check_needs(&self) -> BoxFuture<'_, Needs> {
        async { self.neighbours.check().await.needs.clone() }.boxed()
    }
}
