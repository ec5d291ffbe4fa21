//! A mail in the form that travels: text and HTML, made from the same sentences.

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use uuid::Uuid;

use super::{Mail, views};
use crate::{Error, Result};

/// Whom mails are from while `MAIL_FROM` is not set, which is only while they go to files.
const NOBODY: &str = "UmbraChat <umbrachat@localhost>";

/// The message of the job `id`.
pub(super) fn build(mail: &Mail, id: Uuid, from: Option<&Mailbox>, at: DateTime<Utc>) -> Result<Message> {
    let from = match from {
        Some(from) => from.clone(),
        None => NOBODY.parse().map_err(Error::internal)?,
    };
    let address = mail
        .to
        .parse()
        .map_err(|_| Error::internal("mail cannot be sent to its address"))?;
    // The library panics at names with control characters.
    let name = mail.name.replace(char::is_control, " ");
    let name = Some(name).filter(|name| !name.is_empty());
    let mut message = Message::builder()
        .message_id(Some(format!("<{id}@{}>", from.email.domain())))
        .date(at.into())
        .from(from)
        .to(Mailbox::new(name, address))
        .subject(&mail.subject)
        .multipart(MultiPart::alternative_plain_html(
            text(mail),
            views::html(mail).into_string(),
        ))
        .map_err(Error::internal)?;
    // RFC 3834: no answering machine shall answer it.
    let name = HeaderName::new_from_ascii_str("Auto-Submitted");
    message
        .headers_mut()
        .insert_raw(HeaderValue::new(name, "auto-generated".into()));
    Ok(message)
}

fn text(mail: &Mail) -> String {
    let link = mail
        .link
        .as_ref()
        .map(|(label, address)| format!("{label}:\n{address}"));
    let parts = mail
        .paragraphs
        .iter()
        .cloned()
        .chain(link)
        .chain(mail.notes.iter().cloned());
    let mut text = parts.collect::<Vec<_>>().join("\n\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formatted(mail: &Mail) -> String {
        let message = build(mail, Uuid::nil(), None, "2026-11-20T12:00:00Z".parse().unwrap()).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    fn mail() -> Mail {
        Mail {
            to: "mara@example.org".into(),
            name: "Mara Lindqvist".into(),
            subject: "Choose a new password".into(),
            paragraphs: vec!["Somebody asked for it.".into()],
            link: Some(("Choose".into(), "http://localhost/accounts/reset/abc".into())),
            notes: vec!["It is good for an hour.".into()],
            expires_at: None,
        }
    }

    #[test]
    fn a_message_says_who_when_and_that_nobody_wrote_it() {
        let text = formatted(&mail());
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000000@localhost>",
            "Auto-Submitted: auto-generated",
            "Date: Fri, 20 Nov 2026 12:00:00 +0000",
            "Subject: Choose a new password",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in {text}");
        }
        assert!(text.contains("text/plain") && text.contains("text/html"));
        assert!(text.contains("\r\nhttp://localhost/accounts/reset/abc\r\n"));
    }

    #[test]
    fn no_text_becomes_a_header_or_markup() {
        let evil = "Eve\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>";
        let text = formatted(&Mail {
            name: evil.into(),
            subject: evil.into(),
            ..mail()
        });
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Auto-Submitted"), "the head goes on");
        for to in [
            "a@example.org\r\nBcc: b@example.org",
            "a@example.org, b@example.org",
            "Eve <a@example.org>",
        ] {
            let mail = Mail {
                to: to.into(),
                ..mail()
            };
            assert!(build(&mail, Uuid::nil(), None, Utc::now()).is_err(), "{to}");
        }
        let markup = views::html(&Mail {
            paragraphs: vec![evil.into()],
            ..mail()
        });
        assert!(!markup.into_string().contains("<script"));
    }
}
