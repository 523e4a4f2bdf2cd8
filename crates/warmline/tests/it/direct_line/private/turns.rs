//! The gateway's keys for messages take turns, and pages and streams go on.

use serde_json::Value;
use tokio::sync::watch;

use super::{
    WORDS,
    page::{Private, keys, text, texts},
};
use crate::direct_line::Door;

#[tokio::test]
async fn keys_outlive_a_restart_and_nothing_of_them_lies_open() {
    let mut door = Door::open().await;
    let page = Private::of(&door).await;
    door.house.terminate().await;
    door.house.begin().await;
    assert_eq!(keys(&door.house).await["keys"], page.keys["keys"]);
    let (_, read) = page.reads().await;
    assert!(!read.is_empty());
}

/// Messages of each page: all of them, and the bot's answers, are in one answer to a page that reads.
const LINES: usize = 30;

/// How often the keys are rotated meanwhile.
const ROTATIONS: usize = 4;

/// Says so much, each after the one before was taken; tells how often the key was refused. As
/// docs/message-encryption.md says: `unknown_key` is answered with keys fetched anew, and the same message.
async fn says_all(door: &Door, page: &mut Private, of: &str, said: &watch::Sender<usize>) -> usize {
    let mut refused = 0;
    for n in 0..LINES {
        let (words, id) = (format!("{WORDS} {of} {n:03}"), format!("{of}-{n}"));
        let mut posted = page.post(&page.says(&words, &id)).send().await.unwrap();
        if posted.status() == 400 {
            let body: Value = posted.json().await.unwrap();
            assert_eq!(body["error"]["code"], "unknown_key", "{body}");
            page.keys = keys(&door.house).await;
            refused += 1;
            posted = page.post(&page.says(&words, &id)).send().await.unwrap();
        }
        assert_eq!(posted.status(), 200, "{words}");
        said.send_modify(|count| *count += 1);
    }
    refused
}

#[tokio::test]
async fn keys_for_messages_are_rotated_under_load_with_no_failed_message() {
    let door = Door::open().await;
    let (mut one, mut other) = (Private::of(&door).await, Private::of(&door).await);
    let first = text(&one.keys["keys"][0]["kid"]);
    let (said, mut count) = watch::channel(0);
    let rotates = async {
        let mut made = Vec::new();
        for n in 1..=ROTATIONS {
            let moment = n * 2 * LINES / (ROTATIONS + 1);
            count.wait_for(|count| *count >= moment).await.unwrap();
            let seen = crate::keys::keys(&door.house, &["rotate-messages"]).await;
            let [key] = seen["messages"].as_array().unwrap().as_slice() else { panic!("{seen}") };
            made.push(text(&key["id"]));
        }
        made
    };
    let (refused, again, made) = tokio::join!(
        says_all(&door, &mut one, "one", &said),
        says_all(&door, &mut other, "two", &said),
        rotates,
    );
    assert!(refused + again >= ROTATIONS, "pages were told: {refused}, {again}");
    assert!(refused <= ROTATIONS && again <= ROTATIONS, "each key is refused once to a page");
    let page = Private::of(&door).await;
    let published: Vec<_> = page.keys["keys"].as_array().unwrap().iter().collect();
    assert_eq!(published.len(), 1, "{published:?}");
    assert_eq!(published[0]["kid"], *made.last().unwrap());
    assert!(!made.contains(&first));
    for (of, reader) in [("one", &page), ("two", &page)] {
        let (_, read) = reader.reads().await;
        let shown = texts(&read)
            .into_iter()
            .filter(|text| text.contains(&format!(" {of} ")))
            .map(str::to_owned);
        let expected: Vec<_> = (0..LINES).map(|n| format!("{WORDS} {of} {n:03}")).collect();
        assert_eq!(shown.collect::<Vec<_>>(), expected, "all of it, in order, once");
    }
    // Who did it is in the trail.
    let trail = crate::keys::run(&door.house, &["audit", "--json"]).await.unwrap();
    for id in made {
        let of_it = |line: &&str| line.contains("key_rotated") && line.contains(&id);
        let record = trail.lines().find(of_it).unwrap_or_else(|| panic!("{id} in {trail}"));
        assert!(record.contains(&format!("message {id}")) && record.contains("done"), "{record}");
    }
}

#[tokio::test]
async fn a_stream_under_way_goes_on_when_the_key_that_began_it_is_ended() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let sealed = |frame: &str| -> Value {
        let set: Value = serde_json::from_str(frame).unwrap();
        set["activities"][0]["channelData"]["warmline"]["sealed"].clone()
    };
    let mut stream = page.stream(&door.house).await;
    let begun = sealed(&stream.next_frame().await);
    crate::keys::keys(&door.house, &["rotate-messages"]).await;
    door.page.post(WORDS).await;
    let then = sealed(&stream.next_frame().await);
    // The same context, whose secret nobody has who merely has the gateway's key.
    assert_eq!(then["enc"], begun["enc"]);
    assert!(then["seq"].as_u64() > begun["seq"].as_u64());
}
