//! The first administrator: while nobody has an account, every page leads to `/setup`, which asks for the one-time
//! code that the start printed.

use std::sync::atomic::Ordering;

use sha2::{Digest, Sha256};

use super::actions::{LoggedIn, OpenedSession, insert_account, judge_and_hash, start_session};
use super::model::{CONSENT_VERSION, Role, SignUpForm};
use super::queries;
use crate::error::FieldErrors;
use crate::web::Theme;
use crate::web::forwarded::Client;
use crate::web::session::{Lifetime, random_bytes};
use crate::{App, Error, Result, jobs};

/// Letters and digits of a code: 32 of them (RFC 4648 base32), none of which looks like another in lower case.
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// 26 of 32 letters are 130 bits.
const CODE_LENGTH: usize = 26;

const WRONG_CODE: &str = "This is not the code. The start of the server prints it, in the line with /setup?code=.";

/// Whether nobody has an account yet. Once somebody has, the database is not asked again.
pub async fn is_needed(app: &App) -> Result<bool> {
    if app.has_users.load(Ordering::Relaxed) {
        return Ok(false);
    }
    // In a box, so that the requests of all later days need no memory for it.
    let has_users = Box::pin(queries::has_users(&app.db)).await?;
    app.has_users.store(has_users, Ordering::Relaxed);
    Ok(!has_users)
}

/// At the start: a new one-time code to print while nobody has an account; earlier ones are worthless from then on.
pub async fn prepare(app: &App) -> Result<Option<String>> {
    if !is_needed(app).await? {
        return Ok(None);
    }
    let code = random_bytes::<CODE_LENGTH>()?.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let code = String::from_iter(code);
    let mut tx = app.db.begin().await?;
    queries::lock_setup(&mut tx).await?;
    queries::delete_setup_codes(&mut tx).await?;
    queries::insert_setup_code(&mut tx, &hash(&code)).await?;
    tx.commit().await?;
    Ok(Some(code))
}

/// Whether this is the code that was printed; the error is a sentence about it. To be throttled by whoever calls it.
pub async fn check_code(app: &App, typed: &str) -> Result<Result<(), &'static str>> {
    if typed.trim().is_empty() {
        return Ok(Err("Enter the code that the start of the server printed."));
    }
    Ok(if queries::has_setup_code(&app.db, &hash(typed)).await? {
        Ok(())
    } else {
        Err(WRONG_CODE)
    })
}

/// Makes the first administrator and logs them in. Under a lock: of two at once, one does and the other is told.
/// To be throttled by whoever calls it.
pub async fn set_up(app: &App, form: &SignUpForm, theme: Theme, client: &Client) -> Result<LoggedIn> {
    let mut errors = FieldErrors::default();
    if let Err(sentence) = check_code(app, &form.code).await? {
        errors.add("code", sentence);
    }
    let account = form.parse(errors)?;
    let password_hash = judge_and_hash(&account).await?;
    let opened = OpenedSession::open(app, form.first_log_in()).await?;

    let mut tx = app.db.begin().await?;
    queries::lock_setup(&mut tx).await?;
    if queries::has_users(&mut *tx).await? {
        return Err(Error::Conflict(
            "This server has been set up already. Log in instead.".into(),
        ));
    }
    if !queries::has_setup_code(&mut *tx, &hash(&form.code)).await? {
        return Err(Error::Invalid(FieldErrors::one("code", WRONG_CODE)));
    }
    queries::delete_setup_codes(&mut tx).await?;
    let user = insert_account(
        app,
        &mut tx,
        &account,
        &password_hash,
        Role::Admin,
        theme,
        Some(CONSENT_VERSION),
    )
    .await?;
    let logged_in = start_session(app, &mut tx, opened, user, Lifetime::Browser, theme, client).await?;
    tx.commit().await?;
    jobs::wake(app);
    app.has_users.store(true, Ordering::Relaxed);
    Ok(logged_in)
}

/// What is stored of a code, as it was printed or as somebody typed it off.
fn hash(code: &str) -> [u8; 32] {
    let typed = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    Sha256::digest(typed.flat_map(char::to_lowercase).collect::<String>()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_be_typed_in_groups_and_capitals() {
        assert_eq!(hash("abcd-EFGH 2345"), hash("abcdefgh2345"));
        assert_ne!(hash("abcdefgh2345"), hash("abcdefgh2346"));
    }
}
