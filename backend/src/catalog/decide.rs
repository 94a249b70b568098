//! The decision itself: what becomes of a sale or a stock change, given what is durable and what the same batch decided
//! before it. Pure: no clock, no disk, no network.

use ahash::AHashMap;
use common::wire::{Sale, StockChange};
use common::{Cost, Deadline, Entry, ItemNumber, Kind, OrderId, Reason, Seq, Stock, Timestamp};

/// One book, as far as a decision needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockAndPrice {
    /// Copies left.
    pub stock: Stock,
    /// What one costs.
    pub cost: Cost,
}

/// The durable state on which a batch is decided.
pub trait DurableState {
    /// Why a decided order could not be looked up.
    type Error;

    /// The last entry.
    fn head(&self) -> Seq;

    /// The book of that number, if there is one.
    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice>;

    /// The entry that decided an order, if it is decided.
    ///
    /// # Errors
    /// When the store cannot say.
    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Self::Error>;
}

/// A shopkeeper's change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockUpdate {
    /// Its id.
    pub id: OrderId,
    /// The book.
    pub item: ItemNumber,
    /// What is to become of its stock.
    pub change: StockChange,
    /// Whether the shopkeeper named it, so that a second copy can arrive.
    pub keyed: bool,
    /// When it must have happened.
    pub deadline: Deadline,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is in the ledger: done or refused, now or, if replayed, before.
    Recorded {
        /// The entry.
        entry: Entry,
        /// Whether it was decided before.
        replayed: bool,
    },
    /// Refused; no second copy can arrive, so nothing is recorded.
    Refused {
        /// Why.
        reason: Reason,
        /// The copies left, if there is such a book.
        stock: Option<Stock>,
    },
    /// The id belongs to something else.
    KeyReused,
    /// Too late.
    Expired,
    /// The stock would leave its range.
    OutOfRange,
}

/// A batch that is being decided.
#[derive(Debug)]
pub struct Batch<'a, D> {
    durable: &'a D,
    now: Timestamp,
    stocks: AHashMap<ItemNumber, Stock>,
    recorded: AHashMap<OrderId, usize>,
    entries: Vec<Entry>,
}

impl<'a, D: DurableState> Batch<'a, D> {
    /// An empty batch on that state at that moment.
    pub fn new(durable: &'a D, now: Timestamp) -> Self {
        Self {
            durable,
            now,
            stocks: AHashMap::new(),
            recorded: AHashMap::new(),
            entries: Vec::new(),
        }
    }

    /// What is to be appended: the decisions that are recorded, in order.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Decides a sale.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn sell(&mut self, sale: &Sale) -> Result<Verdict, D::Error> {
        if let Some(entry) = self.find_decision(sale.id)? {
            let same = matches!(entry.kind, Kind::Sold | Kind::Refused)
                && entry.item == sale.item
                && entry.quantity == Some(sale.quantity.get());
            return Ok(replay(entry, same));
        }
        if sale.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let (kept, quantity) = (sale.keyed || sale.resent, Some(sale.quantity.get()));
        let Some(shelf) = self.stock_and_price(sale.item) else {
            return Ok(self.refuse(Reason::UnknownItem, sale.id, sale.item, quantity, None, kept));
        };
        let change = -i64::from(sale.quantity.get());
        let left = shelf.stock.checked_add_signed(change);
        #[cfg(feature = "fault-injection")]
        let left = left.or_else(crate::fault_injection::oversell);
        let Some(left) = left else {
            return Ok(self.refuse(Reason::SoldOut, sale.id, sale.item, quantity, Some(shelf), kept));
        };
        Ok(self.record(Entry {
            seq: Seq::ZERO,
            at: self.now,
            kind: Kind::Sold,
            item: sale.item,
            quantity,
            change,
            stock_after: Some(left),
            order: Some(sale.id),
            unit_cost: Some(shelf.cost),
            reason: None,
        }))
    }

    /// Decides a stock change.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn update_stock(&mut self, asked: &StockUpdate) -> Result<Verdict, D::Error> {
        if let Some(entry) = self.find_decision(asked.id)? {
            let same = entry.item == asked.item
                && match (entry.kind, asked.change) {
                    (Kind::Restocked, StockChange::By(change)) => entry.change == change,
                    (Kind::Set, StockChange::To(stock)) => entry.stock_after == Some(stock),
                    // It has no quantity, so that nobody takes it for an order.
                    (Kind::Refused, _) => entry.quantity.is_none(),
                    _ => false,
                };
            return Ok(replay(entry, same));
        }
        if asked.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let Some(shelf) = self.stock_and_price(asked.item) else {
            return Ok(self.refuse(Reason::UnknownItem, asked.id, asked.item, None, None, asked.keyed));
        };
        let (kind, change, stock) = match asked.change {
            StockChange::To(stock) => (Kind::Set, shelf.stock.difference_to(stock), stock),
            StockChange::By(change) => match shelf.stock.checked_add_signed(change) {
                Some(stock) => (Kind::Restocked, change, stock),
                None if change > 0 => return Ok(Verdict::OutOfRange),
                None => {
                    return Ok(self.refuse(Reason::SoldOut, asked.id, asked.item, None, Some(shelf), asked.keyed));
                }
            },
        };
        Ok(self.record(Entry {
            seq: Seq::ZERO,
            at: self.now,
            kind,
            item: asked.item,
            quantity: None,
            change,
            stock_after: Some(stock),
            order: Some(asked.id),
            unit_cost: Some(shelf.cost),
            reason: None,
        }))
    }

    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, D::Error> {
        #[cfg(feature = "fault-injection")]
        if crate::fault_injection::is_active(crate::fault_injection::Fault::DoubleApply) {
            return Ok(None);
        }
        match self.recorded.get(&order).and_then(|&index| self.entries.get(index)) {
            Some(entry) => Ok(Some(entry.clone())),
            None => self.durable.find_decision(order),
        }
    }

    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
        let shelf = self.durable.stock_and_price(item)?;
        let stock = self.stocks.get(&item).copied().unwrap_or(shelf.stock);
        #[cfg(feature = "fault-injection")]
        let stock = crate::fault_injection::stock_before(stock, shelf.stock);
        Some(StockAndPrice { stock, ..shelf })
    }

    fn refuse(
        &mut self,
        reason: Reason,
        order: OrderId,
        item: ItemNumber,
        quantity: Option<u32>,
        shelf: Option<StockAndPrice>,
        kept: bool,
    ) -> Verdict {
        let stock = shelf.map(|shelf| shelf.stock);
        if !kept {
            return Verdict::Refused { reason, stock };
        }
        self.record(Entry {
            seq: Seq::ZERO,
            at: self.now,
            kind: Kind::Refused,
            item,
            quantity,
            change: 0,
            stock_after: stock,
            order: Some(order),
            unit_cost: shelf.map(|shelf| shelf.cost),
            reason: Some(reason),
        })
    }

    /// Gives an entry its place and lets the rest of the batch see it.
    fn record(&mut self, mut entry: Entry) -> Verdict {
        entry.seq = self
            .entries
            .last()
            .map_or_else(|| self.durable.head(), |last| last.seq)
            .next();
        #[cfg(feature = "fault-injection")]
        crate::fault_injection::overcharge(&mut entry);
        if let Some(stock) = entry.stock_after {
            self.stocks.insert(entry.item, stock);
        }
        if let Some(order) = entry.order {
            self.recorded.insert(order, self.entries.len());
        }
        self.entries.push(entry.clone());
        Verdict::Recorded { entry, replayed: false }
    }
}

fn replay(entry: Entry, same: bool) -> Verdict {
    if same {
        Verdict::Recorded { entry, replayed: true }
    } else {
        Verdict::KeyReused
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use common::Quantity;

    use super::*;

    /// One book, number 1, and the entries so far.
    struct Fixture {
        stock: Stock,
        entries: Vec<Entry>,
    }

    impl DurableState for Fixture {
        type Error = Infallible;

        fn head(&self) -> Seq {
            Seq(self.entries.len() as u64)
        }

        fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice> {
            (item.get() == 1).then(|| StockAndPrice {
                stock: self.stock,
                cost: "40".parse().unwrap(),
            })
        }

        fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Infallible> {
            Ok(self.entries.iter().find(|entry| entry.order == Some(order)).cloned())
        }
    }

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn shop(stock: u64) -> Fixture {
        Fixture {
            stock: Stock::try_from(stock).unwrap(),
            entries: Vec::new(),
        }
    }

    fn sale(item: u64, quantity: u64) -> Sale {
        Sale {
            id: OrderId::generate(),
            item: ItemNumber::try_from(item).unwrap(),
            quantity: Quantity::try_from(quantity).unwrap(),
            keyed: true,
            resent: false,
            deadline: Deadline::from_millis(NOW.as_millis() + 1),
        }
    }

    fn change(by: i64) -> StockUpdate {
        StockUpdate {
            id: OrderId::generate(),
            item: ItemNumber::try_from(1).unwrap(),
            change: StockChange::By(by),
            keyed: true,
            deadline: Deadline::from_millis(NOW.as_millis() + 1),
        }
    }

    fn entry(verdict: Verdict) -> Entry {
        match verdict {
            Verdict::Recorded { entry, .. } => entry,
            other => panic!("{other:?} is not recorded"),
        }
    }

    #[test]
    fn a_batch_sells_what_is_there_and_not_one_copy_more() {
        let shop = shop(3);
        let mut batch = Batch::new(&shop, NOW);
        assert_eq!(entry(batch.sell(&sale(1, 2)).unwrap()).kind, Kind::Sold);
        let refused = entry(batch.sell(&sale(1, 2)).unwrap());
        assert_eq!((refused.kind, refused.reason), (Kind::Refused, Some(Reason::SoldOut)));
        let last = entry(batch.sell(&sale(1, 1)).unwrap());
        assert_eq!((last.stock_after, last.seq), (Some(Stock::ZERO), Seq(3)));
    }

    #[test]
    fn the_same_order_twice_in_a_batch_is_sold_once() {
        let shop = shop(3);
        let mut batch = Batch::new(&shop, NOW);
        let sale = sale(1, 1);
        let first = entry(batch.sell(&sale).unwrap());
        assert_eq!(
            batch.sell(&sale).unwrap(),
            Verdict::Recorded {
                entry: first,
                replayed: true
            }
        );
        assert_eq!(batch.into_entries().len(), 1);
    }

    #[test]
    fn a_key_of_another_order_is_refused_and_uses_nothing_up() {
        let shop = shop(3);
        let mut batch = Batch::new(&shop, NOW);
        let first = sale(1, 1);
        batch.sell(&first).unwrap();
        let other_quantity = Sale {
            quantity: Quantity::try_from(2).unwrap(),
            ..first.clone()
        };
        assert_eq!(batch.sell(&other_quantity).unwrap(), Verdict::KeyReused);
        assert_eq!(
            batch
                .update_stock(&StockUpdate {
                    id: first.id,
                    ..change(1)
                })
                .unwrap(),
            Verdict::KeyReused
        );
    }

    #[test]
    fn a_late_order_is_not_applied_but_a_decided_one_is_replayed_late() {
        let late = Sale {
            deadline: Deadline::from_millis(0),
            ..sale(1, 1)
        };
        let mut shop = shop(3);
        let mut batch = Batch::new(&shop, NOW);
        assert_eq!(batch.sell(&late).unwrap(), Verdict::Expired);
        let in_time = Sale {
            deadline: Deadline::from_millis(u64::MAX),
            ..late.clone()
        };
        let sold = entry(batch.sell(&in_time).unwrap());
        shop.entries = batch.into_entries();
        let verdict = Batch::new(&shop, NOW).sell(&late).unwrap();
        assert_eq!(
            verdict,
            Verdict::Recorded {
                entry: sold,
                replayed: true
            }
        );
    }

    #[test]
    fn a_refusal_is_recorded_only_where_a_second_copy_can_arrive() {
        let shop = shop(0);
        let mut batch = Batch::new(&shop, NOW);
        let once = Sale {
            keyed: false,
            ..sale(1, 1)
        };
        let reason = Reason::SoldOut;
        assert_eq!(
            batch.sell(&once).unwrap(),
            Verdict::Refused {
                reason,
                stock: Some(Stock::ZERO)
            }
        );
        let resent = entry(batch.sell(&Sale { resent: true, ..once }).unwrap());
        assert_eq!(resent.kind, Kind::Refused);
        let unknown = entry(batch.sell(&sale(9, 1)).unwrap());
        assert_eq!(
            (unknown.reason, unknown.stock_after, unknown.unit_cost),
            (Some(Reason::UnknownItem), None, None)
        );
    }

    #[test]
    fn a_stock_change_keeps_the_stock_in_its_range_and_is_done_once() {
        let shop = shop(3);
        let mut batch = Batch::new(&shop, NOW);
        let more = change(5);
        assert_eq!(
            entry(batch.update_stock(&more).unwrap()).stock_after,
            Some(Stock::try_from(8).unwrap())
        );
        assert!(matches!(
            batch.update_stock(&more).unwrap(),
            Verdict::Recorded { replayed: true, .. }
        ));
        assert_eq!(
            entry(batch.update_stock(&change(-9)).unwrap()).reason,
            Some(Reason::SoldOut)
        );
        assert_eq!(batch.update_stock(&change(1_000_000_000)).unwrap(), Verdict::OutOfRange);
        let none = StockUpdate {
            change: StockChange::To(Stock::ZERO),
            ..change(0)
        };
        let set = entry(batch.update_stock(&none).unwrap());
        assert_eq!(
            (set.kind, set.change, set.stock_after),
            (Kind::Set, -8, Some(Stock::ZERO))
        );
    }
}
