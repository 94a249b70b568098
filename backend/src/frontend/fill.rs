//! Fills the cache in the background, so that the first request of a book is a hit: a read from the catalog takes many times as
//! long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::client::{AsOf, Catalog, Freshness};
use common::{Position, limits};

use super::live::Live;

/// Delay after the start.
const DELAY: Duration = Duration::from_secs(5);
/// Pause after each page = `REST` × the page's duration, so that the fill takes at most a quarter of one processor.
const REST: u32 = 3;
/// Maximum pause: a page's duration may include an outage of the catalog.
const REST_MAX: Duration = Duration::from_secs(1);

/// Reads all books into the cache, topic by topic, until it is full. Begins when the feed, which updates the cached books, is
/// connected for the first time.
pub(super) async fn fill(catalog: Arc<dyn Catalog>, live: Arc<Live>) {
    live.wait_for_position(Position::default()).await;
    tokio::time::sleep(DELAY).await;
    let topics = retry(|| catalog.topics(Freshness::default())).await.value;
    for topic in topics.topics {
        let mut after = None;
        loop {
            let begun = Instant::now();
            let read = || {
                let (topic, after) = (topic.topic.clone(), after.clone());
                catalog.search_topic(topic, limits::PAGE_BOOKS_MAX, after, Freshness::default())
            };
            let AsOf { value: page, position } = retry(read).await;
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

/// Retries a call of the catalog until it succeeds.
async fn retry<T, F>(call: impl Fn() -> F) -> T
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
