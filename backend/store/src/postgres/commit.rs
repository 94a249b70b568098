//! Committing a batch: attempts until its outcome is known.

use std::time::{Duration, Instant};

use common::backoff::Backoff;
use common::{Entry, Seq};
use sqlx::PgConnection;

use super::tx_error::{Stage, TxError};
use super::write::{Purpose, Transaction};
use super::{PostgresStore, QUERY_TIMEOUT, damaged, head_of, read, session};
use crate::Error;
use crate::sql::{self, Batch};

const BATCH_TIMEOUT: Duration = Duration::from_secs(10);
/// For a transaction that may have a whole catalog.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a lost server is waited for while nothing can be durable.
const ABSENCE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it is waited for to learn whether it committed.
const IN_DOUBT_TIMEOUT: Duration = Duration::from_secs(30);
/// Attempts after a serialization failure.
const RERUNS_MAX: u32 = 8;

/// What the attempts for one batch have in common.
#[derive(Debug)]
struct Attempts {
    backoff: Backoff,
    reruns: u32,
    /// Whether one of them may be durable.
    in_doubt: bool,
    /// When the server was first lost.
    lost_at: Option<Instant>,
}

impl Attempts {
    fn absence(&mut self) -> Duration {
        self.lost_at.get_or_insert_with(Instant::now).elapsed()
    }
}

impl PostgresStore {
    /// Makes a batch durable: retries until the outcome is known, within the limits above.
    async fn commit(
        &self,
        connection: &mut Option<PgConnection>,
        batch: Batch<'_>,
        purpose: Purpose<'_>,
    ) -> Result<(), Error> {
        let mut transaction = Transaction::new(&self.address, batch, purpose);
        transaction.origin_id = self.notifies.then_some(self.origin_id);
        let mut attempts = Attempts {
            backoff: Backoff::new(Duration::from_millis(10), Duration::from_millis(500)),
            reruns: 0,
            in_doubt: false,
            lost_at: None,
        };
        loop {
            let Err(error) = self.attempt(connection, &mut transaction).await else {
                self.outage.recovered();
                return Ok(());
            };
            match error {
                TxError::HeadMoved => match self.resolve(&transaction.batch, attempts.in_doubt).await? {
                    Some(outcome) => return outcome,
                    // The server was lost again before it answered.
                    None if attempts.absence() < IN_DOUBT_TIMEOUT => {}
                    None => return Err(self.unknown_outcome("it was lost before it could be asked")),
                },
                TxError::SerializationFailure(_) if attempts.reruns < RERUNS_MAX => attempts.reruns += 1,
                TxError::ConnectionLost { why, stage } => {
                    *connection = None;
                    attempts.in_doubt |= stage == Stage::Committing;
                    let (absence, in_doubt) = (attempts.absence(), attempts.in_doubt);
                    match in_doubt {
                        false if absence >= ABSENCE_TIMEOUT => return Err(self.unavailable(why)),
                        true if absence >= IN_DOUBT_TIMEOUT => return Err(self.unknown_outcome(&why)),
                        true => self.outage.failed(format_args!("{why}; a batch is in doubt")),
                        false => self.outage.failed(why),
                    }
                }
                // This attempt was rolled back, but an earlier one may be durable.
                TxError::SerializationFailure(why) if attempts.in_doubt => return Err(self.unknown_outcome(&why)),
                TxError::DiskFull if attempts.in_doubt => return Err(self.unknown_outcome("its disk is full")),
                TxError::Failed(error) if attempts.in_doubt => return Err(self.unknown_outcome(&error.to_string())),
                error => return Err(error.into_error(&self.address)),
            }
            tokio::time::sleep(attempts.backoff.next_delay()).await;
        }
    }

    async fn attempt(&self, slot: &mut Option<PgConnection>, transaction: &mut Transaction<'_>) -> Result<(), TxError> {
        transaction.stage = Stage::BeforeCommit;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => session::connect(&self.address)
                .await
                .map_err(|error| TxError::ConnectionLost {
                    why: error.to_string(),
                    stage: Stage::BeforeCommit,
                })?,
        };
        let timeout = match transaction.purpose {
            Purpose::Append if transaction.batch.described.is_empty() => BATCH_TIMEOUT,
            _ => CATALOG_TIMEOUT,
        };
        let run = transaction.run(slot.insert(connection));
        match tokio::time::timeout(timeout, run).await {
            Ok(result) => result,
            Err(_) => Err(TxError::timed_out(transaction.stage)),
        }
    }

    /// Finds the outcome after [`TxError::HeadMoved`]: either an earlier attempt of this batch is durable, or another process
    /// appended. Returns `None` if the batch is in doubt and the server does not answer.
    async fn resolve(&self, batch: &Batch<'_>, in_doubt: bool) -> Result<Option<Result<(), Error>>, Error> {
        let stored = tokio::time::timeout(QUERY_TIMEOUT, async {
            let limit = batch.entries.len().max(1);
            let entries = read(&self.readers, &self.address, batch.head, limit).await?;
            let head = head_of(&self.readers).await.map_err(self.error())?;
            Ok::<_, Error>((entries, head))
        });
        let (entries, head) = match stored.await {
            Ok(Ok(stored)) => stored,
            Ok(Err(Error::Unavailable { .. })) | Err(_) if in_doubt => return Ok(None),
            // Every attempt was rolled back, so the cause does not matter.
            Ok(Err(Error::Unavailable { .. })) | Err(_) => return Ok(Some(Err(Error::Conflict))),
            Ok(Err(error)) => return Err(error),
        };
        Ok(Some(match (in_doubt, entries == batch.entries) {
            (true, true) if !entries.is_empty() => Ok(()),
            (true, _) if batch.entries.is_empty() => Err(self.unknown_outcome("another process has appended since")),
            _ if head != sql::seq_column(batch.head) => Err(Error::Conflict),
            _ => Err(damaged(
                &self.address,
                "an order of the batch is in the ledger already".to_owned(),
            )),
        }))
    }

    fn unknown_outcome(&self, why: &str) -> Error {
        Error::Database {
            operation: "find out what was appended to",
            store: self.address.to_string(),
            why: why.to_owned(),
        }
    }

    /// Runs a transaction under the writer guard.
    pub(super) fn write(&self, head: Seq, entries: &[Entry], purpose: Purpose<'_>) -> Result<(), Error> {
        let batch = Batch::new(head, entries)?;
        self.connection.write(|connection, full_disk| {
            full_disk.attempt(Instant::now(), self.address.to_string(), || {
                self.blocking.run(self.commit(connection, batch, purpose))
            })
        })
    }
}
