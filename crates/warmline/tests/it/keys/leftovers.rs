//! What an old master key opens in the files of the data: nothing, once a command says so.

use std::process::Stdio;

use serde_json::Value;
use tokio::time::timeout;

use super::{house, key_file, keys, roots, run, sealed_anew};
use crate::{
    house::{House, Setting},
    process::{WITHIN, command},
};

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
