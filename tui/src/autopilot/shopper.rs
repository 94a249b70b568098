//! One shopper: follows its plan, one operation after the other, and tells the tally how each ended.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::client::{Answer, Error, Shop};
use common::limits::PAGE_BOOKS_DEFAULT;
use common::wire::{Book, Page, Receipt, Status};
use common::{Deadline, ItemNumber, OrderId, Quantity};

use super::engine::Shared;
use super::outcome::{Outcome, of_failed_read, of_status};
use super::plan::{Operation, Plan};
use super::shelf::Shelf;
use crate::backoff::Backoff;
use crate::settle::{Settled, settle};

/// How long a purchase that is on its way may still take once the run was stopped.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Shops until the run is stopped or its operations are used up.
pub(super) async fn run(shared: Arc<Shared>, shelf: Arc<Shelf>, number: u32) {
    let settings = &shared.settings;
    let plan = Plan::new(settings.seed, number, settings.mix, settings.quantity, &shelf);
    let shop = shared.shop.for_another_customer();
    shop.note(shelf.head);
    let mut control = shared.control.subscribe();
    let mut backoff = Backoff::RESEND;
    for operation in plan {
        let may_shop = tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = shared.used_up.cancelled() => return,
            turn = control.wait_for(|control| control.lets(number)) => turn.is_ok(),
        };
        if !may_shop || !shared.claim_operation() {
            return;
        }
        let began = Instant::now();
        let verb = operation.verb();
        let Some((outcome, trouble)) = perform(&shared, &shop, operation).await else {
            return;
        };
        shared.record(verb, outcome, began.elapsed(), trouble);
        if outcome != Outcome::Unavailable {
            backoff.reset();
            continue;
        }
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            () = tokio::time::sleep(backoff.next_pause()) => {}
        }
    }
}

/// Nothing where the run was stopped before the operation had any effect.
async fn perform(shared: &Shared, shop: &Shop, operation: Operation) -> Option<(Outcome, Option<Error>)> {
    let ended = match operation {
        Operation::Search { topic } => {
            let answer = unless_stopped(shared, shop.search_topic(&topic, None, PAGE_BOOKS_DEFAULT)).await?;
            after_read(&answer, |page: &Page| shared.saw(page.books.iter()))
        }
        Operation::Lookup { item } => {
            let answer = unless_stopped(shared, shop.lookup(item)).await?;
            after_read(&answer, |book: &Book| shared.saw([book]))
        }
        Operation::Buy { item, quantity } => buy(shared, shop, item, quantity).await,
    };
    shared.shop.note(shop.seen());
    Some(ended)
}

async fn unless_stopped<T>(shared: &Shared, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        done = work => Some(done),
        () = shared.stopping.cancelled() => None,
    }
}

fn after_read<T: serde::de::DeserializeOwned>(
    answer: &Result<Answer, Error>,
    note: impl FnOnce(&T),
) -> (Outcome, Option<Error>) {
    match answer.as_ref().map_err(Clone::clone).and_then(Answer::parse::<T>) {
        Ok(found) => {
            note(&found);
            (Outcome::Found, None)
        }
        Err(error) => (of_failed_read(answer), Some(error)),
    }
}

/// Buys with a key of its own, drawn before anything is sent.
async fn buy(shared: &Shared, shop: &Shop, item: ItemNumber, quantity: Quantity) -> (Outcome, Option<Error>) {
    let order = OrderId::mint();
    let deadline = Deadline::within(shared.settings.patience);
    let purchase = settle(deadline, || shop.buy(item, quantity, Some(order), deadline));
    let settled = tokio::select! {
        settled = purchase => settled,
        () = async {
            shared.stopping.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        } => return (Outcome::Unknown, None),
    };
    match settled {
        Settled::Decided(answer) => match answer.parse::<Receipt>() {
            Ok(receipt) if receipt.status == Status::Sold => {
                shared.sold(&receipt);
                (Outcome::Sold, None)
            }
            Ok(_) => (Outcome::SoldOut, None),
            // The request was answered as a success and nobody can read what it says.
            Err(error @ Error::Malformed { .. }) => (Outcome::Unknown, Some(error)),
            Err(error) => (of_status(answer.status), Some(error)),
        },
        Settled::NotTaken(Ok(answer)) => (of_status(answer.status), answer.parse::<Receipt>().err()),
        Settled::NotTaken(Err(error)) => (Outcome::Unavailable, Some(error)),
        Settled::Unknown(last) => {
            let error = last.and_then(|answer| answer.parse::<Receipt>()).err();
            (Outcome::Unknown, error)
        }
    }
}
