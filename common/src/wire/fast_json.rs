//! Fast JSON of the bodies on the hot path, serialized and parsed without a lookup of field names: fields in the order of
//! their declaration and without blanks, the layout of `serde_json`. JSON in another layout is parsed by `serde_json`, with
//! the same result at a higher cost.
//!
//! `fields!` declares a type's fields once for both directions; tests compare the results with serde's.

mod irregular_fields;
mod reader;
#[cfg(test)]
mod tests;
mod values;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use reader::JsonReader;

use super::receipt::ReceiptJson;
use super::{
    BuyBody, Decision, Decisions, LedgerPage, Order, OrderBatch, OrderLine, Receipt, ReceiptLine, RefusedLine, Sale,
    SaleBatch,
};
use crate::{Entry, Quantity};

/// The initial capacity of a text: the size of a receipt, rounded up.
const BYTES_TYPICAL: usize = 320;

/// A value that is serialized and parsed without a lookup of field names.
pub trait FastJson: Serialize + DeserializeOwned {
    /// Appends the JSON of the value.
    fn write_json(&self, json: &mut Vec<u8>);

    /// Parses a value at the start of a text; `None` if the text has another layout.
    fn read_json(json: &mut JsonReader<'_>) -> Option<Self>;

    /// The JSON of the value.
    fn to_json(&self) -> Vec<u8> {
        // Repeated growth costs more than the serialization of a receipt.
        let mut json = Vec::with_capacity(BYTES_TYPICAL);
        self.write_json(&mut json);
        json
    }

    /// Parses a whole text in any layout.
    ///
    /// # Errors
    /// States the syntax error or invalid value, with its position.
    fn from_json(json: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(json).map_err(|error| error.to_string())?;
        let mut reader = JsonReader::new(text);
        match Self::read_json(&mut reader) {
            Some(value) if reader.is_at_end() => Ok(value),
            _ => serde_json::from_str(text).map_err(|error| error.to_string()),
        }
    }
}

/// A field of an object; `name` is `,"name":`. A `None` is omitted.
trait Field: Sized {
    fn write_field(&self, name: &str, json: &mut Vec<u8>);
    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self>;
}

impl<T: FastJson> Field for T {
    #[inline]
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        json.extend_from_slice(name.as_bytes());
        self.write_json(json);
    }

    #[inline]
    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip(name)?;
        T::read_json(json)
    }
}

impl<T: FastJson> Field for Option<T> {
    #[inline]
    fn write_field(&self, name: &str, json: &mut Vec<u8>) {
        if let Some(value) = self {
            value.write_field(name, json);
        }
    }

    #[inline]
    fn read_field(name: &str, json: &mut JsonReader<'_>) -> Option<Self> {
        match json.skip(name) {
            Some(()) => T::read_json(json).map(Some),
            None => Some(None),
        }
    }
}

/// Declares the JSON of a struct: its fields in the order of the struct, with the name on the wire if that differs. A field
/// with a default may be absent. JSON without an optional first field is left to `serde_json`.
macro_rules! fields {
    ($type:ident { $first:ident $(as $first_name:literal)? $(, $field:ident $(as $name:literal)? $(= $default:expr)?)* }) => {
        impl FastJson for $type {
            fn write_json(&self, json: &mut Vec<u8>) {
                let start = json.len();
                self.$first.write_field(concat!(",\"", fields!(@name $first $($first_name)?), "\":"), json);
                $(self.$field.write_field(concat!(",\"", fields!(@name $field $($name)?), "\":"), json);)*
                match json.get_mut(start) {
                    // The comma precedes the first field that was written.
                    Some(comma) => *comma = b'{',
                    None => json.push(b'{'),
                }
                json.push(b'}');
            }

            fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
                // An absent optional first field does not check the brace.
                json.is_at(b'{').then_some(())?;
                let value = Self {
                    $first: Field::read_field(concat!("{\"", fields!(@name $first $($first_name)?), "\":"), json)?,
                    $($field: {
                        let value = Field::read_field(concat!(",\"", fields!(@name $field $($name)?), "\":"), json)?;
                        $(let value = Option::unwrap_or(value, $default);)?
                        value
                    },)*
                };
                json.skip("}")?;
                Some(value)
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}

fields!(BuyBody { item, quantity, lines });
fields!(OrderLine { item, quantity = Quantity::ONE });
fields!(Order { id as "order", lines, keyed, deadline });
fields!(OrderBatch { orders });
fields!(Sale { id as "order", lines, keyed, resent, deadline });
fields!(SaleBatch { sales });
fields!(RefusedLine { item, reason, stock });
fields!(Decision {
    order,
    outcome,
    replayed,
    entries,
    refused
});
fields!(Decisions {
    decisions,
    head,
    epoch,
    store
});
fields!(LedgerPage { entries, head, epoch });
fields!(Entry {
    seq,
    at,
    kind,
    item,
    line,
    quantity,
    change,
    stock_after,
    order,
    unit_cost,
    reason,
    title,
    description
});
fields!(ReceiptLine {
    item,
    title,
    quantity,
    cost,
    total,
    stock,
    seq,
    reason
});
fields!(ReceiptJson {
    order,
    status,
    item,
    title,
    quantity,
    cost,
    lines,
    total,
    stock,
    seq,
    at,
    reason
});

impl FastJson for Receipt {
    fn write_json(&self, json: &mut Vec<u8>) {
        ReceiptJson::from(self.clone()).write_json(json);
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        ReceiptJson::read_json(json)?.try_into().ok()
    }
}
