//! The ledger's thread, as the catalog sees it: jobs go in, replies come back.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::error::Error;
use super::job::{Job, Reply};
use super::metrics::CatalogMetrics;
use super::queue::{Inbox, Queue};
use super::store_status::StoreStatus;
use super::writer::Writer;
use crate::store;

/// How often a stop looks whether the store still answers.
const STALL_INTERVAL: Duration = Duration::from_millis(500);

/// Hands jobs to the thread.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    queue: Queue,
    failure: watch::Receiver<Option<String>>,
    status: Arc<StoreStatus>,
}

impl Ledger {
    /// Starts the thread. `open` makes its writer; `None` if the catalog stops first.
    pub(super) fn start(
        status: Arc<StoreStatus>,
        metrics: Arc<CatalogMetrics>,
        open: impl FnOnce(&mut Inbox) -> Result<Option<Writer>, store::Error> + Send + 'static,
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
        Ok(Self { queue, failure, status })
    }

    /// The lines of the jobs that wait.
    pub(super) fn queued_lines(&self) -> usize {
        self.queue.lines()
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
        let (reply, answer) = Reply::new();
        self.queue.push(job(reply))?;
        match answer.await {
            Ok(result) => result,
            // It is unknown what is on the disk, so there must be no answer; the process is about to end.
            Err(_) => std::future::pending().await,
        }
    }

    /// Ends a thread that still tries to open its store, without waiting for it.
    pub(super) fn stop_opening(&self) {
        let (close, _) = oneshot::channel();
        // The thread may have ended by itself.
        let _ = self.queue.push(Job::Close(close));
    }

    /// Waits until the thread has done the jobs handed in before, written a checkpoint and ended; not for a store that does
    /// not answer, whose jobs stay unanswered.
    pub(super) async fn close(&self) {
        let (close, mut closed) = oneshot::channel();
        let sent = self.queue.push(Job::Close(close));
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
