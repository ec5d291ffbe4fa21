//! The SQL of friendships and blocks.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::model::{Contact, Contacts, Pair, Relation};
use crate::accounts::model::Author;
use crate::accounts::queries::{first_word, planning};
use crate::ids::{Change, RoomId, UserId};

/// Locks both people until the end of the transaction, so that what changes between them changes once at a time.
pub async fn lock_pair(connection: &mut PgConnection, pair: Pair) -> sqlx::Result<()> {
    sqlx::query!(
        "SELECT id FROM users WHERE id IN ($1, $2) ORDER BY id FOR NO KEY UPDATE",
        pair.lower.0,
        pair.higher.0
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

/// What `other` is to `me`.
pub async fn find_relation(db: impl PgExecutor<'_>, me: UserId, other: UserId) -> sqlx::Result<Relation> {
    let relations = list_relations(db, me, &[other]).await?;
    Ok(relations.first().map_or(Relation::Stranger, |(_, relation)| *relation))
}

/// What each of `others` is to `me`.
pub async fn list_relations(
    db: impl PgExecutor<'_>,
    me: UserId,
    others: &[UserId],
) -> sqlx::Result<Vec<(UserId, Relation)>> {
    let others: Vec<_> = others.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT o.id AS "other!: UserId", f.requester_id AS "requester?: UserId",
                  f.accepted_at IS NOT NULL AS "is_accepted!",
                  EXISTS (SELECT FROM blocks WHERE blocker_id = $1 AND blocked_id = o.id) AS "is_blocked!"
           FROM unnest($2::uuid[]) o(id)
           LEFT JOIN friendships f ON f.lower_id = LEAST($1, o.id) AND f.higher_id = GREATEST($1, o.id)"#,
        me.0,
        &others
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let relations = rows.map(|row| {
        let request = row.requester.map(|requester| (requester, row.is_accepted));
        (row.other, Relation::new(me, request, row.is_blocked))
    });
    Ok(relations.collect())
}

/// Deletes every friendship, request and block of a person, on both sides; the people with whom they were friends, or between
/// whom one asked.
pub async fn delete_ties(connection: &mut PgConnection, user: UserId) -> sqlx::Result<Vec<UserId>> {
    sqlx::query!("DELETE FROM blocks WHERE blocker_id = $1 OR blocked_id = $1", user.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar!(
        r#"DELETE FROM friendships WHERE lower_id = $1 OR higher_id = $1
           RETURNING CASE lower_id WHEN $1 THEN higher_id ELSE lower_id END AS "other!: UserId""#,
        user.0
    )
    .fetch_all(connection)
    .await
}

/// Notes that somebody asked.
pub async fn insert_request(
    connection: &mut PgConnection,
    pair: Pair,
    requester: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO friendships (lower_id, higher_id, requester_id, asked_at) VALUES ($1, $2, $3, $4)",
        pair.lower.0,
        pair.higher.0,
        requester.0,
        at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the other agreed.
pub async fn update_accepted(connection: &mut PgConnection, pair: Pair, at: DateTime<Utc>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE friendships SET accepted_at = $3 WHERE lower_id = $1 AND higher_id = $2",
        pair.lower.0,
        pair.higher.0,
        at as _
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends a friendship or a request.
pub async fn delete_friendship(connection: &mut PgConnection, pair: Pair) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM friendships WHERE lower_id = $1 AND higher_id = $2",
        pair.lower.0,
        pair.higher.0
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes a change of the direct chat of two people, if they have one, at which nothing stands in it: every node looks again
/// then whether it is open.
pub async fn take_direct_change(connection: &mut PgConnection, pair: Pair) -> sqlx::Result<Option<(RoomId, Change)>> {
    let row = sqlx::query!(
        r#"UPDATE rooms r SET last_change = last_change + 1 FROM direct_pairs d
           WHERE d.lower_id = $1 AND d.higher_id = $2 AND r.id = d.room_id
           RETURNING r.id AS "room: RoomId", r.last_change AS "change: Change""#,
        pair.lower.0,
        pair.higher.0
    );
    Ok(row.fetch_optional(connection).await?.map(|row| (row.room, row.change)))
}

/// The friends of each of these people, with whom they are.
pub async fn list_friends_of(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, UserId)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT lower_id AS "person!: UserId", higher_id AS "friend!: UserId" FROM friendships
           WHERE lower_id = ANY($1) AND accepted_at IS NOT NULL
           UNION ALL
           SELECT higher_id, lower_id FROM friendships WHERE higher_id = ANY($1) AND accepted_at IS NOT NULL"#,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.person, row.friend)).collect())
}

/// Between each of these people and whom there is a block, whichever of the two blocks the other.
pub async fn list_blocks_between(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, UserId)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT blocker_id AS "one!: UserId", blocked_id AS "other!: UserId" FROM blocks WHERE blocker_id = ANY($1)
           UNION ALL
           SELECT blocked_id, blocker_id FROM blocks WHERE blocked_id = ANY($1)"#,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.one, row.other)).collect())
}

/// Blocks somebody; false when they are blocked already.
pub async fn insert_block(
    connection: &mut PgConnection,
    me: UserId,
    other: UserId,
    at: DateTime<Utc>,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO blocks (blocker_id, blocked_id, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        me.0,
        other.0,
        at as _
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// Ends a block; false when there is none.
pub async fn delete_block(connection: &mut PgConnection, me: UserId, other: UserId) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2",
        me.0,
        other.0
    );
    Ok(done.execute(connection).await?.rows_affected() == 1)
}

/// Whom somebody blocks.
pub async fn list_blocked(db: impl PgExecutor<'_>, blocker: UserId) -> sqlx::Result<Vec<UserId>> {
    sqlx::query_scalar!(
        r#"SELECT blocked_id AS "id: UserId" FROM blocks WHERE blocker_id = $1 ORDER BY blocked_id"#,
        blocker.0
    )
    .fetch_all(db)
    .await
}

/// Of each of these people: how many requests wait for them.
pub async fn count_requests(db: impl PgExecutor<'_>, people: &[UserId]) -> sqlx::Result<Vec<(UserId, i64)>> {
    let people: Vec<_> = people.iter().map(|user| user.0).collect();
    let rows = sqlx::query!(
        r#"SELECT p.id AS "user!: UserId", (
               SELECT count(*) FROM (
                   SELECT requester_id FROM friendships
                   WHERE lower_id = p.id AND accepted_at IS NULL AND requester_id = higher_id
                   UNION ALL
                   SELECT requester_id FROM friendships
                   WHERE higher_id = p.id AND accepted_at IS NULL AND requester_id = lower_id
               ) f WHERE NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = p.id AND b.blocked_id = f.requester_id)
           ) AS "count!"
           FROM UNNEST($1::uuid[]) AS p (id)"#,
        &people
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    Ok(rows.map(|row| (row.user, row.count)).collect())
}

/// A page of somebody's people by username, after the one with key `after`.
pub async fn list_contacts(
    db: impl PgExecutor<'_>,
    me: UserId,
    list: Contacts,
    after: &str,
    limit: i64,
) -> sqlx::Result<Vec<Contact>> {
    let rows = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.username, a.name AS "name!", a.picture, f.since AS "since!: DateTime<Utc>",
                  CASE WHEN $4 = 'friends' AND NOT u.presence_hidden THEN u.last_seen_at END AS "last_seen: DateTime<Utc>"
           FROM (
               SELECT other, coalesce(accepted_at, asked_at) AS since FROM (
                   SELECT higher_id AS other, requester_id, asked_at, accepted_at FROM friendships WHERE lower_id = $1
                   UNION ALL
                   SELECT lower_id, requester_id, asked_at, accepted_at FROM friendships WHERE higher_id = $1
               ) f
               WHERE CASE $4 WHEN 'friends' THEN accepted_at IS NOT NULL
                             WHEN 'requested' THEN accepted_at IS NULL AND requester_id = $1
                             WHEN 'asking' THEN accepted_at IS NULL AND requester_id <> $1
                                  AND NOT EXISTS (SELECT FROM blocks b WHERE b.blocker_id = $1 AND b.blocked_id = other)
                             ELSE false END
               UNION ALL
               SELECT blocked_id, created_at FROM blocks WHERE blocker_id = $1 AND $4 = 'blocked'
           ) f JOIN users u ON u.id = f.other JOIN authors a ON a.id = f.other
           WHERE u.name_key > $2
           ORDER BY u.name_key LIMIT $3"#,
        me.0,
        after,
        limit,
        list.as_str()
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let contacts = rows.map(|row| Contact {
        person: Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
        relation: list.relation(),
        since: Some(row.since),
        last_seen: row.last_seen,
    });
    Ok(contacts.collect())
}

/// A page of the people whose username or shown name begins with `search` (folded), by username, after the one with key
/// `after`; not `me`. First and last name of somebody who goes by a display name are not searched: they are not shown. Each condition can use an index: a whole name begins with `search` only if the first name begins
/// with its first word.
pub async fn search(db: &PgPool, me: UserId, search: &str, after: &str, limit: i64) -> sqlx::Result<Vec<Contact>> {
    let mut connection = planning(db).await?;
    let rows = sqlx::query!(
        r#"SELECT u.id AS "id: UserId", u.username, a.name AS "name!", a.picture,
                  f.requester_id AS "requester?: UserId", f.accepted_at IS NOT NULL AS "is_accepted!",
                  EXISTS (SELECT FROM blocks b WHERE b.blocker_id = $5 AND b.blocked_id = u.id) AS "is_blocked!"
           FROM users u JOIN authors a ON a.id = u.id
           LEFT JOIN friendships f ON f.lower_id = LEAST(u.id, $5) AND f.higher_id = GREATEST(u.id, $5)
           WHERE u.name_key > $2 AND u.id <> $5 AND u.erased_at IS NULL
             AND (starts_with(u.name_key, $1) OR starts_with(u.display_key, $1)
                  OR u.display_key = '' AND starts_with(u.last_key, $1)
                  OR u.display_key = '' AND starts_with(u.first_key, $4)
                     AND starts_with(u.first_key || ' ' || u.last_key, $1))
           ORDER BY u.name_key LIMIT $3"#,
        search,
        after,
        limit,
        first_word(search),
        me.0
    )
    .fetch_all(&mut *connection)
    .await?;
    let contacts = rows.into_iter().map(|row| {
        let request = row.requester.map(|requester| (requester, row.is_accepted));
        let person = Author {
            id: row.id,
            username: row.username,
            name: row.name,
            picture: row.picture,
        };
        Contact {
            person,
            relation: Relation::new(me, request, row.is_blocked),
            since: None,
            last_seen: None,
        }
    });
    Ok(contacts.collect())
}
