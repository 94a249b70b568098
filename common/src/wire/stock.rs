//! The change of a stock by a shopkeeper.

use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Schema};
use utoipa::openapi::{KnownFormat, RefOr, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use super::present;
use crate::{Stock, limits};

/// A shopkeeper's change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StockBody", into = "StockBody")]
pub enum StockChange {
    /// The new stock.
    To(Stock),
    /// The copies to add, or to remove if negative.
    By(i64),
}

/// The JSON of a [`StockChange`]: exactly one of the two fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StockBody {
    /// The new stock.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub stock: Option<Stock>,
    /// The copies to add, or to remove if negative.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub change: Option<i64>,
}

impl PartialSchema for StockBody {
    fn schema() -> RefOr<Schema> {
        let only = |name: &str, title: &str, value: RefOr<Schema>| {
            let object = ObjectBuilder::new()
                .title(Some(title))
                .property(name, value)
                .required(name);
            object.additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        };
        let max = f64::from(limits::STOCK_MAX);
        let change = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .description(Some("The copies to add, or to remove if negative."))
            .examples([-3])
            .minimum(Some(-max))
            .maximum(Some(max));
        OneOfBuilder::new()
            .description(Some("A change of a stock: the new value, or the copies to add."))
            .item(only("stock", "NewStock", Stock::schema()))
            .item(only("change", "AddedStock", change.into()))
            .into()
    }
}

impl ToSchema for StockBody {}

impl TryFrom<StockBody> for StockChange {
    type Error = &'static str;

    fn try_from(body: StockBody) -> Result<Self, &'static str> {
        let max = i64::from(limits::STOCK_MAX);
        match (body.stock, body.change) {
            (Some(stock), None) => Ok(Self::To(stock)),
            (None, Some(change)) if (-max..=max).contains(&change) => Ok(Self::By(change)),
            (None, Some(_)) => Err("expected a change from -1000000000 to 1000000000"),
            _ => Err("expected either `stock` (the new value) or `change` (what to add)"),
        }
    }
}

impl From<StockChange> for StockBody {
    fn from(change: StockChange) -> Self {
        match change {
            StockChange::To(stock) => Self {
                stock: Some(stock),
                change: None,
            },
            StockChange::By(change) => Self {
                stock: None,
                change: Some(change),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stock_change_has_exactly_one_of_two_fields() {
        assert_eq!(
            serde_json::from_str::<StockChange>(r#"{"change":-3}"#).ok(),
            Some(StockChange::By(-3))
        );
        assert_eq!(
            serde_json::from_str::<StockChange>(r#"{"stock":0}"#).ok(),
            Some(StockChange::To(Stock::ZERO))
        );
        for json in [
            "{}",
            r#"{"stock":1,"change":1}"#,
            r#"{"change":1.5}"#,
            r#"{"stock":null}"#,
            r#"{"stock":-1}"#,
            r#"{"change":2000000000}"#,
            r#"{"stock":1,"x":1}"#,
        ] {
            assert!(
                serde_json::from_str::<StockChange>(json).is_err(),
                "{json} was accepted"
            );
        }
    }
}
