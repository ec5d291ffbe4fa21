//! What the mails about accounts say.

use chrono::{DateTime, Utc};

use super::links::Link;
use super::model::Device;
use super::queries::Account;
use crate::mail::Mail;
use crate::web::forwarded::Client;

/// The link to choose a new password with.
pub(super) fn reset(account: &Account, link: Link) -> Mail {
    Mail {
        subject: "Choose a new password".into(),
        paragraphs: vec![
            format!("Hello {},", account.name),
            format!(
                "somebody, probably you, forgot the password of the account @{}. With this link you choose a new one:",
                account.username
            ),
        ],
        link: Some(("Choose a new password".into(), link.address)),
        expires_at: Some(link.expires_at),
        notes: vec![
            "The link works once, within an hour, and ends all sessions. If you did not ask for it, there is nothing to \
             do: the password stays as it is."
                .into(),
        ],
        ..to(account, account.verified_email().unwrap_or_default())
    }
}

/// The link that shows that an address is its reader's.
pub(super) fn verify(account: &Account, email: &str, link: Link) -> Mail {
    Mail {
        subject: "Confirm your e-mail address".into(),
        paragraphs: vec![format!(
            "This address was given for the account @{}. If that account is yours, confirm it with this link:",
            account.username
        )],
        link: Some(("Confirm the address".into(), link.address)),
        expires_at: Some(link.expires_at),
        notes: vec![
            "The link works once, within an hour. If the account is not yours, there is nothing to do: without the \
             confirmation nobody can do anything with your address."
                .into(),
        ],
        ..to(account, email)
    }
}

/// Told to the address that an account had before.
pub(super) fn moved(account: &Account, before: &str) -> Mail {
    Mail {
        subject: "Your e-mail address was changed".into(),
        paragraphs: vec![format!(
            "The account @{} has another e-mail address from now on; nothing is sent to this one any more. If that was \
             not you, ask an administrator for help.",
            account.username
        )],
        ..to(account, before)
    }
}

/// Told after a log-in from a browser that was not known for the account.
pub(super) fn new_device(account: &Account, client: &Client, at: DateTime<Utc>) -> Mail {
    Mail {
        subject: "A new device is logged in".into(),
        paragraphs: vec![
            format!("Hello {},", account.name),
            format!(
                "the account @{} was logged in to from a new device: {}, from {}, on {}.",
                account.username,
                Device::of(&client.device).name,
                client.address,
                at.format("%-d %B %Y at %H:%M UTC")
            ),
        ],
        notes: vec![
            "If that was you, there is nothing to do. If not, change your password: that ends all other sessions."
                .into(),
        ],
        ..to(account, account.verified_email().unwrap_or_default())
    }
}

fn to(account: &Account, email: &str) -> Mail {
    Mail {
        to: email.to_owned(),
        name: account.name.clone(),
        ..Mail::default()
    }
}
