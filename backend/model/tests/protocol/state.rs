//! The state of the shop, its clients and the network between two steps.

use common::Seq;

use super::ledger::Ledger;

/// An index into `Bounds::operations`.
pub(crate) type OperationIndex = usize;
/// One of the two catalogs.
pub(crate) type CatalogIndex = usize;

/// One transmission of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Request {
    pub(crate) operation: OperationIndex,
    /// The number of earlier sends by the client.
    pub(crate) send: u8,
    /// The number of earlier sends of this request by the order service.
    pub(crate) attempt: u8,
    /// The last tick at which it may be done.
    pub(crate) deadline: u8,
}

/// An answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Answer {
    /// Sold or restocked by the entry `seq`.
    Done { seq: u64, replayed: bool },
    /// Refused, by the entry `seq` if the refusal was recorded.
    Refused { seq: Option<u64>, replayed: bool },
    /// 503: this request changed nothing.
    Unavailable,
    /// 504: the outcome is unknown to the client.
    TooLate,
    /// The id belongs to another operation, or the stock would leave its range.
    Impossible,
}

impl Answer {
    /// The decision without the replayed mark, which must be the same in every answer.
    pub(crate) fn decision(self) -> Option<Self> {
        match self {
            Self::Done { seq, .. } => Some(Self::Done { seq, replayed: false }),
            Self::Refused { seq, .. } => Some(Self::Refused { seq, replayed: false }),
            Self::Unavailable | Self::TooLate | Self::Impossible => None,
        }
    }

    fn is_replayed(self) -> bool {
        matches!(
            self,
            Self::Done { replayed: true, .. } | Self::Refused { replayed: true, .. }
        )
    }
}

/// A message in flight. It may arrive at any later time, in any order, or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// Client → front-end → order service.
    Submit(Request),
    /// Order service, or the shopkeeper's front-end → any catalog.
    Job(Request),
    /// The catalog's answer.
    Reply(Request, Answer),
}

/// A client with one order, or the shopkeeper with one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Client {
    /// The number of sends.
    pub(crate) sends: u8,
    /// Whether the connection of the last send is still open.
    pub(crate) waits: bool,
    /// The first decision that was answered.
    pub(crate) first_decision: Option<Answer>,
    /// Whether an answer was a replay.
    pub(crate) replayed: bool,
    /// Whether there were too few copies at some moment since the first send.
    pub(crate) fell_short: bool,
    /// Whether the network duplicated a message.
    pub(crate) duplicated: bool,
    /// Whether its only send was answered with 503.
    pub(crate) unchanged: bool,
}

impl Client {
    /// Records an answer; returns whether it contradicts an earlier one.
    pub(crate) fn receive(&mut self, answer: Answer) -> bool {
        self.waits = false;
        self.unchanged = answer == Answer::Unavailable && self.sends == 1 && !self.duplicated;
        let Some(decision) = answer.decision() else {
            return false;
        };
        self.replayed |= answer.is_replayed();
        *self.first_decision.get_or_insert(decision) != decision
    }
}

/// A batch in progress at a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) jobs: Vec<Request>,
    /// The tick at which it was decided.
    pub(crate) decided_at: u8,
    /// Whether an append conflicted.
    pub(crate) conflicted: bool,
    /// The entries that are durable already, where the lines of an order are appended one by one.
    pub(crate) appended: usize,
    /// The answers, once the batch is durable.
    pub(crate) answers: Option<Vec<Answer>>,
}

/// The memory of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Catalog {
    /// The last entry it knows.
    pub(crate) seen: Seq,
    pub(crate) work: Option<Work>,
}

/// The processes that crashed; each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Crashes {
    pub(crate) frontend: bool,
    pub(crate) order: bool,
    pub(crate) catalogs: [bool; 2],
    /// A catalog crashed within an append.
    pub(crate) torn: bool,
}

impl Crashes {
    pub(crate) fn count(self) -> usize {
        let [first, second] = self.catalogs;
        [self.frontend, self.order, first, second]
            .into_iter()
            .filter(|&crashed| crashed)
            .count()
    }
}

/// Violations that a later state does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Flaws {
    /// A client got two different decisions.
    pub(crate) contradicted: bool,
    /// A client was refused although the stock always sufficed.
    pub(crate) refused_wrongly: bool,
    /// An operation was done that was decided after its deadline.
    pub(crate) done_late: bool,
}

/// The whole state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) tick: u8,
    pub(crate) ledger: Ledger,
    pub(crate) catalogs: [Catalog; 2],
    /// By operation.
    pub(crate) clients: Vec<Client>,
    /// The requests for whose replies the order service waits. Sorted.
    pub(crate) tasks: Vec<Request>,
    /// Sorted.
    pub(crate) messages: Vec<Message>,
    /// The number of messages that the network duplicated.
    pub(crate) duplicates: u8,
    pub(crate) crashes: Crashes,
    pub(crate) flaws: Flaws,
}

impl State {
    /// Removes a message from the network.
    pub(crate) fn remove_message(&mut self, message: Message) -> Option<()> {
        let place = self.messages.iter().position(|&other| other == message)?;
        self.messages.remove(place);
        Some(())
    }

    /// Removes a request from the order service's memory.
    pub(crate) fn remove_task(&mut self, task: Request) -> Option<()> {
        let place = self.tasks.iter().position(|&other| other == task)?;
        self.tasks.remove(place);
        Some(())
    }
}
