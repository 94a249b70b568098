//! The operations of a run that the audit needs. They go to a file; memory is bounded by the operations in flight, plus
//! one bit per order.
//!
//! Operations are returned in the ledger's order, each as soon as no earlier one can be acknowledged any more.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use common::{ItemNumber, Quantity, Seq};

use super::key::Key;
use super::operation::{BYTES, OperationRecord};

/// The number of records that are written and read at once.
const BLOCK_ACTS: u64 = 1_024;
/// The most orders of unknown outcome that are kept.
const UNSETTLED_MAX: usize = 1_000_000;
/// The value of a shopper without an operation in flight.
const IDLE: u64 = u64::MAX;

/// The lower bound of entries that can still be acknowledged: for each shopper the last entry that the run had seen
/// when the operation in flight was sent.
#[derive(Debug)]
pub(crate) struct Watermark(Box<[AtomicU64]>);

impl Watermark {
    fn new(shoppers: u32) -> Self {
        Self((0..=shoppers).map(|_| AtomicU64::new(IDLE)).collect())
    }

    fn place(&self, shopper: u16) -> Option<&AtomicU64> {
        // The last slot is the shopkeeper's.
        self.0.get(usize::from(shopper)).or_else(|| self.0.last())
    }

    /// Records that an operation is sent; `seen` is the last entry seen before.
    pub(crate) fn begin(&self, shopper: u16, seen: Seq) {
        if let Some(place) = self.place(shopper) {
            place.store(seen.0, Ordering::SeqCst);
        }
    }

    /// Records that the operation ended; its result is in the history already.
    pub(crate) fn end(&self, shopper: u16) {
        if let Some(place) = self.place(shopper) {
            place.store(IDLE, Ordering::SeqCst);
        }
    }

    /// The entry up to which all acknowledged operations are in the history. The caller reads `seen` before the call.
    pub(super) fn settled(&self, seen: Seq) -> Seq {
        let oldest = self.0.iter().map(|place| place.load(Ordering::SeqCst)).min();
        seen.min(Seq(oldest.unwrap_or(IDLE)))
    }
}

/// An order without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) item: ItemNumber,
    pub(crate) quantity: Quantity,
}

/// The operations of a run.
#[derive(Debug)]
pub(crate) struct History {
    file: Option<File>,
    /// Records that are not in the file yet.
    buffer: Vec<u8>,
    written: u64,
    block: Option<(u64, Vec<u8>)>,
    /// Records that were not returned yet: entry and position in the file.
    waiting: BinaryHeap<Reverse<(Seq, u64)>>,
    /// The refused orders of each shopper.
    refused: HashMap<u16, Bits>,
    refusals: u64,
    asked: HashMap<u16, u32>,
    unsettled: HashMap<Key, Asked>,
    /// The error that made the history incomplete.
    last_error: Option<String>,
}

impl History {
    /// An empty history over a file of its own.
    pub(crate) fn new(file: io::Result<File>, shoppers: u32) -> (Self, Watermark) {
        let last_error = file
            .as_ref()
            .err()
            .map(|error| format!("there is no file for it: {error}"));
        let history = Self {
            file: file.ok(),
            buffer: Vec::new(),
            written: 0,
            block: None,
            waiting: BinaryHeap::new(),
            refused: HashMap::new(),
            refusals: 0,
            asked: HashMap::new(),
            unsettled: HashMap::new(),
            last_error,
        };
        (history, Watermark::new(shoppers))
    }

    /// The error that made the history incomplete, if any.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Records that an order is about to be sent.
    pub(crate) fn asks(&mut self, key: Key) {
        let asked = self.asked.entry(key.shopper).or_default();
        *asked = (*asked).max(key.number.saturating_add(1));
    }

    /// Records an acknowledged operation.
    pub(crate) fn acknowledged(&mut self, act: &OperationRecord) {
        let place = self.written + count(self.buffer.len() / BYTES);
        act.write(&mut self.buffer);
        self.waiting.push(Reverse((act.seq, place)));
        if count(self.buffer.len()) >= BLOCK_ACTS * count(BYTES)
            && let Err(error) = self.flush()
        {
            self.last_error
                .get_or_insert_with(|| format!("its file cannot be written: {error}"));
        }
    }

    /// Records a refused order.
    pub(crate) fn refused(&mut self, key: Key) {
        self.refused.entry(key.shopper).or_default().set(key.number);
        self.refusals += 1;
    }

    /// The number of refused orders.
    pub(super) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Records an order of unknown outcome.
    pub(crate) fn unsettled(&mut self, key: Key, asked: Asked) {
        if self.unsettled.len() < UNSETTLED_MAX {
            self.unsettled.insert(key, asked);
        } else {
            self.last_error
                .get_or_insert_with(|| "too many orders have no outcome".to_owned());
        }
    }

    /// Whether an order was refused.
    pub(super) fn was_refused(&self, key: Key) -> bool {
        self.refused
            .get(&key.shopper)
            .is_some_and(|bits| bits.is_set(key.number))
    }

    /// Whether an order was sent.
    pub(super) fn was_asked(&self, key: Key) -> bool {
        self.asked.get(&key.shopper).is_some_and(|asked| key.number < *asked)
    }

    /// Removes and returns the order of unknown outcome that an entry decides.
    pub(super) fn settle(&mut self, key: Key) -> Option<Asked> {
        self.unsettled.remove(&key)
    }

    /// The next operation that was acknowledged as an entry up to `seq`.
    pub(super) fn next_until(&mut self, seq: Seq) -> Option<OperationRecord> {
        let Reverse((first, place)) = *self.waiting.peek()?;
        if first > seq {
            return None;
        }
        self.waiting.pop();
        let read = match self.read(place) {
            Ok(Some(record)) => return Some(record),
            Ok(None) => "a record of it is invalid".to_owned(),
            Err(error) => format!("its file cannot be read: {error}"),
        };
        // The audit is incomplete from here on, and says so.
        self.last_error.get_or_insert(read);
        None
    }

    fn read(&mut self, place: u64) -> io::Result<Option<OperationRecord>> {
        let bytes_of = |bytes: &[u8], place: u64| {
            let at = usize::try_from(place).unwrap_or(usize::MAX).saturating_mul(BYTES);
            bytes.get(at..at.saturating_add(BYTES)).and_then(OperationRecord::read)
        };
        if let Some(place) = place.checked_sub(self.written) {
            return Ok(bytes_of(&self.buffer, place));
        }
        let number = place / BLOCK_ACTS;
        if self.block.as_ref().is_none_or(|(kept, _)| *kept != number) {
            let size = count(BYTES);
            let mut bytes = Vec::new();
            let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
            file.seek(SeekFrom::Start(number * BLOCK_ACTS * size))?;
            file.take(BLOCK_ACTS * size).read_to_end(&mut bytes)?;
            self.block = Some((number, bytes));
        }
        Ok(self
            .block
            .as_ref()
            .and_then(|(_, bytes)| bytes_of(bytes, place % BLOCK_ACTS)))
    }

    fn flush(&mut self) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&self.buffer)?;
        self.written += count(self.buffer.len() / BYTES);
        self.buffer.clear();
        // The block may have been read before it was complete.
        self.block = None;
        Ok(())
    }
}

/// A set of numbers, one bit each.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, number: u32) {
        let (word, bit) = place(number);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn is_set(&self, number: u32) -> bool {
        let (word, bit) = place(number);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

fn place(number: u32) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::operation::Kind;
    use super::*;

    pub(in super::super) fn act(seq: u64, number: u32) -> OperationRecord {
        OperationRecord {
            seq: Seq(seq),
            invoked_us: seq * 10,
            answered_us: seq * 10 + 5,
            key: Key { shopper: 0, number },
            item: ItemNumber::try_from(1).unwrap(),
            kind: Kind::Sold(Quantity::ONE, None),
            stock: None,
        }
    }

    #[test]
    fn operations_are_returned_in_ledger_order_from_memory_and_from_the_file() {
        let (mut history, _) = History::new(tempfile::tempfile(), 1);
        let acts = 5 * u32::try_from(BLOCK_ACTS).unwrap() / 2;
        // Neighbours are swapped, as with concurrent requests.
        for number in 0..acts {
            history.acknowledged(&act(u64::from(number ^ 7) + 1, number));
        }
        assert_eq!(history.written, 2 * BLOCK_ACTS);
        assert_eq!(history.next_until(Seq(0)), None);
        for seq in 1..=u64::from(acts) {
            let found = history.next_until(Seq(seq)).unwrap();
            assert_eq!((found.seq, u64::from(found.key.number ^ 7) + 1), (Seq(seq), seq));
            assert_eq!(history.next_until(Seq(seq)), None);
        }
        assert_eq!(history.last_error(), None);
    }

    #[test]
    fn the_watermark_is_the_oldest_entry_seen_before_an_operation_in_flight() {
        let watermark = Watermark::new(2);
        assert_eq!(watermark.settled(Seq(9)), Seq(9));
        watermark.begin(1, Seq(5));
        watermark.begin(super::super::SHOPKEEPER, Seq(7));
        assert_eq!(watermark.settled(Seq(9)), Seq(5));
        watermark.end(1);
        assert_eq!(watermark.settled(Seq(9)), Seq(7));
    }

    #[test]
    fn an_order_of_unknown_outcome_is_settled_once_and_a_refusal_is_kept() {
        let (mut history, _) = History::new(tempfile::tempfile(), 1);
        let key = Key { shopper: 2, number: 70 };
        history.asks(key);
        assert!(history.was_asked(key) && !history.was_refused(key));
        history.refused(key);
        assert!(history.was_refused(key) && !history.was_asked(Key { number: 71, ..key }));
        let asked = Asked {
            item: ItemNumber::try_from(1).unwrap(),
            quantity: Quantity::ONE,
        };
        history.unsettled(key, asked);
        assert_eq!((history.settle(key), history.settle(key)), (Some(asked), None));
    }
}
