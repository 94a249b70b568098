//! Detects other processes' appends by `LISTEN` or by polling.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::Seq;
use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::history::read_history;
use super::{PostgresStore, QUERY_TIMEOUT, damaged, session, statements, tx_error};
use crate::{Error, sql};

/// The poll interval without notifications.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The poll interval with notifications, in case one is lost.
const SLOW_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The limit of one attempt to listen.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// The delay after a failed attempt.
const LISTEN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Listens for notifications. Some engines accept `LISTEN` and deliver nothing, so the listener first notifies itself; until a
/// notification arrives, the ledger is polled at [`POLL_INTERVAL`].
#[derive(Debug)]
pub(super) struct NotificationListener {
    /// The payload of this process's own notifications. They are ignored.
    origin_id: String,
    listener: Option<PgListener>,
    delivery_confirmed: bool,
    poll_only: bool,
    failed_at: Option<Instant>,
}

impl NotificationListener {
    pub(super) fn new(origin_id: Uuid, poll_only: bool) -> Self {
        Self {
            origin_id: origin_id.to_string(),
            listener: None,
            delivery_confirmed: false,
            poll_only,
            failed_at: None,
        }
    }

    /// Starts listening if necessary. Returns whether an append may have been missed; then the caller must read the ledger.
    pub(super) async fn ensure_listening(&mut self, pool: &PgPool) -> bool {
        if self.listener.is_some() {
            return !self.delivery_confirmed;
        }
        let failed_recently = self.failed_at.is_some_and(|at| at.elapsed() < LISTEN_RETRY_DELAY);
        if self.poll_only || failed_recently {
            return true;
        }
        let listening = tokio::time::timeout(LISTEN_TIMEOUT, listen(pool, &self.origin_id));
        match listening.await.unwrap_or(Err(sqlx::Error::PoolTimedOut)) {
            Ok(listener) => {
                self.listener = Some(listener);
                self.failed_at = None;
            }
            Err(error) => {
                self.poll_only = !tx_error::is_connection_lost(&error);
                self.failed_at = Some(Instant::now());
                if self.poll_only {
                    let why = tx_error::message(&error);
                    tracing::info!(why, "no notifications from the database; the ledger is polled");
                }
            }
        }
        true
    }

    /// Waits for another process's notification, at most for the poll interval and for `timeout`.
    pub(super) async fn wait(&mut self, timeout: Duration) {
        let interval = if self.delivery_confirmed {
            SLOW_POLL_INTERVAL
        } else {
            POLL_INTERVAL
        };
        // Either way the caller reads the ledger next.
        let _ = tokio::time::timeout(interval.min(timeout), self.recv_foreign()).await;
    }

    /// Waits until another process notifies, or the connection is lost: notifications may be lost with it.
    async fn recv_foreign(&mut self) {
        loop {
            let Some(listener) = &mut self.listener else {
                return std::future::pending().await;
            };
            let Ok(Some(notification)) = listener.try_recv().await else {
                self.listener = None;
                self.delivery_confirmed = false;
                self.failed_at = Some(Instant::now());
                return;
            };
            self.delivery_confirmed = true;
            let mut is_foreign = notification.payload() != self.origin_id;
            // One read of the ledger serves all buffered notifications.
            while let Some(notification) = listener.next_buffered() {
                is_foreign |= notification.payload() != self.origin_id;
            }
            if is_foreign {
                return;
            }
        }
    }

    #[cfg(test)]
    pub(super) fn delivery_confirmed(&self) -> bool {
        self.delivery_confirmed
    }
}

impl PostgresStore {
    /// See [`wait_for_append`](crate::Store::wait_for_append).
    pub(super) fn wait_for_foreign_append(&self, after: Seq, timeout: Duration) -> Result<Seq, Error> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + timeout;
        self.blocking.run(async {
            let mut must_read = self.observed.load(Ordering::Relaxed) > after.0;
            loop {
                must_read |= listener.ensure_listening(&self.readers).await;
                let left = deadline.saturating_duration_since(Instant::now());
                if must_read || left.is_zero() {
                    // Listening began before this read, so an append after the read causes a notification.
                    let known = self.history();
                    let reading = async {
                        let mut reader = self.reader().await?;
                        if left.is_zero() {
                            self.replicas.check(&mut reader, &self.address).await;
                        }
                        read_history(&mut reader, &self.address).await
                    };
                    let history = session::limited(&self.address, QUERY_TIMEOUT, reading).await?;
                    let head = sql::seq_of(history.head()).map_err(|why| damaged(&self.address, why))?;
                    self.observed.store(head.0, Ordering::Relaxed);
                    if head < after || !history.continues(&known) {
                        return Err(Error::Conflict);
                    }
                    let after = after.max(Seq(self.appended.load(Ordering::Relaxed)));
                    if head > after || left.is_zero() {
                        return Ok(head);
                    }
                }
                listener.wait(left).await;
                must_read = true;
            }
        })
    }
}

async fn listen(pool: &PgPool, origin_id: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(statements::CHANNEL).await?;
    let notify = sqlx::raw_sql(AssertSqlSafe(statements::notify(origin_id)));
    notify.execute(&mut listener).await?;
    Ok(listener)
}
