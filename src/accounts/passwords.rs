//! New passwords: chosen by somebody who is logged in, or by a one-time link.

use chrono::TimeDelta;
use tower_sessions::session::Id;

use super::actions::end_sessions;
use super::current_user::CurrentUser;
use super::links::{self, LinkKind};
use super::model::{Act, NewPasswordForm, Password, PasswordForm};
use super::password::{self, Verdict};
use super::queries::{self, Account, EndedSession};
use super::{mails, moderation};
use crate::error::FieldErrors;
use crate::ids::UserId;
use crate::jobs::{self, Job, Kind};
use crate::text::fold;
use crate::web::forwarded::Client;
use crate::web::session::{self, Lifetime};
use crate::{App, Error, Result, mail};

/// How long a password that was given is enough for what administrators do.
const CONFIRMED_FOR: TimeDelta = TimeDelta::minutes(15);

/// Of what is typed as a username or e-mail address, no more is looked for.
const LOGIN_CHARACTERS: usize = 254;

/// Changes a password. All other log-ins end; this one goes on under a new session, whose cookie is returned.
pub async fn change(app: &App, user: &CurrentUser, form: &PasswordForm, client: &Client) -> Result<(Id, Lifetime)> {
    let mut errors = FieldErrors::default();
    let new = errors.take("password", Password::parse(&form.password));
    let account = confirm(
        app,
        user,
        client,
        ("current_password", &form.current_password),
        &mut errors,
    )
    .await?;
    let hash = judge_and_hash(&account, new, errors).await?;
    let cookie = session::open(app, user.session_id).await?;
    let store_id = app.session_store.stored_id(cookie).to_string();
    let mut tx = app.db.begin().await?;
    queries::update_password(&mut tx, user.id, &hash).await?;
    queries::delete_tokens(&mut tx, user.id).await?;
    let moved = queries::update_session_record(&mut tx, user.session_id, &store_id).await?;
    let (before, lifetime) = moved.ok_or(Error::Unauthenticated)?;
    let before = EndedSession {
        id: user.session_id,
        store_id: before,
    };
    queries::delete_session_records(&mut tx, std::slice::from_ref(&before)).await?;
    let ended = queries::update_sessions_ended(&mut tx, user.id, Some(user.session_id), app.now()).await?;
    end_sessions(app, tx, &ended).await?;
    app.logins.clear();
    Ok((cookie, lifetime))
}

/// Asks somebody who is logged in for their password once more; notes at `field` that it is wrong. Throttled, so that a
/// session which somebody else got hold of is no way to find it out.
pub async fn confirm(
    app: &App,
    user: &CurrentUser,
    client: &Client,
    (field, typed): (&'static str, &str),
    errors: &mut FieldErrors,
) -> Result<Account> {
    app.throttle.check_address(client.address).await?;
    // Apart from log-ins: who guesses from outside does not keep the owner from changing it.
    app.throttle.check_account(&format!("confirm {}", user.id)).await?;
    let found = queries::find_account(&app.db, user.id).await?;
    let account = found.ok_or(Error::Unauthenticated)?;
    let verdicts = password::verify(&Password::typed(typed), vec![account.password_hash.clone()], 1).await?;
    if verdicts.contains(&Verdict::Wrong) {
        errors.add(field, "This is not your password.");
    } else {
        queries::update_confirmed_at(&app.db, user.session_id, app.now()).await?;
    }
    Ok(account)
}

/// Whether the password of somebody's log-in was given a short while ago, on any node.
pub async fn is_confirmed(app: &App, user: &CurrentUser) -> Result<bool> {
    let at = queries::find_confirmed_at(&app.db, user.session_id).await?;
    Ok(at.is_some_and(|at| app.now() - at < CONFIRMED_FOR))
}

/// The hash of a new password, unless something is wrong with it or with another field.
async fn judge_and_hash(account: &Account, new: Option<Password>, mut errors: FieldErrors) -> Result<String> {
    if let Some(new) = &new
        && let Err(sentence) = password::judge(new, account.user_inputs()).await?
    {
        errors.add("password", sentence);
    }
    match new {
        Some(new) if errors.is_empty() => password::hash(&new).await,
        _ => Err(Error::Invalid(errors)),
    }
}

/// Has a link mailed to whom that username or e-mail address belongs to. Whether it is somebody's is found out by a
/// job, so that neither the answer nor its time can tell.
pub async fn request_reset(app: &App, login: &str, client: &Client) -> Result<()> {
    app.throttle.check_address(client.address).await?;
    let login: String = fold(login).chars().take(LOGIN_CHARACTERS).collect();
    app.throttle.check_account(&format!("reset {login}")).await?;
    let mut tx = app.db.begin().await?;
    jobs::store(app, &mut tx, Kind::Reset, &login).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}

/// Mails the link that was asked for, to a verified address or not at all.
pub async fn send_reset(app: &App, job: &Job) -> Result<()> {
    let Some(account) = queries::find_account_to_mail(&app.db, &job.payload).await? else {
        return Ok(());
    };
    let mut tx = app.db.begin().await?;
    if links::is_enough(app, &mut tx, LinkKind::Reset, account.user).await? {
        return Ok(());
    }
    let link = links::create(app, &mut tx, LinkKind::Reset, account.user, None).await?;
    mail::store(app, &mut tx, &mails::reset(&account, link)).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}

/// Makes a link for an administrator to hand over.
pub async fn create_reset_link(app: &App, actor: UserId, username: &str) -> Result<String> {
    let found = queries::find_credentials_by_name(&app.db, &fold(username)).await?;
    let user = found.ok_or(Error::NotFound)?.user;
    let mut tx = app.db.begin().await?;
    let link = links::create(app, &mut tx, LinkKind::Reset, user, None).await?;
    moderation::note(app, &mut tx, actor, Act::MakeResetLink, user, "").await?;
    tx.commit().await?;
    Ok(link.address)
}

/// The username that a link resets the password of; not found when it is used, too old, or none.
pub async fn find_reset(app: &App, token: &str) -> Result<String> {
    let found = queries::find_token(&app.db, &links::hash(token), LinkKind::Reset, app.now()).await?;
    Ok(found.ok_or(Error::NotFound)?.username)
}

/// Sets the password that was chosen by a link. Every log-in ends, and every other link.
pub async fn reset(app: &App, token: &str, form: &NewPasswordForm, client: &Client) -> Result<()> {
    app.throttle.check_address(client.address).await?;
    let hash = links::hash(token);
    let found = queries::find_token(&app.db, &hash, LinkKind::Reset, app.now()).await?;
    let owner = found.ok_or(Error::NotFound)?;
    let account = queries::find_account(&app.db, owner.user)
        .await?
        .ok_or(Error::NotFound)?;
    let mut errors = FieldErrors::default();
    let new = errors.take("password", Password::parse(&form.password));
    let password_hash = judge_and_hash(&account, new, errors).await?;
    let mut tx = app.db.begin().await?;
    let token_owner = queries::take_token(&mut tx, &hash, LinkKind::Reset, app.now()).await?;
    let (user, _) = token_owner.ok_or(Error::NotFound)?;
    queries::update_password(&mut tx, user, &password_hash).await?;
    queries::delete_tokens(&mut tx, user).await?;
    let ended = queries::update_sessions_ended(&mut tx, user, None, app.now()).await?;
    end_sessions(app, tx, &ended).await
}
