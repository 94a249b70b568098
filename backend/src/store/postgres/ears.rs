//! Hearing of what other processes append.

use std::time::{Duration, Instant};

use sqlx::postgres::PgListener;
use sqlx::{Executor as _, PgPool};

use super::{statements, trouble};
use crate::store::sql;

/// How often one looks where nothing is heard; half of it is how late one is on average.
const POLL: Duration = Duration::from_millis(50);
/// How often one looks where notices do come, in case one was lost.
const POLL_SELDOM: Duration = Duration::from_secs(1);
/// How long after a failure nobody tries to listen again.
const RETRY: Duration = Duration::from_secs(1);

/// One who listens for notices, where the engine sends any. An engine that takes `LISTEN` and sends nothing is polled:
/// notices count only once one was heard, and a listener sends the first to itself.
#[derive(Debug, Default)]
pub(super) struct Ears {
    listener: Option<PgListener>,
    has_heard: bool,
    is_deaf: bool,
    failed_at: Option<Instant>,
}

impl Ears {
    /// One who only ever looks.
    pub(super) fn deaf() -> Self {
        Self {
            is_deaf: true,
            ..Self::default()
        }
    }

    /// Sees to it that whatever is committed from now on is heard, if that is possible.
    pub(super) async fn open(&mut self, pool: &PgPool) {
        let is_soon = self.failed_at.is_some_and(|at| at.elapsed() < RETRY);
        if self.is_deaf || is_soon || self.listener.is_some() {
            return;
        }
        match listen(pool).await {
            Ok(listener) => {
                self.listener = Some(listener);
                self.failed_at = None;
            }
            Err(error) => {
                self.is_deaf = !trouble::is_lost(&error);
                self.failed_at = Some(Instant::now());
                tracing::info!(
                    why = sql::why(&error),
                    "no notices from the database; the ledger is polled"
                );
            }
        }
    }

    /// Waits until it is time to look, for at most `patience`.
    pub(super) async fn wait(&mut self, patience: Duration) {
        let pause = if self.has_heard { POLL_SELDOM } else { POLL };
        let pause = pause.min(patience);
        let Some(listener) = &mut self.listener else {
            return tokio::time::sleep(pause).await;
        };
        match tokio::time::timeout(pause, listener.try_recv()).await {
            Ok(Ok(Some(_))) => {
                // Many notices mean the same: look.
                while listener.next_buffered().is_some() {}
                self.has_heard = true;
            }
            // The connection was lost, and what was said meanwhile.
            Ok(Ok(None) | Err(_)) => {
                self.listener = None;
                self.has_heard = false;
                self.failed_at = Some(Instant::now());
            }
            Err(_) => {}
        }
    }

    /// Whether notices come.
    #[cfg(test)]
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard
    }
}

async fn listen(pool: &PgPool) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(statements::CHANNEL).await?;
    listener.execute(statements::NOTIFY).await?;
    Ok(listener)
}
