//! The metrics of a front-end.

use std::sync::atomic::{AtomicU64, Ordering};

use common::metrics::Counter;
use common::{Position, Seq};

use super::Frontend;
use crate::http::Exposition;

/// The front-end's own counters; its other metrics are read from their sources.
#[derive(Debug, Default)]
pub(super) struct FrontendMetrics {
    /// Reads answered from the cache while the feed is live.
    pub(super) hits: Counter,
    /// Reads answered by the catalog.
    pub(super) misses: Counter,
    /// Reads answered from the cache because the catalog was unreachable.
    pub(super) stale: Counter,
    /// Event streams that were refused because too many are open.
    pub(super) refused_streams: Counter,
    /// The head in the last probe of the catalog, because the feed may have stalled.
    catalog_head: AtomicU64,
}

impl FrontendMetrics {
    /// Records the head in a probe of the catalog.
    pub(super) fn observe_catalog(&self, head: Option<Position>) {
        let head = head.map_or(0, |head| head.seq.0);
        self.catalog_head.store(head, Ordering::Relaxed);
    }
}

impl Frontend {
    pub(super) fn write_metrics_to(&self, out: &mut Exposition) {
        self.write_cache(out);
        self.write_feed(out);
        self.write_events(out);
        let batches = self.orders.batches();
        out.batches(Vec::from_iter(batches.map(|(metrics, depth)| ("orders", metrics, depth))).as_slice());
        self.dependencies.write_metrics(out);
    }

    fn write_cache(&self, out: &mut Exposition) {
        let FrontendMetrics {
            hits, misses, stale, ..
        } = &*self.metrics;
        let results = [("hit", hits), ("miss", misses), ("stale", stale)];
        out.counter(
            "bookstore_cache_requests_total",
            "Reads of books, pages and topics, by result",
        )
        .counters("result", results);
        let (books, pages) = self.live.cache().sizes();
        let mut entries = out.gauge("bookstore_cache_entries", "Books and pages in the cache");
        entries
            .sample(&[("kind", "book")], books)
            .sample(&[("kind", "page")], pages);
    }

    fn write_feed(&self, out: &mut Exposition) {
        let (applied, newest) = (self.live.head().map(|head| head.seq), self.head().seq);
        out.gauge(
            "bookstore_ledger_head",
            "The number of the last ledger entry that the cache includes",
        )
        .value_if(applied);
        let newest = newest.max(Seq(self.metrics.catalog_head.load(Ordering::Relaxed)));
        let help = "Entries of the catalog that the cache does not include yet";
        out.gauge("bookstore_feed_lag_entries", help)
            .value_if(applied.map(|applied| newest.0.saturating_sub(applied.0)));
        let help = "1 while the catalog's feed is connected";
        out.gauge("bookstore_feed_connected", help)
            .value(u8::from(self.live.is_live()));
        let help = "Times that the connection to the catalog's feed was lost";
        out.counter("bookstore_feed_disconnects_total", help)
            .value(self.live.disconnects.get());
    }

    fn write_events(&self, out: &mut Exposition) {
        out.gauge("bookstore_event_subscribers", "Open event streams")
            .value(self.live.subscribers());
        let help = "Times that a subscriber was sent `resync`, after which it reads all books again";
        out.counter("bookstore_event_resyncs_total", help)
            .value(self.live.resyncs.get());
        let help = "Event streams that were refused because too many are open";
        out.counter("bookstore_event_streams_refused_total", help)
            .value(self.metrics.refused_streams.get());
    }
}
