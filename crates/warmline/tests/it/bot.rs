//! A bot of a team's own behind the gateway: what it gets, what it may call, how it hands over and
//! hears of the end, and what the user gets when it is slow, broken or away.

mod faults;
mod files;
pub(crate) mod program;
mod refused;
mod seen;

use reqwest::Method;
use serde_json::{Value, json};
use simulator::AgentMode;

use crate::{
    desk,
    house::{DIRECT_LINE_SECRET, House, Life, Setting},
    page::{Page, eventually},
};
use program::{Bot, Manner};

const USER: &str = "dl_kim";

/// A house whose gateway has this bot behind it.
async fn house_of(bot: &Bot, setting: Setting) -> House {
    house_with(bot, setting, &[]).await
}

async fn house_with(bot: &Bot, setting: Setting, more: &[(&str, &str)]) -> House {
    House::start_with(setting, |environment| {
        environment.insert("BOT_ENDPOINT".to_owned(), bot.endpoint());
        for (name, value) in more {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
    })
    .await
}

/// A house with a bot that echoes, and a page that it has greeted.
async fn greeted(setting: Setting) -> (House, Bot, Page) {
    let bot = Bot::start(Manner::Calls).await;
    let mut house = house_of(&bot, setting).await;
    let mut page = house.page(USER).await;
    page.shows(&["bot: welcome"]).await;
    house.step().await;
    (house, bot, page)
}

#[tokio::test]
async fn a_bot_greets_and_answers_in_order() {
    let (mut house, bot, mut page) = greeted(Setting::default()).await;
    for n in 0..20 {
        house.says(&page, &format!("word {n} kolibri")).await;
    }
    bot.hears("word 19 kolibri").await;
    page.until("all answers", |heard| {
        heard.activities.iter().any(|activity| activity["text"] == "echo word 19 kolibri")
    })
    .await;
    let words: Vec<_> = (0..20).map(|n| format!("word {n} kolibri")).collect();
    let heard: Vec<_> = bot.gists().into_iter().filter(|gist| gist.starts_with("word")).collect();
    assert_eq!(heard, words, "each once, in order");
    let echoed: Vec<_> = crate::page::gists(&page.log().await)
        .into_iter()
        .filter_map(|line| line.strip_prefix("bot: echo ").map(str::to_owned))
        .collect();
    assert_eq!(echoed, words);
    page.skip_what_was_shown();
    page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_bot_gets_and_gives_activities_whole() {
    let (_house, bot, page) = greeted(Setting::default()).await;
    let posted = json!({
        "type": "message", "text": "hello kolibri", "from": {"id": "someone else", "name": "Kim"},
        "locale": "de-DE", "textFormat": "plain", "x-new": {"deep": [1.5, null]},
        "channelData": {"clientActivityID": "a1", "mine": true}, "value": {"n": 12},
        "speak": "", "localTimezone": null,
    });
    let answer = page.request(Method::POST, "/activities").json(&posted).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let got = bot.hears("hello kolibri").await;
    assert_eq!(got["from"], json!({"id": USER, "name": "Kim", "role": "user"}));
    for member in ["locale", "textFormat", "x-new", "value", "channelData"] {
        assert_eq!(got[member], posted[member], "{member}");
    }
    assert!(got.get("speak").is_none() && got.get("localTimezone").is_none(), "strict bots");
    assert_eq!(got["channelId"], "directline");
    let card = json!({
        "type": "message", "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {"type": "AdaptiveCard", "body": [{"type": "TextBlock", "text": "Pick kolibri"}]},
        }],
        "suggestedActions": {"to": [USER], "actions": [{"type": "imBack", "title": "A", "value": "a"}]},
        "channelData": {"theirs": 1}, "x-more": [true],
    });
    bot.calls(&got, Method::POST, "/activities", Some(&card)).await;
    let shown = eventually("the card is shown", || async {
        page.log().await.into_iter().find(|shown| shown["attachments"].is_array())
    })
    .await;
    assert_eq!(shown["attachments"], card["attachments"]);
    assert_eq!(shown["x-more"], card["x-more"]);
    assert_eq!(shown["channelData"]["theirs"], 1);
    assert_eq!(shown["suggestedActions"]["actions"], card["suggestedActions"]["actions"]);
    assert_eq!(shown["from"]["role"], "bot");
}

#[tokio::test]
async fn the_bot_gets_the_name_that_the_site_bound_whatever_the_page_says() {
    let bot = Bot::start(Manner::Calls).await;
    let house = house_of(&bot, Setting::default()).await;
    let begin = |user: Value| {
        let generate = format!("{}/v3/directline/tokens/generate", house.origin());
        let asked = house.http.post(generate).bearer_auth(DIRECT_LINE_SECRET).json(&user);
        async move { asked.send().await.unwrap().json::<Value>().await.unwrap() }
    };
    let say = |given: &Value, text: &str, from: Value| {
        let conversation = given["conversationId"].as_str().unwrap();
        let path = format!("{}/v3/directline/conversations/{conversation}", house.origin());
        let token = given["token"].as_str().unwrap().to_owned();
        house.hides(&token);
        let said = json!({"type": "message", "text": text, "from": from});
        let post = house.http.post(format!("{path}/activities")).bearer_auth(token).json(&said);
        async move { assert_eq!(post.send().await.unwrap().status(), 200) }
    };
    let given = begin(json!({"user": {"id": USER, "name": "Kim"}})).await;
    let kim = json!({"id": USER, "name": "Kim", "role": "user"});
    for (text, from) in [
        ("one kolibri", json!({"id": USER, "name": "You"})),
        ("two kolibri", json!({"id": USER})),
        ("three kolibri", json!({"id": USER, "name": ""})),
    ] {
        say(&given, text, from).await;
        assert_eq!(bot.hears(text).await["from"], kim, "{text}");
    }
    let greeted = bot.got().into_iter().find(|one| one["type"] == "conversationUpdate").unwrap();
    assert_eq!((&greeted["membersAdded"][1], &greeted["from"]), (&kim, &kim));

    // Without a bound name what a page says is one, and an empty one is none.
    let given = begin(json!({"user": {"id": "dl_lee"}})).await;
    say(&given, "four kolibri", json!({"id": "dl_lee", "name": ""})).await;
    let from = bot.hears("four kolibri").await["from"].clone();
    assert_eq!(from, json!({"id": "dl_lee", "role": "user"}));
    say(&given, "five kolibri", json!({"id": "dl_lee", "name": "Lee"})).await;
    say(&given, "six kolibri", json!({"id": "dl_lee"})).await;
    assert_eq!(bot.hears("six kolibri").await["from"]["name"], "Lee");
}

#[tokio::test]
async fn what_a_bot_changes_or_takes_back_changes_on_the_page() {
    let (_house, bot, page) = greeted(Setting::default()).await;
    page.post("hi").await;
    let activity = bot.hears("hi").await;
    let first = bot.says(&activity, "one kolibri").await;
    let second = bot.says(&activity, "two kolibri").await;
    let log = page.log().await;
    let of = |log: &[Value], text: &str| {
        log.iter().find(|shown| shown["text"] == text).unwrap_or_else(|| panic!("{text}")).clone()
    };
    let (one, two) = (of(&log, "one kolibri"), of(&log, "two kolibri"));
    let change = json!({"type": "message", "text": "three kolibri"});
    let path = format!("/activities/{first}");
    let (status, answer) = bot.calls(&activity, Method::PUT, &path, Some(&change)).await;
    assert_eq!((status, &answer["id"]), (200, &json!(first)));
    let path = format!("/activities/{second}");
    assert_eq!(bot.calls(&activity, Method::DELETE, &path, None).await.0, 200);
    let log = page.log().await;
    let (before, after) = (one, of(&log, "three kolibri"));
    for member in ["id", "timestamp"] {
        assert_eq!(before[member], after[member], "{member}");
    }
    let place = |shown: &Value| shown["channelData"]["webchat:sequence-id"].clone();
    assert_eq!(place(&before), place(&after));
    assert_eq!(two["id"], of(&log, "This message was deleted.")["id"]);
    let texts = crate::page::gists(&log).join("\n");
    assert!(!texts.contains("one kolibri") && !texts.contains("two kolibri"), "{texts}");
}

#[tokio::test]
async fn a_bot_learns_who_is_there_and_only_of_its_own() {
    let (_house, bot, page) = greeted(Setting::default()).await;
    let hello = json!({"type": "message", "text": "hi", "from": {"id": "x", "name": "Kim"}});
    page.request(Method::POST, "/activities").json(&hello).send().await.unwrap();
    let activity = bot.hears("hi").await;
    let member = json!({"id": USER, "name": "Kim", "role": "user"});
    let get = |path: String| {
        let (bot, activity) = (&bot, &activity);
        async move { bot.calls(activity, Method::GET, &path, None).await }
    };
    assert_eq!(get("/members".to_owned()).await, (200, json!([member])));
    let paged = get("/pagedmembers?pageSize=5".to_owned()).await;
    assert_eq!(paged, (200, json!({"members": [member]})));
    assert_eq!(get(format!("/members/{USER}")).await, (200, member.clone()));
    assert_eq!(get("/members/nobody".to_owned()).await.0, 404);
    let id = activity["id"].as_str().unwrap();
    assert_eq!(get(format!("/activities/{id}/members")).await, (200, json!([member])));
}

#[tokio::test]
async fn typing_reaches_the_stream_and_no_log() {
    let (_house, bot, page) = greeted(Setting::default()).await;
    page.post("hi").await;
    let activity = bot.hears("hi").await;
    let before = page.log().await.len();
    let typing =
        json!({"type": "typing", "text": "so far kolibri", "channelData": {"streamId": "s"}});
    let (status, answer) = bot.calls(&activity, Method::POST, "/activities", Some(&typing)).await;
    assert_eq!(status, 200);
    page.until("it types", |heard| {
        heard.activities.iter().any(|shown| {
            shown["type"] == "typing"
                && shown["id"] == answer["id"]
                && shown["text"] == "so far kolibri"
        })
    })
    .await;
    let texts = page.log().await;
    assert!(texts.len() <= before + 1 && texts.iter().all(|shown| shown["type"] == "message"));
}

#[tokio::test]
async fn events_pass_both_ways_and_an_invoke_is_answered_at_once() {
    let bot = Bot::start(Manner::Mute).await;
    let house = house_of(&bot, Setting::default()).await;
    let page = house.page(USER).await;
    let event = json!({"type": "event", "name": "webchat/join", "value": {"lang": "de"}});
    let answer = page.request(Method::POST, "/activities").json(&event).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let got = bot.gets("the event", |activity| activity["name"] == "webchat/join").await;
    assert_eq!(got["value"], event["value"]);
    let out = json!({"type": "event", "name": "navigate", "value": "/pay"});
    assert_eq!(bot.calls(&got, Method::POST, "/activities", Some(&out)).await.0, 200);
    page.until("the page sees both", |heard| {
        let named = |name: &str| heard.activities.iter().any(|shown| shown["name"] == name);
        named("webchat/join") && named("navigate")
    })
    .await;
    let invoke = json!({"type": "invoke", "name": "signin/tokenExchange", "value": {}});
    let answer = page.request(Method::POST, "/activities").json(&invoke).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["invokeResponse"]["status"], 200);
    bot.answers(412);
    let answer = page.request(Method::POST, "/activities").json(&invoke).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["error"]["code"], "BotRejectedActivity");
}

#[tokio::test]
async fn a_bot_that_cannot_call_answers_with_its_answer() {
    let bot = Bot::start(Manner::WithAnswer).await;
    let house =
        house_with(&bot, Setting::default(), &[("WARMLINE_BOT_DELIVERY", "expectReplies")]).await;
    let mut page = house.page(USER).await;
    page.shows(&["bot: welcome"]).await;
    page.post("hi kolibri").await;
    page.shows(&["user: hi kolibri", "bot: echo hi kolibri"]).await;
    page.shows_nothing_more().await;
}

/// The bot hands over, an agent takes it, both talk, the agent ends it, the bot has it again.
async fn handoff_and_return(setting: Setting) {
    let (mut house, bot, mut page) = greeted(setting).await;
    house.says(&page, "my bill is wrong kolibri").await;
    page.shows(&["user: my bill is wrong kolibri", "bot: echo my bill is wrong kolibri"]).await;
    let activity = bot.hears("my bill is wrong kolibri").await;
    let context = json!({"skill": "billing", "priority": 2, "va_AgentMessage": "be kind kolibri"});
    let (status, first) = bot.hands_over(&activity, context.clone()).await;
    assert_eq!(status, 200);
    assert!(first["id"].is_string());
    let chat = house.offered(&page.user).await;
    // Impatient, or a retry: one open session is enough.
    assert_eq!(bot.hands_over(&activity, context).await.0, 200);
    house.hears(house.callbacks().queued).await;
    house.step().await;
    let request = desk::requests(&house.desk, USER).remove(0);
    assert_eq!(request["contextVariables"]["skill"], "billing");
    assert_eq!(request["contextVariables"]["priority"], "2");
    let history = request["history"].as_array().unwrap();
    let told: Vec<_> = history.iter().map(|line| line["value"].as_str().unwrap()).collect();
    assert_eq!(told, ["welcome", "my bill is wrong kolibri", "echo my bill is wrong kolibri"]);
    assert_eq!(request["history"][1]["isBotMessage"], false);

    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.step().await;
    bot.is_told("accepted").await;
    house.says(&page, "are you there? kolibri").await;
    house.desk.write(&chat, "yes kolibri").unwrap();
    house.hears(1).await;
    house.step().await;
    desk::until_sent(&house.desk, USER, &["AGENT", "says are you there? kolibri"]).await;
    // What the bot says of itself still reaches the user, and no agent.
    bot.says(&activity, "by the way kolibri").await;
    house.step().await;

    house.desk.end(&chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    house.step().await;
    let completed = bot.is_told("completed").await;
    let lines = completed["value"]["transcript"].as_array().unwrap();
    let told: Vec<_> = lines.iter().filter_map(|line| line["text"].as_str()).collect();
    for words in ["are you there? kolibri", "yes kolibri", "by the way kolibri"] {
        assert!(told.contains(&words), "{words}: {told:?}");
    }
    assert_eq!(completed["value"]["reason"], "agent_ended");
    assert_eq!(completed["value"]["agent"]["name"], "Dana");
    assert!(!bot.gists().contains(&"are you there? kolibri".to_owned()), "not while live");
    house.says(&page, "and now? kolibri").await;
    bot.hears("and now? kolibri").await;
    page.until("the bot has it again", |heard| {
        heard.activities.iter().any(|shown| shown["text"] == "echo and now? kolibri")
    })
    .await;
    assert_eq!(desk::sent(&house.desk, USER), ["AGENT", "says are you there? kolibri"]);
    let shown = crate::page::gists(&page.log().await);
    assert!(shown.contains(&"bot: by the way kolibri".to_owned()), "{shown:?}");
    assert!(!shown.iter().any(|line| line.contains("be kind")), "a private note stays private");
    if setting_is_calm(&house) {
        let told_of: Vec<_> =
            bot.gists().into_iter().filter(|gist| gist.starts_with("handoff")).collect();
        assert_eq!(told_of, ["handoff.status accepted", "handoff.status completed"]);
    }
}

fn setting_is_calm(house: &House) -> bool {
    house.setting.life == Life::Calm
}

#[tokio::test]
async fn a_bot_hands_over_and_has_the_conversation_again() {
    handoff_and_return(Setting::default()).await;
}

#[tokio::test]
async fn a_bot_hands_over_and_has_the_conversation_again_killed_after_each_step() {
    handoff_and_return(Setting { life: Life::Killed, ..Setting::default() }).await;
}

#[tokio::test]
async fn a_bot_reads_of_an_agents_file_its_name_once_and_no_address_at_the_instance() {
    let (mut house, bot, page) = greeted(Setting::default()).await;
    house.says(&page, "hi").await;
    let activity = bot.hears("hi").await;
    bot.hands_over(&activity, json!("wants a plan")).await;
    let chat = house.offered(USER).await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    bot.is_told("accepted").await;
    house.desk.write(&chat, "see https://example.org/plans kolibri").unwrap();
    house.desk.send_file(&chat, "plan kolibri.txt", "text/plain", b"a plan".to_vec()).unwrap();
    eventually("the file is shown", || async {
        let shown = Value::Array(page.log().await).to_string();
        (shown.contains("plan kolibri.txt") && shown.contains("/files/desk.")).then_some(())
    })
    .await;
    house.desk.end(&chat).unwrap();
    let completed = bot.is_told("completed").await;
    let lines = completed["value"]["transcript"].as_array().unwrap().clone();
    let of_agent = lines.iter().filter(|line| line["from"]["id"] == "agent");
    let texts: Vec<_> = of_agent.map(|line| line["text"].as_str().unwrap()).collect();
    assert!(texts.contains(&"see https://example.org/plans kolibri"), "{texts:?}");
    assert!(texts.contains(&"plan kolibri.txt"), "{texts:?}");
    assert!(!Value::Array(lines).to_string().contains("/api/now/"));
}

#[tokio::test]
async fn a_bot_that_asks_in_vain_is_told_why() {
    let (mut house, bot, page) =
        greeted(Setting { agent: AgentMode::Nobody, ..Setting::default() }).await;
    house.says(&page, "hi").await;
    let activity = bot.hears("hi").await;
    bot.hands_over(&activity, json!("wants a refund")).await;
    house.hears(house.callbacks().nobody).await;
    let failed = bot.is_told("failed").await;
    assert_eq!(failed["value"]["reason"], "no_agent");
    let request = desk::requests(&house.desk, USER).remove(0);
    assert_eq!(request["contextVariables"]["summary"], "wants a refund");
}

#[tokio::test]
async fn phrases_are_the_bots_business_while_it_is_there() {
    let (mut house, bot, mut page) = greeted(Setting::default()).await;
    house.says(&page, "agent").await;
    bot.hears("agent").await;
    page.shows(&["user: agent", "bot: echo agent"]).await;
    assert!(desk::sent(&house.desk, USER).is_empty());
}

#[tokio::test]
async fn while_the_bot_is_away_the_user_is_told_and_can_ask_for_a_person() {
    let (mut house, mut bot, mut page) = greeted(Setting::default()).await;
    bot.goes_down().await;
    house.says(&page, "hello? kolibri").await;
    page.shows(&["user: hello? kolibri", "notice bot_away"]).await;
    house.says(&page, "agent").await;
    let chat = house.offered(USER).await;
    page.shows(&["user: agent", "notice asked"]).await;
    bot.comes_up().await;
    // What waited goes to the bot when it is back, although a person has the conversation.
    bot.hears("hello? kolibri").await;
    house.desk.accept(&chat).unwrap();
    bot.is_told("accepted").await;
}

#[tokio::test]
async fn what_was_said_while_the_bot_restarts_is_answered_when_it_is_back() {
    let (mut house, mut bot, mut page) = greeted(Setting::default()).await;
    bot.goes_down().await;
    for text in ["one kolibri", "two kolibri"] {
        house.says(&page, text).await;
    }
    house.restart().await;
    bot.comes_up().await;
    bot.hears("two kolibri").await;
    page.until("both answers", |heard| {
        let shown = |text: &str| heard.activities.iter().any(|shown| shown["text"] == text);
        shown("echo one kolibri") && shown("echo two kolibri")
    })
    .await;
    let heard: Vec<_> = bot.gists().into_iter().filter(|gist| gist.ends_with("kolibri")).collect();
    assert_eq!(heard, ["one kolibri", "two kolibri"], "each once, in order");
    page.skip(1);
}

#[tokio::test]
async fn a_turn_that_failed_or_took_too_long_is_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    std::fs::write(&file, "[tenants.default.bots.default]\nturn_within = \"1s\"\n").unwrap();
    let bot = Bot::start(Manner::Mute).await;
    let config = file.display().to_string();
    let house = house_with(&bot, Setting::default(), &[("WARMLINE_CONFIG", &config)]).await;
    let mut page = house.page(USER).await;
    eventually("the greeting was taken", || async {
        house.logged().contains(r#"delivery.kind="greet" delivery.outcome="done""#).then_some(())
    })
    .await;
    bot.answers(500);
    page.post("fails kolibri").await;
    page.shows(&["user: fails kolibri", "notice bot_away"]).await;
    bot.answers(200);
    let go = bot.holds();
    page.post("slow kolibri").await;
    bot.hears("slow kolibri").await;
    page.shows(&["user: slow kolibri", "notice bot_away"]).await;
    // It answers after all, and later words find it there.
    let activity = bot.hears("slow kolibri").await;
    bot.says(&activity, "sorry kolibri").await;
    bot.holds_no_more();
    go.notify_waiters();
    page.post("next kolibri").await;
    bot.hears("next kolibri").await;
    page.shows(&["bot: sorry kolibri", "user: next kolibri"]).await;
    for text in ["fails kolibri", "slow kolibri", "next kolibri"] {
        let times = bot.gists().iter().filter(|gist| *gist == text).count();
        assert_eq!(times, 1, "{text}");
    }
}

#[tokio::test]
async fn a_bot_brings_a_transcript_and_begins_a_conversation() {
    let (house, bot, page) = greeted(Setting::default()).await;
    page.post("hi").await;
    let activity = bot.hears("hi").await;
    let history = json!({"activities": [
        {"type": "message", "text": "before kolibri", "from": {"id": "u", "role": "user"}},
        {"type": "event", "name": "x"},
        {"type": "message", "text": "indeed kolibri", "from": {"role": "bot"}},
    ]});
    let sent = bot.calls(&activity, Method::POST, "/activities/history", Some(&history)).await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    let shown = crate::page::gists(&page.log().await);
    let brought = ["user: before kolibri", "bot: indeed kolibri"];
    assert!(shown.windows(2).any(|two| two == brought), "{shown:?}");

    let base = activity["serviceUrl"].as_str().unwrap();
    let begin = json!({
        "members": [{"id": "dl_lee"}], "activity": {"type": "message", "text": "news for you kolibri"},
    });
    let answer = house.http.post(format!("{base}/v3/conversations")).json(&begin).send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 201);
    let created: Value = answer.json().await.unwrap();
    let id = created["channelData"]["directLine"]["conversationId"].as_str().unwrap();
    let page = house.page_again("dl_lee", id).await;
    let shown = crate::page::gists(&page.log().await);
    assert_eq!(shown, ["bot: news for you kolibri"]);
    assert_eq!(created["serviceUrl"], activity["serviceUrl"]);
}
