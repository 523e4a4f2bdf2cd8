//! Files of conversations through a rotation, a volume that is not mounted, and a damaged disk.

use std::process::Stdio;

use reqwest::Method;
use serde_json::Value;
use tokio::time::timeout;

use super::{keys, roots, run};
use crate::{
    house::{House, Setting},
    page::{Page, eventually},
    process::{WITHIN, command},
};

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
    let there = house.files();
    assert_eq!(there.len(), FILES, "nothing unfinished is left: {there:?}");
    for file in there {
        // Version, length, and the wrapped key's own version stand before the root key's name.
        let name = std::fs::read(&file).unwrap()[4..8].try_into().unwrap();
        assert_eq!(&format!("{:08x}", u32::from_be_bytes(name)), current, "{}", file.display());
    }
}

/// Brings one file; gives back the status, and its address if it was taken.
async fn brings_one(page: &Page, user: &str) -> (u16, Option<String>) {
    let sent = page
        .request(Method::POST, &format!("/upload?userId={user}"))
        .header("content-type", "text/plain")
        .header("content-disposition", "name=\"file\"; filename=\"one.txt\"")
        .body("it lies on a volume of its own");
    let status = sent.send().await.unwrap().status().as_u16();
    let address = if status == 200 { Some(address_in(page).await) } else { None };
    (status, address)
}

/// The address that the newest file of the page has now.
async fn address_in(page: &Page) -> String {
    let log = page.log().await;
    let address = |one: &Value| one["attachments"][0]["contentUrl"].as_str().map(str::to_owned);
    log.iter().rev().find_map(address).unwrap()
}

async fn got(address: &str) -> (u16, String) {
    let answer = reqwest::get(address).await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn files_at_readyz(house: &House) -> Value {
    let ready = reqwest::get(format!("{}/readyz", house.origin())).await.unwrap();
    assert_eq!(ready.status(), 200, "chats go on");
    ready.json::<Value>().await.unwrap()["files"].clone()
}

/// What `warmline check` finds of the place of the files.
async fn checked(house: &House) -> Value {
    let mut command = command(&house.environment);
    command.args(["check", "--json"]).stdin(Stdio::null());
    let output = timeout(WITHIN * 3, command.output()).await.expect("it ends").unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = told["checks"].as_array().unwrap();
    checks.iter().find(|one| one["check"] == "data.place").unwrap().clone()
}

#[tokio::test]
async fn a_volume_that_is_not_mounted_costs_no_file_its_key() {
    const USER: &str = "dl_zoe";
    let mut house = House::start(Setting::default()).await;
    house.provokes("FILES ARE AWAY");
    house.provokes("cannot be sealed anew");
    let page = house.page(USER).await;
    let (status, address) = brings_one(&page, USER).await;
    let (folder, away) = (house.data_dir().join("files"), house.data_dir().join("away"));
    assert_eq!((status, checked(&house).await["code"].as_str()), (200, Some("known")));
    house.terminate().await;
    // As beneath a mount point, at a start.
    std::fs::rename(&folder, &away).unwrap();
    std::fs::create_dir(&folder).unwrap();
    house.begin().await;
    assert_eq!(files_at_readyz(&house).await, "absent");
    let found = checked(&house).await;
    assert_eq!((found["status"].as_str(), found["code"].as_str()), (Some("fail"), Some("absent")));
    let seen = keys(&house, &["rotate"]).await;
    let old = roots(&seen)[0].clone();
    assert!(seen["files_unseen"].as_str().unwrap().contains("warmline-files-place"), "{seen}");
    let refused = run(&house, &["keys", "retire", &old]).await.unwrap_err();
    assert!(refused.contains("files_away") && refused.contains("not mounted"), "{refused}");
    page.post("chats go on").await;
    assert_eq!(brings_one(&page, USER).await.0, 503, "nothing is written beneath");
    let (status, told) = got(&address_in(&page).await).await;
    assert!(status == 503 && told.contains("files_away"), "it is away, not gone: {status} {told}");
    assert!(house.files().is_empty(), "{:?}", house.files());
    std::fs::remove_dir(&folder).unwrap();
    std::fs::rename(&away, &folder).unwrap();
    let words = (200, "it lies on a volume of its own".to_owned());
    assert_eq!(got(&address_in(&page).await).await, words, "it is back");
    // Each order has it looked at again.
    eventually("it is wrapped anew, and the old key can go", || async {
        run(&house, &["keys", "retire", &old]).await.ok()
    })
    .await;
    assert_eq!(files_at_readyz(&house).await, Value::Null);
    assert_eq!(roots(&keys(&house, &["status"]).await).len(), 1);
    assert_eq!(got(&address.unwrap()).await.0, 404, "the old key signed it");
    // The file itself opens: under the new one, since the old one is gone.
    let out = house.data_dir().with_file_name("out");
    let export = ["person", "export", "--user", USER, "--out", out.to_str().unwrap()];
    run(&house, &export).await.unwrap();
    assert_eq!(crate::person::holding(&out, &["on a volume of its own"]).len(), 1);
}

#[tokio::test]
async fn files_begin_anew_in_another_place_by_order_only() {
    const USER: &str = "dl_zoe";
    let mut house = House::start(Setting::default()).await;
    house.provokes("FILES ARE AWAY");
    let page = house.page(USER).await;
    assert_eq!(brings_one(&page, USER).await.0, 200);
    house.terminate().await;
    std::fs::remove_dir_all(house.data_dir().join("files")).unwrap();
    house.begin().await;
    assert_eq!(brings_one(&page, USER).await.0, 503);
    let told = run(&house, &["files", "accept-place", "--yes"]).await.unwrap();
    assert!(told.contains("from now on"), "{told}");
    let told = run(&house, &["files", "accept-place", "--yes"]).await.unwrap();
    assert!(told.contains("nothing was changed"), "{told}");
    assert_eq!(brings_one(&page, USER).await.0, 200);
    house.restart().await;
    assert_eq!(files_at_readyz(&house).await, Value::Null);
    let audit = run(&house, &["audit", "--deed", "files_place_accepted", "--json"]).await.unwrap();
    assert_eq!(audit.matches("files_place_accepted").count(), 2, "{audit}");
}

#[tokio::test]
async fn a_file_that_was_damaged_on_the_disk_is_gone_for_good_and_told_of_once() {
    const USER: &str = "dl_zoe";
    let mut house = House::start(Setting::default()).await;
    house.provokes("a file is damaged where it lies");
    let page = house.page(USER).await;
    let (_, address) = brings_one(&page, USER).await;
    let [file] = house.files().try_into().unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    for _ in 0..3 {
        let answer = reqwest::get(address.as_ref().unwrap()).await.unwrap();
        assert_eq!(answer.status(), 410);
        assert!(!answer.headers().contains_key("retry-after"), "it does not come back");
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"]["code"], "file_damaged", "{told}");
        assert!(told["error"]["message"].as_str().unwrap().len() > 20, "{told}");
    }
    let logged = house.logged().matches("a file is damaged where it lies").count();
    assert_eq!(logged, 1, "once");
}
