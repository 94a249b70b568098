//! The ledger's thread, as the catalog sees it: jobs go in, replies come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use common::limits;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::Error;
use super::job::{Job, Reply};
use super::store_status::StoreStatus;
use super::writer::Writer;
use crate::store;

/// The lines of the jobs that may wait; what would exceed it is refused.
const QUEUE_LINES_MAX: usize = 65_536;
/// The lines of the jobs that share one append, apart from the rest of the last job.
const BATCH_LINES_MAX: usize = 8 * limits::BATCH_LINES_MAX;
/// How often a stop looks whether the store still answers.
const STALL_INTERVAL: Duration = Duration::from_millis(500);

/// The thread's end of the queue of jobs.
#[derive(Debug)]
pub(super) struct Inbox {
    jobs: mpsc::UnboundedReceiver<Job>,
    /// Of the jobs that wait.
    lines: Arc<AtomicUsize>,
}

impl Inbox {
    /// Waits for jobs and takes as many as may share one append; none after the queue was closed.
    pub(super) fn take_batch(&mut self) -> Vec<Job> {
        let mut batch = Vec::from_iter(self.jobs.blocking_recv());
        let mut lines = batch.iter().map(Job::lines).sum();
        while lines < BATCH_LINES_MAX
            && let Ok(job) = self.jobs.try_recv()
        {
            lines += job.lines();
            batch.push(job);
        }
        self.lines.fetch_sub(lines, Ordering::Relaxed);
        batch
    }

    /// Takes a job if one waits.
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

/// Hands jobs to the thread.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    queue: mpsc::UnboundedSender<Job>,
    /// Bounds the queue.
    lines: Arc<AtomicUsize>,
    failure: watch::Receiver<Option<String>>,
    status: Arc<StoreStatus>,
}

impl Ledger {
    /// Starts the thread. `open` makes its writer; `None` if the catalog stops first.
    pub(super) fn start(
        status: Arc<StoreStatus>,
        open: impl FnOnce(&mut Inbox) -> Result<Option<Writer>, store::Error> + Send + 'static,
    ) -> Result<Self, store::Error> {
        let ((queue, jobs), lines) = (mpsc::unbounded_channel(), Arc::<AtomicUsize>::default());
        let mut inbox = Inbox {
            jobs,
            lines: Arc::clone(&lines),
        };
        let (failed, failure) = watch::channel(None);
        let run = move || {
            let fail = |error: store::Error, what: &str| {
                tracing::error!(%error, "{what}");
                failed.send_replace(Some(format!("{what}: {error}")));
            };
            let mut closed = Vec::new();
            match open(&mut inbox) {
                Ok(Some(mut writer)) => {
                    if let Err(error) = writer.run(inbox, &mut closed) {
                        fail(error, "the ledger is closed");
                    }
                    // Releases the store before `close` returns.
                    drop(writer);
                }
                Ok(None) => {}
                Err(error) => fail(error, "the store cannot be opened"),
            }
            drop(closed);
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(run)
            .map_err(store::Error::io("start a thread for", "ledger".as_ref()))?;
        Ok(Self {
            queue,
            lines,
            failure,
            status,
        })
    }

    /// The error that closed the store, once there is one.
    pub(super) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }

    /// Hands in a job and waits for its reply. The job is done even if the caller is dropped.
    pub(super) async fn call<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        if self.status.is_stalled() {
            return Err(self.status.unavailable());
        }
        let (reply, answer) = oneshot::channel();
        self.send(job(reply))?;
        match answer.await {
            Ok(result) => result,
            // It is unknown what is on the disk, so there must be no answer; the process is about to end.
            Err(_) => std::future::pending().await,
        }
    }

    fn send(&self, job: Job) -> Result<(), Error> {
        let lines = job.lines();
        let waiting = self.lines.fetch_add(lines, Ordering::Relaxed);
        let sent = match waiting < QUEUE_LINES_MAX {
            true => self.queue.send(job).map_err(|_| Error::STOPPING),
            false => Err(Error::QUEUE_FULL),
        };
        sent.inspect_err(|_| drop(self.lines.fetch_sub(lines, Ordering::Relaxed)))
    }

    /// Ends a thread that still tries to open its store, without waiting for it.
    pub(super) fn stop_opening(&self) {
        let (close, _) = oneshot::channel();
        // The thread may have ended by itself.
        let _ = self.queue.send(Job::Close(close));
    }

    /// Waits until the thread has done the jobs handed in before, written a checkpoint and ended; not for a store that does
    /// not answer, whose jobs stay unanswered.
    pub(super) async fn close(&self) {
        let (close, mut closed) = oneshot::channel();
        let sent = self.queue.send(Job::Close(close));
        let close = async {
            // A thread that a failure ended needs no closing.
            if sent.is_ok() {
                let _ = (&mut closed).await;
            }
        };
        let stall = async {
            while !self.status.is_stalled() {
                tokio::time::sleep(STALL_INTERVAL).await;
            }
            tracing::warn!("stopping while a commit is not answered; whether its orders are in the ledger is unknown");
        };
        tokio::select! {
            () = close => {}
            () = stall => {}
        }
    }
}
