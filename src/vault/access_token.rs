//! Access tokens of programs: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, good for ten minutes. A token names the
//! log-in that it belongs to, which is looked up with every request: one that has ended makes its tokens worthless at once.

use std::sync::Once;

use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::Vault;
use crate::ids::{SessionId, UserId};
use crate::{Error, Result};

/// How long a token is good for.
const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);

/// So far the clocks of two nodes may differ.
const LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// What a token is for.
const AUDIENCE: &str = "umbrachat-api";

/// Tells access tokens from whatever else may be signed one day.
const TYPE: &str = "access";

/// What a token says.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: Uuid,
    typ: String,
    sid: SessionId,
}

/// A token that was read: of which log-in it is, and until when it is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessToken {
    /// Of which log-in.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Tokens whose signature is remembered at most.
const REMEMBERED: u64 = 20_000;

/// What a token says that is signed by us, whether it is good now or not.
#[derive(Clone, Copy)]
struct Signed {
    token: AccessToken,
    begins_at: DateTime<Utc>,
}

/// Makes access tokens and reads them.
pub struct AccessTokens {
    /// Those that were read, so that the signature is not looked at again with every request.
    signed: Cache<Box<str>, Signed>,
    issuer: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    /// Those of the chat with that vault.
    pub fn new(vault: &Vault) -> Self {
        install();
        let issuer = format!("umbrachat/{}", vault.chat());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Both are compared when a token is read, with the program's own clock.
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        let signed = Cache::builder().max_capacity(REMEMBERED);
        Self {
            signed: signed.time_to_live(GOOD_FOR.to_std().unwrap_or_default()).build(),
            issuer,
            encoding: EncodingKey::from_secret(vault.access_key()),
            decoding: DecodingKey::from_secret(vault.access_key()),
            validation,
        }
    }

    /// A new token of that log-in, good from `now` on.
    pub fn issue(&self, session: SessionId, user: UserId, now: DateTime<Utc>) -> Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.into(),
            sub: user,
            exp: (now + GOOD_FOR).timestamp(),
            iat: now.timestamp(),
            nbf: now.timestamp(),
            jti: Uuid::new_v4(),
            typ: TYPE.into(),
            sid: session,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding).map_err(Error::internal)
    }

    /// Reads a token; None when it is not one of ours, or not good `now`.
    pub fn read(&self, token: &str, now: DateTime<Utc>) -> Option<AccessToken> {
        let signed = if let Some(signed) = self.signed.get(token) {
            signed
        } else {
            let signed = self.verify(token)?;
            self.signed.insert(token.into(), signed);
            signed
        };
        let Signed { token, begins_at } = signed;
        let is_good = begins_at <= now + LEEWAY && now < token.expires_at + LEEWAY;
        is_good.then_some(token)
    }

    /// What a token says, if it is one of ours.
    fn verify(&self, token: &str) -> Option<Signed> {
        let claims = decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        if claims.typ != TYPE {
            return None;
        }
        let token = AccessToken {
            session: claims.sid,
            user: claims.sub,
            expires_at: DateTime::from_timestamp(claims.exp, 0)?,
        };
        let begins_at = DateTime::from_timestamp(claims.nbf, 0)?;
        Some(Signed { token, begins_at })
    }
}

/// HMAC-SHA256 with one key. The library has no other algorithm here, so that no token can ask for one.
struct Hs256(Hmac<Sha256>);

impl Hs256 {
    fn new(algorithm: Algorithm, key: &[u8]) -> JwtResult<Self> {
        match (algorithm, <Hmac<Sha256> as Mac>::new_from_slice(key)) {
            (Algorithm::HS256, Ok(mac)) => Ok(Self(mac)),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        }
    }
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let mut mac = self.0.clone();
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let mut mac = self.0.clone();
        mac.update(message);
        mac.verify_slice(signature).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.as_bytes())?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Hs256::new(*algorithm, key.try_get_as_bytes()?)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// The library asks for its cryptography once in the life of the process.
fn install() {
    static INSTALLED: Once = Once::new();
    // An error means that it is there.
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}
