//! Rooms, and who belongs to them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::User;
use crate::accounts::model::Author;
use crate::rooms::model::{Kind, MemberRole, RoomWithMembers, path};

/// A room that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRoom {
    /// 1 to 64 characters. A public room's name is one word, and unique.
    #[schema(example = "Stargazing", min_length = 1, max_length = 64)]
    pub name: String,
    /// What it is for, in one line of at most 200 characters.
    #[serde(default)]
    #[schema(example = "Clear nights, targets, gear", max_length = 200)]
    pub description: String,
    /// False for a room that everybody finds and may join, which administrators alone can make.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub is_private: bool,
    /// Friends are in the room at once, others get an invitation. At most 100.
    #[serde(default)]
    #[schema(example = json!(["bob"]), max_items = 100)]
    pub invited_usernames: Vec<String>,
}

fn yes() -> bool {
    true
}

/// What is to be changed about a room; what is left out stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RoomChange {
    /// Its new name.
    #[schema(min_length = 1, max_length = 64)]
    pub name: Option<String>,
    /// What it is for.
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// As it is: a room stays private, or public.
    pub is_private: Option<bool>,
    /// More people: friends are in the room at once, others get an invitation. Who is in it, or invited, stays so. At most 100.
    #[schema(max_items = 100)]
    pub invited_usernames: Vec<String>,
}

impl RoomChange {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.description.is_none() && self.invited_usernames.is_empty()
    }
}

fn kind() -> Object {
    let kinds = [Kind::Public, Kind::Private, Kind::Group, Kind::Direct];
    one_of(kinds.map(Kind::as_str), "What kind of room.")
}

fn own_role() -> Object {
    one_of(ROLES.map(MemberRole::as_str), "What one may do there.")
}

fn role() -> Object {
    one_of(ROLES.map(MemberRole::as_str), "What they may do.")
}

fn status() -> Object {
    one_of(
        ["member", "invited"],
        "Whether they are in the room, or have to agree first.",
    )
}

const ROLES: [MemberRole; 3] = [MemberRole::Member, MemberRole::Moderator, MemberRole::Owner];

/// A text that is one of these.
fn one_of<const N: usize>(values: [&'static str; N], description: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values))
        .description(Some(description))
        .build()
}

/// A room that the program's person belongs to.
#[derive(Serialize, ToSchema)]
pub struct Room {
    /// Which.
    pub id: Uuid,
    /// Its name; of a direct chat the other's username.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// What kind of room, by its name in the database.
    #[schema(schema_with = kind)]
    pub kind: String,
    /// Whether people get into it by invitation alone.
    pub is_private: bool,
    /// Whether it can be read only.
    pub is_archived: bool,
    /// What one may do there, by its name in the database.
    #[schema(schema_with = own_role)]
    pub role: String,
    /// Usernames of its members, 100 at most; all of them stand under `members/`.
    #[schema(example = json!(["alice", "bob"]))]
    pub members: Vec<String>,
    /// Usernames of those who are invited and have not answered, 100 at most, for those who may invite.
    pub invited: Vec<String>,
    /// The number of its newest message; 0 when there is none.
    pub last_seq: i64,
    /// The number of its latest change.
    pub last_change: i64,
    /// Where its page is.
    #[schema(example = "/chat/room/stargazing")]
    pub url: String,
}

impl Room {
    /// That room; who is invited to it is known of one that is asked for by itself.
    pub fn of(room: RoomWithMembers, invited: Vec<String>, reader: &str) -> Self {
        let url = path(&room.slug);
        let other = room.members.iter().find(|name| *name != reader);
        let name = match other {
            Some(other) if room.title.is_empty() => other.clone(),
            _ => room.title,
        };
        Self {
            id: room.id.0,
            name,
            description: room.topic,
            is_private: room.kind != "public",
            kind: room.kind,
            is_archived: room.is_archived,
            role: room.role,
            members: room.members,
            invited,
            last_seq: room.last_seq.0,
            last_change: room.last_change.0,
            url,
        }
    }
}

/// Somebody who belongs to a room.
#[derive(Serialize, ToSchema)]
pub struct Member {
    /// Who.
    #[serde(flatten)]
    pub user: User,
    /// What they may do, by its name in the database.
    #[schema(schema_with = role)]
    pub role: String,
    /// Whether they are online, as far as they show it.
    pub online: bool,
}

impl Member {
    /// That member.
    pub fn of(person: &Author, role: MemberRole, online: bool) -> Self {
        Self {
            user: User::of(person),
            role: role.as_str().to_owned(),
            online,
        }
    }
}

/// Whom to take in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMember {
    /// Their username.
    #[schema(example = "bob")]
    pub username: String,
}

/// What became of it.
#[derive(Serialize, ToSchema)]
pub struct Admission {
    /// Who.
    pub username: String,
    /// Whether they belong to the room now.
    #[schema(schema_with = status)]
    pub status: &'static str,
}

/// How far somebody has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The number of the last message that was read.
    #[schema(minimum = 1)]
    pub seq: i64,
}
