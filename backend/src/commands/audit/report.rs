//! The result of an audit, as text and as JSON.

use std::fmt::{self, Write as _};

use common::{Entry, ItemNumber, Kind, Seq};

use crate::store;

/// The most violations that are listed; further ones are only counted.
const LISTED_MAX: usize = 20;

/// A place where the store breaks a rule or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Finding {
    /// The entry; `None` where the store could not be read.
    pub(super) seq: Option<Seq>,
    item: Option<ItemNumber>,
    text: String,
}

impl Finding {
    /// A violation at an entry that concerns no single book.
    pub(super) fn at(seq: Seq, text: String) -> Self {
        Self {
            seq: Some(seq),
            item: None,
            text,
        }
    }

    /// A part of the store that cannot be read; the error names the place.
    pub(super) fn damage(error: &store::Error) -> Self {
        Self {
            seq: None,
            item: None,
            text: error.to_string(),
        }
    }

    /// A rule that an entry breaks.
    pub(super) fn of(entry: &Entry, violation: &rules::Violation) -> Self {
        match (violation.rule(), entry.order) {
            (rules::Rule::Group, Some(order)) => Self::at(entry.seq, format!("order {order}: {violation}")),
            (rules::Rule::Sequence | rules::Rule::Group, _) => Self::at(entry.seq, violation.to_string()),
            _ => Self::of_book(entry.seq, entry.item, violation),
        }
    }

    /// A rule that a book breaks from an entry on.
    pub(super) fn of_book(seq: Seq, item: ItemNumber, violation: &rules::Violation) -> Self {
        Self {
            item: Some(item),
            ..Self::at(seq, violation.to_string())
        }
    }

    fn json(&self) -> serde_json::Value {
        let mut json = serde_json::json!({"what": self.text});
        if let Some(seq) = self.seq {
            json["seq"] = seq.0.into();
        }
        if let Some(item) = self.item {
            json["item"] = item.get().into();
        }
        json
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "entry {seq}")?;
            if let Some(item) = self.item {
                write!(f, ", book {item}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.text)
    }
}

/// The number of entries of each kind, and the copies and the revenue of the sales.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) sold: u64,
    pub(super) copies: u64,
    pub(super) revenue_cents: u64,
    pub(super) refused: u64,
    pub(super) restocked: u64,
    pub(super) set: u64,
    pub(super) withdrawn: u64,
}

impl Totals {
    pub(super) fn add(&mut self, entry: &Entry) {
        match entry.kind {
            Kind::Sold => {
                let copies = entry.quantity.map_or(0, |quantity| u64::from(quantity.get()));
                let revenue = copies * u64::from(entry.unit_cost.unwrap_or_default().cents());
                self.sold += 1;
                self.copies += copies;
                self.revenue_cents = self.revenue_cents.saturating_add(revenue);
            }
            Kind::Refused => self.refused += 1,
            Kind::Restocked => self.restocked += 1,
            Kind::Set => self.set += 1,
            Kind::Withdrawn => self.withdrawn += 1,
        }
    }
}

/// The result of an audit.
#[derive(Debug, Default)]
pub(in crate::commands) struct AuditReport {
    /// The last entry that was audited.
    pub(in crate::commands) head: Seq,
    /// SHA-256 over the entries, a line of JSON each, as the catalog's `GET /ledger` shows them.
    pub(in crate::commands) digest: String,
    pub(super) books: usize,
    pub(super) totals: Totals,
    /// Remarks for the operator that are no violations.
    pub(super) remarks: Vec<String>,
    /// The first violations, at most [`LISTED_MAX`].
    pub(super) violations: Vec<Finding>,
    /// The number of all violations.
    pub(super) violated: u64,
}

impl AuditReport {
    pub(super) fn add(&mut self, violation: Finding) {
        self.violated += 1;
        if self.violations.len() < LISTED_MAX {
            self.violations.push(violation);
        }
    }

    /// Whether no rule is broken.
    pub(in crate::commands) fn is_clean(&self) -> bool {
        self.violated == 0
    }

    /// `clean` or `violated`.
    pub(in crate::commands) fn verdict(&self) -> &'static str {
        if self.is_clean() { "clean" } else { "violated" }
    }

    pub(super) fn text(&self, store: &store::Url) -> String {
        let Totals {
            sold,
            copies,
            revenue_cents,
            refused,
            restocked,
            set,
            withdrawn,
        } = self.totals;
        let mut text = format!("{}: {store}", self.verdict());
        for violation in &self.violations {
            let _ = write!(text, "\n  {violation}");
        }
        let more = self.violated.saturating_sub(self.violations.len() as u64);
        if more > 0 {
            let _ = write!(text, "\n  and {more} more");
        }
        if self.head == Seq::ZERO {
            return text;
        }
        let (entries, books) = (self.head, self.books);
        let (units, cents) = (revenue_cents / 100, revenue_cents % 100);
        let _ = write!(
            text,
            "\n{entries} entries, {books} books: {sold} sold ({copies} copies for {units}.{cents:02}), {refused} refused, \
             {restocked} restocked, {set} set, {withdrawn} withdrawn\nledger {}",
            self.digest
        );
        for remark in &self.remarks {
            let _ = write!(text, "\nnote: {remark}");
        }
        text
    }

    pub(super) fn json(&self, store: &store::Url) -> serde_json::Value {
        let totals = self.totals;
        let violations: Vec<_> = self.violations.iter().map(Finding::json).collect();
        serde_json::json!({
            "verdict": self.verdict(), "store": store.to_string(), "entries": self.head, "books": self.books,
            "sold": totals.sold, "copies": totals.copies, "refused": totals.refused, "restocked": totals.restocked,
            "set": totals.set, "withdrawn": totals.withdrawn, "digest": self.digest, "remarks": self.remarks,
            "violated": self.violated, "violations": violations,
        })
    }
}
