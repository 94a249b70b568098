//! The order service's operations, each with its handler and OpenAPI description.

use std::sync::Arc;

use common::client::AsOf;
use common::wire::{
    BatchProblem, BatchReceipt, Order, OrderBatch, OrderLines, OrderResult, OrderResults, QuantityBody, Receipt,
    ReceiptPage, ServiceKind,
};
use common::{Deadline, ItemNumber, OrderId, Position, Problem, Quantity, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use utoipa::OpenApi;

use super::OrderService;
use crate::client_response::unknown_order;
use crate::http::{
    ApiError, ApiResult, DependencyStatus, Exposition, HttpService, KnownStore, Request, Response, Route, Routes,
};

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
    // The attribute `deprecated` would cause a warning at each use of the handler.
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

    fn newest_position(&self) -> Option<Position> {
        Some(self.head()).filter(|head| head.seq > Seq::ZERO)
    }

    fn known_store(&self) -> KnownStore {
        KnownStore {
            id: self.position.store(),
            head: self.newest_position(),
            health: None,
        }
    }

    fn write_metrics(&self, out: &mut Exposition) {
        out.gauge(
            "bookstore_ledger_head",
            "The number of the newest ledger entry that the service knows",
        )
        .value_if(self.newest_position().map(|head| head.seq));
        let help = "Purchases that were sent to the catalog again because an answer was lost";
        out.counter("bookstore_sales_resent_total", help)
            .value(self.position.resent_purchases.get());
        let batches = self.catalog.batches();
        out.batches(Vec::from_iter(batches.map(|(metrics, depth)| ("sales", metrics, depth))).as_slice());
        self.dependencies.write_metrics(out);
    }

    fn check_dependencies(&self) -> BoxFuture<'_, DependencyStatus> {
        let check = async {
            let report = self.dependencies.check().await;
            self.position.observe_report(&report);
            report.status.clone()
        };
        check.boxed()
    }
}

/// Buys copies of one book.
///
/// The receipt is durable.
#[utoipa::path(post, path = "/buy/{item}", tag = "order",
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header), ("Bookstore-Deadline" = Option<Deadline>, Header)),
    request_body = Option<QuantityBody>,
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-item`"),
        (status = 409, description = "`sold-out`")))]
async fn buy_book(orders: Arc<OrderService>, mut request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let QuantityBody { quantity } = request.json_or_default()?;
    buy(&orders, &request, item, quantity).await
}

/// Buys one copy, in the form of the original design.
///
/// Use `POST` instead.
#[utoipa::path(get, path = "/buy/{item}", tag = "order",
    params(("item" = ItemNumber, Path, description = "The book"), ("Idempotency-Key" = Option<OrderId>, Header), ("Bookstore-Deadline" = Option<Deadline>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-item`"),
        (status = 409, description = "`sold-out`")))]
async fn buy_book_by_get(orders: Arc<OrderService>, request: Request) -> ApiResult {
    let item = request.parse_path_param("item")?;
    let bought = buy(&orders, &request, item, Quantity::ONE).await;
    Ok(bought.unwrap_or_else(Response::from).with_deprecation())
}

/// Places a batch of orders.
///
/// A receipt or a problem for each, in their order. At most 1,024 lines in all.
#[utoipa::path(post, path = "/orders", tag = "order", request_body = OrderBatch,
    responses((status = 200, description = "One result for each order", body = OrderResults)))]
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

/// The receipt of one order.
///
/// Sold or refused.
#[utoipa::path(get, path = "/orders/{order}", tag = "order",
    params(("order" = OrderId, Path, description = "The order's key"), ("Bookstore-Seq" = Option<String>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-order`: until its deadline the order may still be decided")))]
async fn find_order(orders: Arc<OrderService>, request: Request) -> ApiResult {
    let order = request.parse_path_param("order")?;
    let AsOf { value, position } = orders.find(order, request.freshness()?).await?;
    let response = match value {
        Some(receipt) => Response::json(&receipt),
        None => Response::from(unknown_order(order)),
    };
    Ok(response.with_seq(Some(position)))
}

/// Receipts in the order of the ledger.
///
/// The oldest first.
#[utoipa::path(get, path = "/orders", tag = "order",
    params(("after" = Option<Seq>, Query, description = "The value of `next` of the previous page"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "Receipts on a page, 50 unless given")),
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
    Ok(match orders.place(order).await {
        OrderResult::Receipt(BatchReceipt { receipt, replayed }) => Response::json(&receipt).with_replayed(replayed),
        OrderResult::Problem(BatchProblem { problem, replayed }) => Response::from(problem).with_replayed(replayed),
    })
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
