//! Fast JSON of single values and of lists.

use super::{FastJson, JsonReader};
use crate::money::Total;
use crate::wire::{OrderStatus, Outcome};
use crate::{ArcStr, Cost, Deadline, ItemNumber, Kind, OrderId, Quantity, Reason, Seq, Stock, StoreId, Timestamp};

/// The reserved difference between the first item of a list and a longer one, in bytes.
const ITEM_MARGIN_BYTES: usize = 32;

/// Implements whole numbers, given the conversions to and from a number.
macro_rules! numbers {
    ($($type:ty: |$value:ident| $number:expr, $from:expr;)*) => {$(
        impl FastJson for $type {
            #[inline]
            fn write_json(&self, json: &mut Vec<u8>) {
                let $value = *self;
                json.extend_from_slice(itoa::Buffer::new().format($number).as_bytes());
            }

            #[inline]
            fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
                ($from)(json.number()?)
            }
        }
    )*};
}

numbers! {
    u16: |number| number, |number| u16::try_from(number).ok();
    Seq: |seq| seq.0, |number| Some(Seq(number));
    ItemNumber: |item| item.get(), |number| ItemNumber::try_from(number).ok();
    Quantity: |quantity| quantity.get(), |number| Quantity::try_from(number).ok();
    Stock: |stock| stock.get(), |number| Stock::try_from(number).ok();
    Deadline: |deadline| deadline.as_millis(), |number| Some(Deadline::from_millis(number));
}

/// Implements strings without escapes, given the code that appends the text. Parses with [`FromStr`](std::str::FromStr).
macro_rules! words {
    ($($type:ty: |$value:ident, $text:ident| $write:expr;)*) => {$(
        impl FastJson for $type {
            #[inline]
            fn write_json(&self, $text: &mut Vec<u8>) {
                let $value = *self;
                $text.push(b'"');
                $write;
                $text.push(b'"');
            }

            #[inline]
            fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
                json.word()?.parse().ok()
            }
        }
    )*};
}

words! {
    Timestamp: |time, text| time.write_to(text);
    OrderId: |id, text| id.write_to(text);
    Cost: |cost, text| cost.write_to(text);
    Total: |total, text| total.write_to(text);
    Kind: |kind, text| text.extend_from_slice(kind.as_str().as_bytes());
    Reason: |reason, text| text.extend_from_slice(reason.as_str().as_bytes());
    OrderStatus: |status, text| text.extend_from_slice(status.as_str().as_bytes());
    StoreId: |store, text| text.extend_from_slice(store.to_string().as_bytes());
    Outcome: |outcome, text| text.extend_from_slice(outcome.as_str().as_bytes());
}

impl FastJson for i64 {
    fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.signed()
    }
}

impl FastJson for bool {
    fn write_json(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(if *self { b"true" } else { b"false" });
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        match json.skip("true") {
            Some(()) => Some(true),
            None => json.skip("false").map(|()| false),
        }
    }
}

impl FastJson for ArcStr {
    fn write_json(&self, json: &mut Vec<u8>) {
        // Writing a string into memory cannot fail.
        let _ = serde_json::to_writer(json, self);
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.string().map(|text| Self::from(&*text))
    }
}

/// Appends the items of a list.
pub(super) fn write_items<T: FastJson>(items: &[T], json: &mut Vec<u8>) {
    json.push(b'[');
    if let Some((first, others)) = items.split_first() {
        let start = json.len();
        first.write_json(json);
        // The other items are about as long as the first one.
        json.reserve((json.len() - start + ITEM_MARGIN_BYTES) * others.len() + ITEM_MARGIN_BYTES);
        for item in others {
            json.push(b',');
            item.write_json(json);
        }
    }
    json.push(b']');
}

impl<T: FastJson> FastJson for Vec<T> {
    fn write_json(&self, json: &mut Vec<u8>) {
        write_items(self, json);
    }

    fn read_json(json: &mut JsonReader<'_>) -> Option<Self> {
        json.skip("[")?;
        let mut items = Vec::new();
        if json.skip("]").is_some() {
            return Some(items);
        }
        let total_bytes = json.remaining_bytes();
        loop {
            items.push(T::read_json(json)?);
            if json.skip(",").is_none() {
                json.skip("]")?;
                return Some(items);
            }
            if items.len() == 1 {
                // The other items are about as long as the first one.
                let rest_bytes = json.remaining_bytes();
                items.reserve(rest_bytes / (total_bytes - rest_bytes));
            }
        }
    }
}
