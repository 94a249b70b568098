//! Confirming what was found in the database, and naming another history.
//!
//! A commit that only this server has is visible to everyone, but the next failover takes it. It is believed after one more
//! small write: that one waits for the synchronous standby, which then has everything before it too.

use common::{Entry, Seq, StoreId};
use sqlx::PgConnection;

use super::commit::BATCH_TIMEOUT;
use super::history::{EntryKey, read_history};
use super::tx_error::error;
use super::{PostgresStore, QUERY_TIMEOUT, session, statements};
use crate::{Error, sql};

impl PostgresStore {
    /// Whether a commit needs no confirmation.
    pub(super) fn is_certain(&self, warned: bool) -> bool {
        #[cfg(test)]
        if self.skips_confirmation {
            return true;
        }
        !warned && self.warnings.are_seen()
    }

    /// One small write that waits for the standby. [`Error::Conflict`] if the entry is not there any more.
    pub(super) async fn write_confirmation(
        &self,
        slot: &mut Option<PgConnection>,
        last: Option<EntryKey>,
    ) -> Result<(), Error> {
        #[cfg(test)]
        if self.skips_confirmation {
            return Ok(());
        }
        let writing = session::limited(&self.address, BATCH_TIMEOUT, async {
            let confirm = async |connection: &mut PgConnection| {
                let confirm = sqlx::query(statements::CONFIRM.as_str())
                    .persistent(!self.address.is_pooled())
                    .bind(last.map_or(0, |last| last.seq).to_string())
                    .bind(last.map(|last| last.seq))
                    .bind(last.map(|last| last.at_micros))
                    .bind(last.and_then(|last| last.order));
                let done = confirm.execute(connection).await;
                done.map_err(error("confirm", &self.address))
            };
            let confirming = session::on_one_server(self.connected(slot).await?, &self.address, confirm);
            let (done, warned) = self.warnings.observe(confirming).await;
            match done?.rows_affected() {
                0 => Err(Error::Conflict),
                _ if warned => Err(self.unavailable("the wait for a synchronous standby was cancelled".to_owned())),
                _ => Ok(()),
            }
        });
        let result = writing.await;
        if !matches!(result, Ok(()) | Err(Error::Conflict)) {
            *slot = None;
        }
        result
    }

    /// Confirms an entry that was read, and makes it the one that the next append follows.
    pub(super) fn confirm_entry(&self, last: &Entry) -> Result<(), Error> {
        let last = EntryKey::from(last);
        self.connection
            .write(|connection, _| self.blocking.run(self.write_confirmation(connection, Some(last))))?;
        self.set_last(last);
        Ok(())
    }

    /// Whether the ledger ends with `head`, in the history that this process knows.
    pub(super) fn confirm_head(&self, head: Seq) -> Result<(), Error> {
        self.connection.write(|_, _| Ok(()))?;
        let found = self.run(QUERY_TIMEOUT, async {
            read_history(&mut *self.reader().await?, &self.address).await
        })?;
        match found.head() == sql::seq_column(head) && found.continues(&self.history()) {
            true => Ok(()),
            false => Err(Error::Conflict),
        }
    }

    /// Gives the ledger a new id, unless another process has.
    pub(super) fn write_new_id(&self, old: StoreId) -> Result<(), Error> {
        self.connection.write(|slot, _| {
            let replacing = async {
                let connection = self.connected(slot).await?;
                let failed = error("mark", &self.address);
                let (old, new) = (old.to_string(), StoreId::generate().to_string());
                sqlx::raw_sql(session::begin(&self.address))
                    .execute(&mut *connection)
                    .await
                    .map_err(&failed)?;
                let replace = sqlx::query(statements::REPLACE_ID).bind(&new).bind(&old);
                let is_replaced = replace
                    .persistent(false)
                    .execute(&mut *connection)
                    .await
                    .map_err(&failed)?
                    .rows_affected()
                    > 0;
                if is_replaced {
                    sqlx::query(statements::COUNT_EPOCH)
                        .persistent(false)
                        .execute(&mut *connection)
                        .await
                        .map_err(&failed)?;
                }
                sqlx::raw_sql(statements::COMMIT)
                    .execute(connection)
                    .await
                    .map_err(&failed)?;
                // The next write, which confirms the entries of the new history, waits for the standby too.
                Ok(())
            };
            let replaced = self
                .blocking
                .run(session::limited(&self.address, BATCH_TIMEOUT, replacing));
            replaced.inspect_err(|_| *slot = None)
        })
    }
}
