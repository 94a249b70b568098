//! Recorders of the catalogs' feeds, and the delay between the same entry on two feeds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use testing::eventually;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::client::Client;

const ENTRIES_TIMEOUT: Duration = Duration::from_secs(60);

/// The documented delay between several catalogs over one database. It is reported, not asserted: the machine may be busy.
const DELAY_GOAL: Duration = Duration::from_millis(200);

/// The events of one feed, in order, each with the time of its arrival.
type Entries = watch::Sender<Vec<(String, Instant)>>;

/// Starts to record one catalog's feed from the first entry on; reconnects whenever the feed ends.
#[derive(Debug)]
pub(super) struct FeedRecorder {
    entries: Arc<Entries>,
    recording: JoinHandle<()>,
}

impl FeedRecorder {
    pub(super) fn start(catalog: Client) -> Self {
        let entries = Arc::new(Entries::default());
        let recording = tokio::spawn(record(catalog, Arc::clone(&entries)));
        Self { entries, recording }
    }

    /// The number of recorded entries.
    pub(super) fn count(&self) -> usize {
        self.entries.borrow().len()
    }

    /// Waits for `count` entries and returns all recorded events.
    pub(super) async fn finish_at(self, count: usize) -> Vec<String> {
        let mut entries = self.entries.subscribe();
        let enough = entries.wait_for(|entries| entries.len() >= count);
        if tokio::time::timeout(ENTRIES_TIMEOUT, enough).await.is_err() {
            panic!("{} of {count} entries arrived", self.count());
        }
        self.recording.abort();
        self.entries.borrow().iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// The delays between the two feeds of each entry from index `first` on.
    pub(super) fn delays(&self, other: &Self, first: usize) -> Delays {
        let (one, other) = (self.entries.borrow(), other.entries.borrow());
        let pairs = one.iter().zip(other.iter()).skip(first);
        let distance = |((_, one), (_, other)): (&(_, Instant), &(_, Instant))| {
            one.saturating_duration_since(*other)
                .max(other.saturating_duration_since(*one))
        };
        let mut delays: Vec<Duration> = pairs.map(distance).collect();
        delays.sort_unstable();
        Delays(delays)
    }
}

/// Sorted delays.
#[derive(Debug)]
pub(super) struct Delays(Vec<Duration>);

impl Delays {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn percentile_ms(&self, percent: usize) -> f64 {
        let index = (self.count() - 1) * percent / 100;
        self.0[index].as_secs_f64() * 1e3
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_time = self.0.iter().filter(|delay| **delay <= DELAY_GOAL).count();
        write!(
            f,
            "{} entries reached the second catalog {:.1} ms after the first (median; p99 {:.1} ms, max {:.1} ms), {in_time} of \
             them within {DELAY_GOAL:?}",
            self.count(),
            self.percentile_ms(50),
            self.percentile_ms(99),
            self.percentile_ms(100),
        )
    }
}

async fn record(catalog: Client, entries: Arc<Entries>) {
    loop {
        let path = format!("/feed?after={}", entries.borrow().len());
        // No timeout: the stream ends with the catalog or with the test.
        let mut response = eventually("a catalog answers with its feed", || async {
            let response = catalog.request("GET", &path).send().await;
            response.ok().filter(|response| response.status().is_success())
        })
        .await;
        let mut text = String::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = text.split_once("\n\n") {
                if event.starts_with("event: entry\n") {
                    entries.send_modify(|entries| entries.push((event.to_owned(), Instant::now())));
                }
                text = rest.to_owned();
            }
        }
    }
}
