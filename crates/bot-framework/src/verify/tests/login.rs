//! A small login on this machine: publishes what it is told to, signs what it is given, and
//! remembers what it was asked.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RsaKeyPair,
};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, crypto};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(in crate::verify) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair.
pub(in crate::verify) struct Signer(RsaKeyPair);

/// One of two key pairs, which take a while to make.
pub(in crate::verify) fn signer(at: usize) -> &'static Signer {
    static SIGNERS: LazyLock<[Signer; 2]> =
        LazyLock::new(|| [(); 2].map(|()| Signer(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())));
    &SIGNERS[at]
}

fn message(header: &Value, claims: &str) -> String {
    format!("{}.{}", b64(header.to_string().as_bytes()), b64(claims.as_bytes()))
}

impl Signer {
    /// Signs by the algorithm that the header names.
    pub(in crate::verify) fn token(&self, header: &Value, claims: &Value) -> String {
        self.signed(header, &claims.to_string())
    }

    /// The same for claims as they are written.
    pub(in crate::verify) fn signed(&self, header: &Value, claims: &str) -> String {
        let message = message(header, claims);
        let padding = match header["alg"].as_str().unwrap() {
            "RS256" => &RSA_PKCS1_SHA256,
            "RS384" => &RSA_PKCS1_SHA384,
            "RS512" => &RSA_PKCS1_SHA512,
            other => panic!("{other}"),
        };
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", b64(&signature))
    }

    /// Signs by HMAC with the public key, which everybody has, for a secret.
    pub(in crate::verify) fn hmac(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, &claims.to_string());
        let key = EncodingKey::from_secret(self.0.public_key().as_ref());
        let algorithm = jsonwebtoken::Algorithm::HS256;
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    pub(in crate::verify) fn unsigned(header: &Value, claims: &Value) -> String {
        format!("{}.", message(header, &claims.to_string()))
    }

    /// The public key as it is published.
    pub(in crate::verify) fn jwk(&self, kid: &str) -> Value {
        let (modulus, exponent) = integers(self.0.public_key().as_ref());
        json!({"kty": "RSA", "use": "sig", "kid": kid, "n": b64(modulus), "e": b64(exponent)})
    }
}

/// The two integers of a public key in DER (RFC 8017, A.1.1), without their leading zeros.
fn integers(der: &[u8]) -> (&[u8], &[u8]) {
    fn element(der: &[u8]) -> (&[u8], &[u8]) {
        let (length, start) = match der[1] {
            short @ 0..0x80 => (usize::from(short), 2),
            long => {
                let bytes = usize::from(long & 0x7f);
                let digits = &der[2..2 + bytes];
                let length = digits.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte));
                (length, 2 + bytes)
            }
        };
        der[start..].split_at(length)
    }
    let (sequence, _) = element(der);
    let (modulus, rest) = element(sequence);
    let (exponent, _) = element(rest);
    (trimmed(modulus), trimmed(exponent))
}

fn trimmed(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|byte| **byte == 0).count();
    &integer[zeros..]
}

struct Behaviour {
    keys: Vec<Value>,
    answer: Option<(u16, &'static str)>,
    held: Option<watch::Receiver<bool>>,
    metadata_calls: usize,
    keys_calls: usize,
    calls: watch::Sender<usize>,
    origin: String,
}

type Shared = Arc<Mutex<Behaviour>>;

pub(in crate::verify) struct Login {
    behaviour: Option<Shared>,
    metadata: Uri,
    server: Option<JoinHandle<()>>,
}

impl Login {
    pub(in crate::verify) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Arc::new(Mutex::new(Behaviour {
            keys: Vec::new(),
            answer: None,
            held: None,
            metadata_calls: 0,
            keys_calls: 0,
            calls: watch::Sender::new(0),
            origin: origin.clone(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&behaviour));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let metadata = format!("{origin}/metadata").parse().unwrap();
        let login = Self { behaviour: Some(behaviour), metadata, server: Some(server) };
        login.publishes(&[("one", signer(0))]);
        login
    }

    /// One that is not there.
    pub(in crate::verify) fn at(metadata: Uri) -> Self {
        Self { behaviour: None, metadata, server: None }
    }

    /// Takes the listener away; nothing answers there any more.
    pub(in crate::verify) async fn stop(mut self) {
        let server = self.server.take().unwrap();
        server.abort();
        assert!(server.await.is_err());
    }

    pub(in crate::verify) fn metadata(&self) -> Uri {
        self.metadata.clone()
    }

    /// These keys from now on, among some that cannot sign.
    pub(in crate::verify) fn publishes(&self, keys: &[(&str, &Signer)]) {
        let mut keys: Vec<_> = keys.iter().map(|(kid, signer)| signer.jwk(kid)).collect();
        keys.push(json!({"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AQAB", "y": "AQAB"}));
        keys.push(json!({"kty": "oct", "kid": "oct", "k": "AQAB"}));
        self.change(|behaviour| behaviour.keys = keys);
    }

    /// A key may speak for these channels from now on.
    pub(in crate::verify) fn endorses(&self, kid: &str, channels: Value) {
        self.change(|behaviour| {
            let key = behaviour.keys.iter_mut().find(|key| key["kid"] == kid).unwrap();
            key["endorsements"] = channels;
        });
    }

    pub(in crate::verify) fn answers(&self, status: u16, body: &'static str) {
        self.change(|behaviour| behaviour.answer = Some((status, body)));
    }

    pub(in crate::verify) fn is_well(&self) {
        self.change(|behaviour| behaviour.answer = None);
    }

    /// Answers only after something was sent.
    pub(in crate::verify) fn holds(&self) -> watch::Sender<bool> {
        let (release, held) = watch::channel(false);
        self.change(|behaviour| behaviour.held = Some(held));
        release
    }

    /// How often the metadata and the keys were asked for.
    pub(in crate::verify) fn asked(&self) -> (usize, usize) {
        self.change(|behaviour| (behaviour.metadata_calls, behaviour.keys_calls))
    }

    /// Waits for so many calls.
    pub(in crate::verify) async fn is_asked(&self, times: usize) {
        let mut calls = self.change(|behaviour| behaviour.calls.subscribe());
        calls.wait_for(|calls| *calls >= times).await.unwrap();
    }

    fn change<T>(&self, change: impl FnOnce(&mut Behaviour) -> T) -> T {
        let behaviour = self.behaviour.as_ref().unwrap();
        change(&mut behaviour.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn answer(State(behaviour): State<Shared>, uri: Uri) -> Response {
    let held = {
        let mut behaviour = behaviour.lock().unwrap_or_else(PoisonError::into_inner);
        match uri.path() {
            "/metadata" => behaviour.metadata_calls += 1,
            "/keys" => behaviour.keys_calls += 1,
            other => panic!("{other}"),
        }
        behaviour.calls.send_modify(|calls| *calls += 1);
        behaviour.held.clone()
    };
    if let Some(mut held) = held {
        // Whoever held it may be gone.
        let _ = held.wait_for(|released| *released).await;
    }
    let behaviour = behaviour.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = match behaviour.answer {
        Some((status, body)) => (status, body.to_owned()),
        None if uri.path() == "/keys" => (200, json!({"keys": behaviour.keys}).to_string()),
        None => (200, json!({"jwks_uri": format!("{}/keys", behaviour.origin)}).to_string()),
    };
    let response = Response::builder().status(status).header("content-type", "application/json");
    response.body(Body::from(body)).unwrap()
}
