//! The shopkeeper's changes of one book.

use std::time::Duration;

use common::client::{Resolution, Response, send_until_decided};
use common::wire::{Book, BookAction, BookFields, ChangedBooks};
use common::{Code, Cost, Deadline, ItemNumber, OrderId, limits, text};

use super::browse;
use super::exit::{Error, Exit};
use super::output::Output;
use crate::cli::{AddArgs, RestockArgs};
use crate::connect::ShopConnection;
use crate::receipt::pairs;
use crate::terminal::Signals;

pub(crate) async fn restock(
    connection: &ShopConnection,
    args: &RestockArgs,
    out: &Output,
    signals: Signals,
) -> Result<Exit, Error> {
    let action = BookAction::Stock(args.change());
    change(connection, "restock", args.item, action, out, signals).await
}

/// Changes only the price; the other fields come from a lookup.
pub(crate) async fn price(
    connection: &ShopConnection,
    item: ItemNumber,
    cost: Cost,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let found = tokio::select! {
        found = look_up(connection, item) => found?,
        signal = signals.next() => return Ok(Exit::of_signal(signal)),
    };
    let Ok(book) = found.parse::<Book>() else {
        return out.answer(&found, browse::book).await;
    };
    let fields = BookFields { cost, ..book.into() };
    change(connection, "price", item, BookAction::Set(fields), out, signals).await
}

/// Adds a book; refuses to change an existing one.
pub(crate) async fn add(
    connection: &ShopConnection,
    args: &AddArgs,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let (item, fields) = (args.item, args.fields().map_err(Error::Usage)?);
    let found = tokio::select! {
        found = look_up(connection, item) => found?,
        signal = signals.next() => return Ok(Exit::of_signal(signal)),
    };
    match found.parse::<Book>() {
        Err(error) if error.code() == Some(Code::UnknownItem) => {}
        Err(_) => return out.answer(&found, browse::book).await,
        Ok(book) => {
            let title = text::sanitize(&book.title);
            let sentence = format!("item {item} is {title:?} already; nothing was changed");
            out.print_error(&sentence).await;
            return Ok(Exit::Refused);
        }
    }
    change(connection, "add", item, BookAction::Set(fields), out, signals).await
}

pub(crate) async fn withdraw(
    connection: &ShopConnection,
    item: ItemNumber,
    out: &Output,
    signals: Signals,
) -> Result<Exit, Error> {
    change(connection, "withdraw", item, BookAction::Withdraw, out, signals).await
}

async fn look_up(connection: &ShopConnection, item: ItemNumber) -> Result<Response, Error> {
    let found = connection.read(|shop| async move { shop.lookup(item).await });
    Ok(found.await?)
}

/// Sends a change with one idempotency key until it is decided; `command` is the command's name.
async fn change(
    connection: &ShopConnection,
    command: &str,
    item: ItemNumber,
    action: BookAction,
    out: &Output,
    mut signals: Signals,
) -> Result<Exit, Error> {
    let (key, shop) = (OrderId::generate(), &connection.shop);
    let deadline = Deadline::after(Duration::min(limits::DEADLINE_MAX, 2 * limits::DEADLINE_DEFAULT));
    let resolution = tokio::select! {
        resolution = send_until_decided(deadline, || shop.change_book(item, &action, key)) => resolution,
        signal = signals.next() => {
            let sentence = format!("interrupted; whether the book was changed is unknown\n  order  {key}");
            out.print_error(&sentence).await;
            return Ok(Exit::of_signal(signal));
        }
    };
    match resolution {
        Resolution::Decided(answer) | Resolution::NotApplied(Ok(answer)) => {
            let is_unauthorized = answer.status == Code::Unauthorized.status();
            if is_unauthorized && !shop.is_shopkeeper() {
                let sentence =
                    format!("{command} needs the shopkeeper's token; give it with --token or BOOKSTORE_ADMIN_TOKEN");
                out.print_error(&sentence).await;
                if !out.is_json() {
                    return Ok(Exit::Usage);
                }
            }
            match action {
                BookAction::Withdraw => {
                    let print = |_: &ChangedBooks| pairs(&[("withdrawn", item.to_string())]);
                    out.answer(&answer, print).await
                }
                BookAction::Stock(_) | BookAction::Set(_) => out.answer(&answer, browse::book).await,
            }
        }
        Resolution::NotApplied(Err(error)) => Err(error.into()),
        Resolution::Unknown(last) => {
            let reason = match last {
                Ok(answer) => answer.error(),
                Err(error) => error,
            };
            let sentence = format!("whether the book was changed is unknown ({reason})\n  order  {key}");
            out.print_error(&sentence).await;
            Ok(Exit::Unavailable)
        }
    }
}
