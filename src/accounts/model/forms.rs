//! What the forms of accounts send.

use serde::Deserialize;
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::{Email, Password, PersonName, Username};
use crate::error::FieldErrors;
use crate::ids::SessionId;
use crate::text::fold;
use crate::web::session::Lifetime;
use crate::{Error, Result};

/// What the sign-up and setup pages send. Kept as typed, to be shown again (except the password).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct SignUpForm {
    /// The name to log in with.
    pub username: String,
    /// Optional.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// Never shown again.
    pub password: String,
    /// The consent box: not empty when ticked.
    pub consent: String,
    /// The one-time code (setup only).
    pub code: String,
    /// Which form it is, however often it is sent.
    pub form_id: FormId,
    /// The local path to go to afterwards; empty means the chat home.
    pub next: String,
}

impl SignUpForm {
    /// The token of the invite link that led to the form.
    pub fn invite(&self) -> Option<&str> {
        self.next
            .strip_prefix("/invite/")
            .filter(|token| !token.contains(['/', '?', '#']))
    }
}

/// A random id that a page gives its form. A program may leave it out: each of its forms is another one.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct FormId(pub String);

impl Default for FormId {
    fn default() -> Self {
        Self(Uuid::new_v4().to_string())
    }
}

/// The log-in that comes of the form that makes the account of this name: the same one, however often the form is sent.
pub fn first_log_in(form_id: &str, username: &str) -> SessionId {
    let name = fold(username);
    let hash: [u8; 32] = Sha256::digest(format!("{}\n{name}\n{form_id}", name.len())).into();
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    SessionId(Builder::from_custom_bytes(id).into_uuid())
}

impl SignUpForm {
    /// See [`first_log_in`].
    pub fn first_log_in(&self) -> SessionId {
        first_log_in(&self.form_id.0, &self.username)
    }

    /// The checked form; `errors` says what is wrong already (a setup code).
    pub fn parse(&self, errors: FieldErrors) -> Result<NewAccount> {
        self.parse_with(PersonName::parse_required, errors)
    }

    /// The same where names may be left out.
    pub fn parse_without_names(&self) -> Result<NewAccount> {
        self.parse_with(PersonName::parse, FieldErrors::default())
    }

    fn parse_with(
        &self,
        first_name: fn(&str) -> Result<PersonName, String>,
        mut errors: FieldErrors,
    ) -> Result<NewAccount> {
        let username = errors.take("username", Username::parse(&self.username));
        let email = errors.take("email", Email::parse_optional(&self.email));
        let first_name = errors.take("first_name", first_name(&self.first_name));
        let last_name = errors.take("last_name", PersonName::parse(&self.last_name));
        let password = errors.take("password", Password::parse(&self.password));
        if !self.has_consent() {
            errors.add(
                "consent",
                "Without your consent there is no account. Read the privacy page and tick the box.",
            );
        }
        match (username, email, first_name, last_name, password) {
            (Some(username), Some(email), Some(first_name), Some(last_name), Some(password)) if errors.is_empty() => {
                Ok(NewAccount {
                    username,
                    email,
                    first_name,
                    last_name,
                    password,
                })
            }
            _ => Err(Error::Invalid(errors)),
        }
    }

    /// Whether nothing but the setup code was typed.
    pub fn is_code_only(&self) -> bool {
        let others = [
            &self.username,
            &self.email,
            &self.first_name,
            &self.last_name,
            &self.password,
            &self.consent,
        ];
        !self.code.is_empty() && others.iter().all(|field| field.is_empty())
    }

    /// Whether the consent box is ticked.
    pub fn has_consent(&self) -> bool {
        is_ticked(&self.consent)
    }
}

/// What the page sends that asks for consent again.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct ConsentForm {
    /// The consent box: not empty when ticked.
    pub consent: String,
    /// The local path to go to afterwards; empty means the chat home.
    pub next: String,
}

impl ConsentForm {
    /// Whether the consent box is ticked.
    pub fn has_consent(&self) -> bool {
        is_ticked(&self.consent)
    }
}

/// Whether a checkbox that sends this is ticked.
fn is_ticked(value: &str) -> bool {
    matches!(value, "on" | "true" | "1" | "yes")
}

/// What the log-in page sends. Kept as typed, to be shown again (except the password).
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct LogInForm {
    /// Username or e-mail address.
    pub login: String,
    /// Never shown again.
    pub password: String,
    /// Stay logged in on this device: not empty when ticked.
    pub remember: String,
    /// The local path to go to afterwards; empty means the chat home.
    pub next: String,
    /// The form that was refused because nobody was logged in (`TypedForm::to_field`): it is shown again afterwards.
    pub again: String,
}

impl LogInForm {
    /// Whether "stay logged in" is ticked.
    pub fn lifetime(&self) -> Lifetime {
        if is_ticked(&self.remember) {
            Lifetime::Device
        } else {
            Lifetime::Browser
        }
    }
}

/// An account to be made.
pub struct NewAccount {
    /// The name to log in with.
    pub username: Username,
    /// Optional, not verified.
    pub email: Option<Email>,
    /// First name.
    pub first_name: PersonName,
    /// Last name.
    pub last_name: PersonName,
    /// Its password.
    pub password: Password,
}

impl NewAccount {
    /// What a password must not be made of, besides common words.
    pub fn user_inputs(&self) -> Vec<String> {
        let email = self.email.as_ref().map_or("", Email::as_str);
        let (first, last) = (self.first_name.as_str(), self.last_name.as_str());
        user_inputs(self.username.as_str(), first, last, email)
    }
}

/// What the password of such a person must not be made of, besides common words.
pub fn user_inputs(username: &str, first_name: &str, last_name: &str, email: &str) -> Vec<String> {
    let local = email.split('@').next().unwrap_or_default();
    let inputs = [username, first_name, last_name, local, email, "umbrachat"].into_iter();
    inputs.filter(|input| !input.is_empty()).map(str::to_owned).collect()
}

/// What the password section of the settings sends. Never shown again.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PasswordForm {
    /// The one that still holds.
    pub current_password: String,
    /// The new one.
    pub password: String,
}

/// What the e-mail section of the settings sends.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct EmailForm {
    /// The address to have.
    pub email: String,
    /// Never shown again.
    pub password: String,
}

/// What somebody sends who forgot their password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct ResetForm {
    /// Username or e-mail address.
    pub login: String,
}

/// What the page behind a link sends. Never shown again.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct NewPasswordForm {
    /// The new one.
    pub password: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_opens_one_log_in_for_each_name() {
        let first = first_log_in("f", "Alice");
        assert_eq!(first, first_log_in("f", " ALICE"));
        for other in [
            first_log_in("g", "alice"),
            first_log_in("f", "alicia"),
            first_log_in("e\nf", "alic"),
        ] {
            assert_ne!(first, other);
        }
        assert_ne!(
            SignUpForm::default().first_log_in(),
            SignUpForm::default().first_log_in()
        );
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let Err(Error::Invalid(errors)) = SignUpForm::default().parse(FieldErrors::default()) else {
            unreachable!("an empty form is wrong");
        };
        for field in ["username", "first_name", "password", "consent"] {
            assert!(errors.get(field).is_some(), "{field}");
        }
        assert!(errors.get("email").is_none());
    }
}
