//! Files, both ways (reference 9.8).

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use simulator::{Config, FileFate, MediaState, Profile, Speaker};
use tokio::{net::TcpListener, sync::Semaphore};

use crate::rig::{Rig, rig, says};

/// A host of files that asks for a key; gives its address.
async fn host() -> String {
    async fn slip(headers: HeaderMap) -> Result<&'static str, StatusCode> {
        let known = headers.get("x-key").is_some_and(|key| key == "open");
        if known { Ok("the slip") } else { Err(StatusCode::FORBIDDEN) }
    }
    let large = get(|| async { vec![0_u8; 11 * 1024 * 1024] });
    let app = Router::new().route("/slip.pdf", get(slip)).route("/large", large);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("127.0.0.1:{port}")
}

fn with_file(request: &str, url: &str) -> Value {
    let mut body = says(request, "");
    body["message"]["attachment"] = json!({
        "clientAttachmentId": "a-1", "contentType": "application/pdf", "fileName": "slip.pdf",
        "url": url, "headers": {"x-key": "open"},
    });
    body
}

/// What became of the last request's files.
async fn files(rig: &Rig) -> Vec<FileFate> {
    let done = |seen: &simulator::Snapshot<'_>| {
        let last = seen.ledger().back().unwrap();
        last.fate != simulator::Fate::Pending && !last.files.contains(&FileFate::Pending)
    };
    rig.until(done).await;
    rig.desk.ledger().last().unwrap().files.clone()
}

async fn get_bytes(rig: &Rig, path: &str) -> (u16, Vec<u8>) {
    let get = rig.http.get(format!("{}{path}", rig.origin)).bearer_auth(&rig.token);
    let answer = get.send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

async fn upload(rig: &Rig, fields: &str) -> (u16, Value) {
    let body = format!(
        "{fields}--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"s.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nuploaded\r\n--b--\r\n"
    );
    let url = format!("{}/api/now/cccif/media/upload", rig.origin);
    let post = rig.http.post(url).bearer_auth(&rig.token);
    let post = post.header(CONTENT_TYPE, "multipart/form-data; boundary=b").body(body);
    let answer = post.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

const USER: &str = "--b\r\nContent-Disposition: form-data; name=\"user_id\"\r\n\r\nu-1\r\n";

#[tokio::test]
async fn a_file_is_fetched_with_its_headers_and_shown_to_the_agent() {
    let rig = rig(Config::default()).await;
    rig.connect(6, 4).await;
    rig.send(&with_file("r-2", &format!("http://{}/slip.pdf", host().await))).await;
    assert_eq!(files(&rig).await, [FileFate::Shown]);
    let line = rig.chat().lines.pop().unwrap();
    assert_eq!((line.from, line.text.as_str()), (Speaker::User, "(file: slip.pdf)"));
    let file = line.file.unwrap();
    assert_eq!((file.content_type.as_str(), file.size), ("application/pdf", 8));
    assert_eq!(get_bytes(&rig, &file.url).await, (200, b"the slip".to_vec()));
}

#[tokio::test]
async fn files_are_shown_in_the_order_in_which_they_were_sent_whichever_comes_first() {
    // The first is given when the last was asked for.
    let asked = Arc::new(Semaphore::new(0));
    let waits = asked.clone();
    let first = get(async move || {
        let _asked = waits.acquire().await.unwrap();
        "the picture"
    });
    let last = get(async move || {
        asked.add_permits(1);
        "the note"
    });
    let app = Router::new().route("/pic.png", first).route("/note.txt", last);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let rig = rig(Config::default()).await;
    rig.connect(6, 4).await;
    let mut both = with_file("r-2", "");
    let one = both["message"]["attachment"].clone();
    let named = ["pic.png", "note.txt"].map(|name| {
        let mut one = one.clone();
        (one["url"], one["fileName"]) = (format!("http://{host}/{name}").into(), name.into());
        one
    });
    both["message"]["attachment"] = named.to_vec().into();
    rig.send(&both).await;
    assert_eq!(files(&rig).await, [FileFate::Shown, FileFate::Shown]);
    let lines = rig.chat().lines;
    let files = lines.iter().filter_map(|line| line.file.as_ref());
    let shown: Vec<_> = files.map(|file| file.name.as_str()).collect();
    assert_eq!(shown, ["pic.png", "note.txt"]);
}

#[tokio::test]
async fn what_cannot_be_had_is_dropped_in_silence_with_the_reason_in_the_ledger() {
    let profile = Profile { media_bytes_max: 10 * 1024 * 1024, ..Profile::default() };
    let rig = rig(Config { profile, ..Config::default() }).await;
    rig.connect(6, 4).await;
    let host = host().await;
    let port = host.split(':').nth(1).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for (url, reason) in [
        (format!("http://127.0.0.2:{port}/slip.pdf"), "the host is not a trusted media domain"),
        (format!("http://{host}/none"), "the host refuses the file"),
        (format!("http://{host}/large"), "the file is too large"),
        (format!("http://{closed}/slip.pdf"), "the host cannot be reached"),
        ("slip.pdf".to_owned(), "the address is no URL"),
    ] {
        rig.send(&with_file("r-2", &url)).await;
        assert_eq!(files(&rig).await, [FileFate::Dropped(reason)], "{url}");
    }
    assert!(rig.chat().lines.iter().all(|line| line.file.is_none()));
    let mut many = with_file("r-3", "slip.pdf");
    many["message"]["attachment"] = vec![many["message"]["attachment"].clone(); 11].into();
    rig.send(&many).await;
    let fates = files(&rig).await;
    assert_eq!(fates[10], FileFate::Dropped("a message has at most ten files"));
    assert!(rig.receiver.bodies.lock().unwrap().is_empty(), "nobody is told");
}

#[tokio::test]
async fn an_upload_is_a_private_file_that_can_be_sent_by_its_address() {
    let rig = rig(Config::default()).await;
    rig.connect(6, 4).await;
    let (status, answer) = upload(&rig, USER).await;
    assert_eq!((status, &answer["result"]["state"]), (201, &json!("available")));
    assert_eq!(answer["result"]["name"], "s.txt");
    let url = answer["result"]["mediaUrl"].as_str().unwrap();
    let path = url.strip_prefix(&rig.origin).unwrap();
    assert_eq!(get_bytes(&rig, path).await, (200, b"uploaded".to_vec()));
    assert_eq!(rig.http.get(url).send().await.unwrap().status(), 401);
    assert_eq!(get_bytes(&rig, "/api/now/v1/cs/media/none").await.0, 404);
    rig.send(&with_file("r-2", url)).await;
    assert_eq!(files(&rig).await, [FileFate::Shown]);
}

#[tokio::test]
async fn an_upload_that_is_not_a_form_as_documented_is_refused() {
    let rig = rig(Config::default()).await;
    for fields in ["", &USER.replace("user_id", "user"), &USER.replace("u-1", "")] {
        assert_eq!(upload(&rig, fields).await.0, 400, "{fields}");
    }
    let url = format!("{}/api/now/v1/cccif/media/upload", rig.origin);
    let post = || rig.http.post(&url).bearer_auth(&rig.token);
    assert_eq!(post().body("x").send().await.unwrap().status(), 400);
    let large = post().body(vec![0; 11 * 1024 * 1024]).send().await;
    // The refusal may come before all of the body was sent.
    assert!(large.is_err() || large.unwrap().status() == 400);
    assert_eq!(rig.http.post(&url).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn an_upload_waits_for_its_scan_and_may_fail_it() {
    for (media_state, usable) in [
        (MediaState::Available, true),
        (MediaState::ConditionallyAvailable, true),
        (MediaState::NotAvailable, false),
    ] {
        let media_scan = Duration::from_secs(9);
        let profile = Profile { media_scan, media_state, ..Profile::default() };
        let rig = rig(Config { profile, ..Config::default() }).await;
        rig.desk.freeze(true);
        rig.connect(6, 4).await;
        let (_, answer) = upload(&rig, USER).await;
        assert_eq!(answer["result"]["state"], "pending");
        let url = answer["result"]["mediaUrl"].as_str().unwrap();
        let dropped = [FileFate::Dropped("the uploaded file is not available")];
        rig.send(&with_file("r-2", url)).await;
        assert_eq!(files(&rig).await, dropped);
        rig.desk.advance(media_scan);
        rig.send(&with_file("r-3", url)).await;
        let expected = if usable { [FileFate::Shown] } else { dropped };
        assert_eq!(files(&rig).await, expected, "{media_state:?}");
    }
}

#[tokio::test]
async fn an_agents_file_is_a_link_or_a_picture_that_only_the_caller_can_load() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    let send = |kind: &'static str, chat: &str| {
        let url = format!("{}/admin/api/chats/{chat}/file?name=plan.bin", rig.origin);
        rig.http.post(url).header(CONTENT_TYPE, kind).body("bytes").send()
    };
    assert_eq!(send("application/pdf", "chat-999").await.unwrap().status(), 404);
    for (kind, ui_type, url_at) in
        [("application/pdf", "OutputLink", "/value/action"), ("image/png", "OutputImage", "/value")]
    {
        assert_eq!(send(kind, &chat).await.unwrap().status(), 204);
        let told = rig.take_bodies(1).await;
        let item = &told[0]["body"][0];
        assert_eq!((&item["uiType"], &told[0]["agentChat"]), (&json!(ui_type), &json!(true)));
        assert_eq!(item["agentInfo"]["sentFromAgent"], true);
        let url = item.pointer(url_at).unwrap().as_str().unwrap();
        let path = url.strip_prefix(&rig.origin).unwrap();
        assert_eq!(get_bytes(&rig, path).await, (200, b"bytes".to_vec()));
        assert_eq!(rig.http.get(url).send().await.unwrap().status(), 401);
    }
    rig.desk.end(&chat).unwrap();
    assert_eq!(send("image/png", &chat).await.unwrap().status(), 409);
}

#[tokio::test]
async fn an_agents_file_comes_in_every_shape_from_every_address() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    for (shape, ui_type, url_at) in [
        ("text", "OutputText", "/value"),
        ("link", "OutputLink", "/value/action"),
        ("image", "OutputImage", "/value"),
    ] {
        for (place, begins) in [
            ("media", "/api/now/v1/cs/media/"),
            ("attachment", "/sys_attachment.do?"),
            ("image", "/"),
        ] {
            let order = format!("name=a.bin&shape={shape}&place={place}");
            let url = format!("{}/desk/api/chats/{chat}/file?{order}", rig.origin);
            assert_eq!(rig.http.post(url).body("bytes").send().await.unwrap().status(), 204);
            let told = rig.take_bodies(1).await;
            let item = &told[0]["body"][0];
            assert_eq!(item["uiType"], ui_type);
            let url = item.pointer(url_at).unwrap().as_str().unwrap();
            let path = url.strip_prefix(&rig.origin).unwrap();
            assert!(path.starts_with(begins), "{path}");
            assert_eq!(get_bytes(&rig, path).await, (200, b"bytes".to_vec()), "{path}");
            assert_eq!(rig.http.get(url).send().await.unwrap().status(), 401);
        }
    }
}

#[tokio::test]
async fn an_agent_has_a_picture_that_only_the_caller_can_load() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.write(&chat, "hello").unwrap();
    let told = rig.take_bodies(1).await;
    let path = told[0]["body"][0]["agentInfo"]["agentAvatar"].as_str().unwrap().to_owned();
    assert!(path.ends_with(".iix?t=small"), "{path}");
    let (status, picture) = get_bytes(&rig, &path).await;
    assert!(status == 200 && picture.starts_with(b"\x89PNG"), "{status}");
    assert_eq!(rig.http.get(format!("{}{path}", rig.origin)).send().await.unwrap().status(), 401);
    assert_eq!(get_bytes(&rig, "/nobody.iix").await.0, 404);
}

#[tokio::test]
async fn a_large_file_passes_both_ways_and_is_known_by_its_digest() {
    const BYTES: usize = 12 * 1024 * 1024;
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    let order = format!("{}/desk/api/chats/{chat}/file?name=big.bin&made={BYTES}", rig.origin);
    assert_eq!(rig.http.post(order).send().await.unwrap().status(), 204);
    let told = rig.take_bodies(1).await;
    let url = told[0]["body"][0]["value"]["action"].as_str().unwrap();
    let (status, bytes) = get_bytes(&rig, url.strip_prefix(&rig.origin).unwrap()).await;
    assert_eq!((status, bytes.len()), (200, BYTES));
    let sent = rig.chat().lines.pop().unwrap().file.unwrap();
    assert_eq!((sent.size, sent.sha256.len()), (BYTES, 64));

    // The same bytes back, as a host has them.
    let app = Router::new().route("/big.bin", get(move || async move { bytes }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    rig.send(&with_file("r-2", &format!("http://127.0.0.1:{port}/big.bin"))).await;
    assert_eq!(files(&rig).await, [FileFate::Shown]);
    let seen = rig.chat().lines.pop().unwrap().file.unwrap();
    assert_eq!((seen.size, &seen.sha256), (BYTES, &sent.sha256));
    // Of what came in and is so large, nothing but that is left.
    assert_eq!(get_bytes(&rig, &format!("/api/now/v1/cs/media/{}", seen.key)).await.0, 404);
}
