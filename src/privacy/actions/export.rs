//! A person's data as a ZIP archive, written while it is sent.
//!
//! Nothing is gathered anywhere: a page of rows is read, decrypted, compressed and sent before the next one is read, and a
//! client that reads slowly holds up nothing but its own export, without a connection to the database. Where the client goes
//! away, the next write fails and the export ends.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use futures_util::stream;
use poem::Body;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::archive::{Archive, List, Sender};
use super::attachments;
use crate::accounts::queries::list_api_keys;
use crate::friends::model::{Contact, Contacts};
use crate::friends::queries::list_contacts;
use crate::ids::{ClientId, KeyId, RoomId, Seq, SessionId, UserId};
use crate::privacy::model::{ApiKey, FORMAT, Head, InvitedTo, Lease, MINOR, Message, SealedMessage, Tie, VERSION};
use crate::privacy::queries;
use crate::rooms::model::Invitation;
use crate::rooms::queries::list_invitations;
use crate::text::fold;
use crate::vault::MessageCipher;
use crate::{App, Error, Result, accounts};

/// Rows that are read together.
const PAGE_ROWS: i64 = 250;
/// How long the database may take for a page of them.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an export says that it goes on: four times in the time after which it counts as given up.
const RENEW_INTERVAL: Duration = Duration::from_secs(15);
/// So many messages make less than 4 GiB however long they are: 4,000 characters, each escaped in six bytes.
const FEW_MESSAGES: i64 = 170_000;

/// The person's data as a ZIP archive. There is at most one export of a person at a time.
pub async fn export(app: &App, user: UserId) -> Result<Body> {
    let lease = Lease {
        user,
        id: Uuid::new_v4(),
    };
    if !queries::claim_export(&app.db, lease).await? {
        let sentence =
            "Your data is being downloaded already. Wait until that is done, or a minute after it broke off.";
        return Err(Error::Conflict(sentence.into()));
    }
    // One piece waits to be sent while the next is made.
    let (sender, receiver) = mpsc::channel(1);
    let app = app.clone();
    tokio::spawn(async move {
        let written = tokio::select! {
            written = write(&app, user, sender.clone()) => written,
            lost = keep(&app, lease) => Err(lost),
        };
        if let Err(error) = in_time(queries::delete_export(&app.db, lease)).await {
            tracing::warn!(%error, "the end of an export could not be noted");
        }
        if let Err(error) = written {
            tracing::info!(%error, "an export broke off");
            // An answer that just ended would look whole. An error here means that nobody waits for it any more.
            sender.send(Err(io::Error::other("the export broke off"))).await.ok();
        }
    });
    let pieces = stream::unfold(receiver, async |mut receiver| {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    });
    Ok(Body::from_bytes_stream(pieces))
}

/// Renews the lease until it is lost.
async fn keep(app: &App, lease: Lease) -> Error {
    loop {
        sleep(RENEW_INTERVAL).await;
        let renewed = in_time(queries::renew_export(&app.db, lease)).await;
        if matches!(renewed, Ok(false)) {
            return Error::Conflict("another export has begun".into());
        }
    }
}

async fn write(app: &App, user: UserId, sender: Sender) -> Result<()> {
    let now = app.now();
    let (mut profile, consent, privacy) = in_time(queries::find_account(&app.db, user)).await?;
    let picture = in_time(queries::find_picture(&app.db, user)).await?;
    profile.picture = picture.as_ref().map(|picture| picture.name);
    let is_large = in_time(queries::has_more_messages(&app.db, user, FEW_MESSAGES)).await?;
    let head = Head {
        format: FORMAT,
        version: VERSION,
        minor: MINOR,
        exported_at: now,
        profile,
        consent,
        privacy,
    };
    let mut head = serde_json::to_vec(&head).map_err(Error::internal)?;
    // The lists follow in the same object.
    head.pop();
    let mut archive = Archive::new(sender, now);
    archive.start_file("umbrachat.json", is_large)?;
    archive = archive.add(head).await?;

    let (mut list, mut after) = (List::begin("sessions"), SessionId(Uuid::nil()));
    loop {
        let rows = in_time(queries::list_sessions(&app.db, user, after, PAGE_ROWS)).await?;
        archive = archive.add(list.page(&rows)?).await?;
        let Some(row) = rows.last() else { break };
        after = row.id;
    }
    archive = add_api_keys(app, user, archive).await?;
    let (mut list, mut after, mut direct) = (List::begin("rooms"), RoomId(Uuid::nil()), Vec::new());
    loop {
        let rows = in_time(queries::list_rooms(&app.db, user, after, PAGE_ROWS)).await?;
        archive = archive.add(list.page(&rows)?).await?;
        direct.extend(rows.iter().filter(|row| row.kind == "direct").map(|row| row.id));
        let Some(row) = rows.last() else { break };
        after = row.id;
    }
    let mut list = List::begin("people");
    for contacts in [
        Contacts::Friends,
        Contacts::Requested,
        Contacts::Asking,
        Contacts::Blocked,
    ] {
        let mut after = String::new();
        loop {
            let rows = in_time(list_contacts(&app.db, user, contacts, &after, PAGE_ROWS)).await?;
            let Some(row) = rows.last() else { break };
            after = fold(&row.person.username);
            let ties: Vec<_> = rows.into_iter().map(|contact| tie(contacts, contact)).collect();
            archive = archive.add(list.page(&ties)?).await?;
        }
    }
    archive = archive.add(list.page::<Tie>(&[])?).await?;
    archive = add_invitations(app, user, archive).await?;
    let (mut list, mut after) = (List::begin("messages"), (ClientId(Uuid::nil()), RoomId(Uuid::nil())));
    loop {
        let rows = in_time(queries::list_messages(&app.db, user, after, PAGE_ROWS)).await?;
        let next = rows.last().map(|row| (row.client_id, row.room));
        let messages = open(app, user, rows).await?;
        // An empty page ends the list.
        if next.is_none() || !messages.is_empty() {
            archive = archive.add(list.page(&messages)?).await?;
        }
        let Some(next) = next else { break };
        after = next;
    }
    let mut list = List::begin("direct_messages");
    for &room in &direct {
        let mut after = Seq(0);
        loop {
            let rows = in_time(queries::list_messages_of_room(&app.db, room, after, PAGE_ROWS)).await?;
            let Some(row) = rows.last() else { break };
            after = row.seq;
            let theirs = rows.into_iter().filter(|row| row.author != user).collect();
            let messages = open(app, user, theirs).await?;
            if !messages.is_empty() {
                archive = archive.add(list.page(&messages)?).await?;
            }
        }
    }
    archive = archive.add(list.page::<Message>(&[])?).await?;
    let (mut list, mut after) = (List::begin("reactions"), (RoomId(Uuid::nil()), Seq(0), String::new()));
    loop {
        let (room, seq, emoji) = &after;
        let rows = in_time(queries::list_reactions(&app.db, user, (*room, *seq, emoji), PAGE_ROWS)).await?;
        archive = archive.add(list.page(&rows)?).await?;
        let Some(row) = rows.into_iter().last() else { break };
        after = (row.room_id, row.seq, row.emoji);
    }
    archive = attachments::add_list(app, user, &direct, archive).await?;
    archive = archive.add(b"}\n".to_vec()).await?;
    if let Some(picture) = picture {
        archive.start_file(picture.name, false)?;
        archive = archive.add(picture.content).await?;
    }
    archive = attachments::add_contents(app, user, &direct, archive).await?;
    archive.finish().await
}

/// The keys of the person's programs: so few that one page holds them all.
async fn add_api_keys(app: &App, user: UserId, mut archive: Archive) -> Result<Archive> {
    let mut list = List::begin("api_keys");
    let keys = in_time(list_api_keys(&app.db, user)).await?;
    let keys: Vec<_> = keys.into_iter().map(api_key).collect();
    archive = archive.add(list.page(&keys)?).await?;
    if !keys.is_empty() {
        archive = archive.add(list.page::<ApiKey>(&[])?).await?;
    }
    Ok(archive)
}

/// The invitations to the person, those that they made, and their links into rooms.
async fn add_invitations(app: &App, user: UserId, mut archive: Archive) -> Result<Archive> {
    let (mut list, mut after) = (List::begin("invitations"), None);
    loop {
        let rows = in_time(list_invitations(&app.db, user, after, PAGE_ROWS)).await?;
        let Some(row) = rows.last() else { break };
        after = Some(row.room);
        let invitations: Vec<_> = rows.into_iter().map(invited_to).collect();
        archive = archive.add(list.page(&invitations)?).await?;
    }
    archive = archive.add(list.page::<InvitedTo>(&[])?).await?;
    let (mut list, mut after) = (List::begin("invited"), (RoomId(Uuid::nil()), UserId(Uuid::nil())));
    loop {
        let rows = in_time(queries::list_invited(&app.db, user, after, PAGE_ROWS)).await?;
        archive = archive.add(list.page(&rows)?).await?;
        let Some(row) = rows.last() else { break };
        after = (row.room_id, row.user);
    }
    let (mut list, mut after) = (List::begin("invites"), Uuid::nil());
    loop {
        let rows = in_time(queries::list_invites(&app.db, user, after, PAGE_ROWS)).await?;
        archive = archive.add(list.page(&rows)?).await?;
        let Some(row) = rows.last() else { break };
        after = row.id;
    }
    Ok(archive)
}

/// Reads a page, or says that the database is away when that takes too long.
pub(super) async fn in_time<T>(read: impl Future<Output = sqlx::Result<T>>) -> Result<T> {
    let late = |_| Error::Unavailable("a page of an export took too long".into());
    Ok(timeout(READ_TIMEOUT, read).await.map_err(late)??)
}

/// Opens a page of messages, of which `user` is told without a name.
async fn open(app: &App, user: UserId, rows: Vec<SealedMessage>) -> Result<Vec<Message>> {
    let mut needed: Vec<_> = rows.iter().flat_map(|row| [row.room_key, row.author_key]).collect();
    needed.sort_unstable();
    needed.dedup();
    let late = |_| Error::Unavailable("the keys of an export took too long".into());
    let keys = timeout(READ_TIMEOUT, app.vault.data_keys(&app.db, &needed)).await;
    let keys = keys.map_err(late)??;
    let open_all = move || {
        let mut ciphers: HashMap<(KeyId, KeyId), Option<MessageCipher>> = HashMap::new();
        let open_one = |row: SealedMessage| {
            let cipher = ciphers.entry((row.room_key, row.author_key)).or_insert_with(|| {
                let room = keys.get(&row.room_key)?;
                Some(MessageCipher::derive(room, keys.get(&row.author_key)?))
            });
            opened(row, user, cipher.as_ref())
        };
        let rows = rows.into_iter().filter(|row| !row.is_deleted);
        rows.map(open_one).collect()
    };
    spawn_blocking(open_all).await.map_err(Error::internal)
}

fn opened(row: SealedMessage, user: UserId, cipher: Option<&MessageCipher>) -> Message {
    let version = u32::try_from(row.version).unwrap_or_default();
    let sealed = row.body.as_deref().zip(cipher);
    let body = sealed.and_then(|(token, cipher)| cipher.open(row.id, version, token).ok());
    if body.is_none() {
        tracing::error!(message = %row.id, "a message could not be decrypted");
    }
    Message {
        id: row.id,
        room_id: row.room,
        room: row.room_title,
        seq: row.seq,
        from: (row.author != user).then_some(row.author_name),
        written_at: row.created_at,
        edited_at: row.edited_at,
        reply_to: row.reply_to,
        body,
    }
}

fn tie(contacts: Contacts, contact: Contact) -> Tie {
    Tie {
        username: contact.person.username,
        name: contact.person.name,
        relation: contacts.as_str(),
        since: contact.since,
    }
}

fn api_key(key: accounts::queries::ApiKey) -> ApiKey {
    ApiKey {
        id: key.id,
        name: key.name,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
    }
}

fn invited_to(invitation: Invitation) -> InvitedTo {
    InvitedTo {
        room_id: invitation.room,
        room: invitation.title,
        by: invitation.inviter.username,
        at: invitation.at,
    }
}
