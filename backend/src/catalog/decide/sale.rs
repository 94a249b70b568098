//! Decisions on sales.

use common::wire::{OrderLine, RefusedLine, Sale};
use common::{Entry, InlineVec, Kind, OrderId, Reason, Stock};

use super::{CurrentBook, DecisionBatch, DurableState, Verdict, earlier_decision};

impl<D: DurableState> DecisionBatch<'_, D> {
    /// Decides a sale: sells all its lines or none.
    ///
    /// # Errors
    /// As in [`DurableState::find_decision`].
    pub fn sell(&mut self, sale: &Sale) -> Result<Verdict, D::Error> {
        let decided = self.find_decision(sale.id)?;
        if !decided.is_empty() {
            let is_line = |(entry, line): (&Entry, &OrderLine)| {
                matches!(entry.kind, Kind::Sold | Kind::Refused)
                    && entry.item == line.item
                    && entry.quantity == Some(line.quantity)
            };
            let is_same = decided.len() == sale.lines.len() && decided.iter().zip(&*sale.lines).all(is_line);
            return Ok(earlier_decision(decided, is_same));
        }
        if sale.deadline.has_passed_at(self.now) {
            return Ok(Verdict::Expired);
        }
        let lines: InlineVec<CheckedLine> = sale.lines.iter().map(|&line| self.check(line)).collect();
        let is_sold = lines.iter().all(|line| line.left.is_some());
        if !is_sold && !sale.keyed && !sale.resent {
            let refused = lines.iter().filter_map(CheckedLine::refused);
            return Ok(Verdict::RefusedUnrecorded(refused.collect()));
        }
        if !is_sold && !self.take_refusals(lines.len()) {
            return Ok(Verdict::TooManyRefusals);
        }
        let entries = lines.into_iter().map(|line| {
            #[cfg(feature = "fault-injection")]
            let is_sold = is_sold || crate::fault_injection::sells_alone(line.left.is_some());
            match is_sold {
                true => self.sold(sale.id, line),
                false => self.refused(sale.id, line),
            }
        });
        let entries: InlineVec<Entry> = entries.collect();
        Ok(self.record(entries))
    }

    fn check(&self, line: OrderLine) -> CheckedLine {
        let book = self.book(line.item);
        let change = -i64::from(line.quantity.get());
        let left = book.as_ref().and_then(|book| book.stock.checked_add_signed(change));
        #[cfg(feature = "fault-injection")]
        let left = left.or_else(|| crate::fault_injection::oversell().filter(|_| book.is_some()));
        CheckedLine { line, book, left }
    }

    fn sold(&self, id: OrderId, line: CheckedLine) -> Entry {
        let OrderLine { item, quantity } = line.line;
        Entry {
            quantity: Some(quantity),
            change: -i64::from(quantity.get()),
            stock_after: line.left,
            ..self.entry(Kind::Sold, id, item, line.book)
        }
    }

    fn refused(&self, id: OrderId, line: CheckedLine) -> Entry {
        let reason = line.refused().map_or(Reason::WithOthers, |refused| refused.reason);
        let OrderLine { item, quantity } = line.line;
        Entry {
            quantity: Some(quantity),
            reason: Some(reason),
            ..self.entry(Kind::Refused, id, item, line.book)
        }
    }
}

/// A line of a sale, checked against the state of the batch.
struct CheckedLine {
    line: OrderLine,
    book: Option<CurrentBook>,
    /// The stock after the sale; `None` if the line cannot be sold.
    left: Option<Stock>,
}

impl CheckedLine {
    /// Why the line cannot be sold; `None` if it can.
    fn refused(&self) -> Option<RefusedLine> {
        let (item, stock) = (self.line.item, self.book.as_ref().map(|book| book.stock));
        let reason = stock.map_or(Reason::UnknownItem, |_| Reason::SoldOut);
        self.left.is_none().then_some(RefusedLine { item, reason, stock })
    }
}
