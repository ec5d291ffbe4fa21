//! Passwords: which are too easy to guess, and Argon2id. All of it takes a processor for a while, so it runs beside
//! the async threads, and no more at once than the machine has cores: a flood of log-ins waits, the rest goes on. The
//! memory that a hash takes is used again for the next one.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{Output, ParamsString, PasswordHash, PasswordVerifier, Salt, SaltString};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;

use super::model::Password;
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
const JUDGED_CHARACTERS: usize = 32;

/// Hashes that are made at once.
static HASHES: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Arc::new(Semaphore::new(cores))
});

/// New passwords are judged one at a time, and never in the way of those who log in.
static JUDGEMENTS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(1)));

/// The memory of hashes that are done, for the next ones: at most as many as are made at once.
static BUFFERS: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

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

/// Refuses a password that is common, or made of `inputs`, which is what is known of its owner; the error is a sentence
/// about it.
pub async fn judge(password: &Password, inputs: Vec<String>) -> Result<Result<(), String>> {
    let password = password.clone();
    beside(&JUDGEMENTS, move || {
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
    beside(&HASHES, move || hash_now(&password)).await?
}

/// Compares a password with each of the stored hashes. It is done `times` times, whether there are as many or not and
/// whether one fits or not, so that the time tells nothing of them.
pub async fn verify(password: &Password, stored: Vec<String>, times: usize) -> Result<Vec<Verdict>> {
    let password = password.clone();
    beside(&HASHES, move || {
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
    let fits = match (parsed.salt, parsed.hash) {
        (Some(salt), Some(hash)) if is_ours(&parsed, &hash) => output(password, salt)? == hash,
        _ => Argon2::default()
            .verify_password(password.expose().as_bytes(), &parsed)
            .is_ok(),
    };
    if !fits {
        Ok(Verdict::Wrong)
    } else if is_weaker(&parsed) {
        hash_now(password).map(Verdict::Outdated)
    } else {
        Ok(Verdict::Right)
    }
}

/// Runs the work on the blocking threads, as soon as there is a permit for it.
pub(super) async fn beside<T: Send + 'static>(
    permits: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let permit = permits.clone().acquire_owned().await.map_err(Error::internal)?;
    let done = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _permit = permit;
        work()
    });
    done.await.map_err(Error::internal)
}

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(unreadable)
}

fn hash_now(password: &Password) -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params()?).map_err(unreadable)?,
        salt: Some(salt.as_salt()),
        hash: Some(output(password, salt.as_salt())?),
    };
    Ok(hash.to_string())
}

/// The hash of a password with our parameters and this salt. Outputs are compared in constant time.
fn output(password: &Password, salt: Salt<'_>) -> Result<Output> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?);
    let mut bytes = [0; Salt::MAX_LENGTH];
    let salt = salt.decode_b64(&mut bytes).map_err(unreadable)?;
    let lock = || BUFFERS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = lock().pop();
    let mut buffer = kept.unwrap_or_else(|| vec![Block::default(); argon2.params().block_count()]);
    let output = Output::init_with(Params::DEFAULT_OUTPUT_LEN, |output| {
        let password = password.expose().as_bytes();
        Ok(argon2.hash_password_into_with_memory(password, salt, output, &mut buffer)?)
    });
    lock().push(buffer);
    output.map_err(unreadable)
}

/// Whether a stored hash was made with exactly our parameters.
fn is_ours(stored: &PasswordHash<'_>, hash: &Output) -> bool {
    let params = Params::try_from(stored);
    let is_same = |params: Params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES);
    stored.algorithm == Algorithm::Argon2id.ident()
        && stored.version == Some(Version::V0x13.into())
        && hash.len() == Params::DEFAULT_OUTPUT_LEN
        && params.is_ok_and(is_same)
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
    use argon2::PasswordHasher;

    use super::super::model::{NewAccount, SignUpForm};
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

    async fn judged(username: &str, password: &str) -> Result<(), String> {
        let account = account(username, password);
        judge(&account.password, account.user_inputs()).await.unwrap()
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
            assert!(judged("marooned99", bad).await.is_err(), "{bad}");
        }
        for good in [
            "correct horse battery",
            "sieben-stille-monde",
            "Tr0ub4dour&3xyz",
            "kupferner Teekessel",
        ] {
            assert_eq!(judged("marooned99", good).await, Ok(()), "{good}");
        }
        assert!(judged("marooned99", &"a".repeat(256)).await.is_err());
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

    /// What the library makes by itself, and what it takes.
    #[tokio::test]
    async fn hashes_are_those_of_the_library() {
        let password = Password::typed("sieben-stille-monde");
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, params().unwrap());
        let salt = SaltString::generate(&mut OsRng);
        let made = library
            .hash_password(b"sieben-stille-monde", &salt)
            .unwrap()
            .to_string();
        assert_eq!(verify(&password, vec![made], 1).await.unwrap(), [Verdict::Right]);
        let ours = hash(&password).await.unwrap();
        let parsed = PasswordHash::new(&ours).unwrap();
        assert!(library.verify_password(b"sieben-stille-monde", &parsed).is_ok());
        assert!(library.verify_password(b"sieben-stille-monda", &parsed).is_err());
    }

    #[tokio::test]
    async fn the_memory_of_hashes_is_used_again() {
        let stored = hash(&Password::typed("sieben-stille-monde")).await.unwrap();
        let many = (0..24).map(|_| {
            let stored = vec![stored.clone()];
            tokio::spawn(async move { verify(&Password::typed("wrong"), stored, 2).await.unwrap() })
        });
        for one in many.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), [Verdict::Wrong]);
        }
        let cores = std::thread::available_parallelism().unwrap().get();
        assert!(BUFFERS.lock().unwrap().len() <= cores);
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
