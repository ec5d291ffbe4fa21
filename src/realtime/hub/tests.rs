use tokio::net::TcpStream;

use super::super::queue::Wake;
use super::super::queue::tests::{closed_with, open, received};
use super::*;

async fn connect(hub: &Hub, user: UserId, limit: u32) -> Option<(Subscriber, TcpStream)> {
    connect_as(hub, user, Listener::Page, limit).await
}

async fn connect_as(hub: &Hub, user: UserId, listener: Listener, limit: u32) -> Option<(Subscriber, TcpStream)> {
    let (queue, reader) = open().await;
    let session = SessionId::new();
    let subscriber = Subscriber {
        user,
        session,
        listener,
        queue,
    };
    hub.connect(&subscriber, limit)?;
    Some((subscriber, reader))
}

async fn enter(hub: &Hub, room: RoomId) -> (Subscriber, TcpStream) {
    let (subscriber, reader) = connect(hub, UserId::new(), 5).await.unwrap();
    hub.subscribe(room, &subscriber, Position::default());
    (subscriber, reader)
}

#[tokio::test]
async fn a_frame_reaches_its_audience_and_nobody_else() {
    let hub = Hub::default();
    let (here, there) = (RoomId::new(), RoomId::new());
    let (alice, mut alice_reads) = enter(&hub, here).await;
    let (_charlie, mut charlie_reads) = enter(&hub, there).await;
    hub.publish(Audience::Room(here), &Frame::ephemeral("to the room"))
        .await;
    hub.publish(Audience::User(alice.user), &Frame::ephemeral("to alice"))
        .await;
    assert_eq!(received(&mut alice_reads).await, ["to the room", "to alice"]);
    assert!(received(&mut charlie_reads).await.is_empty());
}

#[tokio::test]
async fn everybody_who_is_connected_is_sent_the_frame_that_is_for_them() {
    let hub = Hub::default();
    let (alice, mut alice_reads) = connect(&hub, UserId::new(), 5).await.unwrap();
    let (bob, mut bob_reads) = enter(&hub, RoomId::new()).await;
    let (_charlie, mut charlie_reads) = connect(&hub, UserId::new(), 5).await.unwrap();
    let (one, other) = (Frame::ephemeral("one"), Frame::ephemeral("other"));
    hub.publish_to_people(|user| match user {
        user if user == alice.user => Some(&one),
        user if user == bob.user => Some(&other),
        _ => None,
    })
    .await;
    assert_eq!(received(&mut alice_reads).await, ["one"]);
    assert_eq!(received(&mut bob_reads).await, ["other"]);
    assert!(received(&mut charlie_reads).await.is_empty());
}

#[tokio::test]
async fn pages_and_programs_have_frames_of_their_own_and_share_what_their_person_may() {
    let hub = Hub::default();
    let (room, user) = (RoomId::new(), UserId::new());
    let (page, mut page_reads) = connect(&hub, user, 2).await.unwrap();
    let (program, mut program_reads) = connect_as(&hub, user, Listener::Program, 2).await.unwrap();
    assert!(connect(&hub, user, 2).await.is_none());
    let slot = hub.subscribe(room, &program, Position::default());
    assert!(hub.is_open(room) && !hub.has(room, Listener::Page));
    hub.subscribe(room, &page, Position::default());
    assert_eq!(
        (hub.rooms(), hub.people(room).len(), hub.connections()),
        (vec![room], 1, 2)
    );
    let (html, json) = (Frame::ephemeral("html"), Frame::ephemeral("json"));
    for audience in [Audience::Room(room), Audience::User(user)] {
        hub.publish(audience, &html).await;
    }
    hub.publish_to(Audience::Room(room), Listener::Program, &json).await;
    assert_eq!(received(&mut page_reads).await, ["html", "html"]);
    assert_eq!(received(&mut program_reads).await, ["json"]);

    // One room of a program ends, and the connection goes on.
    hub.end_where(room, |_, _| Some(CloseCode::NotOpen));
    assert_eq!(
        program.queue.resume().await,
        Ok(Some(Wake::Ended(slot, CloseCode::NotOpen)))
    );
    hub.unsubscribe(Audience::Room(room), &program);
    assert!(!hub.has(room, Listener::Program) && hub.has(room, Listener::Page));
    hub.close_sessions(&[program.session]);
    assert_eq!(
        program.queue.resume().await,
        Ok(Some(Wake::Close(CloseCode::SignedOut)))
    );
}

#[tokio::test]
async fn a_large_room_is_reached_whole() {
    let hub = Hub::default();
    let room = RoomId::new();
    let mut crowd = Vec::new();
    for _ in 0..=PUSHES_PER_TURN {
        crowd.push(enter(&hub, room).await);
    }
    hub.publish(Audience::Room(room), &Frame::ephemeral("hello")).await;
    for (_, reader) in &mut crowd {
        assert_eq!(received(reader).await, ["hello"]);
    }
}

#[tokio::test]
async fn a_person_has_so_many_connections_and_counts_once() {
    let hub = Hub::default();
    let (room, user) = (RoomId::new(), UserId::new());
    let (first, _) = connect(&hub, user, 2).await.unwrap();
    let (second, _) = connect(&hub, user, 2).await.unwrap();
    assert!(connect(&hub, user, 2).await.is_none());
    for subscriber in [&first, &second] {
        hub.subscribe(room, subscriber, Position::default());
    }
    assert_eq!((hub.connections(), hub.people(room).len()), (2, 1));
    hub.unsubscribe(Audience::Room(room), &first);
    hub.unsubscribe(Audience::User(user), &first);
    assert!(connect(&hub, user, 2).await.is_some());
}

#[tokio::test]
async fn at_the_end_latecomers_are_told_too() {
    let hub = Hub::default();
    let (early, _) = connect(&hub, UserId::new(), 5).await.unwrap();
    hub.close_all().await;
    let (late, _) = connect(&hub, UserId::new(), 5).await.unwrap();
    for subscriber in [early, late] {
        assert_eq!(closed_with(&subscriber.queue).await, Some(CloseCode::Restart));
    }
}

#[tokio::test]
async fn at_the_end_many_connections_are_closed_in_steps() {
    let hub = Hub::default();
    let mut crowd = Vec::new();
    for _ in 0..=CLOSED_PER_STEP {
        crowd.push(connect(&hub, UserId::new(), 5).await.unwrap());
    }
    let closed = async || {
        let mut closed = 0;
        for (subscriber, _) in &crowd {
            closed += usize::from(closed_with(&subscriber.queue).await.is_some());
        }
        closed
    };
    let closing = hub.close_all();
    tokio::pin!(closing);
    assert!(futures_util::poll!(&mut closing).is_pending());
    assert_eq!(closed().await, CLOSED_PER_STEP);
    closing.await;
    assert_eq!(closed().await, CLOSED_PER_STEP + 1);
}

#[tokio::test]
async fn an_ended_login_closes_its_connections_only() {
    let hub = Hub::default();
    let user = UserId::new();
    let (phone, _) = connect(&hub, user, 5).await.unwrap();
    let (desk, mut desk_reads) = connect(&hub, user, 5).await.unwrap();
    hub.close_sessions(&[phone.session]);
    hub.publish(Audience::User(user), &Frame::ephemeral("still here")).await;
    assert_eq!(closed_with(&phone.queue).await, Some(CloseCode::SignedOut));
    assert_eq!(closed_with(&desk.queue).await, None);
    assert_eq!(received(&mut desk_reads).await, ["still here"]);
}

#[tokio::test]
async fn whoever_may_not_hear_a_room_any_more_keeps_their_connection() {
    let hub = Hub::default();
    let room = RoomId::new();
    let (alice, mut alice_reads) = enter(&hub, room).await;
    let (bob, mut bob_reads) = enter(&hub, room).await;
    hub.end_where(room, |other, _| (other.user == bob.user).then_some(CloseCode::NotOpen));
    hub.publish(Audience::Room(room), &Frame::ephemeral("for members"))
        .await;
    let ended = bob.queue.resume().await;
    assert!(matches!(ended, Ok(Some(Wake::Ended(_, CloseCode::NotOpen)))));
    assert_eq!(bob.queue.resume().await, Ok(None));
    hub.publish(Audience::User(bob.user), &Frame::ephemeral("for bob"))
        .await;
    assert_eq!(received(&mut bob_reads).await, ["for bob"]);
    assert_eq!(received(&mut alice_reads).await, ["for members"]);
    assert_eq!(closed_with(&alice.queue).await, None);
}
