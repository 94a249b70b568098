//! A store in a PostgreSQL database, or in an engine that speaks like one; several processes may append to it.
//!
//! `seq` is the ledger's primary key, so two processes can never both append at the same head. It must never answer for a
//! commit whose outcome it does not know: it finds out, or the store is closed for good.

mod address;
mod ears;
mod session;
mod statements;
mod trouble;
mod write;

#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::wire::Book;
use common::{Entry, OrderId, Seq, StoreId};
use futures::TryStreamExt as _;
use sqlx::{Connection as _, PgConnection, PgPool};
use uuid::Uuid;

pub use self::address::Address;
use self::ears::Ears;
use self::trouble::{Stage, Trouble, error, full};
use self::write::{Books, Transaction};
use super::sql::{self, Batch, Blocking, BookRow, EntryRow, Gate, Room};
use super::{Error, StoreState};

/// How long a transaction of one batch may take, and one of a whole catalog.
const BATCH_MAX: Duration = Duration::from_secs(10);
const IMPORT_MAX: Duration = Duration::from_secs(600);
/// How long reading a page may take, and reading the whole catalog.
const READ_MAX: Duration = Duration::from_secs(10);
const LOAD_MAX: Duration = Duration::from_secs(300);
/// How long a lost server is waited for before the caller is told that nothing was changed.
const ABSENCE_MAX: Duration = Duration::from_secs(2);
/// How long it is waited for to learn whether it committed.
const DOUBT_MAX: Duration = Duration::from_secs(30);
/// How often a transaction is run again that the engine could not order.
const RERUNS_MAX: u32 = 8;
/// The pauses between two tries.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct Store {
    address: Address,
    id: StoreId,
    notifies: bool,
    gate: Gate<Writer>,
    readers: PgPool,
    ears: Mutex<Ears>,
    /// What is said along with every commit.
    voice: Uuid,
    /// The last entry that was appended from here, or is on its way.
    appended: AtomicU64,
    /// The last entry that was seen when others were waited for.
    seen: AtomicU64,
    blocking: Blocking,
}

/// What the one who appends needs.
#[derive(Debug)]
struct Writer {
    connection: Option<PgConnection>,
    room: Room,
}

impl Store {
    /// Opens the store in a database; makes its tables where there are none.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Database`], [`Error::Io`].
    pub fn open(address: &Address) -> Result<Self, Error> {
        Self::open_with(address, true, true)
    }

    /// Opens the store in a database where there is one.
    ///
    /// # Errors
    /// [`Error::Missing`], and those of [`open`](Self::open).
    pub fn open_existing(address: &Address) -> Result<Self, Error> {
        Self::open_with(address, true, false)
    }

    /// Opens it with or without notices between the processes, and makes one or not.
    fn open_with(address: &Address, notices: bool, makes_one: bool) -> Result<Self, Error> {
        let blocking = Blocking::new().map_err(|source| Error::Io {
            operation: "start a thread for",
            path: address.to_string().into(),
            source,
        })?;
        let (connection, id, notifies, readers) = blocking.run(async {
            let mut connection = session::connect(address).await?;
            let id = session::migrate(&mut connection, address, makes_one).await?;
            let notifies = session::can_notify(&mut connection).await;
            let notifies = notifies.map_err(error("open", address))? && notices;
            Ok::<_, Error>((connection, id, notifies, session::readers(address)))
        })?;
        let voice = Uuid::new_v4();
        Ok(Self {
            address: address.clone(),
            id,
            notifies,
            gate: Gate::new(Writer {
                connection: Some(connection),
                room: Room::default(),
            }),
            readers,
            voice,
            ears: Mutex::new(Ears::new(voice, notifies)),
            appended: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            blocking,
        })
    }

    /// Waits for something that changes nothing.
    fn look<T>(&self, patience: Duration, looking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let looked = self
            .blocking
            .run(async { tokio::time::timeout(patience, looking).await });
        looked.unwrap_or_else(|_| Err(self.unavailable("no answer in time".to_owned())))
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

    /// Makes a batch durable, however often that takes.
    async fn commit(&self, writer: &mut Writer, batch: &Batch<'_>, books: Books<'_>) -> Result<(), Error> {
        let mut transaction = Transaction {
            address: &self.address,
            batch,
            books,
            voice: self.notifies.then_some(self.voice),
            stage: Stage::Before,
        };
        let patience = match books {
            Books::Follow => BATCH_MAX,
            Books::Become(_) | Books::Wait => IMPORT_MAX,
        };
        let mut tries = Tries::default();
        loop {
            let trouble = match self.attempt(writer, &mut transaction, patience).await {
                Ok(()) => return Ok(()),
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Taken => match self.resolve(batch, tries.in_doubt).await? {
                    Some(done) => return done,
                    // The server went away again before it said who was first.
                    None if tries.absence() < DOUBT_MAX => {}
                    None => return Err(self.unknown("it went away before it could be asked")),
                },
                Trouble::Again(_) if tries.reruns < RERUNS_MAX => tries.reruns += 1,
                Trouble::Again(why) if !tries.in_doubt => return Err(self.unavailable(why)),
                Trouble::Full if !tries.in_doubt => return Err(full(&self.address)),
                Trouble::Lost { why, stage } => {
                    writer.connection = None;
                    tries.in_doubt |= stage == Stage::Committing;
                    let (absence, in_doubt) = (tries.absence(), tries.in_doubt);
                    match in_doubt {
                        false if absence >= ABSENCE_MAX => return Err(self.unavailable(why)),
                        true if absence >= DOUBT_MAX => return Err(self.unknown(&why)),
                        _ => tracing::warn!(why, in_doubt, "the database was lost; trying again"),
                    }
                }
                Trouble::Failed(error) if !tries.in_doubt => return Err(error),
                Trouble::Again(why) => return Err(self.unknown(&why)),
                Trouble::Full => return Err(self.unknown("it has no room")),
                Trouble::Failed(error) => return Err(self.unknown(&error.to_string())),
            }
            tries.pause().await;
        }
    }

    async fn attempt(
        &self,
        writer: &mut Writer,
        transaction: &mut Transaction<'_>,
        patience: Duration,
    ) -> Result<(), Trouble> {
        transaction.stage = Stage::Before;
        let Writer { connection, .. } = writer;
        // Whatever keeps it out: nothing was changed.
        let connection = self.connection(connection).await.map_err(|error| Trouble::Lost {
            why: error.to_string(),
            stage: Stage::Before,
        })?;
        match tokio::time::timeout(patience, transaction.run(connection)).await {
            Ok(done) => done,
            Err(_) => Err(Trouble::late(transaction.stage)),
        }
    }

    async fn connection<'a>(&self, slot: &'a mut Option<PgConnection>) -> Result<&'a mut PgConnection, Error> {
        let connection = match slot.take() {
            Some(connection) => connection,
            None => session::connect(&self.address).await?,
        };
        Ok(slot.insert(connection))
    }

    /// Somebody wrote these entries first: this store's own earlier try, if the batch is there, or another process.
    /// Nothing if the server cannot be asked now.
    async fn resolve(&self, batch: &Batch<'_>, in_doubt: bool) -> Result<Option<Result<(), Error>>, Error> {
        let there = tokio::time::timeout(READ_MAX, async {
            let limit = batch.entries.len().max(1);
            let entries = read(&self.readers, &self.address, batch.head, limit).await?;
            let head = head_of(&self.readers).await.map_err(self.error())?;
            Ok::<_, Error>((entries, head))
        });
        let (entries, head) = match there.await {
            Ok(Ok(there)) => there,
            Ok(Err(Error::Unavailable { .. })) | Err(_) if in_doubt => return Ok(None),
            // What was rolled back is rolled back; who was first is of no interest.
            Ok(Err(Error::Unavailable { .. })) | Err(_) => return Ok(Some(Err(Error::Conflict))),
            Ok(Err(error)) => return Err(error),
        };
        Ok(Some(match (in_doubt, entries == batch.entries) {
            (true, true) if !entries.is_empty() => Ok(()),
            (true, _) if batch.entries.is_empty() => Err(self.unknown("others have gone on")),
            _ if head != sql::position(batch.head) => Err(Error::Conflict),
            _ => Err(damaged(
                &self.address,
                "an order of the batch is in the ledger already".to_owned(),
            )),
        }))
    }

    fn unknown(&self, why: &str) -> Error {
        Error::Database {
            operation: "find out what was appended to",
            store: self.address.to_string(),
            why: why.to_owned(),
        }
    }

    fn change(&self, head: Seq, entries: &[Entry], books: Books<'_>) -> Result<(), Error> {
        let batch = Batch::following(head, entries)?;
        self.gate.change(|writer| {
            writer.room.check(self.address.to_string())?;
            let done = self.blocking.run(self.commit(writer, &batch, books));
            writer.room.note(&done);
            done
        })
    }
}

/// How often something was tried.
#[derive(Debug, Default)]
struct Tries {
    count: u32,
    reruns: u32,
    /// Whether one of them may be durable.
    in_doubt: bool,
    /// Since when the server has not been of use.
    lost_at: Option<Instant>,
}

impl Tries {
    /// How long ago the server was first lost.
    fn absence(&mut self) -> Duration {
        self.lost_at.get_or_insert_with(Instant::now).elapsed()
    }

    /// Waits longer each time, and not as long as everybody else who failed at the same moment.
    async fn pause(&mut self) {
        let longest = PAUSE_MIN.saturating_mul(1 << self.count.min(10)).min(PAUSE_MAX);
        self.count += 1;
        tokio::time::sleep(longest.mul_f64(rand::random_range(0.5..1.0))).await;
    }
}

fn damaged(address: &Address, why: String) -> Error {
    Error::DatabaseDamaged {
        store: address.to_string(),
        why,
    }
}

/// The last entry's number.
async fn head_of(executor: impl sqlx::PgExecutor<'_>) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(statements::HEAD).fetch_one(executor).await
}

async fn read(
    executor: impl sqlx::PgExecutor<'_>,
    address: &Address,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>, Error> {
    let rows: Vec<EntryRow> = sqlx::query_as(statements::READ)
        .bind(sql::position(after))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(executor)
        .await
        .map_err(error("read", address))?;
    sql::entries(after, rows).map_err(|why| damaged(address, why))
}

/// Every book, by item number.
async fn books_of(connection: &mut PgConnection, address: &Address) -> Result<Vec<Book>, Error> {
    let mut books = Vec::new();
    let mut rows = sqlx::query_as::<_, BookRow>(statements::BOOKS).fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(error("read", address))? {
        books.push(sql::book(row).map_err(|why| damaged(address, why))?);
    }
    Ok(books)
}

impl super::Store for Store {
    fn load(&self) -> Result<StoreState, Error> {
        self.look(LOAD_MAX, async {
            let mut reader = self.readers.acquire().await.map_err(self.error())?;
            let mut snapshot = reader
                .begin_with(statements::BEGIN_SNAPSHOT)
                .await
                .map_err(self.error())?;
            let head = head_of(&mut *snapshot).await.map_err(self.error())?;
            let head = sql::seq(head).map_err(|why| damaged(&self.address, why))?;
            let restoring = session::get(&mut snapshot, sql::RESTORING).await;
            if restoring.map_err(self.error())?.as_deref() == Some(sql::YES) {
                return Err(Error::RestoreIncomplete {
                    store: self.address.to_string(),
                    head,
                });
            }
            let books = books_of(&mut snapshot, &self.address).await?;
            sql::loaded(self.id, head, books).map_err(|why| damaged(&self.address, why))
        })
    }

    fn read(&self, after: Seq, limit: usize) -> Result<Vec<Entry>, Error> {
        self.look(READ_MAX, read(&self.readers, &self.address, after, limit))
    }

    fn find(&self, order: OrderId, _among: RangeInclusive<Seq>) -> Result<Option<Entry>, Error> {
        self.look(READ_MAX, async {
            let row: Option<EntryRow> = sqlx::query_as(statements::FIND)
                .bind(sql::id_of(order))
                .fetch_optional(&self.readers)
                .await
                .map_err(self.error())?;
            row.map(|row| sql::entry_of(order, row).map_err(|why| damaged(&self.address, why)))
                .transpose()
        })
    }

    fn append(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        if entries.is_empty() {
            self.gate.change(|_| Ok(()))?;
            let last = self.look(READ_MAX, async { head_of(&self.readers).await.map_err(self.error()) })?;
            return if last == sql::position(head) {
                Ok(())
            } else {
                Err(Error::Conflict)
            };
        }
        // Said before it is so, as it may be seen before this call returns. Whoever was first finds out by the conflict.
        let last = entries.last().map_or(head, |entry| entry.seq);
        self.appended.store(last.0, Ordering::Relaxed);
        self.change(head, entries, Books::Follow)
            .inspect_err(|_| self.appended.store(head.0, Ordering::Relaxed))
    }

    fn import(&self, head: Seq, entries: &[Entry], books: &[Book]) -> Result<(), Error> {
        sql::check(books, &self.address.to_string())?;
        self.change(head, entries, Books::Become(books))
    }

    fn restore(&self, head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.change(head, entries, Books::Wait)
    }

    fn checkpoint(&self, _books: &[Book], _at: Seq) -> Result<(), Error> {
        // The books are kept with every batch.
        self.gate.change(|_| Ok(()))
    }

    fn put_blob(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.gate.change(|_| Ok(()))?;
        self.look(READ_MAX, async {
            let keeping = sqlx::query(statements::KEEP).bind(name).bind(content);
            keeping
                .execute(&self.readers)
                .await
                .map_err(error("write", &self.address))?;
            Ok(())
        })
    }

    fn get_blob(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        self.look(READ_MAX, async {
            let kept = sqlx::query_scalar(statements::KEPT).bind(name);
            kept.fetch_optional(&self.readers).await.map_err(self.error())
        })
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn wait_for_append(&self, after: Seq, patience: Duration) -> Result<Seq, Error> {
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Instant::now() + patience;
        self.blocking.run(async {
            let mut is_due = self.seen.load(Ordering::Relaxed) > after.0;
            loop {
                is_due |= ears.open(&self.readers).await;
                let left = until.saturating_duration_since(Instant::now());
                if is_due || left.is_zero() {
                    // Listening began before this look: nothing falls in between.
                    let head = tokio::time::timeout(READ_MAX, head_of(&self.readers)).await;
                    let head = head.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(self.error())?;
                    let head = sql::seq(head).map_err(|why| damaged(&self.address, why))?;
                    self.seen.store(head.0, Ordering::Relaxed);
                    let known = after.max(Seq(self.appended.load(Ordering::Relaxed)));
                    if head > known || left.is_zero() {
                        return Ok(head);
                    }
                }
                ears.wait(left).await;
                is_due = true;
            }
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Saying goodbye is polite, not needed: the server rolls back what a lost connection leaves.
        const GOODBYE_MAX: Duration = Duration::from_secs(1);
        let writer = self.gate.writer_mut().and_then(|writer| writer.connection.take());
        let ears = std::mem::replace(
            self.ears.get_mut().unwrap_or_else(PoisonError::into_inner),
            Ears::new(self.voice, false),
        );
        self.blocking.run(async {
            let _ = tokio::time::timeout(GOODBYE_MAX, async {
                drop(ears);
                self.readers.close().await;
                if let Some(connection) = writer {
                    let _ = connection.close().await;
                }
            })
            .await;
        });
    }
}
