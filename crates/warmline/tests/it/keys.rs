//! Keys are rotated while both sides talk, the gateway is killed while everything is sealed anew, and
//! nobody notices.

use std::{path::PathBuf, process::Stdio, sync::Arc};

use reqwest::Method;
use serde_json::Value;
use simulator::Dialect;
use tokio::{sync::watch, task::JoinSet, time::timeout};

use crate::{
    house::{House, Setting},
    page::{Page, eventually, gists},
    process::{WITHIN, command},
    traffic::{self, Talk},
};

const CHATS: usize = 3;

/// Lines of each side of each chat.
const LINES: usize = 60;

/// A house whose master key lies in its data directory.
async fn house() -> House {
    let setting =
        Setting { dialect: Dialect::ServiceNow, reads_messages: true, ..Setting::default() };
    House::start_with(setting, |environment| {
        environment.remove("WARMLINE_MASTER_KEY");
    })
    .await
}

fn key_file(house: &House) -> PathBuf {
    house.data_dir().join("master.key")
}

/// What a command prints, and whether it did what it should.
pub(crate) async fn run(house: &House, arguments: &[&str]) -> Result<String, String> {
    let mut command = command(&house.environment);
    command.args(arguments).stdin(Stdio::null());
    let output = timeout(WITHIN, command.output()).await.expect("it ends in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    for secret in house.secrets() {
        assert!(!out.contains(&secret) && !err.contains(&secret), "{secret}: {out}{err}");
    }
    if output.status.success() { Ok(out) } else { Err(err) }
}

pub(crate) async fn keys(house: &House, arguments: &[&str]) -> Value {
    let mut all = vec!["keys", "--json"];
    all.extend(arguments);
    serde_json::from_str(&run(house, &all).await.unwrap()).unwrap()
}

fn roots(seen: &Value) -> Vec<String> {
    let roots = seen["roots"].as_array().unwrap();
    roots.iter().map(|root| root["id"].as_str().unwrap().to_owned()).collect()
}

fn left(seen: &Value) -> u64 {
    seen["left"].as_object().unwrap().values().map(|left| left.as_u64().unwrap()).sum()
}

/// Waits until everything is sealed under the current key.
async fn sealed_anew(house: &House) -> Value {
    eventually("everything is sealed anew", || async {
        let seen = keys(house, &["status"]).await;
        (left(&seen) == 0 && seen["percent"] == 100).then_some(seen)
    })
    .await
}

#[tokio::test]
async fn rotation_of_every_kind_of_key_under_load_with_no_failed_message() {
    let mut house = house().await;
    let first_key = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(first_key.trim());
    run(&house, &["secret", "list"]).await.unwrap();
    let mut talks = Vec::new();
    for n in 0..CHATS {
        let mut talk = traffic::connect(&mut house, &format!("dl_user-{n}")).await;
        talk.page.signs_anew = true;
        talks.push(Arc::new(talk));
    }
    let progress = Arc::new(watch::Sender::new(0));
    let (mut talking, mut writing) = (JoinSet::new(), JoinSet::new());
    for (n, talk) in talks.iter().cloned().enumerate() {
        talking.spawn(traffic::user_talks(talk.clone(), LINES, progress.clone()));
        let (desk, origin) = (house.desk.clone(), house.origin());
        let agent = traffic::agent_talks(desk, talk, LINES, origin, progress.clone());
        writing.spawn(async move { (n, agent.await) });
    }
    // Every key in turn, each at a moment that is counted in acknowledged lines.
    for n in 0..6 {
        let mut acknowledged = progress.subscribe();
        let moment = (n + 1) * CHATS * LINES * 2 / 8;
        let reached = acknowledged.wait_for(|count| *count >= moment);
        timeout(WITHIN * 2, reached).await.expect("the talk goes on").unwrap();
        match n % 2 {
            0 => drop(keys(&house, &["rotate"]).await),
            _ => drop(run(&house, &["keys", "rotate-master"]).await.unwrap()),
        }
        house.hides(std::fs::read_to_string(key_file(&house)).unwrap().trim());
    }
    while let Some(done) = talking.join_next().await {
        done.unwrap();
    }
    while let Some(done) = writing.join_next().await {
        let (n, said) = done.unwrap();
        assert!(said.lost.is_empty(), "no callback failed: {:?}", said.lost);
        traffic::check(Dialect::ServiceNow, &house.desk, &talks[n], LINES, &said).await;
    }
    let seen = sealed_anew(&house).await;
    assert_eq!(roots(&seen).len(), 4, "old ones stay while what they signed is good: {seen}");
    killed_while_sealing_anew(&mut house, &talks).await;
    old_keys_open_nothing(&mut house, &first_key, &talks[0].page).await;
}

/// Killed right after another key became current, the rest is done by the next life.
async fn killed_while_sealing_anew(house: &mut House, talks: &[Arc<Talk>]) {
    let mut before = Vec::new();
    for talk in talks {
        before.push(gists(&talk.page.log().await));
    }
    let seen = keys(house, &["rotate"]).await;
    house.restart().await;
    let current = roots(&seen).pop();
    assert_eq!(roots(&sealed_anew(house).await).pop(), current);
    for (talk, before) in talks.iter().zip(before) {
        assert_eq!(gists(&talk.page.log().await), before, "{}", talk.page.user);
    }
}

/// Retired root keys end what they signed; an old master key opens nothing.
async fn old_keys_open_nothing(house: &mut House, first_key: &str, page: &Page) {
    let path = "/activities";
    let status = || async { page.request(Method::GET, path).send().await.unwrap().status() };
    assert_eq!(status().await, 200, "no page is thrown out by a rotation");
    let mut all = roots(&keys(house, &["status"]).await);
    all.pop();
    for root in all {
        drop(keys(house, &["retire", &root]).await);
    }
    assert_eq!(roots(&keys(house, &["status"]).await).len(), 1);
    assert_eq!(status().await, 403, "a retired key ends its tokens");
    let again = house.page("dl_new").await;
    again.post("hello").await;
    house.terminate().await;
    let now = std::fs::read_to_string(key_file(house)).unwrap();
    std::fs::write(key_file(house), first_key).unwrap();
    let refused = run(house, &["keys", "status"]).await.unwrap_err();
    assert!(refused.contains("the master key is not the one"), "{refused}");
    std::fs::write(key_file(house), now).unwrap();
    // Without a gateway the command does the same.
    run(house, &["keys", "rotate-master"]).await.unwrap();
    let seen = keys(house, &["rotate"]).await;
    assert!(left(&seen) > 0, "{seen}");
    house.begin().await;
    sealed_anew(house).await;
    let told = gists(&again.log().await);
    assert!(told.iter().any(|gist| gist == "user: hello"), "{told:?}");
}

/// The ring as it is kept, sealed.
fn ring(house: &House) -> Vec<u8> {
    let database = rusqlite::Connection::open(house.data_dir().join("warmline.db")).unwrap();
    database
        .query_row("SELECT value FROM setting WHERE name = 'key ring'", [], |row| row.get(0))
        .unwrap()
}

/// Copies of the files of a running gateway, with their logs and without, open with no such key; and none of
/// these blobs is left in them.
async fn running_files_open_nothing(house: &House, old_key: &str, blobs: &[Vec<u8>]) {
    const FILES: [&str; 4] = ["warmline.db", "keys.db", "warmline.db-wal", "keys.db-wal"];
    for files in [&FILES[..2], &FILES[..]] {
        let copy = tempfile::tempdir().unwrap();
        for name in files {
            std::fs::copy(house.data_dir().join(name), copy.path().join(name)).unwrap();
            let bytes = std::fs::read(copy.path().join(name)).unwrap();
            for blob in blobs {
                // Long values are cut at the ends of pages: a piece of the middle is enough.
                let piece = &blob[blob.len() / 3..][..32];
                assert!(!bytes.windows(32).any(|window| window == piece), "{name}");
            }
        }
        let key = copy.path().join("master.key");
        std::fs::write(&key, old_key).unwrap();
        std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let mut environment = house.environment.clone();
        environment.remove("WARMLINE_MASTER_KEY");
        environment.insert("WARMLINE_DATA_DIR".to_owned(), copy.path().display().to_string());
        let mut command = command(&environment);
        let output = command.args(["keys", "status"]).stdin(Stdio::null()).output();
        let output = timeout(WITHIN, output).await.expect("it ends in time").unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{files:?}");
        assert!(told.contains("the master key is not the one"), "{told}");
    }
}

#[tokio::test]
async fn files_of_a_running_gateway_open_with_no_old_key_once_the_command_says_so() {
    let mut house = house().await;
    let first_key = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(first_key.trim());
    let page = house.page("dl_zoe").await;
    page.post("hello").await;
    let mut rings = vec![ring(&house)];
    // What it sealed lies in the main file, and the gateway has little to do from here on.
    house.terminate().await;
    house.begin().await;
    run(&house, &["keys", "rotate-master"]).await.unwrap();
    house.hides(std::fs::read_to_string(key_file(&house)).unwrap().trim());
    running_files_open_nothing(&house, &first_key, &rings).await;
    rings.push(ring(&house));
    let old = roots(&keys(&house, &["rotate"]).await)[0].clone();
    rings.push(ring(&house));
    sealed_anew(&house).await;
    let seen = keys(&house, &["retire", &old]).await;
    assert_eq!((roots(&seen).len(), &seen["in_files"]), (1, &Value::Bool(false)), "{seen}");
    running_files_open_nothing(&house, &first_key, &rings).await;
    // With the new one all is there.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let order = ["person", "export", "--user", "dl_zoe", "--out", out.to_str().unwrap()];
    run(&house, &order).await.unwrap();
    let lines = std::fs::read_to_string(out.join("entries.jsonl")).unwrap();
    assert!(lines.contains("hello"), "{lines}");
}

/// Between two keys both open the ring; the start with the new one ends that, and leaves no such ring.
#[tokio::test]
async fn a_start_with_the_new_master_key_leaves_nothing_that_the_old_one_opens() {
    let mut house = House::start(Setting::default()).await;
    let old = house.environment["WARMLINE_MASTER_KEY"].clone();
    let path = house.data_dir().with_file_name("new.key");
    let order = ["keys", "rotate-master", "--new-key", path.to_str().unwrap()];
    run(&house, &order).await.unwrap();
    let new = std::fs::read_to_string(&path).unwrap().trim().to_owned();
    house.hides(&new);
    let both = ring(&house);
    house.kill().await;
    house.environment.insert("WARMLINE_MASTER_KEY".to_owned(), new);
    house.begin().await;
    running_files_open_nothing(&house, &old, &[both]).await;
}

#[tokio::test]
async fn while_somebody_reads_the_files_no_command_says_that_the_old_key_opens_nothing() {
    let house = house().await;
    let first_key = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(first_key.trim());
    let old = ring(&house);
    // As a backup does, for as long as it takes.
    let reader = rusqlite::Connection::open(house.data_dir().join("warmline.db")).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM setting;").unwrap();
    let refused = run(&house, &["keys", "rotate-master"]).await.unwrap_err();
    house.hides(std::fs::read_to_string(key_file(&house)).unwrap().trim());
    assert!(refused.contains("still_in_files") && refused.contains("is replaced"), "{refused}");
    assert_eq!(keys(&house, &["status"]).await["in_files"], true);
    drop(reader);
    // The next order that takes something out of the files does that as well.
    run(&house, &["keys", "rotate-master"]).await.unwrap();
    house.hides(std::fs::read_to_string(key_file(&house)).unwrap().trim());
    assert_eq!(keys(&house, &["status"]).await["in_files"], false);
    running_files_open_nothing(&house, &first_key, &[old]).await;
}

/// Files of a conversation, each longer than what is sealed at once.
const FILES: usize = 12;

fn text_of_file(n: usize) -> String {
    format!("line {n} of a file\n").repeat(8_000)
}

/// Opens every file of the page's under the address that it has now; gives back the addresses.
async fn reads_files(page: &Page) -> Vec<String> {
    let mut addresses = Vec::new();
    for activity in page.log().await {
        let Some(address) = activity["attachments"][0]["contentUrl"].as_str() else { continue };
        let got = reqwest::get(address).await.unwrap();
        assert_eq!(got.status(), 200, "{activity}");
        assert!(got.text().await.unwrap() == text_of_file(addresses.len()), "{activity}");
        addresses.push(address.to_owned());
    }
    assert_eq!(addresses.len(), FILES);
    addresses
}

#[tokio::test]
async fn files_are_read_through_a_rotation_and_a_kill_and_need_no_old_key() {
    const USER: &str = "dl_zoe";
    let mut house = House::start(Setting::default()).await;
    let page = house.page(USER).await;
    for n in 0..FILES {
        let sent = page
            .request(Method::POST, &format!("/upload?userId={USER}"))
            .header("content-type", "text/plain")
            .header("content-disposition", format!("name=\"file\"; filename=\"{n}.txt\""))
            .body(text_of_file(n));
        assert_eq!(sent.send().await.unwrap().status(), 200);
    }
    let seen = keys(&house, &["rotate"]).await;
    let old = roots(&seen)[0].clone();
    assert!(seen["files"].as_u64().unwrap() > 0, "{seen}");
    // Killed while they are copied, nothing is lost.
    house.restart().await;
    reads_files(&page).await;
    eventually("all are wrapped anew", || async {
        (keys(&house, &["status"]).await["files"] == 0).then_some(())
    })
    .await;
    let addresses = reads_files(&page).await;
    let left = roots(&keys(&house, &["retire", &old]).await);
    let [current] = left.as_slice() else { panic!("{left:?}") };
    for address in addresses {
        assert_eq!(reqwest::get(address).await.unwrap().status(), 404, "the old key signed it");
    }
    let there = std::fs::read_dir(house.data_dir().join("files")).unwrap();
    let there: Vec<_> = there.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(there.len(), FILES, "nothing unfinished is left: {there:?}");
    for file in there {
        // Version, length, and the wrapped key's own version stand before the root key's name.
        let name = std::fs::read(&file).unwrap()[4..8].try_into().unwrap();
        assert_eq!(&format!("{:08x}", u32::from_be_bytes(name)), current, "{}", file.display());
    }
}

#[tokio::test]
async fn the_key_in_use_in_its_own_place_is_no_rotation() {
    let house = house().await;
    let in_use = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(in_use.trim());
    let copy = house.data_dir().with_file_name("copy.key");
    std::fs::write(&copy, &in_use).unwrap();
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let order = ["keys", "rotate-master", "--new-key", copy.to_str().unwrap()];
    let refused = run(&house, &order).await.unwrap_err();
    assert!(refused.contains("is the key in use"), "{refused}");
    assert_eq!(std::fs::read_to_string(key_file(&house)).unwrap(), in_use);
}

/// As a try that was cut short leaves one; this one somebody else put there.
#[tokio::test]
async fn a_key_that_lies_beside_the_one_in_use_is_looked_at_like_any_other() {
    let house = house().await;
    let in_use = std::fs::read_to_string(key_file(&house)).unwrap();
    house.hides(in_use.trim());
    let next = key_file(&house).with_extension("key.next");
    for (key, why) in [("ab".repeat(32), "repeats a few bytes"), (in_use.clone(), "the key in use")]
    {
        std::fs::write(&next, key).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&next, mode).unwrap();
        let refused = run(&house, &["keys", "rotate-master"]).await.unwrap_err();
        assert!(refused.contains(why) && refused.contains("master.key.next"), "{refused}");
        assert_eq!(std::fs::read_to_string(key_file(&house)).unwrap(), in_use);
    }
    std::fs::remove_file(&next).unwrap();
    run(&house, &["keys", "rotate-master"]).await.unwrap();
    assert_ne!(std::fs::read_to_string(key_file(&house)).unwrap(), in_use);
}

#[tokio::test]
async fn a_secret_is_rotated_to_a_new_value_and_only_if_there_is_one() {
    let house = house().await;
    let refused = run(&house, &["secret", "rotate", "webhook", "--generate"]).await.unwrap_err();
    assert!(refused.contains("there is no secret webhook"), "{refused}");
    let mut set = command(&house.environment);
    set.args(["secret", "set", "webhook"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = set.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut input, b"kolibri-1\n").await.unwrap();
    drop(input);
    assert!(timeout(WITHIN, child.wait()).await.unwrap().unwrap().success());
    let told = run(&house, &["secret", "rotate", "webhook", "--generate"]).await.unwrap();
    let value = told.lines().next().unwrap();
    assert!(value.len() == 64 && value.chars().all(|digit| digit.is_ascii_hexdigit()), "{told}");
    assert_eq!(run(&house, &["secret", "list"]).await.unwrap(), "webhook\n");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_core_is_dumped_and_nobody_looks_into_the_process() {
    let house = house().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", house.gateway().id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
}
