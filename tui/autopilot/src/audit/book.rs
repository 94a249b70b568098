//! One book as it must be by the entries so far, against which the next one is held.

use common::{Cost, Entry, ItemNumber, Kind, Reason, Seq, Stock};

use super::replay::tell;
use super::{Check, Findings};
use crate::sample::SampleBook;

/// One book as it must be.
#[derive(Debug, Clone)]
pub(super) struct Book {
    item: ItemNumber,
    stock: i64,
    /// The entry after which it was so.
    seq: Seq,
    cost: Option<Cost>,
    /// All changes that are no sales.
    pub(super) restocked: i64,
    /// The stock at the end as it was read, and the entry as of which it was.
    pub(super) end: Option<(Stock, Seq)>,
    /// What changed it last, in words.
    last: String,
}

impl From<&SampleBook> for Book {
    fn from(book: &SampleBook) -> Self {
        let SampleBook { item, start, seq, .. } = book;
        Self {
            item: *item,
            stock: i64::from(start.get()),
            seq: *seq,
            cost: Some(book.cost),
            restocked: 0,
            end: None,
            last: format!("the sample at the start: item {item} with {start} as of entry {seq}"),
        }
    }
}

impl Book {
    /// A book that the sample does not hold, as of its first entry.
    pub(super) fn met(entry: &Entry) -> Option<Self> {
        Some(Self {
            item: entry.item,
            stock: i64::from(entry.stock_after?.get()),
            seq: entry.seq,
            cost: entry.unit_cost,
            restocked: 0,
            end: None,
            last: tell(entry),
        })
    }

    /// Holds an entry against it, and goes on from there.
    pub(super) fn follow(&mut self, entry: &Entry, findings: &mut Findings) {
        // The shelf was read a little after the ledger's head was: it may have this one already.
        if entry.seq <= self.seq {
            return;
        }
        self.check_stock(entry, findings);
        match entry.kind {
            Kind::Sold => self.check_sale(entry, findings),
            Kind::Refused => self.check_refusal(entry, findings),
            Kind::Restocked | Kind::Set | Kind::Withdrawn => {
                self.restocked = self.restocked.saturating_add(entry.change);
                self.cost = entry.unit_cost.or(self.cost);
            }
        }
        let stock_after = entry.stock_after.map(|stock| i64::from(stock.get()));
        self.stock = stock_after.unwrap_or(self.stock.saturating_add(entry.change));
        if entry.kind.changes_book() {
            self.seq = entry.seq;
            self.last = tell(entry);
            self.check_end(findings);
        }
    }

    /// What was there before, and the entry.
    fn history(&self, entry: &Entry) -> Vec<String> {
        vec![self.last.clone(), tell(entry)]
    }

    fn check_stock(&self, entry: &Entry, findings: &mut Findings) {
        findings.count(Check::StockAddsUp, 1);
        findings.count(Check::StockNeverNegative, 1);
        let Entry { item, seq, change, .. } = entry;
        let left = self.stock.saturating_add(*change);
        let stock_after = entry.stock_after.map(|stock| i64::from(stock.get()));
        if left < 0 {
            let taken = change.saturating_neg();
            let detail = format!(
                "item {item}: entry {seq} takes {taken} of {}, and {left} are left",
                self.stock
            );
            findings.add(Check::StockNeverNegative, detail, self.history(entry));
        } else if stock_after != Some(left) {
            let says = stock_after.map_or_else(|| "nothing".to_owned(), |stock| stock.to_string());
            let detail = format!(
                "item {item}: {} and a change of {change} make {left}, entry {seq} says {says}",
                self.stock
            );
            findings.add(Check::StockAddsUp, detail, self.history(entry));
        }
    }

    fn check_sale(&self, entry: &Entry, findings: &mut Findings) {
        findings.count(Check::Prices, 1);
        let Entry { item, seq, change, .. } = entry;
        if self.cost.is_some() && entry.unit_cost != self.cost {
            let (costs, charged) = (words(self.cost), words(entry.unit_cost));
            let detail = format!("item {item} costs {costs}, entry {seq} charges {charged}");
            findings.add(Check::Prices, detail, vec![tell(entry)]);
        }
        let quantity = entry.quantity.map_or(0, i64::from);
        if *change != -quantity {
            let detail = format!("entry {seq} sells {quantity} and changes the stock by {change}");
            findings.add(Check::StockAddsUp, detail, vec![tell(entry)]);
        }
    }

    fn check_refusal(&self, entry: &Entry, findings: &mut Findings) {
        findings.count(Check::RefusalsRight, 1);
        let quantity = entry.quantity.map_or(0, i64::from);
        let is_order = entry.reason == Some(Reason::SoldOut) && quantity > 0;
        if entry.change != 0 || (is_order && quantity <= self.stock) {
            let detail = format!(
                "entry {} refuses {quantity} of item {}, of which {} were there",
                entry.seq, entry.item, self.stock
            );
            findings.add(Check::RefusalsRight, detail, self.history(entry));
        }
    }

    /// Notes how it was read at the end.
    pub(super) fn ends(&mut self, stock: Stock, seq: Seq, findings: &mut Findings) {
        if seq < self.seq {
            let detail = format!(
                "item {} was read as of entry {seq}, after entry {} had changed it",
                self.item, self.seq
            );
            findings.add(Check::ReadsGoForward, detail, vec![self.last.clone()]);
            return;
        }
        self.end = Some((stock, seq));
        self.check_end(findings);
    }

    /// Compares the stock at the end once the replay has come there.
    fn check_end(&mut self, findings: &mut Findings) {
        let Some((stock, _)) = self.end.take_if(|(_, seq)| *seq <= self.seq) else {
            return;
        };
        findings.count(Check::StockAddsUp, 1);
        if i64::from(stock.get()) != self.stock {
            let detail = format!(
                "item {}: by the ledger {} are left, its stock is {stock}",
                self.item, self.stock
            );
            findings.add(Check::StockAddsUp, detail, vec![self.last.clone()]);
        }
    }
}

fn words(cost: Option<Cost>) -> String {
    cost.map_or_else(|| "nothing".to_owned(), |cost| cost.to_string())
}
