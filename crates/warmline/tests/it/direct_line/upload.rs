//! Files that a page sends: what becomes of them, and what is not taken.

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use super::Door;
use crate::{
    house::{House, Setting},
    page::{Page, eventually},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR kolibri in a picture";

/// A program for Windows, as far as its first bytes tell.
const PROGRAM: &[u8] = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0";

/// A message and files, as `DirectLineJS` sends them.
struct Form(Vec<u8>);

impl Form {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn part(mut self, head: &str, body: &[u8]) -> Self {
        self.0.extend_from_slice(format!("--b0undary\r\n{head}\r\n\r\n").as_bytes());
        self.0.extend_from_slice(body);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    fn activity(self, activity: &Value) -> Self {
        let head = "Content-Disposition: form-data; name=\"activity\"; filename=\"blob\"\r\n\
                    Content-Type: application/vnd.microsoft.activity";
        self.part(head, activity.to_string().as_bytes())
    }

    fn file(self, name: &str, kind: &str, bytes: &[u8]) -> Self {
        let disposition = format!("form-data; name=\"file\"; filename=\"{name}\"");
        let head = format!("Content-Disposition: {disposition}\r\nContent-Type: {kind}");
        self.part(&head, bytes)
    }

    fn to(mut self, door: &Door) -> RequestBuilder {
        self.0.extend_from_slice(b"--b0undary--\r\n");
        let upload = door.page.request(Method::POST, "/upload?userId=dl_somebody");
        let kind = "multipart/form-data; boundary=b0undary";
        upload.header(header::CONTENT_TYPE, kind).body(self.0)
    }
}

async fn door_with(settings: &[(&str, &str)]) -> Door {
    let house = House::start_with(Setting::default(), |environment| {
        for (name, value) in settings {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
    });
    Door::of(house.await).await
}

/// The activity of this id, as the page reads it.
pub(super) async fn shown(page: &Page, id: &str) -> Value {
    let log = page.log().await;
    log.into_iter().find(|shown| shown["id"] == id).expect("it is in the log")
}

pub(super) async fn taken(request: RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, StatusCode::OK, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

async fn opened(door: &Door, address: &Value) -> Vec<u8> {
    let answer = door.house.http.get(address.as_str().unwrap()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    answer.bytes().await.unwrap().to_vec()
}

/// What the user was told of files that were not taken.
pub(super) async fn told_why(door: &Door, words: &str) {
    eventually("the user is told why", || async {
        let log = door.page.log().await;
        let told = log.iter().any(|shown| {
            shown["text"].as_str().is_some_and(|text| text.contains(words))
                && shown["from"]["role"] == "channel"
        });
        told.then_some(())
    })
    .await;
}

pub(super) fn kept(door: &Door) -> usize {
    door.house.files().len()
}

#[tokio::test]
async fn a_page_sends_files_with_its_words_and_opens_them_also_after_a_kill() {
    let mut door = Door::open().await;
    let large: Vec<u8> =
        (0..3_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let activity = json!({
        "type": "message", "text": "see kolibri", "from": {"id": "dl_kim"},
        "channelData": {"clientActivityID": "up-1"},
        "attachments": [
            {"contentType": "image/png", "name": "kolibri.png", "thumbnailUrl": "data:,x"},
            {"contentType": "application/x-own", "name": "own kolibri.dat"},
        ],
    });
    let form = || {
        Form::new()
            .activity(&activity)
            .file("own kolibri.dat", "application/x-own", &large)
            .file("kolibri.png", "image/png", PNG)
            .file("more kolibri.txt", "text/plain", b"words")
    };
    let id = taken(form().to(&door)).await;
    let message = shown(&door.page, &id).await;
    assert_eq!(message["from"]["id"], "dl_kim", "the token says who it is");
    let attachments = message["attachments"].as_array().unwrap();
    let named =
        |at: usize| (attachments[at]["name"].clone(), attachments[at]["contentType"].clone());
    assert_eq!(attachments.len(), 3, "each file once: {attachments:?}");
    assert_eq!(named(0), (json!("kolibri.png"), json!("image/png")));
    assert_eq!(attachments[0]["thumbnailUrl"], "data:,x", "what is not ours stays");
    assert_eq!(named(1), (json!("own kolibri.dat"), json!("application/x-own")));
    assert_eq!(named(2), (json!("more kolibri.txt"), json!("text/plain")));
    assert_eq!(taken(form().to(&door)).await, id, "a repeat gets the first answer");
    eventually("the repeat's files are gone", || async { (kept(&door) == 3).then_some(()) }).await;
    door.house.restart().await;
    assert_eq!(opened(&door, &attachments[0]["contentUrl"]).await, PNG);
    assert!(opened(&door, &attachments[1]["contentUrl"]).await == large);
    assert_eq!(opened(&door, &attachments[2]["contentUrl"]).await, b"words");
}

#[tokio::test]
async fn a_file_can_be_all_there_is_of_a_request_and_of_a_conversation() {
    let door = Door::of(House::start(Setting::default()).await).await;
    let one = door.page.request(Method::POST, "/upload?userId=dl_kim");
    let one = one
        .header(header::CONTENT_TYPE, "image/png")
        .header(header::CONTENT_DISPOSITION, "name=\"file\"; filename=\"kolibri.png\"")
        .body(PNG);
    let id = taken(one).await;
    let message = shown(&door.page, &id).await;
    assert_eq!(message["type"], "message");
    assert_eq!(message["attachments"][0]["name"], "kolibri.png");
    assert_eq!(opened(&door, &message["attachments"][0]["contentUrl"]).await, PNG);
}

#[tokio::test]
async fn a_download_goes_on_where_it_broke_off() {
    let door = Door::open().await;
    let id = taken(Form::new().file("kolibri.png", "image/png", PNG).to(&door)).await;
    let message = shown(&door.page, &id).await;
    let address = message["attachments"][0]["contentUrl"].as_str().unwrap();
    let get = |headers: &[(&'static str, &str)]| {
        let mut request = door.house.http.get(address);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    };
    let whole = get(&[]).send().await.unwrap();
    let header = |answer: &reqwest::Response, name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(header(&whole, "accept-ranges").as_deref(), Some("bytes"));
    let tag = header(&whole, "etag").unwrap();
    let part = get(&[("range", "bytes=8-"), ("if-range", &tag)]).send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let told = format!("bytes 8-{}/{}", PNG.len() - 1, PNG.len());
    assert_eq!(header(&part, "content-range"), Some(told));
    assert_eq!(header(&part, "x-content-type-options").as_deref(), Some("nosniff"));
    assert_eq!(part.bytes().await.unwrap(), &PNG[8..]);
    let beyond = get(&[("range", "bytes=1000-")]).send().await.unwrap();
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(header(&beyond, "content-range"), Some(format!("bytes */{}", PNG.len())));
    let same = get(&[("if-none-match", &tag)]).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    let head = door.house.http.head(address).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    assert_eq!(header(&head, "content-length"), Some(PNG.len().to_string()));
}

#[tokio::test]
async fn files_that_are_not_taken_leave_nothing_and_the_user_knows_why() {
    let door = door_with(&[("WARMLINE_FILE_MAX", "1MB")]).await;
    let words = json!({"type": "message", "text": "see bad kolibri"});
    let form = || Form::new().activity(&words);
    let large = vec![7; 1024 * 1024 + 1];
    // Never UTF-8, however much of it comes; and parts that nobody asked for.
    let no_text = vec![0xFF; 4 * 1024 * 1024];
    let kind = "Content-Type: application/vnd.microsoft.activity";
    let other = "Content-Disposition: form-data; name=\"other\"";
    let others = (0..4).fold(form(), |form, _| form.part(other, &no_text));
    let others = others.file("a.png", "image/png", PNG);
    let lists = json!({"type": "message", "attachments": [{"name": "other"}]});
    let event = json!({"type": "event", "name": "x"});
    let too_many = (0..11).fold(form(), |form, n| form.file(&format!("{n}.png"), "image/png", PNG));
    let unknown = door.call(Method::POST, &door.own("/upload")).body(PNG);
    let open_end = door
        .page
        .request(Method::POST, "/upload")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b")
        .body("--b\r\nContent-Type: image/png\r\n\r\nhalf");
    let no_boundary = door
        .page
        .request(Method::POST, "/upload")
        .header(header::CONTENT_TYPE, "multipart/form-data")
        .body("x");
    let bad = (400, "BadArgument");
    for (what, request, expected) in [
        ("a program", form().file("a.png", "image/png", PROGRAM).to(&door), bad),
        ("its name", form().file("a.exe", "image/png", PNG).to(&door), bad),
        (
            "one of two",
            form().file("a.png", "image/png", PNG).file("b.exe", "x/y", b"1").to(&door),
            bad,
        ),
        ("a large one", form().file("a.dat", "x/y", &large).to(&door), (413, "TooLarge")),
        ("no text", Form::new().part(kind, &no_text).to(&door), (413, "TooLarge")),
        ("too much else", others.to(&door), (413, "TooLarge")),
        ("a page", form().file("a.txt", "text/html", b"<!DOCTYPE html>").to(&door), bad),
        ("an empty one", form().file("a.png", "image/png", b"").to(&door), bad),
        ("none", form().to(&door), (400, "MissingProperty")),
        (
            "another one",
            Form::new().activity(&lists).file("a", "x/y", b"1").to(&door),
            (400, "MissingProperty"),
        ),
        ("an event", Form::new().activity(&event).file("a", "x/y", b"1").to(&door), bad),
        ("two messages", form().activity(&words).to(&door), bad),
        (
            "no message",
            form()
                .file("a", "x/y", b"1")
                .part("Content-Type: application/vnd.microsoft.activity", b"{")
                .to(&door),
            bad,
        ),
        ("too many", too_many.to(&door), bad),
        ("half", open_end, bad),
        ("no boundary", no_boundary, bad),
        ("without a token", unknown, (401, "NotAuthorized")),
    ] {
        door.refuses(what, request, expected).await;
    }
    for words in [
        "The file “a.exe” did not go through. Files like this",
        "The file “a.dat” did not go through. It is too large.",
    ] {
        told_why(&door, words).await;
    }
    eventually("nothing is left", || async { (kept(&door) == 0).then_some(()) }).await;
    let log = door.page.log().await;
    assert!(!json!(log).to_string().contains("bad kolibri"), "nothing was said");
}

#[tokio::test]
async fn a_page_that_is_refused_again_and_again_does_not_grow_the_log() {
    let door = Door::open().await;
    let refused = async || {
        let program = Form::new().file("a.exe", "image/png", PNG).to(&door);
        door.refuses("a program", program, (400, "BadArgument")).await;
    };
    refused().await;
    told_why(&door, "The file “a.exe” did not go through.").await;
    let before = door.page.log().await.len();
    for _ in 0..20 {
        refused().await;
    }
    assert_eq!(door.page.log().await.len(), before);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_upload_leaves_nothing_of_it() {
    use tokio::io::AsyncWriteExt;
    let mut door = Door::open().await;
    let id = taken(Form::new().file("kolibri.png", "image/png", PNG).to(&door)).await;
    let address = door.house.environment["WARMLINE_LISTEN"].clone();
    let mut connection = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v3/directline/conversations/{}/upload HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: image/png\r\nContent-Length: 9000000\r\n\r\n",
        door.page.conversation, door.page.token
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&PNG.repeat(80_000)).await.unwrap();
    eventually("some of it is on the disk", || async { (kept(&door) == 2).then_some(()) }).await;
    door.house.kill().await;
    assert_eq!(kept(&door), 2, "the kill left half a file");
    door.house.begin().await;
    assert_eq!(kept(&door), 1, "which is swept");
    let message = shown(&door.page, &id).await;
    assert_eq!(opened(&door, &message["attachments"][0]["contentUrl"]).await, PNG);
}
