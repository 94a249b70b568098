//! Buying, receipts, and the shopkeeper's changes of a stock.

use std::time::Duration;

use common::client::{Error as ClientError, Resolution, Response, ShopClient, send_until_decided};
use common::wire::{Book, OrderStatus, Receipt};
use common::{Code, Deadline, OrderId, Problem, Reason, limits};

use super::browse;
use super::exit::{Error, Exit};
use super::output::{self, Output};
use super::table::pairs;
use crate::cli::{BuyArgs, RestockArgs};
use crate::terminal::Signals;

/// The order id is generated before anything is sent, so that an interrupted or unknown order can be named.
pub(super) async fn buy(shop: &ShopClient, args: &BuyArgs, out: &Output, mut signals: Signals) -> Result<Exit, Error> {
    let lines = args.lines().map_err(|error| Error::Usage(error.to_string()))?;
    let order = args.key.unwrap_or_else(OrderId::generate);
    let deadline = Deadline::after(args.within);
    let send = || shop.buy(lines.clone(), Some(order), deadline);
    let resolution = tokio::select! {
        resolution = send_until_decided(deadline, send) => resolution,
        signal = signals.next() => {
            output::print_error(&format!("interrupted; whether the book was bought is unknown\n  order  {order}"));
            return Ok(Exit::of_signal(signal));
        }
    };
    match resolution {
        Resolution::Decided(answer) | Resolution::NotApplied(Ok(answer)) => out.answer(&answer, receipt),
        Resolution::NotApplied(Err(error)) => Err(error.into()),
        Resolution::Unknown(last) => look_up_outcome(shop, order, last.ok(), out).await,
    }
}

/// Asks for the order once more after the deadline: if it was decided, the decision can be read now.
async fn look_up_outcome(
    shop: &ShopClient,
    order: OrderId,
    last: Option<Response>,
    out: &Output,
) -> Result<Exit, Error> {
    let error = match shop.find_order(order).await {
        Ok(answer) => match answer.parse::<Receipt>() {
            Ok(found) => {
                let exit = out.answer(&answer, receipt)?;
                return Ok(match found.status {
                    OrderStatus::Sold => exit,
                    OrderStatus::Refused => Exit::Refused,
                });
            }
            Err(error) => error,
        },
        Err(error) => error,
    };
    let sentence = match error.code() {
        Some(Code::UnknownOrder) => "the order was not decided in time and the shop does not know it",
        _ => "whether the book was bought is unknown; repeat the command with the same --key",
    };
    if out.is_json() {
        let problem_of_order = last.filter(|answer| {
            matches!(answer.parse::<Receipt>(), Err(ClientError::Problem(problem)) if problem.order == Some(order))
        });
        match problem_of_order {
            Some(answer) => {
                out.verbatim(&answer)?;
            }
            None => out.json(&Problem::new(Code::DeadlineExceeded, sentence).with_order(Some(order)))?,
        }
    }
    output::print_error(&format!("{sentence} ({error})\n  order  {order}"));
    Ok(Exit::Unavailable)
}

pub(super) async fn order(shop: &ShopClient, order: OrderId, out: &Output) -> Result<Exit, Error> {
    let answer = shop.find_order(order).await?;
    out.answer(&answer, receipt)
}

pub(super) async fn restock(shop: &ShopClient, args: &RestockArgs, out: &Output) -> Result<Exit, Error> {
    let (key, change) = (OrderId::generate(), args.change());
    let deadline = Deadline::after(Duration::min(limits::DEADLINE_MAX, 2 * limits::DEADLINE_DEFAULT));
    match send_until_decided(deadline, || shop.restock(args.item, change, key)).await {
        Resolution::Decided(answer) | Resolution::NotApplied(Ok(answer)) => out.answer::<Book>(&answer, browse::book),
        Resolution::NotApplied(Err(error)) => Err(error.into()),
        Resolution::Unknown(last) => {
            let reason = last
                .and_then(|answer| answer.parse::<Book>())
                .err()
                .map_or_else(String::new, |error| format!(" ({error})"));
            output::print_error(&format!(
                "whether the stock was changed is unknown{reason}\n  order  {key}"
            ));
            Ok(Exit::Unavailable)
        }
    }
}

fn receipt(receipt: &Receipt) -> String {
    let reason = receipt.lines.iter().filter_map(|line| line.reason);
    let status = match (
        receipt.status,
        reason.max_by_key(|&reason| reason != Reason::WithOthers),
    ) {
        (OrderStatus::Sold, _) => "Sold".to_owned(),
        (OrderStatus::Refused, Some(reason)) => format!("Refused: {reason}"),
        (OrderStatus::Refused, None) => "Refused".to_owned(),
    };
    let mut pairs_shown = vec![("order", receipt.order.to_string())];
    for line in &receipt.lines {
        pairs_shown.push(("item", line.item.to_string()));
        pairs_shown.extend(line.title.as_ref().map(|title| ("title", title.to_string())));
        pairs_shown.push(("quantity", line.quantity.to_string()));
        pairs_shown.extend(line.cost.map(|cost| ("cost", cost.to_string())));
        pairs_shown.push(("total", line.total.to_string()));
        pairs_shown.extend(line.stock.map(|stock| ("left", stock.to_string())));
    }
    if receipt.lines.len() > 1 {
        pairs_shown.push(("total", receipt.total.to_string()));
    }
    pairs_shown.push(("at", receipt.at.to_string()));
    format!("{status}\n{}", pairs(&pairs_shown))
}
