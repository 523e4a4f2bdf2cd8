//! What goes wrong with a bot behind, beyond its being away: it refuses, it is no bot, it is busy, and
//! the gateway dies while it works.

use reqwest::Method;
use serde_json::json;

use super::{Bot, Manner, USER, greeted, house_of, house_with};
use crate::{
    desk,
    house::{Life, Setting},
    page::eventually,
};

/// The bot refuses what the user says, for good: they are told at once and can ask for a person, and
/// the log names the code and the setting.
async fn refused_for_good(status: u16, code: &str, setting: &str) {
    let (mut house, bot, mut page) = greeted(Setting::default()).await;
    bot.answers(status);
    house.says(&page, "hello kolibri").await;
    page.shows(&["user: hello kolibri", "notice bot_away"]).await;
    let outcome = format!(r#"delivery.kind="to_bot" delivery.outcome="{code}""#);
    eventually("the log says why", || async {
        let logged = house.logged();
        let said = logged.lines().find(|line| line.contains("the bot did not take an activity"))?;
        (said.contains(setting) && logged.contains(&outcome)).then_some(())
    })
    .await;
    house.says(&page, "agent").await;
    house.offered(USER).await;
    page.shows(&["user: agent", "notice asked"]).await;
    let times = bot.gists().iter().filter(|gist| *gist == "hello kolibri").count();
    assert_eq!(times, 1, "not posted again");
}

#[tokio::test]
async fn a_bot_that_wants_a_token_is_named_in_the_log_with_what_to_set() {
    refused_for_good(401, "unauthorized", "BOT_APP_ID").await;
}

#[tokio::test]
async fn a_bot_that_lets_nobody_in_is_named_in_the_log_with_what_to_set() {
    refused_for_good(403, "forbidden", "BOT_APP_ID").await;
}

#[tokio::test]
async fn a_web_page_in_place_of_the_bot_is_told_apart_from_a_bot() {
    let (mut house, bot, mut page) = greeted(Setting::default()).await;
    bot.shows_a_page(Some("<html><body>Welcome to nginx</body></html>"));
    house.says(&page, "hello kolibri").await;
    page.shows(&["user: hello kolibri", "notice bot_away"]).await;
    eventually("the log says why", || async {
        house.logged().contains(r#"delivery.outcome="not_a_bot""#).then_some(())
    })
    .await;
    bot.shows_a_page(None);
    house.says(&page, "and now? kolibri").await;
    page.shows(&["user: and now? kolibri", "bot: echo and now? kolibri"]).await;
}

#[tokio::test]
async fn a_bot_that_is_busy_for_a_moment_is_asked_again_and_answers_once() {
    for status in [429, 502, 503] {
        let (mut house, bot, mut page) = greeted(Setting::default()).await;
        bot.answers(status);
        house.says(&page, "hello kolibri").await;
        bot.hears("hello kolibri").await;
        bot.answers(200);
        page.shows(&["user: hello kolibri", "bot: echo hello kolibri"]).await;
        page.shows_nothing_more().await;
    }
}

#[tokio::test]
async fn what_a_bot_never_gets_in_its_time_is_given_up_and_later_words_reach_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    std::fs::write(&file, "[tenants.default.bots.default]\nbot_within = \"1s\"\n").unwrap();
    let mut bot = Bot::start(Manner::Calls).await;
    let config = file.display().to_string();
    let house = house_with(&bot, Setting::default(), &[("WARMLINE_CONFIG", &config)]).await;
    let mut page = house.page(USER).await;
    page.shows(&["bot: welcome"]).await;
    bot.goes_down().await;
    page.post("too late kolibri").await;
    page.shows(&["user: too late kolibri", "notice bot_away"]).await;
    bot.comes_up().await;
    page.post("in time kolibri").await;
    page.shows(&["user: in time kolibri", "bot: echo in time kolibri"]).await;
    assert!(!bot.gists().contains(&"too late kolibri".to_owned()));
}

#[tokio::test]
async fn a_gateway_killed_after_the_bot_answered_does_not_ask_it_again() {
    let bot = Bot::start(Manner::Mute).await;
    let mut house = house_of(&bot, Setting::default()).await;
    let page = house.page(USER).await;
    let _go = bot.holds();
    page.post("work kolibri").await;
    let activity = bot.hears("work kolibri").await;
    let reply = json!({"type": "message", "text": "done kolibri", "replyToId": activity["id"]});
    let path = format!("/activities/{}", activity["id"].as_str().unwrap());
    let (status, _) = bot.calls(&activity, Method::POST, &path, Some(&reply)).await;
    assert_eq!(status, 200);
    house.kill().await;
    bot.holds_no_more();
    house.begin().await;
    page.post("next kolibri").await;
    bot.hears("next kolibri").await;
    let heard: Vec<_> = bot.gists().into_iter().filter(|gist| gist.contains("kolibri")).collect();
    assert_eq!(heard, ["work kolibri", "next kolibri"]);
    let shown = crate::page::gists(&page.log().await);
    assert_eq!(shown.iter().filter(|line| line.contains("done kolibri")).count(), 1, "{shown:?}");
}

#[tokio::test]
async fn a_gateway_killed_while_the_bot_works_hands_it_the_same_activity_again() {
    let bot = Bot::start(Manner::Mute).await;
    let mut house = house_of(&bot, Setting::default()).await;
    let page = house.page(USER).await;
    let _go = bot.holds();
    page.post("work kolibri").await;
    let first = bot.hears("work kolibri").await;
    house.kill().await;
    bot.holds_no_more();
    house.begin().await;
    let times = |text: &str| bot.got().iter().filter(|got| got["text"] == text).count();
    eventually("it has it again", || async { (times("work kolibri") == 2).then_some(()) }).await;
    let again = bot.got().into_iter().rfind(|got| got["text"] == "work kolibri").unwrap();
    for member in ["id", "timestamp", "conversation", "serviceUrl"] {
        assert_eq!(again[member], first[member], "{member}: by which a bot can tell a repeat");
    }
}

#[tokio::test]
async fn a_live_chat_goes_on_without_its_bot() {
    let (mut house, mut bot, page) =
        greeted(Setting { life: Life::Calm, ..Setting::default() }).await;
    house.says(&page, "help kolibri").await;
    let activity = bot.hears("help kolibri").await;
    bot.hands_over(&activity, json!({})).await;
    let chat = house.offered(USER).await;
    bot.goes_down().await;
    house.desk.accept(&chat).unwrap();
    page.until("an agent", |heard| {
        heard
            .activities
            .iter()
            .any(|shown| shown["channelData"]["warmline"]["notice"]["key"] == "connected")
    })
    .await;
    house.says(&page, "are you there? kolibri").await;
    desk::until_sent(&house.desk, USER, &["AGENT", "says are you there? kolibri"]).await;
    house.desk.end(&chat).unwrap();
    page.until("the end", |heard| {
        heard
            .activities
            .iter()
            .any(|shown| shown["channelData"]["warmline"]["notice"]["key"] == "ended")
    })
    .await;
    // What became of it is told when the bot is back.
    bot.comes_up().await;
    bot.is_told("accepted").await;
    let completed = bot.is_told("completed").await;
    assert_eq!(completed["value"]["reason"], "agent_ended");
}
