//! What changes accounts and sessions. Pages, the command line and the administration all come through here.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tokio::time::timeout;

use super::device_cookie::DeviceCookie;
use super::model::{self, Act, LogInForm, NewAccount, Password, PersonName, Role, SignUpForm, Username};
use super::password::{self, Verdict};
use super::queries::{self, Credentials, NewUser};
pub use super::sessions::{LoggedIn, end_other_sessions, end_session, end_sessions, expiry, log_out, note_use};
pub(super) use super::sessions::{OpenedSession, start_session};
use super::{api_keys, emails, erasure, mails, moderation};
use crate::database::HeldConnection;
use crate::error::{FieldErrors, ResultExt};
use crate::ids::{SessionId, UserId};
use crate::text::{fold, skeletons};
use crate::web::Theme;
use crate::web::forwarded::Client;
use crate::web::session::{self, Lifetime};
use crate::{App, Error, Result, jobs, mail};

/// The network address that a log-in came from is forgotten after this long, also of one that goes on.
const ADDRESS_KEPT: TimeDelta = TimeDelta::days(30);

/// An ended or expired log-in is kept this long, so that "last seen" is known.
const ENDED_KEPT: TimeDelta = TimeDelta::days(30);

/// How long the removal of what is not needed any more may take.
const TIDY_TIMEOUT: Duration = Duration::from_secs(10);

/// Of the accounts that gave an e-mail address without verifying it, the newest so many may log in with it, besides
/// the oldest and the one that has verified it.
const NEWEST: u8 = 2;

/// Makes a member's account and logs them in. A taken username is an error of its field; a known e-mail address is
/// none, because that would tell who has an account. The theme is the one their browser shows already.
pub async fn sign_up(app: &App, form: &SignUpForm, theme: Theme, client: &Client) -> Result<LoggedIn> {
    app.throttle.check_address(client.address).await?;
    let account = form.parse(FieldErrors::default())?;
    let hash = prepare(app, &account).await?;
    let opened = OpenedSession::open(app, form.first_log_in()).await?;
    let mut tx = app.db.begin().await?;
    let user = insert_member(app, &mut tx, &account, &hash, theme).await?;
    let logged_in = start_session(app, &mut tx, opened, user, Lifetime::Browser, theme, client).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(logged_in)
}

/// Makes a member's account for a program, which may leave out the names, without a log-in.
pub async fn register(app: &App, form: &SignUpForm, client: &Client) -> Result<UserId> {
    app.throttle.check_address(client.address).await?;
    let account = form.parse_without_names()?;
    let hash = prepare(app, &account).await?;
    let mut tx = app.db.begin().await?;
    let user = insert_member(app, &mut tx, &account, &hash, Theme::System).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(user)
}

/// The hash of the new account's password, if its name is free and the password good.
async fn prepare(app: &App, account: &NewAccount) -> Result<String> {
    let taken = queries::find_credentials_by_name(&app.db, &account.username.key()).await?;
    if taken.is_some() {
        return Err(username_taken());
    }
    judge_and_hash(account).await
}

/// Stores the account of a member who agreed to the privacy page.
async fn insert_member(
    app: &App,
    tx: &mut PgConnection,
    account: &NewAccount,
    hash: &str,
    theme: Theme,
) -> Result<UserId> {
    let consent = Some(model::CONSENT_VERSION);
    insert_account(app, tx, account, hash, Role::Member, theme, consent).await
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

/// Logs somebody in by username or e-mail address, with a new session.
pub async fn log_in(app: &App, form: &LogInForm, client: &Client, device: &DeviceCookie) -> Result<LoggedIn> {
    let found = authenticate(app, form, client, device).await?;
    let opened = OpenedSession::open(app, SessionId::new()).await?;
    let is_known = device.number(app, found.user).is_some();
    let mut tx = begin_log_in(app, &found, form, client, is_known).await?;
    let (lifetime, theme) = (form.lifetime(), Theme::parse(&found.theme));
    let logged_in = start_session(app, &mut tx, opened, found.user, lifetime, theme, client).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(logged_in)
}

/// Finds the account by username or e-mail address, and its password. Whether the account is unknown or the password
/// wrong, the answer is the same and takes as long: for a username exactly one password is verified, for an e-mail
/// address as many as there can be accounts that it stands for.
pub(super) async fn authenticate(
    app: &App,
    form: &LogInForm,
    client: &Client,
    device: &DeviceCookie,
) -> Result<Credentials> {
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
        return Err(wrong_password());
    };
    if let Verdict::Outdated(better) = &verdict {
        queries::update_password_hash(&app.db, found.user, &found.password_hash, better).await?;
    }
    Ok(found)
}

/// Begins the transaction that stores a log-in of that account, which is locked; unless the password was changed meanwhile,
/// or it is banned. Where the device is not known, its owner is mailed.
pub(super) async fn begin_log_in(
    app: &App,
    found: &Credentials,
    form: &LogInForm,
    client: &Client,
    is_known: bool,
) -> Result<Transaction<'static, Postgres>> {
    let mut tx = app.db.begin().await?;
    // Whoever changes the password ends the log-ins that there are: none may come in by the old one afterwards.
    let account = queries::lock_account(&mut tx, found.user)
        .await?
        .ok_or_else(wrong_password)?;
    if account.password_hash != found.password_hash {
        let stored = vec![account.password_hash.clone()];
        let verdicts = password::verify(&Password::typed(&form.password), stored, 1).await?;
        if verdicts.contains(&Verdict::Wrong) {
            return Err(wrong_password());
        }
    }
    if let Some(reason) = queries::find_ban(&mut *tx, found.user).await? {
        let sentence = format!("This account is banned. The reason: {reason}");
        return Err(Error::Invalid(FieldErrors::one("form", sentence)));
    }
    if !is_known && account.verified_email().is_some() {
        mail::store(app, &mut tx, &mails::new_device(&account, client, app.now())).await?;
    }
    Ok(tx)
}

fn wrong_password() -> Error {
    Error::Invalid(FieldErrors::one("form", "The username or the password is wrong."))
}

/// Counts an attempt to log in to `account`; the error says that there were too many.
async fn count_log_in(app: &App, account: &str, client: &Client) -> Result<()> {
    app.throttle.check_address(client.address).await?;
    app.throttle.check_account(account).await
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
    let act = match role {
        Role::Admin => Act::Promote,
        Role::Member => Act::Demote,
    };
    moderation::note(app, &mut tx, actor, act, user, "").await?;
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

/// Deletes log-ins that ended long ago and links that are too old, and forgets throttled addresses whose time is over. To
/// be called now and then.
pub async fn tidy(app: &App) -> Result<()> {
    app.throttle.forget_idle();
    let now = app.now();
    let before = now - ENDED_KEPT;
    let delete = async |db: &mut PgConnection| {
        queries::delete_sessions_expired(&mut *db, before).await?;
        queries::delete_tokens_expired(&mut *db, now).await?;
        queries::delete_refresh_tokens_expired(&mut *db, now).await?;
        queries::delete_api_bodies_seen(&mut *db, now - api_keys::REMEMBERED).await?;
        queries::forget_addresses(&mut *db, now - ADDRESS_KEPT).await?;
        queries::delete_reserved(&mut *db, now).await?;
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
    if let Err(sentence) = password::judge(&account.password, account.user_inputs()).await? {
        return Err(Error::Invalid(FieldErrors::one("password", sentence)));
    }
    password::hash(&account.password).await
}

/// Stores the account with a data key of its own, and has its address confirmed. `consent_version` is the privacy page
/// that its owner agreed to.
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
    // After the name is stored: whoever is giving it up at this moment has done so by now.
    if erasure::is_reserved(app, tx, account.username.as_str()).await? {
        return Err(username_taken());
    }
    queries::insert_skeletons(tx, id, &account.username.skeletons())
        .await
        .on_constraint("username_skeletons_unique", username_looks_taken)?;
    if let Some(email) = &account.email {
        let owner = queries::find_account(&mut *tx, id).await?.ok_or(Error::NotFound)?;
        emails::send_link(app, tx, &owner, email).await?;
    }
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
