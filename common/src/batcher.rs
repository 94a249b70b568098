//! A pipelined batcher: while one batch is in flight, the next one fills.
//!
//! An item that finds no batch in flight is sent at once, without a timer. While as many batches are in flight as the
//! limits allow, new items queue up, and all of them are sent together once a batch completes. So one call and one fsync
//! serve one purchase when there is little load, and hundreds of them under load.
//!
//! An accepted item is processed even if its caller is dropped. The queue is bounded: an item that it has no room for, or
//! that would probably wait too long in it, is rejected.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics::BatchMetrics;
use crate::reply::{self, Reply};

/// An item is rejected if the full batches before it would keep it waiting for longer than this, at the pace of the last
/// batch.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// How long batches take, judged by the last one. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Pace(Arc<AtomicU64>);

impl Pace {
    /// Records how long a batch took.
    pub fn record(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.store(took_us, Ordering::Relaxed);
    }

    /// Whether an item would wait too long behind so many full batches.
    pub fn is_too_slow_for(&self, batches: usize) -> bool {
        let batches = u32::try_from(batches).unwrap_or(u32::MAX);
        Duration::from_micros(self.0.load(Ordering::Relaxed)).saturating_mul(batches) > WAIT_MAX
    }
}

/// The limits of a batcher. An item has a size of at least 1, in the unit of `max_batch`.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The items that may wait in the queue; more are rejected.
    pub max_queued: NonZeroUsize,
    /// The size of one batch; an item that is larger is sent alone.
    pub max_batch: NonZeroUsize,
    /// The batches in flight at the same time.
    pub max_in_flight: NonZeroUsize,
}

/// Why an item has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full, or too long for its pace; the item was not accepted.
    #[error("the queue is full")]
    Full,
    /// The batcher is closed; the item was not accepted.
    #[error("the batcher is closed")]
    Closed,
    /// The batch ended without a result for the item; whether it was processed is unknown.
    #[error("the batch ended without a result")]
    Lost,
}

struct Item<T, R> {
    input: T,
    reply: Reply<R>,
    enqueued: Instant,
}

/// Groups items into batches. Clones share one queue; after the last clone is dropped, the queued items are processed.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::Sender<Item<T, R>>,
    max_batch: usize,
    pace: Pace,
    metrics: Arc<BatchMetrics>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            max_batch: self.max_batch,
            pace: self.pace.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a batcher on the current tokio runtime. `size` is the size of an item. `send` processes a batch and returns one
    /// result for each item, in order; items without a result end as [`Error::Lost`].
    pub fn new<F, Sent>(limits: Limits, size: fn(&T) -> usize, send: F) -> Self
    where
        F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
        Sent: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, queued) = mpsc::channel(limits.max_queued.get());
        let (pace, metrics) = (Pace::default(), Arc::<BatchMetrics>::default());
        let (measured, recorded) = (pace.clone(), Arc::clone(&metrics));
        let send = move |inputs: Vec<T>, enqueued: Instant| {
            let (measured, recorded) = (measured.clone(), Arc::clone(&recorded));
            let (begin, lines) = (Instant::now(), inputs.iter().map(size).sum());
            recorded.record_taken(lines, enqueued.into_std(), begin.into_std());
            let sent = send(inputs);
            async move {
                let results = sent.await;
                let took = begin.elapsed();
                measured.record(took);
                recorded.duration.record_duration(took);
                results
            }
        };
        tokio::spawn(dispatch(limits, size, queued, send));
        Self {
            queue,
            max_batch: limits.max_batch.get(),
            pace,
            metrics,
        }
    }

    /// What was measured since the start.
    pub fn metrics(&self) -> &BatchMetrics {
        &self.metrics
    }

    /// The items that wait.
    pub fn queued(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Enqueues an item and waits for its result.
    ///
    /// # Errors
    /// After [`Error::Full`] and [`Error::Closed`] the item was not processed, after [`Error::Lost`] it may have been.
    pub async fn call(&self, input: T) -> Result<R, Error> {
        self.enqueue(input)?.await.map_err(|_| Error::Lost)
    }

    /// Enqueues several items at once and waits for all results, in order.
    pub async fn call_all(&self, inputs: impl IntoIterator<Item = T>) -> Vec<Result<R, Error>> {
        let enqueued: Vec<_> = inputs.into_iter().map(|input| self.enqueue(input)).collect();
        let mut results = Vec::with_capacity(enqueued.len());
        for result in enqueued {
            results.push(match result {
                Ok(result) => result.await.map_err(|_| Error::Lost),
                Err(error) => Err(error),
            });
        }
        results
    }

    fn enqueue(&self, input: T) -> Result<oneshot::Receiver<R>, Error> {
        let (reply, receiver) = Reply::new();
        let item = || Item {
            input,
            reply,
            enqueued: Instant::now(),
        };
        let sent = match self.pace.is_too_slow_for(self.queued() / self.max_batch) {
            true => Err(Error::Full),
            false => self.queue.try_send(item()).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Full,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            }),
        };
        if sent == Err(Error::Full) {
            self.metrics.rejected.add(1);
        }
        sent.map(|()| receiver)
    }
}

async fn dispatch<T, R, F, Sent>(limits: Limits, size: fn(&T) -> usize, mut queue: mpsc::Receiver<Item<T, R>>, send: F)
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(Vec<T>, Instant) -> Sent,
    Sent: Future<Output = Vec<R>> + Send + 'static,
{
    let in_flight = Arc::new(Semaphore::new(limits.max_in_flight.get()));
    let mut items = Vec::new();
    loop {
        // The permit first, then all that is queued by then: a batch fills while the others are in flight.
        let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
            return;
        };
        let room = limits.max_batch.get() - items.len();
        if items.is_empty() {
            if queue.recv_many(&mut items, room).await == 0 {
                return;
            }
        } else {
            // What the last batch had no room for comes first.
            items.extend(std::iter::from_fn(|| queue.try_recv().ok()).take(room));
        }
        let count = batch_len(&items, size, limits.max_batch.get());
        let Some(first) = items.first().map(|item| item.enqueued) else {
            continue;
        };
        let batch = items.drain(..count).map(|item| (item.input, item.reply));
        let (inputs, replies): (Vec<_>, Vec<_>) = batch.unzip();
        let sent = send(inputs, first);
        tokio::spawn(async move {
            let results = sent.await;
            drop(permit);
            reply::send_all(replies.into_iter().zip(results));
        });
    }
}

/// The number of the first items that make a batch.
fn batch_len<T, R>(items: &[Item<T, R>], size: fn(&T) -> usize, max: usize) -> usize {
    let mut total = 0;
    let fits = items.iter().take_while(|item| {
        total += size(&item.input);
        total <= max
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;
    use tokio::sync::Notify;

    use super::*;

    fn limits(queued: usize, batch: usize, in_flight: usize) -> Limits {
        let count = |n| NonZeroUsize::new(n).unwrap();
        Limits {
            max_queued: count(queued),
            max_batch: count(batch),
            max_in_flight: count(in_flight),
        }
    }

    #[tokio::test]
    async fn a_single_item_is_sent_at_once() {
        let batcher = Batcher::new(limits(8, 8, 1), |_| 1, |batch: Vec<u32>| async move { batch });
        assert_eq!(batcher.call(7).await, Ok(7));
    }

    #[tokio::test]
    async fn items_enqueued_while_a_batch_is_in_flight_are_sent_together() {
        let (completed, sizes) = (Arc::new(Notify::new()), Arc::new(Mutex::new(Vec::new())));
        let (complete, log) = (Arc::clone(&completed), Arc::clone(&sizes));
        let batcher = Batcher::new(
            limits(64, 64, 1),
            |_| 1,
            move |batch: Vec<u32>| {
                let (complete, log) = (Arc::clone(&complete), Arc::clone(&log));
                async move {
                    log.lock().unwrap().push(batch.len());
                    complete.notified().await;
                    batch
                }
            },
        );
        let first = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.call(0).await }
        });
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others = tokio::spawn({
            let batcher = batcher.clone();
            async move { batcher.call_all(1..=20).await }
        });
        while batcher.queue.capacity() > 44 {
            tokio::task::yield_now().await;
        }
        completed.notify_one();
        assert_eq!(first.await.unwrap(), Ok(0));
        completed.notify_one();
        assert_eq!(others.await.unwrap(), (1..=20).map(Ok).collect::<Vec<_>>());
        assert_eq!(*sizes.lock().unwrap(), [1, 20]);
    }

    #[tokio::test]
    async fn a_full_queue_rejects_items_and_a_missing_result_is_lost() {
        let batcher = Batcher::new(limits(2, 1, 1), |_| 1, |_: Vec<u32>| async { Vec::<u32>::new() });
        // Nothing runs between these calls, so the third finds the queue full.
        let results = batcher.call_all([1, 2, 3]).await;
        assert_eq!(results, [Err(Error::Lost), Err(Error::Lost), Err(Error::Full)]);
    }

    #[tokio::test(start_paused = true)]
    async fn items_that_would_wait_too_long_are_rejected() {
        let batcher = Batcher::new(
            limits(64, 2, 1),
            |_| 1,
            |batch: Vec<u32>| async move {
                tokio::time::sleep(WAIT_MAX * 2 / 3).await;
                batch
            },
        );
        assert_eq!(batcher.call(0).await, Ok(0));
        let in_flight = batcher.enqueue(1).unwrap();
        tokio::task::yield_now().await;
        let results = batcher.call_all(2..8).await;
        let (accepted, rejected) = results.split_at(4);
        assert!(
            accepted.iter().all(Result::is_ok),
            "one full batch before them: {accepted:?}"
        );
        assert_eq!(rejected, [Err(Error::Full); 2], "two full batches before them");
        assert_eq!(in_flight.await, Ok(1));
        assert_eq!(batcher.call(9).await, Ok(9), "the queue is empty again");
    }

    #[tokio::test]
    async fn an_item_is_processed_after_its_caller_is_dropped() {
        let done = Arc::new(Notify::new());
        let process = Arc::clone(&done);
        let batcher = Batcher::new(
            limits(8, 8, 1),
            |_| 1,
            move |batch: Vec<u32>| {
                let process = Arc::clone(&process);
                async move {
                    process.notify_one();
                    batch
                }
            },
        );
        drop(batcher.enqueue(1).unwrap());
        done.notified().await;
    }

    /// Of 1 to 3.
    fn size(item: &usize) -> usize {
        item % 3 + 1
    }

    proptest! {
        #[test]
        fn every_item_gets_its_own_result_within_the_limits(
            items in 1_usize..300, batch in 1_usize..20, in_flight in 1_usize..4,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let (current, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
                let (now, peak) = (Arc::clone(&current), Arc::clone(&most));
                let batcher = Batcher::new(limits(300, batch, in_flight), size, move |inputs: Vec<usize>| {
                    let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
                    async move {
                        assert!(inputs.len() == 1 || inputs.iter().map(size).sum::<usize>() <= batch);
                        peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        now.fetch_sub(1, Ordering::SeqCst);
                        inputs.into_iter().map(|input| input * 3).collect()
                    }
                });
                let results = batcher.call_all(0..items).await;
                assert_eq!(results, (0..items).map(|input| Ok(input * 3)).collect::<Vec<_>>());
                assert!(most.load(Ordering::SeqCst) <= in_flight);
            });
        }
    }
}
