//! The results of a batch of orders, each on a line of its own, so that a front-end can pass receipts on without parsing
//! them.

use super::{BatchReceipt, FastJson, OrderResult, OrderResults};
use crate::{Epoch, Position};

impl OrderResults {
    /// JSON with each result on a line of its own.
    pub fn to_json_lines(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(64 + self.results.len() * 320);
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
                // A plain struct with string keys, written into memory: neither can fail.
                OrderResult::Problem(_) => drop(serde_json::to_writer(&mut json, result)),
            }
        }
        json.extend_from_slice(b"\n");
        json.extend_from_slice(OrderResultLines::LAST);
        json.extend_from_slice(self.head.to_string().as_bytes());
        if !self.epoch.is_first() {
            json.extend_from_slice(OrderResultLines::EPOCH.as_bytes());
            json.extend_from_slice(self.epoch.0.to_string().as_bytes());
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
    pub head: Position,
}

impl<'a> OrderResultLines<'a> {
    const FIRST: &'static [u8] = b"{\"results\":[";
    const LAST: &'static [u8] = b"],\"head\":";
    const EPOCH: &'static str = ",\"epoch\":";

    /// Splits such a text; `None` if it has another form. A string in JSON has no line break, so a line ends where a result
    /// does.
    pub fn split(json: &'a [u8]) -> Option<Self> {
        let lines = json.strip_prefix(Self::FIRST)?.strip_prefix(b"\n")?;
        let last = memchr::memrchr(b'\n', lines)?;
        let head = lines.get(last + 1..)?.strip_prefix(Self::LAST)?.strip_suffix(b"}")?;
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
        let head = str::from_utf8(head).ok()?;
        let (seq, epoch) = match head.split_once(Self::EPOCH) {
            Some((seq, epoch)) => (seq, Epoch(epoch.parse().ok()?)),
            None => (head, Epoch::FIRST),
        };
        let seq = seq.parse().ok()?;
        let head = Position { epoch, seq };
        Some(Self { results, head })
    }
}
