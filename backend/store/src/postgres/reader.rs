//! A connection for reading.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

/// A connection of the pool, in a transaction if statements must see one state or run on one server. Dropping it ends the
/// transaction.
#[derive(Debug)]
pub(super) enum Reader {
    Connection(PoolConnection<Postgres>),
    Transaction(Transaction<'static, Postgres>),
}

impl Reader {
    pub(super) async fn of(pool: &PgPool, begin: Option<&'static str>) -> Result<Self, sqlx::Error> {
        Ok(match begin {
            Some(begin) => Self::Transaction(pool.begin_with(begin).await?),
            None => Self::Connection(pool.acquire().await?),
        })
    }

    /// Commits the transaction if there is one.
    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Connection(_) => Ok(()),
            Self::Transaction(transaction) => transaction.commit().await,
        }
    }
}

impl Deref for Reader {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}
