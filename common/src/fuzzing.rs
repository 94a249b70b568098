//! Fuzz targets: properties of this crate's parsers that hold for every input. `backend/fuzz` runs them.
#![expect(clippy::unwrap_used, reason = "a target fails by panicking")]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::fuzzing::event_stream;
use crate::money::Total;
use crate::wire::{
    BookFields, BooksBody, BuyBody, Decisions, FastJson, LedgerPage, OrderBatch, QuantityBody, Receipt, SaleBatch,
    SearchBody, StockBody,
};
use crate::{
    Code, Cost, Deadline, Entry, IfMatch, ItemNumber, Kind, OrderId, Position, Quantity, Reason, Seq, Stock, StoreId,
    Timestamp,
};

/// A target's name, which is also that of its corpus folder, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// The fuzz targets of this crate.
pub const TARGETS: [Target; 4] = [
    ("event_stream", event_stream),
    ("fast_json", fast_json),
    ("key", key),
    ("request_body", request_body),
];

fn request_body(input: &[u8]) {
    check_json::<SearchBody>(input);
    check_json::<QuantityBody>(input);
    check_json::<StockBody>(input);
    check_json::<BookFields>(input);
    check_json::<BooksBody>(input);
    check_fast_json::<BuyBody>(input);
    check_fast_json::<OrderBatch>(input);
    check_fast_json::<SaleBatch>(input);
}

fn fast_json(input: &[u8]) {
    check_fast_json::<Entry>(input);
    check_fast_json::<LedgerPage>(input);
    check_fast_json::<Decisions>(input);
    check_fast_json::<Receipt>(input);
}

/// The texts of header fields, paths, queries and columns: ids, numbers, times and conditions.
fn key(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    check_text::<OrderId>(text);
    check_text::<StoreId>(text);
    check_text::<Position>(text);
    check_text::<Seq>(text);
    check_text::<Deadline>(text);
    check_text::<IfMatch>(text);
    check_text::<ItemNumber>(text);
    check_text::<Quantity>(text);
    check_text::<Stock>(text);
    check_text::<Cost>(text);
    check_text::<Total>(text);
    check_text::<Kind>(text);
    check_text::<Reason>(text);
    check_text::<Code>(text);
    check_text::<Timestamp>(text);
    if let Ok(order) = text.parse::<OrderId>() {
        assert_eq!(written(|bytes| order.write_to(bytes)), order.to_string());
    }
    if let Ok(cost) = text.parse::<Cost>() {
        assert_eq!(written(|bytes| cost.write_to(bytes)), cost.to_string());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        assert_eq!(written(|bytes| time.write_to(bytes)), time.to_string());
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    String::from_utf8(bytes).unwrap()
}

/// Asserts that a value equals the one parsed from its text.
fn check_text<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(
            written.parse::<T>().ok(),
            Some(value),
            "{text:?} is written as {written:?}"
        );
    }
}

/// Asserts that a value equals the one parsed from its JSON.
fn check_json<T: Serialize + DeserializeOwned + PartialEq + Debug>(input: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(input) {
        let json = serde_json::to_vec(&value).unwrap();
        assert_eq!(serde_json::from_slice::<T>(&json).ok(), Some(value));
    }
}

/// Asserts that [`FastJson`] and serde read the same value and write the same text.
fn check_fast_json<T: FastJson + PartialEq + Debug>(input: &[u8]) {
    let read = T::from_json(input).ok();
    let expected = str::from_utf8(input)
        .ok()
        .and_then(|text| serde_json::from_str(text).ok());
    assert_eq!(read, expected);
    if let Some(value) = read {
        let json = value.to_json();
        assert_eq!(json, serde_json::to_vec(&value).unwrap());
        assert_eq!(T::from_json(&json), Ok(value));
    }
}
