//! Readers of the catalogs' feeds, and how long after each other they hear of an entry.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::shop::{Customer, eventually};

/// A feed that stays behind for longer does not come after.
const PATIENCE: Duration = Duration::from_secs(60);

/// What several catalogs over one database promise. It is measured and told, not asserted: the machine may be busy.
const PROMISED: Duration = Duration::from_millis(200);

/// What one catalog's feed brought, in order, and when.
type Heard = watch::Sender<Vec<(String, Instant)>>;

/// Follows one catalog's feed from the first entry on, again whenever it breaks off.
#[derive(Debug)]
pub(super) struct Follower {
    heard: Arc<Heard>,
    following: JoinHandle<()>,
}

impl Follower {
    pub(super) fn of(catalog: Customer) -> Self {
        let heard = Arc::new(Heard::default());
        let following = tokio::spawn(follow(catalog, Arc::clone(&heard)));
        Self { heard, following }
    }

    /// How many entries came.
    pub(super) fn count(&self) -> usize {
        self.heard.borrow().len()
    }

    /// Waits until that many came; all that came.
    pub(super) async fn until(self, entries: usize) -> Vec<String> {
        let mut heard = self.heard.subscribe();
        let enough = heard.wait_for(|heard| heard.len() >= entries);
        if tokio::time::timeout(PATIENCE, enough).await.is_err() {
            panic!("{} of {entries} entries came", self.count());
        }
        self.following.abort();
        self.heard.borrow().iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// How far apart the two heard of each entry from number `first` on.
    pub(super) fn delays(&self, other: &Self, first: usize) -> Delays {
        let (one, other) = (self.heard.borrow(), other.heard.borrow());
        let pairs = one.iter().zip(other.iter()).skip(first);
        let apart = |(one, other): (&(_, Instant), &(_, Instant))| {
            one.1
                .saturating_duration_since(other.1)
                .max(other.1.saturating_duration_since(one.1))
        };
        let mut delays: Vec<Duration> = pairs.map(apart).collect();
        delays.sort_unstable();
        Delays(delays)
    }
}

/// Delays, the shortest first.
#[derive(Debug)]
pub(super) struct Delays(Vec<Duration>);

impl Delays {
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    fn ms_at(&self, percent: usize) -> f64 {
        let index = (self.count() - 1) * percent / 100;
        self.0[index].as_secs_f64() * 1e3
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_time = self.0.iter().filter(|delay| **delay <= PROMISED).count();
        write!(
            f,
            "of {} entries one catalog heard {:.1} ms after the other (median; 99 %: {:.1} ms, at most {:.1} ms); {in_time} of \
             them within 200 ms",
            self.count(),
            self.ms_at(50),
            self.ms_at(99),
            self.ms_at(100),
        )
    }
}

async fn follow(catalog: Customer, heard: Arc<Heard>) {
    loop {
        let path = format!("/feed?after={}", heard.borrow().len());
        // Without a time limit: the stream ends with the catalog, or with the test.
        let mut response = eventually("a catalog's feed", || async {
            let asked = catalog.request("GET", &path).send().await;
            asked.ok().filter(|response| response.status().is_success())
        })
        .await;
        let mut text = String::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some((event, rest)) = text.split_once("\n\n") {
                if event.starts_with("event: entry\n") {
                    heard.send_modify(|heard| heard.push((event.to_owned(), Instant::now())));
                }
                text = rest.to_owned();
            }
        }
    }
}
