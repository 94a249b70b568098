//! Confirms that entries in the database are durable, and replaces the ledger's id.
//!
//! A commit that only this server has is visible to every process, but is lost in a failover. It counts as durable after one
//! more write: that write waits for the synchronous standby, which then has all earlier commits too.

use common::{Entry, Seq, StoreId};
use sqlx::PgConnection;

use super::commit::BATCH_TIMEOUT;
use super::history::{EntryKey, read_history};
use super::tx_error::error;
use super::{PostgresStore, QUERY_TIMEOUT, session, statements};
use crate::{Error, sql};

impl PostgresStore {
    /// Whether a commit needs no confirmation; `warned` says whether the server warned about it.
    pub(super) fn is_certain(&self, warned: bool) -> bool {
        #[cfg(test)]
        if self.skips_confirmation {
            return true;
        }
        !warned && self.warnings.are_seen()
    }

    /// Makes one small write that waits for the standby. [`Error::Conflict`] if the ledger no longer has the entry.
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

    /// Confirms a read entry and requires the next append to follow it.
    pub(super) fn confirm_entry(&self, last: &Entry) -> Result<(), Error> {
        let last = EntryKey::from(last);
        self.connection
            .write(|connection, _| self.blocking.run(self.write_confirmation(connection, Some(last))))?;
        self.set_last(last);
        Ok(())
    }

    /// Checks that the ledger ends with `head` and continues the history that this process knows.
    pub(super) fn check_head(&self, head: Seq) -> Result<(), Error> {
        self.connection.write(|_, _| Ok(()))?;
        let found = self.run(QUERY_TIMEOUT, async {
            read_history(&mut *self.reader().await?, &self.address).await
        })?;
        match found.head() == sql::seq_column(head) && found.continues(&self.history()) {
            true => Ok(()),
            false => Err(Error::Conflict),
        }
    }

    /// Gives the ledger a new id and the next epoch, unless another process has done so.
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
                // The new id needs no confirmation: the next write confirms the entries of the new history.
                Ok(())
            };
            let replaced = self
                .blocking
                .run(session::limited(&self.address, BATCH_TIMEOUT, replacing));
            replaced.inspect_err(|_| *slot = None)
        })
    }
}
