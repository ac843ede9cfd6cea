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

#[cfg(all(test, not(madsim)))]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::auth::{AuthConfig, TokenConfig};

    fn key(name: &str) -> String {
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth/test_keys");
        keys.join(name).display().to_string()
    }

    fn load(options: &str) -> Result<JwtTokens, StartError> {
        let config = AuthConfig::new(&format!("jwt,{options}"), 300, 4);
        match config.expect("options").tokens {
            TokenConfig::Jwt(config) => JwtTokens::load(&config),
            TokenConfig::Simple { .. } => unreachable!("the option says jwt"),
        }
    }

    fn pair(method: &str, name: &str) -> String {
        let (private, public) = (key(&format!("{name}.pem")), key(&format!("{name}.pub.pem")));
        format!("sign-method={method},priv-key={private},pub-key={public}")
    }

    const METHODS: [(&str, &str); 9] = [
        ("RS256", "rsa"),
        ("RS384", "rsa"),
        ("RS512", "rsa"),
        ("PS256", "rsa"),
        ("PS384", "rsa"),
        ("PS512", "rsa"),
        ("ES256", "es256"),
        ("ES384", "es384"),
        ("EdDSA", "ed25519"),
    ];

    #[test]
    fn a_token_says_whose_it_is_and_of_which_revision() {
        for (method, name) in METHODS {
            let tokens = load(&pair(method, name)).expect(method);
            let token = tokens.sign("al", 7).expect(method);
            assert_eq!(
                tokens.verify(&token),
                Some(("al".to_owned(), 7)),
                "{method}"
            );
        }
        for method in ["HS256", "HS384", "HS512"] {
            let options = format!("sign-method={method},priv-key={}", key("secret.txt"));
            let tokens = load(&options).expect(method);
            let token = tokens.sign("al", 7).expect(method);
            assert_eq!(
                tokens.verify(&token),
                Some(("al".to_owned(), 7)),
                "{method}"
            );
        }
    }

    #[test]
    fn either_key_will_do() {
        for (method, name) in METHODS {
            let private = format!(
                "sign-method={method},priv-key={}",
                key(&format!("{name}.pem"))
            );
            let public = format!(
                "sign-method={method},pub-key={}",
                key(&format!("{name}.pub.pem"))
            );
            let (signing, verifying) = (load(&private), load(&public));
            let (signing, verifying) = (signing.expect(method), verifying.expect(method));
            let token = signing.sign("al", 7).expect(method);
            assert!(signing.verify(&token).is_some(), "{method}");
            assert!(verifying.verify(&token).is_some(), "{method}");
            assert_eq!(verifying.sign("al", 7), Err(JwtError::VerifyOnly));
        }
    }

    #[test]
    fn tokens_that_are_none() {
        let tokens = load(&pair("ES256", "es256")).expect("a pair");
        let token = tokens.sign("al", 7).expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let other = tokens.sign("bo", 7).expect("a token");
        let others: Vec<&str> = other.split('.').collect();
        let unsigned = format!("{}.{}.", parts[0], parts[1]);
        let swapped = format!("{}.{}.{}", parts[0], others[1], parts[2]);
        let of_other_key = load(&pair("ES384", "es384")).expect("a pair").sign("al", 7);
        let of_other_key = of_other_key.expect("a token");
        for none in ["", "al", "a.b.c", &unsigned, &swapped, &of_other_key] {
            assert_eq!(tokens.verify(none), None, "{none}");
        }
    }

    /// The old trick: the public key taken for a secret.
    #[test]
    fn a_public_key_is_no_secret() {
        let tokens = load(&pair("RS256", "rsa")).expect("a pair");
        let public = fs::read(key("rsa.pub.pem")).expect("a key");
        let claims = json!({ "username": "root", "revision": 7 });
        let forged = jsonwebtoken::encode(
            &Header::new(jsonwebtoken::Algorithm::HS256),
            &claims,
            &EncodingKey::from_secret(&public),
        );
        assert_eq!(tokens.verify(&forged.expect("a token")), None);
    }

    #[test]
    fn claims_are_looked_at() {
        let tokens = load(&pair("ES256", "es256")).expect("a pair");
        let sign = |claims: Value| {
            let key = tokens.sign_with.as_ref().expect("a key to sign with");
            let header = Header::new(tokens.method.algorithm);
            jsonwebtoken::encode(&header, &claims, key).expect("a token")
        };
        let al = Some(("al".to_owned(), 7));
        let now = now_s();
        for (claims, expected) in [
            (json!({ "username": "al", "revision": 7 }), &al),
            (json!({ "username": "al", "revision": 7.0 }), &al),
            (
                json!({ "username": "al", "revision": 7, "exp": now + 60 }),
                &al,
            ),
            (
                json!({ "username": "al", "revision": 7, "nbf": now - 60, "aud": "us" }),
                &al,
            ),
            (
                json!({ "username": "al", "revision": 7, "exp": now - 1 }),
                &None,
            ),
            (
                json!({ "username": "al", "revision": 7, "exp": "never" }),
                &None,
            ),
            (
                json!({ "username": "al", "revision": 7, "nbf": now + 60 }),
                &None,
            ),
            (json!({ "username": "al" }), &None),
            (json!({ "username": 1, "revision": 7 }), &None),
            (json!({ "revision": 7 }), &None),
            (json!([]), &None),
        ] {
            assert_eq!(&tokens.verify(&sign(claims.clone())), expected, "{claims}");
        }
    }

    #[test]
    fn keys_that_cannot_be_used_are_named() {
        let refused = |options: &str| {
            let error = load(options).map(drop).expect_err(options).to_string();
            let keys = format!("{}/", PathBuf::from(key("")).display());
            error.replace(keys.trim_end_matches('/'), "KEYS")
        };
        let nowhere = format!("sign-method=RS256,priv-key={}", key("nowhere.pem"));
        let said = refused(&nowhere);
        assert!(
            said.starts_with("--auth-token: cannot read KEYS/nowhere.pem: "),
            "{said}"
        );
        let wrong = format!("sign-method=RS256,priv-key={}", key("es256.pem"));
        assert_eq!(
            refused(&wrong),
            "--auth-token: KEYS/es256.pem holds no key for RS256; give priv-key a PEM file with one"
        );
        let wrong = format!("sign-method=ES384,priv-key={}", key("es256.pem"));
        assert!(refused(&wrong).contains("holds no key for ES384"));
        let strangers = format!(
            "sign-method=ES256,priv-key={},pub-key={}",
            key("es256.pem"),
            key("es384.pub.pem")
        );
        assert!(refused(&strangers).contains("is not the public half"));
    }
}
