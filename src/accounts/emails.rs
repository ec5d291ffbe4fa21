//! E-mail addresses: given by somebody, and theirs once they opened the link that was mailed there.

use sqlx::PgConnection;

use super::current_user::CurrentUser;
use super::links::{self, LinkKind};
use super::model::{Email, EmailForm};
use super::queries::{self, Account, TokenOwner};
use super::{mails, passwords};
use crate::error::{FieldErrors, ResultExt};
use crate::web::forwarded::Client;
use crate::{App, Error, Result, jobs, mail};

/// Mails a link to the address that somebody wants to have; until it is opened, the one from before stays. The same
/// is done and said whether another account has the address or not.
pub async fn claim(app: &App, user: &CurrentUser, form: &EmailForm, client: &Client) -> Result<()> {
    let mut errors = FieldErrors::default();
    let email = errors.take("email", Email::parse_optional(&form.email));
    if email == Some(None) {
        errors.add("email", "Enter an address like name@example.org.");
    }
    let account = passwords::confirm(app, user, client, ("password", &form.password), &mut errors).await?;
    let Some(email) = email.flatten().filter(|_| errors.is_empty()) else {
        return Err(Error::Invalid(errors));
    };
    let mut tx = app.db.begin().await?;
    if links::is_enough(app, &mut tx, LinkKind::Verify, user.id).await? {
        let sentence = "Enough links were mailed for now. Use one of them, or try again in an hour.";
        return Err(Error::Invalid(FieldErrors::one("email", sentence)));
    }
    send_link(app, &mut tx, &account, &email).await?;
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}

/// Mails the link that verifies an address, in the caller's transaction.
pub(super) async fn send_link(app: &App, tx: &mut PgConnection, account: &Account, email: &Email) -> Result<()> {
    let link = links::create(app, tx, LinkKind::Verify, account.user, Some(email.as_str())).await?;
    mail::store(app, tx, &mails::verify(account, email.as_str(), link)).await
}

/// Whose the link is, and for which address; not found when it is used, too old, or none.
pub async fn find_claim(app: &App, token: &str) -> Result<TokenOwner> {
    let found = queries::find_token(&app.db, &links::hash(token), LinkKind::Verify, app.now()).await?;
    found.ok_or(Error::NotFound)
}

/// Makes the address of a link its account's own, unless another account was quicker. What was mailed to the address
/// from before is worthless from then on.
pub async fn verify(app: &App, token: &str, client: &Client) -> Result<()> {
    app.throttle.check_address(client.address).await?;
    let mut tx = app.db.begin().await?;
    let token_owner = queries::take_token(&mut tx, &links::hash(token), LinkKind::Verify, app.now()).await?;
    let (user, email) = token_owner.ok_or(Error::NotFound)?;
    let email = Email::parse_optional(&email.unwrap_or_default()).ok().flatten();
    let email = email.ok_or(Error::NotFound)?;
    let account = queries::find_account(&mut *tx, user).await?.ok_or(Error::NotFound)?;
    let conflict = || Error::Conflict("Another account has confirmed this address already.".into());
    queries::update_email(&mut tx, user, &email, app.now())
        .await
        .on_constraint("users_verified_email_unique", conflict)?;
    queries::delete_tokens(&mut tx, user).await?;
    if let Some(before) = account.verified_email()
        && before != email.as_str()
    {
        mail::store(app, &mut tx, &mails::moved(&account, before)).await?;
    }
    tx.commit().await?;
    jobs::wake(app);
    Ok(())
}
