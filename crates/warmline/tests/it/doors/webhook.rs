//! Every way in which an instance may prove itself, and from where.

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use serde_json::json;
use simulator::Config;

use crate::{
    house::{House, Setting, WEBHOOK_SECRET},
    metrics,
    process::Environment,
    starting,
};

const PREVIOUS: &str = "previous-webhook-secret-3c91d0";

fn with<'a>(more: &'a [(&'a str, &'a str)]) -> impl FnOnce(&mut Environment) + 'a {
    move |environment| {
        for (name, value) in more {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
    }
}

fn presents(authorization: String) -> impl FnOnce(&mut Config) {
    move |config| config.webhook.authorization = authorization.into()
}

/// What a callback that is none is answered: 400 to whom the door is opened.
async fn knocks(house: &House, headers: &[(&str, &str)]) -> (u16, String) {
    let address = format!("{}/api/v1/snowBot/receiveMessage", house.origin());
    let mut post = house.http.post(address).body("no event");
    for (name, value) in headers {
        post = post.header(*name, *value);
    }
    let answer = post.send().await.unwrap();
    let status = answer.status().as_u16();
    let said: serde_json::Value = answer.json().await.unwrap();
    (status, said["error"]["code"].as_str().unwrap().to_owned())
}

/// The header `Authorization` with a name and a password.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

fn open() -> (u16, String) {
    (400, "not_json".to_owned())
}

fn closed() -> (u16, String) {
    (401, "unauthorized".to_owned())
}

/// A chat from asking to the agent's arrival: every callback of it is taken.
async fn a_chat_comes_about(house: &mut House) {
    let page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
}

#[tokio::test]
async fn an_instance_that_presents_its_secret_with_basic_is_known() {
    let mut house = House::start_at(
        Setting::default(),
        presents(basic("now.user", WEBHOOK_SECRET)),
        with(&[("WEBHOOK_USERNAME", "now.user")]),
    )
    .await;
    a_chat_comes_about(&mut house).await;
    for (user, password, answer) in [
        ("now.user", WEBHOOK_SECRET, open()),
        ("other", WEBHOOK_SECRET, closed()),
        ("now.user", "wrong", closed()),
        (WEBHOOK_SECRET, "", closed()),
        ("", WEBHOOK_SECRET, closed()),
    ] {
        let header = basic(user, password);
        assert_eq!(knocks(&house, &[("authorization", &header)]).await, answer, "{user}");
    }
    let bearer = format!("Bearer {WEBHOOK_SECRET}");
    assert_eq!(knocks(&house, &[("authorization", &bearer)]).await, open());
    assert_eq!(knocks(&house, &[("authorization", "Basic !!!")]).await, closed());
}

#[tokio::test]
async fn basic_and_headers_of_ones_own_open_nothing_where_they_are_not_set() {
    let house = House::start(Setting::default()).await;
    let basic = basic("now", WEBHOOK_SECRET);
    for (name, value) in [
        ("authorization", basic.as_str()),
        ("x-warmline-secret", WEBHOOK_SECRET),
        ("x-webhook-secret", WEBHOOK_SECRET),
    ] {
        assert_eq!(knocks(&house, &[(name, value)]).await, closed(), "{name}");
    }
}

#[tokio::test]
async fn a_header_of_ones_own_carries_the_secret_where_authorization_is_a_proxys() {
    let set = [("WEBHOOK_HEADER", "X-Desk-Secret")];
    let house = House::start_with(Setting::default(), with(&set)).await;
    let name = "x-desk-secret";
    let proxys = ("authorization", "Basic cHJveHk6cGFzc3dvcmQ=");
    assert_eq!(knocks(&house, &[(name, WEBHOOK_SECRET), proxys]).await, open());
    assert_eq!(knocks(&house, &[(name, WEBHOOK_SECRET)]).await, open());
    assert_eq!(knocks(&house, &[(name, "wrong")]).await, closed());
    assert_eq!(knocks(&house, &[(name, "wrong"), (name, WEBHOOK_SECRET)]).await, closed());
    assert_eq!(knocks(&house, &[(name, crate::house::DIRECT_LINE_SECRET)]).await, closed());
}

#[tokio::test]
async fn two_secrets_are_good_while_one_is_changed_and_it_is_told_which_is_used() {
    let set = [("WEBHOOK_SECRET_PREVIOUS", PREVIOUS), ("WARMLINE_METRICS_TOKEN", metrics::TOKEN)];
    let mut house =
        House::start_at(Setting::default(), presents(format!("Bearer {PREVIOUS}")), with(&set))
            .await;
    house.hides(PREVIOUS);
    let used = async |house: &House, secret: &str| {
        let text = metrics::metrics(house).await;
        let of = format!("secret=\"{secret}\"");
        let line = text.lines().find(|line| {
            line.starts_with("warmline_webhook_secret_used_timestamp_seconds{")
                && line.contains(&of)
                && line.contains("tenant=\"default\"")
        });
        let value = line.and_then(|line| line.rsplit_once(' ')).unwrap().1;
        value.parse::<f64>().unwrap()
    };
    assert!(used(&house, "previous").await.abs() < 1.0, "never so far");
    a_chat_comes_about(&mut house).await;
    assert!(used(&house, "previous").await > 1.0 && used(&house, "current").await.abs() < 1.0);
    let told = house.logged().matches("still presents the previous webhook secret").count();
    assert_eq!(told, 1, "once, not with every callback");
    let bearer = format!("Bearer {WEBHOOK_SECRET}");
    assert_eq!(knocks(&house, &[("authorization", &bearer)]).await, open());
    assert!(used(&house, "current").await > 1.0);
}

#[tokio::test]
async fn a_secret_that_two_doors_share_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let good = starting::environment(&folder).await;
    for name in ["WEBHOOK_SECRET_PREVIOUS", "DIRECT_LINE_SECRET", "WARMLINE_METRICS_TOKEN"] {
        let mut shared = good.clone();
        shared.insert(name.to_owned(), good["WEBHOOK_SECRET"].clone());
        let said = starting::refusal(&shared).await;
        assert!(said.contains("every one needs a secret of its own"), "{name}: {said}");
    }
}

#[tokio::test]
async fn callbacks_are_taken_from_listed_addresses_only() {
    let bearer = format!("Bearer {WEBHOOK_SECRET}");
    let right = ("authorization", bearer.as_str());
    let elsewhere = || (403, "address_not_allowed".to_owned());
    let claims = ("x-forwarded-for", "203.0.113.7");
    // Nobody before us: what a header claims is nobody's address.
    let listed = [("WEBHOOK_FROM", "203.0.113.0/24")];
    let house = House::start_with(Setting::default(), with(&listed)).await;
    assert_eq!(knocks(&house, &[right]).await, elsewhere());
    assert_eq!(knocks(&house, &[right, claims]).await, elsewhere());
    assert_eq!(knocks(&house, &[("authorization", "Bearer x"), claims]).await, closed());
    drop(house);
    // Behind a proxy on this machine.
    let proxied = [("WEBHOOK_FROM", "203.0.113.0/24"), ("WARMLINE_TRUSTED_PROXIES", "127.0.0.0/8")];
    let house = House::start_with(Setting::default(), with(&proxied)).await;
    let forwarded = |value: &'static str| [right, ("x-forwarded-for", value)];
    for (value, answer) in [
        ("203.0.113.7", open()),
        ("198.51.100.1, 203.0.113.7", open()),
        ("203.0.113.7, 198.51.100.1", elsewhere()),
        ("203.0.113.7, 127.0.0.9", open()),
        ("127.0.0.1", elsewhere()),
        ("unknown", elsewhere()),
    ] {
        assert_eq!(knocks(&house, &forwarded(value)).await, answer, "{value}");
    }
    assert_eq!(knocks(&house, &[right]).await, elsewhere(), "nobody can tell from where");
    let standard = [right, ("forwarded", "for=203.0.113.7")];
    assert_eq!(knocks(&house, &standard).await, elsewhere(), "not the proxies' header");
    drop(house);
    // The instance itself, from here.
    let own = [("WEBHOOK_FROM", "127.0.0.1, ::1")];
    let mut house = House::start_with(Setting::default(), with(&own)).await;
    a_chat_comes_about(&mut house).await;
    assert_eq!(house.posts(&json!({})).await.0, 400);
}
