//! Buying, and receipts.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::client::{self, Error as ClientError, Resolution, Response, send_until_decided};
use common::wire::{OrderLines, OrderStatus, Receipt};
use common::{Code, Deadline, OrderId, Problem, Timestamp};

use super::exit::{Error, Exit};
use super::order_record::OrderRecord;
use super::output::Output;
use crate::cli::BuyArgs;
use crate::connect::{MOVES_MAX, ShopConnection};
use crate::journal::{JournalLocation, Outcome, SentLine, SentOrder};
use crate::receipt;
use crate::terminal::Signals;

/// Time after the order's deadline in which its answer may arrive.
const ANSWER_MARGIN: Duration = Duration::from_millis(250);
/// Timeout of the lookup of an order whose answer was lost.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(500);

/// The result of sending an order.
enum Ending {
    /// The shop's answer, and whether an earlier command received the same answer.
    Answered(Response, bool),
    NotApplied(ClientError),
    /// The deadline has passed. Error of the lookup (`None` for a timeout), and the last answer.
    Unknown(Option<ClientError>, Option<Response>),
}

/// Generates the order id before sending, so that messages can name an interrupted or unknown order.
pub(super) async fn buy(
    connection: &ShopConnection,
    args: &BuyArgs,
    journal: Option<JournalLocation>,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let lines = args.lines().map_err(|error| Error::Usage(error.to_string()))?;
    let order = args.key.unwrap_or_else(OrderId::generate);
    let deadline = Deadline::after(args.within);
    let record = OrderRecord::begin(sent_order(connection, &lines, order, deadline), journal, out).await;
    let ending = tokio::select! {
        ending = send(connection, &lines, order, deadline, out) => ending,
        signal = signals.next() => {
            let sentence = format!("interrupted; whether the book was bought is unknown\n  order  {order}");
            out.print_error(&sentence).await;
            return Ok(Exit::of_signal(signal));
        }
    };
    // An earlier command with this key may have placed the order.
    let may_be_applied = args.key.is_some();
    let answer = match &ending {
        Ending::Answered(answer, _) => Some(answer.parse()),
        Ending::NotApplied(error) => Some(Err(error.clone())),
        Ending::Unknown(..) => None,
    };
    let outcome = answer.map(|answer| Outcome::of_answer(order, answer, may_be_applied, Timestamp::now()));
    if let Some(outcome) = outcome.and_then(Outcome::record) {
        record.end(outcome, &connection.shop, out).await;
    }
    match ending {
        Ending::Answered(answer, was_decided_before) => {
            if was_decided_before {
                let sentence = format!(
                    "this --key was used before; this is the answer to that order, and nothing was bought now\n  order  {order}"
                );
                out.print_notice(&sentence).await;
            }
            print_answer(&answer, order, out).await
        }
        Ending::NotApplied(error) => Err(error.into()),
        Ending::Unknown(error, last) => report_unknown(order, error, last, out).await,
    }
}

fn sent_order(connection: &ShopConnection, lines: &OrderLines, order: OrderId, deadline: Deadline) -> SentOrder {
    let lines = lines.iter().map(|line| SentLine {
        item: line.item,
        quantity: line.quantity,
        title: None,
        cost: None,
    });
    SentOrder {
        order,
        lines: lines.collect(),
        at: Timestamp::now(),
        deadline,
        shop: connection.name.clone(),
        store: None,
    }
}

/// Sends the order until it is decided or its deadline has passed. Then looks it up once.
async fn send(
    connection: &ShopConnection,
    lines: &OrderLines,
    order: OrderId,
    deadline: Deadline,
    out: &Output,
) -> Ending {
    let attempts = AtomicU32::new(0);
    let attempt = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        send_once(connection, lines, order, deadline, out)
    };
    let time_limit = deadline.remaining() + ANSWER_MARGIN;
    let resolution = tokio::time::timeout(time_limit, send_until_decided(deadline, attempt)).await;
    let last = match resolution {
        Ok(Resolution::Decided(answer) | Resolution::NotApplied(Ok(answer))) => {
            let is_first = attempts.load(Ordering::Relaxed) == 1;
            let was_decided_before = is_first && answer.replayed;
            return Ending::Answered(answer, was_decided_before);
        }
        Ok(Resolution::NotApplied(Err(error))) => return Ending::NotApplied(error),
        Ok(Resolution::Unknown(last)) => last.ok(),
        Err(_) => None,
    };
    let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, connection.shop.find_order(order)).await;
    let found = lookup.map(|answer| answer.and_then(|answer| answer.parse::<Receipt>().map(|_| answer)));
    match found {
        Ok(Ok(answer)) => Ending::Answered(answer, false),
        Ok(Err(error)) => Ending::Unknown(Some(error), last),
        Err(_) => Ending::Unknown(None, last),
    }
}

/// Sends the order, and repeats a request that was not applied if the local store has moved to another process.
async fn send_once(
    connection: &ShopConnection,
    lines: &OrderLines,
    order: OrderId,
    deadline: Deadline,
    out: &Output,
) -> client::Result {
    let mut moves = 0;
    loop {
        let error = match connection.shop.buy(lines.clone(), Some(order), deadline).await {
            Err(error @ (ClientError::Unreachable { .. } | ClientError::Lost { .. })) => error,
            answer => return answer,
        };
        moves += 1;
        let found = connection.find_again().await;
        let has_moved = matches!(found, Ok(Some(_)));
        if let Some(notice) = found.unwrap_or_else(|why| Some(why.to_string())) {
            out.print_notice(&notice).await;
        }
        if !has_moved || !error.is_not_applied() || moves > MOVES_MAX {
            return Err(error);
        }
    }
}

/// Prints the answer to a purchase. If printing fails, prints the order's id to standard error and returns the exit of the
/// purchase, so that a script does not buy again because its disk is full.
async fn print_answer(answer: &Response, order: OrderId, out: &Output) -> Result<Exit, Error> {
    let receipt = answer.parse::<Receipt>().ok();
    let exit = match receipt.map(|receipt| receipt.status) {
        Some(OrderStatus::Refused) => Exit::Refused,
        Some(OrderStatus::Sold) | None => Exit::of_status(answer.status),
    };
    match out.answer_or_fail(answer, receipt::of_shop).await {
        Ok(Exit::Done) => Ok(exit),
        Ok(printed) => Ok(printed),
        Err(error) => {
            let sentence = format!("the answer cannot be printed: {error}\n  order  {order}");
            out.print_error(&sentence).await;
            Ok(exit)
        }
    }
}

async fn report_unknown(
    order: OrderId,
    error: Option<ClientError>,
    last: Option<Response>,
    out: &Output,
) -> Result<Exit, Error> {
    let sentence = match error.as_ref().and_then(ClientError::code) {
        Some(Code::UnknownOrder) => "the order was not decided in time and the shop does not know it",
        _ => "whether the book was bought is unknown; repeat the command with the same --key",
    };
    let why = error.map_or_else(|| "no answer in time".to_owned(), |error| error.to_string());
    out.print_error(&format!("{sentence} ({why})\n  order  {order}")).await;
    if out.is_json() {
        let problem_of_order = last.filter(|answer| {
            matches!(answer.parse::<Receipt>(), Err(ClientError::Problem(problem)) if problem.order == Some(order))
        });
        match problem_of_order {
            Some(answer) => {
                out.verbatim(&answer).await?;
            }
            None => {
                let problem = Problem::new(Code::DeadlineExceeded, sentence).with_order(Some(order));
                out.json(&problem).await?;
            }
        }
    }
    Ok(Exit::Unavailable)
}

/// Prints the receipt, and records the outcome of an order of this user that has none.
pub(super) async fn order(
    connection: &ShopConnection,
    order: OrderId,
    journal: Option<JournalLocation>,
    out: &Output,
) -> Result<Exit, Error> {
    let answer = connection
        .read(|shop| async move { shop.find_order(order).await })
        .await?;
    if let Some(outcome) = Outcome::of_answer(order, answer.parse(), true, Timestamp::now()).record() {
        OrderRecord::end_earlier(order, outcome, journal, out).await;
    }
    out.answer(&answer, receipt::of_shop).await
}
