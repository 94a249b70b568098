//! Requests to the shop.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use common::client::{Error, Resolution, Response, ShopClient, send_until_decided};
use common::wire::Book;
use common::{Code, Deadline, limits};
use serde::de::DeserializeOwned;

use super::basket;
use super::journal::append;
use crate::app::{Change, ChangeOutcome, SentChange};
use crate::basket_file::BasketFile;
use crate::effect::{Query, Request};
use crate::journal::{Journal, Record};
use crate::message::Event;

/// Time in which a shopkeeper's change is resent until it is decided.
const CHANGE_TIMEOUT: Duration = limits::DEADLINE_DEFAULT.saturating_mul(2);

/// Sends a request; returns its answer as an event.
pub(super) async fn perform(
    request: Request,
    shop: ShopClient,
    journal: Arc<OnceLock<Journal>>,
    basket_file: Option<Arc<BasketFile>>,
) -> Event {
    match request {
        Request::Topics => Event::TopicsLoaded(parse(shop.topics().await)),
        Request::Page {
            generation,
            query,
            after,
        } => {
            let (after, limit) = (after.as_deref(), limits::PAGE_BOOKS_MAX);
            let response = match &query {
                Query::Topic(topic) | Query::WholeTopic(topic) => shop.search_topic(topic, after, limit).await,
                Query::Search(words) => shop.search_words(words, after, limit).await,
            };
            let result =
                response.and_then(|response| Ok((response.parse()?, response.seq.map(|position| position.seq))));
            Event::PageLoaded { generation, result }
        }
        Request::Book(item) => {
            let result = parse(shop.lookup(item).await);
            Event::BookLoaded { item, result }
        }
        Request::Buy { sent, resend, basket } => {
            let (order, deadline) = (sent.order, sent.deadline);
            let Some(lines) = sent.order_lines() else {
                let reason = "it has no lines".to_owned();
                return Event::BuyNotRecorded { order, reason };
            };
            if let (Some(file), Some(change)) = (basket_file, basket)
                && let Err(error) = basket::write(&file, change).await
            {
                let reason = error.to_string();
                return Event::BuyNotRecorded { order, reason };
            }
            if !resend && let Err(reason) = append(journal, Record::Sent(sent)).await {
                return Event::BuyNotRecorded { order, reason };
            }
            let result = parse(shop.buy(lines, Some(order), deadline).await);
            Event::BuyCompleted { order, result }
        }
        Request::Order(order) => {
            let result = parse(shop.find_order(order).await);
            Event::OrderLoaded { order, result }
        }
        Request::Change(sent) => {
            let outcome = change(&sent, &shop).await;
            Event::ChangeCompleted { sent, outcome }
        }
        Request::Health => Event::HealthLoaded(shop.readiness().await),
    }
}

/// Sends a shopkeeper's change until it is decided.
async fn change(sent: &SentChange, shop: &ShopClient) -> ChangeOutcome {
    let found = match &sent.change {
        Change::Ready(_) => Ok(None),
        Change::Price(..) | Change::Add(_) => match parse::<Book>(shop.lookup(sent.item).await) {
            Err(error) if error.code() == Some(Code::UnknownItem) => Ok(None),
            found => found.map(Some),
        },
    };
    let action = found
        .map_err(|error| error.to_string())
        .and_then(|found| sent.change.clone().action(found));
    let action = match action {
        Ok(action) => action,
        Err(why) => return ChangeOutcome::Refused(why),
    };
    let send = || shop.change_book(sent.item, &action, sent.key);
    let why = |last: Result<Response, Error>| match last {
        Ok(response) => response.error().to_string(),
        Err(error) => error.to_string(),
    };
    match send_until_decided(Deadline::after(CHANGE_TIMEOUT), send).await {
        Resolution::Decided(response) if response.is_success() => ChangeOutcome::Done,
        Resolution::Decided(response) => ChangeOutcome::Refused(response.error().to_string()),
        Resolution::NotApplied(last) => ChangeOutcome::Refused(why(last)),
        Resolution::Unknown(last) => ChangeOutcome::Unknown(action, why(last)),
    }
}

fn parse<T: DeserializeOwned>(response: Result<Response, Error>) -> Result<T, Error> {
    response?.parse()
}
