//! Mails: stored as jobs, sent by SMTP. Without `SMTP_URL` they become files in the data directory.
//!
//! A mail that is sent twice, because the program ended in between, has the same `Message-ID` both times.

mod message;
mod views;

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;
use uuid::Uuid;

use crate::config::Secret;
use crate::jobs::{self, Job, Kind};
use crate::{App, Error, Result};

/// How long a mail server may take for one mail. The library's own limit ends with the connecting.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A mail to one person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// The name of whom it is to.
    pub name: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub paragraphs: Vec<String>,
    /// What there is to open: the words of the button, and the address.
    pub link: Option<(String, String)>,
    /// What it says below the link.
    pub notes: Vec<String>,
    /// From when on the link is dead. It stands with the job, which is not done any more then.
    #[serde(skip)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// Stores a mail to be sent, in the caller's transaction; [`jobs::wake`] after the commit sends it at once.
pub async fn store(app: &App, tx: &mut PgConnection, mail: &Mail) -> Result<()> {
    let payload = serde_json::to_string(mail).map_err(Error::internal)?;
    jobs::store_until(app, tx, Kind::Mail, &payload, mail.expires_at).await
}

/// Whether mails are sent, not only written to files.
pub fn is_set_up(app: &App) -> bool {
    app.config.smtp_url.is_some()
}

/// The full address of a page of ours, as mails need it: never what a request calls this server.
pub fn address_of(app: &App, path: &str) -> String {
    let origin = app.origins.first().map_or("", String::as_str);
    format!("{origin}{path}")
}

/// The mail that a job holds.
pub fn read(payload: &str) -> Result<Mail> {
    serde_json::from_str(payload).map_err(|_| Error::internal("it is no mail"))
}

/// Sends the mail that is this job.
pub async fn send(app: &App, job: &Job) -> Result<()> {
    let mail = read(&job.payload)?;
    let message = message::build(&mail, job.id, app.config.mail_from.as_ref(), app.now())?;
    if let Some(url) = &app.config.smtp_url {
        return send_by_smtp(url, app.config.smtp_ca.as_ref(), message).await;
    }
    let (app, id) = (app.clone(), job.id);
    let written = spawn_blocking(move || write_file(&app.config.own_folder("mail")?, id, &message.formatted()));
    let file = written.await.map_err(Error::internal)?.map_err(Error::internal)?;
    tracing::info!(file = %file.display(), "SMTP_URL is not set: a mail was written to a file");
    Ok(())
}

/// Errors name no recipient: they are kept, and go to the log.
async fn send_by_smtp(url: &Secret, ca: Option<&Certificate>, message: Message) -> Result<()> {
    let transport = transport(url.expose(), ca).ok_or_else(|| Error::internal("SMTP_URL cannot be used"))?;
    let sent = timeout(SEND_TIMEOUT, transport.send(message)).await;
    let sent = sent.map_err(|_| Error::Unavailable("the mail server did not answer in time".into()))?;
    sent.map(drop).map_err(|error| match error.status() {
        Some(code) => Error::Unavailable(format!("the mail server refused with code {code}")),
        None => Error::Unavailable(format!("the mail server cannot be used: {error}")),
    })
}

fn transport(url: &str, ca: Option<&Certificate>) -> Option<AsyncSmtpTransport<Tokio1Executor>> {
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).ok()?;
    let url = Url::parse(url).ok()?;
    let is_starttls = url.query().is_some();
    if let Some(ca) = ca
        && (is_starttls || url.scheme() == "smtps")
    {
        let tls = TlsParameters::builder(url.host_str()?.to_owned()).add_root_certificate(ca.clone());
        let kind = if is_starttls { Tls::Required } else { Tls::Wrapper };
        builder = builder.tls(kind(tls.build().ok()?));
    }
    Some(builder.build())
}

fn write_file(folder: &Path, id: Uuid, text: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(format!("{id}.eml"));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)?;
    file.write_all(text)?;
    file.sync_all()?;
    Ok(path)
}
