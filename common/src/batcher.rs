//! A pipelined batcher: while one batch is in flight, the next one fills.
//!
//! An item is sent at once, without a timer, if fewer than [`Limits::max_in_flight`] batches are in flight. Otherwise items
//! are queued, and sent together once a batch completes. So one call and one fsync serve one purchase under low load, and
//! hundreds of purchases under high load.
//!
//! An accepted item is processed even if its caller is dropped. The queue is bounded: an item is rejected if the queue is
//! full, or if the item would probably wait longer than `WAIT_MAX`.

#[cfg(test)]
mod tests;

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics::BatchMetrics;
use crate::reply::{self, Reply};

/// The longest time that full batches before an item may take, estimated by the duration of the last batch; beyond it the
/// item is rejected.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// The duration of the last batch, an estimate for the next ones. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct BatchPace(Arc<AtomicU64>);

impl BatchPace {
    /// Records the duration of a batch.
    pub fn record(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0.store(took_us, Ordering::Relaxed);
    }

    /// Whether an item behind `batches` full batches would wait longer than `WAIT_MAX`.
    pub fn is_too_slow_for(&self, batches: usize) -> bool {
        let batches = u32::try_from(batches).unwrap_or(u32::MAX);
        Duration::from_micros(self.0.load(Ordering::Relaxed)).saturating_mul(batches) > WAIT_MAX
    }
}

/// The limits of a batcher. Sizes of items and batches have a common unit, for example lines.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most queued items; more are rejected.
    pub max_queued: NonZeroUsize,
    /// The largest size of a batch; a larger item is sent alone.
    pub max_batch: NonZeroUsize,
    /// The most batches in flight at the same time.
    pub max_in_flight: NonZeroUsize,
}

/// The reason why an item has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The queue is full, or the item would wait too long; it was not accepted.
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
    pace: BatchPace,
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
    /// Starts a batcher on the current tokio runtime. `size` returns the size of an item, at least 1. `send` processes a batch
    /// and returns one result for each item, in order; items without a result end as [`Error::Lost`].
    pub fn new<F, Sent>(limits: Limits, size: fn(&T) -> usize, send: F) -> Self
    where
        F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
        Sent: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, queued) = mpsc::channel(limits.max_queued.get());
        let (pace, metrics) = (BatchPace::default(), Arc::<BatchMetrics>::default());
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

    /// The metrics since the start.
    pub fn metrics(&self) -> &BatchMetrics {
        &self.metrics
    }

    /// The number of queued items.
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
        // The permit comes first, then all queued items: a batch fills while the others are in flight.
        let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
            return;
        };
        let room = limits.max_batch.get() - items.len();
        if items.is_empty() {
            if queue.recv_many(&mut items, room).await == 0 {
                return;
            }
        } else {
            // Items that the last batch had no room for come first.
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

/// The number of leading items that form a batch, at least 1.
fn batch_len<T, R>(items: &[Item<T, R>], size: fn(&T) -> usize, max: usize) -> usize {
    let mut total = 0;
    let fits = items.iter().take_while(|item| {
        total += size(&item.input);
        total <= max
    });
    fits.count().max(1)
}
