//! Learning of other processes' appends by `LISTEN`, or by polling.

use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::{statements, tx_error};

/// The poll interval without notifications.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// The poll interval with notifications, in case one is lost.
const SLOW_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The limit of one try to listen.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a failure listening is not tried again.
const LISTEN_RETRY_DELAY: Duration = Duration::from_secs(1);

/// Listens for notifications. Some engines accept `LISTEN` and deliver nothing, so delivery counts as confirmed only after
/// a first notification, which the listener sends to itself; until then the ledger is polled.
#[derive(Debug)]
pub(super) struct NotificationListener {
    /// The payload of this process's own notifications, which are ignored.
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

    /// Starts listening if necessary. Returns whether an append may have been missed so far, so that the ledger must be read.
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

    /// Waits for another process's notification or until the ledger is to be polled, at most for `timeout`.
    pub(super) async fn wait(&mut self, timeout: Duration) {
        let interval = if self.delivery_confirmed {
            SLOW_POLL_INTERVAL
        } else {
            POLL_INTERVAL
        };
        // Either way the caller reads the ledger next.
        let _ = tokio::time::timeout(interval.min(timeout), self.recv_foreign()).await;
    }

    /// Waits until another process notifies, or the connection is lost and with it any notification.
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

async fn listen(pool: &PgPool, origin_id: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(statements::CHANNEL).await?;
    let notify = sqlx::raw_sql(AssertSqlSafe(statements::notify(origin_id)));
    notify.execute(&mut listener).await?;
    Ok(listener)
}
