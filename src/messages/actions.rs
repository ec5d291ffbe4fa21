//! Sending and reading messages.

use std::collections::HashMap;

use sqlx::{PgConnection, PgExecutor};
use tokio::sync::oneshot;

use super::model::{Body, History, Item, NewMessage, Refusal, Shown, Stored, joint};
use super::queries::{self, Row};
use super::writer::Answer;
use crate::accounts::model::{Author, fold};
use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::{MemberRoom, Room, RoomEvent, Span};
use crate::vault::MessageCipher;
use crate::{App, Error, Result};

/// Messages on one page of history.
pub const PAGE: i64 = 50;
/// Events drawn into one page of history at most.
const EVENTS: i64 = 200;

/// What a person needs in order to write in a room, looked up once per socket or request.
pub struct Sender {
    room: RoomId,
    author: Author,
    author_key: KeyId,
    cipher: MessageCipher,
}

/// The room of that name, as a member; what is not open to them does not exist.
pub async fn enter(app: &App, user: UserId, slug: &str) -> Result<MemberRoom> {
    crate::rooms::queries::find_member_room(&app.db, user, &fold(slug))
        .await?
        .ok_or(Error::NotFound)
}

/// Prepares a member with that data key for writing.
pub async fn sender(app: &App, author: Author, author_key: KeyId, room: &Room) -> Result<Sender> {
    let cipher = app.vault.message_cipher(&app.db, room.key, author_key).await?;
    Ok(Sender {
        author,
        room: room.id,
        author_key,
        cipher,
    })
}

/// Seals the message and hands it to the writer; `answer` is told what became of it. Whether the sender still belongs
/// to the room is checked in the transaction that stores it.
pub fn send(app: &App, sender: &Sender, body: Body, client_id: ClientId, answer: Answer) -> Result<(), Refusal> {
    app.throttle.check_message(sender.author.id).map_err(Refusal::TooFast)?;
    let id = MessageId::new();
    let message = NewMessage {
        id,
        room: sender.room,
        author: sender.author.clone(),
        author_key: sender.author_key,
        client_id,
        sealed: sender.cipher.seal(id, 1, body.as_str()),
        body,
        created_at: app.now(),
    };
    app.writer.submit(message, answer)
}

/// The same for whoever waits for the answer.
pub async fn send_and_wait(app: &App, sender: &Sender, body: Body, client_id: ClientId) -> Result<Stored, Refusal> {
    let (tell, told) = oneshot::channel();
    let answer = move |outcome| {
        // Whoever has left does not need it.
        tell.send(outcome).ok();
    };
    send(app, sender, body, client_id, Box::new(answer))?;
    told.await.unwrap_or(Err(Refusal::Unavailable))
}

/// The page of history before message `before` (the newest page without), as that member may see it. Nothing newer
/// than the room's `last_change` as given is drawn, so that what the socket brings follows on without a double.
pub async fn history(app: &App, member: &MemberRoom, before: Option<Seq>) -> Result<History> {
    let MemberRoom { room, from_seq } = member;
    let end = before.unwrap_or(Seq(room.last_seq.0 + 1)).min(Seq(room.last_seq.0 + 1));
    let mut db = app.db.acquire().await?;
    let mut rows = queries::list_before(&mut *db, room.id, *from_seq, end, PAGE + 1).await?;
    let more = rows.len() > usize::try_from(PAGE).unwrap_or_default();
    if more {
        rows.remove(0);
    }
    // Events stand after the message before them; the oldest page also holds those before the first message.
    let first = if more {
        rows.first().map_or(end, |row| Seq(row.seq))
    } else {
        *from_seq
    };
    let events =
        crate::rooms::queries::list_events_between(&mut *db, room.id, first, end, room.last_change, EVENTS).await?;
    let older = more.then_some(first);
    let messages = open(app, &mut *db, &HashMap::from([(room.id, room.key)]), rows).await?;
    Ok(History {
        items: merge(messages, events),
        older,
    })
}

/// One message as everybody sees it.
pub async fn find(app: &App, member: &MemberRoom, seq: Seq) -> Result<Shown> {
    let rows = queries::list_before(&app.db, member.room.id, Seq(seq.0 - 2), Seq(seq.0 + 1), 1).await?;
    open(app, &app.db, &HashMap::from([(member.room.id, member.room.key)]), rows)
        .await?
        .pop()
        .ok_or(Error::NotFound)
}

/// The messages in these spans, each of another room, in the order of changes, at most `limit` of each. So many rooms
/// cost no more queries than one. Without `placed` it is left open how each stands to the one before it.
pub async fn changed_messages(
    app: &App,
    db: &mut PgConnection,
    spans: &[Span],
    limit: i64,
    placed: bool,
) -> Result<HashMap<RoomId, Vec<Shown>>> {
    let rows = queries::list_changed(&mut *db, spans, limit, placed).await?;
    let rooms: Vec<_> = rows.iter().map(Row::room).collect();
    let keys = spans.iter().map(|span| (span.room, span.key)).collect();
    let mut found: HashMap<RoomId, Vec<Shown>> = HashMap::with_capacity(spans.len());
    for (room, message) in rooms.into_iter().zip(open(app, db, &keys, rows).await?) {
        found.entry(room).or_default().push(message);
    }
    Ok(found)
}

/// Everything in these spans, each of another room, at most `limit` lines of each: for every span its lines, in the
/// order of changes, and the change up to which they go.
pub async fn changes(app: &App, db: &mut PgConnection, spans: &[Span], limit: i64) -> Result<Vec<(Vec<Item>, Change)>> {
    let messages = changed_messages(app, db, spans, limit, true).await?;
    let mut lines: HashMap<RoomId, Vec<Item>> = messages
        .into_iter()
        .map(|(room, messages)| (room, messages.into_iter().map(Item::Message).collect()))
        .collect();
    // Where every change, as far as the messages go, is a message's, there is nothing else to look for.
    let is_mixed = |span: &&Span| {
        let (found, last) = lines.get(&span.room).map_or((0, span.up_to), |lines| {
            (lines.len(), lines.last().map_or(span.up_to, Item::change))
        });
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        let reached = if found >= limit { last } else { span.up_to };
        found < reached.0 - span.after.0
    };
    let mixed: Vec<_> = spans.iter().filter(is_mixed).copied().collect();
    if !mixed.is_empty() {
        for (room, event) in crate::rooms::queries::list_events_changed(&mut *db, &mixed, limit).await? {
            lines.entry(room).or_default().push(Item::Event(event));
        }
    }
    let limit = usize::try_from(limit).unwrap_or_default();
    let read = spans.iter().map(|span| {
        let mut lines = lines.remove(&span.room).unwrap_or_default();
        lines.sort_by_key(Item::change);
        let is_cut = lines.len() >= limit;
        lines.truncate(limit);
        let last = lines.last().map_or(span.up_to, Item::change);
        (lines, if is_cut { last } else { span.up_to })
    });
    Ok(read.collect())
}

/// Puts messages and events into one order: an event stands after message `after_seq`.
fn merge(messages: Vec<Shown>, events: Vec<RoomEvent>) -> Vec<Item> {
    let mut items: Vec<Item> = messages
        .into_iter()
        .map(Item::Message)
        .chain(events.into_iter().map(Item::Event))
        .collect();
    items.sort_by_key(|item| match item {
        Item::Message(message) => (message.seq, Change(0)),
        Item::Event(event) => (event.after_seq, event.change),
    });
    items
}

/// Opens stored messages of rooms with these data keys, with at most one query for all of the keys. One that does not
/// open is shown as such and logged; it never takes the page down.
async fn open(
    app: &App,
    db: impl PgExecutor<'_>,
    rooms: &HashMap<RoomId, KeyId>,
    rows: Vec<Row>,
) -> Result<Vec<Shown>> {
    let mut wanted: Vec<KeyId> = rows
        .iter()
        .map(Row::author_key)
        .chain(rooms.values().copied())
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let keys = app.vault.data_keys(db, &wanted).await?;
    let mut ciphers: HashMap<(RoomId, KeyId), Option<MessageCipher>> = HashMap::new();
    let shown = rows.into_iter().map(|row| {
        let cipher = ciphers.entry((row.room(), row.author_key())).or_insert_with(|| {
            let room = keys.get(rooms.get(&row.room())?)?;
            Some(MessageCipher::derive(room, keys.get(&row.author_key())?))
        });
        show(&row, cipher.as_ref())
    });
    Ok(shown.collect())
}

fn show(row: &Row, cipher: Option<&MessageCipher>) -> Shown {
    let author = UserId(row.author_id);
    let previous = row.previous_author.map(UserId).zip(row.previous_at);
    let (continued, new_day) = joint(author, row.created_at, previous);
    let version = u32::try_from(row.version).unwrap_or_default();
    let body = row
        .body
        .as_deref()
        .zip(cipher)
        .and_then(|(token, cipher)| cipher.open(row.id(), version, token).ok());
    if body.is_none() {
        tracing::error!(message = %row.id(), "a message could not be decrypted");
    }
    Shown {
        seq: Seq(row.seq),
        change: Change(row.change),
        client_id: ClientId(row.client_id),
        author: Author::new(author, &row.first_name, &row.last_name, &row.username),
        body,
        created_at: row.created_at,
        continued,
        new_day,
    }
}
