//! In how many rooms a person may be.

use reqwest::StatusCode;
use sqlx::PgPool;

use crate::invitations::link;
use crate::own_rooms::{befriend, make_room, open_direct};
use crate::support::{Cast, Person, Server, spawn};

/// Puts somebody into so many rooms of strangers, or makes them their owner.
pub async fn fill(server: &Server, username: &str, role: &str, rooms: i32) {
    let sql = format!(
        "WITH made AS (
             INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id)
             SELECT gen_random_uuid(), n, n, 'Room', '', 'group', (SELECT id FROM data_keys LIMIT 1)
             FROM (SELECT gen_random_uuid()::text AS n FROM generate_series(1, {rooms})) s RETURNING id
         )
         INSERT INTO members (room_id, user_id, role)
         SELECT made.id, u.id, '{role}' FROM made, users u WHERE u.username = '{username}'"
    );
    sqlx::raw_sql(&sql).execute(&server.pool).await.unwrap();
}

/// What a form is answered that is not done; it must say this.
async fn refused(person: &Person, path: &str, fields: &[(&str, &str)], sentence: &str) {
    let answer = person.post(path, fields).await;
    assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
    let page = answer.text().await.unwrap();
    assert!(page.contains(sentence), "{path}: {page}");
}

async fn rooms_of(server: &Server, username: &str) -> i64 {
    let sql = "SELECT count(*) FROM members m JOIN users u ON u.id = m.user_id WHERE u.username = $1";
    let count = sqlx::query_scalar(sql).bind(username);
    count.fetch_one(&server.pool).await.unwrap()
}

#[sqlx::test]
async fn nobody_owns_more_than_200_rooms(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    befriend(&alice, &bob).await;
    fill(&server, "alice", "owner", 199).await;
    make_room(&alice, "the last", &[]).await;
    let fields = [("title", "one more"), ("topic", "kept")];
    refused(&alice, "/chat/rooms", &fields, "You own 200 rooms already.").await;
    refused(&alice, "/chat/rooms", &fields, r#"value="one more""#).await;
    // Nor is she made one: why not is her own affair.
    let slug = make_room(&bob, "of Bob", &[("kind", "group"), ("members", "alice")]).await;
    let role = format!("/chat/room/{slug}/members/alice/role");
    refused(&bob, &role, &[("role", "owner")], "They cannot be made an owner").await;
    assert_eq!(
        bob.post(&role, &[("role", "moderator")]).await.status(),
        StatusCode::SEE_OTHER
    );
    // Whoever comes next inherits a room all the same.
    assert_eq!(
        bob.post(&format!("/chat/room/{slug}/leave"), &[]).await.status(),
        StatusCode::SEE_OTHER
    );
    let owned: i64 = sqlx::query_scalar("SELECT count(*) FROM members WHERE role = 'owner'")
        .fetch_one(&server.pool)
        .await
        .unwrap();
    assert_eq!(owned, 201, "a room that is inherited keeps an owner");
}

#[sqlx::test]
async fn nobody_is_in_more_than_500_rooms_that_are_not_public(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast {
        admin,
        alice,
        bob,
        charlie,
    } = server.cast().await;
    befriend(&alice, &bob).await;
    befriend(&alice, &charlie).await;
    let private = make_room(&bob, "by invitation", &[]).await;
    let group = make_room(&alice, "by adding", &[("kind", "group")]).await;
    let link = link(&bob, &private, "never", "").await;
    bob.post(&format!("/chat/room/{private}/members"), &[("username", "alice")])
        .await;

    fill(&server, "alice", "member", 499).await;
    let before = rooms_of(&server, "alice").await;
    let full = "You are in 500 rooms already. Leave one of them first.";
    refused(&alice, "/chat/rooms", &[("title", "one more")], full).await;
    refused(&alice, &format!("/invitations/{private}/accept"), &[], full).await;
    refused(&alice, &link, &[], full).await;
    refused(&alice, "/chat/with/bob", &[], full).await;
    refused(
        &bob,
        "/chat/with/alice",
        &[],
        "A chat with alice Test cannot be opened now.",
    )
    .await;
    let chosen = [("title", "a group"), ("kind", "group"), ("members", "alice")];
    refused(
        &bob,
        "/chat/rooms",
        &chosen,
        "alice Test cannot be added. Leave them out.",
    )
    .await;
    // To somebody who is added by others the same, and nothing of why.
    let slug = make_room(&bob, "of Bob", &[("kind", "group")]).await;
    let add = format!("/chat/room/{slug}/members");
    refused(
        &bob,
        &add,
        &[("username", "alice")],
        "They cannot be added to this room.",
    )
    .await;
    assert_eq!(rooms_of(&server, "alice").await, before);
    // Who is in a room is led into it as ever, and others are not concerned.
    let again = alice
        .post(&format!("/chat/room/{group}/members"), &[("username", "charlie")])
        .await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);

    // Public rooms do not count, and a place is free again at once.
    admin.make_room("Astro").await;
    alice.join("Astro").await;
    alice.post(&format!("/chat/room/{group}/leave"), &[]).await;
    let answer = alice.post(&link, &[]).await;
    assert_eq!(answer.headers()["location"], format!("/chat/room/{private}"));
    let answer = alice.post(&link, &[]).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "who is in it already");
    refused(&alice, "/chat/with/bob", &[], full).await;
    alice.post(&format!("/chat/room/{private}/leave"), &[]).await;
    open_direct(&alice, "bob").await;
}

/// The side bar counts in all 500 rooms of one's own, and in the public ones that it lists.
#[sqlx::test]
async fn unread_is_counted_in_every_room_that_is_listed(pool: PgPool) {
    let server = spawn(pool).await;
    let Cast { alice, bob, .. } = server.cast().await;
    let sql = "INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id)
             SELECT gen_random_uuid(), 'a' || n, 'a' || n, 'a' || n, '', 'public', (SELECT id FROM data_keys LIMIT 1)
             FROM generate_series(1, 600) n;
         INSERT INTO members (room_id, user_id, role)
             SELECT r.id, u.id, 'member' FROM rooms r, users u WHERE r.slug_key LIKE 'a%' AND u.username = 'alice'";
    sqlx::raw_sql(sql).execute(&server.pool).await.unwrap();
    fill(&server, "alice", "member", 498).await;
    let slug = make_room(&alice, "zz", &[]).await;
    befriend(&alice, &bob).await;
    let direct = open_direct(&alice, "bob").await;
    bob.write(&direct, "one").await;
    let page = alice.page("/chat/").await;
    assert_eq!(page.matches(r#" data-unread=""#).count(), 1_000);
    assert!(page.contains(r#"<span class="badge mine">1</span>"#) && page.contains(&slug));
}
