//! Forms that bring files, taken as they come.

use std::time::Duration;

use futures_util::TryStreamExt;
use poem::{Body, Request};

use super::receiving::{ReceiveError, receive};
use super::{File, FileName, MOST, Size, removing};
use crate::error::FieldErrors;
use crate::ids::{KeyId, UserId};
use crate::rooms::model::Membership;
use crate::web::form_data::FormStream;
use crate::web::limits::{Pace, paced};
use crate::{App, Error, Result};

/// How slowly files may come: a minute, and so many bytes a second on the whole. A connection on which nothing comes for a
/// minute is ended besides.
const PACE: Pace = Pace {
    least_rate: 16_384.0,
    grace: Duration::from_secs(60),
};
/// Bytes of a form beside its files.
const FIELDS: u64 = 64 << 10;

/// A form with files, as far as it has come.
#[derive(Default)]
pub struct ReceivedForm {
    /// Its other fields, in their order.
    pub fields: Vec<(String, String)>,
    /// Its files, which are stored.
    pub files: Vec<File>,
}

impl ReceivedForm {
    /// The parts of a request's form; None for a body that is none.
    pub fn open(app: &App, request: &Request, body: Body) -> Option<FormStream> {
        let most = MOST as u64 * app.config.max_upload + FIELDS + (FIELDS * MOST as u64);
        FormStream::new(request.content_type(), paced(body, PACE), most)
    }

    /// Takes part after part: files of the member, whose data key that is, for the room. What comes is let in by `check`,
    /// which is asked of every field, and without one before every file and at the end.
    pub async fn take(
        &mut self,
        app: &App,
        membership: &Membership,
        author_key: KeyId,
        parts: &mut FormStream,
        mut check: impl FnMut(Option<(&str, &str)>) -> Result<()>,
    ) -> Result<()> {
        let broken = |_| Error::Conflict("The form did not arrive whole. Send it again.".into());
        let mut left = FIELDS;
        while let Some(part) = parts.next().await.map_err(broken)? {
            let (name, progress) = (part.name().unwrap_or_default().to_owned(), parts.used());
            if name != "file" {
                let value = part.text().await.map_err(broken)?;
                progress.add(value.len());
                // Each counts somewhat more than it has, so that there cannot be very many.
                let length = (name.len() + value.len()) as u64 + 1024;
                left = left
                    .checked_sub(length)
                    .ok_or_else(|| refused("This form has too much text."))?;
                check(Some((&name, &value)))?;
                self.fields.push((name, value));
                continue;
            }
            check(None)?;
            // A field in which no file was chosen.
            let Some(name) = part.file_name().filter(|name| !name.is_empty()) else {
                continue;
            };
            if self.files.len() == MOST {
                return Err(refused("A message has at most 10 files."));
            }
            // Browsers write a quotation mark in a name like this.
            let name = FileName::of(&name.replace("%22", "\""));
            let part = part.inspect_ok(move |piece| progress.add(piece.len()));
            let file = receive(app, membership, author_key, name, part).await;
            self.files.push(file.map_err(|error| explained(app, error))?);
        }
        check(None)
    }

    /// Removes the files, which are not sent. What stays is removed within an hour.
    pub async fn remove(&self, app: &App, user: UserId) {
        for file in &self.files {
            if let Err(error) = removing::remove(app, user, file.id).await {
                tracing::debug!(%error, file = %file.id, "a file that is not sent is removed later");
            }
        }
    }

    /// The first field of that name; empty when there is none.
    pub fn value(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }
}

/// What is wrong with the file, or with its form.
pub fn refused(sentence: &str) -> Error {
    Error::Invalid(FieldErrors::one("file", sentence))
}

fn explained(app: &App, error: ReceiveError) -> Error {
    match error {
        ReceiveError::TooLarge => {
            let most = Size(app.config.max_upload);
            Error::TooLarge(format!("This file is too large: a file has at most {most}."))
        }
        ReceiveError::OverQuota => Error::Conflict(format!(
            "You have used up your space for files, {}. Delete messages with files to make room.",
            Size(app.config.upload_quota)
        )),
        ReceiveError::Refused(sentence) => refused(&sentence),
        ReceiveError::CutOff => Error::Conflict("The file did not arrive whole. Send it again.".into()),
        ReceiveError::Other(error) => error,
    }
}
