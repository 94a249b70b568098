//! Connecting, checking the server's settings, and migrating the tables.

use std::time::Duration;

use common::StoreId;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool};

use super::tx_error::{error, is_connection_lost};
use super::{Address, statements};
use crate::Error;
use crate::sql::{self, Migration};

const MIGRATIONS: [Migration; 2] = [
    Migration {
        version: 1,
        sql: include_str!("0001_ledger.sql"),
    },
    Migration {
        version: 2,
        sql: include_str!("0002_notes.sql"),
    },
];

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections for reading, including the one that listens.
const READERS_MAX: u32 = 5;
/// Tries of a migration's statement that collides with another process's.
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

/// Migrates the tables and returns the store's id; without `create` the tables must exist. Several processes may migrate at
/// once.
pub(super) async fn migrate(connection: &mut PgConnection, address: &Address, create: bool) -> Result<StoreId, Error> {
    let failed = error("create the tables of", address);
    let damaged = |why: &str| Error::DatabaseDamaged {
        store: address.to_string(),
        why: why.to_owned(),
    };
    let tables: Vec<String> = sqlx::query_scalar(statements::TABLES)
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
    let exists = tables.iter().any(|table| table == "meta");
    if !exists && !tables.is_empty() {
        return Err(damaged("its tables are another program's"));
    }
    if !exists && !create {
        return Err(Error::Missing(address.to_string()));
    }
    let version = match exists {
        true => get(connection, "schema").await.map_err(&failed)?,
        false => None,
    };
    for migration in Migration::pending(&MIGRATIONS, version.as_deref(), &address.to_string())? {
        for statement in migration.statements() {
            execute_idempotent(connection, &statement).await.map_err(&failed)?;
        }
        put(
            connection,
            statements::PUT_IF_ABSENT,
            "store",
            &StoreId::generate().to_string(),
        )
        .await
        .map_err(&failed)?;
        put(
            connection,
            sql::statements::PUT,
            "schema",
            &migration.version.to_string(),
        )
        .await
        .map_err(&failed)?;
    }
    let id = get(connection, "store").await.map_err(&failed)?;
    id.and_then(|id| id.parse().ok())
        .ok_or_else(|| damaged("the store's id is missing"))
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

pub(super) async fn get(connection: &mut PgConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(sql::statements::GET)
        .bind(key)
        .fetch_optional(connection)
        .await
}

pub(super) async fn put(
    connection: &mut PgConnection,
    statement: &'static str,
    key: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(statement).bind(key).bind(value).execute(connection).await?;
    Ok(())
}
