//! The catalog service behind HTTP.

mod sales;

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use sales::SaleBatcher;
use serde::de::DeserializeOwned;

use super::catalog::{AsOf, Call, Catalog, CatalogUpdate, Follower, Freshness, ServiceClient, UpdateAnswer};
use super::events::parse_entry;
use super::url::{encode, encode_topic, page};
use super::{Error, EventStream, Method, Probe, Request, Response, Result, ServiceEndpoint, TokenSource, feed};
use crate::metrics::BatchMetrics;
use crate::wire::{
    Book, BookAction, BookChange, BookChanges, BookPage, BooksBody, DecidedOrder, Decisions, LedgerPage, Sale, Topics,
};
use crate::{Code, Deadline, Entry, Incident, InlineVec, ItemNumber, OrderId, Position, Seq, headers, limits};

/// The HTTP client of a catalog with one instance or several. Sends sales in batches.
#[derive(Clone)]
pub struct RemoteCatalog {
    endpoint: ServiceEndpoint,
    sales: SaleBatcher,
    /// The shopkeeper's token.
    token: Option<TokenSource>,
    foreign_answers: Arc<Incident>,
}

impl RemoteCatalog {
    /// A client of the catalog at `endpoint`. Must be called within a runtime.
    pub fn new(endpoint: ServiceEndpoint) -> Self {
        let endpoint = endpoint.between_services();
        Self {
            sales: SaleBatcher::new(&endpoint),
            endpoint,
            token: None,
            foreign_answers: Arc::new(foreign_answers()),
        }
    }

    /// Adds the source of the shopkeeper's token.
    #[must_use]
    pub fn with_shopkeeper_token(self, token: TokenSource) -> Self {
        let token = Some(token);
        Self { token, ..self }
    }

    async fn read<T: DeserializeOwned>(&self, path: String, fresh: Freshness) -> Result<AsOf<T>> {
        let response = self.endpoint.get(&path, fresh).await?;
        as_of(&self.foreign_answers, &response)
    }

    async fn update(&self, update: CatalogUpdate) -> Result<UpdateAnswer> {
        let timeout = update.timeout();
        let CatalogUpdate {
            id,
            changes,
            keyed,
            if_match,
            if_none_match,
            deadline,
        } = update;
        let token = self.token.as_ref().and_then(|source| source());
        let request = request_of(&changes)
            .header_if(headers::IDEMPOTENCY_KEY, keyed.then_some(id))
            .header_if("if-match", if_match)
            .header_if("if-none-match", if_none_match)
            .header(headers::DEADLINE, deadline.to_string())
            .bearer(token.as_deref())
            .timeout(timeout);
        let response = self.endpoint.send_once(&request).await?;
        let parsed = match &changes {
            BookChanges::One(BookChange {
                action: BookAction::Stock(_) | BookAction::Set(_),
                ..
            }) => parse(&self.foreign_answers, &response).map(|book: Book| book.into()),
            BookChanges::One(_) | BookChanges::Several(_) => parse(&self.foreign_answers, &response),
        };
        let result = match parsed {
            Err(Error::Problem(problem)) => Err(problem),
            parsed => Ok(parsed?),
        };
        Ok(UpdateAnswer {
            result,
            replayed: response.replayed,
            position: position(&response),
        })
    }
}

/// The request of a change.
fn request_of(changes: &BookChanges) -> Request {
    match changes {
        BookChanges::One(BookChange { item, action }) => match action {
            BookAction::Stock(change) => Request::new(Method::PUT, format!("/update/{item}")).json(change),
            BookAction::Set(fields) => Request::new(Method::PUT, format!("/books/{item}")).json(fields),
            BookAction::Withdraw => Request::new(Method::DELETE, format!("/books/{item}")),
        },
        BookChanges::Several(changes) => Request::new(Method::POST, "/books").json(&BooksBody::from(&**changes)),
    }
}

impl fmt::Debug for RemoteCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Omits the token.
        f.debug_struct("RemoteCatalog")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl ServiceClient for RemoteCatalog {
    fn probe(&self) -> BoxFuture<'_, Vec<Probe>> {
        self.endpoint.probe().boxed()
    }

    fn batches(&self) -> Option<(&BatchMetrics, usize)> {
        Some(self.sales.metrics())
    }
}

impl Catalog for RemoteCatalog {
    fn topics(&self, fresh: Freshness) -> Call<'_, AsOf<Topics>> {
        self.read("/topics".to_owned(), fresh).boxed()
    }

    fn search_topic(
        &self,
        topic: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>> {
        let page = page(limit, after.as_deref());
        self.read(format!("/search/{}?{page}", encode_topic(&topic)), fresh)
            .boxed()
    }

    fn search_words(
        &self,
        words: String,
        limit: usize,
        after: Option<String>,
        fresh: Freshness,
    ) -> Call<'_, AsOf<BookPage>> {
        let page = page(limit, after.as_deref());
        self.read(format!("/search?q={}&{page}", encode(&words)), fresh).boxed()
    }

    fn book(&self, item: ItemNumber, fresh: Freshness) -> Call<'_, AsOf<Option<Book>>> {
        let call = async move {
            let response = self.endpoint.get(&format!("/lookup/{item}"), fresh).await?;
            found(&self.foreign_answers, &response, Code::UnknownItem)
        };
        call.boxed()
    }

    fn update_books(&self, update: CatalogUpdate) -> Call<'_, UpdateAnswer> {
        self.update(update).boxed()
    }

    fn sell(&self, sales: Vec<Sale>, deadline: Deadline) -> Call<'_, Decisions> {
        self.sales.sell(self.endpoint.url(), sales, deadline).boxed()
    }

    fn ledger(&self, after: Seq, limit: usize, fresh: Freshness) -> Call<'_, LedgerPage> {
        let call = async move {
            let path = format!("/ledger?after={after}&limit={limit}");
            let response = self.endpoint.get(&path, fresh).await?;
            observe(&self.foreign_answers, &response, response.parse_fast())
        };
        call.boxed()
    }

    fn find_order(&self, order: OrderId, fresh: Freshness) -> Call<'_, AsOf<InlineVec<Entry>>> {
        let call = async move {
            let response = self.endpoint.get(&format!("/ledger/orders/{order}"), fresh).await?;
            let AsOf { value, position } = found(&self.foreign_answers, &response, Code::UnknownOrder)?;
            let value = value.map(|DecidedOrder(entries)| entries).unwrap_or_default();
            Ok(AsOf { value, position })
        };
        call.boxed()
    }

    fn follow(&self, follower: Arc<dyn Follower>) -> BoxFuture<'static, ()> {
        let catalog = self.clone();
        feed::follow(follower, move |after| {
            let catalog = catalog.clone();
            async move { catalog.feed(after).await }.boxed()
        })
        .boxed()
    }
}

impl RemoteCatalog {
    /// Opens the feed after an entry, which is repeated first, so that the follower can compare it. Without an entry the feed
    /// begins up to [`limits::SUBSCRIBER_LAG_MAX`] entries before the head, so that subscribers that reconnect miss no event.
    ///
    /// # Errors
    /// The errors of an [`EventStream`].
    pub async fn feed(&self, after: Option<Position>) -> Result<EventStream<Entry>> {
        let (start, after) = match after {
            Some(after) => (after.at(Seq(after.seq.0.saturating_sub(1))), after),
            None => {
                let head = self.ledger(Seq::ZERO, 1, Freshness::default()).await?.position();
                let oldest = Seq(head.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
                // A page ends with a whole group, and so does `start`.
                let page = match oldest {
                    Seq::ZERO => Vec::new(),
                    oldest => self.ledger(oldest, 1, Freshness::default()).await?.entries,
                };
                let start = head.at(page.last().map_or(oldest, |last| last.seq));
                (start, start)
            }
        };
        let request = Request::get(format!("/feed?after={start}"));
        EventStream::open(&self.endpoint, request, Some(after), parse_entry).await
    }
}

/// The incident of another program that answers at a service's address.
pub(super) fn foreign_answers() -> Incident {
    Incident::new("answers do not come from a service of the bookstore")
}

fn parse<T: DeserializeOwned>(foreign_answers: &Incident, response: &Response) -> Result<T> {
    observe(foreign_answers, response, response.parse())
}

/// Records whether a successful response has a valid body.
fn observe<T>(foreign_answers: &Incident, response: &Response, parsed: Result<T>) -> Result<T> {
    if response.is_success() {
        foreign_answers.observe(&parsed);
    }
    parsed
}

/// The last entry that a response reflects; zero if it does not say.
fn position(response: &Response) -> Position {
    response.seq.unwrap_or_default()
}

fn as_of<T: DeserializeOwned>(foreign_answers: &Incident, response: &Response) -> Result<AsOf<T>> {
    let value = parse(foreign_answers, response)?;
    let position = position(response);
    Ok(AsOf { value, position })
}

/// The value of a response; `None` if it is a problem with the code `absent`.
pub(super) fn found<T: DeserializeOwned>(
    foreign_answers: &Incident,
    response: &Response,
    absent: Code,
) -> Result<AsOf<Option<T>>> {
    match as_of(foreign_answers, response) {
        Err(error) if error.code() == Some(absent) => Ok(AsOf {
            value: None,
            position: position(response),
        }),
        found => found.map(|AsOf { value, position }| AsOf {
            value: Some(value),
            position,
        }),
    }
}
