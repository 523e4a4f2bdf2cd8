//! What the check says of certificates, with a small TLS server before the instance and the gateway.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{check, check_with, house, set};

/// An authority and a file with its certificate.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: String,
}

impl Authority {
    fn new(folder: &Path) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Authority of a test");
        let key = KeyPair::generate().unwrap();
        let file = folder.join("authority.pem");
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        Self { issuer: Issuer::new(params, key), file: file.display().to_string() }
    }

    /// A server's certificate, and the key to it.
    fn vouch(
        &self,
        host: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new([host.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, host);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().der().clone(), key)
    }
}

/// Ends TLS with this certificate before whatever listens at `behind`; gives back the URL.
async fn before(behind: &str, (certificate, key): (CertificateDer<'static>, KeyPair)) -> String {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = behind.trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(behind).await else { return };
                copy_bidirectional(&mut stream, &mut server).await.ok();
            });
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_certificate_that_is_trusted_is_told_by_its_issuer_and_lets_everything_through() {
    let mut house = house().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let listen = house.environment["WARMLINE_LISTEN"].clone();
    let public = before(&listen, authority.vouch("localhost", |_| {})).await;
    set(&mut house.environment, "WARMLINE_PUBLIC_URL", public);
    // Pages get the gateway's own public URL.
    house.restart().await;
    let instance = house.environment["SERVICENOW_INSTANCE"].clone();
    let instance = before(&instance, authority.vouch("localhost", |_| {})).await;
    set(&mut house.environment, "SERVICENOW_INSTANCE", instance);
    let report = check_with(&house.environment, &[("SSL_CERT_FILE", &authority.file)]).await;
    report.is_well();
    for name in ["instance.tls", "webhook.tls"] {
        assert_eq!(report.of(name), ("ok", "trusted"));
        let words = report.finding(name)["found"].as_str().unwrap();
        assert!(words.contains("issued by CN=Authority of a test"), "{words}");
    }
    assert_eq!(report.of("instance.token").1, "granted");
    assert_eq!(report.of("webhook.answers").1, "ours");
    assert_eq!(report.of("direct_line.stream").1, "open");
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_named() {
    let mut house = house().await;
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let instance = house.environment["SERVICENOW_INSTANCE"].clone();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let own = (own.self_signed(&key).unwrap().der().clone(), key);
    let old = authority.vouch("localhost", |params| {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let trusted = [("SSL_CERT_FILE", authority.file.as_str())];
    for (certificate, system, code) in [
        (own, &trusted[..], "self_signed"),
        (old, &trusted[..], "expired"),
        (authority.vouch("example.org", |_| {}), &trusted[..], "wrong_host"),
        (authority.vouch("localhost", |_| {}), &[][..], "unknown_issuer"),
    ] {
        let url = before(&instance, certificate).await;
        set(&mut house.environment, "SERVICENOW_INSTANCE", url);
        let report = check_with(&house.environment, system).await;
        assert_eq!(report.of("instance.tls"), ("fail", code));
        assert_eq!(report.of("instance.token"), ("skip", "unreachable"));
    }
}

#[tokio::test]
async fn a_certificate_of_the_public_url_that_nobody_trusts_is_found() {
    let mut house = house().await;
    let listen = house.environment["WARMLINE_LISTEN"].clone();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let own = (own.self_signed(&key).unwrap().der().clone(), key);
    let public = before(&listen, own).await;
    set(&mut house.environment, "WARMLINE_PUBLIC_URL", public);
    let report = check(&house.environment).await;
    assert_eq!(report.of("webhook.tls"), ("fail", "self_signed"));
    assert_eq!(report.of("webhook.answers"), ("fail", "self_signed"));
}
