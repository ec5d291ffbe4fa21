//! The one error type. `web::errors` turns it into a page, an htmx fragment or JSON by what was asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use poem::error::ResponseError;
use poem::http::StatusCode;

/// What every fallible function of the program returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Sentences about form fields, by field name: what is wrong and what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<Cow<'static, str>, String>);

impl FieldErrors {
    /// The errors of a form with just this one wrong field.
    pub fn one(field: impl Into<Cow<'static, str>>, sentence: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, sentence);
        errors
    }

    /// Notes what is wrong with `field`; the first sentence about a field stays.
    pub fn add(&mut self, field: impl Into<Cow<'static, str>>, sentence: impl Into<String>) {
        self.0.entry(field.into()).or_insert_with(|| sentence.into());
    }

    /// Keeps the value, or notes the sentence for `field` and returns None.
    pub fn take<T>(&mut self, field: &'static str, parsed: Result<T, String>) -> Option<T> {
        parsed.map_err(|sentence| self.add(field, sentence)).ok()
    }

    /// The sentence about `field`, if something is wrong with it.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// The same for whoever calls these fields otherwise.
    #[must_use]
    pub fn renamed(self, names: &[(&'static str, &'static str)]) -> Self {
        let rename = |field: Cow<'static, str>| {
            let found = names.iter().find(|(from, _)| *from == field);
            found.map_or(field, |(_, to)| Cow::Borrowed(*to))
        };
        Self(
            self.0
                .into_iter()
                .map(|(field, sentence)| (rename(field), sentence))
                .collect(),
        )
    }

    /// Every field that is wrong, with its sentence.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, sentence)| (field.as_ref(), sentence.as_str()))
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every sentence, in one line.
    pub fn summary(&self) -> String {
        self.0.values().cloned().collect::<Vec<_>>().join(" ")
    }
}

/// What can go wrong, seen from outside.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is logged in: pages lead to the login.
    #[error("not logged in")]
    Unauthenticated,
    /// A program's access token is no good, or is over.
    #[error("no good token")]
    BadToken,
    /// It is not in the form that is asked for: the sentence says what is wrong with it.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A program's encrypted body is not to be opened. Why is not told.
    #[error("undecryptable")]
    Undecryptable,
    /// It is of a type that is not read here: the sentence says which is.
    #[error("unsupported type: {0}")]
    UnsupportedType(&'static str),
    /// The request itself is refused (token, origin): the sentence says why and what to do.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// It does not exist, or it is not open to this person: one answer for both.
    #[error("not found")]
    NotFound,
    /// Fields with errors; what was typed is shown again.
    #[error("invalid: {}", .0.summary())]
    Invalid(FieldErrors),
    /// It is larger than it may be: the sentence says how large that is.
    #[error("too large: {0}")]
    TooLarge(String),
    /// It cannot be done as things stand: the sentence says why.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Too often; try again after this long.
    #[error("too many requests")]
    TooMany {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The database does not answer, or not in time.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// Nobody has an account yet: first somebody sets the server up.
    #[error("not set up")]
    NotSetUp,
    /// A fault of the program or its data: the detail goes to the log only.
    #[error("internal: {0}")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A fault told by a sentence.
    pub fn internal(detail: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(detail.into())
    }
}

/// Whether the database is away, or will not answer now: the same may succeed later.
pub fn is_away(error: &sqlx::Error) -> bool {
    match error {
        // Protocol: a connection that ends in the middle of a conversation.
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_) => true,
        // 08: connection; 53: out of connections or space; 57: shutting down, starting up, or cancelled.
        sqlx::Error::Database(db) => {
            let code = db.code().unwrap_or_default();
            ["08", "53", "57"].iter().any(|class| code.starts_with(class))
        }
        _ => false,
    }
}

/// Whether a lock was not free in time (55P03), or two transactions waited for each other (40P01).
pub fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(db) if db.code().is_some_and(|code| code == "55P03" || code == "40P01"))
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            error if is_locked(&error) || is_away(&error) => Self::Unavailable(error.to_string()),
            error => Self::Internal(Box::new(error)),
        }
    }
}

impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthenticated | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::Malformed(_) | Self::Undecryptable => StatusCode::BAD_REQUEST,
            Self::UnsupportedType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) | Self::NotSetUp => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Turns a violated constraint, named in the migrations, into an error of its own.
pub trait ResultExt<T> {
    /// When `name` was violated, the error is `error()` instead.
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, error: impl FnOnce() -> Error) -> Result<T> {
        self.map_err(|e| match &e {
            sqlx::Error::Database(db) if db.constraint() == Some(name) => error(),
            _ => e.into(),
        })
    }
}
