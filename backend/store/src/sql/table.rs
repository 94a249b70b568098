//! Declares the columns of a table once, and binds and reads its rows.

use rusqlite::types::{FromSql as _, FromSqlResult, ValueRef};
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use uuid::Uuid;

/// A column's name and its type in PostgreSQL.
pub(crate) type Column = (&'static str, &'static str);

/// Declares a table: the list of its columns, and the type of a row, which borrows its texts. Every statement has the columns
/// in this order.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $list:ident, $row:ident:
        $($column:ident: $type:ty = $postgres:literal;)*
    ) => {
        $(#[$doc])*
        pub(crate) const $list: &[Column] = &[$((stringify!($column), $postgres)),*];

        /// A row of the table.
        #[derive(Debug, Clone, Copy)]
        pub(crate) struct $row<'a> {
            $(pub(crate) $column: $type,)*
        }

        impl<'a> $row<'a> {
            /// Binds the columns to the first parameters of a SQLite statement and returns the number of columns.
            pub(crate) fn bind_to_sqlite(&self, statement: &mut Statement<'_>) -> rusqlite::Result<usize> {
                let mut parameter = 0;
                $(
                    parameter += 1;
                    statement.raw_bind_parameter(parameter, self.$column)?;
                )*
                Ok(parameter)
            }

            /// Binds one array for each column to a PostgreSQL statement.
            pub(crate) fn bind_to<'q>(rows: &[Self], query: PgQuery<'q>) -> PgQuery<'q>
            where
                'a: 'q,
            {
                $(let query = query.bind(rows.iter().map(|row| row.$column).collect::<Vec<_>>());)*
                query
            }

            /// Reads a row of a SQLite query.
            pub(crate) fn from_sqlite(row: &'a rusqlite::Row<'_>) -> rusqlite::Result<Self> {
                let mut next = 0..;
                Ok(Self { $($column: sqlite_column(row, next.next())?,)* })
            }

            /// Reads a row of a PostgreSQL query.
            pub(crate) fn from_postgres(row: &'a PgRow) -> Result<Self, sqlx::Error> {
                let mut next = 0..;
                Ok(Self { $($column: row.try_get(next.next().unwrap_or_default())?,)* })
            }
        }
    };
}

/// A PostgreSQL statement and its bound parameters.
pub(crate) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

pub(super) use table;

/// The type of a SQLite column; it may borrow from its row.
pub(super) trait SqliteColumn<'a>: Sized {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self>;
}

impl<'a> SqliteColumn<'a> for i64 {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        value.as_i64()
    }
}

impl<'a> SqliteColumn<'a> for &'a str {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        value.as_str()
    }
}

impl<'a> SqliteColumn<'a> for Uuid {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        Self::column_result(value)
    }
}

impl<'a, T: SqliteColumn<'a>> SqliteColumn<'a> for Option<T> {
    fn from_value(value: ValueRef<'a>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Null => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }
}

pub(super) fn sqlite_column<'a, T: SqliteColumn<'a>>(
    row: &'a rusqlite::Row<'_>,
    index: Option<usize>,
) -> rusqlite::Result<T> {
    let index = index.unwrap_or_default();
    let value = row.get_ref(index)?;
    T::from_value(value)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, value.data_type(), error.into()))
}
