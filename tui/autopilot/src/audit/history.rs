//! The history of a run: its changes with their outcomes. Acknowledged changes are stored in a file; memory is bounded by
//! the changes that are not checked yet, plus one bit per order.
//!
//! Changes are returned in the ledger's order, each once no earlier change can still be acknowledged.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

use common::wire::OrderLines;
use common::{InlineVec, Seq};

use super::change::{BYTES, ChangeRecord};
use super::key::OrderKey;

/// The size of the write buffer, in bytes.
const BUFFER_BYTES: usize = 1_024 * BYTES;
/// The most orders of unknown outcome that are kept.
const UNKNOWN_MAX: usize = 1_000_000;
/// The value of a shopper without a change in flight.
const IDLE: u64 = u64::MAX;

/// The lower bound of entries that can still be acknowledged: for each shopper with a change in flight, the last entry
/// that the run had seen before the change was sent.
#[derive(Debug)]
pub(crate) struct Watermark(Box<[AtomicU64]>);

impl Watermark {
    /// A watermark with a slot for each shopper and a last one for the shopkeeper.
    pub(crate) fn new(shoppers: u32) -> Self {
        Self((0..=shoppers).map(|_| AtomicU64::new(IDLE)).collect())
    }

    fn set(&self, shopper: u16, value: u64) {
        if let Some(slot) = self.0.get(usize::from(shopper)).or_else(|| self.0.last()) {
            slot.store(value, Ordering::SeqCst);
        }
    }

    /// Must be called before a change is sent; `seen` is the last entry seen before.
    pub(crate) fn begin(&self, shopper: u16, seen: Seq) {
        self.set(shopper, seen.0);
    }

    /// Must be called after the change's outcome is recorded in the history.
    pub(crate) fn end(&self, shopper: u16) {
        self.set(shopper, IDLE);
    }

    /// The entry up to which all acknowledged changes are in the history. The caller must read `seen` before the call.
    pub(super) fn get(&self, seen: Seq) -> Seq {
        let oldest = self.0.iter().map(|slot| slot.load(Ordering::SeqCst)).min();
        seen.min(Seq(oldest.unwrap_or(IDLE)))
    }
}

#[derive(Debug, Clone)]
pub(crate) enum ChangeOutcome {
    /// A restock, or the lines of an order.
    Acknowledged(InlineVec<ChangeRecord>),
    Refused,
    /// The requested lines of a change with an unknown outcome.
    Unknown(OrderLines),
}

#[derive(Debug)]
pub(crate) struct ChangeHistory {
    file: Option<File>,
    /// Bytes in the file.
    written: usize,
    /// Records that are not yet in the file.
    buffer: Vec<u8>,
    /// Entry and offset of each record that was not returned yet.
    pending: BinaryHeap<Reverse<(Seq, usize)>>,
    refused: HashMap<u16, BitSet>,
    refusals: u64,
    /// The number of sent orders of each shopper.
    sent: HashMap<u16, u32>,
    unknown: HashMap<OrderKey, OrderLines>,
    /// The first error that made the history incomplete.
    error: Option<String>,
}

impl ChangeHistory {
    pub(crate) fn new(file: io::Result<File>) -> Self {
        let error = file
            .as_ref()
            .err()
            .map(|error| format!("there is no file for it: {error}"));
        Self {
            file: file.ok(),
            written: 0,
            buffer: Vec::new(),
            pending: BinaryHeap::new(),
            refused: HashMap::new(),
            refusals: 0,
            sent: HashMap::new(),
            unknown: HashMap::new(),
            error,
        }
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(crate) fn sent(&mut self, key: OrderKey) {
        let sent = self.sent.entry(key.shopper).or_default();
        *sent = (*sent).max(key.number.saturating_add(1));
    }

    pub(crate) fn record(&mut self, key: OrderKey, outcome: ChangeOutcome) {
        match outcome {
            ChangeOutcome::Acknowledged(changes) => {
                for change in changes {
                    self.pending
                        .push(Reverse((change.seq, self.written + self.buffer.len())));
                    change.write(&mut self.buffer);
                }
                if self.buffer.len() >= BUFFER_BYTES
                    && let Err(error) = self.flush()
                {
                    self.error.get_or_insert(format!("its file cannot be written: {error}"));
                }
            }
            ChangeOutcome::Refused => {
                self.refused.entry(key.shopper).or_default().insert(key.number);
                self.refusals += 1;
            }
            ChangeOutcome::Unknown(requested) if self.unknown.len() < UNKNOWN_MAX => {
                self.unknown.insert(key, requested);
            }
            ChangeOutcome::Unknown(_) => {
                self.error.get_or_insert("too many orders have no outcome".to_owned());
            }
        }
    }

    pub(super) fn refusals(&self) -> u64 {
        self.refusals
    }

    pub(super) fn was_refused(&self, key: OrderKey) -> bool {
        let refused = self.refused.get(&key.shopper);
        refused.is_some_and(|refused| refused.contains(key.number))
    }

    pub(super) fn was_sent(&self, key: OrderKey) -> bool {
        self.sent.get(&key.shopper).is_some_and(|sent| key.number < *sent)
    }

    /// Removes and returns the lines of an order of unknown outcome, which an entry decides.
    pub(super) fn take_unknown(&mut self, key: OrderKey) -> Option<OrderLines> {
        self.unknown.remove(&key)
    }

    /// Removes and returns the next change that was acknowledged as an entry up to `seq`.
    pub(super) fn next_until(&mut self, seq: Seq) -> Option<ChangeRecord> {
        let Reverse((first, offset)) = *self.pending.peek()?;
        if first > seq {
            return None;
        }
        self.pending.pop();
        let read = match self.read(offset) {
            Ok(Some(record)) => return Some(record),
            Ok(None) => "a record of it is invalid".to_owned(),
            Err(error) => format!("its file cannot be read: {error}"),
        };
        // The audit is incomplete from here on; its note states the reason.
        self.error.get_or_insert(read);
        None
    }

    fn read(&self, offset: usize) -> io::Result<Option<ChangeRecord>> {
        if let Some(offset) = offset.checked_sub(self.written) {
            return Ok(self.buffer.get(offset..).and_then(ChangeRecord::read));
        }
        let mut bytes = [0; BYTES];
        self.open_file()?.read_exact_at(&mut bytes, offset as u64)?;
        Ok(ChangeRecord::read(&bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open_file()?.write_all_at(&self.buffer, self.written as u64)?;
        self.written += self.buffer.len();
        self.buffer.clear();
        Ok(())
    }

    fn open_file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A set of numbers with one bit for each.
#[derive(Debug, Default)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn insert(&mut self, number: u32) {
        let word = (number / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % 64);
    }

    fn contains(&self, number: u32) -> bool {
        let word = self.0.get((number / 64) as usize);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use common::{GroupPosition, ItemNumber, Quantity};

    use super::super::change::{ChangeKind, SoldLine, title_digest};
    use super::*;

    pub(in super::super) fn record(seq: u64, number: u32) -> ChangeRecord {
        ChangeRecord {
            seq: Seq(seq),
            invoked_us: seq * 10,
            answered_us: seq * 10 + 5,
            key: OrderKey { shopper: 0, number },
            item: ItemNumber::try_from(1).unwrap(),
            kind: ChangeKind::Sold(SoldLine {
                line: GroupPosition::ONLY,
                quantity: Quantity::ONE,
                cost: None,
                title: title_digest(None),
            }),
            stock: None,
        }
    }

    #[test]
    fn changes_are_returned_in_ledger_order_from_memory_and_from_the_file() {
        let mut history = ChangeHistory::new(tempfile::tempfile());
        let changes = 2_560;
        // Adjacent changes are reordered, as with concurrent requests.
        for number in 0..changes {
            let change = record(u64::from(number ^ 7) + 1, number);
            history.record(change.key, ChangeOutcome::Acknowledged([change].into()));
        }
        assert_eq!(history.written, 2 * BUFFER_BYTES);
        assert_eq!(history.next_until(Seq(0)), None);
        for seq in 1..=u64::from(changes) {
            let found = history.next_until(Seq(seq)).unwrap();
            assert_eq!((found.seq, u64::from(found.key.number ^ 7) + 1), (Seq(seq), seq));
            assert_eq!(history.next_until(Seq(seq)), None);
        }
        assert_eq!(history.error(), None);
    }

    #[test]
    fn the_watermark_is_the_oldest_entry_seen_before_a_change_in_flight() {
        let watermark = Watermark::new(2);
        assert_eq!(watermark.get(Seq(9)), Seq(9));
        watermark.begin(1, Seq(5));
        watermark.begin(super::super::SHOPKEEPER, Seq(7));
        assert_eq!(watermark.get(Seq(9)), Seq(5));
        watermark.end(1);
        assert_eq!(watermark.get(Seq(9)), Seq(7));
    }

    #[test]
    fn an_order_of_unknown_outcome_is_decided_once_and_a_refusal_is_kept() {
        let mut history = ChangeHistory::new(tempfile::tempfile());
        let key = OrderKey { shopper: 2, number: 70 };
        history.sent(key);
        assert!(history.was_sent(key) && !history.was_refused(key));
        history.record(key, ChangeOutcome::Refused);
        assert!(history.was_refused(key) && !history.was_sent(OrderKey { number: 71, ..key }));
        let requested = OrderLines::one(ItemNumber::try_from(1).unwrap(), Quantity::ONE);
        history.record(key, ChangeOutcome::Unknown(requested.clone()));
        assert_eq!(
            (history.take_unknown(key), history.take_unknown(key)),
            (Some(requested), None)
        );
    }
}
