//! What the container image and the systemd unit rely on is there.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tokio::time::timeout;

use crate::{
    house::{House, Setting},
    process::{Process, WITHIN, command},
    starting::refusal,
};

const FILES: [&str; 2] = ["Dockerfile", "packaging/warmline.service"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap()
}

/// The values of a unit's or an image's key.
fn values<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| line.trim().strip_prefix(key))
}

#[test]
fn what_the_image_copies_is_there_and_not_ignored() {
    let (image, ignored) = (text("Dockerfile"), text(".dockerignore"));
    let mut copied = 0;
    for line in values(&image, "COPY ").filter(|line| !line.starts_with("--from")) {
        let words: Vec<_> = line.split_whitespace().collect();
        for source in &words[..words.len() - 1] {
            assert!(root().join(source).exists(), "{source}");
            let top = source.split('/').next().unwrap();
            assert!(ignored.lines().any(|line| line.starts_with(&format!("!{top}"))), "{source}");
            copied += 1;
        }
    }
    assert!(copied >= 8, "{copied} sources");
}

#[tokio::test]
async fn the_commands_that_the_packages_start_exist() {
    let (image, unit) = (text("Dockerfile"), text("packaging/warmline.service"));
    let health = image.split_once("CMD [\"/usr/local/bin/warmline\", \"").unwrap().1;
    let image_starts = values(&image, "CMD [\"").last().unwrap();
    let unit_starts = values(&unit, "ExecStart=/usr/local/bin/warmline ").next().unwrap();
    let commands: BTreeSet<_> =
        [health, image_starts].map(|text| text.split('"').next().unwrap()).into();
    assert_eq!(commands, BTreeSet::from(["health", "serve"]));
    assert_eq!(unit_starts, "serve");
    for name in commands {
        let help = command(&crate::process::Environment::new()).args([name, "--help"]).output();
        assert!(help.await.unwrap().status.success(), "{name}");
    }
}

#[test]
fn the_settings_in_the_packages_are_settings_and_none_is_a_secret() {
    let settings = text("docs/configuration.md");
    for file in FILES {
        let text = text(file);
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
        let names: BTreeSet<_> = words.filter(|word| word.starts_with("WARMLINE_")).collect();
        assert!(!names.is_empty(), "{file}");
        for name in names {
            assert!(settings.contains(&format!("`{name}`")), "{name} of {file}");
            let secret = ["SECRET", "PASSWORD", "TOKEN"].iter().any(|part| name.contains(part));
            assert!(!secret && name != "WARMLINE_MASTER_KEY", "{name} in {file}");
        }
    }
}

/// A supervisor that kills before that cuts requests.
#[test]
fn the_unit_waits_for_an_orderly_end() {
    let limits = text("docs/limits.md");
    let seconds = |constant: &str| -> u64 {
        let row = limits.lines().find(|line| line.contains(constant)).unwrap();
        let value = row.split_once("Duration::from_secs(").unwrap().1;
        value.split(')').next().unwrap().parse().unwrap()
    };
    let needed = seconds("`REQUESTS_END_WITHIN`") + seconds("`FINISH_WITHIN` in `gateway/src/dis");
    let unit = text("packaging/warmline.service");
    let given: u64 = values(&unit, "TimeoutStopSec=").next().unwrap().parse().unwrap();
    assert!(given > needed, "{given} s for {needed} s");
}

#[tokio::test]
async fn health_is_told_by_the_exit_code() {
    let mut house = House::start(Setting::default()).await;
    let health = async |house: &House| {
        let asked = command(&house.environment).arg("health").output();
        let output = timeout(WITHIN, asked).await.unwrap().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(health(&house).await, (Some(0), String::new()));
    // What was set wrong since is no illness of a gateway that runs.
    let good = house.environment.clone();
    house.environment.remove("SERVICENOW_CLIENT_ID");
    house.environment.insert("WARMLINE_LANGUAGE".to_owned(), "klingon".to_owned());
    assert_eq!(health(&house).await, (Some(0), String::new()));
    house.environment = good;
    house.terminate().await;
    let (code, said) = health(&house).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("no gateway is alive"), "{said}");
}

/// systemd lets a service read its credentials by an access list, which shows as mode 0440.
#[tokio::test]
async fn a_master_key_that_a_service_manager_hands_over_is_taken() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("master.key");
    let mut environment = house.environment.clone();
    std::fs::write(&key, environment.remove("WARMLINE_MASTER_KEY").unwrap()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o440)).unwrap();
    environment.insert("WARMLINE_MASTER_KEY_FILE".to_owned(), key.display().to_string());
    assert!(refusal(&environment).await.contains("WARMLINE_MASTER_KEY_FILE"));
    let credentials = folder.path().display().to_string();
    environment.insert("CREDENTIALS_DIRECTORY".to_owned(), credentials);
    let log = folder.path().join("log");
    assert!(Process::start(&environment, &log).await.terminate().await.success());
    let world = std::fs::Permissions::from_mode(0o444);
    std::fs::set_permissions(&key, world).unwrap();
    assert!(refusal(&environment).await.contains("WARMLINE_MASTER_KEY_FILE"));
}
