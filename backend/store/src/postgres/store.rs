//! The contract of a store, implemented by a database.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::wire::Book;
use common::{Entry, Epoch, OrderId, Seq, StoreId};
use uuid::Uuid;

use super::history::{EntryKey, read_history};
use super::queries::books_of;
use super::tx_error::error;
use super::write::Purpose;
use super::{LOAD_TIMEOUT, PostgresStore, QUERY_TIMEOUT, damaged, meta, statements};
use crate::sql::{self, EntryRow};
use crate::{Error, Store, StoreState};

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
            // The last entry is set when it is confirmed.
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

    fn append(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        let Some(last) = entries.last() else {
            return self.check_head(expected_head);
        };
        // Set before the commit: `wait_for_append` may find the entries before this call returns.
        self.appended.store(last.seq.0, Ordering::Relaxed);
        self.write(expected_head, entries, Purpose::Append)
            .inspect_err(|_| self.appended.store(expected_head.0, Ordering::Relaxed))?;
        self.set_last(EntryKey::from(last));
        Ok(())
    }

    fn confirm(&self, last: &Entry) -> Result<(), Error> {
        self.confirm_entry(last)
    }

    fn claim(&self) -> Result<(), Error> {
        self.take_claim_lock()
    }

    fn lock_appends(&self, timeout: Duration) -> Result<(), Error> {
        self.take_append_lock(timeout)
    }

    fn unlock_appends(&self) {
        self.release_append_lock();
    }

    fn replace_id(&self, old: StoreId) -> Result<(), Error> {
        self.write_new_id(old)
    }

    fn restore(&self, expected_head: Seq, entries: &[Entry]) -> Result<(), Error> {
        self.write(expected_head, entries, Purpose::Restore)
    }

    fn checkpoint(&self, books: &[Book], at: Seq) -> Result<(), Error> {
        // Every batch updates the table of books, except during a restore.
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
        self.wait_for_foreign_append(after, timeout)
    }
}
