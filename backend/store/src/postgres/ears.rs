//! Hearing of what other processes append.

use std::time::{Duration, Instant};

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use uuid::Uuid;

use super::{statements, trouble};
use crate::sql;

/// How often one looks where nothing is heard; half of it is how late one is on average.
const POLL: Duration = Duration::from_millis(50);
/// How often one looks where notices do come, in case one was lost.
const POLL_SELDOM: Duration = Duration::from_secs(1);
/// How long after a failure nobody tries to listen again.
const RETRY: Duration = Duration::from_secs(1);

/// One who listens for notices, where the engine sends any. An engine that takes `LISTEN` and sends nothing is polled:
/// notices count only once one was heard, and a listener sends the first to itself.
#[derive(Debug)]
pub(super) struct Ears {
    /// What this process says itself, which is no news to it.
    own: String,
    listener: Option<PgListener>,
    has_heard: bool,
    is_deaf: bool,
    failed_at: Option<Instant>,
}

impl Ears {
    /// One who listens, or only ever looks.
    pub(super) fn new(voice: Uuid, listens: bool) -> Self {
        Self {
            own: voice.to_string(),
            listener: None,
            has_heard: false,
            is_deaf: !listens,
            failed_at: None,
        }
    }

    /// Sees to it that whatever is committed from now on is heard, if that is possible. False if it was heard before, too:
    /// then nothing can have been missed.
    pub(super) async fn open(&mut self, pool: &PgPool) -> bool {
        if self.listener.is_some() {
            return !self.has_heard;
        }
        let is_soon = self.failed_at.is_some_and(|at| at.elapsed() < RETRY);
        if self.is_deaf || is_soon {
            return true;
        }
        match listen(pool, &self.own).await {
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
        true
    }

    /// Waits until it is time to look, for at most `patience`.
    pub(super) async fn wait(&mut self, patience: Duration) {
        let pause = if self.has_heard { POLL_SELDOM } else { POLL };
        // Only the end of the pause or somebody else's notice ends it.
        let _ = tokio::time::timeout(pause.min(patience), self.hear_others()).await;
    }

    /// Waits until somebody else said something, or the connection was lost, and what was said meanwhile.
    async fn hear_others(&mut self) {
        loop {
            let Some(listener) = &mut self.listener else {
                return std::future::pending().await;
            };
            let Ok(Some(notice)) = listener.try_recv().await else {
                self.listener = None;
                self.has_heard = false;
                self.failed_at = Some(Instant::now());
                return;
            };
            self.has_heard = true;
            let mut is_news = notice.payload() != self.own;
            // Many notices mean the same: look.
            while let Some(notice) = listener.next_buffered() {
                is_news |= notice.payload() != self.own;
            }
            if is_news {
                return;
            }
        }
    }

    /// Whether notices come.
    #[cfg(test)]
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard
    }
}

async fn listen(pool: &PgPool, own: &str) -> Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(statements::CHANNEL).await?;
    sqlx::query(statements::NOTIFY).bind(own).execute(&mut listener).await?;
    Ok(listener)
}
