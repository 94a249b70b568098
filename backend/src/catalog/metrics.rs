//! The metrics of a catalog. The ledger thread records once per batch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::metrics::{BatchMetrics, Counter, Histogram};
use common::wire::StoreHealth;
use common::{Entry, InlineVec, Kind, Reason, Seq};

use super::CatalogService;
use super::decide::Verdict;
use crate::http::{Exposition, seconds};
use crate::store::Store;

/// Why an order was refused or not decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefusalReason {
    SoldOut,
    UnknownItem,
    KeyReused,
    Expired,
    TooManyRefusals,
    StorageFull,
    Unavailable,
}

impl RefusalReason {
    const ALL: [Self; 7] = [
        Self::SoldOut,
        Self::UnknownItem,
        Self::KeyReused,
        Self::Expired,
        Self::TooManyRefusals,
        Self::StorageFull,
        Self::Unavailable,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::SoldOut => "sold-out",
            Self::UnknownItem => "unknown-item",
            Self::KeyReused => "key-reused",
            Self::Expired => "deadline-exceeded",
            Self::TooManyRefusals => "too-many-refusals",
            Self::StorageFull => "storage-full",
            Self::Unavailable => "unavailable",
        }
    }

    /// The reason of an order whose lines have these reasons: the first one other than `WithOthers`.
    fn of_lines(reasons: impl Iterator<Item = Reason>) -> Self {
        let mut own = reasons.filter(|reason| *reason != Reason::WithOthers);
        match own.next() {
            Some(Reason::UnknownItem) => Self::UnknownItem,
            _ => Self::SoldOut,
        }
    }
}

/// The decisions on the orders of one batch.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sold: u64,
    copies: u64,
    revenue_cents: u64,
    replayed: u64,
    refused: [u64; RefusalReason::ALL.len()],
}

impl Tally {
    /// Counts the decision on an order.
    pub(super) fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Recorded { replayed: true, .. } => self.replayed += 1,
            Verdict::Recorded { entries, .. } => self.count_recorded(entries),
            Verdict::RefusedUnrecorded(lines) => {
                self.refuse(RefusalReason::of_lines(lines.iter().map(|line| line.reason)), 1);
            }
            Verdict::KeyReused => self.refuse(RefusalReason::KeyReused, 1),
            Verdict::TooManyRefusals => self.refuse(RefusalReason::TooManyRefusals, 1),
            Verdict::DiskFull => self.refuse(RefusalReason::StorageFull, 1),
            // A sale never gets the last two: they are verdicts on changes.
            Verdict::Expired | Verdict::PreconditionFailed | Verdict::OutOfRange => {
                self.refuse(RefusalReason::Expired, 1);
            }
        }
    }

    /// Counts orders that were refused or not decided.
    pub(super) fn refuse(&mut self, reason: RefusalReason, orders: u64) {
        if let Some(count) = self.refused.get_mut(reason as usize) {
            *count += orders;
        }
    }

    fn count_recorded(&mut self, entries: &InlineVec<Entry>) {
        if entries.iter().any(|entry| entry.kind != Kind::Sold) {
            let reasons = entries.iter().filter_map(|entry| entry.reason);
            return self.refuse(RefusalReason::of_lines(reasons), 1);
        }
        self.sold += 1;
        for entry in entries {
            let copies = entry.change.unsigned_abs();
            let cents = entry.unit_cost.map_or(0, |cost| u64::from(cost.cents()));
            self.copies += copies;
            self.revenue_cents += copies.saturating_mul(cents);
        }
    }
}

/// The metrics of one catalog.
#[derive(Debug)]
pub(super) struct CatalogMetrics {
    sales: Counter,
    copies: Counter,
    revenue_cents: Counter,
    replays: Counter,
    refusals: [Counter; RefusalReason::ALL.len()],
    pub(super) conflicts: Counter,
    pub(super) appends: Histogram,
    /// The batches of the ledger thread.
    pub(super) batches: BatchMetrics,
    /// 0 if unknown.
    ledger_bytes: AtomicU64,
    checkpoint: AtomicU64,
    /// Unix time in nanoseconds; 0 until this process has written a checkpoint.
    checkpoint_at_ns: AtomicU64,
}

impl Default for CatalogMetrics {
    fn default() -> Self {
        Self {
            sales: Counter::default(),
            copies: Counter::default(),
            revenue_cents: Counter::default(),
            replays: Counter::default(),
            refusals: Default::default(),
            conflicts: Counter::default(),
            appends: Histogram::of_durations(),
            batches: BatchMetrics::default(),
            ledger_bytes: AtomicU64::new(0),
            checkpoint: AtomicU64::new(0),
            checkpoint_at_ns: AtomicU64::new(0),
        }
    }
}

impl CatalogMetrics {
    pub(super) fn record(&self, tally: &Tally) {
        let counts = [
            (&self.sales, tally.sold),
            (&self.copies, tally.copies),
            (&self.revenue_cents, tally.revenue_cents),
            (&self.replays, tally.replayed),
        ];
        let refusals = self.refusals.iter().zip(tally.refused);
        let changed = counts.into_iter().chain(refusals).filter(|&(_, count)| count > 0);
        changed.for_each(|(counter, count)| counter.add(count));
    }

    /// Records the entry of the newest checkpoint of a loaded store.
    pub(super) fn set_checkpoint(&self, at: Seq) {
        self.checkpoint.store(at.0, Ordering::Relaxed);
    }

    /// Records a checkpoint that was just written.
    pub(super) fn record_checkpoint(&self, at: Seq) {
        self.set_checkpoint(at);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.checkpoint_at_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Reads the size of the ledger from the store. An error keeps the last size.
    pub(super) fn measure_ledger(&self, store: &dyn Store) {
        if let Ok(Some(bytes)) = store.ledger_bytes() {
            self.ledger_bytes.store(bytes, Ordering::Relaxed);
        }
    }

    fn write_sales(&self, out: &mut Exposition) {
        out.counter("bookstore_sales_total", "Orders sold by this catalog")
            .value(self.sales.get());
        out.counter("bookstore_copies_sold_total", "Copies sold by this catalog")
            .value(self.copies.get());
        let cents = self.revenue_cents.get();
        out.counter(
            "bookstore_revenue_total",
            "Revenue of the copies sold by this catalog, in the currency of the prices",
        )
        .value(format_args!("{}.{:02}", cents / 100, cents % 100));
        out.counter(
            "bookstore_replays_total",
            "Repeated orders, answered with their earlier decision",
        )
        .value(self.replays.get());
        let reasons = RefusalReason::ALL.iter().map(|reason| reason.label());
        out.counter("bookstore_refusals_total", "Orders not sold, by reason")
            .counters("reason", reasons.zip(&self.refusals));
    }
}

/// The values of the label `state`.
const STATES: [(&str, StoreHealth); 5] = [
    ("ok", StoreHealth::Ok),
    ("full", StoreHealth::Full),
    ("read-only", StoreHealth::ReadOnly),
    ("unreachable", StoreHealth::Unreachable),
    ("lost-entries", StoreHealth::LostEntries),
];

impl CatalogService {
    pub(super) fn write_metrics_to(&self, out: &mut Exposition) {
        let metrics = self.metrics();
        metrics.write_sales(out);
        let head = self.head();
        out.gauge("bookstore_ledger_head", "The number of the last entry of the ledger")
            .value_if(head.map(|head| head.seq));
        let bytes = metrics.ledger_bytes.load(Ordering::Relaxed);
        out.gauge("bookstore_ledger_size_bytes", "The size of the ledger in its store")
            .value_if((bytes > 0).then_some(bytes));
        out.gauge("bookstore_books", "Books in the catalog")
            .value_if(self.book_count());
        self.write_store(out);
        let conflicts = metrics.conflicts.get();
        let help = "Appends that conflicted with those of another catalog on the same database";
        out.counter("bookstore_conflicts_total", help).value(conflicts);
        let help = "Time from handing a batch to the store until it is durable";
        out.histogram("bookstore_store_append_duration_seconds", help)
            .durations(&[], &metrics.appends.snapshot());
        let help = "Time of the file sync of each batch, a part of its append; a CSV store only";
        let mut syncs = out.histogram("bookstore_store_sync_duration_seconds", help);
        if let Some(snapshot) = self.store_syncs() {
            syncs.durations(&[], &snapshot);
        }
        out.batches(&[("ledger", &metrics.batches, self.queued_lines())]);
        let checkpoint = metrics.checkpoint.load(Ordering::Relaxed);
        let help = "Entries after the newest checkpoint, which a start after a crash reads";
        out.gauge("bookstore_checkpoint_age_entries", help)
            .value_if(head.map(|head| head.seq.0.saturating_sub(checkpoint)));
        let at_ns = metrics.checkpoint_at_ns.load(Ordering::Relaxed);
        let help = "Unix time of the last checkpoint that this process wrote";
        out.gauge("bookstore_checkpoint_timestamp_seconds", help)
            .value_if((at_ns > 0).then(|| seconds(at_ns)));
    }

    fn write_store(&self, out: &mut Exposition) {
        let health = self.store_health();
        let mut states = out.gauge(
            "bookstore_store_state",
            "1 for the last known state of the store, else 0",
        );
        for (name, state) in STATES {
            states.sample(&[("state", name)], u8::from(Some(state) == health));
        }
        let help = "Times that the history of the store was replaced because its database had lost entries";
        out.gauge("bookstore_store_history_replacements", help)
            .value_if(self.head().map(|head| head.epoch.0));
        let help = "1 if a failover may lose acknowledged entries: no replica of the database is synchronous";
        out.gauge("bookstore_store_at_risk", help)
            .value(u8::from(self.store_risk().is_some()));
    }
}
