//! A store in a PostgreSQL database or in an engine with the same wire protocol; several processes may append to it.
//!
//! `seq` is the ledger's primary key, so two processes can never both append at the same head. The store must never acknowledge
//! a commit whose outcome is unknown: it determines the outcome or closes.

mod address;
mod append_lock;
mod blocking;
mod commit;
mod confirm;
mod history;
mod meta;
mod migration;
mod notices;
mod notify;
mod queries;
mod reader;
mod replicas;
mod session;
mod statements;
mod store;
mod tx_error;
mod write;

#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::{Entry, Incident, Seq};
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

pub use self::address::Address;
use self::append_lock::LockTransaction;
use self::blocking::Blocking;
use self::history::{EntryKey, History};
use self::notices::Warnings;
use self::notify::NotificationListener;
use self::reader::Reader;
use self::replicas::Replicas;
use self::tx_error::error;
use super::sql::Upgrade;
use super::{Error, Inspection, WriterGuard};

/// The limit of a query for a page of entries or a single row.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// The most entries that a query must return within [`QUERY_TIMEOUT`].
const PAGE_MAX: usize = 20_000;
/// The limit of a query for the whole catalog or for more than [`PAGE_MAX`] entries.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// The limit of a transaction that may write a whole catalog.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(600);

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    address: Address,
    /// The history that the next append of this process must continue.
    history: Mutex<History>,
    warnings: Warnings,
    replicas: Replicas,
    /// Tests only: skips confirmations.
    #[cfg(test)]
    skips_confirmation: bool,
    /// Whether appends notify other processes.
    notifies: bool,
    /// The connection for writing; `None` after it was lost.
    connection: WriterGuard<Option<PgConnection>>,
    /// The end of the last transaction on that connection, if it succeeded.
    last_commit_time: Mutex<Option<Instant>>,
    readers: PgPool,
    /// Held between [`lock_appends`](crate::Store::lock_appends) and [`unlock_appends`](crate::Store::unlock_appends).
    append_lock: Mutex<Option<LockTransaction>>,
    /// Held from [`claim`](crate::Store::claim) on.
    claim_lock: Mutex<Option<LockTransaction>>,
    listener: Mutex<NotificationListener>,
    /// Identifies this process in notifications.
    origin_id: Uuid,
    /// The last entry that this process appended or is appending.
    appended: AtomicU64,
    /// The last entry that `wait_for_append` found.
    observed: AtomicU64,
    upgrade: Upgrade,
    blocking: Blocking,
    unknown_commit: Incident,
}

impl PostgresStore {
    /// Opens the store in a database, or creates its tables. Upgrades a store of format 1.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Database`], [`Error::Io`].
    pub fn open(address: &Address) -> Result<Self, Error> {
        Self::open_with(address, true, true)
    }

    /// Opens an existing store for inspection.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::OldFormat`], and those of [`open`](Self::open).
    pub fn inspect(address: &Address) -> Result<Inspection, Error> {
        Inspection::of(Box::new(Self::open_with(address, true, false)?))
    }

    fn open_with(address: &Address, notifications: bool, create: bool) -> Result<Self, Error> {
        let blocking = Blocking::new().map_err(|source| Error::Io {
            operation: "start a thread for",
            path: address.to_string().into(),
            source,
        })?;
        let (warnings, replicas) = (Warnings::new(), Replicas::default());
        let (connection, (history, upgrade), notifies, readers) = blocking.run(async {
            let (mut connection, _) = session::connect(address, &warnings).await?;
            let migrating = async |connection: &mut PgConnection| {
                replicas.check(connection, address).await;
                migration::migrate(connection, address, &warnings, create).await
            };
            let store = session::on_one_server(&mut connection, address, migrating).await?;
            let can_notify = async {
                let can_notify = session::can_notify(&mut connection).await;
                can_notify.map_err(error("open", address))
            };
            let can_notify = session::limited(address, QUERY_TIMEOUT, can_notify).await?;
            Ok::<_, Error>((
                connection,
                store,
                can_notify && notifications,
                session::readers(address),
            ))
        })?;
        let origin_id = Uuid::new_v4();
        let poll_only = !notifies || address.is_pooled();
        Ok(Self {
            address: address.clone(),
            history: Mutex::new(history),
            warnings,
            replicas,
            #[cfg(test)]
            skips_confirmation: false,
            notifies,
            connection: WriterGuard::new(Some(connection)),
            last_commit_time: Mutex::new(None),
            readers,
            append_lock: Mutex::new(None),
            claim_lock: Mutex::new(None),
            listener: Mutex::new(NotificationListener::new(origin_id, poll_only)),
            origin_id,
            appended: AtomicU64::new(0),
            observed: AtomicU64::new(0),
            upgrade,
            blocking,
            unknown_commit: Incident::new("a commit is in doubt; it is answered once its outcome is known"),
        })
    }

    /// Blocks on an idempotent operation, at most for `timeout`.
    fn run<T>(&self, timeout: Duration, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.blocking.run(session::limited(&self.address, timeout, operation))
    }

    /// A connection for reading.
    async fn reader(&self) -> Result<Reader, Error> {
        self.reader_in(self.address.is_pooled().then_some(statements::BEGIN_POOLED))
            .await
    }

    /// A connection for reading, after the statement `begin` if there is one.
    async fn reader_in(&self, begin: Option<&'static str>) -> Result<Reader, Error> {
        match Reader::of(&self.readers, begin).await {
            // The pool hides why it cannot connect, and another host may have become the primary.
            Err(sqlx::Error::PoolTimedOut) => {
                self.connect().await?;
                match self.address.has_several_hosts() {
                    true => Reader::of(&self.readers, begin).await.map_err(self.error()),
                    false => Err(self.unavailable("no connection is free".to_owned())),
                }
            }
            acquired => acquired.map_err(self.error()),
        }
    }

    /// Opens a connection for writing; later connections for reading use its host.
    async fn connect(&self) -> Result<PgConnection, Error> {
        let (connection, has_moved) = session::connect(&self.address, &self.warnings).await?;
        if has_moved {
            self.readers.set_connect_options(self.address.options());
            self.address.set_moved();
        }
        Ok(connection)
    }

    fn history(&self) -> History {
        *self.lock_history()
    }

    /// Sets the entry that the next append follows.
    fn set_last(&self, last: EntryKey) {
        self.lock_history().last = Some(last);
    }

    fn lock_history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_last_commit_time(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_commit_time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append_lock(&self) -> MutexGuard<'_, Option<LockTransaction>> {
        self.append_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unavailable(&self, why: String) -> Error {
        Error::Unavailable {
            store: self.address.to_string(),
            why,
        }
    }

    fn error(&self) -> impl Fn(sqlx::Error) -> Error {
        error("read", &self.address)
    }

    fn read_entries(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let timeout = if limit > PAGE_MAX { LOAD_TIMEOUT } else { QUERY_TIMEOUT };
        self.run(timeout, async {
            queries::read(&mut *self.reader().await?, &self.address, after, limit).await
        })
    }
}

fn damaged(address: &Address, why: String) -> Error {
    Error::DatabaseDamaged {
        store: address.to_string(),
        why,
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // The close may time out: the server rolls back the transaction of a lost connection.
        const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
        let connection = self.connection.get_mut().and_then(Option::take);
        self.release_append_lock();
        let claim_lock = self.claim_lock.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let listener = std::mem::replace(
            self.listener.get_mut().unwrap_or_else(PoisonError::into_inner),
            NotificationListener::new(self.origin_id, true),
        );
        self.blocking.run(async {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
                drop((listener, claim_lock));
                self.readers.close().await;
                if let Some(connection) = connection {
                    let _ = connection.close().await;
                }
            })
            .await;
        });
    }
}
