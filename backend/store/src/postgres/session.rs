//! Connecting, and what is asked of a server before it is trusted.

use std::time::Duration;

use common::StoreId;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, PgPool};

use super::trouble::error;
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

/// How long a server may take to let somebody in.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How many readers there are at once, the one who listens among them.
const READERS_MAX: u32 = 5;
/// How often a step is tried that another process takes at the same moment.
const STEP_TRIES_MAX: u32 = 20;

/// A connection that may be written through.
pub(super) async fn connect(address: &Address) -> Result<PgConnection, Error> {
    let failed = error("open", address);
    let refused = |why: &str| Error::Database {
        operation: "open",
        store: address.to_string(),
        why: why.to_owned(),
    };
    let options = address.options();
    let connecting = tokio::time::timeout(CONNECT_MAX, options.connect());
    let mut connection = match connecting.await {
        Ok(connected) => connected.map_err(&failed)?,
        Err(_) => {
            return Err(Error::Unavailable {
                store: address.to_string(),
                why: "no answer in time".to_owned(),
            });
        }
    };
    for setting in [statements::SYNCHRONOUS, statements::IDLE] {
        match sqlx::raw_sql(setting).execute(&mut connection).await {
            Err(sqlx::Error::Database(unknown)) if unknown.code().as_deref() == Some("42704") => {
                tracing::debug!(setting, "the server knows no such setting");
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
            "the server runs with fsync=off and may lose what it calls durable; turn fsync on",
        ));
    }
    Ok(connection)
}

/// Connections for readers, made when they are needed.
pub(super) fn readers(address: &Address) -> PgPool {
    PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(CONNECT_MAX)
        .connect_lazy_with(address.options())
}

/// Brings the tables up to today's and gives the store's id, unless there are none and none are to be made. Several
/// processes may do so at once.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    address: &Address,
    makes_one: bool,
) -> Result<StoreId, Error> {
    let failed = error("make the tables of", address);
    let damaged = |why: &str| Error::DatabaseDamaged {
        store: address.to_string(),
        why: why.to_owned(),
    };
    let tables: Vec<String> = sqlx::query_scalar(statements::TABLES)
        .fetch_all(&mut *connection)
        .await
        .map_err(&failed)?;
    let is_ours = tables.iter().any(|table| table == "meta");
    if !is_ours && !tables.is_empty() {
        return Err(damaged("its tables are another program's"));
    }
    if !is_ours && !makes_one {
        return Err(Error::Missing(address.to_string()));
    }
    let version = match is_ours {
        true => get(connection, "schema").await.map_err(&failed)?,
        false => None,
    };
    let version = match version {
        Some(version) => version
            .parse()
            .map_err(|_| damaged(&format!("its tables are of the unknown version {version:?}")))?,
        None => 0,
    };
    for step in Migration::missing(&MIGRATIONS, version, &address.to_string())? {
        for statement in step.statements() {
            make(connection, &statement).await.map_err(&failed)?;
        }
        put(connection, statements::ADD, "store", &StoreId::generate().to_string())
            .await
            .map_err(&failed)?;
        put(connection, statements::PUT, "schema", &step.version.to_string())
            .await
            .map_err(&failed)?;
    }
    let id = get(connection, "store").await.map_err(&failed)?;
    id.and_then(|id| id.parse().ok())
        .ok_or_else(|| damaged("the store's id is missing"))
}

/// Runs a statement that does nothing where it was done before. Two that make the same table at once may collide in the
/// server's own tables; the second try finds it made.
async fn make(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let mut tries = 0;
    loop {
        tries += 1;
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut *connection).await;
        match done {
            Err(sqlx::Error::Database(error)) if tries < STEP_TRIES_MAX && collides(error.code().as_deref()) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            done => return done.map(drop),
        }
    }
}

fn collides(code: Option<&str>) -> bool {
    matches!(
        code,
        Some("23505" | "40001" | "40P01" | "42710" | "42P07" | "XX000" | "55006")
    )
}

/// Whether `NOTIFY` is understood. Where it is not, nobody is told, and everybody looks now and then.
pub(super) async fn can_notify(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    match sqlx::query(statements::NOTIFY).bind("").execute(connection).await {
        Ok(_) => Ok(true),
        Err(error) if super::trouble::is_lost(&error) => Err(error),
        Err(error) => {
            tracing::info!(
                why = sql::why(&error),
                "the database sends no notices; the ledger is polled"
            );
            Ok(false)
        }
    }
}

pub(super) async fn get(connection: &mut PgConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(statements::GET)
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
