//! The lines of an order.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{present, present_objects};
use crate::parse::Error;
use crate::{InlineVec, ItemNumber, Quantity, limits};

/// Copies of one book in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The book.
    pub item: ItemNumber,
    /// The number of copies; by default 1.
    #[serde(default)]
    pub quantity: Quantity,
}

/// The lines of an order: 1…[`limits::ORDER_LINES_MAX`], by item number, each book once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderLines(InlineVec<OrderLine>);

impl OrderLines {
    /// Sorts and checks lines.
    ///
    /// # Errors
    /// If there are no lines or too many, or if two have the same book.
    pub fn new(lines: impl IntoIterator<Item = OrderLine>) -> Result<Self, Error> {
        let mut lines: InlineVec<OrderLine> = lines.into_iter().collect();
        lines.sort_unstable();
        let is_repeated = lines.windows(2).any(|pair| pair[0].item == pair[1].item);
        if is_repeated || !(1..=limits::ORDER_LINES_MAX).contains(&lines.len()) {
            return Err(Error("1 to 20 lines, each of another book"));
        }
        Ok(Self(lines))
    }

    /// A single line.
    pub fn one(item: ItemNumber, quantity: Quantity) -> Self {
        Self(InlineVec::from_buf([OrderLine { item, quantity }]))
    }
}

impl Deref for OrderLines {
    type Target = [OrderLine];

    fn deref(&self) -> &[OrderLine] {
        &self.0
    }
}

/// The body of `POST /buy`: either `item` and `quantity` of an order of one line, or `lines`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BuyBody {
    /// The book; may be given as the query parameter `buyNum` instead.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<ItemNumber>,
    /// The number of copies; by default 1.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub quantity: Option<Quantity>,
    /// The lines of an order, 1…20, each with another book.
    #[schema(min_items = 1, max_items = 20)]
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present_objects"
    )]
    pub lines: Option<Vec<OrderLine>>,
}

impl From<OrderLines> for BuyBody {
    fn from(OrderLines(lines): OrderLines) -> Self {
        match lines[..] {
            [OrderLine { item, quantity }] => Self {
                item: Some(item),
                quantity: Some(quantity),
                lines: None,
            },
            _ => Self {
                lines: Some(lines.into_vec()),
                ..Self::default()
            },
        }
    }
}

impl TryFrom<BuyBody> for OrderLines {
    type Error = Error;

    fn try_from(body: BuyBody) -> Result<Self, Error> {
        match body {
            BuyBody {
                item: Some(item),
                quantity,
                lines: None,
            } => Ok(Self::one(item, quantity.unwrap_or_default())),
            BuyBody {
                item: None,
                quantity: None,
                lines: Some(lines),
            } => Self::new(lines),
            _ => Err(Error("either `item` (with `quantity`) or `lines`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<OrderLines, String> {
        let body: BuyBody = serde_json::from_str(json).map_err(|error| error.to_string())?;
        body.try_into().map_err(|error: Error| error.to_string())
    }

    #[test]
    fn lines_are_sorted_and_one_line_equals_an_item() {
        let several = parse(r#"{"lines":[{"item":4},{"item":2,"quantity":3}]}"#).unwrap();
        let read: Vec<_> = several
            .iter()
            .map(|line| (line.item.get(), line.quantity.get()))
            .collect();
        assert_eq!(read, [(2, 3), (4, 1)]);
        assert_eq!(
            parse(r#"{"lines":[{"item":2,"quantity":3}]}"#),
            parse(r#"{"item":2,"quantity":3}"#)
        );
    }

    #[test]
    fn an_order_names_each_book_once_in_exactly_one_form() {
        let many: Vec<_> = (1..=21).map(|item| format!(r#"{{"item":{item}}}"#)).collect();
        let lines = |count: usize| format!(r#"{{"lines":[{}]}}"#, many[..count].join(","));
        assert!(parse(&lines(20)).is_ok());
        let wrong = [
            "{}",
            r#"{"quantity":1}"#,
            r#"{"lines":[{"item":2},{"item":2}]}"#,
            r#"{"lines":[{"item":2}],"item":2}"#,
            r#"{"lines":[{"item":2}],"quantity":1}"#,
            r#"{"lines":[{"item":2,"quantity":null}]}"#,
            r#"{"lines":[{"item":2,"colour":1}]}"#,
            r#"{"lines":null}"#,
        ];
        for json in wrong.map(str::to_owned).into_iter().chain([lines(0), lines(21)]) {
            assert!(parse(&json).is_err(), "{json} was accepted");
        }
    }
}
