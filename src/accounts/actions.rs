//! What changes accounts and sessions. Pages, the command line and the administration all come through here.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::time::timeout;
use tower_sessions::session::Id;

use super::current_user::CurrentUser;
use super::device_cookie::DeviceCookie;
use super::model::{self, LogInForm, NewAccount, Password, PersonName, Role, SignUpForm, Username};
use super::password::{self, Verdict};
use super::queries::{self, EndedSession, NewSession, NewUser};
use crate::bus::Event;
use crate::database::{HeldConnection, within_limit};
use crate::error::{FieldErrors, ResultExt};
use crate::ids::{SessionId, UserId};
use crate::text::{fold, skeletons};
use crate::web::Theme;
use crate::web::forwarded::Client;
use crate::web::session::{self, Lifetime, STAY};
use crate::{App, Error, Result};

/// A log-in that does not outlive the browser ends after this long without use.
const IDLE_LIMIT: TimeDelta = TimeDelta::hours(24);

/// An ended or expired log-in is kept this long, so that "last seen" is known.
const ENDED_KEPT: TimeDelta = TimeDelta::days(30);

/// How long the removal of what is not needed any more may take.
const TIDY_TIMEOUT: Duration = Duration::from_secs(10);

/// Of the accounts that gave an e-mail address without verifying it, the newest so many may log in with it, besides
/// the oldest and the one that has verified it.
const NEWEST: u8 = 2;

/// Of what a browser calls itself, this many characters are kept.
const DEVICE_CHARACTERS: usize = 200;

/// Somebody who has just logged in: what their browser is to be given.
pub struct LoggedIn {
    /// Who.
    pub user: UserId,
    /// Which log-in.
    pub session: SessionId,
    /// For the session cookie.
    pub cookie: Id,
    /// How long the cookie lasts.
    pub lifetime: Lifetime,
    /// For the theme's cookie.
    pub theme: Theme,
}

/// When a log-in that is used at `now` ends unless it is used again.
pub fn expiry(lifetime: Lifetime, now: DateTime<Utc>) -> DateTime<Utc> {
    match lifetime {
        Lifetime::Browser => now + IDLE_LIMIT,
        Lifetime::Device => now + STAY,
    }
}

/// Makes a member's account and logs them in. A taken username is an error of its field; a known e-mail address is
/// none, because that would tell who has an account. The theme is the one their browser shows already.
pub async fn sign_up(app: &App, form: &SignUpForm, theme: Theme, client: &Client) -> Result<LoggedIn> {
    app.throttle.check_address(client.address).await?;
    let account = form.parse(FieldErrors::default())?;
    if queries::find_credentials_by_name(&app.db, &account.username.key())
        .await?
        .is_some()
    {
        return Err(username_taken());
    }
    let hash = judge_and_hash(&account).await?;
    let opened = OpenedSession::open(app, form.first_log_in()).await?;
    let mut tx = app.db.begin().await?;
    let user = insert_account(
        app,
        &mut tx,
        &account,
        &hash,
        Role::Member,
        theme,
        Some(model::CONSENT_VERSION),
    )
    .await?;
    let logged_in = start_session(app, &mut tx, opened, user, Lifetime::Browser, theme, client).await?;
    tx.commit().await?;
    Ok(logged_in)
}

/// Logs into an account that this very form has made before: it was sent twice, and the browser shows the answer that came
/// last. There is one log-in for both answers, whichever the browser keeps; when it has ended it stays so. None where the
/// form made no account, or the password is another one. (Of the two records that lead to the log-in, its end deletes
/// the first; the other leads nowhere then, and expires.)
pub async fn log_in_again(app: &App, form: &SignUpForm) -> Result<Option<LoggedIn>> {
    let session = form.first_log_in();
    let Some(login) = queries::find_session(&app.db, session, app.now()).await? else {
        return Ok(None);
    };
    let key = fold(&login.username);
    app.throttle.check_account(&key).await?;
    let Some(found) = queries::find_credentials_by_name(&app.db, &key).await? else {
        return Ok(None);
    };
    let verdicts = password::verify(&Password::typed(&form.password), vec![found.password_hash], 1).await?;
    if verdicts != [Verdict::Right] {
        return Ok(None);
    }
    Ok(Some(LoggedIn {
        session,
        user: login.user,
        cookie: session::open(app, session).await?,
        lifetime: login.lifetime,
        theme: Theme::parse(&found.theme),
    }))
}

/// Logs somebody in by username or e-mail address, with a new session. Whether the account is unknown or the password
/// wrong, the answer is the same and takes as long: for a username exactly one password is verified, for an e-mail
/// address as many as there can be accounts that it stands for.
pub async fn log_in(app: &App, form: &LogInForm, client: &Client, device: &DeviceCookie) -> Result<LoggedIn> {
    let key = fold(&form.login);
    let throttled = count_log_in(app, &key, client).await.err();
    if device.is_empty()
        && let Some(error) = throttled
    {
        return Err(error);
    }
    // A username cannot hold an @.
    let (mut accounts, times) = if key.contains('@') {
        let accounts = queries::list_credentials_by_email(&app.db, &key, NEWEST).await?;
        (accounts, usize::from(NEWEST) + 2)
    } else {
        let found = queries::find_credentials_by_name(&app.db, &key).await?;
        (found.into_iter().collect(), 1)
    };
    if let Some(error) = throttled {
        accounts.retain(|account| device.number(app, account.user).is_some());
        let first = accounts.first().ok_or(error)?;
        let number = device.number(app, first.user).unwrap_or_default();
        app.throttle.check_device(number).await?;
    }
    let stored = accounts.iter().map(|account| account.password_hash.clone()).collect();
    let verdicts = password::verify(&Password::typed(&form.password), stored, times).await?;
    let mut judged = accounts.into_iter().zip(verdicts);
    let Some((found, verdict)) = judged.find(|(_, verdict)| *verdict != Verdict::Wrong) else {
        let sentence = "The username or the password is wrong.";
        return Err(Error::Invalid(FieldErrors::one("form", sentence)));
    };
    if let Verdict::Outdated(better) = &verdict {
        queries::update_password_hash(&app.db, found.user, &found.password_hash, better).await?;
    }
    let opened = OpenedSession::open(app, SessionId::new()).await?;
    let mut tx = app.db.begin().await?;
    let logged_in = start_session(
        app,
        &mut tx,
        opened,
        found.user,
        form.lifetime(),
        Theme::parse(&found.theme),
        client,
    )
    .await?;
    tx.commit().await?;
    Ok(logged_in)
}

/// Checks the password of somebody who is logged in, before what is not for whoever finds their browser open. It counts as
/// an attempt to log in.
pub async fn confirm_password(
    app: &App,
    user: &CurrentUser,
    typed: &str,
    client: &Client,
    device: &DeviceCookie,
) -> Result<()> {
    let key = fold(&user.viewer.username);
    if let Err(error) = count_log_in(app, &key, client).await {
        let number = device.number(app, user.id).ok_or(error)?;
        app.throttle.check_device(number).await?;
    }
    let found = queries::find_credentials_by_name(&app.db, &key).await?;
    let stored = found.ok_or(Error::Unauthenticated)?.password_hash;
    let verdicts = password::verify(&Password::typed(typed), vec![stored], 1).await?;
    if verdicts.contains(&Verdict::Wrong) {
        let sentence = "This is not your password. Type the one you log in with.";
        return Err(Error::Invalid(FieldErrors::one("password", sentence)));
    }
    Ok(())
}

/// Counts an attempt to log in to `account`; the error says that there were too many.
async fn count_log_in(app: &App, account: &str, client: &Client) -> Result<()> {
    app.throttle.check_address(client.address).await?;
    app.throttle.check_account(account).await
}

/// Ends one log-in. Its cookie is worthless from now on, and its sockets close.
pub async fn log_out(app: &App, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_session_ended(&mut *tx, session, app.now()).await?;
    end_sessions(app, tx, &ended.into_iter().collect::<Vec<_>>()).await
}

/// Ends one of a person's own log-ins. None of somebody else, and none that has ended already, exists for them.
pub async fn end_session(app: &App, user: UserId, session: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_own_session_ended(&mut *tx, user, session, app.now()).await?;
    end_sessions(app, tx, &[ended.ok_or(Error::NotFound)?]).await
}

/// Ends all of a person's log-ins but this one.
pub async fn end_other_sessions(app: &App, user: UserId, kept: SessionId) -> Result<()> {
    let mut tx = app.db.begin().await?;
    let ended = queries::update_sessions_ended(&mut tx, user, Some(kept), app.now()).await?;
    end_sessions(app, tx, &ended).await
}

/// Commits that log-ins ended, and makes it known: the cache of this node forgets them, and every node closes their
/// sockets, by the bus at once, by `revocations` within a second. (The cache of another node forgets them then, too.)
async fn end_sessions(app: &App, mut tx: Transaction<'_, Postgres>, ended: &[EndedSession]) -> Result<()> {
    if !ended.is_empty() {
        queries::delete_session_records(&mut tx, ended).await?;
        queries::insert_revocations(&mut tx, ended).await?;
    }
    tx.commit().await?;
    if !ended.is_empty() {
        app.logins.clear();
        app.bus.publish(Event::Revoked);
    }
    Ok(())
}

/// Notes that a log-in is in use without a page being asked for; false when it is over.
pub async fn note_use(app: &App, session: SessionId) -> Result<bool> {
    let now = app.now();
    let note = async |db: &mut PgConnection| {
        let Some(alive) = queries::find_session_alive(&mut *db, session, now).await? else {
            return Ok(false);
        };
        queries::update_session_use(db, session, now, expiry(alive.lifetime, now)).await?;
        Ok(true)
    };
    within_limit(&app.db, note).await
}

/// Changes what a person may do. The last administrator stays one, and whoever acts must still be one themselves;
/// all administrators are locked meanwhile, so that two who demote each other leave one. The person's log-ins end,
/// so that none carries more or less than it was made for.
pub async fn change_role(app: &App, actor: UserId, username: &str, role: Role) -> Result<()> {
    let found = queries::find_credentials_by_name(&app.db, &fold(username)).await?;
    let user = found.ok_or(Error::NotFound)?.user;
    let mut tx = app.db.begin().await?;
    let locked = queries::lock_admins_and(&mut tx, user).await?;
    let is_admin = |id: UserId| locked.contains(&(id, Role::Admin));
    let current = locked.iter().find(|(id, _)| *id == user).ok_or(Error::NotFound)?.1;
    if !is_admin(actor) {
        return Err(Error::NotFound);
    }
    if current == role {
        return Ok(());
    }
    let admins = locked.iter().filter(|(_, role)| *role == Role::Admin).count();
    if current == Role::Admin && admins <= 1 {
        let sentence = "The last administrator stays one. Make somebody else an administrator first.";
        return Err(Error::Conflict(sentence.into()));
    }
    queries::update_role(&mut tx, user, role).await?;
    let ended = queries::update_sessions_ended(&mut tx, user, None, app.now()).await?;
    end_sessions(app, tx, &ended).await
}

/// Makes an administrator's account without a page, for the command line. Nobody agrees to the privacy page there, so
/// no consent is stored.
pub async fn create_admin(app: &App, username: &str, typed: &str) -> Result<()> {
    let mut errors = FieldErrors::default();
    let username = errors.take("username", Username::parse(username));
    let password = errors.take("password", Password::parse(typed));
    let (Some(username), Some(password)) = (username, password) else {
        return Err(Error::Invalid(errors));
    };
    let account = NewAccount {
        username,
        email: None,
        first_name: PersonName::default(),
        last_name: PersonName::default(),
        password,
    };
    let hash = judge_and_hash(&account).await?;
    let mut tx = app.db.begin().await?;
    // With the setup's lock, so that a setup page that is open meanwhile does not make a second first one.
    queries::lock_setup(&mut tx).await?;
    insert_account(app, &mut tx, &account, &hash, Role::Admin, Theme::System, None).await?;
    queries::delete_setup_codes(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Remembers the theme that somebody chose.
pub async fn choose_theme(app: &App, user: UserId, theme: Theme) -> Result<()> {
    Ok(queries::update_theme(&app.db, user, theme.as_str()).await?)
}

/// Deletes log-ins that ended long ago, and forgets throttled addresses whose time is over. To be called now and then.
pub async fn tidy(app: &App) -> Result<()> {
    app.throttle.forget_idle();
    let before = app.now() - ENDED_KEPT;
    let delete = async |db: &mut PgConnection| {
        queries::delete_sessions_expired(&mut *db, before).await?;
        queries::delete_revocations(db, before).await
    };
    let mut held = HeldConnection::with_limit(app.db.clone(), TIDY_TIMEOUT);
    held.run(delete).await?;
    let deleted = timeout(TIDY_TIMEOUT, app.session_store.delete_expired()).await;
    let late = |_| Error::Unavailable("old sessions could not be deleted in time".into());
    deleted.map_err(late)?.map_err(Error::internal)
}

/// The hash of a new account's password, or an error of its field when it is easy to guess.
pub(super) async fn judge_and_hash(account: &NewAccount) -> Result<String> {
    if let Err(sentence) = password::judge(account).await? {
        return Err(Error::Invalid(FieldErrors::one("password", sentence)));
    }
    password::hash(&account.password).await
}

/// Stores the account with a data key of its own. `consent_version` is the privacy page that its owner agreed to.
pub(super) async fn insert_account(
    app: &App,
    tx: &mut PgConnection,
    account: &NewAccount,
    password_hash: &str,
    role: Role,
    theme: Theme,
    consent_version: Option<&str>,
) -> Result<UserId> {
    let (id, at) = (UserId::new(), app.now());
    let key = app.vault.create_data_key(tx).await?;
    let new = NewUser {
        id,
        account,
        password_hash,
        role,
        theme: theme.as_str(),
        key,
        consent_version,
        at,
    };
    queries::insert_user(tx, new)
        .await
        .on_constraint("users_name_key_unique", username_taken)?;
    queries::insert_skeletons(tx, id, &account.username.skeletons())
        .await
        .on_constraint("username_skeletons_unique", username_looks_taken)?;
    Ok(id)
}

fn username_taken() -> Error {
    Error::Invalid(FieldErrors::one("username", "This name is taken. Choose another one."))
}

fn username_looks_taken() -> Error {
    let sentence = "This name looks like one that is taken. Choose another one.";
    Error::Invalid(FieldErrors::one("username", sentence))
}

/// Stores what usernames look like that were taken without that. Of several that look alike the oldest has it; everybody
/// keeps their name. To be called at a start.
pub async fn complete_skeletons(db: &PgPool) -> Result<()> {
    for some in queries::list_users_without_skeleton(db).await?.chunks(1000) {
        let pairs = some
            .iter()
            .flat_map(|(user, name)| skeletons(name).map(|skeleton| (*user, skeleton)));
        queries::insert_free_skeletons(db, pairs).await?;
    }
    Ok(())
}

/// A session of the library that stands for a log-in which is about to be stored.
pub(super) struct OpenedSession {
    login: SessionId,
    cookie: Id,
}

impl OpenedSession {
    /// Opens a session for that log-in. To be called before the transaction that stores it: the library uses a
    /// connection of its own.
    pub(super) async fn open(app: &App, login: SessionId) -> Result<Self> {
        let cookie = session::open(app, login).await?;
        Ok(Self { login, cookie })
    }
}

/// Stores a new log-in, for which this session has been opened.
pub(super) async fn start_session(
    app: &App,
    tx: &mut PgConnection,
    opened: OpenedSession,
    user: UserId,
    lifetime: Lifetime,
    theme: Theme,
    client: &Client,
) -> Result<LoggedIn> {
    let (at, cookie) = (app.now(), opened.cookie);
    let device: String = client
        .device
        .chars()
        .filter(|c| !c.is_control())
        .take(DEVICE_CHARACTERS)
        .collect();
    let new = NewSession {
        id: opened.login,
        store_id: &app.session_store.stored_id(cookie).to_string(),
        user,
        lifetime,
        device: &device,
        address: &client.address.to_string(),
        at,
        expires_at: expiry(lifetime, at),
    };
    queries::insert_session(tx, new).await?;
    Ok(LoggedIn {
        session: opened.login,
        user,
        cookie,
        lifetime,
        theme,
    })
}
