//! The JSON of the bodies on the hot path, written and read without a lookup of field names: the fields in the order of
//! their declaration and without blanks, as `serde_json` writes them too. JSON in any other form is read by `serde_json`,
//! with the same result at a higher cost.
//!
//! `fields!` declares a type's fields once for both directions; the tests hold the result to what serde does.

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

/// The bytes of a receipt, rounded up.
const BYTES_TYPICAL: usize = 320;

/// A value that is written and read without a lookup of field names.
pub trait FastJson: Serialize + DeserializeOwned {
    /// Appends its JSON.
    fn write_json(&self, json: &mut Vec<u8>);

    /// Reads it from the start of a text; `None` if the text has another form.
    fn read_json(json: &mut JsonReader<'_>) -> Option<Self>;

    /// Its JSON.
    fn to_json(&self) -> Vec<u8> {
        // Growing step by step costs more than writing a receipt.
        let mut json = Vec::with_capacity(BYTES_TYPICAL);
        self.write_json(&mut json);
        json
    }

    /// Reads it from a whole text of any form.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    fn from_json(json: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(json).map_err(|error| error.to_string())?;
        let mut reader = JsonReader::new(text);
        match Self::read_json(&mut reader) {
            Some(value) if reader.is_at_end() => Ok(value),
            _ => serde_json::from_str(text).map_err(|error| error.to_string()),
        }
    }
}

/// A field of an object; `name` is `,"name":`. An [`Option`] that is `None` is left out.
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

/// Declares the JSON of a struct: its fields in the order of the struct, with their name on the wire if it differs. An
/// optional first field is read here only if it is present; a field with a default may be absent.
macro_rules! fields {
    ($type:ident { $first:ident $(as $first_name:literal)? $(, $field:ident $(as $name:literal)? $(= $default:expr)?)* }) => {
        impl FastJson for $type {
            fn write_json(&self, json: &mut Vec<u8>) {
                let start = json.len();
                self.$first.write_field(concat!(",\"", fields!(@name $first $($first_name)?), "\":"), json);
                $(self.$field.write_field(concat!(",\"", fields!(@name $field $($name)?), "\":"), json);)*
                match json.get_mut(start) {
                    // Before the first field that was written.
                    Some(comma) => *comma = b'{',
                    None => json.push(b'{'),
                }
                json.push(b'}');
            }

            fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
                // An optional first field that is absent does not ask for the brace.
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
