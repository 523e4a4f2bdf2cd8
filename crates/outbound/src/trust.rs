//! Whose certificates are believed: those of the machine's authorities, and of others that an operator
//! names for one destination.

use std::io;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// The most certificates in one file: more than a system trusts.
const AUTHORITIES_MAX: usize = 500;

/// A text holds no certificates of authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no certificate of an authority, something that is none, or too many")]
pub struct NoAuthorities;

/// The certificates of authorities in a PEM text, one after the other, as DER. Keys and whatever else
/// is no certificate are passed over; a certificate that cannot be used is an error.
pub fn authorities_of(pem: &[u8]) -> Result<Vec<Vec<u8>>, NoAuthorities> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(pem).take(AUTHORITIES_MAX + 1).collect();
    let found = found.map_err(|_| NoAuthorities)?;
    if found.is_empty() || found.len() > AUTHORITIES_MAX {
        return Err(NoAuthorities);
    }
    let mut store = RootCertStore::empty();
    for certificate in &found {
        store.add(certificate.clone()).map_err(|_| NoAuthorities)?;
    }
    Ok(found.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// The roots of this machine and these. Without any there is nobody to be believed.
pub fn roots(authorities: &[Vec<u8>]) -> io::Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    // Some of a machine's may be beyond use; the others are good all the same.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = authorities.iter().map(|der| CertificateDer::from(der.as_slice()));
    store.add_parsable_certificates(own);
    if store.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no usable root certificates"));
    }
    Ok(store)
}

/// How TLS is spoken with who is believed.
pub(crate) fn tls(authorities: &[Vec<u8>]) -> io::Result<ClientConfig> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(config.with_root_certificates(roots(authorities)?).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_authority_is_refused() {
        let broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in [b"".as_slice(), b"no certificate", broken] {
            assert_eq!(authorities_of(pem), Err(NoAuthorities));
        }
    }
}
