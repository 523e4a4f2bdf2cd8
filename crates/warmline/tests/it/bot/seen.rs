//! What operators see of a bot behind: in the metrics, in the console's destinations, and in the
//! timeline of a chat.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bot, Manner, USER, house_with};
use crate::{
    console::{self, inside},
    house::{House, Setting},
    metrics::{self, metrics, until},
    page::eventually,
};

/// Failures in a row after which a bot counts as down, and one more.
const ENOUGH: usize = 11;

const SECOND_SECRET: &str = "the-direct-line-secret-of-the-second-77";

/// A house that operators may look into.
async fn open_house(bot: &Bot, more: &[(&str, &str)]) -> House {
    let open = [
        ("WARMLINE_METRICS_TOKEN", metrics::TOKEN),
        ("WARMLINE_CONSOLE_PASSWORD_HASH", console::HASH),
    ];
    house_with(bot, Setting::default(), &[&open[..], more].concat()).await
}

/// Somebody begins a conversation by the secret of a site.
async fn begins(house: &House, secret: &str) {
    let started = house
        .http
        .post(format!("{}/v3/directline/conversations", house.origin()))
        .bearer_auth(secret)
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), 201);
}

/// The bot of this name among the console's destinations.
fn destination<'a>(all: &'a Value, name: &str) -> Option<&'a Value> {
    let mut all = all["destinations"].as_array().unwrap().iter();
    all.find(|one| one["kind"] == "bot" && one["name"] == name)
}

#[tokio::test]
async fn a_bot_that_is_down_is_seen_by_operators_until_it_is_back() {
    let mut bot = Bot::start(Manner::Mute).await;
    let house = open_house(&bot, &[]).await;
    let us = inside(&house).await;
    let of = |name: &str, more: &str| {
        format!(r#"warmline_bot_{name}{{tenant="default",bot="default"{more}}}"#)
    };
    let (open, closed) = (r#",state="open""#, r#",state="closed""#);
    until(&house, &[(&of("breaker_state", closed), 1.0)]).await;
    bot.goes_down().await;
    for _ in 0..ENOUGH {
        begins(&house, crate::house::DIRECT_LINE_SECRET).await;
    }
    until(&house, &[(&of("breaker_state", open), 1.0), (&of("breaker_state", closed), 0.0)]).await;
    let text = metrics(&house).await;
    assert!(metrics::value(&text, &of("breaker_changes_total", open)) >= 1.0);
    assert!(metrics::value(&text, &of("failures_total", r#",code="unreachable""#)) >= 10.0);
    let retried = r#",kind="greet",outcome="retry""#;
    assert!(metrics::value(&text, &of("attempts_total", retried)) >= 10.0);
    let shown = us.reads("destinations").await;
    assert_eq!(shown["destinations"][0]["kind"], "desk", "desks come first");
    let one = destination(&shown, "default").unwrap();
    assert_eq!((&one["breaker"], &one["tenant"]), (&json!("open"), &json!("default")));
    assert_eq!(one["last_failure"], "unreachable");
    assert!(one["last_failure_at"].is_string() && one["last_success_at"].is_null(), "{one}");
    let overview = us.reads("overview").await;
    assert_eq!((&overview["bots_down"], &overview["desks_down"]), (&json!(1), &json!(0)));

    bot.comes_up().await;
    until(&house, &[(&of("breaker_state", open), 0.0)]).await;
    eventually("everybody is greeted", || async {
        let text = metrics(&house).await;
        let greeted = of("attempts_total", r#",kind="greet",outcome="done""#);
        (metrics::value(&text, &greeted) >= 11.0).then_some(())
    })
    .await;
    assert_eq!(us.reads("overview").await["bots_down"], 0);
    let shown = us.reads("destinations").await;
    let one = destination(&shown, "default").unwrap();
    assert!(one["last_success_at"].is_string() && one["p99_ms"].is_number(), "{one}");
}

#[tokio::test]
async fn a_bot_that_sighup_adds_is_seen_and_counted_under_its_name_until_it_is_gone() {
    let (one, mut second) = (Bot::start(Manner::Mute).await, Bot::start(Manner::Mute).await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let alone = "[tenants.default.bots.default]\n";
    let both = format!(
        "{alone}[tenants.default.bots.second]\nendpoint = \"{}\"\n\
         direct_line_secret = \"env:SECOND_SECRET\"\n",
        second.endpoint()
    );
    std::fs::write(&file, alone).unwrap();
    let config = file.display().to_string();
    let more = [("WARMLINE_CONFIG", config.as_str()), ("SECOND_SECRET", SECOND_SECRET)];
    let house = open_house(&one, &more).await;
    let us = inside(&house).await;
    let reload = async |text: &str| {
        let loads =
            || house.logged().matches("the configuration was read again and is in force").count();
        let before = loads();
        std::fs::write(&file, text).unwrap();
        house.gateway().signal("HUP").await;
        eventually("the settings", || async { (loads() > before).then_some(()) }).await;
    };
    assert!(destination(&us.reads("destinations").await, "second").is_none());
    reload(&both).await;
    begins(&house, SECOND_SECRET).await;
    second.gets("it is greeted", |got| got["type"] == "conversationUpdate").await;
    let of = |name: &str, more: &str| {
        format!(r#"warmline_bot_{name}{{tenant="default",bot="second"{more}}}"#)
    };
    let greeted = of("attempts_total", r#",kind="greet",outcome="done""#);
    let open = of("breaker_state", r#",state="open""#);
    until(&house, &[(&greeted, 1.0), (&open, 0.0)]).await;
    let shown = us.reads("destinations").await;
    assert_eq!(destination(&shown, "second").unwrap()["breaker"], "closed");

    second.goes_down().await;
    for _ in 0..ENOUGH {
        begins(&house, SECOND_SECRET).await;
    }
    until(&house, &[(&open, 1.0)]).await;
    // Out of the file it goes on until the restart: what waits for it is for no other bot.
    reload(alone).await;
    assert!(house.logged().contains("the removal of bot second of tenant default needs a restart"));
    assert!(destination(&us.reads("destinations").await, "second").is_some());
    // From now on the built-in bot is to answer for it.
    reload(&format!(
        "{alone}[tenants.default.bots.second]\ndirect_line_secret = \"env:SECOND_SECRET\"\n"
    ))
    .await;
    assert!(destination(&us.reads("destinations").await, "second").is_none());
    assert_eq!(us.reads("overview").await["bots_down"], 0);
    let text = metrics(&house).await;
    assert!(!text.contains(&of("breaker_state", "").replace('}', ",")), "nobody waits for it");
    assert!(text.contains(&greeted), "what was counted stays");
}

#[tokio::test]
async fn what_a_bot_does_in_a_live_chat_is_in_its_timeline_without_its_words() {
    let bot = Bot::start(Manner::Mute).await;
    let house = open_house(&bot, &[]).await;
    let us = inside(&house).await;
    let page = house.page(USER).await;
    page.post("my bill kolibri").await;
    let activity = bot.hears("my bill kolibri").await;
    let transcript = json!({"type": "event", "name": "handoff.initiate", "value": {"skill": "billing"},
        "attachments": [{"contentType": "application/json", "name": "Transcript", "content": {
            "activities": [{"type": "message", "text": "kolibri", "from": {"role": "user"}}]}}]});
    let posts = async |body: &Value| {
        let (status, answer) = bot.calls(&activity, Method::POST, "/activities", Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    };
    posts(&transcript).await;
    let (one, two) =
        (bot.says(&activity, "one kolibri").await, bot.says(&activity, "two kolibri").await);
    posts(&json!({"type": "event", "name": "navigate", "value": "/kolibri"})).await;
    let change = json!({"type": "message", "text": "three kolibri"});
    let (status, _) =
        bot.calls(&activity, Method::PUT, &format!("/activities/{one}"), Some(&change)).await;
    assert_eq!(status, 200);
    let path = format!("/activities/{two}");
    assert_eq!(bot.calls(&activity, Method::DELETE, &path, None).await.0, 200);
    let session = us.session(|_| true).await["id"].as_str().unwrap().to_owned();
    let tag = json!({"type": "message", "channelData": {"tags": "{\"type\":\"EndConversation\"}"}});
    posts(&tag).await;
    let timeline = us.reads(&format!("sessions/{session}")).await;
    assert_eq!(timeline["session"]["reason"], "bot_ended", "{timeline}");
    let entries = timeline["entries"].as_array().unwrap().iter();
    let told: Vec<_> = entries
        .map(|entry| {
            let (author, kind) = (&entry["author"], &entry["kind"]);
            let notice = entry["notice"].as_str().unwrap_or_default();
            format!("{} {} {notice}", author.as_str().unwrap(), kind.as_str().unwrap())
        })
        .collect();
    for expected in [
        "bot transcript ",
        "bot context ",
        "gateway notice asked",
        "bot said ",
        "bot done ",
        "bot revised ",
        "bot withdrawn ",
    ] {
        assert!(told.contains(&expected.to_owned()), "{expected}: {told:#?}");
    }
}
