//! Whose call it is: the token, and where it says that it is answered.

use serde_json::{Value, json};
use simulator::azure::{APP_ID, BOT_FRAMEWORK, Signature};

use super::{Case, Forger, STRANGER, are_refused, quiet};
use crate::house::{DIRECT_LINE_SECRET, WEBHOOK_SECRET};

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table: each refusal in a row or two")]
async fn a_token_that_is_not_the_channels_for_us_is_refused() {
    let (rig, bot, mut user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let now = forger.good().claims["nbf"].as_u64().unwrap() + 300;
    let good = rig.azure.sign(&forger.good());
    let entras = |app: &str, resource: &str| rig.azure.app_token(app, resource);
    let replayed = rig.azure.grants().pop().expect("the gateway has asked for a token").token;
    let own_key = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "mine"});
    let cut = good.rsplit_once('.').unwrap().0;
    let bearer = |token: &str| forger.header(&format!("Bearer {token}"));
    let malformed = (401, "malformed_token");
    let unauthorized = (401, "unauthorized");
    let elsewhere = (401, "service_url_mismatch");
    let mut cases: Vec<Case> = vec![
        ("no header", forger.post().json(&forger.activity), unauthorized),
        ("another scheme", forger.header("Basic a2ltOnNlY3JldA=="), unauthorized),
        ("the token as such", forger.header(&good), unauthorized),
        ("a scheme alone", forger.header("Bearer"), unauthorized),
        (
            "the token in the address",
            forger.post().query(&[("access_token", &good)]).json(&forger.activity),
            unauthorized,
        ),
        ("no token", bearer("nothing"), malformed),
        ("two parts", bearer(cut), malformed),
        ("four parts", bearer(&format!("{good}.x")), malformed),
        ("parts that are no JSON", bearer("e30.x.y"), malformed),
        ("the webhook's secret", bearer(WEBHOOK_SECRET), malformed),
        ("the Direct Line secret", bearer(DIRECT_LINE_SECRET), malformed),
        ("no algorithm", forger.signed(Signature::None), (401, "bad_algorithm")),
        ("the public key as a secret", forger.signed(Signature::Confused), (401, "bad_algorithm")),
        (
            "an algorithm in small letters",
            forger.head("alg", json!("rs256")),
            (401, "bad_algorithm"),
        ),
        ("no name of an algorithm", forger.head("alg", Value::Null), malformed),
        (
            "another algorithm than was used",
            forger.head("alg", json!("RS512")),
            (401, "bad_signature"),
        ),
        ("an unknown key", forger.head("kid", json!("unknown")), (401, "unknown_key")),
        ("a key of the login", forger.signed(Signature::OtherKey), (401, "bad_signature")),
        ("one bit", forger.signed(Signature::Changed), (401, "bad_signature")),
        (
            "a key of its own along with it",
            forger.token(&forger.good().header("jwk", own_key).signed(Signature::OtherKey)),
            (401, "bad_signature"),
        ),
        (
            "an address for keys of its own",
            forger.token(
                &forger
                    .good()
                    .header("jku", json!("https://evil.example/keys"))
                    .header("kid", json!("mine")),
            ),
            (401, "unknown_key"),
        ),
        ("over for six minutes", forger.claim("exp", json!(now - 360)), (401, "token_expired")),
        (
            "valid in six minutes",
            forger.claim("nbf", json!(now + 360)),
            (401, "token_not_yet_valid"),
        ),
        ("made out for another bot", forger.claim("aud", json!(STRANGER)), (401, "wrong_audience")),
        (
            "made out for the Connector",
            forger.claim("aud", json!(BOT_FRAMEWORK)),
            (401, "wrong_audience"),
        ),
        ("made out for nobody", forger.claim("aud", Value::Null), (401, "wrong_audience")),
        (
            "another issuer",
            forger.claim("iss", json!("https://issuer.example.org")),
            (401, "wrong_issuer"),
        ),
        (
            "the issuer of another cloud",
            forger.claim("iss", json!("https://api.botframework.us")),
            (401, "wrong_issuer"),
        ),
        ("no issuer", forger.claim("iss", Value::Null), (401, "wrong_issuer")),
        ("no service", forger.claim("serviceurl", Value::Null), elsewhere),
        (
            "another service",
            forger.claim("serviceurl", json!("https://smba.trafficmanager.net/amer/")),
            elsewhere,
        ),
        (
            "another path of the service",
            forger.claim("serviceurl", json!(format!("{}/emea/", rig.azure.origin()))),
            elsewhere,
        ),
        ("a token of our own app", forger.token(&entras(APP_ID, APP_ID)), (401, "wrong_issuer")),
        ("a token of another app", forger.token(&entras(STRANGER, APP_ID)), (401, "wrong_issuer")),
        ("what we present at the Connector", bearer(&replayed), (401, "wrong_issuer")),
        (
            "that in the channel's name",
            forger.token(&entras(APP_ID, BOT_FRAMEWORK).claim("iss", json!(BOT_FRAMEWORK))),
            (401, "wrong_audience"),
        ),
        (
            "an activity answered elsewhere",
            forger.with("/serviceUrl", json!("https://smba.trafficmanager.net/amer/")),
            elsewhere,
        ),
        ("an activity answered nowhere", forger.without("", "serviceUrl"), elsewhere),
        (
            "a channel that is not the key's",
            forger.with("/channelId", json!("unheard-of")),
            (403, "channel_not_endorsed"),
        ),
        ("no channel", forger.without("", "channelId"), (403, "channel_not_endorsed")),
    ];
    for (what, value) in [("an end that is text", json!("never")), ("no end", Value::Null)] {
        cases.push((what, forger.claim("exp", value), malformed));
    }
    are_refused(&rig, &bot, &mut user, cases).await;
}

#[tokio::test]
async fn an_answer_to_hosts_that_nobody_trusts_is_refused_though_the_channel_signed_it() {
    let (rig, bot, mut user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let hosts = [
        "https://evil.example/amer/",
        "https://smba.trafficmanager.net.evil.example/amer/",
        "https://evil-trafficmanager.net/",
        "https://trafficmanager.net/",
        "https://169.254.169.254/",
    ];
    let mut cases: Vec<Case> = hosts
        .iter()
        .map(|host| (*host, forger.from(host), (403, "service_url_not_allowed")))
        .collect();
    let plain = "http://smba.trafficmanager.net/amer/";
    cases.push((plain, forger.from(plain), (403, "service_url_not_https")));
    for odd in [
        "https://smba.trafficmanager.net@evil.example/",
        "https://evil.example\\@smba.trafficmanager.net/",
        "https://smba.trafficmanager.net:0/",
        "ftp://smba.trafficmanager.net/",
        "smba.trafficmanager.net/amer",
        "https://smba.trafficmanager.net/../x",
        "",
    ] {
        cases.push((odd, forger.from(odd), (401, "service_url_mismatch")));
    }
    are_refused(&rig, &bot, &mut user, cases).await;
}
