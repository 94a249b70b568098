//! The batcher: while one batch is on its way, the next one fills.
//!
//! A lone piece of work leaves at once: there is no timer and no waiting for company. While as many batches are under
//! way as may be, what arrives gathers, and leaves together as soon as one of them lands. So one call and one fsync
//! carry one purchase on a quiet evening and hundreds in a rush.
//!
//! Work that was taken in is finished even if whoever asked for it hangs up. The queue is bounded: a full one refuses.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc, oneshot};

/// How much a batcher holds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Pieces that may wait; one more is refused.
    pub max_queued: NonZeroUsize,
    /// Pieces in one batch at the most.
    pub max_batch: NonZeroUsize,
    /// Batches on their way at the same time.
    pub max_in_flight: NonZeroUsize,
}

/// Why a piece of work has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full; the work was not taken.
    #[error("too much work is waiting")]
    Full,
    /// The batcher has closed; the work was not taken.
    #[error("no more work is taken")]
    Closed,
    /// The batch ended without a result for it; what it did is unknown.
    #[error("the work was lost on its way")]
    Lost,
}

struct Item<T, R> {
    work: T,
    result: oneshot::Sender<R>,
}

/// Gathers pieces of work into batches. Clones share one queue; when the last one is gone, what waits is finished.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::Sender<Item<T, R>>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a batcher on the current tokio runtime. `send` carries a batch and returns one result for each piece, in
    /// order; where it returns fewer, the last pieces end as [`Error::Lost`].
    pub fn new<F, Sent>(limits: Limits, send: F) -> Self
    where
        F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
        Sent: Future<Output = Vec<R>> + Send + 'static,
    {
        Self::with_post_commit(limits, send, std::future::ready)
    }

    /// The same; what came of a batch passes through `settle` before it is handed out, while the next batch flies already.
    pub fn with_post_commit<F, Sent, G, Settled>(limits: Limits, send: F, settle: G) -> Self
    where
        F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
        Sent: Future<Output = Vec<R>> + Send + 'static,
        G: Fn(Vec<R>) -> Settled + Send + Sync + 'static,
        Settled: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, waiting) = mpsc::channel(limits.max_queued.get());
        tokio::spawn(dispatch(limits, waiting, Arc::new((send, settle))));
        Self { queue }
    }

    /// Hands in a piece of work and waits for its result.
    ///
    /// # Errors
    /// [`Error::Full`] and [`Error::Closed`] say that the work was not taken, [`Error::Lost`] that nobody knows.
    pub async fn call(&self, work: T) -> Result<R, Error> {
        self.enqueue(work)?.await.map_err(|_| Error::Lost)
    }

    /// Hands in pieces that belong together and waits for all results, in order.
    pub async fn call_all(&self, works: impl IntoIterator<Item = T>) -> Vec<Result<R, Error>> {
        let handed_in: Vec<_> = works.into_iter().map(|work| self.enqueue(work)).collect();
        let mut results = Vec::with_capacity(handed_in.len());
        for piece in handed_in {
            results.push(match piece {
                Ok(result) => result.await.map_err(|_| Error::Lost),
                Err(error) => Err(error),
            });
        }
        results
    }

    fn enqueue(&self, work: T) -> Result<oneshot::Receiver<R>, Error> {
        let (result, outcome) = oneshot::channel();
        self.queue
            .try_send(Item { work, result })
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::Full,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        Ok(outcome)
    }
}

async fn dispatch<T, R, F, Sent, G, Settled>(limits: Limits, mut waiting: mpsc::Receiver<Item<T, R>>, ways: Arc<(F, G)>)
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
    Sent: Future<Output = Vec<R>> + Send + 'static,
    G: Fn(Vec<R>) -> Settled + Send + Sync + 'static,
    Settled: Future<Output = Vec<R>> + Send + 'static,
{
    let flights = Arc::new(Semaphore::new(limits.max_in_flight.get()));
    let mut pieces = Vec::new();
    loop {
        // First a free flight, then whatever waits by then: so a batch fills for as long as the others fly.
        let Ok(flight) = Arc::clone(&flights).acquire_owned().await else {
            return;
        };
        if waiting.recv_many(&mut pieces, limits.max_batch.get()).await == 0 {
            return;
        }
        let (works, results): (Vec<T>, Vec<oneshot::Sender<R>>) =
            pieces.drain(..).map(|piece| (piece.work, piece.result)).unzip();
        let ways = Arc::clone(&ways);
        tokio::spawn(async move {
            let (send, settle) = &*ways;
            let done = send(works).await;
            drop(flight);
            let done = settle(done).await;
            for (result, done) in results.into_iter().zip(done) {
                // Whoever asked may have hung up; the work is done all the same.
                let _ = result.send(done);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;
    use tokio::sync::Notify;

    use super::*;

    fn limits(queue: usize, batch: usize, flights: usize) -> Limits {
        let count = |n| NonZeroUsize::new(n).unwrap();
        Limits {
            max_queued: count(queue),
            max_batch: count(batch),
            max_in_flight: count(flights),
        }
    }

    #[tokio::test]
    async fn a_lone_piece_leaves_at_once() {
        let batcher = Batcher::new(limits(8, 8, 1), |batch: Vec<u32>| async move { batch });
        assert_eq!(batcher.call(7).await, Ok(7));
    }

    #[tokio::test]
    async fn what_arrives_while_a_batch_flies_leaves_together() {
        let (landed, sizes) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
        let (landing, seen) = (Arc::clone(&landed), Arc::clone(&sizes));
        let batcher = Batcher::new(limits(64, 64, 1), move |batch: Vec<u32>| {
            let (landing, seen) = (Arc::clone(&landing), Arc::clone(&seen));
            async move {
                seen.lock().unwrap().push(batch.len());
                landing.notified().await;
                batch
            }
        });
        let first = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.call(0).await }
        });
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let rest = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.call_all(1..=20).await }
        });
        while batcher.queue.capacity() > 44 {
            tokio::task::yield_now().await;
        }
        landed.notify_one();
        assert_eq!(first.await.unwrap(), Ok(0));
        landed.notify_one();
        assert_eq!(rest.await.unwrap(), (1..=20).map(Ok).collect::<Vec<_>>());
        assert_eq!(*sizes.lock().unwrap(), [1, 20]);
    }

    #[tokio::test]
    async fn the_next_batch_leaves_while_the_last_one_settles() {
        let (settled, sent) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (settling, sending) = (Arc::clone(&settled), Arc::clone(&sent));
        let batcher = Batcher::with_post_commit(
            limits(8, 1, 1),
            move |batch: Vec<u32>| {
                sending.notify_one();
                std::future::ready(batch)
            },
            move |results: Vec<u32>| {
                let settling = Arc::clone(&settling);
                async move {
                    settling.notified().await;
                    results.into_iter().map(|result| result * 2).collect()
                }
            },
        );
        let both = tokio::spawn(async move { batcher.call_all([1, 2]).await });
        sent.notified().await;
        sent.notified().await;
        assert!(!both.is_finished());
        settled.notify_waiters();
        assert_eq!(both.await.unwrap(), [Ok(2), Ok(4)]);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_a_lost_batch_says_so() {
        let batcher = Batcher::new(limits(2, 1, 1), |_: Vec<u32>| async { Vec::<u32>::new() });
        // Nothing runs between these calls, so the third finds the queue full.
        let results = batcher.call_all([1, 2, 3]).await;
        assert_eq!(results, [Err(Error::Lost), Err(Error::Lost), Err(Error::Full)]);
    }

    #[tokio::test]
    async fn work_goes_on_when_the_caller_hangs_up() {
        let done = Arc::new(Notify::new());
        let doing = Arc::clone(&done);
        let batcher = Batcher::new(limits(8, 8, 1), move |batch: Vec<u32>| {
            let doing = Arc::clone(&doing);
            async move {
                doing.notify_one();
                batch
            }
        });
        drop(batcher.enqueue(1).unwrap());
        done.notified().await;
    }

    proptest! {
        #[test]
        fn every_piece_gets_its_own_result_within_the_limits(
            pieces in 1_usize..300, batch in 1_usize..20, flights in 1_usize..4,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (flying, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (now, peak) = (Arc::clone(&flying), Arc::clone(&most));
                let batcher = Batcher::new(limits(300, batch, flights), move |works: Vec<usize>| {
                    let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                    async move {
                        assert!(works.len() <= batch);
                        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        now.fetch_sub(1, Ordering::SeqCst);
                        works.into_iter().map(|work| work * 3).collect()
                    }
                });
                let results = batcher.call_all(0..pieces).await;
                assert_eq!(results, (0..pieces).map(|piece| Ok(piece * 3)).collect::<Vec<_>>());
                assert!(most.load(Ordering::SeqCst) <= flights);
            });
        }
    }
}
