//! Reads the ledger during a run and replays it up to the entry before which every acknowledged operation is known;
//! after the run, to its end.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use common::client::{Error, ShopClient};
use common::wire::{Book, LedgerPage};
use common::{Entry, ItemNumber, Seq, Stock, limits};

use super::replay::Replay;
use super::{Check, Findings};
use crate::report::Audit;
use crate::run_state::Shared;
use crate::sample::BookSample;
use common::backoff::Backoff;

/// The interval between two reads of the ledger during a run.
const LOOK: Duration = Duration::from_millis(250);
/// The number of attempts of each read after the run.
const TRIES: u32 = 10;

/// The audit's result.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) audit: Audit,
    /// The stock of each book at the end, if it could be read.
    pub(crate) end: BTreeMap<ItemNumber, Stock>,
    /// For each book, the sum of its changes other than sales.
    pub(crate) restocked: BTreeMap<ItemNumber, i64>,
}

/// An audit in progress.
#[derive(Debug)]
pub(crate) struct Auditor {
    shared: Arc<Shared>,
    replay: Replay,
    /// Entries that were read but cannot be replayed yet.
    ahead: VecDeque<Entry>,
    /// The last entry that was read.
    after: Seq,
}

impl Auditor {
    /// Starts from the books as they were read before the run.
    pub(crate) fn new(shared: Arc<Shared>, sample: &BookSample) -> Self {
        Self {
            replay: Replay::new(shared.run, sample),
            ahead: VecDeque::new(),
            after: sample.head,
            shared,
        }
    }

    /// Follows the ledger until the workload has finished.
    pub(crate) async fn watch(&mut self) {
        if !self.shared.shop.is_shopkeeper() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let following = async {
            let mut look = tokio::time::interval(LOOK);
            look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                look.tick().await;
                let seen = self.shared.shop.last_seq();
                let settled = self.shared.watermark.settled(seen);
                // A failed read is made up for by the next one; the last one retries.
                let _ = self.follow(settled, 1).await;
                self.shared.stats().violations = self.replay.findings.violations();
            }
        };
        tokio::select! {
            () = following => {}
            () = shared.stopping.cancelled() => {}
        }
    }

    /// Replays the ledger up to an entry; returns false if the ledger ends before it.
    async fn follow(&mut self, until: Seq, tries: u32) -> Result<bool, Error> {
        loop {
            {
                let mut history = self.shared.history();
                while let Some(entry) = self.ahead.pop_front_if(|entry| entry.seq <= until) {
                    self.replay.apply(&entry, &mut history);
                }
            }
            if self.after >= until {
                return Ok(true);
            }
            let (shop, after) = (&self.shared.shop, self.after);
            let page = with_retries(tries, || page(shop, after, limits::LEDGER_PAGE_MAX)).await?;
            let last = page.entries.iter().map(|entry| entry.seq).max();
            let Some(last) = last.filter(|last| *last > self.after) else {
                return Ok(false);
            };
            self.after = last;
            self.ahead.extend(page.entries);
        }
    }

    /// Reads the books and the rest of the ledger, and returns the result.
    pub(crate) async fn close(&mut self, start: &BookSample) -> Audited {
        let end = self.read_end(start).await;
        let read = match (self.shared.shop.is_shopkeeper(), &end) {
            (false, _) => Err("the ledger is the shopkeeper's: give the token".to_owned()),
            (true, Err(error)) => Err(format!("the sample could not be read: {error}")),
            (true, Ok(end)) => self
                .read_to_end(end)
                .await
                .map_err(|error| format!("the ledger could not be read: {error}")),
        };
        let last_error = self
            .shared
            .history()
            .last_error()
            .map(|last_error| format!("the history is not whole: {last_error}"));
        let note = read.err().or(last_error);
        let mut audited = self.partial(note);
        audited.end = end
            .unwrap_or_default()
            .into_iter()
            .map(|(item, (stock, _))| (item, stock))
            .collect();
        audited
    }

    /// The result so far; `note` states why checks of the ledger are incomplete, if they are.
    pub(crate) fn partial(&self, note: Option<String>) -> Audited {
        let mut findings = self.shared.stats().findings.clone();
        findings.merge(self.replay.findings.clone());
        findings.count(Check::RefusalsStand, self.shared.history().refusals());
        let mut skipped: Vec<_> = if note.is_some() {
            Check::OF_LEDGER.to_vec()
        } else {
            Vec::new()
        };
        if !findings.looked_at.contains_key(&Check::FeedInOrder) {
            skipped.push(Check::FeedInOrder);
        }
        let restocked = if note.is_some() {
            BTreeMap::new()
        } else {
            self.replay.restocked().collect()
        };
        let mut audit = findings.into_audit(&skipped, self.replay.others());
        audit.note = note;
        Audited {
            audit,
            end: BTreeMap::new(),
            restocked,
        }
    }

    async fn read_to_end(&mut self, end: &BTreeMap<ItemNumber, (Stock, Seq)>) -> Result<(), Error> {
        for (item, (stock, seq)) in end {
            self.replay.record_end(*item, *stock, *seq);
        }
        // The ledger's head, read after the books, covers every entry that the books or an answer named.
        let shop = self.shared.shop.clone();
        let after = self.replay.last();
        let head = with_retries(TRIES, || page(&shop, after, 1)).await?.head;
        let until = head.max(shop.last_seq());
        if !self.follow(until, TRIES).await? {
            self.replay.ends_early(until);
        }
        self.replay.close(&mut self.shared.history());
        Ok(())
    }

    /// Reads the books that were there at the start and still are.
    async fn read_end(&self, start: &BookSample) -> Result<BTreeMap<ItemNumber, (Stock, Seq)>, Error> {
        let shop = &self.shared.shop;
        let now = with_retries(TRIES, || BookSample::read(shop)).await?;
        let mut found: BTreeMap<_, _> = now
            .books
            .iter()
            .map(|book| (book.item, (book.start, book.seq)))
            .collect();
        for book in &start.books {
            if found.contains_key(&book.item) {
                continue;
            }
            // The book changed its topic or was withdrawn; a withdrawn one is not compared.
            let answer = with_retries(TRIES, || shop.lookup(book.item)).await;
            if let Ok(moved) = answer.and_then(|answer| answer.parse::<Book>()) {
                found.insert(book.item, (moved.stock, moved.seq));
            }
        }
        Ok(found)
    }
}

impl Findings {
    /// Records that the event stream is connected, so that its check counts as made.
    pub(super) fn feed_is_live(&mut self) {
        self.count(Check::FeedInOrder, 0);
    }
}

async fn page(shop: &ShopClient, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
    shop.ledger(after, limit).await?.parse()
}

/// Repeats a read with backoff while the store is unavailable, at most `tries` times.
async fn with_retries<T, F, Read>(tries: u32, mut read: F) -> Result<T, Error>
where
    F: FnMut() -> Read,
    Read: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut tried = 1;
    loop {
        match read().await {
            Ok(value) => return Ok(value),
            Err(Error::Problem(problem)) if problem.status < 500 => return Err(Error::Problem(problem)),
            Err(error) if tried >= tries => return Err(error),
            Err(_) => {
                tried += 1;
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}
