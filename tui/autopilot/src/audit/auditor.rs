//! Reads the ledger and checks its entries: during a run up to the [`Watermark`](super::Watermark), after the run up to the
//! ledger's head.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use common::backoff::Backoff;
use common::client::{Error, ShopClient};
use common::wire::{Book, LedgerPage};
use common::{Entry, ItemNumber, Seq, Stock, limits};
use strum::VariantArray as _;

use super::Check;
use super::answer_checker::AnswerChecker;
use crate::report::Audit;
use crate::run_state::RunState;
use crate::sample::BookSample;

/// Interval between two reads of the ledger during a run.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// The most attempts of each read after the run.
const ATTEMPTS_MAX: u32 = 10;

/// The result of the audit, with the data of the report's stock table.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) audit: Audit,
    /// The stock of each book at the end, if it could be read.
    pub(crate) end: BTreeMap<ItemNumber, Stock>,
    /// For each book, the sum of its changes except sales.
    pub(crate) restocked: BTreeMap<ItemNumber, i64>,
}

#[derive(Debug)]
pub(crate) struct Auditor {
    shared: Arc<RunState>,
    checker: AnswerChecker,
    /// Entries that were read but cannot be checked yet.
    ahead: VecDeque<Entry>,
    last_read: Seq,
}

impl Auditor {
    /// An auditor that starts from the books as of before the run.
    pub(crate) fn new(shared: Arc<RunState>, sample: &BookSample) -> Self {
        Self {
            checker: AnswerChecker::new(shared.run_id, sample),
            ahead: VecDeque::new(),
            last_read: sample.head.seq,
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
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                let seen = self.shared.shop.last_position().seq;
                // The next round repeats a failed read.
                let _ = self.check_until(self.shared.watermark.get(seen), 1).await;
                self.shared.stats().violations = self.checker.findings.violations();
            }
        };
        tokio::select! {
            () = following => {}
            () = shared.stopping.cancelled() => {}
        }
    }

    /// Checks the ledger up to an entry; returns false if the ledger ends before it.
    async fn check_until(&mut self, until: Seq, attempts_max: u32) -> Result<bool, Error> {
        loop {
            {
                let mut history = self.shared.history();
                while let Some(entry) = self.ahead.pop_front_if(|entry| entry.seq <= until) {
                    self.checker.apply(&entry, &mut history);
                }
            }
            if self.last_read >= until {
                return Ok(true);
            }
            let (shop, after) = (&self.shared.shop, self.last_read);
            let page = with_retries(attempts_max, || page(shop, after, limits::LEDGER_PAGE_MAX)).await?;
            let last = page.entries.iter().map(|entry| entry.seq).max();
            let Some(last) = last.filter(|last| *last > self.last_read) else {
                return Ok(false);
            };
            self.last_read = last;
            self.ahead.extend(page.entries);
        }
    }

    /// Reads the books and checks the rest of the ledger; returns the result.
    pub(crate) async fn close(&mut self, start: &BookSample) -> Audited {
        let end = self.read_end(start).await;
        let read = match (self.shared.shop.is_shopkeeper(), &end) {
            (false, _) => Err("reading the ledger needs the shopkeeper's token".to_owned()),
            (true, Err(error)) => Err(format!("the sample could not be read: {error}")),
            (true, Ok(end)) => self
                .read_to_end(end)
                .await
                .map_err(|error| format!("the ledger could not be read: {error}")),
        };
        let incomplete = self
            .shared
            .history()
            .error()
            .map(|error| format!("the history of the run is incomplete: {error}"));
        let mut audited = self.partial(read.err().or(incomplete));
        let end = end.unwrap_or_default().into_iter();
        audited.end = end.map(|(item, (stock, _))| (item, stock)).collect();
        audited
    }

    /// The result so far; `note` is the reason if checks of the ledger are incomplete.
    pub(crate) fn partial(&self, note: Option<String>) -> Audited {
        let mut findings = self.shared.stats().findings.clone();
        findings.merge(self.checker.findings.clone());
        findings.count(Check::RefusalsStand, self.shared.history().refusals());
        let is_skipped = |check: &Check| match check {
            Check::FeedInOrder => !findings.checked.contains_key(check),
            check => note.is_some() && check.needs_ledger(),
        };
        let has_baskets = self.shared.settings.basket.is_several();
        let is_reported = |check: &Check| has_baskets || check.is_for_every_order() || findings.has_violated(*check);
        let reported = Check::VARIANTS.iter().copied().filter(is_reported);
        let (skipped, made): (Vec<_>, Vec<_>) = reported.partition(is_skipped);
        let restocked = match note {
            Some(_) => BTreeMap::new(),
            None => self.checker.restocked().collect(),
        };
        let mut audit = findings.into_audit(&made, &skipped, self.checker.others());
        audit.note = note;
        Audited {
            audit,
            end: BTreeMap::new(),
            restocked,
        }
    }

    async fn read_to_end(&mut self, end: &BTreeMap<ItemNumber, (Stock, Seq)>) -> Result<(), Error> {
        for (item, (stock, seq)) in end {
            self.checker.record_end(*item, *stock, *seq);
        }
        // The ledger's head is read after the books, so it is at least every entry that a book or an answer named.
        let shop = self.shared.shop.clone();
        let after = self.checker.last();
        let head = with_retries(ATTEMPTS_MAX, || page(&shop, after, 1)).await?.head;
        let until = head.max(shop.last_position().seq);
        if !self.check_until(until, ATTEMPTS_MAX).await? {
            self.checker.report_early_end(until);
        }
        self.checker.close(&mut self.shared.history());
        Ok(())
    }

    /// Reads the stocks, and the last entries, of the books that the store still has.
    async fn read_end(&self, start: &BookSample) -> Result<BTreeMap<ItemNumber, (Stock, Seq)>, Error> {
        let shop = &self.shared.shop;
        let now = with_retries(ATTEMPTS_MAX, || BookSample::read(shop)).await?;
        let books = now.books.iter().map(|book| (book.item, (book.stock, book.seq)));
        let mut found: BTreeMap<_, _> = books.collect();
        for book in &start.books {
            if found.contains_key(&book.item) {
                continue;
            }
            // The book has another topic, or it was withdrawn and is not compared.
            let answer = with_retries(ATTEMPTS_MAX, || shop.lookup(book.item)).await;
            if let Ok(moved) = answer.and_then(|answer| answer.parse::<Book>()) {
                found.insert(book.item, (moved.stock, moved.seq));
            }
        }
        Ok(found)
    }
}

async fn page(shop: &ShopClient, after: Seq, limit: usize) -> Result<LedgerPage, Error> {
    shop.ledger(after, limit).await?.parse()
}

/// Retries a read with backoff while the store is unavailable, with at most `attempts_max` attempts.
async fn with_retries<T, F, Read>(attempts_max: u32, mut read: F) -> Result<T, Error>
where
    F: FnMut() -> Read,
    Read: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut attempts = 1;
    loop {
        match read().await {
            Ok(value) => return Ok(value),
            Err(Error::Problem(problem)) if problem.status < 500 => return Err(Error::Problem(problem)),
            Err(error) if attempts >= attempts_max => return Err(error),
            Err(_) => {
                attempts += 1;
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}
