//! The front-end's operations: a handler and its OpenAPI description each; the shopkeeper's are in `shopkeeper`.

use std::borrow::Cow;
use std::sync::Arc;

use common::client::AsOf;
use common::wire::{BookPage, BuyBody, FastJson, Hello, Receipt, SearchBody, StockEvent, Topics};
use common::{Code, Deadline, ItemNumber, OrderId, Problem, limits};
use utoipa::OpenApi;

use super::cache::CacheKey;
use super::selector::{Selector, parse_purchase};
use super::{Frontend, shopkeeper, subscriber};
use crate::http::{ApiError, ApiResult, FrameStream, Request, Response, Route, Routes};
use crate::relay::{client_problem, unknown_order};

#[derive(OpenApi)]
#[openapi(
    info(title = "Bookstore", description = "A bookstore: browse, search, buy, watch stock changes."),
    paths(list_topics, search_books, buy_book, find_order, watch_events, shopkeeper::change_stock,
        shopkeeper::set_book, shopkeeper::withdraw_book, shopkeeper::change_books, shopkeeper::list_entries),
    components(schemas(Problem, StockEvent, Hello)),
    modifiers(&TokenScheme),
)]
struct Document;

struct TokenScheme;

impl utoipa::Modify for TokenScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", bearer);
    }
}

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

/// All topics, in alphabetical order without regard to case and accents.
#[utoipa::path(get, path = "/topics", tag = "shop", responses(
    (status = 200, description = "The topics", body = Topics),
    (status = 304, description = "Not changed since the entity tag in If-None-Match"),
    (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json")))]
async fn list_topics(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    frontend.topics(request.freshness()?).await
}

fn cached_topics(frontend: &Frontend, request: &Request) -> Option<Response> {
    frontend.cached(CacheKey::Topics, request.freshness().ok()?)
}

/// Books by topic, by number, or by words. Exactly one of `topic`, `item` and `q`, from the query or the body.
#[utoipa::path(get, path = "/search", tag = "shop", request_body = Option<SearchBody>,
    params(("topic" = Option<String>, Query,
            description = "Without regard to case, accents and apostrophes: a page, by number"),
        ("item" = Option<ItemNumber>, Query, description = "One book"),
        ("lookupNum" = Option<ItemNumber>, Query, description = "The original store's word for `item`"),
        ("q" = Option<String>, Query,
            description = "Words that begin like these, compared as topics are: a page, titles first, then whole words"),
        ("limit" = Option<u32>, Query, description = "Books on a page: 1…100, 50 unless given"),
        ("after" = Option<String>, Query, description = "The `next` of the page before")),
    responses((status = 200, description = "One page, or with `item` one `Book`", body = BookPage),
        (status = 304, description = "Not changed since the entity tag in If-None-Match"),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json")))]
async fn search_books(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    let fresh = request.freshness()?;
    let selector = Selector::parse(&mut request)?;
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    let after = request.query_param("after")?;
    // A raw query has no blanks, so the key of a body never equals one.
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

/// Buys copies of a book, or of several: all lines are sold or none.
#[utoipa::path(post, path = "/buy", tag = "shop", request_body = BuyBody,
    params(("buyNum" = Option<ItemNumber>, Query, description = "The original store's word for `item`"),
        ("Idempotency-Key" = Option<OrderId>, Header, description = "The order's id; send it again to ask again"),
        ("Bookstore-Deadline" = Option<Deadline>, Header, description = "Unix milliseconds; 5 s from now unless given")),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`: the outcome is unknown", body = Problem,
            content_type = "application/problem+json"),
        (status = 507, description = "`storage-full`", body = Problem, content_type = "application/problem+json")))]
async fn buy_book(frontend: Arc<Frontend>, mut request: Request) -> ApiResult {
    let lines = parse_purchase(&mut request)?;
    let (key, deadline) = (request.idempotency_key()?, request.deadline()?);
    frontend.buy(lines, key, deadline).await
}

/// One order's receipt, sold or refused.
#[utoipa::path(get, path = "/orders/{order}", tag = "shop", params(("order" = OrderId, Path)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-order`: final only after the order's deadline", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`", body = Problem, content_type = "application/problem+json")))]
async fn find_order(frontend: Arc<Frontend>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    let found = frontend.orders.find_order(order, request.freshness()?).await;
    let AsOf { value, head } = found.map_err(client_problem)?;
    frontend.observe_seq(head);
    let response = match value {
        Some(receipt) => Response::json_bytes(receipt.to_json()),
        None => Response::from(unknown_order(order)),
    };
    Ok(response.with_seq(Some(head)))
}

/// Stock changes as server-sent events: `hello` first, then `stock`, `resync` and `source`.
#[utoipa::path(get, path = "/events", tag = "shop",
    params(("after" = Option<String>, Query, description = "From after the event with this id; else only what comes"),
        ("Last-Event-ID" = Option<String>, Header, description = "The same, as a reader that reconnects sends it")),
    responses((status = 200, description = "The stream", body = StockEvent, content_type = "text/event-stream"),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: too many streams are open", body = Problem,
            content_type = "application/problem+json"),
        (status = 503, description = "`unavailable`: the catalog was never reached", body = Problem,
            content_type = "application/problem+json")))]
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
