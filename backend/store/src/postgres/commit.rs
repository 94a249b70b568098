//! Commits a batch: repeats attempts until the outcome is known.

use std::fmt;
use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::{Entry, Incident, Seq};
use sqlx::{Connection as _, PgConnection};

use super::history::{EntryKey, read_history};
use super::queries::read;
use super::tx_error::{Stage, TxError};
use super::write::{Purpose, Transaction};
use super::{Address, CATALOG_TIMEOUT, PostgresStore, QUERY_TIMEOUT, damaged, session};
use crate::Error;
use crate::sql::{self, SqlBatch};

/// The limit of the transaction of a batch.
pub(super) const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a batch is retried without a connection while no COMMIT was sent.
const ABSENCE_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection idle for longer is pinged first, so that a dead one does not leave a commit's outcome unknown.
const IDLE_MAX: Duration = Duration::from_millis(10);
/// The most attempts after serialization failures.
const RERUNS_MAX: u32 = 8;

/// The state of the attempts for one batch.
#[derive(Debug)]
struct Attempts<'a> {
    incident: &'a Incident,
    backoff: Backoff,
    reruns: u32,
    /// Whether one of the attempts may be durable, at least on this server.
    in_doubt: bool,
    /// When the connection was first lost.
    lost_at: Option<Instant>,
}

impl Attempts<'_> {
    fn mark_in_doubt(&mut self, why: &dyn fmt::Display) {
        self.in_doubt = true;
        self.incident.failed(why);
    }

    /// Returns `Ok` if the batch may be attempted again, and the error for the caller otherwise.
    fn check(&mut self, error: TxError, address: &Address) -> Result<(), Error> {
        match error {
            TxError::ConnectionLost { error, stage } => {
                let absence = self.lost_at.get_or_insert_with(Instant::now).elapsed();
                if stage != Stage::BeforeCommit {
                    self.mark_in_doubt(&error);
                }
                match self.in_doubt || absence < ABSENCE_TIMEOUT {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            TxError::SerializationFailure(_) if self.in_doubt || self.reruns < RERUNS_MAX => {
                self.reruns = self.reruns.saturating_add(1);
                Ok(())
            }
            // This attempt was rolled back, but an earlier one may be durable.
            TxError::Blocked(_) | TxError::DiskFull if self.in_doubt => Ok(()),
            TxError::Failed(error) if self.in_doubt => Err(unknown_outcome(address, &error.to_string())),
            error => Err(error.into_error(address)),
        }
    }
}

fn unknown_outcome(address: &Address, why: &str) -> Error {
    Error::Database {
        operation: "find out what was appended to",
        store: address.to_string(),
        why: why.to_owned(),
    }
}

impl PostgresStore {
    /// Makes a batch durable. Once an attempt may be durable, this repeats without limit until the outcome is known: the batch
    /// is stored and a later write has reached the standby too, or another entry has its number.
    async fn commit(
        &self,
        connection: &mut Option<PgConnection>,
        batch: SqlBatch<'_>,
        purpose: Purpose<'_>,
    ) -> Result<(), Error> {
        let last = batch.entries.last().map(EntryKey::from);
        let mut transaction = Transaction::new(&self.address, batch, purpose, self.history());
        transaction.holds_append_lock = self.holds_append_lock();
        transaction.origin_id = self.notifies.then_some(self.origin_id);
        let mut attempts = Attempts {
            incident: &self.unknown_commit,
            backoff: Backoff::new(Duration::from_millis(10), Duration::from_secs(1)),
            reruns: 0,
            in_doubt: false,
            lost_at: None,
        };
        loop {
            let is_stored = match self.attempt(connection, &mut transaction).await {
                Ok(warned) if self.is_certain(warned) => break,
                Ok(warned) => {
                    if warned {
                        attempts.mark_in_doubt(&"the wait for a synchronous standby was cancelled");
                    }
                    attempts.in_doubt = true;
                    true
                }
                Err(error @ (TxError::HeadMoved | TxError::Duplicate)) => {
                    let is_duplicate = matches!(error, TxError::Duplicate);
                    self.find_batch(connection, &transaction.batch, is_duplicate, attempts.in_doubt)
                        .await?
                }
                Err(error) => {
                    attempts.check(error, &self.address)?;
                    false
                }
            };
            if is_stored {
                match self.write_confirmation(connection, last).await {
                    Ok(()) => break,
                    // A failover lost the batch: the next attempt finds whether another entry has its number.
                    Err(Error::Conflict) => {}
                    Err(error) if error.is_transient() => attempts.mark_in_doubt(&error),
                    Err(error) => return Err(unknown_outcome(&self.address, &error.to_string())),
                }
            }
            tokio::time::sleep(attempts.backoff.next_delay()).await;
        }
        self.unknown_commit.recovered();
        Ok(())
    }

    async fn attempt(
        &self,
        slot: &mut Option<PgConnection>,
        transaction: &mut Transaction<'_>,
    ) -> Result<bool, TxError> {
        transaction.stage = Stage::BeforeCommit;
        let timeout = match transaction.purpose {
            Purpose::Append if transaction.batch.described.is_empty() => BATCH_TIMEOUT,
            _ => CATALOG_TIMEOUT,
        };
        let connection = self.connected(slot).await;
        let connection = connection.map_err(|error| TxError::lost(error, Stage::BeforeCommit))?;
        let is_idle = self.lock_last_commit_time().is_none_or(|at| at.elapsed() > IDLE_MAX);
        let run = async {
            if is_idle {
                let pinged = connection.ping().await;
                pinged.map_err(|error| TxError::new(&error, Stage::BeforeCommit, &self.address))?;
            }
            transaction.run(connection, &self.warnings).await
        };
        let result = match tokio::time::timeout(timeout, run).await {
            Ok(result) => result,
            Err(_) => {
                let error = self.unavailable(format!("no answer within {} s", timeout.as_secs()));
                Err(TxError::lost(error, transaction.stage))
            }
        };
        if matches!(result, Err(TxError::ConnectionLost { .. })) {
            *slot = None;
        }
        *self.lock_last_commit_time() = result.is_ok().then(Instant::now);
        result
    }

    /// The connection for writing, opened if necessary.
    pub(super) async fn connected<'a>(
        &self,
        slot: &'a mut Option<PgConnection>,
    ) -> Result<&'a mut PgConnection, Error> {
        let connection = match slot.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(slot.insert(connection))
    }

    /// Whether an earlier attempt stored a batch that could not be inserted; an error if it certainly did not.
    async fn find_batch(
        &self,
        slot: &mut Option<PgConnection>,
        batch: &SqlBatch<'_>,
        is_duplicate: bool,
        in_doubt: bool,
    ) -> Result<bool, Error> {
        let found = session::limited(&self.address, QUERY_TIMEOUT, async {
            let find = async |connection: &mut PgConnection| {
                let limit = batch.entries.len().max(1);
                let entries = read(&mut *connection, &self.address, batch.head, limit).await?;
                Ok((entries, read_history(connection, &self.address).await?))
            };
            session::on_one_server(self.connected(slot).await?, &self.address, find).await
        });
        let (entries, history) = match found.await {
            Ok(found) => found,
            Err(error) => {
                *slot = None;
                return match in_doubt && error.is_transient() {
                    true => Ok(false),
                    false => Err(error),
                };
            }
        };
        match in_doubt {
            true if batch.entries.is_empty() => {
                let why = "another process has appended since";
                Err(unknown_outcome(&self.address, why))
            }
            true if entries == batch.entries => Ok(true),
            _ if is_duplicate && history.head() == sql::seq_column(batch.head) => {
                let why = "an order of the batch is in the ledger already";
                Err(damaged(&self.address, why.to_owned()))
            }
            _ => Err(Error::Conflict),
        }
    }

    /// Runs a transaction under the writer guard.
    pub(super) fn write(&self, head: Seq, entries: &[Entry], purpose: Purpose<'_>) -> Result<(), Error> {
        let batch = SqlBatch::new(head, entries)?;
        self.connection.write(|connection, full_disk| {
            full_disk.attempt(Instant::now(), self.address.to_string(), || {
                self.blocking.run(self.commit(connection, batch, purpose))
            })
        })
    }
}
