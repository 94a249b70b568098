//! The order service's operations: a handler and its OpenAPI description each.

use std::sync::Arc;

use common::client::AsOf;
use common::wire::{
    BatchProblem, BatchReceipt, Order, OrderBatch, OrderLines, OrderResult, OrderResults, QuantityBody, Receipt,
    ReceiptPage, ServiceKind,
};
use common::{Code, ItemNumber, OrderId, Position, Problem, Quantity, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use utoipa::OpenApi;

use super::OrderService;
use crate::http::{ApiError, ApiResult, Exposition, HttpService, KnownStore, Needs, Request, Response, Route, Routes};
use crate::relay::unknown_order;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Bookstore: order",
        description = "Buying, receipts, order queries. Not public."
    ),
    paths(buy_book, buy_book_by_get, place_orders, find_order, list_orders),
    components(schemas(Problem))
)]
struct Document;

/// The routes of an order service.
pub(crate) fn routes(orders: &Arc<OrderService>) -> Routes {
    let mut document = Document::openapi();
    // The attribute `deprecated` on the handler would warn at every use of it.
    let buying = document.paths.paths.get_mut("/buy/{item}");
    if let Some(operation) = buying.and_then(|path| path.get.as_mut()) {
        operation.deprecated = Some(utoipa::openapi::Deprecated::True);
    }
    let routes = vec![
        Route::new::<__path_place_orders, _, _, _>(orders, place_orders).with_batch_body(),
        Route::new::<__path_buy_book, _, _, _>(orders, buy_book),
        Route::new::<__path_find_order, _, _, _>(orders, find_order),
        Route::new::<__path_list_orders, _, _, _>(orders, list_orders),
        Route::new::<__path_buy_book_by_get, _, _, _>(orders, buy_book_by_get).without_head(),
    ];
    Routes::new(orders, routes, document)
}

impl HttpService for OrderService {
    fn kind(&self) -> ServiceKind {
        ServiceKind::Order
    }

    fn newest_seq(&self) -> Option<Position> {
        Some(self.head()).filter(|head| head.seq > Seq::ZERO)
    }

    fn known_store(&self) -> KnownStore {
        KnownStore {
            id: self.position.store(),
            head: self.newest_seq(),
            health: None,
        }
    }

    fn write_metrics(&self, out: &mut Exposition) {
        out.gauge(
            "bookstore_ledger_head",
            "The newest ledger entry that the service knows",
        )
        .value_if(self.newest_seq().map(|head| head.seq));
        let help = "Purchases that were sent to the catalog again because an answer was lost";
        out.counter("bookstore_sales_resent_total", help)
            .value(self.position.resent.get());
        let batches = self.catalog.batches();
        out.batches(Vec::from_iter(batches.map(|(metrics, depth)| ("sales", metrics, depth))).as_slice());
        self.neighbours.write_metrics(out);
    }

    fn check_needs(&self) -> BoxFuture<'_, Needs> {
        let check = async {
            let report = self.neighbours.check().await;
            self.position.observe_report(&report);
            report.needs.clone()
        };
        check.boxed()
    }
}

/// Buys copies of one book.
#[utoipa::path(post, path = "/buy/{item}", tag = "order",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header)),
    request_body = QuantityBody,
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-item`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`key-reused`", body = Problem, content_type = "application/problem+json"),
        (status = 504, description = "`deadline-exceeded`", body = Problem, content_type = "application/problem+json")))]
async fn buy_book(orders: Arc<OrderService>, mut request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let QuantityBody { quantity } = request.json_or_default()?;
    buy(&orders, &request, item, quantity).await
}

/// The original design's form of buying one copy; use `POST`.
#[utoipa::path(get, path = "/buy/{item}", tag = "order",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 409, description = "`sold-out`", body = Problem, content_type = "application/problem+json")))]
async fn buy_book_by_get(orders: Arc<OrderService>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let bought = buy(&orders, &request, item, Quantity::ONE).await;
    Ok(bought.unwrap_or_else(Response::from).with_deprecation())
}

/// Places a batch of orders; a receipt or a problem for each, in order.
#[utoipa::path(post, path = "/orders", tag = "order", request_body = OrderBatch,
    responses((status = 200, description = "One result for each order", body = OrderResults),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn place_orders(orders: Arc<OrderService>, mut request: Request) -> ApiResult {
    let batch: OrderBatch = request.fast_json()?;
    if batch.orders.iter().map(|order| order.lines.len()).sum::<usize>() > limits::BATCH_LINES_MAX {
        let detail = format!("The orders of a batch have at most {} lines.", limits::BATCH_LINES_MAX);
        return Err(ApiError::invalid(detail));
    }
    let results = orders.place_batch(batch.orders).await;
    let head = results.position();
    Ok(Response::json_bytes(results.to_json_lines()).with_seq(Some(head)))
}

/// One order's receipt.
#[utoipa::path(get, path = "/orders/{order}", tag = "order",
    params(("order" = OrderId, Path)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-order`", body = Problem, content_type = "application/problem+json")))]
async fn find_order(orders: Arc<OrderService>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    let AsOf { value, head } = orders.find(order, request.freshness()?).await?;
    let response = match value {
        Some(receipt) => Response::json(&receipt),
        None => Response::from(unknown_order(order)),
    };
    Ok(response.with_seq(Some(head)))
}

/// Receipts in the order of the ledger.
#[utoipa::path(get, path = "/orders", tag = "order",
    params(("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given")),
    responses((status = 200, description = "One page", body = ReceiptPage)))]
async fn list_orders(orders: Arc<OrderService>, request: Request) -> ApiResult {
    let after = request.parse_query_param("after")?.unwrap_or(Seq::ZERO);
    let limit = request.page_limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    Ok(Response::json(&orders.list(after, limit).await?))
}

async fn buy(orders: &Arc<OrderService>, request: &Request, item: ItemNumber, quantity: Quantity) -> ApiResult {
    let order = Order {
        id: request.idempotency_key()?,
        lines: OrderLines::one(item, quantity),
        keyed: None,
        deadline: request.deadline()?,
    };
    match orders.place(vec![order]).await.pop() {
        Some(OrderResult::Receipt(BatchReceipt { receipt, replayed })) => {
            Ok(Response::json(&receipt).with_replayed(replayed))
        }
        Some(OrderResult::Problem(BatchProblem { problem, replayed })) => {
            Ok(Response::from(problem).with_replayed(replayed))
        }
        None => Err(ApiError::new(Code::Internal, "The order was lost.")),
    }
}

#[cfg(test)]
mod tests {
    use common::client::RemoteCatalog;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::fixture::endpoint;
    use crate::http::assert_described;

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let unreachable = Arc::new(RemoteCatalog::new(endpoint("http://127.0.0.1:9")));
        let orders = Arc::new(OrderService::new(unreachable, CancellationToken::new()));
        assert_described(&routes(&orders));
    }
}
