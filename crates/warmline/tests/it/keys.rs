//! Keys are rotated, also while both sides talk and the gateway is killed, and nobody notices.

mod files;
mod leftovers;
mod load;

use std::{path::PathBuf, process::Stdio};

use serde_json::Value;
use simulator::Dialect;
use tokio::time::timeout;

use crate::{
    house::{House, Setting},
    page::eventually,
    process::{WITHIN, command},
};

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
