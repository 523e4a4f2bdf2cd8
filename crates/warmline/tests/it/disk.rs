//! What lies on the disk.

use std::{os::unix::fs::FileTypeExt, path::Path};

use crate::{
    house::{CANARY, House, Setting},
    page::Page,
    process::WITHIN,
    search::Search,
};

#[tokio::test]
async fn nothing_said_is_on_disk_in_the_clear() {
    let mut house = House::start(Setting::default()).await;
    let mut page = talk(&mut house).await;
    house.restart().await;
    house.says(&page, "after a restart kolibri").await;
    page.until("its echo", |heard| {
        heard.activities.iter().any(|activity| activity["text"] == "after a restart kolibri")
    })
    .await;
    page.skip_what_was_shown();
    house.kill().await;
    // As a crash leaves it: what was written last is still in the write-ahead log.
    let bytes = everything_in(&house.data_dir());
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(&page.conversation), "this looks at the right bytes: keys are in the clear");
    assert!(!holds(CANARY), "something that was said");
    assert!(!holds("Dana"), "the agent's name");
    assert!(!holds("Live Agent Support."), "the words of a request");
    assert_eq!(Search::of(house.secrets()).found_in(&bytes), None, "lies on the disk");
    house.begin().await;
}

/// Something of everything that is stored: bot talk, words that wait, a live chat, its end.
async fn talk(house: &mut House) -> Page {
    let page = house.page("dl_kim").await;
    for words in ["my screen is dark kolibri", "agent", "are you there? kolibri"] {
        page.post(words).await;
    }
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.desk.write(&chat, "look at kolibri").unwrap();
    house.hears(house.callbacks().accepted + 1).await;
    house.desk.set_down(true);
    page.post("this waits in the outbox kolibri").await;
    let refused = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().back().is_some_and(|entry| entry.status == 503)
    };
    house.desk.wait_until(refused, WITHIN).await.expect("it was tried");
    page
}

pub(crate) fn everything_in(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if std::fs::metadata(&path).unwrap().file_type().is_socket() {
            // Left by a kill; it holds nothing.
            continue;
        }
        bytes.extend(if path.is_dir() {
            everything_in(&path)
        } else {
            std::fs::read(path).unwrap()
        });
        files += 1;
    }
    // Nobody sent a file here.
    assert!(files > 0 || folder.ends_with("files"), "{} holds something", folder.display());
    bytes
}
