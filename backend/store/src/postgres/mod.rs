//! A store in a PostgreSQL database or in an engine with the same wire protocol; several processes may append to it.
//!
//! `seq` is the ledger's primary key, so two processes can never both append at the same head. It must never acknowledge a
//! commit whose outcome is unknown: it finds out, or the store closes.

mod address;
mod blocking;
mod commit;
mod confirm;
mod history;
mod meta;
mod migration;
mod notices;
mod notify;
mod reader;
mod replicas;
mod session;
mod statements;
mod turn;
mod tx_error;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::wire::Book;
use common::{Entry, Epoch, Incident, OrderId, Seq, StoreId};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

pub use self::address::Address;
use self::blocking::Blocking;
use self::history::{EntryKey, History, read_history};
use self::notices::Warnings;
use self::notify::NotificationListener;
use self::reader::Reader;
use self::replicas::Replicas;
use self::turn::Turn;
use self::tx_error::error;
use self::write::Purpose;
use super::sql::{self, BookRow, EntryRow, Upgrade};
use super::texts::SharedTexts;
use super::{Error, Inspection, Store, StoreState, WriterGuard};

/// For a page of entries or a single row.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// More entries may take longer.
const PAGE_MAX: usize = 20_000;
/// For the whole catalog.
const LOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// For a transaction that may have a whole catalog.
const CATALOG_TIMEOUT: Duration = Duration::from_secs(600);

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    address: Address,
    /// What this process knows of the ledger, which the next append continues.
    history: Mutex<History>,
    warnings: Warnings,
    replicas: Replicas,
    /// Takes what it finds for durable, as a store without confirmations would.
    #[cfg(test)]
    believes_everything: bool,
    /// Whether appends notify other processes.
    notifies: bool,
    /// The connection for writing; none while it is lost.
    connection: WriterGuard<Option<PgConnection>>,
    /// When the last transaction on it ended, if it succeeded.
    committed_at: Mutex<Option<Instant>>,
    readers: PgPool,
    turn: Mutex<Option<Turn>>,
    /// What keeps other processes that would claim the store out.
    claim: Mutex<Option<Turn>>,
    listener: Mutex<NotificationListener>,
    /// Identifies this process in notifications.
    origin_id: Uuid,
    /// The last entry that this process appended or is appending.
    appended: AtomicU64,
    /// The last entry that `wait_for_append` saw.
    observed: AtomicU64,
    upgrade: Upgrade,
    blocking: Blocking,
    doubt: Incident,
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
            believes_everything: false,
            notifies,
            connection: WriterGuard::new(Some(connection)),
            committed_at: Mutex::new(None),
            readers,
            turn: Mutex::new(None),
            claim: Mutex::new(None),
            listener: Mutex::new(NotificationListener::new(origin_id, poll_only)),
            origin_id,
            appended: AtomicU64::new(0),
            observed: AtomicU64::new(0),
            upgrade,
            blocking,
            doubt: Incident::new("a commit is in doubt; it is answered once its outcome is known"),
        })
    }

    /// Blocks on an operation that may be repeated, at most for `timeout`.
    fn run<T>(&self, timeout: Duration, operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.blocking.run(session::limited(&self.address, timeout, operation))
    }

    /// A connection for reading.
    async fn reader(&self) -> Result<Reader, Error> {
        self.reader_in(self.address.is_pooled().then_some(statements::BEGIN_POOLED))
            .await
    }

    /// The same, in a transaction if one is to begin.
    async fn reader_in(&self, begin: Option<&'static str>) -> Result<Reader, Error> {
        match Reader::of(&self.readers, begin).await {
            // The pool hides why it cannot connect. Another host may accept writes by now.
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

    /// A connection for writing; new connections for reading lead to its host.
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

    fn lock_committed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.committed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_turn(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
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
            read(&mut *self.reader().await?, &self.address, after, limit).await
        })
    }
}

fn damaged(address: &Address, why: String) -> Error {
    Error::DatabaseDamaged {
        store: address.to_string(),
        why,
    }
}

async fn head_of(executor: impl sqlx::PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    let head = sqlx::query_scalar(sql::statements::HEAD).persistent(false);
    head.fetch_one(executor).await
}

async fn read(
    executor: impl sqlx::PgExecutor<'_>,
    address: &Address,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut last = after;
    let mut rows = sqlx::query(sql::statements::READ.as_str())
        .persistent(!address.is_pooled())
        .bind(sql::seq_column(after))
        .bind(sql::limit_column(limit))
        .fetch(executor);
    while let Some(row) = rows.try_next().await.map_err(error("read", address))? {
        let row = EntryRow::from_postgres(&row).map_err(error("read", address))?;
        let entry = sql::next_entry(last, row).map_err(|why| damaged(address, why))?;
        last = entry.seq;
        entries.push(entry);
    }
    Ok(entries)
}

/// Every book, by item number.
async fn books_of(connection: &mut PgConnection, address: &Address) -> Result<Vec<Book>, Error> {
    let (mut books, mut texts) = (Vec::new(), SharedTexts::default());
    let mut rows = sqlx::query(sql::statements::BOOKS.as_str())
        .persistent(false)
        .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(error("read", address))? {
        let row = BookRow::from_postgres(&row).map_err(error("read", address))?;
        books.push(sql::book(row, &mut texts).map_err(|why| damaged(address, why))?);
    }
    Ok(books)
}

impl Store for PostgresStore {
    fn load(&self) -> Result<StoreState, Error> {
        self.run(LOAD_TIMEOUT, async {
            let mut transaction = self.reader_in(Some(statements::BEGIN_SNAPSHOT)).await?;
            let history = read_history(&mut transaction, &self.address).await?;
            let head = sql::seq_of(history.head()).map_err(|why| damaged(&self.address, why))?;
            let restoring = meta::get(&mut transaction, sql::RESTORING).await;
            if restoring.map_err(self.error())?.as_deref() == Some(sql::YES) {
                return Err(Error::RestoreIncomplete {
                    store: self.address.to_string(),
                    head,
                });
            }
            let epoch = meta::get(&mut transaction, "epoch").await.map_err(self.error())?;
            let epoch = epoch.map_or(Ok(Epoch::FIRST), |epoch| epoch.parse().map(Epoch));
            let epoch = epoch.map_err(|_| damaged(&self.address, "the epoch is not a number".to_owned()))?;
            let books = books_of(&mut transaction, &self.address).await?;
            let state = sql::store_state(history.store, head, books).map_err(|why| damaged(&self.address, why))?;
            // The last entry is not confirmed yet.
            self.lock_history().store = history.store;
            Ok(StoreState { epoch, ..state })
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        let read = |after, limit| self.read_entries(after, limit);
        self.upgrade.read_page(after, limit, read)
    }

    fn orders(&self, range: RangeInclusive<Seq>, limit: usize) -> Result<Vec<(Seq, OrderId)>, Error> {
        let (first, last) = range.into_inner();
        let rows: Vec<(i64, Uuid)> = self.run(QUERY_TIMEOUT, async {
            let query = sqlx::query_as(sql::statements::ORDERS)
                .persistent(false)
                .bind(sql::seq_column(first))
                .bind(sql::seq_column(last))
                .bind(sql::limit_column(limit));
            query.fetch_all(&mut *self.reader().await?).await.map_err(self.error())
        })?;
        let orders = rows.into_iter().map(sql::order).collect::<Result<_, _>>();
        orders.map_err(|why| damaged(&self.address, why))
    }

    fn find(&self, order: OrderId, _among: RangeInclusive<Seq>) -> Result<Vec<Entry>, Error> {
        let found = self.run(QUERY_TIMEOUT, async {
            let rows = sqlx::query(sql::statements::FIND.as_str())
                .persistent(!self.address.is_pooled())
                .bind(sql::order_column(order))
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(self.error())?;
            let entry = |row| {
                let row = EntryRow::from_postgres(row).map_err(self.error())?;
                sql::entry(row).map_err(|why| damaged(&self.address, why))
            };
            let entries: Vec<Entry> = rows.iter().map(entry).collect::<Result<_, _>>()?;
            sql::check_order(order, &entries).map_err(|why| damaged(&self.address, why))?;
            Ok(entries)
        });
        self.upgrade
            .add_titles(found?, |after, limit| self.read_entries(after, limit))
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        let Some(last) = entries.last() else {
            return self.confirm_head(head);
        };
        // Set before the commit, because `wait_for_append` may see the entries before this call returns.
        self.appended.store(last.seq.0, Ordering::Relaxed);
        self.write(head, entries, Purpose::Append)
            .inspect_err(|_| self.appended.store(head.0, Ordering::Relaxed))?;
        self.set_last(EntryKey::from(last));
        Ok(())
    }

    fn confirm(&self, last: &Entry) -> Result<(), Error> {
        self.confirm_entry(last)
    }

    fn claim(&self) -> Result<(), Error> {
        self.lock_claim()
    }

    fn take_turn(&self, timeout: Duration) -> Result<(), Error> {
        self.wait_for_turn(timeout)
    }

    fn end_turn(&self) {
        self.release_turn();
    }

    fn replace_id(&self, old: StoreId) -> Result<(), Error> {
        self.write_new_id(old)
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.write(head, entries, Purpose::Restore)
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        // The books change with every batch, but not during a restore.
        self.connection.write(|_, _| Ok(()))?;
        let restoring = self.run(QUERY_TIMEOUT, async {
            let mut reader = self.reader().await?;
            meta::get(&mut reader, sql::RESTORING).await.map_err(self.error())
        })?;
        match restoring.as_deref() {
            Some(sql::YES) => self.write(at, &[], Purpose::EndRestore(books)),
            _ => Ok(()),
        }
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.connection.write(|_, _| Ok(()))?;
        self.run(QUERY_TIMEOUT, async {
            let mut reader = self.reader().await?;
            let put = sqlx::query(sql::statements::PUT_BLOB).bind(name).bind(content);
            let failed = error("write", &self.address);
            put.persistent(false).execute(&mut *reader).await.map_err(&failed)?;
            reader.commit().await.map_err(failed)
        })
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.run(QUERY_TIMEOUT, async {
            let get = sqlx::query_scalar(sql::statements::GET_BLOB)
                .bind(name)
                .persistent(false);
            let content = get.fetch_optional(&mut *self.reader().await?).await;
            content.map_err(self.error())
        })
    }

    fn ledger_bytes(&self) -> Result<Option<u64>, Error> {
        let bytes: i64 = self.run(QUERY_TIMEOUT, async {
            let query = sqlx::query_scalar(statements::LEDGER_BYTES).persistent(false);
            query.fetch_one(&mut *self.reader().await?).await.map_err(self.error())
        })?;
        Ok(u64::try_from(bytes).ok())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn risk(&self) -> Option<String> {
        self.replicas.risk()
    }

    fn wait_for_append(&self, after: Seq, timeout: Duration) -> Result<Seq, Error> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + timeout;
        self.blocking.run(async {
            let mut must_read = self.observed.load(Ordering::Relaxed) > after.0;
            loop {
                must_read |= listener.ensure_listening(&self.readers).await;
                let left = deadline.saturating_duration_since(Instant::now());
                if must_read || left.is_zero() {
                    // Listening began before this read, so no append falls between them.
                    let known = self.history();
                    let reading = async {
                        let mut reader = self.reader().await?;
                        if left.is_zero() {
                            self.replicas.check(&mut reader, &self.address).await;
                        }
                        read_history(&mut reader, &self.address).await
                    };
                    let history = session::limited(&self.address, QUERY_TIMEOUT, reading).await?;
                    let head = sql::seq_of(history.head()).map_err(|why| damaged(&self.address, why))?;
                    self.observed.store(head.0, Ordering::Relaxed);
                    if head < after || !history.continues(&known) {
                        return Err(Error::Conflict);
                    }
                    let after = after.max(Seq(self.appended.load(Ordering::Relaxed)));
                    if head > after || left.is_zero() {
                        return Ok(head);
                    }
                }
                listener.wait(left).await;
                must_read = true;
            }
        })
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // An orderly close is not necessary: the server rolls back what a lost connection leaves.
        const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
        let connection = self.connection.get_mut().and_then(Option::take);
        self.end_turn();
        let claim = self.claim.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        let listener = std::mem::replace(
            self.listener.get_mut().unwrap_or_else(PoisonError::into_inner),
            NotificationListener::new(self.origin_id, true),
        );
        self.blocking.run(async {
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
                drop((listener, claim));
                self.readers.close().await;
                if let Some(connection) = connection {
                    let _ = connection.close().await;
                }
            })
            .await;
        });
    }
}
