//! Reading messages: pages of history, and what changed since.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::model::{Cursor, History, Item, MessageView, Quote, Quoted, Reaction, grouping};
use super::queries::{self, MessageRow, Previous};
use crate::accounts::model::Author;
use crate::files::queries::list_files;
use crate::files::{Details, File, Size};
use crate::ids::{Change, KeyId, RoomId, Seq};
use crate::rooms::model::{Membership, RoomEvent, Span};
use crate::rooms::queries::{list_events_between, list_events_changed};
use crate::vault::MessageCipher;
use crate::{App, Error, Result};

/// Messages on one page of history.
pub const PAGE_MESSAGES: i64 = 50;
/// Events on one page of history at most: with more of them it ends earlier.
const PAGE_EVENTS: i64 = 200;

/// The page of history that ends there (the newest page without), as that member may see it. Nothing newer than the
/// room's `last_change` as given is drawn, so that what the socket brings follows on without a double.
pub async fn page(app: &App, membership: &Membership, end: Option<Cursor>) -> Result<History> {
    let Membership { room, begins, .. } = membership;
    let newest = Seq(room.last_seq.0 + 1);
    let before = end.map_or(newest, |cursor| cursor.before.clamp(Seq(begins.seq.0 + 1), newest));
    // What stands between two messages is found by the first one's number.
    let events_end = match end.and_then(|cursor| cursor.event) {
        Some(event) => (Seq(before.0 - 1), event),
        None => (before, Change(0)),
    };
    let mut db = app.db.acquire().await?;
    let mut rows = queries::list_before(&mut *db, room.id, begins.seq, before, PAGE_MESSAGES + 1).await?;
    let newer = (before <= room.last_seq).then_some(Seq(before.0 - 1));
    let has_more = rows.len() > usize::try_from(PAGE_MESSAGES).unwrap_or_default();
    if has_more {
        rows.remove(0);
    }
    // Events stand after the message before them; the oldest page also holds those before the first message.
    let first = if has_more {
        rows.first().map_or(before, |row| row.seq)
    } else {
        begins.seq
    };
    let changes = (begins.change, room.last_change);
    let mut events = list_events_between(&mut *db, room.id, first, events_end, changes, PAGE_EVENTS + 1).await?;
    let mut older = has_more.then_some(Cursor {
        before: first,
        event: None,
    });
    if events.len() > usize::try_from(PAGE_EVENTS).unwrap_or_default() {
        events.remove(0);
        if let Some(oldest) = events.first() {
            rows.retain(|row| row.seq > oldest.after_seq);
            older = Some(Cursor {
                before: Seq(oldest.after_seq.0 + 1),
                event: Some(oldest.change),
            });
        }
    }
    let messages = open(app, &mut db, &Readers::of(membership), rows).await?;
    Ok(History {
        items: merge(messages, events),
        older,
        newer,
    })
}

/// The page of history that begins after that message. What happened right after it comes along once more.
pub async fn page_after(app: &App, membership: &Membership, after: Seq) -> Result<History> {
    let Membership { room, begins, .. } = membership;
    let after = after.max(begins.seq).min(room.last_seq);
    let before = Seq(after.0.saturating_add(PAGE_MESSAGES + 1)).min(Seq(room.last_seq.0 + 1));
    let mut db = app.db.acquire().await?;
    // The message before the first decides how that is drawn.
    let from = Seq(after.0 - 1).max(begins.seq);
    let mut rows = queries::list_before(&mut *db, room.id, from, before, PAGE_MESSAGES + 1).await?;
    rows.retain(|row| row.seq > after);
    let (end, changes) = ((before, Change(0)), (begins.change, room.last_change));
    let events = list_events_between(&mut *db, room.id, after, end, changes, PAGE_EVENTS).await?;
    Ok(History {
        items: merge(open(app, &mut db, &Readers::of(membership), rows).await?, events),
        older: None,
        newer: (before <= room.last_seq).then_some(Seq(before.0 - 1)),
    })
}

/// The newest messages before that one, at most `limit`, oldest first, without what else happened; and whether there are
/// older ones.
pub async fn messages_before(
    app: &App,
    membership: &Membership,
    before: Seq,
    limit: i64,
) -> Result<(Vec<MessageView>, bool)> {
    let Membership { room, begins, .. } = membership;
    let before = before.min(Seq(room.last_seq.0 + 1));
    let mut db = app.db.acquire().await?;
    let rows = queries::list_before(&mut *db, room.id, begins.seq, before, limit).await?;
    let has_more = rows.first().is_some_and(|row| row.seq.0 > begins.seq.0 + 1);
    Ok((open(app, &mut db, &Readers::of(membership), rows).await?, has_more))
}

/// The oldest messages after that one, at most `limit`, oldest first; and whether there are newer ones.
pub async fn messages_after(
    app: &App,
    membership: &Membership,
    after: Seq,
    limit: i64,
) -> Result<(Vec<MessageView>, bool)> {
    let Membership { room, begins, .. } = membership;
    let after = after.max(begins.seq).min(room.last_seq);
    let before = Seq(after.0 + limit + 1).min(Seq(room.last_seq.0 + 1));
    let mut db = app.db.acquire().await?;
    let rows = queries::list_before(&mut *db, room.id, after, before, limit).await?;
    let messages = open(app, &mut db, &Readers::of(membership), rows).await?;
    Ok((messages, before <= room.last_seq))
}

/// One message, as everybody sees it who may see it.
pub async fn find(app: &App, db: &mut PgConnection, membership: &Membership, seq: Seq) -> Result<MessageView> {
    let Membership { room, begins, .. } = membership;
    // The one before it decides how it is drawn.
    let after = Seq(seq.0.saturating_sub(2)).max(begins.seq);
    let before = Seq(seq.0.saturating_add(1));
    let rows = queries::list_before(&mut *db, room.id, after, before, 1).await?;
    let found = open(app, db, &Readers::of(membership), rows).await?.pop();
    found.filter(|message| message.seq == seq).ok_or(Error::NotFound)
}

/// The messages in these spans, each of another room, in the order of changes, at most `limit` of each. So many rooms
/// cost no more queries than one.
pub async fn changed_messages(
    app: &App,
    db: &mut PgConnection,
    spans: &[Span],
    limit: i64,
    previous: Previous,
) -> Result<HashMap<RoomId, Vec<MessageView>>> {
    let rows = queries::list_changed(&mut *db, spans, limit, previous).await?;
    let rooms: Vec<_> = rows.iter().map(|row| row.room).collect();
    let readers = spans.iter().map(|span| {
        let begins = (!span.for_all).then_some(span.begins);
        (span.room, (span.key, begins))
    });
    let readers = Readers(readers.collect());
    let mut found: HashMap<RoomId, Vec<MessageView>> = HashMap::with_capacity(spans.len());
    for (room, message) in rooms.into_iter().zip(open(app, db, &readers, rows).await?) {
        found.entry(room).or_default().push(message);
    }
    Ok(found)
}

/// Everything in these spans, each of another room, at most `limit` items of each: for every span its items, in the
/// order of changes, and the change up to which they go.
pub async fn changes(app: &App, db: &mut PgConnection, spans: &[Span], limit: i64) -> Result<Vec<(Vec<Item>, Change)>> {
    let mut messages = changed_messages(app, db, spans, limit, Previous::LookedUp).await?;
    let mut items: HashMap<RoomId, Vec<Item>> = HashMap::with_capacity(spans.len());
    for span in spans {
        let messages = messages.remove(&span.room).unwrap_or_default();
        let item = |message: MessageView| {
            if message.seq > span.newest {
                Item::Message(message)
            } else {
                Item::Altered(message)
            }
        };
        items.insert(span.room, messages.into_iter().map(item).collect());
    }
    // Where every change, as far as the messages go, is a message's, there is nothing else to look for.
    let is_mixed = |span: &&Span| {
        let (found, last) = items.get(&span.room).map_or((0, span.up_to), |items| {
            (items.len(), items.last().map_or(span.up_to, Item::change))
        });
        let found = i64::try_from(found).unwrap_or(i64::MAX);
        let reached = if found >= limit { last } else { span.up_to };
        found < reached.0 - span.after.0
    };
    let mixed: Vec<_> = spans.iter().filter(is_mixed).copied().collect();
    if !mixed.is_empty() {
        for (room, event) in list_events_changed(&mut *db, &mixed, limit).await? {
            items.entry(room).or_default().push(Item::Event(event));
        }
    }
    let limit = usize::try_from(limit).unwrap_or_default();
    let read = spans.iter().map(|span| {
        let mut items = items.remove(&span.room).unwrap_or_default();
        items.sort_by_key(Item::change);
        let is_cut = items.len() >= limit;
        items.truncate(limit);
        let last = items.last().map_or(span.up_to, Item::change);
        (items, if is_cut { last } else { span.up_to })
    });
    Ok(read.collect())
}

/// Puts messages and events into one order: an event stands after message `after_seq`.
fn merge(messages: Vec<MessageView>, events: Vec<RoomEvent>) -> Vec<Item> {
    let messages = messages
        .into_iter()
        .map(|message| ((message.seq, Change(0)), Item::Message(message)));
    let events = events
        .into_iter()
        .map(|event| ((event.after_seq, event.change), Item::Event(event)));
    let mut items: Vec<_> = messages.chain(events).collect();
    items.sort_by_key(|(place, _)| *place);
    items.into_iter().map(|(_, item)| item).collect()
}

/// For whom messages are opened: by room its data key, and after which number they may see it, None for all of its members.
struct Readers(HashMap<RoomId, (KeyId, Option<Seq>)>);

impl Readers {
    fn of(Membership { room, begins, .. }: &Membership) -> Self {
        Self(HashMap::from([(room.id, (room.key, Some(begins.seq)))]))
    }
}

/// Opens stored messages, with at most five queries: for what they answer, for the
/// reactions, for the files, for all of the keys, and for whom they name. One that does not open is
/// shown as such and logged; it never takes the page down.
async fn open(app: &App, db: &mut PgConnection, readers: &Readers, rows: Vec<MessageRow>) -> Result<Vec<MessageView>> {
    let Readers(rooms) = readers;
    let answered = rows.iter().filter_map(|row| {
        let (_, begins) = rooms.get(&row.room)?;
        Some((row.room, row.reply_to?, *begins))
    });
    let answered: Vec<_> = answered.collect();
    let quoted = if answered.is_empty() {
        Vec::new()
    } else {
        queries::list_quoted(&mut *db, &answered).await?
    };
    let reacted = rows.iter().filter(|row| row.has_reactions);
    let reacted: Vec<_> = reacted.map(|row| (row.room, row.seq)).collect();
    let mut reactions = if reacted.is_empty() {
        HashMap::new()
    } else {
        queries::list_reactions(&mut *db, &reacted).await?
    };
    let with_files = rows.iter().filter(|row| row.has_files && !row.is_deleted);
    let with_files: Vec<_> = with_files.map(|row| (row.room, row.seq)).collect();
    let mut files = if with_files.is_empty() {
        HashMap::new()
    } else {
        list_files(&mut *db, &with_files).await?
    };
    let authors = rows.iter().map(|row| row.author_key);
    let mut needed: Vec<KeyId> = authors
        .chain(quoted.iter().map(|row| row.author_key))
        .chain(rooms.values().map(|(key, _)| *key))
        .collect();
    needed.sort_unstable();
    needed.dedup();
    let keys = app.vault.data_keys(&mut *db, &needed).await?;
    let written = rows.iter().map(|row| (row.room, row.author_key));
    let mut ciphers: HashMap<(RoomId, KeyId), Option<MessageCipher>> = HashMap::new();
    for place in written.chain(quoted.iter().map(|row| (row.room, row.author_key))) {
        ciphers.entry(place).or_insert_with(|| {
            let room = keys.get(&rooms.get(&place.0)?.0)?;
            Some(MessageCipher::derive(room, keys.get(&place.1)?))
        });
    }
    let cipher = |room, author_key| ciphers.get(&(room, author_key))?.as_ref();
    let open = |room, author_key, id, version, sealed: Option<&str>| {
        let version = u32::try_from(version).unwrap_or_default();
        cipher(room, author_key)?.open(id, version, sealed?).ok()
    };
    let by_place = quoted.into_iter().map(|row| {
        let body = open(row.room, row.author_key, row.id, row.version, row.body.as_deref());
        let author = Author {
            id: row.author,
            username: row.username,
            name: row.name,
            picture: row.picture,
        };
        (
            (row.room, row.seq),
            Quoted::new(author, body.as_deref(), row.body.is_none()),
        )
    });
    let by_place: HashMap<_, _> = by_place.collect();
    let views = rows.into_iter().map(|row| {
        let body = open(row.room, row.author_key, row.id, row.version, row.body.as_deref());
        let quote = row.reply_to.map(|seq| Quote {
            seq,
            shown: by_place.get(&(row.room, seq)).cloned(),
        });
        let place = (row.room, row.seq);
        let reactions = reactions.remove(&place).unwrap_or_default();
        let sealed = files.remove(&place).unwrap_or_default();
        let author_key = row.author_key;
        let mut view = view(row, body, quote, reactions);
        view.files = sealed
            .into_iter()
            .map(|file| File {
                id: file.id,
                size: Size(u64::try_from(file.size).unwrap_or_default()),
                details: cipher(place.0, author_key)
                    .and_then(|cipher| Details::open(cipher, file.id, &file.details).ok()),
            })
            .collect();
        (place.0, view)
    });
    let mut views: Vec<_> = views.collect();
    let may_name = |view: &MessageView| view.body.as_ref().is_some_and(|body| body.contains('@'));
    let naming = views.iter().filter(|(_, view)| may_name(view));
    let naming: Vec<_> = naming.map(|(room, view)| (*room, view.seq)).collect();
    if !naming.is_empty() {
        let mut mentions = queries::list_mentions(&mut *db, &naming).await?;
        for (room, view) in &mut views {
            view.mentions = mentions.remove(&(*room, view.seq)).unwrap_or_default();
        }
    }
    Ok(views.into_iter().map(|(_, view)| view).collect())
}

fn view(row: MessageRow, body: Option<String>, quote: Option<Quote>, reactions: Vec<Reaction>) -> MessageView {
    let previous = row.previous_author.zip(row.previous_at);
    let (continued, new_day) = grouping(row.author, row.created_at, previous);
    if body.is_none() && !row.is_deleted {
        tracing::error!(message = %row.id, "a message could not be decrypted");
    }
    MessageView {
        seq: row.seq,
        version: row.version,
        change: row.change,
        client_id: row.client_id,
        author: Author {
            id: row.author,
            username: row.username,
            name: row.name,
            picture: row.picture,
        },
        quote: quote.filter(|_| !row.is_deleted).map(Box::new),
        body: body.filter(|_| !row.is_deleted),
        mentions: Vec::new(),
        files: Vec::new(),
        is_deleted: row.is_deleted,
        created_at: row.created_at,
        edited_at: row.edited_at,
        reactions,
        continued,
        new_day,
    }
}
