//! Connecting, checking the server's settings, and migrating the tables.

use std::time::Duration;

use common::{Entry, Seq, StoreId};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool};

use super::history::{History, read_history};
use super::notices::Warnings;
use super::tx_error::{TxError, error, is_connection_lost, message};
use super::write::{Purpose, Transaction};
use super::{Address, CATALOG_TIMEOUT, QUERY_TIMEOUT, books_of, damaged, head_of, meta, statements};
use crate::sql::{self, Batch, Engine, Found, Migration, Upgrade};
use crate::{Error, format_1};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For one of several hosts, which may all have to be tried before a purchase's deadline.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// The wait for a connection for reading.
const READER_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections for reading, including the ones that listen, hold a turn, and hold a claim.
const READERS_MAX: u32 = 6;
/// Tries of a migration's step that collides with another process's.
const MIGRATION_TRIES_MAX: u32 = 20;
const MIGRATION_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Opens a connection for writing to the first host that accepts writes, and refuses a server that may lose commits.
pub(super) async fn connect(address: &Address, warnings: &Warnings) -> Result<PgConnection, Error> {
    let timeout = match address.has_several_hosts() {
        true => HOST_TIMEOUT,
        false => CONNECT_TIMEOUT,
    };
    let mut refusals = Vec::new();
    for host in address.hosts() {
        let connecting = async {
            let connection = host.options.connect().await;
            let mut connection = connection.map_err(error("open", address))?;
            prepare(&mut connection, address, warnings).await?;
            Ok(connection)
        };
        match limited(address, timeout, connecting).await {
            Ok(connection) => {
                address.use_host(&host);
                return Ok(connection);
            }
            Err(error @ (Error::Unavailable { .. } | Error::ReadOnly { .. })) => refusals.push(error),
            Err(error) => return Err(error),
        }
    }
    Err(no_host(address, &refusals))
}

/// Why no host can be used.
fn no_host(address: &Address, refusals: &[Error]) -> Error {
    let store = address.to_string();
    let whys = refusals.iter().filter_map(|error| match error {
        Error::Unavailable { why, .. } | Error::ReadOnly { why, .. } => Some(why.as_str()),
        _ => None,
    });
    let why = whys.collect::<Vec<_>>().join("; ");
    match refusals.iter().all(|error| matches!(error, Error::ReadOnly { .. })) {
        true => Error::ReadOnly { store, why },
        false => Error::Unavailable { store, why },
    }
}

async fn prepare(connection: &mut PgConnection, address: &Address, warnings: &Warnings) -> Result<(), Error> {
    let failed = error("open", address);
    for setting in [
        statements::SYNCHRONOUS_COMMIT,
        statements::ISOLATION,
        statements::IDLE_TIMEOUT,
        statements::LOCK_TIMEOUT,
        statements::CLIENT_MIN_MESSAGES,
    ] {
        match sqlx::raw_sql(setting).execute(&mut *connection).await {
            Err(sqlx::Error::Database(unknown)) if unknown.code().as_deref() == Some("42704") => {
                tracing::debug!(setting, "the server does not know the setting");
            }
            done => {
                done.map_err(&failed)?;
            }
        }
    }
    let fsync: Option<String> = sqlx::query_scalar(statements::FSYNC)
        .fetch_optional(&mut *connection)
        .await
        .map_err(&failed)?;
    if fsync.as_deref() == Some("off") {
        return Err(Error::Database {
            operation: "open",
            store: address.to_string(),
            why: "the server runs with fsync=off and may lose committed data; turn fsync on".to_owned(),
        });
    }
    if is_read_only(connection).await.map_err(&failed)? {
        return Err(Error::ReadOnly {
            store: address.to_string(),
            why: "the server is a standby or set read-only".to_owned(),
        });
    }
    let warning = sqlx::raw_sql(statements::WARN).execute(connection);
    warnings.prove(warning).await.map_err(failed)?;
    Ok(())
}

/// The result of an operation, or that it took too long.
pub(super) async fn limited<T>(
    address: &Address,
    timeout: Duration,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(timeout, operation).await {
        Ok(result) => result,
        Err(_) => Err(Error::Unavailable {
            store: address.to_string(),
            why: format!("no answer within {} s", timeout.as_secs()),
        }),
    }
}

/// A pool for reading that connects on demand.
pub(super) fn readers(address: &Address) -> PgPool {
    let has_several_hosts = address.has_several_hosts();
    PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(READER_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                // A host that has become a standby may lack entries.
                match has_several_hosts && is_read_only(connection).await? {
                    true => Err(sqlx::Error::Protocol("the host accepts no writes".to_owned())),
                    false => Ok(()),
                }
            })
        })
        .connect_lazy_with(address.options())
}

async fn is_read_only(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let is_read_only: String = sqlx::query_scalar(statements::READ_ONLY).fetch_one(connection).await?;
    Ok(is_read_only == "on")
}

/// Migrates the tables and returns the history and what is known of its upgrade; without `create` the tables must exist
/// and be up to date. Several processes may migrate at once.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
    warnings: &Warnings,
    create: bool,
) -> Result<(History, Upgrade), Error> {
    let finding = find_tables(connection, address);
    let (found, has_entries) = limited(address, QUERY_TIMEOUT, finding).await?;
    let pending = sql::pending(Engine::Postgres, &found, create, &address.to_string())?;
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

/// What the database contains, and whether its ledger had entries before its version was read: then they are of that
/// version, however many other processes migrate meanwhile.
async fn find_tables(connection: &mut PgConnection, address: &Address) -> Result<(Found, bool), Error> {
    let failed = error("read", address);
    let tables: Vec<String> = sqlx::query_scalar(statements::TABLES)
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

/// Appends entries that describe the books, unless another process has.
async fn upgrade(connection: &mut PgConnection, address: &Address, warnings: &Warnings) -> Result<(), Error> {
    let failed = error("upgrade", address);
    for _ in 0..MIGRATION_TRIES_MAX {
        let head = head_of(&mut *connection).await.map_err(&failed)?;
        let head = sql::seq_of(head).map_err(|why| damaged(address, why))?;
        if head == Seq::ZERO || meta::get(connection, sql::UPGRADE).await.map_err(&failed)?.is_some() {
            return Ok(());
        }
        let books = books_of(connection, address).await?;
        let entries: Vec<Entry> = format_1::upgrade_entries(head, &books).collect();
        let history = read_history(connection, address).await?;
        let mut transaction = Transaction::new(address, Batch::new(head, &entries)?, Purpose::Upgrade, history);
        // A catalog confirms the last entry when it opens the store.
        match transaction.run(connection, warnings).await {
            Ok(_) => {
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
    match sqlx::raw_sql(statements::TRY_NOTIFY).execute(&mut *connection).await {
        Ok(_) => Ok(true),
        Err(error) if is_connection_lost(&error) => Err(error),
        Err(error) => {
            tracing::info!(
                why = message(&error),
                "the database does not support notifications; the ledger is polled"
            );
            sqlx::raw_sql(statements::ROLLBACK).execute(connection).await?;
            Ok(false)
        }
    }
}
