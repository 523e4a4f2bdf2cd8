//! Looking at the certificate that a server shows: who issued it, until when, and in which words it
//! is not to be trusted.
//!
//! The verdict is rustls's own, with the roots of this machine, exactly as on the delivery path; this
//! only remembers what was shown.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use x509_cert::{Certificate, der::Decode};

/// Seconds in a day.
const DAY_S: i64 = 24 * 3_600;

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) issuer: String,
    /// It vouches for itself.
    pub(super) self_signed: bool,
    /// Days until it ends, negative afterwards.
    pub(super) days_left: i64,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    SelfSigned,
    UnknownIssuer,
    WrongHost,
    Expired,
    NotYetValid,
    Revoked,
    Other,
}

impl Fault {
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::SelfSigned => "self_signed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::WrongHost => "wrong_host",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::Other => "bad_certificate",
        }
    }

    /// What rustls found, and what the certificate itself adds to it.
    pub(super) fn of(error: &CertificateError, shown: Option<&Shown>) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongHost
            }
            CertificateError::Revoked => Self::Revoked,
            _ if shown.is_some_and(|shown| shown.self_signed) => Self::SelfSigned,
            CertificateError::UnknownIssuer => Self::UnknownIssuer,
            _ => Self::Other,
        }
    }
}

impl Shown {
    fn read(der: &CertificateDer<'_>, now_s: i64) -> Option<Self> {
        let certificate = Certificate::from_der(der).ok()?;
        let inner = certificate.tbs_certificate();
        let ends = inner.validity().not_after.to_unix_duration().as_secs();
        Some(Self {
            issuer: inner.issuer().to_string(),
            self_signed: inner.issuer() == inner.subject(),
            days_left: (i64::try_from(ends).ok()? - now_s).div_euclid(DAY_S),
        })
    }
}

/// rustls's verifier, which remembers what it was shown.
pub(super) struct Watching {
    verifier: Arc<WebPkiServerVerifier>,
    now_s: i64,
    shown: Mutex<Option<Shown>>,
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").finish_non_exhaustive()
    }
}

/// This machine trusts nobody.
#[derive(Debug, thiserror::Error)]
#[error("this machine has no usable root certificates; install the package ca-certificates")]
pub(super) struct NoRoots;

impl Watching {
    /// With the root certificates of this machine, and these (DER).
    pub(super) fn new(now_s: i64, authorities: &[Vec<u8>]) -> Result<Arc<Self>, NoRoots> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let own = authorities.iter().map(|der| CertificateDer::from(der.as_slice()));
        roots.add_parsable_certificates(own);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().map_err(|_| NoRoots)?;
        Ok(Arc::new(Self { verifier, now_s, shown: Mutex::default() }))
    }

    /// The server's own certificate, once it was shown.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) =
            Shown::read(end_entity, self.now_s);
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
