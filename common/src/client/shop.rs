//! The client of a front-end, for the terminal, the one-shot commands and the autopilot.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;

use super::events::{EventStream, ShopEvent, parse_shop_event};
use super::message::parse_json;
use super::url::{encode, page};
use super::{Method, ReconnectingStream, Request, Result, ServiceEndpoint};
use crate::backoff::Backoff;
use crate::wire::{BookAction, BooksBody, BuyBody, Liveness, OrderLines, Readiness, StockChange};
use crate::{Code, Deadline, ItemNumber, LatestPosition, OrderId, Position, Seq, StoreId, headers, limits};

/// Added to a deadline, so that the front-end's own `deadline-exceeded` arrives in time.
const SHOP_ANSWER_MARGIN: Duration = Duration::from_millis(500);

/// A session at one shop. It sends the highest `Bookstore-Seq` of its responses, so that it never reads an older state.
///
/// Every call returns the received response, also if it is a problem; [`parse`](super::Response::parse) parses it.
#[derive(Debug, Clone)]
pub struct ShopClient {
    /// Shared by all sessions.
    location: Arc<RwLock<Location>>,
    /// A separate connection; `None` for a session that uses the pool.
    own: Option<Arc<Mutex<OwnConnection>>>,
    last_position: Arc<LatestPosition>,
    /// Whether the session never sends the location's token.
    is_customer: bool,
}

/// The endpoint of a shop, with the shopkeeper's token.
#[derive(Debug, Clone)]
struct Location {
    endpoint: Arc<ServiceEndpoint>,
    token: Option<Arc<str>>,
}

/// A session's separate connection to a location's endpoint.
#[derive(Debug)]
struct OwnConnection {
    to: Arc<ServiceEndpoint>,
    endpoint: Arc<ServiceEndpoint>,
}

impl Location {
    fn new(endpoint: ServiceEndpoint, token: Option<&str>) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            token: token.map(Arc::from),
        }
    }
}

impl OwnConnection {
    fn new(to: Arc<ServiceEndpoint>) -> Self {
        let endpoint = Arc::new(to.with_own_connection());
        Self { to, endpoint }
    }
}

impl ShopClient {
    /// A session at the front-end at `endpoint`; `token` is the shopkeeper's.
    pub fn new(endpoint: ServiceEndpoint, token: Option<&str>) -> Self {
        Self {
            location: Arc::new(RwLock::new(Location::new(endpoint, token))),
            own: None,
            last_position: Arc::default(),
            is_customer: false,
        }
    }

    /// A clone of this session that never sends the shopkeeper's token, also after a [`move_to`](Self::move_to).
    #[must_use]
    pub fn without_token(&self) -> Self {
        Self {
            is_customer: true,
            ..self.clone()
        }
    }

    /// Moves all sessions to another endpoint of the same store. Does not affect requests in flight.
    pub fn move_to(&self, endpoint: ServiceEndpoint, token: Option<&str>) {
        *self.location.write().unwrap_or_else(PoisonError::into_inner) = Location::new(endpoint, token);
    }

    fn location(&self) -> Location {
        let mut location = self.location.read().unwrap_or_else(PoisonError::into_inner).clone();
        if self.is_customer {
            location.token = None;
        }
        let Some(own) = &self.own else { return location };
        let mut own = own.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&own.to, &location.endpoint) {
            *own = OwnConnection::new(location.endpoint);
        }
        Location {
            endpoint: Arc::clone(&own.endpoint),
            ..location
        }
    }

    /// The shop's base URL.
    pub fn url(&self) -> String {
        self.location().endpoint.url().to_owned()
    }

    /// Whether it has the shopkeeper's token.
    pub fn is_shopkeeper(&self) -> bool {
        self.location().token.is_some()
    }

    /// Another session at the same shop, with a separate connection and no position.
    #[must_use]
    pub fn new_session(&self) -> Self {
        let own = OwnConnection::new(self.location().endpoint);
        Self {
            location: Arc::clone(&self.location),
            own: Some(Arc::new(Mutex::new(own))),
            last_position: Arc::default(),
            is_customer: self.is_customer,
        }
    }

    /// The highest received position, of the latest history.
    pub fn last_position(&self) -> Position {
        self.last_position.get()
    }

    /// Records a position received elsewhere, for example on the event stream.
    pub fn observe_position(&self, position: Position) {
        self.last_position.observe(position);
    }

    /// Replaces the highest position, for another store at the same endpoint.
    pub fn reset_last_position(&self, position: Position) {
        self.last_position.reset(position);
    }

    /// `GET /topics`.
    pub async fn topics(&self) -> Result {
        self.get("/topics").await
    }

    /// `GET /search?topic=`: one page.
    pub async fn search_topic(&self, topic: &str, after: Option<&str>, limit: usize) -> Result {
        let page = page(limit, after);
        self.get(format!("/search?topic={}&{page}", encode(topic))).await
    }

    /// `GET /search?q=`: one page.
    pub async fn search_words(&self, words: &str, after: Option<&str>, limit: usize) -> Result {
        let page = page(limit, after);
        self.get(format!("/search?q={}&{page}", encode(words))).await
    }

    /// `GET /search?item=`.
    pub async fn lookup(&self, item: ItemNumber) -> Result {
        self.get(format!("/search?item={item}")).await
    }

    /// `POST /buy`, sent at most once by this call. After an error without
    /// [`is_not_applied`](super::Error::is_not_applied), retry with the same key, or use [`Self::find_order`].
    pub async fn buy(&self, lines: OrderLines, key: Option<OrderId>, deadline: Deadline) -> Result {
        let request = Request::new(Method::POST, "/buy")
            .header_if(headers::IDEMPOTENCY_KEY, key)
            .header(headers::DEADLINE, deadline.to_string())
            .json(&BuyBody::from(lines))
            .timeout(deadline.remaining() + SHOP_ANSWER_MARGIN);
        self.observe(self.location().endpoint.send_once(&request).await)
    }

    /// `GET /orders/{order}`.
    pub async fn find_order(&self, order: OrderId) -> Result {
        self.get(format!("/orders/{order}")).await
    }

    /// `PUT /stock/{item}`, which sets or changes a stock, for the shopkeeper; see [`change_book`](Self::change_book).
    pub async fn change_stock(&self, item: ItemNumber, change: StockChange, key: OrderId) -> Result {
        self.change_book(item, &BookAction::Stock(change), key).await
    }

    /// `PUT /stock/{item}`, `PUT /books/{item}` or `DELETE /books/{item}`, for the shopkeeper. After an error without
    /// [`is_not_applied`](super::Error::is_not_applied), retry with the same key.
    pub async fn change_book(&self, item: ItemNumber, action: &BookAction, key: OrderId) -> Result {
        let request = match action {
            BookAction::Stock(change) => Request::new(Method::PUT, format!("/stock/{item}")).json(change),
            BookAction::Set(fields) => Request::new(Method::PUT, format!("/books/{item}")).json(fields),
            BookAction::Withdraw => Request::new(Method::DELETE, format!("/books/{item}")),
        };
        self.change(request, key).await
    }

    /// `POST /books`, for the shopkeeper; see [`change_book`](Self::change_book).
    pub async fn change_books(&self, changes: &BooksBody, key: OrderId) -> Result {
        self.change(Request::new(Method::POST, "/books").json(changes), key)
            .await
    }

    /// Sends a shopkeeper's change, at most once.
    async fn change(&self, request: Request, key: OrderId) -> Result {
        let Location { endpoint, token } = self.location();
        let request = request
            .header(headers::IDEMPOTENCY_KEY, key.to_string())
            .bearer(token.as_deref())
            .timeout(limits::DEADLINE_DEFAULT + SHOP_ANSWER_MARGIN);
        self.observe(endpoint.send_once(&request).await)
    }

    /// `GET /ledger`, for the shopkeeper: one page.
    pub async fn ledger(&self, after: Seq, limit: usize) -> Result {
        self.get(format!("/ledger?after={after}&limit={limit}")).await
    }

    /// `GET /readyz`: the readiness of the front-end, ready or not.
    pub async fn readiness(&self) -> Result<Readiness> {
        let response = self.get("/readyz").await?;
        if response.status == Code::Unavailable.status() {
            // The body is the document or, from a proxy, a problem.
            return response.parse_body(parse_json).map_err(|_| response.error());
        }
        response.parse()
    }

    /// `GET /livez`: the service and its store, without requests to other services.
    pub async fn liveness(&self) -> Result<Liveness> {
        let request = Request::get("/livez").timeout(limits::PROBE_TIMEOUT);
        self.location().endpoint.send_idempotent(&request).await?.parse()
    }

    /// The id of the shop's store; `None` if the front-end does not know it yet.
    pub async fn store(&self) -> Result<Option<StoreId>> {
        Ok(self.liveness().await?.store)
    }

    /// `GET /metrics`: Prometheus text.
    pub async fn metrics(&self) -> Result {
        self.get("/metrics").await
    }

    /// `GET /events`: the events after `after`, or new events only, over one connection.
    pub async fn events(&self, after: Option<Position>) -> Result<EventStream<ShopEvent>> {
        let request = Request::get("/events").header_if(headers::LAST_EVENT_ID, after);
        EventStream::open(&self.location().endpoint, request, after, parse_shop_event).await
    }

    /// `GET /events` with reconnects.
    pub fn follow_events(&self, after: Option<Position>) -> ReconnectingStream<ShopEvent> {
        let shop = self.clone();
        ReconnectingStream::new(after, Backoff::RECONNECT, move |after| {
            let shop = shop.clone();
            async move { shop.events(after).await }.boxed()
        })
    }

    async fn get(&self, path: impl Into<String>) -> Result {
        let (last_position, Location { endpoint, token }) = (self.last_position(), self.location());
        let request = Request::get(path)
            .header_if(
                headers::SEQ,
                (last_position > Position::default()).then_some(last_position),
            )
            .bearer(token.as_deref());
        self.observe(endpoint.send_idempotent(&request).await)
    }

    fn observe(&self, response: Result) -> Result {
        response.inspect(|response| {
            if let Some(seq) = response.seq {
                self.observe_position(seq);
            }
        })
    }
}
