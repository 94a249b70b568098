//! The results of a batch of orders, a line for each: a front-end hands receipts on as the bytes that came.

use super::fast_json::push_open_receipt;
use super::{BatchReceipt, OrderResult, OrderResults};
use crate::Seq;

impl OrderResults {
    /// As JSON with each result on a line of its own: whoever hands results on need not look into them.
    pub fn to_json_lines(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(64 + self.results.len() * 320);
        json.extend_from_slice(OrderResultLines::FIRST);
        for (index, result) in self.results.iter().enumerate() {
            json.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            push(&mut json, result);
        }
        json.extend_from_slice(b"\n");
        json.extend_from_slice(OrderResultLines::LAST);
        json.extend_from_slice(self.head.to_string().as_bytes());
        json.push(b'}');
        json
    }
}

/// [`OrderResults`] as they are on the wire, not looked into.
#[derive(Debug, PartialEq, Eq)]
pub struct OrderResultLines<'a> {
    /// The JSON of each result.
    pub results: Vec<&'a [u8]>,
    /// The ledger's head after the batch.
    pub head: Seq,
}

impl<'a> OrderResultLines<'a> {
    const FIRST: &'static [u8] = b"{\"results\":[";
    const LAST: &'static [u8] = b"],\"head\":";

    /// Takes what [`OrderResults::to_json_lines`] wrote; nothing where it was written in another way. A string in JSON
    /// holds no line break, so that a line ends where a result does.
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
        let head = str::from_utf8(head).ok()?.parse().ok()?;
        Some(Self { results, head })
    }
}

fn push(json: &mut Vec<u8>, result: &OrderResult) {
    match result {
        OrderResult::Receipt(BatchReceipt { receipt, replayed }) => {
            push_open_receipt(json, receipt);
            json.extend_from_slice(if *replayed { b",\"replayed\":true}" } else { b"}" });
        }
        OrderResult::Problem(_) => {
            // Plain structs with string keys, written into memory: neither can fail.
            let _ = serde_json::to_writer(json, result);
        }
    }
}
