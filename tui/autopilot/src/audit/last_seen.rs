//! The newest state of each book that a shopper has seen, to detect answers with an older state.

use common::{ItemNumber, Seq, Stock};
use serde::Deserialize;

/// The number of slots; a book replaces another book in the same slot.
const SLOTS: usize = 64;

/// The parsed fields of a book; parsing the others would cost processor time of the load generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct StockObservation {
    pub(crate) item: ItemNumber,
    /// The entry that changed the book last.
    pub(crate) seq: Seq,
    pub(crate) stock: Stock,
}

#[derive(Debug)]
pub(crate) struct LastSeen([Option<StockObservation>; SLOTS]);

impl Default for LastSeen {
    fn default() -> Self {
        Self([None; SLOTS])
    }
}

impl LastSeen {
    /// Records a book. Returns a description of the violation if a newer state, or another stock as of the same entry, was
    /// seen before.
    pub(crate) fn observe(&mut self, book: StockObservation) -> Result<(), String> {
        let StockObservation { item, seq, stock } = book;
        let slot = &mut self.0[usize::try_from(item.get()).unwrap_or(0) % SLOTS];
        match slot.filter(|before| before.item == item) {
            Some(before) if before.seq > seq || (before.seq == seq && before.stock != stock) => Err(format!(
                "item {item} was seen with {} copies as of entry {}, and then with {stock} as of entry {seq}",
                before.stock, before.seq
            )),
            _ => {
                *slot = Some(book);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_state_or_a_second_stock_of_one_entry_is_found() {
        let mut last_seen = LastSeen::default();
        let mut observe = |item: u64, seq: u64, stock: u64| {
            let (item, stock) = (ItemNumber::try_from(item).unwrap(), Stock::try_from(stock).unwrap());
            last_seen.observe(StockObservation {
                item,
                seq: Seq(seq),
                stock,
            })
        };
        assert_eq!(
            (observe(1, 5, 10), observe(1, 5, 10), observe(1, 6, 9)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert!(observe(1, 5, 10).unwrap_err().contains("entry 6"));
        assert!(observe(1, 6, 8).is_err());
        assert_eq!(observe(65, 1, 1), Ok(()), "another book in the same slot");
    }
}
