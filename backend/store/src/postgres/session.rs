//! Connecting, checking the server's settings, and migrating the tables.

use std::time::Duration;

use common::{Entry, Seq, StoreId};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool};

use super::tx_error::{TxError, error, is_connection_lost};
use super::write::{Purpose, Transaction};
use super::{Address, books_of, damaged, head_of, meta, statements};
use crate::sql::{self, Batch, Engine, Found, Upgrade};
use crate::{Error, format_1};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections for reading, including the one that listens.
const READERS_MAX: u32 = 5;
/// Tries of a migration's step that collides with another process's.
const MIGRATION_TRIES_MAX: u32 = 20;
const MIGRATION_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Opens a connection for writing and refuses a server that may lose commits.
pub(super) async fn connect(address: &Address) -> Result<PgConnection, Error> {
    let failed = error("open", address);
    let refused = |why: &str| Error::Database {
        operation: "open",
        store: address.to_string(),
        why: why.to_owned(),
    };
    let options = address.options();
    let connecting = tokio::time::timeout(CONNECT_TIMEOUT, options.connect());
    let mut connection = match connecting.await {
        Ok(connected) => connected.map_err(&failed)?,
        Err(_) => {
            return Err(Error::Unavailable {
                store: address.to_string(),
                why: "no answer in time".to_owned(),
            });
        }
    };
    for setting in [statements::SYNCHRONOUS_COMMIT, statements::IDLE_TIMEOUT] {
        match sqlx::raw_sql(setting).execute(&mut connection).await {
            Err(sqlx::Error::Database(unknown)) if unknown.code().as_deref() == Some("42704") => {
                tracing::debug!(setting, "the server does not know the setting");
            }
            done => {
                done.map_err(&failed)?;
            }
        }
    }
    let fsync: Option<String> = sqlx::query_scalar(statements::FSYNC)
        .fetch_optional(&mut connection)
        .await
        .map_err(&failed)?;
    if fsync.as_deref() == Some("off") {
        return Err(refused(
            "the server runs with fsync=off and may lose committed data; turn fsync on",
        ));
    }
    Ok(connection)
}

/// A pool for reading that connects on demand.
pub(super) fn readers(address: &Address) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_lazy_with(address.options())
}

/// Migrates the tables and returns the store's id and what is known of its upgrade; without `create` the tables must exist
/// and be up to date. Several processes may migrate at once.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
    create: bool,
) -> Result<(StoreId, Upgrade), Error> {
    let failed = error("create the tables of", address);
    let tables: Vec<String> = sqlx::query_scalar(statements::TABLES)
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
    let has_meta = tables.iter().any(|table| table == "meta");
    let found = Found {
        has_tables: !tables.is_empty(),
        has_meta,
        version: match has_meta {
            true => meta::get(connection, "schema").await.map_err(&failed)?,
            false => None,
        },
    };
    for migration in sql::pending(Engine::Postgres, &found, create, &address.to_string())? {
        for statement in migration.statements {
            execute_idempotent(connection, &statement).await.map_err(&failed)?;
        }
        let id = StoreId::generate().to_string();
        meta::put(connection, statements::PUT_IF_ABSENT, "store", &id)
            .await
            .map_err(&failed)?;
        if migration.describes_books {
            upgrade(connection, address).await?;
        }
        let version = migration.version.to_string();
        meta::put(connection, sql::statements::PUT, "schema", &version)
            .await
            .map_err(&failed)?;
    }
    let id = meta::get(connection, "store").await.map_err(&failed)?;
    let id = id.and_then(|id| id.parse().ok());
    let upgrade = meta::get(connection, sql::UPGRADE).await.map_err(&failed)?;
    Ok((
        id.ok_or_else(|| damaged(address, "the store's id is missing".to_owned()))?,
        Upgrade::parse(upgrade.as_deref()).map_err(|why| damaged(address, why))?,
    ))
}

/// Appends entries that describe the books, unless another process has.
async fn upgrade(connection: &mut PgConnection, address: &Address) -> Result<(), Error> {
    let failed = error("upgrade", address);
    for _ in 0..MIGRATION_TRIES_MAX {
        let head = head_of(&mut *connection).await.map_err(&failed)?;
        let head = sql::seq_of(head).map_err(|why| damaged(address, why))?;
        if head == Seq::ZERO || meta::get(connection, sql::UPGRADE).await.map_err(&failed)?.is_some() {
            return Ok(());
        }
        let books = books_of(connection, address).await?;
        let entries: Vec<Entry> = format_1::upgrade_entries(head, &books).collect();
        let mut transaction = Transaction::new(address, Batch::new(head, &entries)?, Purpose::Upgrade);
        match transaction.run(connection).await {
            Ok(()) => {
                tracing::info!(books = books.len(), after = %head, "the store is upgraded to ledger format 2");
                return Ok(());
            }
            Err(TxError::HeadMoved | TxError::SerializationFailure(_)) => {
                tokio::time::sleep(MIGRATION_RETRY_DELAY).await;
            }
            Err(error) => return Err(error.into_error(address)),
        }
    }
    Err(Error::Conflict)
}

/// Runs an idempotent statement. Two processes that create the same table at once may collide in the system catalog; the
/// next try finds the table.
async fn execute_idempotent(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let result = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await;
        match result {
            Err(sqlx::Error::Database(error))
                if tries < MIGRATION_TRIES_MAX && is_collision(error.code().as_deref()) =>
            {
                tokio::time::sleep(MIGRATION_RETRY_DELAY).await;
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

/// Whether the engine supports `NOTIFY`; otherwise every process polls.
pub(super) async fn can_notify(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match sqlx::query(statements::NOTIFY).bind("").execute(connection).await {
        Ok(_) => Ok(true),
        Err(error) if is_connection_lost(&error) => Err(error),
        Err(error) => {
            tracing::info!(
                why = sql::message(&error),
                "the database does not support notifications; the ledger is polled"
            );
            Ok(false)
        }
    }
}
