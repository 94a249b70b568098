//! The catalog's operations: each is one description, one function.

use std::sync::Arc;

use common::client::Freshness;
use common::wire::{Book, BookPage, Decisions, FastJson, LedgerPage, SaleBatch, StockBody, StockChange, Topics};
use common::{Code, Deadline, Entry, ItemNumber, OrderId, Problem, Reason, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

use super::search_index::WordCursor;
use super::{AsOf, Catalog, Error, StockUpdate, Verdict, feed};
use crate::http::{Answer, Call, Failure, HealthDocument, Outcome, Readiness, Ready, Route, Routes, health_routes};

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
        Route::of::<__path_sell_books, _, _, _>(&service, sell_books)
            .of_a_batch()
            .directly(),
        Route::of::<__path_lookup_book, _, _, _>(&service, lookup_book),
        Route::of::<__path_search_topic, _, _, _>(&service, search_topic),
        Route::of::<__path_list_topics, _, _, _>(&service, list_topics),
        Route::of::<__path_search_words, _, _, _>(&service, search_words),
        Route::of::<__path_find_entry, _, _, _>(&service, find_entry),
        Route::of::<__path_list_entries, _, _, _>(&service, list_entries),
        Route::of::<__path_update_stock, _, _, _>(&service, update_stock),
        Route::of::<__path_follow_feed, _, _, _>(&service, follow_feed),
    ];
    routes.extend(health_routes(
        "catalog",
        Arc::clone(catalog) as Arc<dyn Ready>,
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

impl Ready for Catalog {
    fn look(&self) -> BoxFuture<'_, Readiness> {
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
async fn list_topics(service: Arc<Service>, call: Call) -> Outcome {
    ensure_fresh(&service, &call).await?;
    let AsOf { value, head } = service.catalog.topics();
    Ok(Answer::json(&value).at(Some(head)).tagged(head))
}

/// The books of a topic, by number.
#[utoipa::path(get, path = "/search/{topic}", tag = "catalog",
    params(("topic" = String, Path, description = "Without regard to case"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn search_topic(service: Arc<Service>, call: Call) -> Outcome {
    let topic = call.segment(0)?.into_owned();
    let limit = call.limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = call
        .query("after")?
        .map(|after| after.parse().map_err(|_| bad_cursor()))
        .transpose()?;
    ensure_fresh(&service, &call).await?;
    let AsOf { value, head } = service.catalog.search_topic(&topic, after, limit);
    Ok(Answer::json(&value).at(Some(head)).tagged(head))
}

/// The books in which every word begins a word: titles before authors before topics, then by number.
#[utoipa::path(get, path = "/search", tag = "catalog",
    params(("q" = String, Query, description = "Words, without regard to case"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page", body = BookPage),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn search_words(service: Arc<Service>, call: Call) -> Outcome {
    let Some(query) = call.query("q")? else {
        return Err(Failure::invalid(
            "Say what to search for with `q`, or use /search/{topic}.",
        ));
    };
    if query.len() > limits::QUERY_BYTES_MAX {
        return Err(Failure::invalid(format!(
            "q: expected at most {} bytes.",
            limits::QUERY_BYTES_MAX
        )));
    }
    let limit = call.limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = call
        .query("after")?
        .map(|after| parse_word_cursor(&after).ok_or_else(bad_cursor))
        .transpose()?;
    ensure_fresh(&service, &call).await?;
    let AsOf { value, head } = service.catalog.search_words(query, after, limit).await;
    Ok(Answer::json(&value).at(Some(head)).tagged(head))
}

/// One book.
#[utoipa::path(get, path = "/lookup/{item}", tag = "catalog",
    params(("item" = ItemNumber, Path)),
    responses((status = 200, description = "The book", body = Book),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json")))]
async fn lookup_book(service: Arc<Service>, call: Call) -> Outcome {
    let item = call.parse_segment("item", 0)?;
    ensure_fresh(&service, &call).await?;
    let AsOf { value, head } = service.catalog.book(item);
    match value {
        Some(book) => Ok(Answer::json(&book).at(Some(head)).tagged(book.seq)),
        None => Err(Failure::from(unknown_item(item)).at(Some(head))),
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
async fn update_stock(service: Arc<Service>, mut call: Call) -> Outcome {
    call.authorize(service.token.as_deref())?;
    let item = call.parse_segment("item", 0)?;
    let change: StockChange = call.json()?;
    let key = call.key()?;
    let order = key.unwrap_or_else(OrderId::generate);
    let deadline = Deadline::clamped(call.deadline()?);
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
                    let answer = Answer::json(&book).at(Some(head)).tagged(book.seq);
                    return Ok(answer.replayed(replayed));
                }
                (None, None) => unknown_item(item),
                (Some(reason), _) => refused(reason, item, entry.stock_after),
            };
            return Err(Failure::from(problem.with_order(recorded))
                .at(Some(head))
                .replayed(replayed));
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
    Err(Failure::from(problem).at(Some(head)))
}

/// Decides a batch of sales, each atomically, on durable state.
#[utoipa::path(post, path = "/sales", tag = "catalog", request_body = SaleBatch,
    responses((status = 200, description = "The decisions, in order", body = Decisions),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
async fn sell_books(service: Arc<Service>, mut call: Call) -> Outcome {
    let SaleBatch { sales } = call.lean()?;
    if sales.len() > limits::BATCH_ORDERS_MAX {
        let detail = format!("A batch has at most {} sales.", limits::BATCH_ORDERS_MAX);
        return Err(Failure::invalid(detail));
    }
    let decisions = service.catalog.sell(sales).await?;
    let head = decisions.head;
    Ok(Answer::json_bytes(decisions.to_json()).at(Some(head)))
}

/// The ledger's entries after one, in order.
#[utoipa::path(get, path = "/ledger", tag = "catalog",
    params(("after" = Option<Seq>, Query, description = "From the beginning unless given"),
        ("limit" = Option<u32>, Query, description = "1…1000, 100 unless given")),
    responses((status = 200, description = "One page", body = LedgerPage)))]
async fn list_entries(service: Arc<Service>, call: Call) -> Outcome {
    let after = call.parse_query("after")?.unwrap_or(Seq::ZERO);
    let limit = call.limit(limits::LEDGER_PAGE_DEFAULT, limits::LEDGER_PAGE_MAX)?;
    ensure_fresh(&service, &call).await?;
    let page = service.catalog.ledger_page(after, limit).await?;
    let head = page.head;
    Ok(Answer::json(&page).at(Some(head)))
}

/// The entry that decided an order or a stock change.
#[utoipa::path(get, path = "/ledger/orders/{order}", tag = "catalog",
    params(("order" = OrderId, Path)),
    responses((status = 200, description = "The entry", body = Entry),
        (status = 404, description = "`unknown-order`", body = Problem, content_type = "application/problem+json")))]
async fn find_entry(service: Arc<Service>, call: Call) -> Outcome {
    let order = call.parse_segment("order", 0)?;
    ensure_fresh(&service, &call).await?;
    let AsOf { value, head } = service.catalog.find_order(order).await?;
    match value {
        Some(entry) => Ok(Answer::json(&entry).at(Some(head))),
        None => {
            let problem =
                Problem::new(Code::UnknownOrder, "No decision is known under that id.").with_order(Some(order));
            Err(Failure::from(problem).at(Some(head)))
        }
    }
}

/// Every entry as it becomes durable, as server-sent events: `hello` first, then `entry`.
#[utoipa::path(get, path = "/feed", tag = "catalog",
    params(("after" = Option<Seq>, Query, description = "From now on unless given")),
    responses((status = 200, description = "`hello`, then an `entry` for each entry; its id is its `seq`",
        body = Entry, content_type = "text/event-stream")))]
async fn follow_feed(service: Arc<Service>, call: Call) -> Outcome {
    let after = call.resume_after()?;
    let frames = feed::open(&service.catalog, after, service.stopping.clone());
    Ok(Answer::events(frames))
}

async fn ensure_fresh(service: &Service, call: &Call) -> Result<(), Failure> {
    let fresh = Freshness {
        min_seq: call.seen()?,
        confirm_head: call.wants_fresh(),
    };
    Ok(service.catalog.ensure_fresh(fresh).await?)
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

fn bad_cursor() -> Failure {
    Failure::invalid("after: expected the `next` of the page before.")
}

fn parse_word_cursor(cursor: &str) -> Option<WordCursor> {
    let (rank, item) = cursor.split_once('-')?;
    Some((rank.parse().ok()?, item.parse().ok()?))
}

impl From<Error> for Failure {
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
    use crate::http::agreement::assert_agree;
    use crate::store::{self, EditPolicy};

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let folder = tempfile::tempdir().unwrap();
        let store = store::open(&store::Url::Csv(folder.path().to_owned()), EditPolicy::Refuse).unwrap();
        let catalog = Arc::new(Catalog::open(store, &InitialCatalog::BuiltIn).unwrap());
        assert_agree(&routes(&catalog, None, CancellationToken::new()), &document());
        catalog.close().await;
    }
}
