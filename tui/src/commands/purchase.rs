//! Buying, receipts, and the shopkeeper's changes of a stock.

use std::time::Duration;

use common::client::{Error as ClientError, Response, ShopClient};
use common::wire::{Book, OrderStatus, Receipt};
use common::{Code, Deadline, OrderId, Problem, limits};

use super::output::{self, Output};
use super::table::pairs;
use super::{Error, Exit, Interrupt, browse};
use crate::cli::{BuyArgs, RestockArgs};
use common::client::{Resolution, send_until_decided};

/// The key is drawn before anything is sent, so that the order has a name whatever happens to it.
pub(super) async fn buy(
    shop: &ShopClient,
    args: &BuyArgs,
    out: &Output,
    mut interrupt: Interrupt,
) -> Result<Exit, Error> {
    let order = args.key.unwrap_or_else(OrderId::generate);
    let deadline = Deadline::after(args.within);
    let settled = tokio::select! {
        settled = send_until_decided(deadline, || shop.buy(args.item, args.quantity, Some(order), deadline)) => settled,
        () = interrupt.wait() => {
            output::complain(&format!("interrupted; whether it was bought is unknown\n  order  {order}"));
            return Ok(Exit::Interrupted);
        }
    };
    match settled {
        Resolution::Decided(answer) | Resolution::NotApplied(Ok(answer)) => out.answer(&answer, receipt),
        Resolution::NotApplied(Err(error)) => Err(error.into()),
        Resolution::Unknown(last) => ask_once_more(shop, order, last, out).await,
    }
}

/// The deadline has passed: a decision, if there was one, can be read now.
async fn ask_once_more(
    shop: &ShopClient,
    order: OrderId,
    last: Result<Response, ClientError>,
    out: &Output,
) -> Result<Exit, Error> {
    let asked = shop.find_order(order).await;
    let (heard, sentence) = match &asked {
        Ok(answer) => match answer.parse::<Receipt>() {
            Ok(found) => {
                let exit = out.answer(answer, receipt)?;
                return Ok(if found.status == OrderStatus::Sold {
                    exit
                } else {
                    Exit::Refused
                });
            }
            Err(error) if error.code() == Some(Code::UnknownOrder) => {
                (error, "it was not decided in time; the store knows no such order")
            }
            Err(error) => (error, "whether it was bought is unknown; ask again with the same --key"),
        },
        Err(error) => (
            error.clone(),
            "whether it was bought is unknown; ask again with the same --key",
        ),
    };
    still_unknown(order, last.ok(), &heard, sentence, out)
}

fn still_unknown(
    order: OrderId,
    last: Option<Response>,
    heard: &ClientError,
    sentence: &str,
    out: &Output,
) -> Result<Exit, Error> {
    if out.is_json() {
        let named = last.filter(|answer| {
            matches!(answer.parse::<Receipt>(), Err(ClientError::Problem(problem)) if problem.order == Some(order))
        });
        match named {
            Some(answer) => {
                out.verbatim(&answer)?;
            }
            None => out.json(&Problem::new(Code::DeadlineExceeded, sentence).with_order(Some(order)))?,
        }
    }
    output::complain(&format!("{sentence} ({heard})\n  order  {order}"));
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
            let heard = match last {
                Ok(answer) => answer.parse::<Book>().err(),
                Err(error) => Some(error),
            };
            let heard = heard.map_or_else(String::new, |error| format!(" ({error})"));
            output::complain(&format!(
                "whether the stock was changed is unknown{heard}\n  order  {key}"
            ));
            Ok(Exit::Unavailable)
        }
    }
}

fn receipt(receipt: &Receipt) -> String {
    let status = match (receipt.status, receipt.reason) {
        (OrderStatus::Sold, _) => "Sold".to_owned(),
        (OrderStatus::Refused, Some(reason)) => format!("Refused: {reason}"),
        (OrderStatus::Refused, None) => "Refused".to_owned(),
    };
    let mut lines = vec![("order", receipt.order.to_string()), ("item", receipt.item.to_string())];
    if let Some(title) = &receipt.title {
        lines.push(("title", title.clone()));
    }
    lines.push(("quantity", receipt.quantity.to_string()));
    if let Some(cost) = receipt.cost {
        lines.push(("cost", cost.to_string()));
    }
    lines.push(("total", receipt.total.to_string()));
    if let Some(stock) = receipt.stock {
        lines.push(("left", stock.to_string()));
    }
    lines.push(("at", receipt.at.to_string()));
    format!("{status}\n{}", pairs(&lines))
}
