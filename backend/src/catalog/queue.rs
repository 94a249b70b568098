//! The queue of jobs for the ledger thread, bounded by their lines: a job has one line or a thousand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::batcher::{BatchPace, fill_batch};
use common::limits;
use tokio::sync::mpsc;

use super::error::Error;
use super::job::Job;
use super::metrics::CatalogMetrics;

/// Limit on the lines of the queued jobs. While it is not reached, the queue accepts one more job of any size.
const QUEUE_LINES_MAX: usize = 65_536;
/// Limit on the lines of a batch. While it is not reached, the batch accepts one more job of any size.
const APPEND_LINES_MAX: usize = 8 * limits::BATCH_LINES_MAX;

/// The sending half of the queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    jobs: mpsc::UnboundedSender<Job>,
    /// Number of lines of the queued jobs.
    lines: Arc<AtomicUsize>,
    pace: BatchPace,
    clock: Arc<WaitClock>,
    metrics: Arc<CatalogMetrics>,
}

/// Since when the oldest queued job waits.
#[derive(Debug)]
struct WaitClock {
    origin: Instant,
    /// Since `origin`.
    first_ns: AtomicU64,
}

impl WaitClock {
    fn start(&self) {
        let elapsed = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.first_ns.store(elapsed, Ordering::Relaxed);
    }

    fn first(&self) -> Instant {
        self.origin + Duration::from_nanos(self.first_ns.load(Ordering::Relaxed))
    }
}

/// The receiving half of the queue.
#[derive(Debug)]
pub(super) struct Inbox {
    jobs: mpsc::UnboundedReceiver<Job>,
    lines: Arc<AtomicUsize>,
    pace: BatchPace,
    clock: Arc<WaitClock>,
    metrics: Arc<CatalogMetrics>,
    /// When the current batch was taken.
    taken: Option<Instant>,
    /// Whether the current batch has several jobs.
    is_busy: bool,
}

impl Queue {
    pub(super) fn new(metrics: Arc<CatalogMetrics>) -> (Self, Inbox) {
        let (jobs, receiver) = mpsc::unbounded_channel();
        let (lines, pace) = (Arc::<AtomicUsize>::default(), BatchPace::default());
        let clock = Arc::new(WaitClock {
            origin: Instant::now(),
            first_ns: AtomicU64::new(0),
        });
        let inbox = Inbox {
            jobs: receiver,
            lines: Arc::clone(&lines),
            pace: pace.clone(),
            clock: Arc::clone(&clock),
            metrics: Arc::clone(&metrics),
            taken: None,
            is_busy: false,
        };
        let queue = Self {
            jobs,
            lines,
            pace,
            clock,
            metrics,
        };
        (queue, inbox)
    }

    /// Adds a job, unless the queue is full or the expected wait is too long. `Close` is always added.
    pub(super) fn push(&self, job: Job) -> Result<(), Error> {
        let lines = job.lines();
        let waiting = self.lines.fetch_add(lines, Ordering::Relaxed);
        if waiting == 0 {
            self.clock.start();
        }
        let has_capacity = waiting < QUEUE_LINES_MAX && !self.pace.is_too_slow_for(waiting / APPEND_LINES_MAX);
        let pushed = match has_capacity || lines == 0 {
            true => self.jobs.send(job).map_err(|_| Error::STOPPING),
            false => {
                self.metrics.batches.rejected.add(1);
                Err(Error::QUEUE_FULL)
            }
        };
        if pushed.is_err() {
            self.lines.fetch_sub(lines, Ordering::Relaxed);
        }
        pushed
    }

    /// Number of lines of the queued jobs.
    pub(super) fn lines(&self) -> usize {
        self.lines.load(Ordering::Relaxed)
    }
}

impl Inbox {
    /// Waits for jobs and takes a batch; an empty one after the queue was closed.
    pub(super) fn take_batch(&mut self) -> Vec<Job> {
        if let Some(taken) = self.taken.take() {
            let took = taken.elapsed();
            self.pace.record(took);
            self.metrics.batches.duration.record_duration(took);
        }
        let mut batch = Vec::from_iter(self.jobs.blocking_recv());
        let (taken, first) = (Instant::now(), self.clock.first());
        self.taken = Some(taken);
        let mut lines = batch.iter().map(Job::lines).sum();
        fill_batch(self.is_busy, || {
            let before = batch.len();
            while lines < APPEND_LINES_MAX
                && let Ok(job) = self.jobs.try_recv()
            {
                lines += job.lines();
                batch.push(job);
            }
            batch.len() > before
        });
        self.is_busy = batch.len() > 1;
        if self.lines.fetch_sub(lines, Ordering::Relaxed) > lines {
            // The jobs of the next batch are already queued.
            self.clock.start();
        }
        self.metrics.batches.record_taken(lines, first, taken);
        batch
    }

    /// Takes a job if one is queued.
    pub(super) fn try_take(&mut self) -> Option<Job> {
        let job = self.jobs.try_recv().ok()?;
        self.lines.fetch_sub(job.lines(), Ordering::Relaxed);
        Some(job)
    }

    /// Refuses further jobs.
    pub(super) fn close(&mut self) {
        self.jobs.close();
    }
}

#[cfg(test)]
mod tests {
    use common::reply::Reply;
    use tokio::sync::oneshot;

    use super::*;

    fn check_head() -> Job {
        Job::CheckHead(Reply::new().0)
    }

    #[test]
    fn batches_and_the_queue_are_bounded_and_a_stop_is_always_accepted() {
        let (queue, mut inbox) = Queue::new(Arc::default());
        for _ in 0..QUEUE_LINES_MAX {
            queue.push(check_head()).unwrap();
        }
        assert!(queue.push(check_head()).is_err());
        queue.push(Job::Close(oneshot::channel().0)).unwrap();
        for _ in 0..QUEUE_LINES_MAX / APPEND_LINES_MAX {
            assert_eq!(inbox.take_batch().len(), APPEND_LINES_MAX);
        }
        queue.push(check_head()).unwrap();
        assert_eq!(inbox.take_batch().len(), 2);
        inbox.close();
        assert!(queue.push(check_head()).is_err());
        assert!(inbox.take_batch().is_empty());
    }
}
