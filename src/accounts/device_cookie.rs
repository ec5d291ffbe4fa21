//! The accounts that a browser has logged in to before, in a signed cookie: "device cookies", as OWASP describes them.
//! Where an account's log-ins are throttled because somebody guesses its password from many addresses, such a browser has
//! a limit of its own, so that the owner gets in. A stolen cookie is good for nothing but that.

use poem::web::Data;
use poem::{FromRequest, Request, RequestBody, Response};
use uuid::Uuid;

use crate::App;
use crate::ids::UserId;
use crate::web::session::{DEVICE_KEPT, cookie, cookie_name, set_cookie};
use crate::web::signature::{is_same, sign};

const NAME: &str = "umbra_device";

/// Accounts that one browser is known for at most; the one that it has not used for longest is forgotten.
const ACCOUNTS: usize = 5;

/// What the request's cookie holds, the account used last first.
#[derive(Debug, Clone, Default)]
pub struct DeviceCookie(Vec<Entry>);

/// A random number, and the signature on it and an account.
#[derive(Debug, Clone)]
struct Entry {
    number: String,
    signature: String,
}

impl DeviceCookie {
    /// Whether the browser claims to be known for no account at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of this browser for that account, if it has logged in to it before.
    pub fn number(&self, app: &App, user: UserId) -> Option<&str> {
        let entry = self.0.iter().find(|entry| entry.is_for(app.vault.cookie_key(), user));
        entry.map(|entry| entry.number.as_str())
    }

    /// Lets the browser be known for one more account.
    pub fn add(mut self, response: &mut Response, app: &App, user: UserId) {
        let key = app.vault.cookie_key();
        let (mut own, others) = self.0.drain(..).partition::<Vec<_>, _>(|entry| entry.is_for(key, user));
        own.truncate(1);
        if own.is_empty() {
            own.push(Entry::new(key, user));
        }
        let entries = own.into_iter().chain(others).take(ACCOUNTS);
        let pairs = entries.map(|entry| format!("{}.{}", entry.number, entry.signature));
        let value = pairs.collect::<Vec<_>>().join("~");
        set_cookie(
            response,
            &app.config,
            &cookie_name(app, NAME),
            &value,
            Some(DEVICE_KEPT),
        );
    }

    fn parse(value: &str) -> Self {
        let entries = value.split('~').take(ACCOUNTS).filter_map(|pair| {
            let (number, signature) = pair.split_once('.')?;
            Some(Entry {
                number: number.to_owned(),
                signature: signature.to_owned(),
            })
        });
        Self(entries.collect())
    }
}

impl Entry {
    fn new(key: &[u8; 32], user: UserId) -> Self {
        let number = Uuid::new_v4().simple().to_string();
        let signature = sign(key, "device", &[&number, &user.to_string()]);
        Self { number, signature }
    }

    fn is_for(&self, key: &[u8; 32], user: UserId) -> bool {
        is_same(
            &sign(key, "device", &[&self.number, &user.to_string()]),
            &self.signature,
        )
    }
}

impl<'a> FromRequest<'a> for DeviceCookie {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let Data(app) = Data::<&App>::from_request(request, body).await?;
        let value = cookie(request.headers(), &cookie_name(app, NAME));
        Ok(value.map(|value| Self::parse(&value)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn an_entry_is_good_for_one_account_and_one_key() {
        let (ana, ben) = (UserId::new(), UserId::new());
        let entry = Entry::new(&KEY, ana);
        assert!(entry.is_for(&KEY, ana));
        assert!(!entry.is_for(&KEY, ben) && !entry.is_for(&[8; 32], ana));
        let other = Entry {
            number: Entry::new(&KEY, ana).number,
            ..entry
        };
        assert!(!other.is_for(&KEY, ana), "its number is signed as well");
    }

    #[test]
    fn what_is_no_entry_is_passed_over() {
        assert!(DeviceCookie::parse("").is_empty() && DeviceCookie::parse("nonsense~~").is_empty());
        assert_eq!(DeviceCookie::parse(&"a.b~".repeat(50)).0.len(), ACCOUNTS);
    }
}
