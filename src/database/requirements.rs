//! What a database must be, seen at the start: text in UTF-8.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Row};

/// Connects and looks; a database that will not do is an error of the configuration.
pub(super) async fn check(options: &PgConnectOptions) -> sqlx::Result<()> {
    let mut connection = options.connect().await?;
    let encoding = ask(&mut connection, "SHOW server_encoding").await?;
    if encoding != "UTF8" {
        return Err(unfit(format!(
            "its encoding is {encoding} instead of UTF8: make another with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE \
             template0"
        )));
    }
    connection.close().await
}

/// The one text that this statement answers.
async fn ask(connection: &mut PgConnection, statement: &str) -> sqlx::Result<String> {
    sqlx::raw_sql(statement).fetch_one(connection).await?.try_get(0)
}

fn unfit(reason: String) -> sqlx::Error {
    sqlx::Error::Configuration(reason.into())
}
