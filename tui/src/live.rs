//! The task that follows the shop's events. It reconnects for ever and resumes after the last event it saw; the screen
//! never waits for it.

use std::sync::Arc;
use std::time::Duration;

use common::client::{Error, EventStream, ShopClient, ShopEvent};
use common::wire::{Hello, StockEvent};
use common::{Code, Seq, StoreId};
use rand::RngExt as _;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::message::What;

/// The longest wait before the first attempt to reconnect.
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// The longest wait before any attempt.
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// A connection that held this long was a good one: the waits begin anew after it.
const STEADY: Duration = Duration::from_secs(2);

/// What the screen is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A connection is being made; the first attempt after a good connection is number 1.
    Connecting {
        /// Which attempt.
        attempt: u32,
    },
    /// It stands.
    Connected {
        /// Whose ledger it is, and where that stands.
        hello: Hello,
        /// Whether everything since the last event follows; else only what comes from now on.
        resumed: bool,
    },
    /// A stock moved.
    Moved(StockEvent),
    /// Everything must be read afresh.
    Resync(Seq),
    /// Whether the front-end has its catalog.
    Source(bool),
    /// It broke, or was not made.
    Lost {
        /// The attempt that comes next.
        attempt: u32,
        /// How long until then.
        pause: Duration,
        /// What happened.
        why: String,
    },
}

/// The longest wait before an attempt: it doubles from 250 ms to 8 s. The wait itself is drawn evenly between nothing
/// and this ("full jitter"), so that a thousand shops do not come back in the same instant.
pub fn pause_max(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(5);
    PAUSE_MIN.saturating_mul(1 << doublings).min(PAUSE_MAX)
}

/// Follows the events until nobody listens to `news` any more. `reconnect` ends a wait, or the present connection.
pub async fn follow(shop: ShopClient, news: mpsc::Sender<What>, reconnect: Arc<Notify>) {
    let listeners = news.clone();
    let mut follower = Follower {
        shop,
        news,
        after: None,
        store: None,
    };
    let mut attempt = 1;
    loop {
        if !follower.tell(News::Connecting { attempt }).await {
            return;
        }
        let began = Instant::now();
        let opened = tokio::select! {
            opened = follower.shop.events(follower.after) => opened,
            () = reconnect.notified() => continue,
            () = listeners.closed() => return,
        };
        let ended = match opened {
            Ok(stream) => tokio::select! {
                ended = follower.read(stream) => ended,
                () = reconnect.notified() => Ended::Asked,
                () = listeners.closed() => return,
            },
            Err(error) => Ended::Failed(error),
        };
        attempt = if began.elapsed() >= STEADY {
            1
        } else {
            attempt.saturating_add(1)
        };
        let why = match ended {
            Ended::Unheard => return,
            Ended::Asked => continue,
            Ended::Failed(error) => {
                if error.code() == Some(Code::InvalidRequest) {
                    // The place to resume from is not one that this shop knows.
                    follower.after = None;
                }
                error.to_string()
            }
        };
        let pause = pause_max(attempt).mul_f64(rand::rng().random_range(0.0..=1.0));
        if !follower.tell(News::Lost { attempt, pause, why }).await {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = reconnect.notified() => {}
            () = listeners.closed() => return,
        }
    }
}

enum Ended {
    Failed(Error),
    Asked,
    Unheard,
}

struct Follower {
    shop: ShopClient,
    news: mpsc::Sender<What>,
    after: Option<Seq>,
    store: Option<StoreId>,
}

impl Follower {
    async fn tell(&self, news: News) -> bool {
        self.news.send(What::Live(news)).await.is_ok()
    }

    async fn read(&mut self, mut stream: EventStream<ShopEvent>) -> Ended {
        let greeted = self.greeted(stream.hello());
        if !self.tell(greeted).await {
            return Ended::Unheard;
        }
        loop {
            let news = match stream.next().await {
                Ok(ShopEvent::Stock(moved)) => {
                    self.seen(moved.seq);
                    News::Moved(moved)
                }
                Ok(ShopEvent::Resync(resync)) => {
                    self.after = Some(resync.seq);
                    self.shop.observe_seq(resync.seq);
                    News::Resync(resync.seq)
                }
                Ok(ShopEvent::Upstream(source)) => News::Source(source.live),
                Err(error) => return Ended::Failed(error),
            };
            if !self.tell(news).await {
                return Ended::Unheard;
            }
        }
    }

    fn greeted(&mut self, hello: Hello) -> News {
        if self.store.is_some_and(|store| store != hello.store) {
            self.shop.reset_last_seq();
            self.after = None;
        }
        self.store = Some(hello.store);
        // Where a stream resumes, the head lies beyond what is still to come; only a fresh one begins at it.
        let resumed = self.after.is_some();
        self.after.get_or_insert(hello.seq);
        self.shop.observe_seq(hello.seq);
        News::Connected { hello, resumed }
    }

    fn seen(&mut self, seq: Seq) {
        self.after = Some(self.after.map_or(seq, |after| after.max(seq)));
        self.shop.observe_seq(seq);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_from_a_quarter_of_a_second_to_eight_seconds() {
        let waits: Vec<_> = (1..=8).map(|attempt| pause_max(attempt).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
        assert_eq!(pause_max(u32::MAX), PAUSE_MAX);
    }
}
