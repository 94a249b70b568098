//! Fills the cache in the background, so that books are found in it that were not requested before: reading one from the catalog
//! takes many times as long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::client::{AsOf, Catalog, Freshness};
use common::{Position, limits};

use super::live::Live;

/// A start, and the first requests after it, come before the fill.
const DELAY: Duration = Duration::from_secs(5);
/// After each page the fill rests for so many times the page's duration: it takes a quarter of one processor at most.
const REST: u32 = 3;
/// The longest rest: a page's duration includes the time in which the catalog was away.
const REST_MAX: Duration = Duration::from_secs(1);

/// Reads all books, topic by topic, until all are cached or the cache is full. Begins once the feed, which keeps the cached books
/// up to date, is connected for the first time.
pub(super) async fn fill(catalog: Arc<dyn Catalog>, live: Arc<Live>) {
    live.wait_for_seq(Position::default()).await;
    tokio::time::sleep(DELAY).await;
    let topics = repeat(|| catalog.topics(Freshness::default())).await.value;
    for topic in topics.topics {
        let mut after = None;
        loop {
            let begun = Instant::now();
            let read = || {
                let (topic, after) = (topic.topic.clone(), after.clone());
                catalog.search_topic(topic, limits::PAGE_BOOKS_MAX, after, Freshness::default())
            };
            let AsOf { value: page, position } = repeat(read).await;
            if !live.cache().fill(page.books, position) {
                return;
            }
            tokio::time::sleep((begun.elapsed() * REST).min(REST_MAX)).await;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
}

/// Calls the catalog until it answers.
async fn repeat<T, F>(call: impl Fn() -> F) -> T
where
    F: Future<Output = common::client::Result<T>>,
{
    let mut backoff = Backoff::RECONNECT;
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => tracing::debug!(%error, "the cache cannot be filled yet"),
        }
        tokio::time::sleep(backoff.next_delay()).await;
    }
}
