//! The SQL of keys and secrets.

use sqlx::{PgConnection, PgExecutor, PgPool};

use crate::ids::KeyId;

/// Stores a wrapped data key.
pub(super) async fn insert_data_key(connection: &mut PgConnection, id: KeyId, wrapped: &str) -> sqlx::Result<()> {
    sqlx::query!("INSERT INTO data_keys (id, wrapped) VALUES ($1, $2)", id.0, wrapped)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a data key.
pub(super) async fn delete_data_key(connection: &mut PgConnection, id: KeyId) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM data_keys WHERE id = $1", id.0)
        .execute(connection)
        .await?;
    Ok(())
}

/// The wrapped data keys of these ids, as far as they still stand.
pub(super) async fn list_data_keys(db: impl PgExecutor<'_>, ids: &[KeyId]) -> sqlx::Result<Vec<(KeyId, String)>> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query!("SELECT id, wrapped FROM data_keys WHERE id = ANY($1)", &ids)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (KeyId(row.id), row.wrapped)).collect())
}

/// A sealed secret of the server.
pub(super) async fn find_server_secret(db: &PgPool, name: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT sealed FROM server_secrets WHERE name = $1", name)
        .fetch_optional(db)
        .await
}

/// Stores a secret unless there is one of that name; returns the one that stands.
pub(super) async fn insert_server_secret(db: &PgPool, name: &str, sealed: &str) -> sqlx::Result<String> {
    // The empty update makes RETURNING give the row that another node has stored.
    sqlx::query_scalar!(
        "INSERT INTO server_secrets (name, sealed) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING sealed",
        name,
        sealed
    )
    .fetch_one(db)
    .await
}
