//! What the quick switcher leads to: rooms and people, found by some of the letters of their names.

use std::cmp::Reverse;
use std::collections::HashMap;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use unicode_normalization::UnicodeNormalization;

use crate::accounts::model::Author;
use crate::ids::{RoomId, UserId};
use crate::rooms::model::{OpenRoom, Unread};
use crate::rooms::queries;
use crate::text::is_mark;
use crate::{App, Result};

/// Rooms, and people, that are shown.
const SHOWN: usize = 10;
/// What is typed beyond so many characters finds nothing more: no name is longer.
const MOST_TYPED: usize = 64;

/// A text in pieces, and of each whether it was found.
pub type Pieces = Vec<(String, bool)>;

/// Where an entry leads.
#[derive(Debug)]
pub enum Target {
    /// Into a room.
    Room(OpenRoom),
    /// To a person with whom there is no direct chat.
    Person(Author),
}

impl Target {
    /// The person that it is about, for direct chats too.
    pub fn person(&self) -> Option<&Author> {
        match self {
            Self::Room(room) => room.partner.as_ref(),
            Self::Person(person) => Some(person),
        }
    }
}

/// An entry of the switcher.
#[derive(Debug)]
pub struct Entry {
    /// Where it leads.
    pub target: Target,
    /// The name of the room or the person.
    pub name: Pieces,
    /// `@` and the username of a person.
    pub username: Pieces,
}

/// What the switcher shows.
#[derive(Debug)]
pub struct Found {
    /// What was typed.
    pub q: String,
    /// Rooms of several people.
    pub rooms: Vec<Entry>,
    /// Direct chats, and other people.
    pub people: Vec<Entry>,
    /// What waits in these rooms.
    pub unread: HashMap<RoomId, Unread>,
}

/// What fits best of what is open to a person, and among what fits as well the most recent; all of it while nothing is
/// typed. It looks at what is their own only, and at so much of it that nobody has to be slowed down.
pub async fn find(app: &App, me: UserId, q: String) -> Result<Found> {
    let mut db = app.db.acquire().await?;
    let rooms = queries::list_open_rooms(&mut *db, me).await?;
    let people = queries::list_known_people(&mut *db, me).await?;
    let (directs, rooms): (Vec<_>, Vec<_>) = rooms.into_iter().partition(|room| room.partner.is_some());
    let directs = directs.into_iter().map(Target::Room);
    let rooms = best(&q, rooms.into_iter().map(Target::Room));
    let people = best(&q, directs.chain(people.into_iter().map(Target::Person)));
    let shown = rooms.iter().chain(&people).filter_map(|entry| match &entry.target {
        Target::Room(room) => Some(room.id),
        Target::Person(_) => None,
    });
    let shown: Vec<_> = shown.collect();
    let unread = queries::list_unread_in(&mut *db, &shown, &[me]).await?.into_iter();
    Ok(Found {
        q,
        rooms,
        people,
        unread: unread.map(|(_, unread)| (unread.room, unread)).collect(),
    })
}

/// The entries that hold all letters of each word in their order, the best first; those that fit as well stay in their order.
fn best(q: &str, targets: impl Iterator<Item = Target>) -> Vec<Entry> {
    let q: String = q.nfc().take(MOST_TYPED).collect();
    let pattern = Pattern::new(&q, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut config = Config::DEFAULT;
    config.prefer_prefix = true;
    let mut matcher = Matcher::new(config);
    let mut found: Vec<_> = targets
        .filter_map(|target| score(&pattern, &mut matcher, target))
        .collect();
    found.sort_by_key(|(score, _)| Reverse(*score));
    found.into_iter().take(SHOWN).map(|(_, entry)| entry).collect()
}

fn score(pattern: &Pattern, matcher: &mut Matcher, target: Target) -> Option<(u32, Entry)> {
    let (name, username) = match &target {
        Target::Person(person)
        | Target::Room(OpenRoom {
            partner: Some(person), ..
        }) => (
            person.name.as_str(),
            Some(&person.username).filter(|name| !name.is_empty()),
        ),
        Target::Room(room) => (room.title.as_str(), None),
    };
    let name_length = name.chars().count();
    let text = username.map_or_else(|| name.to_owned(), |username| format!("{name} @{username}"));
    let (mut chars, mut found) = (Vec::new(), Vec::new());
    let score = pattern.indices(Utf32Str::new(&text, &mut chars), matcher, &mut found)?;
    let mut is_found = false;
    let letters: Vec<_> = (0..)
        .zip(text.chars())
        .map(|(at, c)| {
            // A mark belongs to the letter before it.
            if !is_mark(c) {
                is_found = found.contains(&at);
            }
            (c, is_found)
        })
        .collect();
    let (name, username) = letters.split_at(name_length);
    let entry = Entry {
        name: pieces(name),
        username: pieces(username.get(1..).unwrap_or_default()),
        target,
    };
    Some((score, entry))
}

fn pieces(letters: &[(char, bool)]) -> Pieces {
    let runs = letters.chunk_by(|one, next| one.1 == next.1);
    runs.map(|run| (run.iter().map(|(c, _)| c).collect(), run[0].1))
        .collect()
}
