//! Sending and reading messages.

use std::collections::HashMap;

use super::model::{Body, History, Item, NewMessage, Refusal, Shown, Stored, joint};
use super::queries::{self, Row};
use super::writer::Receipt;
use crate::accounts::model::{Author, fold};
use crate::ids::{Change, ClientId, KeyId, MessageId, RoomId, Seq, UserId};
use crate::rooms::model::{MemberRoom, Room, RoomEvent};
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

/// Prepares a member for writing.
pub async fn sender(app: &App, author: Author, room: &Room) -> Result<Sender> {
    let author_key = queries::find_author_key(&app.db, author.id)
        .await?
        .ok_or(Error::NotFound)?;
    let cipher = app.vault.message_cipher(&app.db, room.key, author_key).await?;
    Ok(Sender {
        author,
        room: room.id,
        author_key,
        cipher,
    })
}

/// Seals the message and hands it to the writer; the receipt says what became of it. Whether the sender still belongs
/// to the room is checked in the transaction that stores it.
pub fn send(app: &App, sender: &Sender, body: Body, client_id: ClientId) -> Result<Receipt, Refusal> {
    app.throttle.check_message(sender.author.id).map_err(Refusal::TooFast)?;
    let id = MessageId::new();
    app.writer.submit(NewMessage {
        id,
        room: sender.room,
        author: sender.author.clone(),
        author_key: sender.author_key,
        client_id,
        sealed: sender.cipher.seal(id, 1, body.as_str()),
        body,
        created_at: app.now(),
    })
}

/// Waits for what became of a message.
pub async fn settled(receipt: Receipt) -> Result<Stored, Refusal> {
    // The writer always answers, unless it ends with the program.
    receipt.await.unwrap_or(Err(Refusal::Unavailable))
}

/// The page of history before message `before` (the newest page without), as that member may see it. Nothing newer
/// than the room's `last_change` as given is drawn, so that what the socket brings follows on without a double.
pub async fn history(app: &App, member: &MemberRoom, before: Option<Seq>) -> Result<History> {
    let MemberRoom { room, from_seq } = member;
    let end = before.unwrap_or(Seq(room.last_seq.0 + 1)).min(Seq(room.last_seq.0 + 1));
    let mut rows = queries::list_before(&app.db, room.id, *from_seq, end, PAGE + 1).await?;
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
        crate::rooms::queries::list_events_between(&app.db, room.id, first, end, room.last_change, EVENTS).await?;
    let older = more.then_some(first);
    let messages = open(app, room.key, rows).await?;
    Ok(History {
        items: merge(messages, events),
        older,
    })
}

/// One message as everybody sees it.
pub async fn find(app: &App, member: &MemberRoom, seq: Seq) -> Result<Shown> {
    let rows = queries::list_before(&app.db, member.room.id, Seq(seq.0 - 2), Seq(seq.0 + 1), 1).await?;
    open(app, member.room.key, rows).await?.pop().ok_or(Error::NotFound)
}

/// Everything that changed in the room in `(after, up_to]`, at most `limit` lines, in the order of changes, as somebody
/// sees it who may see numbers greater than `from`; and the change up to which that goes.
pub async fn changes(
    app: &App,
    (room, key): (RoomId, KeyId),
    from: Seq,
    after: Change,
    up_to: Change,
    limit: i64,
) -> Result<(Vec<Item>, Change)> {
    let rows = queries::list_changed(&app.db, room, from, after, up_to, limit).await?;
    let events = crate::rooms::queries::list_events_changed(&app.db, room, after, up_to, limit).await?;
    let messages = open(app, key, rows).await?;
    let mut items: Vec<Item> = messages
        .into_iter()
        .map(Item::Message)
        .chain(events.into_iter().map(Item::Event))
        .collect();
    items.sort_by_key(Item::change);
    let limit = usize::try_from(limit).unwrap_or_default();
    let cut = items.len() >= limit;
    items.truncate(limit);
    let reached = if cut {
        items.last().map_or(up_to, Item::change)
    } else {
        up_to
    };
    Ok((items, reached))
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

/// Opens stored messages with at most one query for all of their authors' keys. One that does not open is shown as
/// such and logged; it never takes the page down.
async fn open(app: &App, room_key: KeyId, rows: Vec<Row>) -> Result<Vec<Shown>> {
    let mut wanted: Vec<KeyId> = rows.iter().map(Row::author_key).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted.push(room_key);
    let keys = app.vault.data_keys(&app.db, &wanted).await?;
    let room = keys.get(&room_key);
    let mut ciphers: HashMap<KeyId, Option<MessageCipher>> = HashMap::with_capacity(wanted.len());
    let shown = rows.into_iter().map(|row| {
        let cipher = ciphers.entry(row.author_key()).or_insert_with(|| {
            let author = keys.get(&row.author_key())?;
            Some(MessageCipher::derive(room?, author))
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
