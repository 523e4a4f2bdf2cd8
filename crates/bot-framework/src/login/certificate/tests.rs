use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rcgen::{CertificateParams, KeyPair as Pair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use serde_json::Value;

use super::*;

/// A certificate and its key as files have them.
pub(crate) fn pems() -> (String, String) {
    let pair = Pair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let certificate = CertificateParams::new(vec!["warmline.example.org".to_owned()]).unwrap();
    (certificate.self_signed(&pair).unwrap().pem(), pair.serialize_pem())
}

fn part(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[test]
fn an_assertion_says_who_we_are_to_whom_and_is_signed() {
    let (pem, key) = pems();
    let certificate = Certificate::from_pem(&pem, &key.clone().into()).unwrap();
    let address = "https://login.example.org/t/oauth2/v2.0/token";
    let assertion = certificate.assertion("app", address, 1_800_000_000).unwrap();
    let parts: Vec<_> = assertion.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("{assertion}") };
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let print = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
    assert_eq!(part(header), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": print}));
    let said = part(claims);
    for (name, expected) in [
        ("aud", json!(address)),
        ("iss", json!("app")),
        ("sub", json!("app")),
        ("iat", json!(1_800_000_000)),
        ("nbf", json!(1_799_999_700)),
        ("exp", json!(1_800_000_300)),
    ] {
        assert_eq!(said[name], expected, "{name}");
    }
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, certificate.0.key.public_key());
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    public.verify(format!("{header}.{claims}").as_bytes(), &signature).unwrap();
    // No assertion is like another, or it would be taken for a replay.
    let again = certificate.assertion("app", address, 1_800_000_000).unwrap();
    assert_ne!(part(again.split('.').nth(1).unwrap())["jti"], said["jti"]);
}

#[test]
fn certificate_and_key_may_be_one_file_and_know_when_they_end() {
    let (pem, key) = pems();
    let both = format!("{key}{pem}");
    let certificate = Certificate::from_pem(&both, &both.clone().into()).unwrap();
    assert!(certificate.ends_at() > 1_800_000_000);
    assert!(certificate.is_as(&Certificate::from_pem(&pem, &key.clone().into()).unwrap()));
    let shown = format!("{certificate:?}");
    assert!(shown.contains(&certificate.print()) && shown.len() < 100, "{shown}");
}

#[test]
fn what_cannot_sign_says_what_is_wrong() {
    use CertificateError::{KeyLocked, KeyNotRsa, NoCertificate, NoKey, NotAPair, Unreadable};
    let (pem, key) = pems();
    let elliptic = Pair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap().serialize_pem();
    let broken = "-----BEGIN CERTIFICATE-----\nAQAB\n-----END CERTIFICATE-----\n";
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAQAB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let garbled = "-----BEGIN PRIVATE KEY-----\nAQAB\n-----END PRIVATE KEY-----\n";
    for (certificate, secret, expected) in [
        ("", key.as_str(), NoCertificate),
        (key.as_str(), key.as_str(), NoCertificate),
        (broken, key.as_str(), Unreadable),
        (pem.as_str(), "", NoKey),
        (pem.as_str(), pem.as_str(), NoKey),
        (pem.as_str(), locked, KeyLocked),
        (pem.as_str(), elliptic.as_str(), KeyNotRsa),
        (pem.as_str(), garbled, KeyNotRsa),
        (pem.as_str(), pems().1.as_str(), NotAPair),
    ] {
        let error = Certificate::from_pem(certificate, &secret.into()).unwrap_err();
        assert_eq!(error, expected, "{}", expected.code());
    }
}
