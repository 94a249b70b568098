//! The lock that one process holds to append alone, and the claim.
//!
//! The append lock is a lock of a row. Appends take it shared, so they run concurrently unless a process holds it exclusively.
//! Both locks use a connection of their own and end with it.

use std::sync::PoisonError;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Postgres, Transaction};

use super::tx_error::{LOCK_NOT_AVAILABLE, error};
use super::{PostgresStore, QUERY_TIMEOUT, statements};
use crate::Error;

/// A transaction that holds a lock until it ends.
pub(super) type LockTransaction = Transaction<'static, Postgres>;

impl PostgresStore {
    pub(super) fn take_claim_lock(&self) -> Result<(), Error> {
        let lock = self.run(QUERY_TIMEOUT, async {
            let failed = error("lock", &self.address);
            let begun = self.readers.begin_with(statements::BEGIN).await;
            let mut lock = begun.map_err(&failed)?;
            match sqlx::raw_sql(statements::CLAIM).execute(&mut *lock).await {
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(LOCK_NOT_AVAILABLE) => {
                    Err(Error::Locked {
                        path: self.address.to_string().into(),
                        holder: None,
                    })
                }
                locked => locked.map(|_| lock).map_err(failed),
            }
        })?;
        *self.claim_lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        Ok(())
    }

    pub(super) fn take_append_lock(&self, timeout: Duration) -> Result<(), Error> {
        self.release_append_lock();
        let lock = self.run(timeout.saturating_add(QUERY_TIMEOUT), async {
            let failed = error("lock appends to", &self.address);
            let begun = self.readers.begin_with(statements::BEGIN).await;
            let mut lock = begun.map_err(&failed)?;
            let statement = AssertSqlSafe(statements::lock_appends(timeout));
            sqlx::raw_sql(statement).execute(&mut *lock).await.map_err(failed)?;
            Ok(lock)
        })?;
        *self.append_lock() = Some(lock);
        Ok(())
    }

    pub(super) fn release_append_lock(&self) {
        let lock = self.append_lock().take();
        if let Some(lock) = lock {
            // A lost connection has released the lock already.
            let _ = self.run(QUERY_TIMEOUT, async {
                lock.rollback().await.map_err(error("unlock appends to", &self.address))
            });
        }
    }

    pub(super) fn holds_append_lock(&self) -> bool {
        self.append_lock().is_some()
    }
}
