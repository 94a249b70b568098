//! A catalog: a model of `catalog/ledger_thread.rs` around the program's own deciding code.

use std::convert::Infallible;

use backend::catalog::decide::{CatalogUpdate, DecisionBatch, Verdict};
use common::entry::groups;
use common::wire::{BookAction, BookChange, BookChanges, BookFields, Sale, StockChange};
use common::{Cost, Deadline, Description, Entry, ItemNumber, Kind, OrderId, Seq, Timestamp};

use super::ledger::id;
use super::rule::Rule;
use super::shop::{OperationKind, Shop};
use super::state::{Answer, Catalog, CatalogIndex, Message, Request, State, Work};
use super::step::{Process, crash};

/// The length of a tick.
const TICK_MS: u64 = 1_000;

impl Shop {
    pub(crate) fn decide_batch(&self, state: &mut State, catalog: CatalogIndex, jobs: Vec<Request>) -> Option<()> {
        for &job in &jobs {
            state.remove_message(Message::Job(job))?;
        }
        let work = Work {
            jobs,
            decided_at: state.tick,
            conflicted: false,
            appended: 0,
            answers: None,
        };
        let (_, answers) = self.decide(state, state.catalogs[catalog].seen, &work.jobs, work.decided_at);
        for (&job, answer) in work.jobs.iter().zip(answers) {
            let early = match answer {
                Answer::Refused { seq: None, .. } => !self.keeps(Rule::RefuseAfterAppend),
                _ => false,
            };
            if early || !self.keeps(Rule::AnswerAfterAppend) {
                state.messages.push(Message::Reply(job, answer));
            }
        }
        state.catalogs[catalog].work = Some(work);
        Some(())
    }

    /// `LedgerThread::execute`: append at the head on which the batch was decided; on a conflict catch up and decide again.
    pub(crate) fn append(&self, state: &mut State, catalog: CatalogIndex) -> Option<()> {
        let Catalog { seen, work } = state.catalogs[catalog].clone();
        let mut work = work?;
        let (mut entries, answers) = self.decide(state, seen, &work.jobs, work.decided_at);
        let compared = self.keeps(Rule::CompareHead) && (self.keeps(Rule::CheckHead) || !entries.is_empty());
        if compared && Seq(seen.0 + work.appended as u64) != state.ledger.head() {
            work.decided_at = state.tick;
            work.conflicted = true;
            work.appended = 0;
            state.catalogs[catalog] = Catalog {
                seen: state.ledger.head(),
                work: Some(work),
            };
            return Some(());
        }
        let head = Seq(seen.0 + entries.len() as u64);
        entries.drain(..work.appended);
        if !self.keeps(Rule::AppendWhole) && entries.first().is_some_and(|entry| !entry.line.is_last()) {
            entries.truncate(1);
            self.make_durable(state, &work, entries);
            work.appended += 1;
            state.catalogs[catalog].work = Some(work);
            return Some(());
        }
        self.make_durable(state, &work, entries);
        work.answers = Some(answers);
        let work = self.keeps(Rule::AnswerAfterAppend).then_some(work);
        state.catalogs[catalog] = Catalog { seen: head, work };
        Some(())
    }

    /// A crash within an append leaves whole groups.
    pub(crate) fn torn_append(&self, state: &mut State, catalog: CatalogIndex) -> Option<()> {
        let Catalog { seen, work } = state.catalogs[catalog].clone();
        let work = work?;
        let (mut entries, _) = self.decide(state, seen, &work.jobs, work.decided_at);
        let first_group = groups(&entries).next()?.len();
        if seen != state.ledger.head() || entries.len() == first_group {
            return None;
        }
        entries.truncate(first_group);
        self.make_durable(state, &work, entries);
        state.crashes.torn = true;
        crash(state, Process::Catalog(catalog));
        Some(())
    }

    fn make_durable(&self, state: &mut State, work: &Work, entries: Vec<Entry>) {
        for entry in entries {
            let due = work.jobs.iter().filter(|job| entry.order == Some(self.id(**job)));
            let deadline = due.map(|job| job.deadline).max();
            state.flaws.done_late |= entry.kind != Kind::Refused && deadline < Some(work.decided_at);
            state.ledger.push(&entry);
            for (operation, client) in state.clients.iter_mut().enumerate() {
                client.fell_short |= client.sends > 0 && self.is_short(operation, &state.ledger);
            }
        }
    }

    /// `job::decide`: the real deciding code on the entries that the catalog has seen.
    pub(crate) fn decide(&self, state: &State, seen: Seq, jobs: &[Request], now: u8) -> (Vec<Entry>, Vec<Answer>) {
        let durable = state.ledger.until(seen);
        let mut batch = DecisionBatch::new(&durable, moment(now));
        let verdicts = jobs.iter().map(|&job| {
            let decided: Result<Verdict, Infallible> = match self.operation(job.operation).kind {
                OperationKind::Buy(_) => batch.sell(&self.sale(job)),
                OperationKind::Restock(_) | OperationKind::Describe => batch.update_books(&self.change(job)),
            };
            let Ok(verdict) = decided;
            answer(verdict)
        });
        let answers = verdicts.collect();
        (batch.into_entries(), answers)
    }

    fn sale(&self, job: Request) -> Sale {
        let OperationKind::Buy(copies) = self.operation(job.operation).kind else {
            unreachable!("a restock is not a sale")
        };
        Sale {
            id: self.id(job),
            lines: Self::lines(copies),
            keyed: self.is_keyed(job) && self.keeps(Rule::RecordKeyedRefusals),
            resent: job.attempt > 0 && self.keeps(Rule::MarkResent),
            deadline: self.deadline(job),
        }
    }

    fn change(&self, job: Request) -> CatalogUpdate {
        let changes = match self.operation(job.operation).kind {
            OperationKind::Restock(copies) => {
                BookChanges::one(Self::items()[0], BookAction::Stock(StockChange::By(copies.into())))
            }
            OperationKind::Describe => BookChanges::Several(Self::items().map(described_anew).into()),
            OperationKind::Buy(_) => unreachable!("a sale is no change"),
        };
        CatalogUpdate {
            id: self.id(job),
            changes,
            keyed: self.is_keyed(job),
            if_match: None,
            if_none_match: None,
            deadline: self.deadline(job),
        }
    }

    fn id(&self, job: Request) -> OrderId {
        let drawn = match self.operation(job.operation).kind {
            OperationKind::Buy(_) if !self.keeps(Rule::KeepId) => job.attempt,
            OperationKind::Restock(_) | OperationKind::Describe if !self.keeps(Rule::NameRestocks) => job.send,
            OperationKind::Buy(_) | OperationKind::Restock(_) | OperationKind::Describe => 0,
        };
        id(job.operation, drawn)
    }

    fn deadline(&self, job: Request) -> Deadline {
        if self.keeps(Rule::CompareDeadline) {
            Deadline::from_millis(u64::from(job.deadline) * TICK_MS)
        } else {
            Deadline::from_millis(u64::MAX)
        }
    }
}

fn described_anew(item: ItemNumber) -> BookChange {
    let fields = BookFields {
        title: "Another title".into(),
        description: Description::new("topic"),
        cost: Cost::try_from(1).unwrap(),
        stock: None,
    };
    let action = BookAction::Set(fields);
    BookChange { item, action }
}

fn moment(tick: u8) -> Timestamp {
    Timestamp::from_micros(i64::from(tick) * 1_000 * 1_000)
}

fn answer(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Recorded { entries, replayed } => {
            let Some(last) = entries.last() else {
                return Answer::Impossible;
            };
            let seq = last.seq.0;
            match last.kind {
                Kind::Refused => Answer::Refused {
                    seq: Some(seq),
                    replayed,
                },
                _ => Answer::Done { seq, replayed },
            }
        }
        Verdict::RefusedUnrecorded(_) => Answer::Refused {
            seq: None,
            replayed: false,
        },
        Verdict::Expired => Answer::TooLate,
        Verdict::KeyReused
        | Verdict::PreconditionFailed
        | Verdict::OutOfRange
        | Verdict::TooManyRefusals
        | Verdict::DiskFull => Answer::Impossible,
    }
}
