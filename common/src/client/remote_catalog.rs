//! The catalog service behind HTTP.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;

use super::batches::{BATCH_LIMITS, not_accepted};
use super::catalog::{AsOf, Call, Catalog, CatalogUpdate, Follower, Freshness, ServiceClient, UpdateAnswer};
use super::context::{Cause, call_for_batch};
use super::endpoint::{encode, page};
use super::events::parse_entry;
use super::{Error, EventStream, Method, Probe, Request, Response, Result, ServiceEndpoint, TokenSource, feed};
use crate::batcher::Batcher;
use crate::metrics::BatchMetrics;
use crate::wire::{
    Book, BookAction, BookChange, BookChanges, BookPage, BooksBody, DecidedOrder, Decision, Decisions, LedgerPage,
    Sale, SaleBatch, Topics,
};
use crate::{Code, Deadline, Entry, Incident, InlineVec, ItemNumber, OrderId, Position, Seq, StoreId, headers, limits};

/// A sale, until when its decision is waited for, and what its request hands on.
type SaleCall = (Sale, Deadline, Cause);
type SaleResult = Result<(Decision, Position, StoreId)>;

/// The client of one catalog or of its copies. Sales travel in batches: while one is in flight, the next one fills.
#[derive(Clone)]
pub struct RemoteCatalog {
    endpoint: ServiceEndpoint,
    sales: Batcher<SaleCall, SaleResult>,
    /// The shopkeeper's token.
    token: Option<TokenSource>,
    foreign_answers: Arc<Incident>,
}

impl RemoteCatalog {
    /// A client of the catalog at that endpoint. Must run within a runtime.
    pub fn new(endpoint: ServiceEndpoint) -> Self {
        let endpoint = endpoint.between_services();
        // For the batches, which are sent one after the other.
        let seller = endpoint.with_own_connection();
        let sell = move |batch| sell(seller.clone(), batch);
        Self {
            sales: Batcher::new(BATCH_LIMITS, |(sale, ..): &SaleCall| sale.lines.len(), sell),
            endpoint,
            token: None,
            foreign_answers: Arc::new(foreign_answers()),
        }
    }

    /// The same client with the source of the shopkeeper's token.
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

    async fn sell(&self, sales: Vec<Sale>, deadline: Deadline) -> Result<Decisions> {
        let url = self.endpoint.url();
        let cause = Cause::current();
        let calls = sales.into_iter().map(|sale| (sale, deadline, cause.clone()));
        let called = tokio::time::timeout(deadline.remaining(), self.sales.call_all(calls)).await;
        let results = called.map_err(|_| Error::lost(url, "no answer in time"))?.into_iter();
        join(
            url,
            results
                .map(|result| result.map_err(|error| not_accepted(url, error))?)
                .collect(),
        )
    }
}

/// The route of a change, and its body.
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

/// The decisions of sales that may have travelled in several batches. If only some have one, it is unknown what was done.
fn join(url: &str, results: Vec<SaleResult>) -> Result<Decisions> {
    let is_nothing_done = |result: &SaleResult| result.as_ref().is_err_and(Error::is_not_applied);
    let nothing_done = results.iter().all(is_nothing_done);
    let mut decisions = Vec::with_capacity(results.len());
    let mut last = None;
    for result in results {
        let (decision, head, store) = match result {
            Err(error) if error.is_not_applied() && !nothing_done => {
                return Err(Error::lost(url, format!("not all sales were decided: {error}")));
            }
            result => result?,
        };
        decisions.push(decision);
        last = last.filter(|&(newest, _)| newest > head).or(Some((head, store)));
    }
    let (Position { epoch, seq: head }, store) = last.ok_or_else(|| Error::malformed(url, "a batch without sales"))?;
    Ok(Decisions {
        decisions,
        head,
        epoch,
        store,
    })
}

/// Sends a batch of sales, at most once.
async fn sell(endpoint: ServiceEndpoint, batch: Vec<SaleCall>) -> Vec<SaleResult> {
    let deadline = batch.iter().map(|&(_, deadline, _)| deadline).max();
    let (sales, causes): (Vec<Sale>, Vec<Cause>) = batch.into_iter().map(|(sale, _, cause)| (sale, cause)).unzip();
    let count = sales.len();
    let request = Request::new(Method::POST, "/sales").fast_json(&SaleBatch { sales });
    let request = request.timeout(deadline.map(Deadline::remaining).unwrap_or_default());
    let answered = call_for_batch("batch of sales", causes, endpoint.send_once(&request)).await;
    let decided = answered.and_then(|response| {
        let decided: Decisions = response.parse_fast()?;
        let (head, store) = (decided.position(), decided.store);
        let results = decided
            .decisions
            .into_iter()
            .map(|decision| Ok((decision, head, store)));
        match results.len() == count {
            true => Ok(results.collect()),
            false => Err(Error::malformed(&response.url, "not one decision for each sale")),
        }
    });
    decided.unwrap_or_else(|error| vec![Err(error); count])
}

impl fmt::Debug for RemoteCatalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token.
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
        Some((self.sales.metrics(), self.sales.queued()))
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
        self.sell(sales, deadline).boxed()
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
    /// Opens the feed after an entry, which comes again first, so that the follower can compare it. Without one it begins so
    /// far before the head that subscribers which were connected a short time ago miss nothing.
    ///
    /// # Errors
    /// Those of an [`EventStream`].
    pub async fn feed(&self, after: Option<Position>) -> Result<EventStream<Entry>> {
        let (start, after) = match after {
            Some(after) => (after.at(Seq(after.seq.0.saturating_sub(1))), after),
            None => {
                let head = self.ledger(Seq::ZERO, 1, Freshness::default()).await?.position();
                let oldest = Seq(head.seq.0.saturating_sub(limits::SUBSCRIBER_LAG_MAX));
                // The end of the group: a page ends with one.
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

/// Another program may answer at a service's address.
pub(super) fn foreign_answers() -> Incident {
    Incident::new("answers do not come from a service of the bookstore")
}

fn parse<T: DeserializeOwned>(foreign_answers: &Incident, response: &Response) -> Result<T> {
    observe(foreign_answers, response, response.parse())
}

/// Notes whether a success has the body that a bookstore gives.
fn observe<T>(foreign_answers: &Incident, response: &Response, parsed: Result<T>) -> Result<T> {
    if response.is_success() {
        foreign_answers.observe(&parsed);
    }
    parsed
}

/// The last entry that a response reflects.
fn position(response: &Response) -> Position {
    response.seq.unwrap_or_default()
}

fn as_of<T: DeserializeOwned>(foreign_answers: &Incident, response: &Response) -> Result<AsOf<T>> {
    let value = parse(foreign_answers, response)?;
    let position = position(response);
    Ok(AsOf { value, position })
}

/// What a response has found; `None` if it is a problem with that code.
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

/// Percent-encodes a topic as one segment of a path. A URL parser resolves `.` and `..` however they are encoded, and no
/// route has an empty segment; a space, which the comparison of topics trims, protects them.
fn encode_topic(topic: &str) -> String {
    match topic {
        "" | "." | ".." => encode(&format!("{topic} ")),
        _ => encode(topic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batcher;
    use crate::wire::Outcome;

    #[test]
    fn of_sales_that_were_decided_in_part_the_outcome_is_unknown() {
        let decided = |seq: u64| {
            let decision = Decision {
                order: OrderId::generate(),
                outcome: Outcome::Expired,
                replayed: false,
                entries: InlineVec::new(),
                refused: InlineVec::new(),
            };
            Ok((decision, Position::from(Seq(seq)), StoreId::generate()))
        };
        let refused = || Err(not_accepted("http://catalog", batcher::Error::Full));
        let lost = || Err(Error::lost("http://catalog", "closed"));
        let join = |results| join("http://catalog", results);
        assert_eq!(join(vec![decided(4), decided(7), decided(5)]).unwrap().head, Seq(7));
        assert!(join(vec![refused(), refused()]).unwrap_err().is_not_applied());
        for results in [
            vec![decided(4), refused()],
            vec![refused(), decided(4)],
            vec![refused(), lost()],
            vec![lost(), decided(4)],
        ] {
            assert!(!join(results).unwrap_err().is_not_applied());
        }
    }

    #[test]
    fn every_topic_is_one_segment_of_a_path() {
        for topic in [
            "", ".", "..", "...", "/", "a/../b", "%2E", "?q=1#", "\\", "\t", "c++", "戰爭",
        ] {
            let url = format!("http://127.0.0.1:8081/search/{}?limit=1", encode_topic(topic));
            let parsed = reqwest::Url::parse(&url).unwrap();
            assert_eq!(parsed.as_str(), url, "{topic:?}");
            let segment = parsed.path().strip_prefix("/search/").unwrap();
            assert!(!segment.is_empty() && !segment.contains('/'), "{topic:?}");
            let received = percent_encoding::percent_decode_str(segment).decode_utf8().unwrap();
            assert_eq!(received.trim(), topic.trim());
        }
    }
}
