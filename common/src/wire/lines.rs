//! The results of a batch of orders in a layout with one result per line, so that a front-end forwards receipts without
//! parsing them.

use super::{BatchReceipt, FastJson, JsonReader, OrderResult, OrderResults};
use crate::{Epoch, Position, Seq, StoreId};

impl OrderResults {
    /// JSON with one result per line.
    pub fn to_json_lines(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(128 + self.results.len() * 320 + self.entries.len() * 320);
        json.extend_from_slice(OrderResultLines::FIRST);
        for (index, result) in self.results.iter().enumerate() {
            json.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            match result {
                OrderResult::Receipt(BatchReceipt { receipt, replayed }) => {
                    receipt.write_json(&mut json);
                    if *replayed {
                        json.pop();
                        json.extend_from_slice(b",\"replayed\":true}");
                    }
                }
                // Serialization of a struct with string keys into memory cannot fail.
                OrderResult::Problem(_) => drop(serde_json::to_writer(&mut json, result)),
            }
        }
        json.extend_from_slice(b"\n");
        json.extend_from_slice(OrderResultLines::LAST);
        self.head.write_json(&mut json);
        if !self.epoch.is_first() {
            json.extend_from_slice(OrderResultLines::EPOCH.as_bytes());
            Seq(self.epoch.0).write_json(&mut json);
        }
        if let Some(store) = self.store {
            json.extend_from_slice(OrderResultLines::STORE.as_bytes());
            store.write_json(&mut json);
        }
        if !self.entries.is_empty() {
            json.extend_from_slice(OrderResultLines::ENTRIES.as_bytes());
            self.entries.write_json(&mut json);
        }
        json.push(b'}');
        json
    }
}

/// The parts of a text that [`OrderResults::to_json_lines`] wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct OrderResultLines<'a> {
    /// The JSON of each result.
    pub results: Vec<&'a [u8]>,
    /// The ledger's head after the batch.
    pub position: Position,
    /// The ledger's store, if known.
    pub store: Option<StoreId>,
    /// The JSON of the entries that the batch added to the ledger; empty if there are none.
    pub entries: &'a [u8],
}

impl<'a> OrderResultLines<'a> {
    const FIRST: &'static [u8] = b"{\"results\":[";
    const LAST: &'static [u8] = b"],\"head\":";
    const EPOCH: &'static str = ",\"epoch\":";
    const STORE: &'static str = ",\"store\":";
    const ENTRIES: &'static str = ",\"entries\":";

    /// Splits a text into its parts; `None` if it has another layout. JSON strings contain no line breaks, so each line break
    /// ends a result.
    pub fn split(json: &'a [u8]) -> Option<Self> {
        let lines = json.strip_prefix(Self::FIRST)?.strip_prefix(b"\n")?;
        let last = memchr::memrchr(b'\n', lines)?;
        let mut results = Vec::new();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            let line = lines.get(start..end)?;
            let result = if end == last { line } else { line.strip_suffix(b",")? };
            if !(result.starts_with(b"{") && result.ends_with(b"}")) {
                return None;
            }
            results.push(result);
            start = end + 1;
        }
        let end = str::from_utf8(lines.get(last + 1..)?.strip_prefix(Self::LAST)?).ok()?;
        let end = end.strip_suffix('}')?;
        let (end, entries) = end.split_once(Self::ENTRIES).unwrap_or((end, ""));
        let mut end = JsonReader::new(end);
        let seq = Seq::read_json(&mut end)?;
        let epoch = match end.skip(Self::EPOCH) {
            Some(()) => Epoch(Seq::read_json(&mut end)?.0),
            None => Epoch::FIRST,
        };
        let store = match end.skip(Self::STORE) {
            Some(()) => Some(StoreId::read_json(&mut end)?),
            None => None,
        };
        end.is_at_end().then_some(Self {
            results,
            position: Position { epoch, seq },
            store,
            entries: entries.as_bytes(),
        })
    }
}
