//! The rules that can be dropped, to show that each is needed and that the model detects its absence.

/// A rule of the protocol. Dropping one changes what the services hand to the deciding code, or when they answer; the
/// deciding code itself is always the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A refusal is recorded if the client supplied the order's id.
    RecordKeyedRefusals,
    /// The order service marks a resent order.
    MarkResent,
    /// A resent order keeps its id.
    KeepId,
    /// A decision is answered after it is durable.
    AnswerAfterAppend,
    /// A refusal is answered after the entries on which it was decided are durable.
    RefuseAfterAppend,
    /// The shopkeeper's change has an id, which a resent copy keeps.
    NameRestocks,
    /// A batch without entries confirms the head too.
    CheckHead,
    /// A batch is appended only at the head on which it was decided.
    CompareHead,
    /// The lines of an order are appended together.
    AppendWhole,
    /// The catalog compares the deadline when it decides.
    CompareDeadline,
}
