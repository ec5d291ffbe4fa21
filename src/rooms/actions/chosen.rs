//! People who are named by somebody who makes or changes a room: who of them is in it at once, and who is invited.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::members::about;
use super::{admit, bounds};
use crate::accounts::model::Author;
use crate::accounts::queries::list_authors_named;
use crate::error::FieldErrors;
use crate::friends::model::Relation;
use crate::friends::queries::list_relations;
use crate::ids::{Change, UserId};
use crate::rooms::model::{Entry, EventKind, Room};
use crate::rooms::queries;
use crate::text::fold;
use crate::{App, Error, Result};

/// People who are named at once, at most.
const MOST: usize = 100;

/// Who was named.
pub(super) struct Named {
    /// With what they are to whoever named them, who may be among them, as a stranger.
    people: Vec<(Author, Relation)>,
    /// Names that nobody has.
    unknown: Vec<String>,
}

/// What became of those who were named.
pub(super) struct TakenIn {
    /// The room's last change by it.
    pub change: Option<Change>,
    /// Those for whom something changed.
    pub told: Vec<UserId>,
    /// Those who are invited, since now or before.
    pub invited: Vec<UserId>,
}

impl Named {
    /// Whoever has these usernames; nobody is locked for it.
    pub async fn find(app: &App, actor: UserId, usernames: &[String]) -> Result<Self> {
        let mut names: Vec<_> = usernames.iter().map(|name| fold(name)).collect();
        names.sort_unstable();
        names.dedup();
        if names.len() > MOST {
            return Err(wrong(format!(
                "Choose at most {MOST} people. You can add others later."
            )));
        }
        let found = list_authors_named(&app.db, &names).await?;
        let ids: Vec<_> = found.iter().map(|(_, person)| person.id).collect();
        let relations: HashMap<_, _> = list_relations(&app.db, actor, &ids).await?.into_iter().collect();
        let mut found: HashMap<_, _> = found.into_iter().collect();
        let (mut people, mut unknown) = (Vec::new(), Vec::new());
        for name in names {
            match found.remove(&name) {
                Some(person) => {
                    let relation = relations.get(&person.id).copied().unwrap_or_default();
                    people.push((person, relation));
                }
                None => unknown.push(name),
            }
        }
        Ok(Self { people, unknown })
    }

    /// Takes somebody for a name that nobody has.
    pub fn disown(&mut self, user: UserId) {
        let found = self.people.extract_if(.., |(person, _)| person.id == user);
        self.unknown.extend(found.map(|(person, _)| person.username));
    }

    /// Makes them members of a locked room, or invites them. Who is in it already stays as they are. If anything is wrong
    /// with one of them, all who are wrong are named by an error of the field `members`, before anything is stored.
    pub async fn take_in(
        self,
        app: &App,
        tx: &mut PgConnection,
        room: &Room,
        actor: UserId,
        entry: Entry,
    ) -> Result<TakenIn> {
        let (added, invited) = self.divide(tx, room, entry).await?;
        let mut taken = TakenIn {
            change: None,
            told: Vec::new(),
            invited,
        };
        for person in added {
            let event = about(app, EventKind::Added, actor, person);
            taken.change = admit(tx, room, person, event).await?.or(taken.change);
            taken.told.push(person);
        }
        for person in &taken.invited {
            if queries::insert_invitation(tx, room.id, *person, actor, app.now()).await? {
                taken.told.push(*person);
            }
        }
        Ok(taken)
    }

    /// Who of those who are not in the room is to be in it, and who is to be invited.
    async fn divide(self, tx: &mut PgConnection, room: &Room, entry: Entry) -> Result<(Vec<UserId>, Vec<UserId>)> {
        let ids: Vec<_> = self.people.iter().map(|(person, _)| person.id).collect();
        let members = queries::list_members_among(&mut *tx, room.id, &ids).await?;
        let (mut added, mut invited) = (Vec::new(), Vec::new());
        let (mut unknown, mut blocked, mut full) = (self.unknown, Vec::new(), Vec::new());
        for (person, relation) in self.people {
            if members.iter().any(|(member, _)| *member == person.id) {
                continue;
            }
            match (relation, entry) {
                (Relation::Friend, Entry::Added | Entry::ByRelation) => {
                    if bounds::has_room(tx, person.id).await? {
                        added.push(person.id);
                    } else {
                        full.push(person.name);
                    }
                }
                (Relation::Blocked, Entry::ByRelation) => blocked.push(person.name),
                (Relation::Friend, Entry::Invited) | (_, Entry::ByRelation) => invited.push(person.id),
                // Whether there is such a person makes no difference.
                (_, Entry::Added | Entry::Invited) => unknown.push(person.username),
            }
        }
        let unknown = match entry {
            Entry::ByRelation => ("There is nobody else of the name ", unknown, "."),
            Entry::Added | Entry::Invited => ("Choose people among your friends. Not among them: ", unknown, "."),
        };
        let blocked = ("You blocked ", blocked, ". Unblock them first.");
        let full = ("", full, " cannot be added. Leave them out.");
        let wrongs = [unknown, blocked, full].into_iter().filter(|wrong| !wrong.1.is_empty());
        let sentences: Vec<_> = wrongs
            .map(|(before, names, after)| format!("{before}{}{after}", names.join(", ")))
            .collect();
        if sentences.is_empty() {
            Ok((added, invited))
        } else {
            Err(wrong(sentences.join(" ")))
        }
    }
}

fn wrong(sentence: String) -> Error {
    Error::Invalid(FieldErrors::one("members", sentence))
}
