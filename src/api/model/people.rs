//! People, and how they get in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use crate::accounts::model::Author;
use crate::accounts::queries::Account;
use crate::web::components::picture_path;

/// Whoever wants an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// 3 to 32 letters, digits, dots, dashes or underscores.
    #[schema(example = "alice", min_length = 3, max_length = 32)]
    pub username: String,
    /// To log in with, and to get a new password by. Optional.
    #[serde(default)]
    #[schema(example = "alice@example.org", max_length = 254)]
    pub email: String,
    /// 10 to 256 characters, not easy to guess.
    #[schema(example = "correct horse battery staple", min_length = 10, max_length = 256)]
    pub password: String,
    /// Optional.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub first_name: String,
    /// Optional.
    #[serde(default)]
    #[schema(max_length = 64)]
    pub last_name: String,
    /// That the privacy page was read, and what it says is agreed to: has to be true. Left out it counts as false, so that
    /// both are told by one sentence.
    #[serde(default)]
    #[schema(required, schema_with = agreed)]
    pub consent: bool,
}

fn agreed() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .enum_values(Some([true]))
        .description(Some("That the privacy page was read, and what it says is agreed to."))
        .build()
}

/// Whose log-in begins.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The username, or a verified e-mail address.
    #[schema(example = "alice")]
    pub username: String,
    /// Its password.
    #[schema(example = "correct horse battery staple")]
    pub password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// As it was given out.
    pub refresh: String,
}

/// What a program goes on with.
#[derive(Serialize, ToSchema)]
pub struct TokenPair {
    /// For `Authorization: Bearer`, for ten minutes.
    pub access: String,
    /// For the next pair: good for one use, within 30 days.
    pub refresh: String,
}

/// A person, as others see them.
#[derive(Serialize, ToSchema)]
pub struct User {
    /// Which.
    pub id: Uuid,
    /// The name that they are known by, without @.
    #[schema(example = "alice")]
    pub username: String,
    /// The name that they are shown by.
    #[schema(example = "Alice Arden")]
    pub name: String,
    /// Where their picture is, if they have one.
    pub picture: Option<String>,
}

impl User {
    /// That person.
    pub fn of(author: &Author) -> Self {
        Self {
            id: author.id.0,
            username: author.username.clone(),
            name: author.name.clone(),
            picture: author
                .picture
                .map(|version| picture_path(&author.username, version, 96)),
        }
    }
}

/// The person whose program asks.
#[derive(Serialize, ToSchema)]
pub struct OwnUser {
    /// Which.
    pub id: Uuid,
    /// The name to log in with.
    #[schema(example = "alice")]
    pub username: String,
    /// The name that others see.
    pub name: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// The address that was given, if one was.
    pub email: Option<String>,
    /// Whether its owner has shown that it is theirs.
    pub is_email_verified: bool,
}

impl From<Account> for OwnUser {
    fn from(account: Account) -> Self {
        Self {
            id: account.user.0,
            is_email_verified: account.is_verified,
            username: account.username,
            name: account.name,
            first_name: account.first_name,
            last_name: account.last_name,
            email: account.email,
        }
    }
}
