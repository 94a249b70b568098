//! Values by key in the table `meta`.

use sqlx::PgConnection;

use crate::sql;

pub(super) async fn get(connection: &mut PgConnection, key: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(sql::statements::GET)
        .bind(key)
        .persistent(false)
        .fetch_optional(connection)
        .await
}

pub(super) async fn put(
    connection: &mut PgConnection,
    statement: &'static str,
    key: &str,
    value: &str,
) -> Result<(), sqlx::Error> {
    let put = sqlx::query(statement).bind(key).bind(value).persistent(false);
    put.execute(connection).await?;
    Ok(())
}
