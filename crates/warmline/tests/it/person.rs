//! One person's data through the real binary: given out while it runs, erased from every byte of the data
//! directory, and not back after any restart or kill.

use std::{os::unix::fs::FileTypeExt, path::Path, time::Duration};

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    console::{self, HASH},
    house::{House, Setting},
    moved_clock::MovedClock,
    page::{Page, gists},
    process::{WITHIN, command},
    retention::after_rounds,
};

const ZOE: &str = "dl_zoe-erased";
const OTHER: &str = "dl_other-stays";
const OTHERS: &str = "user: somebody else's words kolibri";

/// What a file of theirs holds.
const TEXT: &str = "in a file of theirs kolibri";

/// How a command ended, and what it printed.
pub(crate) async fn warmline(house: &House, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(&house.environment);
    let output = timeout(WITHIN * 2, command.args(arguments).output()).await.expect("it ends");
    let output = output.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// What a command prints that does what it should.
async fn done(house: &House, arguments: &[&str]) -> String {
    let (code, out, err) = warmline(house, arguments).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

async fn erases(house: &House, user: &str) -> String {
    done(house, &["person", "erase", "--user", user, "--yes"]).await
}

async fn is_kept(house: &House, user: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let told = done(house, &["person", "export", "--user", user, "--out", &out]).await;
    !told.contains("Nothing is kept")
}

/// Files of a folder that have one of these in their bytes or their names.
pub(crate) fn holding(folder: &Path, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        // Files come and go beside a gateway that runs.
        let Ok(kind) = std::fs::symlink_metadata(&path).map(|of| of.file_type()) else { continue };
        let name = path.display().to_string();
        found.extend(needles.iter().any(|needle| name.contains(needle)).then(|| name.clone()));
        if kind.is_dir() {
            found.extend(holding(&path, needles));
        } else if !kind.is_socket() {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let holds = |needle: &&str| {
                bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
            };
            found.extend(needles.iter().any(holds).then_some(name));
        }
    }
    found
}

async fn house() -> House {
    House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONSOLE_PASSWORD_HASH".to_owned(), HASH.to_owned());
    })
    .await
}

/// They talk with the bot, then with an agent, and show a file; the live chat is open.
async fn talks(house: &mut House, user: &str) -> (Page, String) {
    let page = house.page(user).await;
    page.post("my screen is dark kolibri").await;
    page.post("agent").await;
    let chat = house.offered(user).await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.desk.write(&chat, "the agent's answer kolibri").unwrap();
    house.hears(house.callbacks().accepted + 1).await;
    let sent = page
        .request(Method::POST, &format!("/upload?userId={user}"))
        .header("content-type", "text/plain")
        .header("content-disposition", "name=\"file\"; filename=\"note kolibri.txt\"")
        .body(TEXT);
    assert_eq!(sent.send().await.unwrap().status(), 200);
    page.until("the agent's words", |heard| {
        heard.activities.iter().any(|activity| {
            activity["text"].as_str().is_some_and(|text| text.contains("the agent's answer"))
        })
    })
    .await;
    (page, chat)
}

/// The agent ends it, and nothing of it is on its way any more.
async fn is_over(house: &mut House, chat: &str) {
    house.desk.end(chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
}

/// The entries that were exported, as their lines say.
fn entries(lines: &str) -> Vec<Value> {
    let read = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    read.filter(|line| line["entry"].is_object()).map(|mut line| line["entry"].take()).collect()
}

#[tokio::test]
async fn a_person_is_given_out_and_then_erased_from_every_byte() {
    let mut house = house().await;
    let (mut page, chat) = talks(&mut house, ZOE).await;
    let other = house.page(OTHER).await;
    other.post("somebody else's words kolibri").await;
    let data = house.data_dir();
    let conversation = page.conversation.clone();
    let theirs = [ZOE, conversation.as_str()];

    // As long as an agent is with them nothing is erased.
    let refused = warmline(&house, &["person", "erase", "--user", ZOE, "--yes"]).await;
    assert_eq!((refused.0, refused.1.as_str()), (Some(1), ""));
    assert!(refused.2.contains("(live_chat)") && refused.2.contains("stays until then"));
    is_over(&mut house, &chat).await;
    let told = page.log().await;

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("zoe");
    let place = out.display().to_string();
    let said = done(&house, &["person", "export", "--user", ZOE, "--out", &place]).await;
    assert!(said.contains("1 conversations with 1 live chats"), "{said}");
    let lines = std::fs::read_to_string(out.join("entries.jsonl")).unwrap();
    for words in ["my screen is dark kolibri", "the agent's answer kolibri", "note kolibri.txt"] {
        assert!(lines.contains(words), "{words}: {lines}");
    }
    assert!(!lines.contains("somebody else") && !lines.contains(OTHER), "{lines}");
    assert!(entries(&lines).len() >= told.len(), "everything that they were shown");
    assert_eq!(holding(&out.join("files"), &[TEXT]).len(), 1, "and the file as it was sent");

    // The console gives an admin the same.
    let given = console::inside(&house).await.asks_for("export", "default", ZOE).await;
    assert_eq!(given.status(), StatusCode::OK);
    assert_eq!(given.headers()[header::CONTENT_TYPE], "application/x-ndjson");
    assert!(
        given.headers()[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment")
    );
    assert_eq!(given.headers()[header::CACHE_CONTROL], "no-store");
    let given = given.text().await.unwrap();
    assert_eq!(entries(&given), entries(&lines));
    let last: Value = serde_json::from_str(given.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["exported"]["conversations"], &last["exported"]["files"]),
        (&json!(1), &json!(1))
    );

    page.goes_offline().await;
    assert!(!holding(&data, &theirs).is_empty(), "this looks at the right bytes");
    let said = erases(&house, ZOE).await;
    assert!(said.starts_with("Erased: 1 conversations with 1 live chats, "), "{said}");
    let nowhere = Vec::<String>::new();
    assert_eq!(holding(&data, &theirs), nowhere, "while the gateway runs");
    assert!(erases(&house, ZOE).await.contains("Nothing is kept"));
    assert!(!is_kept(&house, ZOE).await);
    house.restart().await;
    assert_eq!(holding(&data, &theirs), nowhere, "after a kill and a start");
    assert!(gists(&other.log().await).contains(&OTHERS.to_owned()));
    house.terminate().await;
    assert_eq!(holding(&data, &theirs), nowhere, "after an orderly stop");
    // Without a gateway, too: the other one.
    assert!(is_kept(&house, OTHER).await);
    assert!(erases(&house, OTHER).await.starts_with("Erased: 1 conversations"));
    assert_eq!(holding(&data, &[OTHER, &other.conversation]), nowhere);
    house.begin().await;
    assert_eq!(holding(&data, &[ZOE, OTHER]), nowhere);
}

#[tokio::test]
async fn an_admin_erases_a_person_by_the_console_and_it_is_put_down() {
    let mut house = house().await;
    let (mut page, chat) = talks(&mut house, ZOE).await;
    let console = console::inside(&house).await;
    let answer = console.asks_for("erase", "default", ZOE).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    is_over(&mut house, &chat).await;
    page.goes_offline().await;
    let answer = console.asks_for("erase", "default", ZOE).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let erased: Value = answer.json().await.unwrap();
    let erased = &erased["erased"];
    assert_eq!(
        (&erased["conversations"], &erased["sessions"], &erased["files"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(erased["scrubbed"], true);
    assert_eq!(holding(&house.data_dir(), &[ZOE, &page.conversation]), Vec::<String>::new());
    let given = console.asks_for("export", "default", ZOE).await.text().await.unwrap();
    assert_eq!(given.lines().count(), 1, "{given}");

    let trail = done(&house, &["audit", "--json", "--tenant", "default"]).await;
    assert!(!trail.contains(ZOE), "{trail}");
    let records = trail.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let deeds: Vec<_> = records
        .filter(|record| ["erased", "exported"].contains(&record["deed"].as_str().unwrap()))
        .map(|record| {
            assert_eq!(record["name"], "admin", "{record}");
            assert_eq!(record["about"].as_str().unwrap().len(), 32, "a digest: {record}");
            let word = |name: &str| record[name].as_str().unwrap().to_owned();
            format!("{} {}", word("deed"), word("outcome"))
        })
        .collect();
    assert_eq!(deeds, ["erased live_chat", "erased done", "exported begun", "exported done"]);

    // Whoever comes back begins anew.
    let again = house.page(ZOE).await;
    again.post("here again kolibri").await;
    let told = gists(&again.log().await);
    assert!(told.contains(&"user: here again kolibri".to_owned()), "{told:?}");
    assert!(!told.contains(&"user: my screen is dark kolibri".to_owned()), "{told:?}");
}

/// Between 0 and some tens of milliseconds after it was ordered: before it, in its middle, after it.
#[tokio::test]
async fn an_erasure_that_is_killed_anywhere_is_whole_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let mut house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONSOLE_PASSWORD_HASH".to_owned(), HASH.to_owned());
        clock = Some(MovedClock::of(environment, folder.path(), 0));
    })
    .await;
    let clock = clock.unwrap();
    let other = house.page(OTHER).await;
    other.post("somebody else's words kolibri").await;
    let data = house.data_dir();
    for (nth, after) in [1, 3, 6, 10, 15, 25, 40, 80].into_iter().enumerate() {
        let user = format!("dl_killed-{nth}-");
        let mut page = house.page(&user).await;
        for words in 0..30 {
            page.post(&format!("words {words} kolibri")).await;
        }
        page.goes_offline().await;
        let console = console::inside(&house).await;
        let ordered = tokio::spawn({
            let user = user.clone();
            async move { console.tries_to_erase(&user).await }
        });
        tokio::time::sleep(Duration::from_millis(after)).await;
        house.kill().await;
        let answered = ordered.await.unwrap();
        clock.passes(0);
        house.begin().await;
        let kept = is_kept(&house, &user).await;
        assert!(!(kept && answered), "what was answered is done");
        if kept {
            // It had not begun, and so it is all there.
            let again = house.page_again(&user, &page.conversation).await;
            let said = again.log().await.iter().filter(|one| one["from"]["id"] == *user).count();
            assert_eq!(said, 30, "half of it is gone");
            drop(again);
            erases(&house, &user).await;
        } else if !holding(&data, &[&user]).is_empty() {
            // Nobody orders it again: the gateway brings it to its end.
            after_rounds(&house, &clock, "the rest is gone", || async {
                holding(&data, &[&user]).is_empty().then_some(())
            })
            .await;
        }
        let left = holding(&data, &[&user, &page.conversation]);
        assert_eq!(left, Vec::<String>::new(), "{user} after {after} ms");
    }
    let again = house.page_again(OTHER, &other.conversation).await;
    assert!(gists(&again.log().await).contains(&OTHERS.to_owned()));
}

#[tokio::test]
async fn under_a_tenant_that_is_not_there_nothing_kept_is_no_answer() {
    let mut house = House::start(Setting::default()).await;
    let page = house.page(ZOE).await;
    house.says(&page, "words of zoe").await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    for order in [&["erase", "--yes"][..], &["export", "--out", &out]] {
        let asked = [&["person"], order, &["--tenant", "defualt", "--user", ZOE]].concat();
        let (code, said, error) = warmline(&house, &asked).await;
        assert_eq!((code, said.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains("no tenant defualt") && error.contains("are: default"), "{error}");
    }
    assert!(is_kept(&house, ZOE).await);
    assert!(!is_kept(&house, "somebody else").await, "of a tenant that is there it is one");
}
