//! Messages that are sealed between the browser and the gateway: another implementation of the format
//! that docs/message-encryption.md describes, and what is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use futures_util::StreamExt as _;
use hpke::{
    Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _,
    aead::{AesGcm128, AesGcm256},
    kdf::HkdfSha256,
    kem::X25519HkdfSha256 as Kem,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::Door;
use crate::page::eventually;

type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type PublicKey = <Kem as hpke::Kem>::PublicKey;

const WORDS: &str = "canary kolibri";

/// A page with a key of its own.
struct Private {
    own: PrivateKey,
    public: String,
    keys: Value,
    token: String,
    conversation: String,
    user: String,
}

fn bound(parts: &[&str]) -> Vec<u8> {
    let part =
        |part: &&str| [&u32::try_from(part.len()).unwrap().to_be_bytes(), part.as_bytes()].concat();
    parts.iter().flat_map(part).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}

fn bytes(value: &Value) -> Vec<u8> {
    BASE64.decode(text(value)).unwrap()
}

async fn keys(door: &Door) -> Value {
    let address = format!("{}/.well-known/warmline-keys", door.house.origin());
    let answer = door.house.http.get(address).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-cache");
    assert_eq!(answer.headers()["access-control-allow-origin"], "*");
    answer.json().await.unwrap()
}

impl Private {
    async fn of(door: &Door) -> Self {
        let (own, public) = Kem::gen_keypair();
        let public = BASE64.encode(public.to_bytes());
        let keys = keys(door).await;
        let mut page = Self {
            own,
            public,
            keys,
            token: door.page.token.clone(),
            conversation: door.page.conversation.clone(),
            user: door.page.user.clone(),
        };
        let presented = json!({"suite": page.keys["keys"][0]["suite"], "publicKey": page.public});
        let asked = door.call(Method::POST, &door.own("/reader")).bearer_auth(&page.token);
        let answer = asked.json(&presented).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        page.token = text(&answer.json::<Value>().await.unwrap()["token"]);
        page
    }

    fn at(&self) -> String {
        text(&self.keys["now"])
    }

    /// An activity in its envelope, as this page posts it to the conversation.
    fn sealed(&self, activity: &Value, id: &str) -> Value {
        self.sealed_as::<AesGcm256>(activity, id, &self.conversation, &self.at())
    }

    fn sealed_as<A: hpke::aead::Aead>(
        &self,
        activity: &Value,
        id: &str,
        conversation: &str,
        at: &str,
    ) -> Value {
        let key = &self.keys["keys"][0];
        let to = PublicKey::from_bytes(&bytes(&key["publicKey"])).unwrap();
        let info = "warmline message 1 to gateway";
        let mut activity = activity.clone();
        activity["channelData"] = json!({"clientActivityID": id});
        let (enc, ct) = hpke::single_shot_seal::<A, HkdfSha256, Kem>(
            &OpModeS::Base,
            &to,
            info.as_bytes(),
            activity.to_string().as_bytes(),
            &bound(&[info, conversation, &self.user, id, at]),
        )
        .unwrap();
        let sealed = json!({
            "v": 1, "kid": key["kid"], "enc": BASE64.encode(enc.to_bytes()), "at": at,
            "ct": BASE64.encode(ct),
        });
        json!({
            "type": "message",
            "from": {"id": self.user},
            "channelData": {"clientActivityID": id, "warmline": {"sealed": sealed}},
        })
    }

    fn says(&self, words: &str, id: &str) -> Value {
        self.sealed(&json!({"type": "message", "text": words, "from": {"id": self.user}}), id)
    }

    fn post(&self, door: &Door, body: &Value) -> reqwest::RequestBuilder {
        door.call(Method::POST, &door.own("/activities")).bearer_auth(&self.token).json(body)
    }

    /// What a page that polls gets, as it came and opened.
    async fn reads(&self, door: &Door) -> (String, Vec<Value>) {
        let asked = door.call(Method::GET, &door.own("/activities")).bearer_auth(&self.token);
        let came = asked.send().await.unwrap().text().await.unwrap();
        let set: Value = serde_json::from_str(&came).unwrap();
        (came, self.opened(&set))
    }

    /// Opens all of a set, which was sealed with one context.
    fn opened(&self, set: &Value) -> Vec<Value> {
        let info = "warmline message 1 to reader";
        let mut context = None;
        let open = |activity: &Value| {
            let sealed = &activity["channelData"]["warmline"]["sealed"];
            let context = context.get_or_insert_with(|| {
                let all = self.keys["keys"].as_array().unwrap();
                let from = all.iter().find(|key| key["kid"] == sealed["kid"]).unwrap();
                let from = PublicKey::from_bytes(&bytes(&from["publicKey"])).unwrap();
                let enc =
                    <Kem as hpke::Kem>::EncappedKey::from_bytes(&bytes(&sealed["enc"])).unwrap();
                let mode = OpModeR::Auth(from);
                hpke::setup_receiver::<AesGcm256, HkdfSha256, Kem>(
                    &mode,
                    &self.own,
                    &enc,
                    info.as_bytes(),
                )
                .unwrap()
            });
            let aad = bound(&[info, &self.conversation, &self.user]);
            let plain = context.open(&bytes(&sealed["ct"]), &aad).unwrap();
            assert_eq!(plain.len() % 256, 0, "its length says little");
            serde_json::from_slice(&plain).unwrap()
        };
        set["activities"].as_array().unwrap().iter().map(open).collect()
    }
}

fn texts(activities: &[Value]) -> Vec<&str> {
    activities.iter().filter_map(|activity| activity["text"].as_str()).collect()
}

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
    let answer = tab.post(&door, &posted).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let first: Value = answer.json().await.unwrap();
    // The same request again is the same message.
    let again: Value = tab.post(&door, &posted).send().await.unwrap().json().await.unwrap();
    assert_eq!(first, again);
    // A page without a key reads as before, where keys are only offered.
    door.page.shows(&["user: canary kolibri", "bot: …"]).await;
    for reader in [&tab, &other] {
        let (came, opened) = reader.reads(&door).await;
        assert!(!came.contains("kolibri") && !came.contains("Hello"), "{came}");
        let texts = texts(&opened);
        assert_eq!(texts.iter().filter(|text| **text == WORDS).count(), 1, "{texts:?}");
        assert!(texts.len() >= 3, "the history as well: {texts:?}");
        let echo = opened.iter().find(|one| one["text"] == WORDS).unwrap();
        assert_eq!(echo["channelData"]["clientActivityID"], "m-1");
    }
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table: a case in a row or a few")]
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
        door.refuses(what, page.post(&door, &body), expected).await;
    }
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
    let (_, read) = page.reads(&door).await;
    assert!(!texts(&read).iter().any(|text| text.contains("kolibri")), "{read:?}");
}

#[tokio::test]
async fn an_envelope_counts_once_and_in_its_own_conversation_only() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let ends = page.sealed(&json!({"type": "endOfConversation"}), "end-1");
    assert_eq!(page.post(&door, &ends).send().await.unwrap().status(), 200);
    door.refuses("an end again", page.post(&door, &ends), (409, "replayed")).await;
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
    door.refuses("with a key, in the clear", page.post(&door, &plain), refused).await;
    assert_eq!(page.post(&door, &page.says(WORDS, "m-1")).send().await.unwrap().status(), 200);
    eventually("the bot answers", || async {
        let (came, opened) = page.reads(&door).await;
        assert!(!came.contains("kolibri"), "{came}");
        (texts(&opened).len() >= 2).then_some(())
    })
    .await;
    let (_, read) = page.reads(&door).await;
    assert!(!texts(&read).contains(&super::BAD), "{read:?}");
}

#[tokio::test]
async fn keys_outlive_a_restart_and_nothing_of_them_lies_open() {
    let mut door = Door::open().await;
    let page = Private::of(&door).await;
    door.house.terminate().await;
    door.house.begin().await;
    assert_eq!(keys(&door).await["keys"], page.keys["keys"]);
    let (_, read) = page.reads(&door).await;
    assert!(!read.is_empty());
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
    let (_, read) = page.reads(&door).await;
    let shown = read.iter().find(|one| one["text"] == WORDS).unwrap();
    let [file] = &shown["attachments"].as_array().unwrap()[..] else { panic!("{shown}") };
    assert_eq!(file["name"], "note.txt");
    assert!(file["contentUrl"].as_str().unwrap().contains("/files/"), "{file}");
}

#[tokio::test]
async fn a_stream_is_sealed_to_the_key_of_the_token_that_opens_it() {
    let door = Door::open().await;
    let page = Private::of(&door).await;
    let asked = door.call(Method::GET, &door.own("?watermark=")).bearer_auth(&page.token);
    let given: Value = asked.send().await.unwrap().json().await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::connect_async(text(&given["streamUrl"])).await.unwrap();
    let message = tokio::time::timeout(crate::process::WITHIN, socket.next()).await.unwrap();
    let frame = message.unwrap().unwrap().into_text().unwrap();
    assert!(!frame.contains("Hello"), "{frame}");
    let opened = page.opened(&serde_json::from_str(&frame).unwrap());
    assert!(texts(&opened)[0].starts_with("Hello!"), "{opened:?}");
}

/// Says so much, each after the one before was taken; tells how often the key was refused. As
/// docs/message-encryption.md says: `unknown_key` is answered with keys fetched anew, and the same message.
async fn says_all(door: &Door, page: &mut Private, of: &str, said: &watch::Sender<usize>) -> usize {
    let mut refused = 0;
    for n in 0..LINES {
        let (words, id) = (format!("{WORDS} {of} {n:03}"), format!("{of}-{n}"));
        let mut posted = page.post(door, &page.says(&words, &id)).send().await.unwrap();
        if posted.status() == 400 {
            let body: Value = posted.json().await.unwrap();
            assert_eq!(body["error"]["code"], "unknown_key", "{body}");
            page.keys = keys(door).await;
            refused += 1;
            posted = page.post(door, &page.says(&words, &id)).send().await.unwrap();
        }
        assert_eq!(posted.status(), 200, "{words}");
        said.send_modify(|count| *count += 1);
    }
    refused
}

/// Messages of each page: all of them, and the bot's answers, are in one answer to a page that reads.
const LINES: usize = 30;

/// How often the keys are rotated meanwhile.
const ROTATIONS: usize = 4;

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
        let (_, read) = reader.reads(&door).await;
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
    let asked = door.call(Method::GET, &door.own("?watermark=")).bearer_auth(&page.token);
    let given: Value = asked.send().await.unwrap().json().await.unwrap();
    let (mut socket, _) =
        tokio_tungstenite::connect_async(text(&given["streamUrl"])).await.unwrap();
    let mut next = async || {
        let message = tokio::time::timeout(crate::process::WITHIN, socket.next()).await.unwrap();
        serde_json::from_str::<Value>(&message.unwrap().unwrap().into_text().unwrap()).unwrap()
    };
    let begun = next().await;
    let sealed = |set: &Value| set["activities"][0]["channelData"]["warmline"]["sealed"].clone();
    crate::keys::keys(&door.house, &["rotate-messages"]).await;
    door.page.post(WORDS).await;
    let set = next().await;
    // The same context, whose secret nobody has who merely has the gateway's key.
    assert_eq!(sealed(&set)["enc"], sealed(&begun)["enc"]);
    assert!(sealed(&set)["seq"].as_u64() > sealed(&begun)["seq"].as_u64());
}
