//! Creates and upgrades the tables.

use std::time::Duration;

use common::{Entry, Seq, StoreId};
use sqlx::{AssertSqlSafe, PgConnection};

use super::history::{History, read_history};
use super::notices::Warnings;
use super::queries::{books_of, head_of};
use super::session::limited;
use super::tx_error::{TxError, error};
use super::write::{Purpose, Transaction};
use super::{Address, CATALOG_TIMEOUT, QUERY_TIMEOUT, damaged, meta, statements};
use crate::sql::{self, Engine, Found, Migration, SqlBatch, Upgrade};
use crate::{Error, format_1};

/// The most attempts of a step that collides with another process.
const TRIES_MAX: u32 = 20;
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Migrates the tables; returns the history and the record of its upgrade. Without `create` the tables must exist and be up to
/// date. Several processes may migrate at once.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
    warnings: &Warnings,
    create: bool,
) -> Result<(History, Upgrade), Error> {
    let finding = find_tables(connection, address);
    let (found, has_entries) = limited(address, QUERY_TIMEOUT, finding).await?;
    let pending = sql::pending(Engine::Postgres, &found, create, &address.to_string())?;
    if !pending.is_empty() && address.is_pooled() {
        return Err(Error::Database {
            operation: "create or upgrade the tables of",
            store: address.to_string(),
            why: "the connection leads through a pooler; start a catalog once with the server's own address".to_owned(),
        });
    }
    if !pending.is_empty() {
        let migrating = run_migrations(pending, has_entries, connection, address, warnings);
        limited(address, CATALOG_TIMEOUT, migrating).await?;
    }
    let reading = async {
        let upgrade = meta::get(connection, sql::UPGRADE).await;
        let upgrade = upgrade.map_err(error("read", address))?;
        let upgrade = Upgrade::parse(upgrade.as_deref()).map_err(|why| damaged(address, why))?;
        Ok((read_history(connection, address).await?, upgrade))
    };
    limited(address, QUERY_TIMEOUT, reading).await
}

/// Returns the state of the tables, and whether the ledger had entries before the version was read: these entries are of that
/// version, even if other processes migrate meanwhile.
async fn find_tables(connection: &mut PgConnection, address: &Address) -> Result<(Found, bool), Error> {
    let failed = error("read", address);
    let tables: Vec<String> = sqlx::query_scalar(statements::TABLES)
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let has_entries = has("meta") && has("ledger") && head_of(&mut *connection).await.map_err(&failed)? > 0;
    let version = match has("meta") {
        true => meta::get(connection, "schema").await.map_err(&failed)?,
        false => None,
    };
    let found = Found {
        has_tables: !tables.is_empty(),
        has_meta: has("meta"),
        version,
    };
    Ok((found, has_entries))
}

async fn run_migrations(
    pending: Vec<Migration>,
    has_entries: bool,
    connection: &mut PgConnection,
    address: &Address,
    warnings: &Warnings,
) -> Result<(), Error> {
    let failed = error("create the tables of", address);
    for migration in pending {
        for statement in migration.statements {
            execute_idempotent(connection, &statement).await.map_err(&failed)?;
        }
        let id = StoreId::generate().to_string();
        meta::put(connection, statements::PUT_IF_ABSENT, "store", &id)
            .await
            .map_err(&failed)?;
        if migration.describes_books && has_entries {
            upgrade(connection, address, warnings).await?;
        }
        let version = migration.version.to_string();
        meta::put(connection, sql::statements::PUT, "schema", &version)
            .await
            .map_err(&failed)?;
    }
    Ok(())
}

/// Appends entries that describe the books, unless another process has done so.
async fn upgrade(connection: &mut PgConnection, address: &Address, warnings: &Warnings) -> Result<(), Error> {
    let failed = error("upgrade", address);
    for _ in 0..TRIES_MAX {
        let head = head_of(&mut *connection).await.map_err(&failed)?;
        let head = sql::seq_of(head).map_err(|why| damaged(address, why))?;
        if head == Seq::ZERO || meta::get(connection, sql::UPGRADE).await.map_err(&failed)?.is_some() {
            return Ok(());
        }
        let books = books_of(connection, address).await?;
        let entries: Vec<Entry> = format_1::upgrade_entries(head, &books).collect();
        let history = read_history(connection, address).await?;
        let mut transaction = Transaction::new(address, SqlBatch::new(head, &entries)?, Purpose::Upgrade, history);
        // No confirmation here: a catalog confirms the last entry after it has opened the store.
        match transaction.run(connection, warnings).await {
            Ok(_) => {
                tracing::info!(books = books.len(), after = %head, "the store is upgraded to ledger format 2");
                return Ok(());
            }
            Err(TxError::HeadMoved | TxError::SerializationFailure(_)) => {
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Err(error) => return Err(error.into_error(address)),
        }
    }
    Err(Error::Conflict)
}

/// Runs an idempotent statement. Processes that create the same table at once may collide in the system catalog; the next
/// attempt finds the table.
async fn execute_idempotent(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await;
        match result {
            Err(sqlx::Error::Database(error)) if tries < TRIES_MAX && is_collision(error.code().as_deref()) => {
                tokio::time::sleep(RETRY_DELAY).await;
            }
            result => return result.map(drop),
        }
    }
}

fn is_collision(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("23505" | "40001" | "40P01" | "42710" | "42P07" | "XX000" | "55006")
    )
}
