//! What an earlier version kept on the disk, opened by this one.
//!
//! Each folder below `tests/fixtures` is a data directory with something of everything, made by the
//! version of that schema, and what its pages showed then. The gateway opens a copy of it twice: with the clock of
//! then, when everything is still under way, and with today's, when everything is late.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use simulator::{Fault, Times, Webhook};

use crate::{
    desk,
    house::{House, Setting},
    moved_clock::{MovedClock, system_time},
    page::{Page, gists},
    process::WITHIN,
};

/// The file in a data directory.
const DATABASE: &str = "warmline.db";

/// The files in a data directory, and their names as fixtures. The second one came with version 6.
const KEPT: [(&str, &str); 2] = [(DATABASE, "data.sqlite"), ("keys.db", "keys.sqlite")];

/// What was shown then.
const SHOWN_KEPT: &str = "shown.json";

/// Set to a folder, the data that this version makes are kept there: the next version's fixture.
const KEEP_IN: &str = "WARMLINE_TEST_KEEP_FIXTURE";

/// So many words of one user that the log has entries that point far back, and that some keys of
/// repeats have left the row of the conversation.
const LONG_TALK: usize = 70;

/// What a data directory holds, as its pages showed it.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    /// Milliseconds since 1970, after the last word.
    at: i64,
    talks: Vec<Talk>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Talk {
    user: String,
    conversation: String,
    /// Id, time and gist of each entry.
    log: Vec<(String, String, String)>,
}

impl Talk {
    async fn of(page: &Page) -> Self {
        let log = page.log().await;
        page.shows_its_log(&log).await;
        Self { user: page.user.clone(), conversation: page.conversation.clone(), log: seen(&log) }
    }
}

fn seen(log: &[Value]) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let gists = gists(log);
    let seen = log.iter().zip(gists);
    seen.map(|(entry, gist)| (text(&entry["id"]), text(&entry["timestamp"]), gist)).collect()
}

/// Fills a house with something of everything.
async fn make(house: &mut House) -> Made {
    let mut pages = Vec::new();
    let bot = house.page("dl_bot").await;
    for n in 0..LONG_TALK {
        bot.post_as(&format!("question {n} kolibri"), &format!("question-{n}")).await;
    }
    let both = |heard: &crate::page::Heard| {
        crate::page::distinct(&heard.activities).len() == 1 + 2 * LONG_TALK
    };
    bot.until("an answer to each", both).await;
    pages.push(bot);

    house.desk.inject(Fault::Forbidden, Times::Once);
    let mut refused = house.page("dl_refused").await;
    refused.shows(&["bot: Hello!…"]).await;
    refused.post("agent").await;
    let told = ["user: agent", "notice asked", "notice failed", "notice back_with_bot", "bot: …"];
    refused.shows(&told).await;
    pages.push(refused);

    let (ended, chat) = live(house, "dl_ended").await;
    house.desk.end(&chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    ended.until("the bot has it again", |heard| shows(heard, "back_with_bot")).await;
    ended.post("and now kolibri").await;
    pages.push(ended);

    let waiting = house.page("dl_waiting").await;
    waiting.post("agent").await;
    house.offered("dl_waiting").await;
    house.hears(house.callbacks().queued).await;
    for words in ["first held kolibri", "second held kolibri"] {
        waiting.post(words).await;
    }
    pages.push(waiting);

    pages.push(live(house, "dl_live").await.0);

    let (unsent, _) = live(house, "dl_unsent").await;
    house.desk.set_down(true);
    for words in ["this waits kolibri", "and this kolibri"] {
        unsent.post(words).await;
    }
    let tried = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().back().is_some_and(|entry| entry.status == 503)
    };
    house.desk.wait_until(tried, WITHIN).await.expect("it was tried");
    pages.push(unsent);

    let mut talks = Vec::new();
    for page in &pages {
        talks.push(Talk::of(page).await);
    }
    Made { at: system_time(), talks }
}

fn notice(activity: &Value) -> Value {
    activity["channelData"]["warmline"]["notice"].clone()
}

fn shows(heard: &crate::page::Heard, key: &str) -> bool {
    heard.activities.iter().any(|activity| notice(activity)["key"] == key)
}

/// A live chat in which both have spoken.
async fn live(house: &mut House, user: &str) -> (Page, String) {
    let page = house.page(user).await;
    page.post("agent").await;
    let chat = house.offered(user).await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.desk.write(&chat, "how can I help? kolibri").unwrap();
    house.hears(1).await;
    page.post("it is dark kolibri").await;
    desk::until_sent(&house.desk, user, &["AGENT", "says it is dark kolibri"]).await;
    (page, chat)
}

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

/// A house on a copy of the fixture, opened this long after it was made. Its instance tells nothing
/// by itself.
async fn house_of_then(version: &str, after: Duration) -> (House, Made) {
    let made = std::fs::read(fixture(version).join(SHOWN_KEPT)).unwrap();
    let made: Made = serde_json::from_slice(&made).unwrap();
    let opened = made.at + i64::try_from(after.as_millis()).unwrap();
    let house = House::start_with(Setting::default(), |environment| {
        let data = PathBuf::from(&environment["WARMLINE_DATA_DIR"]);
        std::fs::create_dir(&data).unwrap();
        for (name, kept) in KEPT {
            let kept = fixture(version).join(kept);
            if name == DATABASE || kept.exists() {
                std::fs::copy(kept, data.join(name)).unwrap();
            }
        }
        MovedClock::of(environment, &data, opened - system_time());
    })
    .await;
    // It knows nothing of chats of then, and would take each for a stranger's.
    house.desk.set_webhook(Webhook::default());
    (house, made)
}

/// Every page that comes back sees what it saw then, to the letter.
async fn pages_of(house: &House, made: &Made) -> Vec<Page> {
    let mut pages = Vec::new();
    for talk in &made.talks {
        let mut page = house.page_again(&talk.user, &talk.conversation).await;
        let log = seen(&page.log().await);
        assert!(log.len() >= talk.log.len(), "{}: {log:#?}", talk.user);
        assert_eq!(log[..talk.log.len()], talk.log, "{}", talk.user);
        let gists: Vec<_> = talk.log.iter().map(|(_, _, gist)| gist.as_str()).collect();
        page.shows(&gists).await;
        pages.push(page);
    }
    pages
}

fn page<'a>(pages: &'a mut [Page], user: &str) -> &'a mut Page {
    pages.iter_mut().find(|page| page.user == user).expect("it was made")
}

/// The open or ended chat of a user, read off the database.
fn session_of(house: &House, user: &str) -> (String, String, String) {
    let file = rusqlite::Connection::open(house.data_dir().join(DATABASE)).unwrap();
    let row = file.query_row(
        "SELECT id, status, reason FROM session WHERE user = ?1 ORDER BY opened_at DESC LIMIT 1",
        [user],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    );
    row.unwrap()
}

/// An agent's words, as the product posts them.
async fn agent_says(house: &House, user: &str, words: &str) {
    let (session, ..) = session_of(house, user);
    let said = json!({
        "requestId": format!("{session}.1"), "clientSessionId": session, "userId": user,
        "agentChat": true, "completed": false,
        "body": [{
            "uiType": "OutputText", "group": "DefaultText", "value": words,
            "messageId": words, "agentInfo": {"agentName": "Dana", "sentFromAgent": true},
        }],
    });
    assert_eq!(house.posts(&said).await.0, 200, "{words}");
}

/// Everything is still under way, and goes on as if nothing had happened.
async fn goes_on(house: &mut House, made: &Made) {
    let mut pages = pages_of(house, made).await;
    let unsent = ["says this waits kolibri", "says and this kolibri"];
    desk::until_sent(&house.desk, "dl_unsent", &unsent).await;

    agent_says(house, "dl_live", "still there? kolibri").await;
    let live = page(&mut pages, "dl_live");
    live.shows(&["agent: Dana: still there? kolibri"]).await;
    live.post("yes kolibri").await;
    live.shows(&["user: yes kolibri"]).await;
    desk::until_sent(&house.desk, "dl_live", &["says yes kolibri"]).await;

    agent_says(house, "dl_waiting", "here I am kolibri").await;
    let told = ["notice connected", "agent: Dana: here I am kolibri"];
    page(&mut pages, "dl_waiting").shows(&told).await;
    let held = ["says first held kolibri", "says second held kolibri"];
    desk::until_sent(&house.desk, "dl_waiting", &held).await;

    // A repeat gets the answer of then, whether its key is near or has been put away.
    let bot = page(&mut pages, "dl_bot");
    for n in [0, LONG_TALK - 1] {
        let again = bot.post_as(&format!("question {n} kolibri"), &format!("question-{n}")).await;
        let first = format!("user: question {n} kolibri");
        let first = made.talks[0].log.iter().find(|(_, _, gist)| *gist == first).unwrap();
        assert_eq!(again, first.0);
    }
    for user in ["dl_bot", "dl_refused", "dl_ended"] {
        let page = page(&mut pages, user);
        page.post("and now? kolibri").await;
        page.shows(&["user: and now? kolibri", "bot: I do not know…"]).await;
        page.shows_nothing_more().await;
    }
}

#[tokio::test]
async fn what_this_version_keeps_is_taken_over_by_itself() {
    let mut house = House::start(Setting::default()).await;
    let made = make(&mut house).await;
    house.kill().await;
    for (name, _) in KEPT {
        let folded = rusqlite::Connection::open(house.data_dir().join(name)).unwrap();
        folded.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    }
    if let Some(folder) = std::env::var_os(KEEP_IN).map(PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, kept) in KEPT {
            std::fs::copy(house.data_dir().join(name), folder.join(kept)).unwrap();
        }
        let shown = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(folder.join(SHOWN_KEPT), shown + "\n").unwrap();
    }
    house.desk.set_webhook(Webhook::default());
    house.begin().await;
    let before = house.desk.ledger().len();
    house.desk.set_down(false);
    let mut pages = pages_of(&house, &made).await;
    let arrived = |seen: &simulator::Snapshot<'_>| {
        let later = seen.ledger().iter().skip(before).filter(|entry| entry.status == 200);
        let words: Vec<_> = later.map(|entry| entry.body["message"]["text"].clone()).collect();
        words.ends_with(&["this waits kolibri".into(), "and this kolibri".into()])
    };
    house.desk.wait_until(arrived, WITHIN).await.expect("what waited is delivered");
    agent_says(&house, "dl_waiting", "here I am kolibri").await;
    let told = ["notice connected", "agent: Dana: here I am kolibri"];
    page(&mut pages, "dl_waiting").shows(&told).await;
}

#[tokio::test]
async fn what_version_1_kept_goes_on_where_it_was() {
    let (mut house, made) = house_of_then("v1", Duration::from_secs(1)).await;
    goes_on(&mut house, &made).await;
}

#[tokio::test]
async fn what_version_3_kept_goes_on_where_it_was() {
    let (mut house, made) = house_of_then("v3", Duration::from_secs(1)).await;
    goes_on(&mut house, &made).await;
}

#[tokio::test]
async fn what_version_5_kept_goes_on_where_it_was() {
    let (mut house, made) = house_of_then("v5", Duration::from_secs(1)).await;
    goes_on(&mut house, &made).await;
}

/// Whoever waits for a start that takes its time sees what it is at; one that has nothing to do says nothing.
#[tokio::test]
async fn each_step_from_an_earlier_version_is_in_the_log() {
    let taken_over = |house: &House| -> Vec<(i64, i64)> {
        let log = house.logged();
        let told = log.lines().filter(|line| line.contains("data are taken over"));
        let number = |line: &str, name: &str| -> i64 {
            let (_, rest) = line.split_once(name).expect(name);
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        told.map(|line| (number(line, " from="), number(line, " to="))).collect()
    };
    let (mut house, _) = house_of_then("v5", Duration::from_secs(1)).await;
    assert_eq!(taken_over(&house), [(5, 6), (6, 7), (7, 8), (8, 9)]);
    house.terminate().await;
    house.begin().await;
    assert_eq!(taken_over(&house).len(), 4, "it is done");
    let house = House::start(Setting::default()).await;
    assert_eq!(taken_over(&house), [], "new data");
}

#[tokio::test]
async fn what_version_7_kept_goes_on_where_it_was() {
    let (mut house, made) = house_of_then("v7", Duration::from_secs(1)).await;
    goes_on(&mut house, &made).await;
}

#[tokio::test]
async fn what_version_8_kept_goes_on_where_it_was() {
    let (mut house, made) = house_of_then("v8", Duration::from_secs(1)).await;
    goes_on(&mut house, &made).await;
}

#[tokio::test]
async fn what_version_1_kept_ends_in_words_when_it_is_opened_long_after() {
    let (house, made) = house_of_then("v1", Duration::from_hours(48)).await;
    let mut pages = pages_of(&house, &made).await;
    for (user, reasons) in [
        ("dl_waiting", &["waited_too_long"][..]),
        ("dl_live", &["lost"]),
        // The deadline and the budget of what waits have both passed; whichever is seen first.
        ("dl_unsent", &["lost", "unreachable"]),
    ] {
        let page = page(&mut pages, user);
        page.until("the end is told", |heard| shows(heard, "back_with_bot")).await;
        let (_, status, why) = session_of(&house, user);
        assert_eq!(status, "fail", "{user}");
        assert!(reasons.contains(&why.as_str()), "{user}: {why}");
        assert!(
            page.arrived().iter().any(|a| notice(a) == json!({"key": "failed", "reason": why}))
        );
        let ended = |seen: &simulator::Snapshot<'_>| {
            let mut of_user = seen.ledger().iter().filter(|entry| entry.body["userId"] == user);
            of_user.any(|entry| entry.body["action"] == "END_CONVERSATION" && entry.status == 200)
        };
        house.desk.wait_until(ended, WITHIN).await.expect("no agent meets a ghost");
        // And a person can be had again.
        page.skip_what_was_shown();
        page.post("agent").await;
        house.offered(user).await;
    }
    let unsent = page(&mut pages, "dl_unsent");
    unsent.until("what was lost is told", |heard| shows(heard, "undelivered")).await;
    let read = gists(&unsent.log().await);
    assert_eq!(read.iter().filter(|gist| *gist == "notice undelivered").count(), 1);
}

#[tokio::test]
async fn what_a_later_version_kept_is_refused_in_one_sentence_and_left_alone() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let file = house.data_dir().join(DATABASE);
    let later = rusqlite::Connection::open(&file).unwrap();
    later.pragma_update(None, "user_version", 1_000).unwrap();
    drop(later);
    let before = std::fs::read(&file).unwrap();
    let sentence = crate::starting::refusal(&house.environment).await;
    assert!(sentence.contains("newer"), "{sentence}");
    assert_eq!(std::fs::read(&file).unwrap(), before, "nothing in it was touched");
}
