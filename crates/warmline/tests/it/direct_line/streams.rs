//! How pages read: from where, what comes when, and what comes back as it was sent.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Door;
use crate::{
    house::{House, Setting},
    page::{Heard, Page, gists},
};

/// What a stream from this address brings first, until a set ends with the text that is waited for.
async fn begins_with(house: &House, page: &Page, watermark: &str) -> Vec<String> {
    let given = page.request(Method::GET, &format!("?watermark={watermark}")).send().await.unwrap();
    assert_eq!(given.status(), StatusCode::OK);
    let given: Value = given.json().await.unwrap();
    house.hides(given["token"].as_str().unwrap());
    let url = given["streamUrl"].as_str().unwrap();
    house.hides(url.split_once("&t=").unwrap().1);
    let mut stream = crate::page::Reader::open(url).await;
    page.post("the end kolibri").await;
    let mut read = Vec::new();
    while !read.iter().any(|activity: &Value| activity["text"] == "the end kolibri") {
        read.extend(stream.next_set().await);
    }
    gists(&read)
}

async fn with_replay(replay: &str) -> (House, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    std::fs::write(&file, format!("[tenants.default.bots.default]\nreplay = {replay:?}\n"))
        .unwrap();
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONFIG".to_owned(), file.display().to_string());
    })
    .await;
    (house, folder)
}

#[tokio::test]
async fn a_page_that_names_no_place_gets_everything_or_only_what_is_new_as_the_site_has_it() {
    for (replay, again) in [("all", true), ("new", false)] {
        let (house, _folder) = with_replay(replay).await;
        let mut page = house.page("dl_kim").await;
        // A start shows everything in any case: the page may have posted before its stream was open.
        page.shows(&["bot: Hello!…"]).await;
        page.post("before kolibri").await;
        page.shows(&["user: before kolibri", "bot: …"]).await;
        let read = begins_with(&house, &page, "").await;
        assert_eq!(read[0].starts_with("bot: Hello!"), again, "{replay}: {read:?}");
        assert_eq!(read.len() == 1, !again, "{replay}: {read:?}");
        for place in ["-", "0"] {
            let read = begins_with(&house, &page, place).await;
            assert!(read[0].starts_with("bot: Hello!"), "{replay} {place}: {read:?}");
        }
        let read = begins_with(&house, &page, "2").await;
        assert!(!read.contains(&"user: before kolibri".to_owned()), "{replay}: {read:?}");
        // Reading page by page begins at the start, whatever the setting.
        assert!(gists(&page.log().await)[0].starts_with("bot: Hello!"));
    }
}

#[tokio::test]
async fn a_page_that_has_read_further_than_a_restored_database_hears_what_is_new() {
    let mut house = House::start(Setting::default()).await;
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
    page.post("kept kolibri").await;
    page.shows(&["user: kept kolibri", "bot: …"]).await;
    house.terminate().await;
    let (data, backup) = (house.data_dir(), house.data_dir().with_extension("backup"));
    copy(&data, &backup);
    house.begin().await;
    for n in 0..5 {
        page.post(&format!("forgotten {n} kolibri")).await;
    }
    page.until("all of it", |heard| {
        heard.activities.iter().any(|a| a["text"] == "forgotten 4 kolibri")
    })
    .await;
    page.goes_offline().await;
    house.terminate().await;
    std::fs::remove_dir_all(&data).unwrap();
    copy(&backup, &data);
    house.begin().await;
    // Said while the page is away, under a number that it believes to have read.
    page.post("said meanwhile kolibri").await;
    page.comes_online();
    let hears = |text: &'static str| {
        move |heard: &crate::page::Heard| heard.activities.iter().any(|a| a["text"] == text)
    };
    page.until("what was said meanwhile", hears("said meanwhile kolibri")).await;
    page.post("said afterwards kolibri").await;
    page.until("what is said afterwards", hears("said afterwards kolibri")).await;
    is_answered(&page).await;
    // Polling from far ahead is the same.
    for ahead in ["40", "18446744073709551615"] {
        let path = format!("/activities?watermark={ahead}");
        let set = page.request(Method::GET, &path).send().await.unwrap();
        let set: Value = set.json().await.unwrap();
        let read = gists(set["activities"].as_array().unwrap());
        assert!(read[0].starts_with("bot: Hello!"), "{read:?}");
        assert!(read.contains(&"user: said afterwards kolibri".to_owned()), "{read:?}");
        let end = set["watermark"].as_str().unwrap();
        let path = format!("/activities?watermark={end}");
        let set: Value =
            page.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
        assert_eq!(set, json!({"activities": [], "watermark": end}), "and it goes on from there");
    }
}

/// Waits until the bot has greeted and answered each word.
async fn is_answered(page: &crate::page::Page) {
    crate::page::eventually("the bot answers", || async {
        let log = page.log().await;
        let by = |role: &str| log.iter().filter(|one| one["from"]["role"] == role).count();
        (by("bot") == by("user") + 1).then_some(())
    })
    .await;
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().unwrap().is_dir() {
            copy(&from, &to);
        } else if entry.file_type().unwrap().is_file() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

#[tokio::test]
async fn every_tab_reads_everything_in_the_same_order() {
    let mut door = Door::open().await;
    let mut tabs = Vec::new();
    for _ in 0..4 {
        let token = door.page.token.clone();
        tabs.push(door.house.page_of("dl_kim", &door.page.conversation, token).await);
    }
    for (n, tab) in tabs.iter().enumerate() {
        tab.post_as(&format!("from tab {n} kolibri"), &format!("tab-{n}")).await;
    }
    is_answered(&door.page).await;
    let log = door.page.log().await;
    for tab in &tabs {
        tab.shows_its_log(&log).await;
    }
    door.page.skip_what_was_shown();
    let times: Vec<_> = log.iter().map(|a| a["timestamp"].as_str().unwrap().to_owned()).collect();
    assert!(times.windows(2).all(|two| two[0] < two[1]), "times rise strictly: {times:?}");
    let places: Vec<_> =
        log.iter().map(|a| a["channelData"]["webchat:sequence-id"].as_u64().unwrap()).collect();
    assert_eq!(places, (1..=log.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn typing_is_acknowledged_and_kept_nowhere() {
    let mut door = Door::open().await;
    for kind in ["typing", "conversationUpdate"] {
        let typing = json!({"type": kind, "name": "webchat/join", "from": {"id": "dl_kim"}});
        let told = door.page.request(Method::POST, "/activities").json(&typing);
        let told = told.send().await.unwrap();
        assert_eq!(told.status(), StatusCode::OK, "{kind}");
        let told: Value = told.json().await.unwrap();
        assert!(told["id"].as_str().is_some_and(|id| !id.is_empty()), "{kind}: {told}");
    }
    door.page.post("agent").await;
    let chat = door.house.offered("dl_kim").await;
    door.house.hears(door.house.callbacks().queued).await;
    door.house.desk.accept(&chat).unwrap();
    door.house.hears(door.house.callbacks().accepted).await;
    door.house.desk.typing(&chat, true).unwrap();
    let types = |heard: &crate::page::Heard| heard.activities.iter().any(|a| a["type"] == "typing");
    door.page.until("the agent types", types).await;
    let typing = door.page.arrived().into_iter().find(|a| a["type"] == "typing").unwrap();
    assert!(typing.get("id").is_none() && typing.get("timestamp").is_none(), "{typing}");
    assert_eq!(typing["from"]["role"], "bot");
    let log = door.page.log().await;
    assert!(log.iter().all(|activity| activity["type"] == "message"), "{log:#?}");
}

#[tokio::test]
async fn what_a_page_sends_comes_back_as_it_was_sent() {
    let door = Door::open().await;
    let original = r#"{"type":"message","text":"hi kolibri","locale":"de-DE","localTimezone":"Europe/Berlin","localTimestamp":"2026-11-29T20:15:00.123+01:00","timestamp":"1999-01-01T00:00:00Z","channelId":"webchat","id":"mine","from":{"id":"dl_mallory","role":"bot","x":{"y":1.0}},"n":12345678901234567890.50,"value":{"k":[1.0,2e3]},"entities":[{"type":"ClientCapabilities","requiresBotState":true}],"channelData":{"clientActivityID":"a-1","big":9007199254740993,"deep":{"a":[null,1.50]}}}"#;
    let post = door.post(original).send().await.unwrap();
    let id: Value = post.json().await.unwrap();
    let set = door.page.request(Method::GET, "/activities").send().await.unwrap();
    let set = set.text().await.unwrap();
    for kept in [
        r#""localTimestamp":"2026-11-29T20:15:00.123+01:00""#,
        r#""localTimezone":"Europe/Berlin""#,
        r#""locale":"de-DE""#,
        r#""n":12345678901234567890.50"#,
        r#""value":{"k":[1.0,2e3]}"#,
        r#""entities":[{"type":"ClientCapabilities","requiresBotState":true}]"#,
        r#""x":{"y":1.0}"#,
        r#""channelData":{"clientActivityID":"a-1","big":9007199254740993,"deep":{"a":[null,1.50]},"#,
    ] {
        assert!(set.contains(kept), "{kept} in {set}");
    }
    let set: Value = serde_json::from_str(&set).unwrap();
    let echo = set["activities"].as_array().unwrap().iter().find(|a| a["text"] == "hi kolibri");
    let echo = echo.unwrap();
    assert_eq!(echo["id"], id["id"]);
    assert_eq!((&echo["from"]["id"], &echo["from"]["role"]), (&json!("dl_kim"), &json!("user")));
    assert!(echo["timestamp"].as_str().unwrap() > "2026", "our time, not the page's");
}

#[tokio::test]
async fn an_activity_may_have_as_many_characters_in_any_script() {
    let mut door = Door::open().await;
    let of = |letter: &str, units: usize| {
        let frame = r#"{"type":"message","text":""}"#.len();
        let many = letter.repeat((units - frame) / letter.encode_utf16().count());
        format!(r#"{{"type":"message","text":"{many}"}}"#)
    };
    // 256 Ki code units of UTF-16: one byte, three bytes, four bytes for two of them.
    for letter in ["x", "語", "😀"] {
        let fits = of(letter, 256 * 1024);
        let answer = door.post(fits).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{letter}");
        let beyond = of(letter, 256 * 1024 + 2);
        door.refuses(letter, door.post(beyond), (413, "TooLarge")).await;
    }
    door.page.until("all of them", |heard| heard.activities.len() >= 4).await;
    door.page.skip_what_was_shown();
}

#[tokio::test]
async fn a_long_history_is_read_in_pieces_from_any_place() {
    const WORDS: usize = 450;
    let mut door = Door::open().await;
    for n in 0..WORDS {
        door.page.post(&format!("word {n} kolibri")).await;
    }
    // Over the stream: whoever asked again and again would be told to come back later.
    let answered =
        |heard: &Heard| heard.activities.iter().filter(|one| one["id"].is_string()).count();
    door.page.until("the bot has answered everything", |heard| answered(heard) > 2 * WORDS).await;
    let all = door.page.log().await;
    assert_eq!(all.len(), 1 + 2 * WORDS);
    let again =
        door.house.page_of("dl_kim", &door.page.conversation, door.page.token.clone()).await;
    again.shows_its_log(&all).await;
    let path = format!("/activities?watermark={}", all.len() - 3);
    let last: Value =
        door.page.request(Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(last["activities"].as_array().unwrap()[..], all[all.len() - 3..]);
    door.page.skip_what_was_shown();
}

#[tokio::test]
async fn other_methods_are_answered_sensibly() {
    let door = Door::open().await;
    let secret =
        |method, path: &str| door.call(method, path).bearer_auth(crate::house::DIRECT_LINE_SECRET);
    for (path, allowed) in [
        ("tokens/generate", "POST"),
        ("tokens/refresh", "POST"),
        ("session/getsessionid", "GET,HEAD"),
        ("conversations", "POST"),
        (&door.own(""), "GET,HEAD"),
        (&door.own("/activities"), "GET,HEAD,POST"),
        (&door.own("/stream"), "GET,HEAD"),
        (&door.own("/tokens"), "POST"),
    ] {
        let refused = secret(Method::PUT, path).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(refused.headers()["allow"], allowed, "{path}");
        let asked = door.call(Method::OPTIONS, path).send().await.unwrap();
        assert_eq!(asked.status(), StatusCode::NO_CONTENT, "{path}");
        assert!(asked.headers().contains_key("allow"), "{path}");
    }
    for path in ["", "/activities"] {
        let read = door.page.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(read.status(), StatusCode::OK, "{path}");
        assert_eq!(read.text().await.unwrap(), "", "{path}");
    }
    let head = secret(Method::HEAD, "tokens/generate").send().await.unwrap();
    assert_eq!(head.status(), StatusCode::METHOD_NOT_ALLOWED);
}
