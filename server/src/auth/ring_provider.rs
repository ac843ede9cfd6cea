//! The cryptography under JSON web tokens: ring's, which builds in seconds and without further
//! tools, in place of those that jsonwebtoken brings.

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result},
};
use ring::{hmac, rand::SystemRandom, signature as ring_signature};
use signature::{Error, Signer, Verifier};

/// Makes jsonwebtoken use this. To say so again changes nothing.
pub(super) fn install() {
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: |algorithm, key| Ok(Box::new(RingSigner::new(*algorithm, key)?)),
        verifier_factory: |algorithm, key| Ok(Box::new(RingVerifier::new(*algorithm, key)?)),
        key_utils: KeyUtils::new_unimplemented(),
    };
    let _ = PROVIDER.install_default();
}

struct RingSigner {
    algorithm: Algorithm,
    key: SigningKey,
}

enum SigningKey {
    Hmac(hmac::Key),
    Rsa(
        ring_signature::RsaKeyPair,
        &'static dyn ring_signature::RsaEncoding,
    ),
    Ecdsa(ring_signature::EcdsaKeyPair),
    Ed25519(ring_signature::Ed25519KeyPair),
}

impl RingSigner {
    fn new(algorithm: Algorithm, key: &EncodingKey) -> Result<Self> {
        let bytes = key.as_bytes();
        let made =
            match key.family() {
                AlgorithmFamily::Hmac => secret_digest(algorithm)
                    .map(|digest| Ok(SigningKey::Hmac(hmac::Key::new(digest, bytes)))),
                AlgorithmFamily::Rsa => padding(algorithm)
                    .map(|padding| Ok(SigningKey::Rsa(rsa_key_pair(bytes)?, padding))),
                AlgorithmFamily::Ec => curve(algorithm)
                    .map(|curve| Ok(SigningKey::Ecdsa(ecdsa_key_pair(curve, bytes)?))),
                _ => Some(ed25519_key_pair(bytes).map(SigningKey::Ed25519)),
            };
        let key = made.unwrap_or_else(|| Err(ErrorKind::InvalidAlgorithm.into()))?;
        Ok(Self { algorithm, key })
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match &self.key {
            SigningKey::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            SigningKey::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                let signed = pair.sign(*padding, &random, message, &mut signature);
                signed.map_err(|_| Error::new())?;
                Ok(signature)
            }
            SigningKey::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| Error::new())?;
                Ok(signature.as_ref().to_vec())
            }
            SigningKey::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    method: VerifyingMethod,
    key: Vec<u8>,
}

enum VerifyingMethod {
    Secret(hmac::Algorithm),
    Public(&'static dyn ring_signature::VerificationAlgorithm),
}

impl RingVerifier {
    /// A public key is never taken for a secret, nor the other way round.
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self> {
        let method = match key.family() {
            AlgorithmFamily::Hmac => secret_digest(algorithm).map(VerifyingMethod::Secret),
            _ => public_method(algorithm).map(VerifyingMethod::Public),
        };
        let method = method.ok_or(ErrorKind::InvalidAlgorithm)?;
        let key = key.try_get_as_bytes()?.to_vec();
        Ok(Self {
            algorithm,
            method,
            key,
        })
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match self.method {
            VerifyingMethod::Secret(digest) => {
                hmac::verify(&hmac::Key::new(digest, &self.key), message, signature)
            }
            VerifyingMethod::Public(method) => {
                ring_signature::UnparsedPublicKey::new(method, &self.key).verify(message, signature)
            }
        };
        verified.map_err(|_| Error::new())
    }
}

/// The public half of a private key; of a secret, itself.
pub(super) fn public_half(algorithm: Algorithm, key: &EncodingKey) -> Result<DecodingKey> {
    use ring_signature::KeyPair as _;

    let signer = RingSigner::new(algorithm, key)?;
    Ok(match &signer.key {
        SigningKey::Hmac(_) => DecodingKey::from_secret(key.as_bytes()),
        SigningKey::Rsa(pair, _) => DecodingKey::from_rsa_der(pair.public_key().as_ref()),
        SigningKey::Ecdsa(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
        SigningKey::Ed25519(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
    })
}

fn rsa_key_pair(pkcs1: &[u8]) -> Result<ring_signature::RsaKeyPair> {
    let pair = ring_signature::RsaKeyPair::from_der(pkcs1);
    pair.map_err(|error| ErrorKind::InvalidRsaKey(error.to_string()).into())
}

fn ecdsa_key_pair(
    curve: &'static ring_signature::EcdsaSigningAlgorithm,
    pkcs8: &[u8],
) -> Result<ring_signature::EcdsaKeyPair> {
    let pair = ring_signature::EcdsaKeyPair::from_pkcs8(curve, pkcs8, &SystemRandom::new());
    pair.map_err(|_| ErrorKind::InvalidEcdsaKey.into())
}

fn ed25519_key_pair(pkcs8: &[u8]) -> Result<ring_signature::Ed25519KeyPair> {
    // Most tools leave out the public half, which is optional.
    let pair = ring_signature::Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8);
    pair.map_err(|_| ErrorKind::InvalidEddsaKey.into())
}

/// Of the methods with a secret.
fn secret_digest(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    match algorithm {
        Algorithm::HS256 => Some(hmac::HMAC_SHA256),
        Algorithm::HS384 => Some(hmac::HMAC_SHA384),
        Algorithm::HS512 => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// Of the methods of RSA.
fn padding(algorithm: Algorithm) -> Option<&'static dyn ring_signature::RsaEncoding> {
    match algorithm {
        Algorithm::RS256 => Some(&ring_signature::RSA_PKCS1_SHA256),
        Algorithm::RS384 => Some(&ring_signature::RSA_PKCS1_SHA384),
        Algorithm::RS512 => Some(&ring_signature::RSA_PKCS1_SHA512),
        Algorithm::PS256 => Some(&ring_signature::RSA_PSS_SHA256),
        Algorithm::PS384 => Some(&ring_signature::RSA_PSS_SHA384),
        Algorithm::PS512 => Some(&ring_signature::RSA_PSS_SHA512),
        _ => None,
    }
}

/// Of the methods on elliptic curves.
fn curve(algorithm: Algorithm) -> Option<&'static ring_signature::EcdsaSigningAlgorithm> {
    match algorithm {
        Algorithm::ES256 => Some(&ring_signature::ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => Some(&ring_signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => None,
    }
}

/// Of all methods with a public key.
fn public_method(
    algorithm: Algorithm,
) -> Option<&'static dyn ring_signature::VerificationAlgorithm> {
    match algorithm {
        Algorithm::RS256 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Some(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Some(&ring_signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Some(&ring_signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Some(&ring_signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Some(&ring_signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Some(&ring_signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Some(&ring_signature::ED25519),
        _ => None,
    }
}
