//! The selector of a request: exactly one of topic, item and words, from the query or the body.

use common::wire::{BuyBody, OrderLines, SearchBody};
use common::{ItemNumber, limits};

use crate::http::{ApiError, Request};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    Topic(String),
    Item(ItemNumber),
    /// The books in which every word is a prefix of a word.
    Words(String),
}

impl Selector {
    /// From the query, or from the body: the original design sends a body with `GET`.
    pub(super) fn parse(request: &mut Request) -> Result<Self, ApiError> {
        let body: SearchBody = request.json_or_default()?;
        let topic = at_most_one("topic", request.query_param("topic")?, body.topic)?;
        let item = at_most_one("item", request.parse_query_param("item")?, body.item)?;
        let item = at_most_one("item", item, request.parse_query_param("lookupNum")?)?;
        let words = at_most_one("q", request.query_param("q")?, body.q)?;
        match (topic, item, words) {
            (Some(topic), None, None) => Ok(Self::Topic(check_length("topic", topic)?)),
            (None, Some(item), None) => Ok(Self::Item(item)),
            (None, None, Some(words)) => Ok(Self::Words(check_length("q", words)?)),
            _ => {
                let detail = "Say what to search for with exactly one of `topic`, `item` and `q`.";
                Err(ApiError::invalid(detail))
            }
        }
    }
}

/// The lines of a purchase: from the body, or from `buyNum` in the query (clients of the original store).
pub(super) fn parse_purchase(request: &mut Request) -> Result<OrderLines, ApiError> {
    let buy_num = request.parse_query_param("buyNum")?;
    let body: BuyBody = match buy_num {
        Some(_) if !request.has_body()? => BuyBody::default(),
        _ => request.fast_json()?,
    };
    let item = at_most_one("item", body.item, buy_num)?;
    let lines = OrderLines::try_from(BuyBody { item, ..body });
    lines.map_err(|error| ApiError::invalid(format!("Say what to buy: {error}.")))
}

fn at_most_one<T>(name: &str, first: Option<T>, second: Option<T>) -> Result<Option<T>, ApiError> {
    match (first, second) {
        (Some(_), Some(_)) => Err(ApiError::invalid(format!("`{name}` is given more than once."))),
        (first, second) => Ok(first.or(second)),
    }
}

fn check_length(name: &str, text: String) -> Result<String, ApiError> {
    let max = limits::QUERY_BYTES_MAX;
    match text.len() {
        length if length > max => Err(ApiError::invalid(format!("{name}: expected at most {max} bytes."))),
        _ => Ok(text),
    }
}
