//! A certificate in place of a client secret: what is signed with it, and how the login recognises
//! the key (reference 2.3).
//!
//! The assertion is PS256 with `x5t#S256`, the form that Entra documents; its older form (RS256 with
//! the SHA-1 print) is the one that it advises against.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use x509_cert::der::Decode;

/// How long an assertion is good for. It is used at once; the rest is for clocks that differ, which
/// is what Entra advises too.
const GOOD_FOR_S: u64 = 5 * 60;

/// A certificate and its private key, for logins. Clones share them.
#[derive(Clone)]
pub struct Certificate(Arc<Inner>);

struct Inner {
    key: RsaKeyPair,
    /// SHA-256 over the certificate: how the login finds its copy.
    print: [u8; 32],
    ends_at: u64,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("print", &self.print()).finish_non_exhaustive()
    }
}

/// Why a certificate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate in PEM is in the text.
    #[error("there is no certificate in the file; it must be PEM, with BEGIN CERTIFICATE")]
    NoCertificate,
    /// The certificate cannot be read.
    #[error("the certificate cannot be read; export it anew, as PEM")]
    Unreadable,
    /// No private key in PEM is in the text.
    #[error(
        "there is no private key in the file; it must be PEM, with BEGIN PRIVATE KEY or BEGIN RSA \
         PRIVATE KEY"
    )]
    NoKey,
    /// The key asks for a passphrase.
    #[error(
        "the private key is locked with a passphrase; unlock it with `openssl pkey` and protect the \
         file by its owner and mode"
    )]
    KeyLocked,
    /// The key is of another kind than the login takes.
    #[error("the private key must be RSA with 2048 bits or more; Entra takes no other")]
    KeyNotRsa,
    /// Certificate and key are not a pair.
    #[error("the private key does not belong to the certificate; give both of the same pair")]
    NotAPair,
}

impl CertificateError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoCertificate => "no_certificate",
            Self::Unreadable => "certificate_unreadable",
            Self::NoKey => "no_key",
            Self::KeyLocked => "key_locked",
            Self::KeyNotRsa => "key_not_rsa",
            Self::NotAPair => "not_a_pair",
        }
    }
}

impl Certificate {
    /// Takes the first certificate and the first private key of two texts in PEM, which may be the
    /// same.
    pub fn from_pem(certificate: &str, key: &SecretString) -> Result<Self, CertificateError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes())
            .map_err(|_| CertificateError::NoCertificate)?;
        let read = x509_cert::Certificate::from_der(&der);
        let read = read.map_err(|_| CertificateError::Unreadable)?;
        let key = key_pair(key.expose_secret())?;
        let about = read.tbs_certificate();
        let public = about.subject_public_key_info().subject_public_key.raw_bytes();
        if public != key.public_key().as_ref() {
            return Err(CertificateError::NotAPair);
        }
        let ends_at = about.validity().not_after.to_unix_duration().as_secs();
        let mut print = [0; 32];
        print.copy_from_slice(digest(&SHA256, &der).as_ref());
        Ok(Self(Arc::new(Inner { key, print, ends_at })))
    }

    /// When the certificate ends, in seconds since 1970: Entra refuses it from then on.
    pub fn ends_at(&self) -> u64 {
        self.0.ends_at
    }

    /// SHA-256 over the certificate, as assertions name it (`x5t#S256`).
    pub fn print(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.print)
    }

    /// The key belongs to the certificate, so its print tells them both.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.0.print == other.0.print
    }

    /// The client assertion for one login (RFC 7523): we are this app, and this is for that address.
    /// Nothing if this machine can give no random bytes.
    pub(super) fn assertion(&self, app_id: &str, address: &str, now_unix_s: u64) -> Option<String> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).ok()?;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.print()});
        let claims = json!({
            "aud": address,
            "iss": app_id,
            "sub": app_id,
            "jti": URL_SAFE_NO_PAD.encode(id),
            "iat": now_unix_s,
            "nbf": now_unix_s.saturating_sub(GOOD_FOR_S),
            "exp": now_unix_s + GOOD_FOR_S,
        });
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let mut signature = vec![0; self.0.key.public_modulus_len()];
        self.0.key.sign(&RSA_PSS_SHA256, &random, message.as_bytes(), &mut signature).ok()?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn key_pair(pem: &str) -> Result<RsaKeyPair, CertificateError> {
    if pem.contains("BEGIN ENCRYPTED PRIVATE KEY") || pem.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(CertificateError::KeyLocked);
    }
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let pair = match der.map_err(|_| CertificateError::NoKey)? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(CertificateError::KeyNotRsa),
    };
    pair.map_err(|_| CertificateError::KeyNotRsa)
}

#[cfg(test)]
pub(crate) mod tests;
