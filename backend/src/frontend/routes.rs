//! The front-end's operations, each with its handler and OpenAPI description; those of the shopkeeper are in `shopkeeper`.

use std::borrow::Cow;
use std::sync::Arc;

use common::client::AsOf;
use common::wire::{BuyBody, FastJson, Receipt, SearchBody, SearchResult, StockEvents, Topics};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, limits};
use utoipa::OpenApi;

use super::cache::CacheKey;
use super::selector::{Selector, parse_purchase};
use super::{Frontend, shopkeeper, subscriber};
use crate::client_response::{client_problem, unknown_order};
use crate::http::{ApiError, ApiResult, FrameStream, Request, Response, Route, Routes};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bookstore",
        description = "A bookstore: browse, search, buy, watch stock changes."
    ),
    paths(
        list_topics,
        search_books,
        buy_book,
        find_order,
        watch_events,
        shopkeeper::change_stock,
        shopkeeper::set_book,
        shopkeeper::withdraw_book,
        shopkeeper::change_books,
        shopkeeper::list_entries
    ),
    components(schemas(Problem))
)]
struct Document;

/// The routes of a front-end.
pub(crate) fn routes(frontend: &Arc<Frontend>) -> Routes {
    let routes = vec![
        Route::new::<__path_buy_book, _, _, _>(frontend, buy_book),
        Route::new::<__path_search_books, _, _, _>(frontend, search_books).with_cache(frontend, cached_search),
        Route::new::<__path_list_topics, _, _, _>(frontend, list_topics).with_cache(frontend, cached_topics),
        Route::new::<__path_find_order, _, _, _>(frontend, find_order),
        Route::new::<__path_watch_events, _, _, _>(frontend, watch_events),
        Route::new::<shopkeeper::__path_change_stock, _, _, _>(frontend, shopkeeper::change_stock),
        Route::new::<shopkeeper::__path_set_book, _, _, _>(frontend, shopkeeper::set_book),
        Route::new::<shopkeeper::__path_withdraw_book, _, _, _>(frontend, shopkeeper::withdraw_book),
        Route::new::<shopkeeper::__path_change_books, _, _, _>(frontend, shopkeeper::change_books).with_batch_body(),
        Route::new::<shopkeeper::__path_list_entries, _, _, _>(frontend, shopkeeper::list_entries),
    ];
    Routes::new(frontend, routes, Document::openapi())
}

/// All topics.
///
/// In alphabetical order without regard to case and accents, each in the spelling of its book with the lowest number.
#[utoipa::path(get, path = "/topics", tag = "shop",
    params(("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "The topics", body = Topics)))]
async fn list_topics(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    frontend.topics(request.freshness()?).await
}

fn cached_topics(frontend: &Frontend, request: &Request) -> Option<Response> {
    frontend.cached(CacheKey::Topics, request.freshness().ok()?)
}

/// Books by topic, by number, or by words.
///
/// Exactly one of `topic`, `item` and `q`, from the query or, in the original store's form, from the body; otherwise 400.
#[utoipa::path(get, path = "/search", tag = "shop",
    request_body(content = Option<SearchBody>, description = "The original store's form of `topic`, `item` and `q`"),
    params(("topic" = Option<String>, Query, max_length = 1024, example = "distributed systems",
            description = "Returns a page of the books of this topic by item number. Compared without regard to case, \
                           accents and apostrophes; at most 1,024 bytes of UTF-8"),
        ("item" = Option<ItemNumber>, Query, description = "Returns this book instead of a page"),
        ("lookupNum" = Option<ItemNumber>, Query, deprecated, description = "The original store's name for `item`"),
        ("q" = Option<String>, Query, max_length = 1024, example = "rpc dummies",
            description = "Returns a page of the books that match every word as a prefix: matches in titles first, \
                           then in authors, then in topics; at most 1,024 bytes of UTF-8"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Books on a page, 50 unless given"),
        ("after" = Option<String>, Query, pattern = "^([0-9]-)?[1-9][0-9]{0,15}$",
            description = "The value of `next` of the previous page"),
        ("Bookstore-Seq" = Option<String>, Header), ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, description = "One book if `item` is given, otherwise a page", body = SearchResult),
        (status = 404, description = "`unknown-item`")))]
async fn search_books(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    let fresh = request.freshness()?;
    let selector = Selector::parse(&mut request)?;
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = request.query_param("after")?;
    // A raw query contains no blanks, so it never equals the key of a body.
    let key = match request.has_body()? {
        true => Cow::Owned(format!("{selector:?} {limit} {after:?}")),
        false => Cow::Borrowed(request.raw_query()),
    };
    match selector {
        Selector::Item(item) => frontend.book(item, fresh).await,
        Selector::Topic(topic) => {
            let books = || frontend.catalog.search_topic(topic, limit, after, fresh);
            frontend.page(&key, fresh, books).await
        }
        Selector::Words(words) => {
            let books = || frontend.catalog.search_words(words, limit, after, fresh);
            frontend.page(&key, fresh, books).await
        }
    }
}

fn cached_search(frontend: &Frontend, request: &Request) -> Option<Response> {
    let key = request.is_bodiless().then(|| of_query(request.raw_query()))?;
    frontend.cached(key, request.freshness().ok()?)
}

/// The key of a search without a body.
fn of_query(query: &str) -> CacheKey<'_> {
    let item = query.strip_prefix("item=").and_then(|item| item.parse().ok());
    item.map_or(CacheKey::Page(query), CacheKey::Book)
}

/// Buys copies of a book, or of several.
///
/// All lines are sold or none. The receipt is durable. Without a key of your own you cannot ask for the outcome if the answer is
/// lost.
#[utoipa::path(post, path = "/buy", tag = "shop",
    request_body(content = Option<BuyBody>, description = "Optional with `buyNum`"),
    params(("buyNum" = Option<ItemNumber>, Query, deprecated, description = "The original store's name for `item`"),
        ("Idempotency-Key" = Option<OrderId>, Header), ("Bookstore-Deadline" = Option<Deadline>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-item`"),
        (status = 409, description = "`sold-out`: `item` and `stock`, or `lines`, say what is left. If `order` is \
                                      present, the refusal is recorded")))]
async fn buy_book(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    let lines = parse_purchase(&mut request)?;
    let (key, deadline) = (request.idempotency_key()?, request.deadline()?);
    frontend.buy(lines, key, deadline).await
}

/// The receipt of one order.
///
/// Sold or refused. Knowing the id suffices.
#[utoipa::path(get, path = "/orders/{order}", tag = "shop",
    params(("order" = OrderId, Path, description = "The order's key"), ("Bookstore-Seq" = Option<String>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-order`: until its deadline the order may still be decided")))]
async fn find_order(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    let found = frontend.orders.find_order(order, request.freshness()?).await;
    let AsOf { value, position } = found.map_err(client_problem)?;
    frontend.observe_position(position);
    let response = match value {
        Some(receipt) => Response::json_bytes(receipt.to_json()),
        None => Response::from(unknown_order(order)),
    };
    Ok(response.with_seq(Some(position)))
}

/// Stock changes as server-sent events.
///
/// `hello` first, then `stock`, `resync` and `source`. A comment every 5 s while there are none.
#[utoipa::path(get, path = "/events", tag = "shop",
    params(("after" = Option<String>, Query, pattern = r"^[0-9]{1,19}(\.[1-9][0-9]{0,18})?$",
            description = "The stream begins after the event with this id; with new events unless given"),
        ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, description = "The stream", body = StockEvents, content_type = "text/event-stream"),
        (status = 429, description = "`too-many-requests`: too many streams are open")))]
async fn watch_events(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    let after = request.last_event_id()?;
    let Ok(permit) = Arc::clone(&frontend.subscribers).try_acquire_owned() else {
        frontend.metrics.refused_streams.add(1);
        let detail = "Too many event streams are open here; try again later.";
        return Err(ApiError::new(Code::TooManyRequests, detail));
    };
    match subscriber::subscribe(&frontend.live, after, frontend.head(), permit).await {
        Some(frames) => Ok(Response::events(FrameStream::new(frames, frontend.stopping.clone()))),
        None => {
            let detail = "The shop's catalog was not reached yet; try again.";
            Err(ApiError::new(Code::Unavailable, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use common::client::{RemoteCatalog, RemoteOrders};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::fixture::endpoint;
    use crate::http::assert_described;

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let unreachable = endpoint("http://127.0.0.1:9");
        let frontend = Arc::new(Frontend::new(
            Arc::new(RemoteCatalog::new(unreachable.clone())),
            Arc::new(RemoteOrders::new(unreachable)),
            crate::token::Token::fixed(None),
            CancellationToken::new(),
        ));
        assert_described(&routes(&frontend));
    }
}
