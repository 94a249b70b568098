//! Everything that is true of the shop, its clients and the network between two steps.

use common::Seq;

use super::ledger::Ledger;

/// Which of the operations.
pub(crate) type OperationIndex = usize;
/// Which of the two catalogs.
pub(crate) type CatalogIndex = usize;

/// One transmission of a operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Request {
    pub(crate) operation: OperationIndex,
    /// How often the client had sent it before.
    pub(crate) send: u8,
    /// How often the order service had sent this one before.
    pub(crate) attempt: u8,
    /// The last tick at which it may be done.
    pub(crate) deadline: u8,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Answer {
    /// Sold or restocked, by that entry.
    Done { seq: u64, replayed: bool },
    /// Refused; by that entry, if it was recorded.
    Refused { seq: Option<u64>, replayed: bool },
    /// 503: this request changed nothing.
    Unavailable,
    /// 504: nobody knows.
    TooLate,
    /// The id belongs to something else, or the stock would leave its range.
    Impossible,
}

impl Answer {
    /// Without the note that it is a repetition: what must be the same every time.
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

/// What is on its way. It may arrive at any later time, or never; it overtakes as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Message {
    /// Client → front-end → order service.
    Submit(Request),
    /// Order service, or the shopkeeper's front-end → whichever catalog takes it up.
    Job(Request),
    /// The catalog's answer.
    Reply(Request, Answer),
}

/// Who wants something: a client with one order, or the shopkeeper with one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Client {
    /// How often it was sent.
    pub(crate) sends: u8,
    /// Whether the connection of the last send is still open.
    pub(crate) waits: bool,
    /// The first decision that it was told.
    pub(crate) first_decision: Option<Answer>,
    /// Whether a decision that it was told was a repetition.
    pub(crate) replayed: bool,
    /// Whether there were too few copies at some moment since it was sent first.
    pub(crate) fell_short: bool,
    /// Whether the network sent a copy of its own.
    pub(crate) duplicated: bool,
    /// Whether its only send was answered with "nothing was changed".
    pub(crate) unchanged: bool,
}

impl Client {
    /// Takes note of an answer; says whether it contradicts an earlier one.
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

/// A batch that a catalog has in hand.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) jobs: Vec<Request>,
    /// The tick at which it was decided.
    pub(crate) decided_at: u8,
    /// Whether another catalog was faster once.
    pub(crate) conflicted: bool,
    /// Once it is durable.
    pub(crate) answers: Option<Vec<Answer>>,
}

/// What a catalog has in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Catalog {
    /// The last entry it knows.
    pub(crate) seen: Seq,
    pub(crate) work: Option<Work>,
}

/// Which processes died; each at most once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Crashes {
    pub(crate) frontend: bool,
    pub(crate) order: bool,
    pub(crate) catalogs: [bool; 2],
    /// One of those catalogs died within an append.
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

/// What must never happen and could not be seen afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Flaws {
    /// Somebody got two different decisions.
    pub(crate) contradicted: bool,
    /// Somebody was refused though there were copies enough all the while.
    pub(crate) refused_wrongly: bool,
    /// Something was done that was decided after its deadline.
    pub(crate) done_late: bool,
}

/// The whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) tick: u8,
    pub(crate) ledger: Ledger,
    pub(crate) catalogs: [Catalog; 2],
    /// By operation.
    pub(crate) clients: Vec<Client>,
    /// The order service's memory: what it waits for. Sorted.
    pub(crate) tasks: Vec<Request>,
    /// Sorted.
    pub(crate) messages: Vec<Message>,
    /// How many copies the network made.
    pub(crate) duplicates: u8,
    pub(crate) crashes: Crashes,
    pub(crate) flaws: Flaws,
}

impl State {
    /// Takes a message off the network.
    pub(crate) fn remove_message(&mut self, message: Message) -> Option<()> {
        let place = self.messages.iter().position(|&other| other == message)?;
        self.messages.remove(place);
        Some(())
    }

    /// Takes a task out of the order service's hands.
    pub(crate) fn remove_task(&mut self, task: Request) -> Option<()> {
        let place = self.tasks.iter().position(|&other| other == task)?;
        self.tasks.remove(place);
        Some(())
    }
}
