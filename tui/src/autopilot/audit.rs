//! The audit: what the store told the shoppers, held against its ledger.
//!
//! It needs the shopkeeper's token. What it cannot check it lists, and then its verdict is `incomplete`, never `clean`.
//! Other people's traffic on the same store is in the ledger too, and is no fault.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::time::Duration;

use common::client::{Answer, Error, Shop};
use common::wire::{Book, LedgerPage, Receipt};
use common::{Cost, Entry, ItemNumber, Kind, OrderId, Seq, Stock, limits};

use super::report::{Audit, Verdict, Violation};
use super::shelf::Shelf;
use crate::backoff::Backoff;

/// Sales that are kept for the audit at the most.
const SALES_MAX: usize = 1_000_000;
/// Violations that are told of at the most.
const VIOLATIONS_MAX: usize = 100;
/// How often a reading is tried before the check is given up.
const TRIES: u32 = 8;

/// Every acknowledged sale is in the ledger exactly once, as it was acknowledged.
const SALES: &str = "acknowledged_sales";
/// For each book: stock at the start, and all changes in the ledger, make the stock at the end.
const STOCK: &str = "stock_adds_up";

/// What was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sale {
    item: ItemNumber,
    quantity: u32,
    cost: Option<Cost>,
    times_found: u32,
}

/// All sales that the store acknowledged to this autopilot.
#[derive(Debug, Default)]
pub(super) struct History {
    sales: HashMap<OrderId, Sale>,
    overflowed: bool,
}

impl History {
    /// Notes a receipt of a sale.
    pub(super) fn sold(&mut self, receipt: &Receipt) {
        if self.sales.len() >= SALES_MAX {
            self.overflowed = true;
            return;
        }
        let sale = Sale {
            item: receipt.item,
            quantity: receipt.quantity,
            cost: receipt.cost,
            times_found: 0,
        };
        self.sales.insert(receipt.order, sale);
    }
}

/// What the audit needs.
#[derive(Debug)]
pub(super) struct Auditor<'a> {
    pub(super) shop: &'a Shop,
    pub(super) shelf: &'a Shelf,
}

/// The audit, and what it learned on the way.
#[derive(Debug)]
pub(super) struct Audited {
    pub(super) audit: Audit,
    /// The stock of each book at the end, where it could be read.
    pub(super) end: BTreeMap<ItemNumber, Stock>,
    /// What was added other than by sales.
    pub(super) restocked: BTreeMap<ItemNumber, i64>,
}

#[derive(Debug)]
struct Findings {
    violations: Vec<Violation>,
}

impl Findings {
    fn add(&mut self, check: &'static str, detail: String) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { check, detail });
        }
    }
}

/// One book between its two readings.
#[derive(Debug)]
struct Span {
    start: Stock,
    after: Seq,
    end: Stock,
    until: Seq,
    change: i64,
}

impl Auditor<'_> {
    /// What can be said without asking the store anything more.
    pub(super) fn nothing() -> Audited {
        Audited {
            audit: Audit {
                verdict: Verdict::Incomplete,
                checks: BTreeMap::new(),
                skipped: vec![SALES, STOCK],
                violations: Vec::new(),
            },
            end: BTreeMap::new(),
            restocked: BTreeMap::new(),
        }
    }

    /// Reads the shelf and the ledger once more and compares.
    pub(super) async fn audit(&self, mut history: History) -> Audited {
        let mut audited = Self::nothing();
        let Ok(now) = patiently(|| Shelf::read(self.shop)).await else {
            return audited;
        };
        let mut spans = self.spans(&now).await;
        audited.end = spans.iter().map(|(item, span)| (*item, span.end)).collect();
        if !self.shop.is_shopkeeper() {
            return audited;
        }
        let mut findings = Findings { violations: Vec::new() };
        let reading = self.read_ledger(&mut history, &mut spans, &mut audited.restocked, &mut findings);
        if reading.await.is_err() {
            audited.restocked.clear();
            return audited;
        }
        for (order, sale) in history.sales.iter().filter(|(_, sale)| sale.times_found == 0) {
            findings.add(
                SALES,
                format!(
                    "order {order} ({} of item {}) was acknowledged and is not in the ledger",
                    sale.quantity, sale.item
                ),
            );
        }
        for (item, span) in &spans {
            let expected = i64::from(span.start.get()) + span.change;
            if expected != i64::from(span.end.get()) {
                findings.add(
                    STOCK,
                    format!(
                        "item {item}: {} at {} and changes of {} up to {} make {expected}, its stock is {}",
                        span.start, span.after, span.change, span.until, span.end
                    ),
                );
            }
        }
        let audit = &mut audited.audit;
        audit.checks.insert(STOCK, count(spans.len()));
        audit.checks.insert(SALES, count(history.sales.len()));
        audit.skipped.clear();
        if history.overflowed {
            audit.skipped.push(SALES);
        }
        audit.verdict = match (findings.violations.is_empty(), audit.skipped.is_empty()) {
            (false, _) => Verdict::Violated,
            (true, true) => Verdict::Clean,
            (true, false) => Verdict::Incomplete,
        };
        audit.violations = findings.violations;
        audited
    }

    /// Each book that was there at the start and still is.
    async fn spans(&self, now: &Shelf) -> BTreeMap<ItemNumber, Span> {
        let mut found: BTreeMap<ItemNumber, (Stock, Seq)> = now
            .books
            .iter()
            .map(|book| (book.item, (book.start, book.seq)))
            .collect();
        for book in &self.shelf.books {
            if found.contains_key(&book.item) {
                continue;
            }
            // It changed its topic, or left: then there is nothing to compare.
            let answer = patiently(|| self.shop.lookup(book.item)).await;
            if let Ok(moved) = answer.and_then(|answer| answer.parse::<Book>()) {
                found.insert(book.item, (moved.stock, moved.seq));
            }
        }
        let spans = self.shelf.books.iter().filter_map(|book| {
            let (end, until) = found.get(&book.item).copied()?;
            let span = Span {
                start: book.start,
                after: book.seq,
                end,
                until,
                change: 0,
            };
            Some((book.item, span))
        });
        spans.collect()
    }

    async fn read_ledger(
        &self,
        history: &mut History,
        spans: &mut BTreeMap<ItemNumber, Span>,
        restocked: &mut BTreeMap<ItemNumber, i64>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let mut after = self.shelf.head;
        // The head when the reading begins holds every entry that a reading of the shelf or an answer told of.
        let mut until: Option<Seq> = None;
        loop {
            let page = patiently(|| async { self.page(after).await?.parse::<LedgerPage>() }).await?;
            let until = *until.get_or_insert(page.head.max(self.shop.seen()));
            for entry in &page.entries {
                if let Some(span) = spans.get_mut(&entry.item)
                    && entry.seq > span.after
                    && entry.seq <= span.until
                {
                    span.change = span.change.saturating_add(entry.change);
                    if !matches!(entry.kind, Kind::Sold) {
                        let sum = restocked.entry(entry.item).or_default();
                        *sum = sum.saturating_add(entry.change);
                    }
                }
                check_sale(entry, history, findings);
                after = entry.seq;
            }
            if after >= until {
                return Ok(());
            }
            if page.entries.is_empty() {
                // Entries that others saw are held back: what is missing here proves nothing.
                return Err(Error::Malformed {
                    url: self.shop.url().to_owned(),
                    why: format!("its ledger ends at {after}, before {until}"),
                });
            }
        }
    }

    async fn page(&self, after: Seq) -> Result<Answer, Error> {
        self.shop.ledger(after, limits::LEDGER_PAGE_MAX).await
    }
}

fn check_sale(entry: &Entry, history: &mut History, findings: &mut Findings) {
    let Some((order, sale)) = entry
        .order
        .and_then(|order| Some((order, history.sales.get_mut(&order)?)))
    else {
        return;
    };
    if entry.kind != Kind::Sold {
        findings.add(
            SALES,
            format!(
                "order {order} was acknowledged as sold, entry {} says {}",
                entry.seq, entry.kind
            ),
        );
        return;
    }
    sale.times_found += 1;
    if sale.times_found > 1 {
        findings.add(SALES, format!("order {order} was sold again by entry {}", entry.seq));
    }
    if (entry.item, entry.quantity) != (sale.item, Some(sale.quantity)) || entry.unit_cost != sale.cost {
        let text = |cost: Option<Cost>| cost.map_or_else(|| "no cost".to_owned(), |cost| cost.to_string());
        findings.add(
            SALES,
            format!(
                "order {order} was acknowledged as {} of item {} at {}, entry {} says {} of item {} at {}",
                sale.quantity,
                sale.item,
                text(sale.cost),
                entry.seq,
                entry.quantity.unwrap_or(0),
                entry.item,
                text(entry.unit_cost)
            ),
        );
    }
}

/// Tries a reading again while the store is away, but not for ever.
async fn patiently<T, F, Read>(mut read: F) -> Result<T, Error>
where
    F: FnMut() -> Read,
    Read: Future<Output = Result<T, Error>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
    let mut tries = 1;
    loop {
        match read().await {
            Ok(value) => return Ok(value),
            Err(Error::Problem(problem)) if problem.status < 500 => return Err(Error::Problem(problem)),
            Err(error) if tries == TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                tokio::time::sleep(backoff.next_pause()).await;
            }
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
