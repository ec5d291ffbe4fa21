//! Passwords: which are too easy to guess, and Argon2id. All of it takes a processor for a while, so it runs beside
//! the async threads, and no more at once than the machine has cores: a flood of log-ins waits, the rest goes on.

use std::sync::LazyLock;

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::model::{NewAccount, Password};
use crate::{Error, Result};

/// OWASP's second recommendation for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Stands in for the hash of somebody who does not exist, so that their log-in takes as long: of our parameters, and
/// of no password that anybody knows (its output is all zeros).
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$dW1icmFjaGF0IG5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The score of zxcvbn (0–4) from which on a password is taken: 3 means 10^8 guesses or more.
const SCORE: zxcvbn::Score = zxcvbn::Score::Three;

/// zxcvbn's time grows faster than the length; what is longer than this is judged by its beginning.
const JUDGED_CHARACTERS: usize = 72;

static CORES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get)));

/// What a check of a password says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is the wrong one, or there is no such account.
    Wrong,
    /// It is right.
    Right,
    /// It is right, and this is a better hash of it than the stored one.
    Outdated(String),
}

/// Refuses a password that is common, or made of what is known of its owner; the error is a sentence about it.
pub async fn judge(account: &NewAccount) -> Result<Result<(), String>> {
    let (password, inputs) = (account.password.clone(), account.user_inputs());
    on_a_core(move || {
        let beginning: String = password.expose().chars().take(JUDGED_CHARACTERS).collect();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        if zxcvbn::zxcvbn(&beginning, &inputs).score() >= SCORE {
            Ok(())
        } else {
            Err("This is easy to guess. Use a few words that do not belong together.".to_owned())
        }
    })
    .await
}

/// The Argon2id hash of a password, as text with its parameters.
pub async fn hash(password: &Password) -> Result<String> {
    let password = password.clone();
    on_a_core(move || hash_now(&password)).await?
}

/// Compares a password with each of the stored hashes. It is done `times` times, whether there are as many or not and
/// whether one fits or not, so that the time tells nothing of them.
pub async fn verify(password: &Password, stored: Vec<String>, times: usize) -> Result<Vec<Verdict>> {
    let password = password.clone();
    on_a_core(move || {
        let verdicts = stored.iter().map(|stored| verify_now(&password, stored)).collect();
        for _ in stored.len()..times {
            verify_now(&password, NOBODY)?;
        }
        verdicts
    })
    .await?
}

fn verify_now(password: &Password, stored: &str) -> Result<Verdict> {
    let parsed = PasswordHash::new(stored).map_err(unreadable)?;
    let fits = ours()?.verify_password(password.expose().as_bytes(), &parsed).is_ok();
    if !fits {
        Ok(Verdict::Wrong)
    } else if is_weaker(&parsed) {
        hash_now(password).map(Verdict::Outdated)
    } else {
        Ok(Verdict::Right)
    }
}

/// Runs the work on the blocking threads, at most one piece per core.
async fn on_a_core<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let permit = CORES.acquire().await.map_err(Error::internal)?;
    let done = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _permit = permit;
        work()
    });
    done.await.map_err(Error::internal)
}

fn ours() -> Result<Argon2<'static>> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(unreadable)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &Password) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = ours()?
        .hash_password(password.expose().as_bytes(), &salt)
        .map_err(unreadable)?;
    Ok(hash.to_string())
}

/// Whether a stored hash was made with less than ours.
fn is_weaker(stored: &PasswordHash<'_>) -> bool {
    let params = Params::try_from(stored);
    stored.algorithm != Algorithm::Argon2id.ident()
        || !params.is_ok_and(|params| params.m_cost() >= MEMORY_KIB && params.t_cost() >= PASSES)
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::model::SignUpForm;
    use super::*;
    use crate::error::FieldErrors;

    fn account(username: &str, password: &str) -> NewAccount {
        let form = SignUpForm {
            username: username.into(),
            first_name: "Mara".into(),
            last_name: "Lindqvist".into(),
            email: "mara.l@example.org".into(),
            password: password.into(),
            consent: "on".into(),
            ..SignUpForm::default()
        };
        form.parse(FieldErrors::default()).ok().unwrap()
    }

    #[tokio::test]
    async fn common_and_user_like_passwords_are_refused() {
        let common = [
            "password123",
            "1234567890",
            "qwertyuiop",
            "Password123!",
            "aaaaaaaaaaaa",
            "iloveyou12",
        ];
        let alike = [
            "maralindqvist",
            "Lindqvist1",
            "mara.l@example.org",
            "umbrachat123",
            "marooned99",
        ];
        for bad in common.into_iter().chain(alike) {
            assert!(judge(&account("marooned99", bad)).await.unwrap().is_err(), "{bad}");
        }
        for good in [
            "correct horse battery",
            "sieben-stille-monde",
            "Tr0ub4dour&3xyz",
            "kupferner Teekessel",
        ] {
            assert_eq!(judge(&account("marooned99", good)).await.unwrap(), Ok(()), "{good}");
        }
        assert!(judge(&account("marooned99", &"a".repeat(256))).await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let password = Password::typed("sieben-stille-monde");
        let stored = hash(&password).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let other = hash(&Password::typed("other")).await.unwrap();
        assert_eq!(
            verify(&password, vec![other, stored], 4).await.unwrap(),
            [Verdict::Wrong, Verdict::Right]
        );
        assert_eq!(verify(&password, Vec::new(), 1).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_weaker_hash_is_replaced() {
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8192, 1, 1, None).unwrap(),
        );
        let stored = weak
            .hash_password(b"sieben-stille-monde", &SaltString::generate(&mut OsRng))
            .unwrap()
            .to_string();
        let password = Password::typed("sieben-stille-monde");
        let verdicts = verify(&password, vec![stored], 1).await.unwrap();
        let [Verdict::Outdated(better)] = verdicts.as_slice() else {
            unreachable!("it is right and weak");
        };
        assert_eq!(
            verify(&password, vec![better.clone()], 1).await.unwrap(),
            [Verdict::Right]
        );
    }
}
