//! `--auth-token`, `--auth-token-ttl` and `--bcrypt-cost`.

use std::{path::PathBuf, time::Duration};

use jsonwebtoken::{Algorithm, AlgorithmFamily};

/// The range of costs that bcrypt knows, and etcd's choice where another is asked for. Each one
/// more takes twice the time.
const BCRYPT_COST_MIN: u32 = 4;
const BCRYPT_COST_MAX: u32 = 31;
const DEFAULT_BCRYPT_COST: u32 = 10;

/// How long a signed token is good for unless configured.
const DEFAULT_JWT_TTL: Duration = Duration::from_secs(5 * 60);

/// How clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthConfig {
    /// What they get for a password.
    pub tokens: TokenConfig,
    /// Cost of hashing a password: 2 to this power rounds.
    pub bcrypt_cost: u32,
}

/// A kind of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenConfig {
    /// Kept in memory by all members.
    Simple {
        /// How long one lives that nobody uses.
        ttl: Duration,
    },
    /// JSON web tokens.
    Jwt(JwtConfig),
}

/// How JSON web tokens are signed. One of the keys is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtConfig {
    /// By what method.
    pub method: SigningMethod,
    /// File with the key to verify with; without one, it follows from the private key.
    pub public_key: Option<PathBuf>,
    /// File with the key to sign with; without one, tokens come from elsewhere.
    pub private_key: Option<PathBuf>,
    /// How long a token is good for.
    pub ttl: Duration,
}

/// A method by which tokens are signed, by its name in their headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningMethod {
    pub(super) name: &'static str,
    pub(super) algorithm: Algorithm,
}

/// All methods, by name. etcd also has ES512.
const METHODS: [SigningMethod; 12] = {
    const fn method(name: &'static str, algorithm: Algorithm) -> SigningMethod {
        SigningMethod { name, algorithm }
    }
    [
        method("RS256", Algorithm::RS256),
        method("RS384", Algorithm::RS384),
        method("RS512", Algorithm::RS512),
        method("PS256", Algorithm::PS256),
        method("PS384", Algorithm::PS384),
        method("PS512", Algorithm::PS512),
        method("ES256", Algorithm::ES256),
        method("ES384", Algorithm::ES384),
        method("HS256", Algorithm::HS256),
        method("HS384", Algorithm::HS384),
        method("HS512", Algorithm::HS512),
        method("EdDSA", Algorithm::EdDSA),
    ]
};

/// Why the flags do not say how clients prove who they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthConfigError {
    /// Neither kind of tokens.
    #[error(
        "--auth-token {0:?}: auth: invalid auth options; give simple, or \
         jwt,sign-method=METHOD,priv-key=FILE"
    )]
    Kind(String),
    /// An option that is not `NAME=VALUE`, or that is there twice.
    #[error(
        "--auth-token: {0:?} is no option, or given twice; give NAME=VALUE, separated by commas"
    )]
    Option(String),
    /// An option that there is not.
    #[error("--auth-token: unknown option {0:?}; there are sign-method, pub-key, priv-key and ttl")]
    Unknown(String),
    /// A method that there is not, or none.
    #[error(
        "--auth-token: sign-method {0:?} is none; give one of RS256, RS384, RS512, PS256, PS384, \
         PS512, ES256, ES384, HS256, HS384, HS512, EdDSA"
    )]
    Method(String),
    /// No key at all.
    #[error("--auth-token: {0} needs a key; give priv-key=FILE, or pub-key=FILE to verify only")]
    KeyMissing(&'static str),
    /// A time that is none.
    #[error("--auth-token: ttl {0:?} is no time; give a number with a unit, as 10m or 1h30m")]
    Ttl(String),
    /// A token that is over before it is used.
    #[error("--auth-token-ttl must be greater than 0; leave it out for 300 s")]
    TtlZero,
}

impl AuthConfig {
    /// Reads the three flags. A cost that bcrypt does not know gives etcd's default, as in etcd.
    pub fn new(token: &str, token_ttl_s: u64, bcrypt_cost: u32) -> Result<Self, AuthConfigError> {
        let known = BCRYPT_COST_MIN..=BCRYPT_COST_MAX;
        let bcrypt_cost = match known.contains(&bcrypt_cost) {
            true => bcrypt_cost,
            false => DEFAULT_BCRYPT_COST,
        };
        let (kind, options) = token.split_once(',').unwrap_or((token, ""));
        let tokens = match kind {
            "simple" if token_ttl_s == 0 => return Err(AuthConfigError::TtlZero),
            "simple" => TokenConfig::Simple {
                ttl: Duration::from_secs(token_ttl_s),
            },
            "jwt" => TokenConfig::Jwt(JwtConfig::parse(options)?),
            _ => return Err(AuthConfigError::Kind(token.to_owned())),
        };
        Ok(Self {
            tokens,
            bcrypt_cost,
        })
    }
}

impl JwtConfig {
    fn parse(options: &str) -> Result<Self, AuthConfigError> {
        let [mut method, mut public_key, mut private_key, mut ttl] = [None; 4];
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let refused = || AuthConfigError::Option(option.to_owned());
            let (name, value) = option.split_once('=').ok_or_else(refused)?;
            let place = match name {
                "sign-method" => &mut method,
                "pub-key" => &mut public_key,
                "priv-key" => &mut private_key,
                "ttl" => &mut ttl,
                _ => return Err(AuthConfigError::Unknown(name.to_owned())),
            };
            if place.replace(value).is_some() {
                return Err(refused());
            }
        }
        let method = SigningMethod::parse(method.unwrap_or_default())?;
        let path = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
        let (public_key, private_key) = (path(public_key), path(private_key));
        if private_key.is_none() && (public_key.is_none() || method.is_symmetric()) {
            return Err(AuthConfigError::KeyMissing(method.name));
        }
        let ttl = match ttl {
            None => DEFAULT_JWT_TTL,
            Some(text) => parse_ttl(text).ok_or_else(|| AuthConfigError::Ttl(text.to_owned()))?,
        };
        Ok(Self {
            method,
            public_key,
            private_key,
            ttl,
        })
    }
}

impl SigningMethod {
    fn parse(name: &str) -> Result<Self, AuthConfigError> {
        let found = METHODS.into_iter().find(|method| method.name == name);
        found.ok_or_else(|| AuthConfigError::Method(name.to_owned()))
    }

    /// Whether one secret both signs and verifies.
    pub(super) fn is_symmetric(self) -> bool {
        self.family() == AlgorithmFamily::Hmac
    }

    /// What kind of key it takes.
    pub(super) fn family(self) -> AlgorithmFamily {
        match self.algorithm {
            Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => AlgorithmFamily::Hmac,
            Algorithm::ES256 | Algorithm::ES384 => AlgorithmFamily::Ec,
            Algorithm::EdDSA => AlgorithmFamily::Ed,
            _ => AlgorithmFamily::Rsa,
        }
    }
}

/// A time as Go writes it: numbers with units, one behind the other. `None` for nothing at all.
fn parse_ttl(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..unit_at].parse().ok()?;
        let unit_end = rest[unit_at..].find(|c: char| c.is_ascii_digit() || c == '.');
        let unit_end = unit_end.map_or(rest.len(), |at| unit_at + at);
        seconds += number
            * match &rest[unit_at..unit_end] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    let ttl = Duration::try_from_secs_f64(seconds).ok()?;
    (!ttl.is_zero()).then_some(ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(options: &str) -> Result<TokenConfig, AuthConfigError> {
        AuthConfig::new(options, 300, 10).map(|config| config.tokens)
    }

    #[test]
    fn simple_tokens_live_as_long_as_the_flag_says() {
        let config = AuthConfig::new("simple", 3, 4).expect("a kind of tokens");
        let ttl = Duration::from_secs(3);
        assert_eq!(config.tokens, TokenConfig::Simple { ttl });
        assert_eq!(
            AuthConfig::new("simple", 0, 4),
            Err(AuthConfigError::TtlZero)
        );
    }

    #[test]
    fn a_cost_that_bcrypt_does_not_know_is_the_default() {
        let cost = |asked| {
            AuthConfig::new("simple", 300, asked)
                .expect("it is corrected")
                .bcrypt_cost
        };
        assert_eq!([3, 4, 31, 32].map(cost), [10, 4, 31, 10]);
    }

    #[test]
    fn jwt_options() {
        let config = jwt("jwt,priv-key=k,sign-method=ES256,ttl=1h30m,pub-key=p");
        let Ok(TokenConfig::Jwt(config)) = config else {
            panic!("{config:?}");
        };
        assert_eq!(config.method.name, "ES256");
        assert_eq!(config.ttl, Duration::from_secs(5400));
        assert_eq!(config.public_key, Some("p".into()));
        assert_eq!(config.private_key, Some("k".into()));
        assert!(jwt("jwt,pub-key=p,sign-method=RS256").is_ok());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (options, error) in [
            ("", AuthConfigError::Kind(String::new())),
            ("jtw,ttl=1s", AuthConfigError::Kind("jtw,ttl=1s".into())),
            ("jwt", AuthConfigError::Method(String::new())),
            (
                "jwt,sign-method=ES512",
                AuthConfigError::Method("ES512".into()),
            ),
            (
                "jwt,sign-method=RS256",
                AuthConfigError::KeyMissing("RS256"),
            ),
            (
                "jwt,sign-method=HS256,pub-key=p",
                AuthConfigError::KeyMissing("HS256"),
            ),
            ("jwt,ttl", AuthConfigError::Option("ttl".into())),
            (
                "jwt,ttl=1s,ttl=2s",
                AuthConfigError::Option("ttl=2s".into()),
            ),
            ("jwt,key=k", AuthConfigError::Unknown("key".into())),
            (
                "jwt,sign-method=RS256,priv-key=k,ttl=5",
                AuthConfigError::Ttl("5".into()),
            ),
            (
                "jwt,sign-method=RS256,priv-key=k,ttl=0s",
                AuthConfigError::Ttl("0s".into()),
            ),
        ] {
            assert_eq!(jwt(options), Err(error), "{options}");
        }
    }
}
