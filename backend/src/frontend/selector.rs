//! Which books a search is for: exactly one of topic, item and words, from the query or the body.

use common::wire::{BuyBody, SearchBody};
use common::{ItemNumber, Quantity, limits};

use crate::http::{ApiError, Request};

/// What is searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selector {
    /// The books of a topic.
    Topic(String),
    /// One book.
    Item(ItemNumber),
    /// The books with words like these.
    Words(String),
}

impl Selector {
    /// From the query, or from the body that the original design puts into a `GET`.
    pub(super) fn parse(request: &mut Request) -> Result<Self, ApiError> {
        let body: SearchBody = request.json_or_default()?;
        let topic = one("topic", request.query_param("topic")?, body.topic)?;
        let item = one("item", request.parse_query_param("item")?, body.item)?;
        let item = one("item", item, request.parse_query_param("lookupNum")?)?;
        let words = one("q", request.query_param("q")?, body.q)?;
        match (topic, item, words) {
            (Some(topic), None, None) => Ok(Self::Topic(bounded("topic", topic)?)),
            (None, Some(item), None) => Ok(Self::Item(item)),
            (None, None, Some(words)) => Ok(Self::Words(bounded("q", words)?)),
            _ => Err(ApiError::invalid(
                "Say what to search for with exactly one of `topic`, `item` and `q`.",
            )),
        }
    }
}

/// What is bought: from the body, or as `buyNum` in the query as the original store's clients send it.
pub(super) fn parse_purchase(request: &mut Request) -> Result<(ItemNumber, Quantity), ApiError> {
    let named = request.parse_query_param("buyNum")?;
    let body: BuyBody = match named {
        Some(_) if !request.has_body()? => BuyBody {
            item: None,
            quantity: Quantity::ONE,
        },
        _ => request.fast_json()?,
    };
    let Some(item) = one("item", body.item, named)? else {
        return Err(ApiError::invalid("Say which book to buy with `item`."));
    };
    Ok((item, body.quantity))
}

fn one<T>(name: &str, first: Option<T>, second: Option<T>) -> Result<Option<T>, ApiError> {
    match (first, second) {
        (Some(_), Some(_)) => Err(ApiError::invalid(format!("`{name}` is given more than once."))),
        (first, second) => Ok(first.or(second)),
    }
}

fn bounded(name: &str, text: String) -> Result<String, ApiError> {
    if text.len() > limits::QUERY_BYTES_MAX {
        return Err(ApiError::invalid(format!(
            "{name}: expected at most {} bytes.",
            limits::QUERY_BYTES_MAX
        )));
    }
    Ok(text)
}
