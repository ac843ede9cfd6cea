//! JSON web tokens: signed by the member that has checked the password, or by somebody else who has
//! the key, and good for all members without their having heard of them. The claims are etcd's:
//! `username`, `revision` (the auth revision) and `exp` (seconds since 1970).

use std::{fs, path::Path};

use jsonwebtoken::{AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::{
    StartError,
    config::{JwtConfig, SigningMethod},
    ring_provider,
};
use crate::clock;

/// Why a token is not given or not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JwtError {
    /// There is only a key to verify with.
    VerifyOnly,
    /// Signing failed.
    Signing,
}

/// See the module.
pub(crate) struct JwtTokens {
    method: SigningMethod,
    sign_with: Option<EncodingKey>,
    verify_with: DecodingKey,
    validation: Validation,
    ttl_s: u64,
}

impl JwtTokens {
    /// Reads the keys.
    ///
    /// # Errors
    /// See [`StartError`].
    pub(super) fn load(config: &JwtConfig) -> Result<Self, StartError> {
        ring_provider::install();
        let method = config.method;
        let public = config.public_key.as_deref();
        let public = public.filter(|_| !method.is_symmetric());
        let public = public.map(|path| verifying_key(method, path)).transpose()?;
        let private = config.private_key.as_deref();
        let private = private.map(|path| signing_key(method, path)).transpose()?;
        let (sign_with, derived) = private.unzip();
        let verify_with = match (public, derived) {
            (Some(public), Some(derived)) if !are_equal(&public, &derived) => {
                return Err(StartError::Mismatch);
            }
            (public, derived) => public.or(derived).expect("one of the keys is configured"),
        };
        Ok(Self {
            method,
            sign_with,
            verify_with,
            validation: validation(method),
            ttl_s: config.ttl.as_secs(),
        })
    }

    /// A token for a user whose password was right at an auth revision.
    ///
    /// # Errors
    /// A [`JwtError`].
    pub(crate) fn sign(&self, user: &str, auth_revision: u64) -> Result<String, JwtError> {
        let key = self.sign_with.as_ref().ok_or(JwtError::VerifyOnly)?;
        let claims = json!({
            "username": user,
            "revision": auth_revision,
            "exp": now_s() + self.ttl_s,
        });
        let header = Header::new(self.method.algorithm);
        jsonwebtoken::encode(&header, &claims, key).map_err(|error| {
            tracing::error!(%error, "cannot sign a token");
            JwtError::Signing
        })
    }

    /// Whose token this is, and of which auth revision. `None` for what is none, or no more.
    pub(crate) fn verify(&self, token: &str) -> Option<(String, u64)> {
        let decoded =
            jsonwebtoken::decode::<Value>(token, &self.verify_with, &self.validation).ok()?;
        let claims = decoded.claims;
        let now_s = now_s() as f64;
        let is_at = |claim: &str, ok: fn(f64, f64) -> bool| match claims.get(claim) {
            None => Some(true),
            Some(time) => Some(ok(now_s, time.as_f64()?)),
        };
        if !is_at("exp", |now, exp| now < exp)? || !is_at("nbf", |now, nbf| nbf <= now)? {
            return None;
        }
        let user = claims.get("username")?.as_str()?.to_owned();
        let revision = claims.get("revision")?;
        // Others may write it as they write all numbers.
        let revision = revision
            .as_u64()
            .or_else(|| revision.as_f64().map(|r| r as u64))?;
        Some((user, revision))
    }
}

/// The one place where a wall clock decides: what is signed elsewhere can name no other.
fn now_s() -> u64 {
    clock::wall_ms() / 1000
}

/// The method must be the configured one. Times are looked at by this member's clock, see above.
fn validation(method: SigningMethod) -> Validation {
    let mut validation = Validation::new(method.algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

fn verifying_key(method: SigningMethod, path: &Path) -> Result<DecodingKey, StartError> {
    let pem = read("pub-key", path)?;
    let key = match method.family() {
        AlgorithmFamily::Ed => DecodingKey::from_ed_pem(&pem),
        AlgorithmFamily::Ec => DecodingKey::from_ec_pem(&pem),
        _ => DecodingKey::from_rsa_pem(&pem),
    };
    key.map_err(|_| wrong_key("pub-key", path, method))
}

/// The key to sign with, and its public half.
fn signing_key(
    method: SigningMethod,
    path: &Path,
) -> Result<(EncodingKey, DecodingKey), StartError> {
    let pem = read("priv-key", path)?;
    let key = match method.family() {
        AlgorithmFamily::Hmac => Ok(EncodingKey::from_secret(&pem)),
        AlgorithmFamily::Ed => EncodingKey::from_ed_pem(&pem),
        AlgorithmFamily::Ec => EncodingKey::from_ec_pem(&pem),
        _ => EncodingKey::from_rsa_pem(&pem),
    };
    let wrong = |_| wrong_key("priv-key", path, method);
    let key = key.map_err(wrong)?;
    let public = ring_provider::public_half(method.algorithm, &key).map_err(wrong)?;
    Ok((key, public))
}

fn are_equal(one: &DecodingKey, other: &DecodingKey) -> bool {
    match (one.try_get_as_bytes(), other.try_get_as_bytes()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

fn read(option: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    fs::read(path).map_err(|error| StartError::Unreadable {
        option,
        path: path.display().to_string(),
        error,
    })
}

fn wrong_key(option: &'static str, path: &Path, method: SigningMethod) -> StartError {
    StartError::WrongKey {
        option,
        path: path.display().to_string(),
        method: method.name,
    }
}
