//! Requests that are refused, at `/api/messages` and at the service for bots: each with its status and
//! code, and nothing has changed.

use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use simulator::azure::{APP_ID, BOT_FRAMEWORK, Door, Issuer, Signature, Strike, Token, Trouble};

use super::rig::{Rig, User};
use crate::{
    bot::program::{Bot, Manner},
    house::{CANARY, DIRECT_LINE_SECRET, Setting, WEBHOOK_SECRET},
    openapi,
};

const STRANGER: &str = "b0b00000-1111-4222-8333-444455556666";

/// A request, by what is wrong with it, and how it is refused.
type Case = (&'static str, RequestBuilder, (u16, &'static str));

/// What makes requests that are wrong in one place only.
struct Forger<'a> {
    rig: &'a Rig,
    activity: Value,
}

impl<'a> Forger<'a> {
    fn new(rig: &'a Rig, user: &User) -> Self {
        let activity = rig.azure.message(&user.chat, &user.person, &format!("forged {CANARY}"));
        Self { rig, activity }
    }

    fn good(&self) -> Token {
        self.rig.azure.channel_token(APP_ID)
    }

    fn post(&self) -> RequestBuilder {
        self.rig.http.post(format!("{}/api/messages", self.rig.origin()))
    }

    /// The activity with this header in place of a token.
    fn header(&self, authorization: &str) -> RequestBuilder {
        self.post().header(header::AUTHORIZATION, authorization).json(&self.activity)
    }

    /// The activity with this token.
    fn token(&self, token: &Token) -> RequestBuilder {
        self.post().bearer_auth(self.rig.azure.sign(token)).json(&self.activity)
    }

    fn claim(&self, name: &str, value: Value) -> RequestBuilder {
        self.token(&self.good().claim(name, value))
    }

    fn head(&self, name: &str, value: Value) -> RequestBuilder {
        self.token(&self.good().header(name, value))
    }

    fn signed(&self, signature: Signature) -> RequestBuilder {
        self.token(&self.good().signed(signature))
    }

    /// A body with a good token.
    fn body(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.post().bearer_auth(self.rig.azure.sign(&self.good()));
        request.header(header::CONTENT_TYPE, "application/json").body(body)
    }

    /// The activity with another member, with a good token.
    fn with(&self, pointer: &str, value: Value) -> RequestBuilder {
        self.body(self.changed(pointer, value).to_string())
    }

    fn changed(&self, pointer: &str, value: Value) -> Value {
        let mut activity = self.activity.clone();
        *activity.pointer_mut(pointer).unwrap() = value;
        activity
    }

    /// The activity without a member.
    fn without(&self, parent: &str, name: &str) -> RequestBuilder {
        let mut activity = self.activity.clone();
        activity.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        self.body(activity.to_string())
    }

    /// An activity that says, as its token does, that it is answered there.
    fn from(&self, service_url: &str) -> RequestBuilder {
        let token = self.good().claim("serviceurl", json!(service_url));
        let request = self.post().bearer_auth(self.rig.azure.sign(&token));
        request.json(&self.changed("/serviceUrl", json!(service_url)))
    }
}

/// Sends each; checks its refusal, that it is described, and that nothing has changed afterwards.
async fn are_refused(rig: &Rig, bot: &Bot, user: &mut User, cases: Vec<Case>) {
    let before = (rig.rows(), rig.azure.received().len(), bot.got().len(), rig.desk.ledger().len());
    let mut wrong = Vec::new();
    for (what, request, (status, code)) in cases {
        let (answer, method, path) = openapi::sent(request, what).await;
        let found = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap_or_default();
        let message = body["error"]["message"].as_str().unwrap_or_default();
        if (found, &body["error"]["code"]) != (status, &json!(code)) {
            wrong.push(format!("{what}: {status} {code}, found {found} {body}"));
        } else if message.len() < 15 || message.contains(CANARY) {
            wrong.push(format!("{what}: {message:?} is no sentence for a person"));
        } else if path == "/api/messages" {
            openapi::describes(&method, &path, status, code);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let after = (rig.rows(), rig.azure.received().len(), bot.got().len(), rig.desk.ledger().len());
    assert_eq!(after, before, "nothing has changed");
    // And what is right still passes.
    user.says("still here? kolibri").await;
    user.comes_to_see("echo still here? kolibri").await;
}

/// A house with a bot behind it and a user whom it has answered.
async fn quiet() -> (Rig, Bot, User) {
    let bot = Bot::start(Manner::Calls).await;
    let rig = Rig::start_before(&bot, Setting::default()).await;
    let mut user = rig.stranger("Kim Example");
    user.says("hello kolibri").await;
    user.comes_to_see("echo hello kolibri").await;
    rig.settles().await;
    (rig, bot, user)
}

#[tokio::test]
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
        "http://smba.trafficmanager.net/amer/",
    ];
    let mut cases: Vec<Case> =
        hosts.iter().map(|host| (*host, forger.from(host), (403, "host_not_allowed"))).collect();
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

#[tokio::test]
async fn a_body_that_is_no_activity_of_a_channels_is_refused() {
    let (rig, bot, mut user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let text = forger.activity.to_string();
    let nested =
        format!(r#"{},"value":{}{}}}"#, &text[..text.len() - 1], "[".repeat(70), "]".repeat(70));
    let twice = format!(r#"{},"type":"message"}}"#, &text[..text.len() - 1]);
    let large = forger.changed("/text", json!("x".repeat(300 * 1024))).to_string();
    let mut broken = text.clone().into_bytes();
    broken[20] = 0xff;
    let good = rig.azure.sign(&forger.good());
    let typed = |kind: &str| {
        forger.post().bearer_auth(&good).header(header::CONTENT_TYPE, kind).body(text.clone())
    };
    let at = |method: Method| {
        rig.http.request(method, format!("{}/api/messages", rig.origin())).bearer_auth(&good)
    };
    let (no_json, missing) = ((400, "invalid_json"), (400, "missing_member"));
    let long = "x".repeat(600);
    let cases: Vec<Case> = vec![
        ("nothing", forger.body(""), no_json),
        ("no JSON", forger.body("hello"), no_json),
        ("half of it", forger.body(text[..text.len() / 2].to_owned()), no_json),
        ("no text at all", forger.body(broken), no_json),
        ("a list", forger.body("[]"), (400, "not_an_object")),
        ("words", forger.body("\"hello\""), (400, "not_an_object")),
        ("null", forger.body("null"), (400, "not_an_object")),
        ("a doubled member", forger.body(twice), (400, "duplicate_member")),
        ("too deep", forger.body(nested), (400, "too_deep")),
        ("too large", forger.body(large), (413, "too_large")),
        ("no type", forger.without("", "type"), (400, "missing_type")),
        ("a type that is a number", forger.with("/type", json!(7)), (400, "bad_member")),
        ("an empty type", forger.with("/type", json!("")), (400, "missing_type")),
        ("no conversation", forger.without("", "conversation"), missing),
        ("a conversation without an id", forger.without("/conversation", "id"), missing),
        ("an empty conversation id", forger.with("/conversation/id", json!("")), missing),
        (
            "a long conversation id",
            forger.with("/conversation/id", json!(long)),
            (400, "member_too_long"),
        ),
        (
            "a conversation id of two lines",
            forger.with("/conversation/id", json!("a\nb")),
            (400, "control_character"),
        ),
        ("nobody", forger.without("", "from"), missing),
        ("nobody's id", forger.without("/from", "id"), missing),
        ("a long user id", forger.with("/from/id", json!(long)), (400, "member_too_long")),
        ("no recipient", forger.without("", "recipient"), missing),
        ("a text that is a number", forger.with("/text", json!(17)), (400, "bad_member")),
        (
            "a user of another tenant",
            forger.with("/channelData/tenant/id", json!(STRANGER)),
            (403, "foreign_tenant"),
        ),
        ("plain text", typed("text/plain"), (415, "not_json")),
        ("a form", typed("application/x-www-form-urlencoded"), (415, "not_json")),
        ("several parts", typed("multipart/form-data; boundary=x"), (415, "not_json")),
        ("a look", at(Method::GET), (405, "method_not_allowed")),
        ("a replacement", at(Method::PUT).body(text.clone()), (405, "method_not_allowed")),
        ("a deletion", at(Method::DELETE), (405, "method_not_allowed")),
    ];
    are_refused(&rig, &bot, &mut user, cases).await;
}

#[tokio::test]
async fn nobody_speaks_for_a_bot_in_a_channels_conversation() {
    let (rig, bot, mut user) = quiet().await;
    let activity = bot.hears("hello kolibri").await;
    let base = activity["serviceUrl"].as_str().unwrap().to_owned();
    let handle = activity["conversation"]["id"].as_str().unwrap().to_owned();
    let channels = user.chat.id.replace(':', "%3A");
    let forged = handle.replacen("c1-", "c2-", 1);
    assert_ne!(forged, handle);
    let message = json!({"type": "message", "text": format!("forged {CANARY}")});
    let at = |path: &str| format!("{base}/v3/conversations/{path}");
    let post = |path: &str| rig.http.post(at(path)).json(&message);
    let bare = format!("{}/v3/conversations", rig.origin());
    let ours = activity["id"].as_str().unwrap();
    let gone = (404, "ConversationNotFound");
    let no_activity = (404, "ActivityNotFoundInConversation");
    let cases: Vec<Case> = vec![
        ("the channel's own id", post(&format!("{channels}/activities")), gone),
        ("a forged handle", post(&format!("{forged}/activities")), gone),
        ("a reply in a forged one", post(&format!("{forged}/activities/{ours}")), gone),
        (
            "a change of what the user said",
            rig.http.put(at(&format!("{handle}/activities/{ours}"))).json(&message),
            no_activity,
        ),
        (
            "a deletion of what the user said",
            rig.http.delete(at(&format!("{handle}/activities/{ours}"))),
            no_activity,
        ),
        (
            "a change by the channel's id",
            rig.http.put(at(&format!("{handle}/activities/17"))).json(&message),
            no_activity,
        ),
        ("who is in a forged one", rig.http.get(at(&format!("{forged}/members"))), gone),
        (
            "no JSON",
            rig.http.post(at(&format!("{handle}/activities"))).body("{"),
            (400, "BadSyntax"),
        ),
        (
            "no type",
            rig.http.post(at(&format!("{handle}/activities"))).json(&json!({"text": "x"})),
            (400, "MissingProperty"),
        ),
    ];
    are_refused(&rig, &bot, &mut user, cases).await;
    // Beside the address that the bot was given nothing answers to anybody.
    for token in [None, Some(rig.azure.sign(&rig.azure.channel_token(APP_ID)))] {
        for path in ["", &format!("/{handle}/activities"), &format!("/{channels}/activities")] {
            let mut request = rig.http.post(format!("{bare}{path}")).json(&message);
            if let Some(token) = &token {
                request = request.bearer_auth(token);
            }
            let status = request.send().await.unwrap().status().as_u16();
            assert!(matches!(status, 401 | 403 | 404 | 405), "{path}: {status}");
        }
    }
    assert!(!user.sees().join("\n").contains("forged"));
}

#[tokio::test]
async fn what_is_a_little_off_is_taken_as_channels_do_it() {
    let (rig, bot, user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let now = forger.good().claims["nbf"].as_u64().unwrap() + 300;
    let service = rig.azure.service_url();
    let good = rig.azure.sign(&forger.good());
    let mut texts = Vec::new();
    for (what, token) in [
        ("over for four minutes", forger.good().claim("exp", json!(now - 240))),
        ("valid in four minutes", forger.good().claim("nbf", json!(now + 240))),
        ("an app id in capitals", forger.good().claim("aud", json!(APP_ID.to_uppercase()))),
        (
            "no slash at the end",
            forger.good().claim("serviceurl", json!(service.trim_end_matches('/'))),
        ),
    ] {
        let activity = rig.azure.message(&user.chat, &user.person, what);
        let request = forger.post().bearer_auth(rig.azure.sign(&token)).json(&activity);
        assert_eq!(request.send().await.unwrap().status(), 200, "{what}");
        texts.push(what);
    }
    let activity = rig.azure.message(&user.chat, &user.person, "a scheme in small letters");
    let request = forger.post().header(header::AUTHORIZATION, format!("bearer {good}"));
    assert_eq!(request.json(&activity).send().await.unwrap().status(), 200);
    texts.push("a scheme in small letters");
    bot.hears("a scheme in small letters").await;
    let heard: Vec<_> =
        bot.gists().into_iter().filter(|gist| texts.contains(&gist.as_str())).collect();
    assert_eq!(heard, texts, "each of them, in order");
}

#[tokio::test]
async fn without_keys_the_channel_is_asked_to_come_again_and_new_keys_are_found() {
    let bot = Bot::start(Manner::Calls).await;
    let rig = Rig::start_before(&bot, Setting::default()).await;
    let mut user = rig.stranger("Kim Example");
    rig.azure.set_down(Door::ChannelKeys, true);
    let activity = rig.azure.message(&user.chat, &user.person, "early kolibri");
    let posted = rig.azure.deliver(&activity).await.unwrap();
    assert_eq!(posted.status, 503, "{}", posted.body);
    assert!(posted.body.contains("keys_unavailable"), "{}", posted.body);
    rig.azure.set_down(Door::ChannelKeys, false);
    // The same activity again, as the channel does it.
    user.delivers(&activity).await;
    user.comes_to_see("echo early kolibri").await;

    // Keys that cannot sign are passed over, whatever they are called.
    let odd = json!({"kty": "oct", "kid": "symmetric", "k": "AQAB"});
    let curve = json!({"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AQAB", "y": "AQAB"});
    rig.azure.publish(Issuer::Channel, vec![odd, curve]);
    rig.azure.rotate(Issuer::Channel, true);
    let posted = rig.azure.say(&user.chat, "with the new key kolibri").await.unwrap();
    assert_eq!(posted.status, 200, "{}", posted.body);
    user.comes_to_see("echo with the new key kolibri").await;
    for kid in ["symmetric", "curve"] {
        let token = rig.azure.channel_token(APP_ID).header("kid", json!(kid));
        let authorization = format!("Bearer {}", rig.azure.sign(&token));
        let posted = rig.azure.post(APP_ID, Some(&authorization), activity.to_string()).await;
        assert_eq!(posted.unwrap().status, 401, "{kid}");
    }
}

#[tokio::test]
async fn a_redelivered_activity_is_answered_again_and_said_once() {
    let (_rig, bot, mut user) = quiet().await;
    let activity = user.says("just once kolibri").await;
    for _ in 0..4 {
        user.delivers(&activity).await;
    }
    user.says("and this kolibri").await;
    user.comes_to_see("echo and this kolibri").await;
    let heard = bot.gists().into_iter().filter(|gist| gist == "just once kolibri").count();
    assert_eq!(heard, 1);
    let seen = user.sees().into_iter().filter(|text| text == "echo just once kolibri").count();
    assert_eq!(seen, 1);
    // Words that merely say the same are words of their own.
    user.says("just once kolibri").await;
    user.comes_to_see("echo just once kolibri").await;
}

#[tokio::test]
async fn without_a_token_of_ours_words_wait_and_the_login_is_not_hammered() {
    let bot = Bot::start(Manner::Calls).await;
    let mut rig = Rig::start_before(&bot, Setting::default()).await;
    rig.house.provokes("token");
    rig.azure.strike(Strike::at(Door::Login, Trouble::Status { status: 503, taken: false }));
    let mut user = rig.stranger("Kim Example");
    user.says("hello kolibri").await;
    user.comes_to_see("echo hello kolibri").await;
    assert!(rig.azure.refused_grants() <= 2, "{} askers", rig.azure.refused_grants());
    assert_eq!(rig.azure.grants().len(), 1, "one token serves all");
}
