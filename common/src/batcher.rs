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
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::metrics::BatchMetrics;
use crate::reply::{self, Reply};

/// The longest time that full batches before an item may take, estimated by the duration of the last batch; beyond it the
/// item is rejected.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// Calls of `yield_now` before a batch is closed, if the previous batch had several items and the last yield added some. The
/// first of many concurrent purchases wakes the thread. Without a yield, its batch would be closed before the others are read
/// from their sockets. On an idle processor a yield takes no time.
const YIELDS_MAX: u32 = 4;

/// Fills a batch. `take_queued` takes what is queued, as far as the batch has room, and returns whether that was anything.
/// `is_busy` tells whether the previous batch had several items.
pub fn fill_batch(is_busy: bool, mut take_queued: impl FnMut() -> bool) {
    take_queued();
    for _ in 0..if is_busy { YIELDS_MAX } else { 0 } {
        thread::yield_now();
        if !take_queued() {
            break;
        }
    }
}

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

/// The limits of a batcher. The sizes of items, batches and the queue have a common unit, for example lines.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest size of the queue, and of an item; more is rejected.
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
    size: usize,
    reply: Reply<R>,
    enqueued: Instant,
}

/// Groups items into batches. Clones share one queue; after the last clone is dropped, the queued items are processed.
#[derive(Debug)]
pub struct Batcher<T, R> {
    queue: mpsc::UnboundedSender<Item<T, R>>,
    /// A permit for each unit of size that the queue has room for.
    room: Arc<Semaphore>,
    limits: Limits,
    size: fn(&T) -> usize,
    pace: BatchPace,
    metrics: Arc<BatchMetrics>,
}

impl<T, R> Clone for Batcher<T, R> {
    fn clone(&self) -> Self {
        Self {
            queue: self.queue.clone(),
            room: Arc::clone(&self.room),
            limits: self.limits,
            size: self.size,
            pace: self.pace.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Starts a batcher on the current tokio runtime. `size` returns the size of an item. `send` processes a batch and
    /// returns one result for each item, in order; items without a result end as [`Error::Lost`].
    pub fn new<F, Sent>(limits: Limits, size: fn(&T) -> usize, send: F) -> Self
    where
        F: Fn(Vec<T>) -> Sent + Send + Sync + 'static,
        Sent: Future<Output = Vec<R>> + Send + 'static,
    {
        let (queue, queued) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(limits.max_queued.get()));
        let (pace, metrics) = (BatchPace::default(), Arc::<BatchMetrics>::default());
        let (measured, recorded) = (pace.clone(), Arc::clone(&metrics));
        let send = move |inputs: Vec<T>, size: usize, enqueued: Instant| {
            let (measured, recorded) = (measured.clone(), Arc::clone(&recorded));
            let begin = Instant::now();
            recorded.record_taken(size, enqueued.into_std(), begin.into_std());
            let sent = send(inputs);
            async move {
                let results = sent.await;
                let took = begin.elapsed();
                measured.record(took);
                recorded.duration.record_duration(took);
                results
            }
        };
        tokio::spawn(dispatch(limits, queued, Arc::clone(&room), send));
        Self {
            queue,
            room,
            limits,
            size,
            pace,
            metrics,
        }
    }

    /// The metrics since the start.
    pub fn metrics(&self) -> &BatchMetrics {
        &self.metrics
    }

    /// The size of the queue.
    pub fn queued(&self) -> usize {
        self.limits.max_queued.get() - self.room.available_permits()
    }

    /// Enqueues an item and waits for its result.
    ///
    /// # Errors
    /// After [`Error::Full`] and [`Error::Closed`] the item was not processed, after [`Error::Lost`] it may have been.
    pub async fn call(&self, input: T) -> Result<R, Error> {
        self.enqueue(input)?.await.map_err(|_| Error::Lost)
    }

    fn enqueue(&self, input: T) -> Result<oneshot::Receiver<R>, Error> {
        let size = (self.size)(&input);
        let is_too_slow = self.pace.is_too_slow_for(self.queued() / self.limits.max_batch);
        let permits = u32::try_from(size).map(|size| self.room.try_acquire_many(size));
        let Some(permits) = permits.ok().and_then(Result::ok).filter(|_| !is_too_slow) else {
            self.metrics.rejected.add(1);
            return Err(Error::Full);
        };
        let (reply, receiver) = Reply::new();
        let item = Item {
            input,
            size,
            reply,
            enqueued: Instant::now(),
        };
        self.queue.send(item).map_err(|_| Error::Closed)?;
        // They are added again when the item is taken.
        permits.forget();
        Ok(receiver)
    }
}

async fn dispatch<T, R, F, Sent>(
    limits: Limits,
    mut queue: mpsc::UnboundedReceiver<Item<T, R>>,
    room: Arc<Semaphore>,
    send: F,
) where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(Vec<T>, usize, Instant) -> Sent,
    Sent: Future<Output = Vec<R>> + Send + 'static,
{
    let in_flight = Arc::new(Semaphore::new(limits.max_in_flight.get()));
    let (mut next, mut is_busy) = (None, false);
    loop {
        // The permit comes first, then all queued items: a batch fills while the others are in flight.
        let Ok(permit) = Arc::clone(&in_flight).acquire_owned().await else {
            return;
        };
        let first = match next.take() {
            Some(item) => item,
            None => match queue.recv().await {
                Some(item) => item,
                None => return,
            },
        };
        let (mut size, enqueued) = (first.size, first.enqueued);
        let (mut inputs, mut replies) = (vec![first.input], vec![first.reply]);
        fill_batch(is_busy, || {
            let before = inputs.len();
            while next.is_none()
                && let Ok(item) = queue.try_recv()
            {
                if size + item.size > limits.max_batch.get() {
                    next = Some(item);
                } else {
                    size += item.size;
                    inputs.push(item.input);
                    replies.push(item.reply);
                }
            }
            inputs.len() > before
        });
        is_busy = inputs.len() > 1;
        room.add_permits(size);
        let sent = send(inputs, size, enqueued);
        tokio::spawn(async move {
            let results = sent.await;
            drop(permit);
            reply::send_all(replies.into_iter().zip(results));
        });
    }
}
