//! The order service's operations: each is one description, one function.

use std::sync::Arc;

use common::client::Freshness;
use common::wire::{
    BatchProblem, BatchReceipt as PlacedBody, Order, OrderBatch as Batch, OrderResult, OrderResults, QuantityBody,
    Receipt, ReceiptPage,
};
use common::{ItemNumber, OrderId, Problem, Quantity, Seq, limits};
use futures::FutureExt;
use futures::future::BoxFuture;
use utoipa::OpenApi;

use super::{Orders, Settled};
use crate::http::{Answer, Call, Failure, HealthDocument, Outcome, Readiness, Ready, Route, Routes, health_routes};

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
pub fn routes(orders: &Arc<Orders>) -> Routes {
    let document = document();
    let mut routes = vec![
        Route::of::<__path_place_orders, _, _, _>(orders, place_orders)
            .of_a_batch()
            .directly(),
        Route::of::<__path_buy_book, _, _, _>(orders, buy_book),
        Route::of::<__path_find_order, _, _, _>(orders, find_order),
        Route::of::<__path_list_orders, _, _, _>(orders, list_orders),
        Route::of::<__path_buy_book_by_get, _, _, _>(orders, buy_book_by_get).that_changes(),
    ];
    routes.extend(health_routes("order", Arc::clone(orders) as Arc<dyn Ready>, &document));
    let head = Arc::clone(orders);
    Routes::new("order", routes, move || {
        Some(head.head()).filter(|&head| head > Seq::ZERO)
    })
}

fn document() -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    document.merge(HealthDocument::openapi());
    // The attribute for this would make every mention of the handler a warning.
    let buying = document.paths.paths.get_mut("/buy/{item}");
    if let Some(operation) = buying.and_then(|path| path.get.as_mut()) {
        operation.deprecated = Some(utoipa::openapi::Deprecated::True);
    }
    document
}

impl Ready for Orders {
    fn look(&self) -> BoxFuture<'_, Readiness> {
        async {
            let missing = match self.catalog.ready().await {
                Ok(answer) if answer.is_success() => Vec::new(),
                Ok(_) => vec![format!("the catalog at {} is not ready", self.catalog.url())],
                Err(error) => vec![format!("the catalog: {error}")],
            };
            Readiness {
                missing,
                ..Readiness::default()
            }
        }
        .boxed()
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
async fn buy_book(orders: Arc<Orders>, mut call: Call) -> Outcome {
    let item = call.parse_segment("item", 0)?;
    let QuantityBody { quantity } = call.json_or_default()?;
    buy(&orders, &call, item, quantity).await
}

/// The original design's form of buying one copy; use `POST`.
#[utoipa::path(get, path = "/buy/{item}", tag = "order",
    params(("item" = ItemNumber, Path), ("Idempotency-Key" = Option<OrderId>, Header)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 409, description = "`sold-out`", body = Problem, content_type = "application/problem+json")))]
async fn buy_book_by_get(orders: Arc<Orders>, call: Call) -> Outcome {
    let item = call.parse_segment("item", 0)?;
    match buy(&orders, &call, item, Quantity::ONE).await {
        Ok(answer) => Ok(answer.deprecated()),
        Err(failure) => Err(failure.deprecated()),
    }
}

/// Places a batch of orders; a receipt or a problem for each, in order.
#[utoipa::path(post, path = "/orders", tag = "order", request_body = Batch,
    responses((status = 200, description = "One result for each order", body = OrderResults),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json")))]
async fn place_orders(orders: Arc<Orders>, mut call: Call) -> Outcome {
    let batch: Batch = call.lean()?;
    if batch.orders.len() > limits::BATCH_ORDERS_MAX {
        return Err(Failure::invalid(format!(
            "A batch has at most {} orders.",
            limits::BATCH_ORDERS_MAX
        )));
    }
    let results = orders.place(&batch.orders).await.into_iter().map(result).collect();
    let head = orders.head();
    Ok(Answer::json_bytes(OrderResults { results, head }.to_json_lines()).at(Some(head)))
}

/// One order's receipt.
#[utoipa::path(get, path = "/orders/{order}", tag = "order",
    params(("order" = OrderId, Path)),
    responses((status = 200, description = "The receipt", body = Receipt),
        (status = 404, description = "`unknown-order`", body = Problem, content_type = "application/problem+json")))]
async fn find_order(orders: Arc<Orders>, call: Call) -> Outcome {
    let order = call.parse_segment("order", 0)?;
    let fresh = Freshness {
        min_seq: call.seen()?,
        confirm_head: call.wants_fresh(),
    };
    let receipt = orders.find(order, fresh).await?;
    Ok(Answer::json(&receipt))
}

/// Receipts in the order of the ledger.
#[utoipa::path(get, path = "/orders", tag = "order",
    params(("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1…100, 50 unless given")),
    responses((status = 200, description = "One page", body = ReceiptPage)))]
async fn list_orders(orders: Arc<Orders>, call: Call) -> Outcome {
    let after = call.parse_query("after")?.unwrap_or(Seq::ZERO);
    let limit = call.limit(limits::PAGE_BOOKS_DEFAULT, limits::PAGE_BOOKS_MAX)?;
    Ok(Answer::json(&orders.list(after, limit).await?))
}

async fn buy(orders: &Orders, call: &Call, item: ItemNumber, quantity: Quantity) -> Outcome {
    let order = Order {
        id: call.key()?,
        item,
        quantity,
        keyed: None,
        deadline: call.deadline()?,
    };
    let Some(Settled { placed, replayed }) = orders.place(&[order]).await.pop() else {
        return Err(Failure::new(common::Code::Internal, "The order was lost."));
    };
    match placed {
        Ok(receipt) => Ok(Answer::json(&receipt).replayed(replayed)),
        Err(problem) => Err(Failure::from(problem).replayed(replayed)),
    }
}

fn result(settled: Settled) -> OrderResult {
    let Settled { placed, replayed } = settled;
    match placed {
        Ok(receipt) => OrderResult::Receipt(PlacedBody { receipt, replayed }),
        Err(problem) => OrderResult::Problem(BatchProblem { problem, replayed }),
    }
}

#[cfg(test)]
mod tests {
    use common::client::{CatalogClient, ServiceEndpoint, http_client};

    use super::*;
    use crate::http::agreement::assert_agree;

    #[tokio::test]
    async fn the_routes_and_their_document_agree() {
        let nobody = ServiceEndpoint::parse(http_client().unwrap(), "http://127.0.0.1:9").unwrap();
        let orders = Arc::new(Orders::new(CatalogClient::new(nobody)));
        assert_agree(&routes(&orders), &document());
    }
}
