//! The audit's state of one book, in addition to the state that the ledger gives it.

use common::{Entry, ItemNumber, Kind, Seq, Stock};
use rules::BookState;

use super::change::describe_entry;
use super::{Check, Findings};

#[derive(Debug, Clone)]
pub(super) struct AuditedBook {
    item: ItemNumber,
    /// The sum of all changes except sales.
    pub(super) restocked: i64,
    /// The stock after the run and the entry as of which it was read, until it is compared.
    pub(super) end: Option<(Stock, Seq)>,
    /// Description of the book's last change.
    last_change: String,
}

impl AuditedBook {
    pub(super) fn new(item: ItemNumber, last_change: String) -> Self {
        Self {
            item,
            restocked: 0,
            end: None,
            last_change,
        }
    }

    /// The descriptions of the last change and of an entry that contradicts it.
    pub(super) fn history(&self, entry: &Entry) -> Vec<String> {
        vec![self.last_change.clone(), describe_entry(entry)]
    }

    pub(super) fn record(&mut self, entry: &Entry) {
        if matches!(entry.kind, Kind::Restocked | Kind::Set | Kind::Withdrawn) {
            self.restocked = self.restocked.saturating_add(entry.change);
        }
        if entry.kind.changes_book() {
            self.last_change = describe_entry(entry);
        }
    }

    /// Records the stock that was read after the run, as of `seq`.
    pub(super) fn record_end(&mut self, stock: Stock, seq: Seq, expected: &BookState, findings: &mut Findings) {
        if seq < expected.seq {
            let detail = format!(
                "item {} was read as of entry {seq}, after entry {} had changed it",
                self.item, expected.seq
            );
            findings.add(Check::ReadsGoForward, detail, vec![self.last_change.clone()]);
            return;
        }
        self.end = Some((stock, seq));
        self.check_end(expected, findings);
    }

    /// Compares the stock after the run with the ledger's, once the entry as of which it was read is checked.
    pub(super) fn check_end(&mut self, expected: &BookState, findings: &mut Findings) {
        let Some((stock, _)) = self.end.take_if(|(_, seq)| *seq <= expected.seq) else {
            return;
        };
        findings.count(Check::StockAddsUp, 1);
        if stock != expected.stock {
            let detail = format!(
                "item {}: the ledger leaves {}, but the stock is {stock}",
                self.item, expected.stock
            );
            findings.add(Check::StockAddsUp, detail, vec![self.last_change.clone()]);
        }
    }
}
