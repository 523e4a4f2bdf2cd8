use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{advance, pause, resume};

use super::*;
use login::{Login, Signer, b64, signer};

pub(super) mod login;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const GATEWAY: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const BOT: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
const NOW: u64 = 1_800_000_000;

fn config(login: &Login) -> VerifyConfig {
    VerifyConfig {
        metadata: login.metadata(),
        audiences: vec![GATEWAY.to_owned()],
        tenants: vec![TENANT.to_owned()],
        issuers: Vec::new(),
        private_hosts: PrivateHosts::default(),
    }
}

fn verifier(login: &Login) -> Verifier {
    Verifier::new(config(login)).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "aud": GATEWAY,
        "exp": NOW + 3600,
        "nbf": NOW,
        "tid": TENANT,
        "ver": "1.0",
        "appid": BOT,
    })
}

fn good(signer: &Signer, kid: &str) -> String {
    signer.token(&json!({"alg": "RS256", "typ": "JWT", "kid": kid}), &claims())
}

/// Lets virtual time pass between two calls, not during one: a clock that moves by itself would run
/// into time-outs while the sockets are at work.
async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

#[tokio::test]
async fn a_bot_proves_who_it_is() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    let proven = verifier.verify(&good(signer(0), "one"), NOW).await.unwrap();
    let expected =
        Proven { app_id: BOT.to_owned(), tenant: Some(TENANT.to_owned()), expires_at: NOW + 3600 };
    assert_eq!(proven, expected);
    for algorithm in ["RS384", "RS512"] {
        let header = json!({"alg": algorithm, "kid": "one"});
        let token = signer(0).token(&header, &claims());
        assert_eq!(verifier.verify(&token, NOW).await, Ok(expected.clone()), "{algorithm}");
    }
    assert_eq!(login.asked(), (1, 1), "metadata and keys, once each");
}

#[tokio::test]
async fn a_verifier_stays_as_long_as_its_configuration_does() {
    let login = Login::start().await;
    let (verifier, config) = (verifier(&login), config(&login));
    assert!(verifier.is_as(&config));
    let tenants = vec![GATEWAY.to_owned()];
    assert!(!verifier.is_as(&VerifyConfig { tenants, ..config }));
}

#[tokio::test]
async fn a_forged_token_proves_nothing() {
    use VerifyError::{
        BadAlgorithm, BadSignature, Malformed, UnknownKey, WrongAudience, WrongIssuer,
    };
    let login = Login::start().await;
    let verifier = verifier(&login);
    let header = |alg: &str| json!({"alg": alg, "kid": "one"});
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signer(0).token(&header("RS256"), &claims)
    };
    let token = good(signer(0), "one");
    let parts: Vec<_> = token.split('.').collect();
    let other_claims = b64(claims().to_string().replace(BOT, GATEWAY).as_bytes());
    let stranger = signer(1);
    let offers_a_key = json!({"alg": "RS256", "kid": "one", "jwk": stranger.jwk("one"),
        "jku": login.metadata().to_string(), "x5u": login.metadata().to_string(), "x5c": ["MII"]});
    for (what, token, expected) in [
        ("empty", String::new(), Malformed),
        ("no signature at all", format!("{}.{}", parts[0], parts[1]), Malformed),
        ("an empty signature", format!("{}.{}.", parts[0], parts[1]), BadSignature),
        ("no algorithm", Signer::unsigned(&header("none"), &claims()), BadAlgorithm),
        ("the public key as a secret", signer(0).hmac(&header("HS256"), &claims()), BadAlgorithm),
        ("that, called RS256", signer(0).hmac(&header("RS256"), &claims()), BadSignature),
        ("an unknown key", good(signer(0), "unheard of"), UnknownKey),
        ("the name of another's key", good(stranger, "one"), BadSignature),
        ("an elliptic key's name", good(signer(0), "ec"), UnknownKey),
        ("a shared key's name", good(signer(0), "oct"), UnknownKey),
        ("other claims", format!("{}.{other_claims}.{}", parts[0], parts[2]), BadSignature),
        ("a key of its own", stranger.token(&offers_a_key, &claims()), BadSignature),
        (
            "another algorithm than signed",
            format!("{}.{}.{}", b64(br#"{"alg":"RS384","kid":"one"}"#), parts[1], parts[2]),
            BadSignature,
        ),
        (
            "our own token, sent back",
            with("aud", json!("https://api.botframework.com")),
            WrongAudience,
        ),
        ("a token for the bot", with("aud", json!(BOT)), WrongAudience),
        ("another tenant", with("tid", json!(GATEWAY)), WrongIssuer),
        ("a channel's issuer", with("iss", json!("https://api.botframework.com")), WrongIssuer),
        ("a time that is over", with("exp", json!(NOW - 360)), VerifyError::Expired),
        ("a time to come", with("nbf", json!(NOW + 360)), VerifyError::NotYetValid),
        ("nobody's", with("appid", Value::Null), VerifyError::NoApp),
        ("a user's", with("scp", json!("access_as_user")), VerifyError::OfAUser),
    ] {
        // Also when the keys are there already, and when a good token was accepted meanwhile.
        for _ in 0..2 {
            assert_eq!(verifier.verify(&token, NOW).await, Err(expected.clone()), "{what}");
            verifier.verify(&good(signer(0), "one"), NOW).await.unwrap();
        }
    }
    // Whatever a header offers, it is a good token if a published key has signed it.
    assert!(verifier.verify(&signer(0).token(&offers_a_key, &claims()), NOW).await.is_ok());
    assert_eq!(login.asked().1, 1, "nobody made us ask twice");
}

#[tokio::test]
async fn a_proven_token_is_not_verified_again_before_it_ends() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    let token = good(signer(0), "one");
    for now in [NOW, NOW + 1, NOW + 3599] {
        assert!(verifier.verify(&token, now).await.is_ok());
        assert!(verifier.known.find(&Token::read(&token).unwrap().digest(), 1, now).is_some());
    }
    assert!(verifier.verify(&token, NOW + 3600 + 299).await.is_ok(), "within the skew");
    assert_eq!(verifier.verify(&token, NOW + 3600 + 300).await, Err(VerifyError::Expired));
}

#[tokio::test]
async fn two_hundred_callers_at_once_fetch_the_keys_once() {
    let login = Login::start().await;
    let verifier = Arc::new(verifier(&login));
    let release = login.holds();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let verifier = Arc::clone(&verifier);
        callers.spawn(async move { verifier.verify(&good(signer(0), "one"), NOW).await.is_ok() });
    }
    login.is_asked(1).await;
    release.send(true).unwrap();
    assert!(callers.join_all().await.iter().all(|proven| *proven));
    assert_eq!(login.asked(), (1, 1));
}

#[tokio::test]
async fn a_new_key_is_found_when_a_token_names_it() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    verifier.verify(&good(signer(0), "one"), NOW).await.unwrap();
    login.publishes(&[("two", signer(1))]);
    let (old, new) = (good(signer(0), "one"), good(signer(1), "two"));
    // Just asked: for a minute nobody can make us ask again.
    for _ in 0..10 {
        assert_eq!(verifier.verify(&new, NOW).await, Err(VerifyError::UnknownKey));
    }
    assert_eq!(login.asked().1, 1);
    pass(Duration::from_secs(61)).await;
    assert!(verifier.verify(&old, NOW).await.is_ok(), "nobody has asked yet");
    assert!(verifier.verify(&new, NOW).await.is_ok());
    assert_eq!(login.asked().1, 2);
    // What the withdrawn key had signed is worth nothing any more, although it was proven before.
    assert_eq!(verifier.verify(&old, NOW).await, Err(VerifyError::UnknownKey));
}

#[tokio::test]
async fn a_token_that_would_be_refused_anyway_fetches_nothing() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    for change in [json!({"aud": BOT}), json!({"iss": "https://e.org"}), json!({"exp": 1})] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let token = signer(1).token(&json!({"alg": "RS256", "kid": "any"}), &claims);
        assert!(verifier.verify(&token, NOW).await.is_err());
    }
    assert_eq!(login.asked(), (0, 0));
}

#[tokio::test]
async fn strangers_with_unknown_keys_cause_one_fetch_a_minute() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    for minute in 1..=3 {
        for at in 0..50 {
            let token = good(signer(1), &format!("made up {minute} {at}"));
            assert_eq!(verifier.verify(&token, NOW).await, Err(VerifyError::UnknownKey));
        }
        assert_eq!(login.asked().1, minute);
        pass(Duration::from_mins(1)).await;
    }
}

#[tokio::test]
async fn keys_a_day_old_are_fetched_anew_and_used_on_if_that_fails() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    // Each its own, so that none is known already.
    let token = |at: u64| {
        let mut claims = claims();
        claims["iat"] = json!(at);
        signer(0).token(&json!({"alg": "RS256", "kid": "one"}), &claims)
    };
    verifier.verify(&token(0), NOW).await.unwrap();
    pass(Duration::from_hours(24)).await;
    verifier.verify(&token(1), NOW).await.unwrap();
    assert_eq!(login.asked().1, 2);

    pass(Duration::from_hours(24)).await;
    login.answers(503, "");
    for at in 2..10 {
        assert!(verifier.verify(&token(at), NOW).await.is_ok(), "the old keys are good");
    }
    assert_eq!(login.asked().0, 3, "and it is left alone for a while");
    let unknown = good(signer(1), "two");
    assert_eq!(verifier.verify(&unknown, NOW).await, Err(VerifyError::KeysUnavailable));
    assert_eq!(login.asked().0, 3);
    login.is_well();
    pass(Duration::from_secs(3)).await;
    verifier.verify(&token(10), NOW).await.unwrap();
    assert_eq!(login.asked().0, 4);
}

#[tokio::test]
async fn without_keys_nothing_can_be_said_and_the_login_is_left_alone() {
    for (status, body) in [
        (503, ""),
        (404, "<html>"),
        (200, "<html>"),
        (200, "{}"),
        (200, r#"{"jwks_uri":7}"#),
        (200, r#"{"jwks_uri":"no address at all"}"#),
        (200, r#"{"jwks_uri":"http://login.example.org/keys"}"#),
        (302, ""),
    ] {
        let login = Login::start().await;
        let verifier = verifier(&login);
        login.answers(status, body);
        let token = good(signer(0), "one");
        for _ in 0..20 {
            let error = verifier.verify(&token, NOW).await.unwrap_err();
            assert!(error.is_passing(), "{status} {body}");
        }
        assert_eq!(login.asked(), (1, 0), "{status} {body}");
        login.is_well();
        pass(Duration::from_secs(2)).await;
        assert!(verifier.verify(&token, NOW).await.is_ok(), "{status} {body}");
    }
}

#[tokio::test]
async fn a_login_that_is_down_or_silent_makes_nobody_wait_for_long() {
    let login = Login::start().await;
    let metadata = login.metadata();
    login.stop().await;
    let down = Login::at(metadata);
    let silent = Login::start().await;
    let _held = silent.holds();
    let asks = async {
        silent.is_asked(1).await;
        pause();
        advance(Duration::from_secs(5)).await;
        resume();
    };
    let token = good(signer(0), "one");
    let (from_silent, ()) =
        tokio::join!(async { verifier(&silent).verify(&token, NOW).await }, asks);
    assert_eq!(from_silent, Err(VerifyError::KeysUnavailable));
    assert_eq!(verifier(&down).verify(&token, NOW).await, Err(VerifyError::KeysUnavailable));
}

#[tokio::test]
async fn keys_of_which_none_can_sign_do_not_replace_those_that_do() {
    let login = Login::start().await;
    let verifier = verifier(&login);
    verifier.verify(&good(signer(0), "one"), NOW).await.unwrap();
    login.publishes(&[]);
    pass(Duration::from_hours(24)).await;
    let header = json!({"alg": "RS512", "kid": "one"});
    assert!(verifier.verify(&signer(0).token(&header, &claims()), NOW).await.is_ok());
    assert_eq!(login.asked().1, 2);
}

#[test]
fn the_login_is_reached_over_https_or_on_this_machine() {
    for (metadata, expected) in [
        ("https://login.example.org/.well-known/openid-configuration", ""),
        ("http://127.0.0.1:1/", ""),
        ("http://login.example.org/", "not_an_address"),
        ("http://login/", "not_an_address"),
        ("/keys", "not_an_address"),
    ] {
        let config = VerifyConfig {
            metadata: metadata.parse().unwrap(),
            audiences: vec![GATEWAY.to_owned()],
            tenants: Vec::new(),
            issuers: Vec::new(),
            private_hosts: PrivateHosts::default(),
        };
        let code = Verifier::new(config).map_or_else(|error| error.code(), |_| "");
        assert_eq!(code, expected, "{metadata}");
    }
}
