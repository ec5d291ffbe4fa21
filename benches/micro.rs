//! The small parts by themselves: `make bench BENCH=--micro`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "criterion's macro makes undocumented functions; a benchmark that fails may panic"
)]

use std::hint::black_box;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use maud::Render;
use umbrachat::accounts::model::Author;
use umbrachat::ids::{Change, ClientId, MessageId, Position, RoomId, Seq, SessionId, UserId};
use umbrachat::messages::model::{Cursor, History, Item, MessageView};
use umbrachat::messages::views;
use umbrachat::messages::views::markdown::render;
use umbrachat::realtime::{Audience, Covers, Frame, Hub, Listener, Queue, Subscriber};
use umbrachat::vault::{DataKey, MessageCipher};

/// A message of 200 characters.
fn body() -> String {
    "The moon moves before the sun. ".chars().cycle().take(200).collect()
}

fn view(seq: i64) -> MessageView {
    MessageView {
        seq: Seq(seq),
        version: 1,
        change: Change(seq),
        client_id: ClientId::new(),
        author: Author {
            id: UserId::new(),
            username: "ada".into(),
            name: "Ada Lovelace".into(),
            picture: None,
        },
        quote: None,
        body: Some(body()),
        mentions: Vec::new(),
        files: Vec::new(),
        is_deleted: false,
        created_at: Utc::now() + TimeDelta::seconds(seq),
        edited_at: None,
        reactions: Vec::new(),
        continued: seq % 3 > 0,
        new_day: seq == 1,
    }
}

fn sealing(criterion: &mut Criterion) {
    let key = |byte| DataKey::from_bytes(&[byte; 32]).unwrap();
    let (room, author) = (key(1), key(2));
    let cipher = MessageCipher::derive(&room, &author);
    let (id, text) = (MessageId::new(), body());
    let token = cipher.seal(id, 1, &text);
    criterion.bench_function("derive a message key", |b| {
        b.iter(|| MessageCipher::derive(&room, &author));
    });
    criterion.bench_function("seal 200 characters", |b| {
        b.iter(|| cipher.seal(id, 1, black_box(&text)));
    });
    criterion.bench_function("open 200 characters", |b| {
        b.iter(|| cipher.open(id, 1, black_box(&token)).unwrap());
    });
}

fn rendering(criterion: &mut Criterion) {
    let (one, room) = (view(2), RoomId::new());
    let page = History {
        items: (1..=50).map(|seq| Item::Message(view(seq))).collect(),
        older: Some(Cursor {
            before: Seq(1),
            event: None,
        }),
        newer: None,
    };
    criterion.bench_function("render a message", |b| {
        b.iter(|| views::message(black_box(&one)).render());
    });
    let usual = "Look at **this**: https://example.org/a_b is `new`, and\n- one\n- *two* of them";
    criterion.bench_function("render a text with Markdown", |b| {
        b.iter(|| render(black_box(usual), &[]));
    });
    for unit in [
        "*a _b ", "> - 1. ", "- ", "[x](", "[\n", "`", "<!--", "![](", "**a ", "[a]: b\n",
    ] {
        let hostile: String = unit.chars().cycle().take(4000).collect();
        let name = format!("render 4,000 characters of {unit:?}");
        criterion.bench_function(&name, |b| b.iter(|| render(black_box(&hostile), &[])));
    }
    criterion.bench_function("render a page of 50", |b| {
        b.iter(|| views::history("General", room, black_box(&page), None).render());
    });
}

fn pushing(criterion: &mut Criterion) {
    let text = views::message(&view(2)).0;
    let covers = Covers {
        after: Change(1),
        to: Position {
            change: Change(2),
            seq: Seq(2),
        },
        altered: None,
    };
    criterion.bench_function("encode a frame", |b| {
        b.iter(|| Frame::covering(covers, black_box(&text)));
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (hub, room) = (Hub::default(), RoomId::new());
    let mut crowd = runtime.block_on(crowd(&hub, room, 1000));
    let frame = Frame::ephemeral(&text);
    // What has arrived is read outside the measured part, so that no socket fills up.
    let mut taken = vec![0; 64 << 10];
    let mut read = || {
        for reader in &mut crowd {
            while reader.read(&mut taken).is_ok_and(|length| length > 0) {}
        }
    };
    criterion.bench_function("push to 1000 subscribers", |b| {
        b.iter_batched(
            &mut read,
            |()| runtime.block_on(hub.publish(Audience::Room(room), &frame)),
            BatchSize::PerIteration,
        );
    });
}

/// So many subscribers of the room, over loopback; returns their readers' ends.
async fn crowd(hub: &Hub, room: RoomId, count: usize) -> Vec<std::net::TcpStream> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut crowd = Vec::with_capacity(count);
    for _ in 0..count {
        let reader = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        reader.set_nonblocking(true).unwrap();
        crowd.push(reader);
        let queue = Arc::new(Queue::new(Arc::new(listener.accept().await.unwrap().0)));
        queue.resume().await.unwrap();
        let (user, session) = (UserId::new(), SessionId::new());
        let subscriber = Subscriber {
            user,
            session,
            listener: Listener::Page,
            queue,
        };
        hub.subscribe(room, &subscriber, Position::default());
    }
    crowd
}

criterion_group!(benches, sealing, rendering, pushing);
criterion_main!(benches);
