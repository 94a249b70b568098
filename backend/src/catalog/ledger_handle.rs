//! The handle of the ledger thread: it queues jobs and awaits their replies.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::error::Error;
use super::job::{Job, Reply};
use super::ledger_thread::LedgerThread;
use super::metrics::CatalogMetrics;
use super::queue::{Inbox, Queue};
use super::store_status::StoreStatus;
use crate::store;

/// Interval at which [`LedgerHandle::close`] checks whether the store still answers.
const STALL_INTERVAL: Duration = Duration::from_millis(500);

/// Queues jobs for the ledger thread.
#[derive(Debug, Clone)]
pub(super) struct LedgerHandle {
    queue: Queue,
    failure: watch::Receiver<Option<String>>,
    status: Arc<StoreStatus>,
}

impl LedgerHandle {
    /// Starts the thread. `open` loads the store on it; it returns `None` if the catalog stops first.
    pub(super) fn start(
        status: Arc<StoreStatus>,
        metrics: Arc<CatalogMetrics>,
        open: impl FnOnce(&mut Inbox) -> Result<Option<LedgerThread>, store::Error> + Send + 'static,
    ) -> Result<Self, store::Error> {
        let (queue, mut inbox) = Queue::new(metrics);
        let (failed, failure) = watch::channel(None);
        let run = move || {
            let fail = |error: store::Error, what: &str| {
                tracing::error!(%error, "{what}");
                failed.send_replace(Some(format!("{what}: {error}")));
            };
            let mut closed = Vec::new();
            match open(&mut inbox) {
                Ok(Some(mut ledger)) => {
                    if let Err(error) = ledger.run(inbox, &mut closed) {
                        fail(error, "the ledger is closed");
                    }
                    // Releases the store before `close` returns.
                    drop(ledger);
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
        Ok(Self { queue, failure, status })
    }

    /// Number of lines of the queued jobs.
    pub(super) fn queued_lines(&self) -> usize {
        self.queue.lines()
    }

    /// The error that closed the store; `None` before.
    pub(super) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.clone()
    }

    /// Queues a job and waits for its reply. The job is executed even if the caller is dropped.
    pub(super) async fn call<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, Error> {
        if self.status.check_stall() {
            return Err(self.status.unavailable());
        }
        let (reply, answer) = Reply::new();
        self.queue.push(job(reply))?;
        match answer.await {
            Ok(result) => result,
            // The outcome is unknown, so the job must not be answered. The process is about to end.
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends a thread that is still trying to open its store; does not wait for its end.
    pub(super) fn stop_opening(&self) {
        let (close, _) = oneshot::channel();
        // The thread may have ended by itself.
        let _ = self.queue.push(Job::Close(close));
    }

    /// Waits until the thread has executed the queued jobs, written a checkpoint and ended. Stops waiting if the store does not
    /// answer; its jobs stay unanswered.
    pub(super) async fn close(&self) {
        let (close, mut closed) = oneshot::channel();
        let sent = self.queue.push(Job::Close(close));
        let close = async {
            // Sending fails if a failure has ended the thread.
            if sent.is_ok() {
                let _ = (&mut closed).await;
            }
        };
        let stall = async {
            while !self.status.check_stall() {
                tokio::time::sleep(STALL_INTERVAL).await;
            }
            tracing::warn!(
                "stopping before the store confirmed a commit; whether its orders are in the ledger is unknown"
            );
        };
        tokio::select! {
            () = close => {}
            () = stall => {}
        }
    }
}
