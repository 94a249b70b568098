//! What a shopper keeps of the books it has seen, to detect answers that go back in time.

use common::{ItemNumber, Seq, Stock};
use serde::Deserialize;

/// The number of slots; a book replaces the one before it in the same slot.
const PLACES: usize = 64;

/// The parts of a book that are parsed; parsing the rest would cost the generator processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct StockObservation {
    pub(crate) item: ItemNumber,
    /// The entry that changed the book last.
    pub(crate) seq: Seq,
    pub(crate) stock: Stock,
}

/// The books that a shopper has seen.
#[derive(Debug)]
pub(crate) struct Memory(Box<[Option<StockObservation>]>);

impl Memory {
    /// No book has been seen.
    pub(crate) fn new() -> Self {
        Self(vec![None; PLACES].into())
    }

    /// Records a book. Returns a description of the violation if a newer state, or another one of the same entry, was
    /// seen before.
    pub(crate) fn sees(&mut self, sight: StockObservation) -> Result<(), String> {
        let StockObservation { item, seq, stock } = sight;
        let index = usize::try_from(item.get()).unwrap_or(0) % PLACES;
        let Some(place) = self.0.get_mut(index) else {
            return Ok(());
        };
        let before = place.replace(sight).filter(|before| before.item == item);
        match before {
            Some(before) if before.seq > seq || (before.seq == seq && before.stock != stock) => {
                *place = Some(before);
                Err(format!(
                    "item {item} was seen with {} copies as of entry {}, and then with {stock} as of entry {seq}",
                    before.stock, before.seq
                ))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_state_or_a_second_stock_of_one_entry_is_found() {
        let mut memory = Memory::new();
        let mut sees = |item: u64, seq: u64, stock: u64| {
            let (item, stock) = (ItemNumber::try_from(item).unwrap(), Stock::try_from(stock).unwrap());
            memory.sees(StockObservation {
                item,
                seq: Seq(seq),
                stock,
            })
        };
        assert_eq!(
            (sees(1, 5, 10), sees(1, 5, 10), sees(1, 6, 9)),
            (Ok(()), Ok(()), Ok(()))
        );
        assert!(sees(1, 5, 10).unwrap_err().contains("entry 6"));
        assert!(sees(1, 6, 8).is_err());
        assert_eq!(sees(65, 1, 1), Ok(()), "another book in the same place");
    }
}
