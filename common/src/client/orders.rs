//! The order service, as a front-end sees it.

use super::{Answer, Error, Method, Peer, Request};
use crate::wire::{OrderResults, Orders as Batch};
use crate::{Deadline, OrderId, Seq, headers};

/// An order service, or several copies of one.
#[derive(Debug, Clone)]
pub struct Orders(Peer);

impl Orders {
    /// At those addresses.
    pub fn new(peer: Peer) -> Self {
        Self(peer)
    }

    /// Where it is asked first.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Places a batch of orders, sent at most once.
    ///
    /// # Errors
    /// See [`Error`]; where it is not [definite](Error::is_definite), the orders may have been decided.
    pub async fn place(&self, orders: &Batch, deadline: Deadline) -> Result<OrderResults, Error> {
        // A little longer than the last order's deadline, so that the service's own "too late" arrives.
        let timeout = deadline.remaining() + std::time::Duration::from_millis(250);
        let request = Request::new(Method::POST, "/orders").json(orders).timeout(timeout);
        self.0.write(&request).await?.parse()
    }

    /// One order's receipt.
    ///
    /// # Errors
    /// See [`Error`]; an answer that is a problem is an answer here.
    pub async fn find(&self, order: OrderId, seen: Option<Seq>) -> Result<Answer, Error> {
        self.0
            .read(&Request::get(format!("/orders/{order}")).header_if(headers::SEQ, seen))
            .await
    }

    /// Whether it is ready.
    ///
    /// # Errors
    /// See [`Error`]; the problem `unavailable` where it is up but not ready.
    pub async fn ready(&self) -> Result<Answer, Error> {
        self.0.read(&Request::get("/readyz")).await
    }
}
