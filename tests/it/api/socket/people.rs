//! What a program hears of the people in its rooms.

use std::time::Duration;

use image::ImageFormat;
use serde_json::{Value, json};
use sqlx::PgPool;

use super::{any, hear, hears_nothing, next, post, socket_of, subscribe};
use crate::api::Program;
use crate::nodes::{at, two};
use crate::pictures::{give, picture};
use crate::receipts::fill;
use crate::support::{Socket, done, spawn};

/// The next frame about who comes and goes.
async fn presence(socket: &mut Socket) -> Value {
    let frame = any(socket).await;
    assert_eq!(frame["type"], "presence", "{frame}");
    frame
}

/// That somebody came or went.
fn of(room: &str, username: &str, online: bool) -> Value {
    json!({"type": "presence", "room_id": room, "username": username, "online": online})
}

#[sqlx::test]
async fn programs_are_told_on_every_node_who_has_another_name(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let (alice, bob) = (Program::of(&first, "alice").await, Program::of(&first, "bob").await);
    let (general, den) = (alice.room("General").await, alice.make_room("Den", &[]).await);
    let mut here = socket_of(&alice).await;
    let mut elsewhere = socket_of(&bob.at(&second)).await;
    for room in [&den, &general] {
        subscribe(&mut here, room).await;
    }
    subscribe(&mut elsewhere, &general).await;
    let profile = [("display_name", "Bobby"), ("first_name", "Bob"), ("last_name", "Test")];
    done(cast.bob.post("/settings/profile", &profile).await).await;
    let changed = json!({
        "type": "author_changed", "room_id": general, "username": "bob", "name": "Bobby", "picture": null,
    });
    for socket in [&mut here, &mut elsewhere] {
        assert_eq!(next(socket).await, changed);
    }
    // Once in each room of theirs, and in no other.
    hears_nothing(&mut here).await;
    give(&cast.bob, &picture(ImageFormat::Png)).await;
    for socket in [&mut here, &mut elsewhere] {
        let changed = next(socket).await;
        let person = alice.get("/api/users/?search=bob").await[0].take();
        for member in ["username", "name", "picture"] {
            assert_eq!(changed[member], person[member]);
        }
        assert!(changed["picture"].is_string());
    }
    let profile = [("display_name", "Charly"), ("first_name", "C"), ("last_name", "Test")];
    done(cast.charlie.post("/settings/profile", &profile).await).await;
    for socket in [&mut here, &mut elsewhere] {
        hears_nothing(socket).await;
    }
}

#[sqlx::test]
async fn programs_are_told_who_comes_and_goes_unless_they_hide_or_are_blocked(pool: PgPool) {
    let (first, second) = two(pool).await;
    let cast = first.cast().await;
    let alice = Program::of(&first, "alice").await;
    let (general, den) = (alice.room("General").await, alice.make_room("Den", &[]).await);
    let mut socket = socket_of(&alice).await;
    for room in [&den, &general] {
        subscribe(&mut socket, room).await;
    }
    post(&alice, &general, "there").await;
    hear(&mut socket, "new_message").await;
    let bob = at(cast.bob, &second);
    let is_online = async || {
        let members = alice.get(&format!("/api/rooms/{general}/members/")).await;
        let mut members = members.as_array().unwrap().iter();
        members.find(|member| member["username"] == "bob").unwrap()["online"].clone()
    };
    assert_eq!(is_online().await, false);
    let page = bob.inbox("").await;
    assert_eq!(presence(&mut socket).await, of(&general, "bob", true));
    assert_eq!(is_online().await, true);
    drop(page);
    assert_eq!(presence(&mut socket).await, of(&general, "bob", false));
    assert_eq!(is_online().await, false);
    // Neither who is in none of the rooms, nor who hides, nor oneself.
    let _charlie = cast.charlie.inbox("").await;
    let _own = cast.alice.inbox("").await;
    done(bob.post("/settings/privacy", &[("presence", "off")]).await).await;
    let page = bob.inbox("").await;
    assert_eq!(socket.next_within(Duration::from_secs(1)).await, None);
    done(bob.post("/settings/privacy", &[("presence", "on")]).await).await;
    assert_eq!(presence(&mut socket).await, of(&general, "bob", true));
    drop(page);
    assert_eq!(presence(&mut socket).await, of(&general, "bob", false));
    done(cast.alice.post("/people/bob/block", &[]).await).await;
    let _page = bob.inbox("").await;
    assert_eq!(socket.next_within(Duration::from_secs(1)).await, None);
}

#[sqlx::test]
async fn in_a_room_of_more_than_fifty_nobody_who_comes_is_named(pool: PgPool) {
    let server = spawn(pool).await;
    let cast = server.cast().await;
    let alice = Program::of(&server, "alice").await;
    let general = alice.room("General").await;
    let mut socket = socket_of(&alice).await;
    subscribe(&mut socket, &general).await;
    let page = cast.bob.inbox("").await;
    assert_eq!(presence(&mut socket).await, of(&general, "bob", true));
    fill(&server, "General").await;
    drop(page);
    assert_eq!(socket.next_within(Duration::from_secs(7)).await, None);
}
