//! The rules of consecutive entries: they count without a gap, and the lines of a group follow each other.

use common::{Entry, GroupPosition, ItemNumber, Kind, OrderId, Reason, Seq, Timestamp, limits};

use crate::Violation;

/// What the next entry must continue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceState {
    seq: Seq,
    unfinished_group: Option<UnfinishedGroup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct UnfinishedGroup {
    /// Its last line so far.
    line: GroupPosition,
    order: Option<OrderId>,
    at: Timestamp,
    item: ItemNumber,
    family: Family,
    /// Whether one of its lines could not be sold on its own.
    has_reason: bool,
}

/// All entries of a group have one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Sold,
    Refused,
    Changed,
}

impl SequenceState {
    /// The state after the entry `seq`, which is the last of its group.
    pub fn at(seq: Seq) -> Self {
        Self {
            seq,
            unfinished_group: None,
        }
    }

    /// The number of the last entry.
    pub fn seq(self) -> Seq {
        self.seq
    }

    /// The state after `entry`, even if it breaks a rule.
    #[must_use]
    pub fn after(self, entry: &Entry) -> Self {
        let group = UnfinishedGroup {
            line: entry.line,
            order: entry.order,
            at: entry.at,
            item: entry.item,
            family: family(entry.kind),
            has_reason: is_reason(entry)
                || self
                    .unfinished_group
                    .is_some_and(|group| group.has_reason && !entry.line.is_first()),
        };
        Self {
            seq: entry.seq,
            unfinished_group: (!entry.line.is_last()).then_some(group),
        }
    }

    /// Checks that the ledger may end here.
    pub fn check_complete(self) -> Option<Violation> {
        let group = self.unfinished_group?;
        Some(Violation::UnfinishedGroup { line: group.line })
    }
}

/// Checks that an entry continues the entries before it.
pub fn check_sequence(state: &SequenceState, entry: &Entry) -> Option<Violation> {
    let (expected, line) = (state.seq.next(), entry.line);
    if entry.seq != expected {
        return Some(Violation::OutOfSequence { expected });
    }
    let continues = match state.unfinished_group {
        None => line.is_first() && (line.is_last() || entry.order.is_some()),
        Some(group) => {
            GroupPosition::new(group.line.number() + 1, group.line.count()) == Some(line)
                && group.order == entry.order
                && group.at == entry.at
                && group.item < entry.item
                && group.family == family(entry.kind)
        }
    };
    let has_reason = is_reason(entry) || state.unfinished_group.is_some_and(|group| group.has_reason);
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

/// Whether an entry gives a reason of its own for refusing its order; a missing reason breaks another rule.
fn is_reason(entry: &Entry) -> bool {
    entry.reason != Some(Reason::WithOthers)
}
