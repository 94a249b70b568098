//! The catalog's operations: each is one description, one function.

use std::sync::Arc;

use common::wire::{Book, BookPage, Decisions, FastJson, LedgerPage, SaleBatch, StockBody, StockChange, Topics};
use common::{Code, Deadline, Entry, ItemNumber, OrderId, Problem, Reason, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use super::search_index::WordCursor;
use super::{AsOf, Catalog, Error, StockUpdate, Verdict, feed};
use crate::http::{
    ApiError, ApiResult, HealthDocument, Readiness, ReadinessCheck, Request, Response, Route, Routes, health_routes,
};

/// What the operations work on.
struct Service {
    catalog: Arc<Catalog>,
    token: Option<Arc<str>>,
    stopping: CancellationToken,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bookstore: catalog",
        description = "Books, topics, stock and the ledger. Not public."
    ),
    paths(
        list_topics,
        search_topic,
        search_words,
        lookup_book,
        update_stock,
        sell_books,
        list_entries,
        find_entry,
        follow_feed,
    ),
    components(schemas(Problem))
)]
struct Document;

/// The routes of a catalog; `token` is the shopkeeper's.
pub fn routes(catalog: &Arc<Catalog>, token: Option<Arc<str>>, stopping: CancellationToken) -> Routes {
    let service = Arc::new(Service {
        catalog: Arc::clone(catalog),
        token,
        stopping,
    });
    let document = document();
    let mut routes = vec![
        Route::new::<__path_sell_books, _, _, _>(&service, sell_books).with_batch_body(),
        Route::new::<__path_lookup_book, _, _, _>(&service, lookup_book),
        Route::new::<__path_search_topic, _, _, _>(&service, search_topic),
        Route::new::<__path_list_topics, _, _, _>(&service, list_topics),
        Route::new::<__path_search_words, _, _, _>(&service, search_words),
        Route::new::<__path_find_entry, _, _, _>(&service, find_entry),
        Route::new::<__path_list_entries, _, _, _>(&service, list_entries),
        Route::new::<__path_update_stock, _, _, _>(&service, update_stock),
        Route::new::<__path_follow_feed, _, _, _>(&service, follow_feed),
    ];
    routes.extend(health_routes(
        "catalog",
        Arc::clone(catalog) as Arc<dyn ReadinessCheck>,
        &document,
    ));
    let head = Arc::clone(catalog);
    Routes::new("catalog", routes, move || Some(head.head()))
}

fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(HealthDocument::openapi());
    document
}

impl ReadinessCheck for Catalog {
    fn check_readiness(&self) -> BoxFuture<'_, Readiness> {
        // Without its store a catalog is not there at all.
        let found = Readiness {
            head: Some(self.head()),
            ..Readiness::default()
        };
        std::future::ready(found).boxed()
    }
}

/// All topics, in alphabetical order without regard to case.
#[utoipa::path(get, path = "/topics", tag = "catalog", responses(
    (status = 200, description = "The topics", body = Topics)))]
async fn list_topics(service: Arc<Service>, request: Request) -> ApiResult {
    ensure_fresh(&service, &request).await?;
    let AsOf { value, head } = service.catalog.topics();
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// The books of a topic, by number.
#[utoipa::path(get, path = "/search/{topic}", tag = "catalog",
    params(("topic" = String, Path, description = "Without regard to case"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn search_topic(service: Arc<Service>, request: Request) -> ApiResult {
    let topic = request.path_param("topic")?.into_owned();
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = request
        .query_param("after")?
        .map(|after| after.parse().map_err(|_| bad_cursor()))
        .transpose()?;
    ensure_fresh(&service, &request).await?;
    let AsOf { value, head } = service.catalog.search_topic(&topic, after, limit);
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// The books in which every word begins a word: titles before authors before topics, then by number.
#[utoipa::path(get, path = "/search", tag = "catalog",
    params(("q" = String, Query, description = "Words, without regard to case"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn search_words(service: Arc<Service>, request: Request) -> ApiResult {
    let Some(query) = request.query_param("q")? else {
        return Err(ApiError::invalid(
            "Say what to search for with `q`, or use /search/{topic}.",
        ));
    };
    if query.len() > limits::QUERY_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "q: expected at most {} bytes.",
            limits::QUERY_BYTES_MAX
        )));
    }
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = request
        .query_param("after")?
        .map(|after| parse_word_cursor(&after).ok_or_else(bad_cursor))
        .transpose()?;
    ensure_fresh(&service, &request).await?;
    let AsOf { value, head } = service.catalog.search_words(query, after, limit).await;
    Ok(Response::json(&value).with_seq(Some(head)).with_etag(head))
}

/// One book.
#[utoipa::path(get, path = "/lookup/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path)),
    responses((status = 200, description = "The book", body = Book),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json")))]
async fn lookup_book(service: Arc<Service>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    ensure_fresh(&service, &request).await?;
    let AsOf { value, head } = service.catalog.book(item);
    match value {
        Some(book) => Ok(Response::json(&book).with_seq(Some(head)).with_etag(book.seq)),
        None => Err(ApiError::from(unknown_item(item)).with_seq(Some(head))),
    }
}

/// Sets or changes a stock; for the shopkeeper.
#[utoipa::path(put, path = "/update/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header)),
    request_body = StockBody, security(("token" = [])),
    responses((status = 200, description = "The book as it is then", body = Book),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`: the stock would fall below 0", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json")))]
async fn update_stock(service: Arc<Service>, mut request: Request) -> ApiResult {
    request.authorize(service.token.as_deref())?;
    let item = request.parse_path_param("item")?;
    let change: StockChange = request.json()?;
    let key = request.idempotency_key()?;
    let order = key.unwrap_or_else(OrderId::generate);
    let deadline = Deadline::clamped(request.deadline()?);
    let asked = StockUpdate {
        id: order,
        item,
        change,
        keyed: key.is_some(),
        deadline,
    };
    let AsOf {
        value: (verdict, book),
        head,
    } = service.catalog.update_stock(asked).await?;
    let recorded = matches!(verdict, Verdict::Recorded { .. }).then_some(order);
    let problem = match verdict {
        Verdict::Recorded { entry, replayed } => {
            let problem = match (entry.reason, book) {
                (None, Some(book)) => {
                    let answer = Response::json(&book).with_seq(Some(head)).with_etag(book.seq);
                    return Ok(answer.with_replayed(replayed));
                }
                (None, None) => unknown_item(item),
                (Some(reason), _) => refused(reason, item, entry.stock_after),
            };
            return Err(ApiError::from(problem.with_order(recorded))
                .with_seq(Some(head))
                .with_replayed(replayed));
        }
        Verdict::Refused { reason, stock } => refused(reason, item, stock),
        Verdict::KeyReused => Problem::new(Code::KeyReused, "That key named another order or another change."),
        Verdict::Expired => {
            Problem::new(Code::DeadlineExceeded, "It came too late and was not done.").with_order(Some(order))
        }
        Verdict::OutOfRange => {
            let detail = format!("A stock is at most {} copies; this would be more.", limits::STOCK_MAX);
            Problem::new(Code::InvalidRequest, detail).with_item(item)
        }
    };
    Err(ApiError::from(problem).with_seq(Some(head)))
}

/// Decides a batch of sales, each atomically, on durable state.
#[utoipa::path(post, path = "/sales", tag = "catalog", request_body = SaleBatch,
    responses((status = 200, description = "The decisions, in order", body = Decisions),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
async fn sell_books(service: Arc<Service>, mut request: Request) -> ApiResult {
    let SaleBatch { sales } = request.fast_json()?;
    if sales.len() > limits::BATCH_ORDERS_MAX {
        let detail = format!("A batch has at most {} sales.", limits::BATCH_ORDERS_MAX);
        return Err(ApiError::invalid(detail));
    }
    let decisions = service.catalog.sell(sales).await?;
    let head = decisions.head;
    Ok(Response::json_bytes(decisions.to_json()).with_seq(Some(head)))
}

/// The ledger's entries after one, in order.
#[utoipa::path(get, path = "/ledger", tag = "catalog",
    params(("after" = Option<Seq>, Query, description = "From the beginning unless given"),
        ("limit" = Option<u32>, Query, description = "1…1000, 100 unless given")),
    responses((status = 200, description = "One page", body = LedgerPage)))]
async fn list_entries(service: Arc<Service>, request: Request) -> ApiResult {
    let after = request.parse_query_param("after")?.unwrap_or(Seq::ZERO);
    let limit = request.page_limit(limits::LEDGER_PAGE_DEFAULT, limits::LEDGER_PAGE_MAX)?;
    ensure_fresh(&service, &request).await?;
    let page = service.catalog.ledger_page(after, limit).await?;
    let head = page.head;
    Ok(Response::json(&page).with_seq(Some(head)))
}

/// The entry that decided an order or a stock change.
#[utoipa::path(get, path = "/ledger/orders/{order}", tag = "catalog",
    params(("order" = OrderId, Path)),
    responses((status = 200, description = "The entry", body = Entry),
        (status = 404, description = "`unknown-order`", body = Problem, content_type = "application/problem+json")))]
async fn find_entry(service: Arc<Service>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    ensure_fresh(&service, &request).await?;
    let AsOf { value, head } = service.catalog.find_order(order).await?;
    match value {
        Some(entry) => Ok(Response::json(&entry).with_seq(Some(head))),
        None => {
            let problem =
                Problem::new(Code::UnknownOrder, "No decision is known under that id.").with_order(Some(order));
            Err(ApiError::from(problem).with_seq(Some(head)))
        }
    }
}

/// Every entry as it becomes durable, as server-sent events: `hello` first, then `entry`.
#[utoipa::path(get, path = "/feed", tag = "catalog",
    params(("after" = Option<Seq>, Query, description = "From now on unless given")),
    responses((status = 200, description = "`hello`, then an `entry` for each entry; its id is its `seq`",
        body = Entry, content_type = "text/event-stream")))]
async fn follow_feed(service: Arc<Service>, request: Request) -> ApiResult {
    let after = request.last_event_id()?;
    let frames = feed::open(&service.catalog, after, service.stopping.clone());
    Ok(Response::events(frames))
}

async fn ensure_fresh(service: &Service, request: &Request) -> Result<(), ApiError> {
    Ok(service.catalog.ensure_fresh(request.freshness()?).await?)
}

fn unknown_item(item: ItemNumber) -> Problem {
    Problem::new(Code::UnknownItem, format!("No book has the number {item}.")).with_item(item)
}

fn refused(reason: Reason, item: ItemNumber, stock: Option<common::Stock>) -> Problem {
    match (reason, stock) {
        (Reason::UnknownItem, _) => unknown_item(item),
        (Reason::SoldOut, stock) => {
            let problem = Problem::new(Code::SoldOut, "The stock would fall below 0.").with_item(item);
            match stock {
                Some(stock) => problem.with_stock(stock),
                None => problem,
            }
        }
    }
}

fn bad_cursor() -> ApiError {
    ApiError::invalid("after: expected the `next` of the page before.")
}

fn parse_word_cursor(cursor: &str) -> Option<WordCursor> {
    let (rank, item) = cursor.split_once('-')?;
    Some((rank.parse().ok()?, item.parse().ok()?))
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy(why) => Self::new(Code::Unavailable, why),
            Error::Full(_) => Self::new(Code::StorageFull, "The store has no room left; nothing was changed."),
            Error::Store(error) => {
                tracing::error!(%error, "the store could not be read");
                Self::new(Code::Internal, "The store could not be read.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::InitialCatalog;
    use crate::http::document::assert_describes;
    use crate::store::{self, EditPolicy};

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&store::Url::Csv(folder.path().to_owned()), EditPolicy::Refuse).unwrap();
        let catalog = Arc::new(Catalog::open(store, &InitialCatalog::BuiltIn).unwrap());
        assert_describes(&document(), &routes(&catalog, None, CancellationToken::new()));
        catalog.close().await;
    }
}
