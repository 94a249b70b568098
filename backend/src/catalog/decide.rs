//! The decision on a sale or a stock update, given the durable state and the entries that the same batch recorded before.
//! Pure: no clock, no disk, no network.

use ahash::AHashMap;
use common::wire::{Sale, StockChange};
use common::{Cost, Deadline, Entry, ItemNumber, Kind, OrderId, Reason, Seq, Stock, Timestamp};

/// The part of a book that a decision needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockAndPrice {
    /// Copies left.
    pub stock: Stock,
    /// The price of one copy.
    pub cost: Cost,
}

/// The durable state on which a batch is decided.
pub trait DurableState {
    /// Why a decision could not be looked up.
    type Error;

    /// The last entry.
    fn head(&self) -> Seq;

    /// Stock and price of a book; `None` if no book has the number.
    fn stock_and_price(&self, item: ItemNumber) -> Option<StockAndPrice>;

    /// The entry that decided an order; `None` if it is not decided.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn find_decision(&self, order: OrderId) -> Result<Option<Entry>, Self::Error>;
}

/// A shopkeeper's change of a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockUpdate {
    /// Its id; the same id is done once.
    pub id: OrderId,
    /// The book.
    pub item: ItemNumber,
    /// The new stock, or what is added to it.
    pub change: StockChange,
    /// Whether the client supplied the id, so that a second copy can arrive.
    pub keyed: bool,
    /// The last moment at which it may be decided.
    pub deadline: Deadline,
}

/// The decision on a sale or a stock update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// An entry has it, done or refused.
    Recorded {
        /// The entry.
        entry: Entry,
        /// Whether an earlier request was decided by it.
        replayed: bool,
    },
    /// Refused and not recorded, because no second copy can arrive.
    Refused {
        /// Why.
        reason: Reason,
        /// The copies left; absent if no book has the number.
        stock: Option<Stock>,
    },
    /// The id belongs to a request with other content.
    KeyReused,
    /// The deadline has passed.
    Expired,
    /// The stock would exceed its maximum.
    OutOfRange,
}

/// A batch that is being decided.
#[derive(Debug)]
pub struct Batch<'a, D> {
    durable: &'a D,
    now: Timestamp,
    /// The stocks that the batch changed.
    stocks: AHashMap<ItemNumber, Stock>,
    /// The indexes in `entries` of the ids that the batch decided.
    recorded: AHashMap<OrderId, usize>,
    entries: Vec<Entry>,
}

impl<'a, D: DurableState> Batch<'a, D> {
    /// An empty batch. `now` is the time of its entries, with which deadlines are compared.
    pub fn new(durable: &'a D, now: Timestamp) -> Self {
        Self {
            durable,
            now,
            stocks: AHashMap::new(),
            recorded: AHashMap::new(),
            entries: Vec::new(),
        }
    }

    /// The entries to append, numbered from the head of the durable state.
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
        let (is_recorded, quantity) = (sale.keyed || sale.resent, Some(sale.quantity.get()));
        let Some(book) = self.stock_and_price(sale.item) else {
            return Ok(self.refuse(Reason::UnknownItem, sale.id, sale.item, quantity, None, is_recorded));
        };
        let change = -i64::from(sale.quantity.get());
        let left = book.stock.checked_add_signed(change);
        #[cfg(feature = "fault-injection")]
        let left = left.or_else(crate::fault_injection::oversell);
        let Some(left) = left else {
            return Ok(self.refuse(Reason::SoldOut, sale.id, sale.item, quantity, Some(book), is_recorded));
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
            unit_cost: Some(book.cost),
            reason: None,
        }))
    }

    /// Decides a stock update.
    ///
    /// # Errors
    /// Those of [`DurableState::find_decision`].
    pub fn update_stock(&mut self, update: &StockUpdate) -> Result<Verdict, D::Error> {
        if let Some(entry) = self.find_decision(update.id)? {
            let same = entry.item == update.item
                && match (entry.kind, update.change) {
                    (Kind::Restocked, StockChange::By(change)) => entry.change == change,
                    (Kind::Set, StockChange::To(stock)) => entry.stock_after == Some(stock),
                    // Only a refused order has a quantity.
                    (Kind::Refused, _) => entry.quantity.is_none(),
                    _ => false,
                };
            return Ok(replay(entry, same));
        }
        if update.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let Some(book) = self.stock_and_price(update.item) else {
            return Ok(self.refuse(Reason::UnknownItem, update.id, update.item, None, None, update.keyed));
        };
        let (kind, change, stock) = match update.change {
            StockChange::To(stock) => (Kind::Set, book.stock.difference_to(stock), stock),
            StockChange::By(change) => match book.stock.checked_add_signed(change) {
                Some(stock) => (Kind::Restocked, change, stock),
                None if change > 0 => return Ok(Verdict::OutOfRange),
                None => {
                    return Ok(self.refuse(Reason::SoldOut, update.id, update.item, None, Some(book), update.keyed));
                }
            },
        };
        Ok(self.record(Entry {
            seq: Seq::ZERO,
            at: self.now,
            kind,
            item: update.item,
            quantity: None,
            change,
            stock_after: Some(stock),
            order: Some(update.id),
            unit_cost: Some(book.cost),
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
        let book = self.durable.stock_and_price(item)?;
        let stock = self.stocks.get(&item).copied().unwrap_or(book.stock);
        #[cfg(feature = "fault-injection")]
        let stock = crate::fault_injection::stock_before(stock, book.stock);
        Some(StockAndPrice { stock, ..book })
    }

    fn refuse(
        &mut self,
        reason: Reason,
        order: OrderId,
        item: ItemNumber,
        quantity: Option<u32>,
        book: Option<StockAndPrice>,
        is_recorded: bool,
    ) -> Verdict {
        let stock = book.map(|book| book.stock);
        if !is_recorded {
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
            unit_cost: book.map(|book| book.cost),
            reason: Some(reason),
        })
    }

    /// Numbers an entry and makes it visible to the rest of the batch.
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
mod tests;
