//! Words past their time, with the real binary and its clocks moved: gone for whoever has the master key, and
//! for copies of the database that were taken before.

use std::{path::Path, time::Duration};

use crate::{
    house::{House, Setting},
    moved_clock::MovedClock,
    page::{Page, eventually, gists},
    person::{holding, warmline},
};

const USER: &str = "dl_kim";
const OLD: &str = "user: old words kolibri";

/// In milliseconds.
const HOUR: i64 = 60 * 60_000;

/// Bot talk is kept for a day, and a stretch of it may be a day long.
const TOO_OLD: i64 = 49 * HOUR;

/// A round begins a minute after the start, and then every quarter of an hour.
const A_ROUND: i64 = 16 * 60_000;

/// Between two looks: a page may not ask as often as it can.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What the log says of a round that shredded something.
const DONE: &str = "what was kept long enough is shredded";

async fn house_with_clock() -> (House, MovedClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let house = House::start_with(Setting::default(), |environment| {
        clock = Some(MovedClock::of(environment, folder.path(), 0));
    })
    .await;
    (house, clock.unwrap(), folder)
}

/// Somebody says something to the bot, and nothing of it is on its way any more.
async fn says(house: &House, words: &str) -> Page {
    let page = house.page(USER).await;
    page.post(words).await;
    // The bot's answer is the last of it; what waits keeps words.
    let answered = |activity: &serde_json::Value| {
        activity["text"].as_str().is_some_and(|text| text.starts_with("I do not know that one."))
    };
    page.until("the bot answers", |heard| heard.activities.iter().any(answered)).await;
    page
}

/// The database as a backup has it: every file but those of the keys.
fn backup(data: &Path, to: &Path) {
    for name in ["warmline.db", "warmline.db-wal"] {
        std::fs::copy(data.join(name), to.join(name)).unwrap();
    }
}

fn restore(from: &Path, data: &Path) {
    for name in ["warmline.db", "warmline.db-wal"] {
        std::fs::copy(from.join(name), data.join(name)).unwrap();
    }
    std::fs::remove_file(data.join("warmline.db-shm")).ok();
}

/// What the user is shown, and what an operator is given, of the conversation.
async fn told(house: &House, conversation: &str) -> (Vec<String>, String) {
    let page = house.page_again(USER, conversation).await;
    let shown = gists(&page.log().await);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let place = out.display().to_string();
    let export = ["person", "export", "--user", USER, "--out", &place];
    let (code, _, err) = warmline(house, &export).await;
    assert_eq!((code, err.as_str()), (Some(0), ""));
    (shown, std::fs::read_to_string(out.join("entries.jsonl")).unwrap())
}

/// One round after the other begins, until there is something to see. A gateway that starts has not begun to
/// wait for its first one at once, so its clock is moved again and again.
pub(crate) async fn after_rounds<T, F>(
    house: &House,
    clock: &MovedClock,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Option<T>>,
{
    let mut passed = 0;
    eventually(what, || {
        passed += A_ROUND;
        clock.passes(passed);
        let looked = look();
        async {
            // Whatever comes in wakes it.
            house.http.get(format!("{}/healthz", house.origin())).send().await.ok();
            tokio::time::sleep(LOOK_EVERY).await;
            looked.await
        }
    })
    .await
}

#[tokio::test]
async fn words_past_their_time_open_for_nobody_and_from_no_copy_of_the_database() {
    let (mut house, clock, _folder) = house_with_clock().await;
    let mut page = says(&house, "old words kolibri").await;
    page.goes_offline().await;
    let copy = tempfile::tempdir().unwrap();
    backup(&house.data_dir(), copy.path());
    let before = told(&house, &page.conversation).await;
    assert!(before.0.contains(&OLD.to_owned()) && before.1.contains("old words kolibri"));

    clock.set(TOO_OLD);
    after_rounds(&house, &clock, "a round shreds something", || async {
        house.logged().contains(DONE).then_some(())
    })
    .await;
    let gone = |told: &(Vec<String>, String)| {
        assert!(!told.0.contains(&OLD.to_owned()), "{:?}", told.0);
        assert!(!told.1.contains("old words") && told.1.contains("{\"gap\":"), "{}", told.1);
    };
    gone(&told(&house, &page.conversation).await);
    // What is said from now on can be read as ever.
    let now = house.page_again(USER, &page.conversation).await;
    now.post("new words kolibri").await;
    assert!(gists(&now.log().await).contains(&"user: new words kolibri".to_owned()));
    drop(now);

    // Everything that was there before but the keys, with the same master key.
    house.kill().await;
    let data = house.data_dir();
    restore(copy.path(), &data);
    house.begin().await;
    gone(&told(&house, &page.conversation).await);
    house.kill().await;
    restore(copy.path(), &data);
    for name in ["keys.db", "keys.db-wal", "keys.db-shm"] {
        std::fs::remove_file(data.join(name)).ok();
    }
    house.begin().await;
    gone(&told(&house, &page.conversation).await);
}

#[tokio::test]
async fn a_shredding_that_is_killed_anywhere_is_whole_after_the_next_start() {
    let (mut house, clock, _folder) = house_with_clock().await;
    let mut by = 0;
    for after in [0, 5, 20, 60, 120, 250] {
        let mut page = says(&house, "old words kolibri").await;
        page.goes_offline().await;
        let conversation = page.conversation.clone();
        by += TOO_OLD;
        clock.set(by);
        clock.passes(A_ROUND);
        // It wakes, and its round is cut.
        house.http.get(format!("{}/healthz", house.origin())).send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(after)).await;
        house.kill().await;
        clock.passes(0);
        house.begin().await;
        let again = house.page_again(USER, &conversation).await;
        after_rounds(&house, &clock, "nothing of it is left", || async {
            (!gists(&again.log().await).contains(&OLD.to_owned())).then_some(())
        })
        .await;
        drop(again);
        // The conversation itself is kept, with gaps.
        assert!(!holding(&house.data_dir(), &[&conversation]).is_empty());
        let (_, export) = told(&house, &conversation).await;
        assert!(export.contains("{\"gap\":") && !export.contains("old words"), "{export}");
    }
}
