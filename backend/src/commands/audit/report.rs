//! The outcome of a proof, for people and for programs.

use std::fmt::{self, Write as _};

use common::{ItemNumber, Seq};

use super::verifier::Verifier;
use crate::store;

/// One place where the store does not follow from its ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Violation {
    /// The entry, where it could be read.
    pub(super) seq: Option<Seq>,
    item: Option<ItemNumber>,
    what: String,
}

impl Violation {
    /// About no book in particular.
    pub(super) fn at(seq: Seq, what: String) -> Self {
        let seq = Some(seq);
        Self { seq, item: None, what }
    }

    /// What cannot even be read; the error says where.
    pub(super) fn damage(error: &store::Error) -> Self {
        Self {
            seq: None,
            item: None,
            what: error.to_string(),
        }
    }

    /// About an entry and its book.
    pub(super) fn of(seq: Seq, item: ItemNumber, what: String) -> Self {
        Self {
            seq: Some(seq),
            item: Some(item),
            what,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(seq) = self.seq {
            write!(f, "entry {seq}")?;
            if let Some(item) = self.item {
                write!(f, ", book {item}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) sold: u64,
    pub(super) copies: u64,
    pub(super) takings_cents: u64,
    pub(super) refused: u64,
    pub(super) restocked: u64,
    pub(super) set: u64,
    pub(super) withdrawn: u64,
}

/// What was proved.
#[derive(Debug)]
pub(in crate::commands) struct AuditReport {
    /// The last entry.
    pub(in crate::commands) head: Seq,
    /// SHA-256 over the entries, a line of JSON each, as the catalog's `GET /ledger` shows them.
    pub(in crate::commands) digest: String,
    pub(super) books: usize,
    pub(super) totals: Totals,
    pub(super) remarks: Vec<String>,
    /// The first ones.
    pub(super) violations: Vec<Violation>,
    pub(super) violated: u64,
}

impl AuditReport {
    /// A store that cannot even be read.
    pub(super) fn damaged(error: &store::Error) -> Self {
        let mut proof = Verifier::new(Seq::ZERO);
        proof.violate(Violation::damage(error));
        proof.end(Vec::new())
    }

    /// Whether nothing is wrong.
    pub(in crate::commands) fn is_clean(&self) -> bool {
        self.violated == 0
    }

    /// `clean` or `violated`.
    pub(in crate::commands) fn verdict(&self) -> &'static str {
        if self.is_clean() { "clean" } else { "violated" }
    }

    /// For people.
    pub(super) fn text(&self, store: &store::Url) -> String {
        let Totals {
            sold,
            copies,
            takings_cents,
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
        let (units, cents) = (takings_cents / 100, takings_cents % 100);
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

    /// For programs.
    pub(super) fn json(&self, store: &store::Url) -> serde_json::Value {
        let totals = self.totals;
        let violations = self.violations.iter();
        let violations: Vec<_> = violations
            .map(|violation| {
                let mut json = serde_json::json!({"what": violation.what});
                if let Some(seq) = violation.seq {
                    json["seq"] = seq.0.into();
                }
                if let Some(item) = violation.item {
                    json["item"] = item.get().into();
                }
                json
            })
            .collect();
        serde_json::json!({
            "verdict": self.verdict(), "store": store.to_string(), "entries": self.head, "books": self.books,
            "sold": totals.sold, "copies": totals.copies, "refused": totals.refused, "restocked": totals.restocked,
            "set": totals.set, "withdrawn": totals.withdrawn, "digest": self.digest, "remarks": self.remarks,
            "violated": self.violated, "violations": violations,
        })
    }
}
