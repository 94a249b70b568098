//! Connects, and checks the server's settings.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions as _, PgConnection, PgPool, Row as _};

use super::address::Host;
use super::notices::Warnings;
use super::tx_error::{error, is_connection_lost, message};
use super::{Address, statements};
use crate::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The limit for each of several hosts, which must leave time before a purchase's deadline.
const HOST_TIMEOUT: Duration = Duration::from_secs(2);
/// After one host has accepted writes, how long other hosts may take to accept them too.
const RIVAL_TIMEOUT: Duration = Duration::from_millis(300);
/// pgbouncer's message about a setting that it does not track.
const REFUSED_PARAMETER: &str = "unsupported startup parameter";
/// How long a read waits for a connection.
const READER_TIMEOUT: Duration = Duration::from_secs(2);
/// The most connections for reading, including those that listen, hold the append lock, and hold the claim.
const READERS_MAX: u32 = 6;

/// Opens a connection for writing to the host that accepts writes, and refuses a server that may lose commits.
///
/// Connects to all hosts at once. After a promotion the former primary may accept writes for a while, and so does a standby
/// that an administrator promotes beside the primary.
///
/// Returns whether another host was used before.
pub(super) async fn connect(address: &Address, warnings: &Warnings) -> Result<(PgConnection, bool), Error> {
    let timeout = match address.has_several_hosts() {
        true => HOST_TIMEOUT,
        false => CONNECT_TIMEOUT,
    };
    let opening = |host: Host| async move {
        let opened = limited(address, timeout, open(&host, address)).await;
        (host, opened)
    };
    let mut hosts: FuturesUnordered<_> = address.hosts().map(opening).collect();
    let (mut writable, mut refusals, mut failure) = (Vec::new(), Vec::new(), None);
    let mut wait = timeout.saturating_mul(2);
    while let Ok(Some((host, opened))) = tokio::time::timeout(wait, hosts.next()).await {
        match opened {
            Ok(connection) => {
                writable.push((host, connection));
                wait = RIVAL_TIMEOUT;
            }
            Err(error @ (Error::Unavailable { .. } | Error::ReadOnly { .. })) => refusals.push(error),
            Err(error) => failure = Some(error),
        }
    }
    drop(hosts);
    let (host, mut connection) = match (writable.len(), failure) {
        (0, Some(failure)) => return Err(failure),
        (1, _) => writable.pop(),
        _ => choose(writable, address).await,
    }
    .ok_or_else(|| no_host(address, &refusals))?;
    let warning = if address.is_pooled() {
        statements::WARN_POOLED
    } else {
        statements::WARN
    };
    let warning = on_one_server(&mut connection, address, async |connection| {
        let warning = sqlx::raw_sql(warning).execute(connection).await;
        warning.map_err(error("open", address))
    });
    limited(address, timeout, warnings.prove(warning)).await?;
    let has_moved = address.use_host(&host);
    Ok((connection, has_moved))
}

/// Chooses the host that a failover made the primary: only its commits reach a standby.
async fn choose(writable: Vec<(Host, PgConnection)>, address: &Address) -> Option<(Host, PgConnection)> {
    let mut ranked = Vec::new();
    for (host, mut connection) in writable {
        let ranking = async {
            let row = sqlx::raw_sql(statements::RANK).fetch_one(&mut connection).await;
            let rank = row.and_then(|row| Ok((row.try_get::<bool, _>(0)?, row.try_get::<String, _>(1)?)));
            rank.map_err(error("open", address))
        };
        // An engine without these functions ranks last.
        let rank = limited(address, HOST_TIMEOUT, ranking).await.ok();
        ranked.push((rank, host, connection));
    }
    let names: Vec<String> = ranked.iter().map(|(_, host, _)| host.to_string()).collect();
    let (_, host, connection) = ranked.into_iter().max_by(|one, other| one.0.cmp(&other.0))?;
    tracing::warn!(hosts = names.join(", "), used = %host, "several hosts accept writes");
    Some((host, connection))
}

/// The error if no host accepts writes.
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

/// Connects to one host, detects a pooler, and checks the server's settings.
async fn open(host: &Host, address: &Address) -> Result<PgConnection, Error> {
    let failed = error("open", address);
    let mut connection = match host.options(address).connect().await {
        Err(sqlx::Error::Database(refused)) if refused.message().contains(REFUSED_PARAMETER) => {
            address.set_pooled();
            host.options(address).connect().await
        }
        connected => connected,
    }
    .map_err(&failed)?;
    if !address.is_pooled() {
        let direct = show(&mut connection, statements::DIRECT).await.map_err(&failed)?;
        match direct {
            Some(_) => set_session(&mut connection).await.map_err(&failed)?,
            None => address.set_pooled(),
        }
    }
    on_one_server(&mut connection, address, async |connection| {
        check_settings(connection, address).await
    })
    .await?;
    Ok(connection)
}

async fn set_session(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    for setting in statements::SETTINGS {
        match sqlx::raw_sql(setting).execute(&mut *connection).await {
            Err(sqlx::Error::Database(unknown)) if unknown.code().as_deref() == Some("42704") => {
                tracing::debug!(setting, "the server does not know the setting");
            }
            done => {
                done?;
            }
        }
    }
    Ok(())
}

async fn check_settings(connection: &mut PgConnection, address: &Address) -> Result<(), Error> {
    let failed = error("open", address);
    let refused = |why: String| Error::Database {
        operation: "open",
        store: address.to_string(),
        why,
    };
    if show(connection, statements::FSYNC).await.map_err(&failed)?.as_deref() == Some("off") {
        let why = "the server runs with fsync=off and may lose committed data; turn fsync on";
        return Err(refused(why.to_owned()));
    }
    if is_read_only(connection).await.map_err(&failed)? {
        return Err(Error::ReadOnly {
            store: address.to_string(),
            why: "the server is a standby or set read-only".to_owned(),
        });
    }
    match show(connection, statements::SYNCHRONOUS_COMMIT).await.map_err(failed)? {
        Some(other) if other != "on" => Err(refused(format!(
            "synchronous_commit is {other} although the session sets it; a proxy changes the statements on their way"
        ))),
        _ => Ok(()),
    }
}

/// Reads a single text with a simple query, which a pooler forwards as one message.
async fn show(connection: &mut PgConnection, statement: &'static str) -> Result<Option<String>, sqlx::Error> {
    let row = sqlx::raw_sql(statement).fetch_optional(connection).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// The statements that begin a transaction.
pub(super) fn begin(address: &Address) -> &'static str {
    match address.is_pooled() {
        true => statements::BEGIN_POOLED,
        false => statements::BEGIN,
    }
}

/// Runs an operation of several messages on one connection to the server. A pooler may use another one for each transaction.
pub(super) async fn on_one_server<T>(
    connection: &mut PgConnection,
    address: &Address,
    operation: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
) -> Result<T, Error> {
    if !address.is_pooled() {
        return operation(connection).await;
    }
    let run = async |connection: &mut PgConnection, statement| {
        let done = sqlx::raw_sql(statement).execute(connection).await;
        done.map_err(error("use", address))
    };
    run(connection, statements::BEGIN_POOLED).await?;
    let done = operation(connection).await;
    let end = if done.is_ok() {
        statements::COMMIT
    } else {
        statements::ROLLBACK
    };
    run(connection, end).await?;
    done
}

/// Runs an operation; [`Error::Unavailable`] after `timeout`.
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
    let (has_several_hosts, current) = (address.has_several_hosts(), address.clone());
    PgPoolOptions::new()
        .max_connections(READERS_MAX)
        .acquire_timeout(READER_TIMEOUT)
        .before_acquire(move |_, connection| {
            // The former primary may still answer, but lacks later entries.
            let is_current = current.is_current(connection.age);
            Box::pin(async move { Ok(is_current) })
        })
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
    Ok(show(connection, statements::READ_ONLY).await?.as_deref() == Some("on"))
}

/// Whether the engine supports `NOTIFY`. Otherwise every process polls.
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
