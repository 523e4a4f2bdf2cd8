//! Messages that are sealed between the browser and the gateway, and what is refused.

mod page;
mod turns;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use hpke::aead::{AesGcm128, AesGcm256};
use reqwest::Method;
use serde_json::{Value, json};

use super::Door;
use crate::page::eventually;

pub(crate) use page::Private;
use page::{bytes, texts};

const WORDS: &str = "canary kolibri";

/// The same house, where the bot comes to require it; the page is not there any more.
async fn required() -> Door {
    let mut door = Door::open().await;
    door.page.goes_offline().await;
    let required = ("WARMLINE_MESSAGE_ENCRYPTION".to_owned(), "required".to_owned());
    door.house.environment.extend([required]);
    door.house.restart().await;
    door
}

#[tokio::test]
async fn a_sealed_message_is_taken_and_read_sealed_by_each_reader_with_a_key_of_its_own() {
    let mut door = Door::open().await;
    let (tab, other) = (Private::of(&door).await, Private::of(&door).await);
    let posted = tab.says(WORDS, "m-1");
    let answer = tab.post(&posted).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let first: Value = answer.json().await.unwrap();
    // The same request again is the same message.
    let again: Value = tab.post(&posted).send().await.unwrap().json().await.unwrap();
    assert_eq!(first, again);
    // A page without a key reads as before, where keys are only offered.
    door.page.shows(&["user: canary kolibri", "bot: …"]).await;
    for reader in [&tab, &other] {
        let (came, opened) = reader.reads().await;
        assert!(!came.contains("kolibri") && !came.contains("Hello"), "{came}");
        let texts = texts(&opened);
        assert_eq!(texts.iter().filter(|text| **text == WORDS).count(), 1, "{texts:?}");
        assert!(texts.len() >= 3, "the history as well: {texts:?}");
        let echo = opened.iter().find(|one| one["text"] == WORDS).unwrap();
        assert_eq!(echo["channelData"]["clientActivityID"], "m-1");
    }
}

#[tokio::test]
async fn what_does_not_fit_its_envelope_is_refused_and_changes_nothing() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let message = json!({"type": "message", "text": super::BAD, "from": {"id": "dl_kim"}});
    let envelope = |change: &dyn Fn(&mut Value)| {
        let mut body = page.sealed(&message, "bad-1");
        change(&mut body["channelData"]["warmline"]["sealed"]);
        body
    };
    let flipped = |member: &'static str| {
        envelope(&|sealed| {
            let mut raw = bytes(&sealed[member]);
            raw[5] ^= 1;
            sealed[member] = json!(BASE64.encode(raw));
        })
    };
    let sealed_at =
        |at: &str| page.sealed_as::<AesGcm256>(&message, "bad-1", &page.conversation, at);
    let mut renamed = page.sealed(&message, "bad-1");
    renamed["channelData"]["clientActivityID"] = json!("bad-2");
    let mut unnamed = page.sealed(&message, "bad-1");
    unnamed["channelData"].as_object_mut().unwrap().remove("clientActivityID");
    let long = json!({"type": "message", "text": "x".repeat(256 * 1024 + 1)});
    let opens_not = (400, "does_not_open");
    for (what, body, expected) in [
        ("a changed text", flipped("ct"), opens_not),
        ("a changed encapsulation", flipped("enc"), opens_not),
        ("no base64", envelope(&|sealed| sealed["ct"] = json!("%%")), opens_not),
        ("a short encapsulation", envelope(&|sealed| sealed["enc"] = json!("AAAA")), opens_not),
        (
            "another's time",
            envelope(&|sealed| sealed["at"] = json!(page.at().replace('Z', "+00:00"))),
            opens_not,
        ),
        ("another id", renamed, opens_not),
        (
            "another suite",
            page.sealed_as::<AesGcm128>(&message, "bad-1", &page.conversation, &page.at()),
            opens_not,
        ),
        (
            "for another conversation",
            page.sealed_as::<AesGcm256>(&message, "bad-1", "elsewhere", &page.at()),
            opens_not,
        ),
        (
            "a key that is not there",
            envelope(&|sealed| sealed["kid"] = json!("0011223344556677")),
            (400, "unknown_key"),
        ),
        ("a later version", envelope(&|sealed| sealed["v"] = json!(2)), (400, "unknown_suite")),
        ("long ago", sealed_at("2020-01-01T00:00:00.000Z"), (409, "replayed")),
        ("in times to come", sealed_at("2090-01-01T00:00:00.000Z"), (409, "replayed")),
        ("at no time", sealed_at("yesterday"), (400, "BadArgument")),
        ("half an envelope", envelope(&|sealed| sealed["ct"] = Value::Null), (400, "BadArgument")),
        ("without an id outside", unnamed, (400, "MissingProperty")),
        ("too long", page.sealed(&long, "bad-1"), (413, "TooLarge")),
        (
            "nothing in it",
            page.sealed(&json!({"type": "message"}), "bad-1"),
            (400, "MissingProperty"),
        ),
        ("no type in it", page.sealed(&json!({"text": "x"}), "bad-1"), (400, "BadArgument")),
    ] {
        door.refuses(what, page.post(&body), expected).await;
    }
    let (_, read) = page.reads().await;
    assert!(!texts(&read).iter().any(|text| text.contains("kolibri")), "{read:?}");
}

#[tokio::test]
async fn what_is_no_key_for_a_reader_is_refused() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let present = |body: Value| {
        door.call(Method::POST, &door.own("/reader")).bearer_auth(&door.page.token).json(&body)
    };
    let suite = page.keys["keys"][0]["suite"].clone();
    for (what, body, expected) in [
        ("no key", json!({}), (400, "BadArgument")),
        ("a short key", json!({"suite": suite, "publicKey": "AAAA"}), (400, "BadArgument")),
        (
            "a point that agrees on nothing",
            json!({"suite": suite, "publicKey": BASE64.encode([0; 32])}),
            (400, "BadArgument"),
        ),
        (
            "a suite that is not spoken",
            json!({"suite": {"kem": 16, "kdf": 1, "aead": 1}, "publicKey": page.public}),
            (400, "unknown_suite"),
        ),
    ] {
        door.refuses(what, present(body), expected).await;
    }
}

#[tokio::test]
async fn an_envelope_counts_once_and_in_its_own_conversation_only() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let ends = page.sealed(&json!({"type": "endOfConversation"}), "end-1");
    assert_eq!(page.post(&ends).send().await.unwrap().status(), 200);
    door.refuses("an end again", page.post(&ends), (409, "replayed")).await;
    let other = door.house.page("dl_mallory").await;
    let said = page.says(super::BAD, "m-1");
    let elsewhere = other.request(Method::POST, "/activities").json(&said);
    door.refuses("to another conversation", elsewhere, (400, "does_not_open")).await;
}

#[tokio::test]
async fn where_it_is_required_nothing_passes_in_the_clear() {
    let door = required().await;
    let plain = json!({"type": "message", "text": super::BAD, "from": {"id": "dl_kim"}});
    let token = &door.page.token;
    let call = |method, path: &str| door.call(method, &door.own(path)).bearer_auth(token);
    let start = door.call(Method::POST, "conversations").bearer_auth(token);
    let refused = (400, "encryption_required");
    let types = json!({"type": "typing"});
    for (what, request) in [
        ("said in the clear", call(Method::POST, "/activities").json(&plain)),
        ("typed in the clear", call(Method::POST, "/activities").json(&types)),
        ("read in the clear", call(Method::GET, "/activities")),
        ("started in the clear", start),
        ("come back in the clear", call(Method::GET, "")),
    ] {
        door.refuses(what, request, refused).await;
    }
    let page = Private::of(&door).await;
    door.refuses("with a key, in the clear", page.post(&plain), refused).await;
    assert_eq!(page.post(&page.says(WORDS, "m-1")).send().await.unwrap().status(), 200);
    eventually("the bot answers", || async {
        let (came, opened) = page.reads().await;
        assert!(!came.contains("kolibri"), "{came}");
        (texts(&opened).len() >= 2).then_some(())
    })
    .await;
    let (_, read) = page.reads().await;
    assert!(!texts(&read).contains(&super::BAD), "{read:?}");
}

#[tokio::test]
async fn the_words_beside_a_file_are_sealed_and_the_file_takes_its_place_in_them() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let activity = json!({
        "type": "message", "text": WORDS,
        "attachments": [{"contentType": "text/plain", "name": "note.txt"}],
    });
    let sealed = page.sealed(&activity, "file-1").to_string();
    let part = |head: &str, body: &str| format!("--edge\r\n{head}\r\n\r\n{body}\r\n");
    let body = [
        part(
            "Content-Disposition: form-data; name=\"activity\"\r\n\
             Content-Type: application/vnd.microsoft.activity",
            &sealed,
        ),
        part(
            "Content-Disposition: form-data; name=\"file\"; filename=\"note.txt\"\r\n\
             Content-Type: text/plain",
            "a note",
        ),
        "--edge--\r\n".to_owned(),
    ]
    .concat();
    let upload = door.call(Method::POST, &door.own("/upload")).bearer_auth(&page.token);
    let upload = upload.header("content-type", "multipart/form-data; boundary=edge").body(body);
    let answer = upload.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let (_, read) = page.reads().await;
    let shown = read.iter().find(|one| one["text"] == WORDS).unwrap();
    let [file] = &shown["attachments"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!(file["name"], "note.txt");
    assert!(file["contentUrl"].as_str().unwrap().contains("/files/"), "{file}");
}

#[tokio::test]
async fn a_stream_is_sealed_to_the_key_of_the_token_that_opens_it() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let frame = page.stream(&door.house).await.next_frame().await;
    assert!(!frame.contains("Hello"), "{frame}");
    let opened = page.opened(&frame);
    assert!(texts(&opened)[0].starts_with("Hello!"), "{opened:?}");
}
