//! A front-end, as the terminal, the scripts and the autopilot see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::events::{EventStream, parse_shop_event};
use super::{Error, Method, Request, Response, ServiceEndpoint, ShopEvent, ShopEvents, encode};
use crate::wire::{BuyBody, StockChange};
use crate::{Deadline, ItemNumber, OrderId, Quantity, Seq, headers};

/// A client of one shop. It remembers the highest `seq` it saw and never accepts anything older.
///
/// Every call returns the answer as it came, problems included; [`Response::parse`] reads it.
#[derive(Debug, Clone)]
pub struct ShopClient {
    peer: ServiceEndpoint,
    token: Option<Arc<str>>,
    last_seq: Arc<AtomicU64>,
}

impl ShopClient {
    /// At those addresses, with the shopkeeper's token where there is one.
    pub fn new(peer: ServiceEndpoint, token: Option<&str>) -> Self {
        Self {
            peer,
            token: token.map(Arc::from),
            last_seq: Arc::default(),
        }
    }

    /// Where the shop is.
    pub fn url(&self) -> &str {
        self.peer.url()
    }

    /// Whether it has the shopkeeper's token.
    pub fn is_shopkeeper(&self) -> bool {
        self.token.is_some()
    }

    /// The same shop for another customer, who has seen nothing yet and keeps a connection of its own.
    #[must_use]
    pub fn new_session(&self) -> Self {
        Self {
            peer: self.peer.with_own_connection(),
            token: self.token.clone(),
            last_seq: Arc::default(),
        }
    }

    /// The highest `seq` seen.
    pub fn last_seq(&self) -> Seq {
        Seq(self.last_seq.load(Ordering::Relaxed))
    }

    /// Notes a `seq` that was seen elsewhere, on the event stream for one.
    pub fn observe_seq(&self, seq: Seq) {
        self.last_seq.fetch_max(seq.0, Ordering::Relaxed);
    }

    /// Forgets what was seen: the store is another one now.
    pub fn reset_last_seq(&self) {
        self.last_seq.store(0, Ordering::Relaxed);
    }

    /// `GET /topics`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn topics(&self) -> Result<Response, Error> {
        self.read("/topics".to_owned()).await
    }

    /// `GET /search?topic=`: one page.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search_topic(&self, topic: &str, after: Option<&str>, limit: usize) -> Result<Response, Error> {
        self.read(format!(
            "/search?topic={}&limit={limit}{}",
            encode(topic),
            after_field(after)
        ))
        .await
    }

    /// `GET /search?q=`: one page.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn search_words(&self, words: &str, after: Option<&str>, limit: usize) -> Result<Response, Error> {
        self.read(format!(
            "/search?q={}&limit={limit}{}",
            encode(words),
            after_field(after)
        ))
        .await
    }

    /// `GET /search?item=`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lookup(&self, item: ItemNumber) -> Result<Response, Error> {
        self.read(format!("/search?item={item}")).await
    }

    /// `POST /buy`. With a key the request may be sent again; it is never sent twice by this call.
    ///
    /// # Errors
    /// See [`Error`]; where it is not [definite](Error::is_definite), ask again with the same key, or [`Self::find_order`].
    pub async fn buy(
        &self,
        item: ItemNumber,
        quantity: Quantity,
        key: Option<OrderId>,
        deadline: Deadline,
    ) -> Result<Response, Error> {
        let request = Request::new(Method::POST, "/buy")
            .header_if(headers::IDEMPOTENCY_KEY, key)
            .header(headers::DEADLINE, deadline.to_string())
            .json(&BuyBody {
                item: Some(item),
                quantity,
            })
            .timeout(deadline.remaining() + std::time::Duration::from_millis(500));
        self.noted(self.peer.send_once(&request).await)
    }

    /// `GET /orders/{order}`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_order(&self, order: OrderId) -> Result<Response, Error> {
        self.read(format!("/orders/{order}")).await
    }

    /// `PUT /stock/{item}`, for the shopkeeper.
    ///
    /// # Errors
    /// See [`Error`]; where it is not [definite](Error::is_definite), ask again with the same key.
    pub async fn restock(&self, item: ItemNumber, change: StockChange, key: OrderId) -> Result<Response, Error> {
        let request = Request::new(Method::PUT, format!("/stock/{item}"))
            .header(headers::IDEMPOTENCY_KEY, key.to_string())
            .header_if("authorization", self.authorization())
            .json(&change)
            .timeout(crate::limits::DEADLINE_DEFAULT + std::time::Duration::from_millis(500));
        self.noted(self.peer.send_once(&request).await)
    }

    /// `GET /ledger`, for the shopkeeper: one page.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ledger(&self, after: Seq, limit: usize) -> Result<Response, Error> {
        self.read(format!("/ledger?after={after}&limit={limit}")).await
    }

    /// `GET /readyz`: an answer whether it is ready or not.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ready(&self) -> Result<Response, Error> {
        self.read("/readyz".to_owned()).await
    }

    /// `GET /metrics`: Prometheus text.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn metrics(&self) -> Result<Response, Error> {
        self.read("/metrics".to_owned()).await
    }

    /// `GET /events`: from after that entry, or from now on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn events(&self, after: Option<Seq>) -> Result<ShopEvents, Error> {
        let resume = after.map(|after| (headers::LAST_EVENT_ID, after.to_string()));
        let response = self.peer.open_stream("/events", resume).await?;
        Ok(EventStream::new(response, parse_shop_event, || ShopEvent::Heartbeat))
    }

    async fn read(&self, path: String) -> Result<Response, Error> {
        let seen = self.last_seq();
        let request = Request::get(path)
            .header_if(headers::SEQ, (seen > Seq::ZERO).then_some(seen))
            .header_if("authorization", self.authorization());
        self.noted(self.peer.send_idempotent(&request).await)
    }

    fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    fn noted(&self, answer: Result<Response, Error>) -> Result<Response, Error> {
        if let Ok(Response { seq: Some(seq), .. }) = &answer {
            self.observe_seq(*seq);
        }
        answer
    }
}

fn after_field(after: Option<&str>) -> String {
    after
        .map(|after| format!("&after={}", encode(after)))
        .unwrap_or_default()
}
