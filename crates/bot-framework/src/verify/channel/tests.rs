//! The request list of channels' tokens.

use serde_json::{Value, json};
use tokio::time::{advance, pause, resume};

use super::super::tests::login::{Login, Signer, b64, signer};
use super::*;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const BOT: &str = "aaaaaaaa-0000-4000-8000-00000000000a";
const OTHER: &str = "bbbbbbbb-0000-4000-8000-00000000000b";
const ISSUER: &str = "https://api.botframework.com";
const URL: &str = "https://smba.trafficmanager.net/amer/";
const NOW: u64 = 1_800_000_000;

const TEAMS: ChannelClaims<'_> =
    ChannelClaims { service_url: Some(URL), channel_id: Some("msteams") };

fn config(login: &Login) -> ChannelVerifyConfig {
    ChannelVerifyConfig {
        metadata: login.metadata(),
        issuer: ISSUER.to_owned(),
        audiences: vec![BOT.to_owned()],
        emulator: None,
        private_hosts: PrivateHosts::default(),
    }
}

/// The Emulator's rules, as careless as the SDKs': for whoever it is.
fn emulator(login: &Login) -> VerifyConfig {
    VerifyConfig {
        metadata: login.metadata(),
        audiences: vec![ISSUER.to_owned(), OTHER.to_owned()],
        tenants: vec![TENANT.to_owned()],
        issuers: Vec::new(),
        private_hosts: PrivateHosts::default(),
    }
}

fn verifier(login: &Login) -> ChannelVerifier {
    ChannelVerifier::new(config(login)).unwrap()
}

async fn endorsing() -> Login {
    let login = Login::start().await;
    login.endorses("one", json!(["msteams", "webchat"]));
    login
}

/// A channel's claims, with some of them changed; `null` takes one away.
fn claims(changes: Value) -> Value {
    let mut claims = json!({"iss": ISSUER, "aud": BOT, "exp": NOW + 3600, "nbf": NOW - 300,
        "serviceurl": URL});
    let Value::Object(changes) = changes else { panic!() };
    for (name, value) in changes {
        claims[name] = value;
    }
    claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    claims
}

fn header() -> Value {
    json!({"alg": "RS256", "typ": "JWT", "kid": "one", "x5t": "one"})
}

fn token(changes: Value) -> String {
    signer(0).token(&header(), &claims(changes))
}

/// What a token that our own app, or another, got from Entra says.
fn of_entra(changes: Value) -> String {
    let entra = json!({"iss": format!("https://sts.windows.net/{TENANT}/"), "tid": TENANT,
        "ver": "1.0", "appid": BOT, "serviceurl": null});
    let Value::Object(mut all) = entra else { panic!() };
    let Value::Object(changes) = changes else { panic!() };
    all.extend(changes);
    token(Value::Object(all))
}

async fn pass(seconds: u64) {
    pause();
    advance(std::time::Duration::from_secs(seconds)).await;
    resume();
}

#[tokio::test]
async fn a_channel_proves_that_an_activity_is_for_us() {
    let login = endorsing().await;
    let verifier = verifier(&login);
    let expected =
        ProvenChannel { app_id: BOT.to_owned(), kind: Kind::Channel, expires_at: NOW + 3600 };
    for changes in [
        json!({}),
        json!({"nbf": null}),
        json!({"aud": BOT.to_uppercase()}),
        json!({"aud": [OTHER, BOT]}),
        json!({"nbf": NOW + 240}),
        json!({"serviceurl": URL.trim_end_matches('/')}),
        json!({"serviceurl": "https://SMBA.TrafficManager.net:443/amer/"}),
        json!({"something": {"new": [1.0]}}),
    ] {
        let token = token(changes.clone());
        // Proven once, and known then.
        for _ in 0..2 {
            let proven = verifier.verify(&token, TEAMS, NOW).await;
            assert_eq!(proven, Ok(expected.clone()), "{changes}");
        }
    }
    let late = token(json!({"exp": NOW - 240}));
    assert_eq!(
        verifier.verify(&late, TEAMS, NOW).await.map(|proven| proven.kind),
        Ok(Kind::Channel)
    );
    let sub_channel = ChannelClaims { channel_id: Some("msteams:COPILOT"), ..TEAMS };
    assert!(verifier.verify(&token(json!({})), sub_channel, NOW).await.is_ok());
    assert_eq!(login.asked(), (1, 1), "metadata and keys, once each");
}

/// None of these is accepted, also when a good token was accepted meanwhile; and nobody has us ask
/// for keys twice.
async fn refuses(cases: &[(&str, String, VerifyError)], verifier: &ChannelVerifier) {
    let good = token(json!({}));
    for (what, token, expected) in cases {
        for _ in 0..2 {
            assert_eq!(verifier.verify(token, TEAMS, NOW).await, Err(expected.clone()), "{what}");
            assert_eq!(expected.status(), 401, "{what}");
            verifier.verify(&good, TEAMS, NOW).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_forged_channel_token_proves_nothing() {
    use VerifyError::{BadAlgorithm, BadSignature, Malformed, UnknownKey};
    let login = endorsing().await;
    let verifier = verifier(&login);
    let with = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid});
    let all = || claims(json!({}));
    let stranger = signer(1);
    let offers_a_key = json!({"alg": "RS256", "kid": "one", "jwk": stranger.jwk("one"),
        "jku": login.metadata().to_string(), "x5u": login.metadata().to_string(), "x5c": ["MII"]});
    let good = token(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    let others =
        b64(claims(json!({"serviceurl": "https://evil.example.org/"})).to_string().as_bytes());
    let twice = |member: &str| {
        let claims = all().to_string().replacen('{', &format!("{{{member},"), 1);
        signer(0).signed(&header(), &claims)
    };
    let cases = [
        ("empty", String::new(), Malformed),
        ("no token", "Bearer".to_owned(), Malformed),
        ("no signature", format!("{}.{}.", parts[0], parts[1]), BadSignature),
        ("no algorithm", Signer::unsigned(&with("none", "one"), &all()), BadAlgorithm),
        ("the public key as a secret", signer(0).hmac(&with("HS256", "one"), &all()), BadAlgorithm),
        ("that, called RS256", signer(0).hmac(&with("RS256", "one"), &all()), BadSignature),
        ("an unknown key", signer(0).token(&with("RS256", "unheard of"), &all()), UnknownKey),
        ("the name of another's key", stranger.token(&header(), &all()), BadSignature),
        ("an elliptic key's name", signer(0).token(&with("RS256", "ec"), &all()), UnknownKey),
        ("a shared key's name", signer(0).token(&with("RS256", "oct"), &all()), UnknownKey),
        ("a key of its own", stranger.token(&offers_a_key, &all()), BadSignature),
        ("other claims", format!("{}.{others}.{}", parts[0], parts[2]), BadSignature),
        ("an audience twice", twice(&format!(r#""aud":"{OTHER}""#)), Malformed),
        ("an address twice", twice(r#""serviceurl":"https://evil.example.org/""#), Malformed),
        ("huge", token(json!({"roles": "x".repeat(20_000)})), Malformed),
    ];
    refuses(&cases, &verifier).await;
    // Whatever a header offers, it is a good token if a published key has signed it.
    let offered = signer(0).token(&offers_a_key, &all());
    assert!(verifier.verify(&offered, TEAMS, NOW).await.is_ok());
    assert_eq!(login.asked().1, 1, "nobody made us ask twice");
}

#[tokio::test]
async fn a_genuine_token_that_says_something_else_proves_nothing() {
    use VerifyError::{
        Expired, ForAnotherBot, Malformed, NotAChannel, NotYetValid, WrongServiceUrl,
    };
    let login = endorsing().await;
    let verifier = verifier(&login);
    let of = |changes: Value| token(changes);
    let at = |url: &str| token(json!({"serviceurl": url}));
    let cases = [
        ("expired", of(json!({"exp": NOW - 360})), Expired),
        ("without an end", of(json!({"exp": null})), Malformed),
        ("an end in words", of(json!({"exp": "tomorrow"})), Malformed),
        ("to come", of(json!({"nbf": NOW + 360})), NotYetValid),
        ("for another bot", of(json!({"aud": OTHER})), ForAnotherBot),
        ("for other bots", of(json!({"aud": [OTHER, ISSUER]})), ForAnotherBot),
        ("for nobody", of(json!({"aud": null})), ForAnotherBot),
        ("for the Connector", of(json!({"aud": ISSUER})), ForAnotherBot),
        ("no issuer", of(json!({"iss": null})), NotAChannel),
        ("another cloud's", of(json!({"iss": "https://api.botframework.us"})), NotAChannel),
        ("an issuer and a slash", of(json!({"iss": format!("{ISSUER}/")})), NotAChannel),
        ("an issuer in capitals", of(json!({"iss": ISSUER.to_uppercase()})), NotAChannel),
        ("no address", of(json!({"serviceurl": null})), WrongServiceUrl),
        ("an address that is none", of(json!({"serviceurl": 7})), Malformed),
        ("by another name", of(json!({"serviceurl": null, "serviceUrl": URL})), WrongServiceUrl),
        ("an empty address", at(""), WrongServiceUrl),
        ("another host", at("https://evil.example.org/amer/"), WrongServiceUrl),
        ("another port", at("https://smba.trafficmanager.net:444/amer/"), WrongServiceUrl),
        ("plain http", at("http://smba.trafficmanager.net/amer/"), WrongServiceUrl),
        ("another region", at("https://smba.trafficmanager.net/emea/"), WrongServiceUrl),
        ("a path in capitals", at("https://smba.trafficmanager.net/AMER/"), WrongServiceUrl),
        ("a path's beginning", at("https://smba.trafficmanager.net/"), WrongServiceUrl),
        ("two slashes", at(&format!("{URL}/")), WrongServiceUrl),
        ("the Emulator, switched off", of_entra(json!({})), NotAChannel),
        ("our own token, sent back", of_entra(json!({"aud": ISSUER})), NotAChannel),
    ];
    refuses(&cases, &verifier).await;
    assert_eq!(login.asked().1, 1);
}

#[tokio::test]
async fn a_known_token_is_good_for_its_own_address_and_channels_only() {
    let login = endorsing().await;
    let verifier = verifier(&login);
    let good = token(json!({}));
    for (service_url, channel_id, expected) in [
        (Some(URL), Some("msteams"), Ok(())),
        (Some(URL.trim_end_matches('/')), Some("webchat"), Ok(())),
        (
            Some("https://evil.example.org/amer/"),
            Some("msteams"),
            Err(VerifyError::WrongServiceUrl),
        ),
        (
            Some("https://smba.trafficmanager.net@evil.example.org/amer/"),
            Some("msteams"),
            Err(VerifyError::WrongServiceUrl),
        ),
        (Some(""), Some("msteams"), Err(VerifyError::WrongServiceUrl)),
        (None, Some("msteams"), Err(VerifyError::WrongServiceUrl)),
        (Some(URL), Some("slack"), Err(VerifyError::NotEndorsed)),
        (Some(URL), Some("MSTEAMS"), Err(VerifyError::NotEndorsed)),
        (Some(URL), Some("msteamsx"), Err(VerifyError::NotEndorsed)),
        (Some(URL), Some(":msteams"), Err(VerifyError::NotEndorsed)),
        (Some(URL), Some(""), Err(VerifyError::NotEndorsed)),
        (Some(URL), None, Err(VerifyError::NotEndorsed)),
    ] {
        let about = ChannelClaims { service_url, channel_id };
        // As the first that is seen, and as one that is known.
        let fresh = token(json!({"jti": format!("{about:?}")}));
        for token in [&fresh, &good, &fresh] {
            let proven = verifier.verify(token, about, NOW).await;
            assert_eq!(proven.map(drop), expected, "{about:?}");
        }
    }
    assert_eq!(VerifyError::NotEndorsed.status(), 403);
}

#[tokio::test]
async fn an_empty_list_endorses_every_channel_and_one_that_cannot_be_read_none() {
    for (endorsements, expected) in [
        (json!([]), Ok(())),
        (Value::Null, Ok(())),
        (json!(["slack"]), Ok(())),
        (json!(["msteams"]), Err(VerifyError::NotEndorsed)),
        (json!([7]), Err(VerifyError::KeysUnavailable)),
        (json!("slack"), Err(VerifyError::KeysUnavailable)),
    ] {
        let login = Login::start().await;
        login.endorses("one", endorsements.clone());
        let about = ChannelClaims { channel_id: Some("slack"), ..TEAMS };
        let proven = verifier(&login).verify(&token(json!({})), about, NOW).await;
        assert_eq!(proven.map(drop), expected, "{endorsements}");
    }
}

#[tokio::test]
async fn what_a_key_may_no_longer_speak_for_is_noticed() {
    let login = endorsing().await;
    let verifier = verifier(&login);
    let good = token(json!({}));
    verifier.verify(&good, TEAMS, NOW).await.unwrap();
    login.endorses("one", json!(["webchat"]));
    pass(24 * 3600).await;
    // Whoever comes with a token that is not known has the keys looked at.
    let _ = verifier.verify(&token(json!({"jti": "1"})), TEAMS, NOW).await;
    assert_eq!(verifier.verify(&good, TEAMS, NOW).await, Err(VerifyError::NotEndorsed));
}

#[tokio::test]
async fn keys_that_were_rotated_are_fetched_once_and_old_ones_forgotten() {
    let login = endorsing().await;
    let verifier = verifier(&login);
    let old = token(json!({}));
    verifier.verify(&old, TEAMS, NOW).await.unwrap();
    login.publishes(&[("two", signer(1))]);
    let new = signer(1).token(&json!({"alg": "RS256", "kid": "two"}), &claims(json!({})));
    for _ in 0..10 {
        assert_eq!(verifier.verify(&new, TEAMS, NOW).await, Err(VerifyError::UnknownKey));
    }
    pass(61).await;
    assert!(verifier.verify(&new, TEAMS, NOW).await.is_ok());
    assert_eq!(verifier.verify(&old, TEAMS, NOW).await, Err(VerifyError::UnknownKey));
    assert_eq!(login.asked().1, 2);
}

#[tokio::test]
async fn without_keys_the_answer_is_to_come_again() {
    let login = endorsing().await;
    let verifier = verifier(&login);
    login.answers(503, "");
    for _ in 0..20 {
        let error = verifier.verify(&token(json!({})), TEAMS, NOW).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (503, "keys_unavailable"));
    }
    assert_eq!(login.asked(), (1, 0), "and the keys' server is left alone");
    // What would be refused anyway has nobody asked.
    pass(2).await;
    for changes in [
        json!({"aud": OTHER}),
        json!({"serviceurl": "https://evil.example.org/"}),
        json!({"exp": 1}),
    ] {
        let error = verifier.verify(&token(changes), TEAMS, NOW).await.unwrap_err();
        assert_eq!(error.status(), 401);
    }
    assert_eq!(login.asked(), (1, 0));
    login.is_well();
    assert!(verifier.verify(&token(json!({})), TEAMS, NOW).await.is_ok());
    // And then they are good for a while without it.
    login.answers(503, "");
    pass(24 * 3600).await;
    assert!(verifier.verify(&token(json!({"jti": "1"})), TEAMS, NOW).await.is_ok());
}

#[tokio::test]
async fn the_emulator_has_our_own_credentials_or_none() {
    let (channels, entra) = (endorsing().await, Login::start().await);
    let config = ChannelVerifyConfig { emulator: Some(emulator(&entra)), ..config(&channels) };
    let verifier = ChannelVerifier::new(config.clone()).unwrap();
    assert!(verifier.is_as(&config) && !verifier.is_as(&super::tests::config(&channels)));
    let local =
        ChannelClaims { service_url: Some("http://localhost:56150"), channel_id: Some("emulator") };
    let expected =
        ProvenChannel { app_id: BOT.to_owned(), kind: Kind::Emulator, expires_at: NOW + 3600 };
    assert_eq!(verifier.verify(&of_entra(json!({})), local, NOW).await, Ok(expected));
    for (what, changes, expected) in [
        ("our own token, sent back", json!({"aud": ISSUER}), VerifyError::WrongAudience),
        ("another's audience", json!({"aud": OTHER}), VerifyError::WrongAudience),
        ("another app's", json!({"appid": OTHER}), VerifyError::NotAChannel),
        ("another tenant's", json!({"tid": OTHER}), VerifyError::WrongIssuer),
        ("a user's", json!({"scp": "x"}), VerifyError::OfAUser),
        ("expired", json!({"exp": NOW - 360}), VerifyError::Expired),
    ] {
        for _ in 0..2 {
            let proven = verifier.verify(&of_entra(changes.clone()), local, NOW).await;
            assert_eq!(proven, Err(expected.clone()), "{what}");
        }
    }
    // And a channel's token is a channel's still.
    let proven = verifier.verify(&token(json!({})), TEAMS, NOW).await.unwrap();
    assert_eq!(proven.kind, Kind::Channel);
    assert_eq!((channels.asked(), entra.asked()), ((1, 1), (1, 1)));
}

#[tokio::test]
async fn keys_are_counted_by_whoever_only_looks() {
    let login = endorsing().await;
    assert_eq!(verifier(&login).examine_keys().await, Ok(1));
    login.answers(404, "");
    assert_eq!(verifier(&login).examine_keys().await, Err("it answered 404".to_owned()));
}

#[tokio::test]
async fn a_configuration_is_whole() {
    let login = Login::start().await;
    let code = |config: ChannelVerifyConfig| {
        ChannelVerifier::new(config).map_or_else(|error| error.code(), |_| "")
    };
    let whole = config(&login);
    let nobody = VerifyConfig { tenants: vec!["contoso".to_owned()], ..emulator(&login) };
    let elsewhere = "http://login.example.org/".parse().unwrap();
    for (config, expected) in [
        (whole.clone(), ""),
        (ChannelVerifyConfig { metadata: elsewhere, ..whole.clone() }, "not_an_address"),
        (ChannelVerifyConfig { issuer: " ".to_owned(), ..whole.clone() }, "no_issuer"),
        (ChannelVerifyConfig { audiences: Vec::new(), ..whole.clone() }, "no_audience"),
        (ChannelVerifyConfig { audiences: vec![" ".to_owned()], ..whole.clone() }, "no_audience"),
        (ChannelVerifyConfig { emulator: Some(nobody), ..whole.clone() }, "not_a_tenant_id"),
    ] {
        assert_eq!(code(config), expected);
    }
}
