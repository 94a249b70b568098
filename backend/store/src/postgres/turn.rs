//! Turns of processes that append to one ledger: the process that holds the lock of a row appends.
//!
//! Every append locks the row too, but shared, so that appends without a turn run at once while there are no turns. A turn has a
//! connection of its own: what it holds is gone when that is lost.

use std::sync::PoisonError;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::tx_error::error;
use super::{PostgresStore, QUERY_TIMEOUT, statements};
use crate::Error;

const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The transaction that holds a lock.
pub(super) type Turn = Transaction<'static, Postgres>;

impl PostgresStore {
    pub(super) fn lock_claim(&self) -> Result<(), Error> {
        let claim = self.run(QUERY_TIMEOUT, async {
            let failed = error("lock", &self.address);
            let begun = self.readers.begin_with(statements::BEGIN).await;
            let mut claim = begun.map_err(&failed)?;
            match sqlx::raw_sql(statements::CLAIM).execute(&mut *claim).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                    Err(Error::Locked {
                        path: self.address.to_string().into(),
                        holder: None,
                    })
                }
                claimed => claimed.map(|_| claim).map_err(failed),
            }
        })?;
        *self.claim.lock().unwrap_or_else(PoisonError::into_inner) = Some(claim);
        Ok(())
    }

    pub(super) fn wait_for_turn(&self, timeout: Duration) -> Result<(), Error> {
        self.release_turn();
        let turn = self.run(timeout.saturating_add(QUERY_TIMEOUT), async {
            let failed = error("wait for a turn at", &self.address);
            let begun = self.readers.begin_with(statements::BEGIN).await;
            let mut turn = begun.map_err(&failed)?;
            let lock = AssertSqlSafe(statements::lock_turn(timeout));
            sqlx::raw_sql(lock).execute(&mut *turn).await.map_err(failed)?;
            Ok(turn)
        })?;
        *self.lock_turn() = Some(turn);
        Ok(())
    }

    pub(super) fn release_turn(&self) {
        let turn = self.lock_turn().take();
        if let Some(turn) = turn {
            // A connection that is lost has released it already.
            let _ = self.run(QUERY_TIMEOUT, async {
                turn.rollback().await.map_err(error("end a turn at", &self.address))
            });
        }
    }

    pub(super) fn has_turn(&self) -> bool {
        self.lock_turn().is_some()
    }
}
