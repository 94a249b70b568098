//! The rules of consecutive entries: they count without a gap, and the lines of a group follow each other.

use common::{Entry, GroupPosition, ItemNumber, Kind, OrderId, Reason, Seq, Timestamp, limits};

use crate::Violation;

/// The end of a ledger, which the next entry must continue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LedgerEnd {
    seq: Seq,
    /// The last line of a group that lacks lines.
    open: Option<OpenGroup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenGroup {
    line: GroupPosition,
    order: Option<OrderId>,
    at: Timestamp,
    item: ItemNumber,
    family: Family,
    /// Whether one of its lines is the reason of a refusal.
    has_reason: bool,
}

/// The kinds that may be in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Sold,
    Refused,
    Changed,
}

impl LedgerEnd {
    /// The end after the entry `seq`, which is the last of its group.
    pub fn at(seq: Seq) -> Self {
        Self { seq, open: None }
    }

    /// The position of the last entry.
    pub fn seq(self) -> Seq {
        self.seq
    }

    /// The end after `entry`, which is taken at its word.
    #[must_use]
    pub fn after(self, entry: &Entry) -> Self {
        let group = OpenGroup {
            line: entry.line,
            order: entry.order,
            at: entry.at,
            item: entry.item,
            family: family(entry.kind),
            has_reason: is_reason(entry) || self.open.is_some_and(|open| open.has_reason && !entry.line.is_first()),
        };
        Self {
            seq: entry.seq,
            open: (!entry.line.is_last()).then_some(group),
        }
    }

    /// Checks that the ledger may end here.
    pub fn check_complete(self) -> Option<Violation> {
        self.open.map(|open| Violation::UnfinishedGroup { line: open.line })
    }
}

/// Checks that an entry continues a ledger with this end.
pub fn check_sequence(end: &LedgerEnd, entry: &Entry) -> Option<Violation> {
    let (expected, line) = (end.seq.next(), entry.line);
    if entry.seq != expected {
        return Some(Violation::OutOfSequence { expected });
    }
    let continues = match end.open {
        None => line.is_first() && (line.is_last() || entry.order.is_some()),
        Some(open) => {
            GroupPosition::new(open.line.number() + 1, open.line.count()) == Some(line)
                && open.order == entry.order
                && open.at == entry.at
                && open.item < entry.item
                && open.family == family(entry.kind)
        }
    };
    let has_reason = is_reason(entry) || end.open.is_some_and(|open| open.has_reason);
    // Only an order has a quantity; a change of many books may have more lines.
    let is_too_long = entry.quantity.is_some() && usize::from(line.count()) > limits::ORDER_LINES_MAX;
    if !continues {
        Some(Violation::BrokenGroup { line })
    } else if is_too_long && line.is_first() {
        Some(Violation::TooManyLines { count: line.count() })
    } else if entry.kind == Kind::Refused && line.is_last() && !has_reason {
        Some(Violation::RefusedWithoutReason)
    } else {
        None
    }
}

fn family(kind: Kind) -> Family {
    match kind {
        Kind::Sold => Family::Sold,
        Kind::Refused => Family::Refused,
        Kind::Restocked | Kind::Set | Kind::Withdrawn => Family::Changed,
    }
}

/// A refusal whose reason is missing breaks another rule.
fn is_reason(entry: &Entry) -> bool {
    entry.reason != Some(Reason::WithOthers)
}
