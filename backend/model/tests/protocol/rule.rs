//! The rules that can be dropped, to show that each is needed and that the model would notice.

/// A rule of the protocol. Dropping one changes what the services hand to the deciding code, or when they answer; the
/// deciding code itself is always the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A refusal is recorded where the client named its order.
    RecordKeyedRefusals,
    /// The order service marks what it sends again.
    MarkResent,
    /// What is sent again keeps its order's id.
    KeepId,
    /// A decision is answered after it is durable.
    AnswerAfterAppend,
    /// A refusal, too, is answered after what it was decided on is durable.
    RefuseAfterAppend,
    /// The shopkeeper's change has an id, which it keeps when it is sent again.
    NameRestocks,
    /// A batch in which nothing is recorded confirms the head nevertheless.
    ConfirmHead,
    /// A batch is appended only right after the entry on which it was decided.
    CompareHead,
    /// The catalog compares the deadline when it decides.
    CompareDeadline,
}
