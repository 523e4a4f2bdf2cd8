//! Files that a bot brings: what it gets back, what the page can open, and what nobody can.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, Response, header::HeaderMap};
use serde_json::{Value, json};

use super::{
    Bot, Manner, USER, eventually, greeted,
    refused::{house_of_two, is_refused, starts_with_the_second},
};
use crate::{
    desk,
    house::{House, Setting},
    page::Page,
};

/// A picture of one dot.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Its length, in bytes.
const PICTURE_BYTES: usize = 70;

/// A file of these words, in base64.
const WORDS: &str = "Y2xvdWRzIG92ZXIga29saWJyaQ==";

/// The smallest document that is one by its first bytes, `%PDF-1.4`, in base64.
const PDF: &str = "JVBERi0xLjQKJcOkw7wKMSAwIG9iago8PD4+CmVuZG9iagp0cmFpbGVyCjw8Pj4KJSVFT0YK";

fn picture() -> Value {
    json!({"type": "image/png", "name": "dot kolibri.png", "originalBase64": PICTURE, "thumbnailBase64": PICTURE})
}

/// An activity that names the conversation.
async fn asked(bot: &Bot, page: &Page) -> Value {
    page.post("show me").await;
    bot.hears("show me").await
}

/// Brings a file; gives the address of its view that a bot puts into an activity.
async fn brings(bot: &Bot, activity: &Value, file: &Value) -> String {
    let (status, answer) = bot.calls(activity, Method::POST, "/attachments", Some(file)).await;
    assert_eq!(status, 201, "{answer}");
    let (base, id) = (activity["serviceUrl"].as_str().unwrap(), answer["id"].as_str().unwrap());
    format!("{base}/v3/attachments/{id}/views/original")
}

/// Shows a file; gives the address that the page sees.
async fn shows(bot: &Bot, activity: &Value, page: &Page, kind: &str, address: &str) -> String {
    let message = json!({
        "type": "message", "text": format!("![it]({address})"),
        "attachments": [{"contentType": kind, "contentUrl": address, "name": "it"}],
    });
    let sent = bot.calls(activity, Method::POST, "/activities", Some(&message)).await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    let number = sent.1["id"].as_str().unwrap().rsplit('-').next().unwrap().to_owned();
    let shown = eventually("the page has it", || async {
        let log = page.log().await;
        log.into_iter().find(|shown| shown["id"].as_str().unwrap().ends_with(&number))
    })
    .await;
    let address = shown["attachments"][0]["contentUrl"].as_str().unwrap().to_owned();
    assert_eq!(shown["text"], format!("![it]({address})"), "in Markdown, too");
    address
}

async fn opened(house: &House, address: &str) -> Response {
    // As a picture in a page is opened: with nothing but its address.
    house.http.get(address).send().await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn a_bot_brings_a_picture_and_the_page_opens_it_also_after_a_kill() {
    let (mut house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    let address = brings(&bot, &activity, &picture()).await;
    let info = house.http.get(address.trim_end_matches("/views/original")).send().await.unwrap();
    let info: Value = info.json().await.unwrap();
    let views = json!([
        {"viewId": "original", "size": PICTURE_BYTES}, {"viewId": "thumbnail", "size": PICTURE_BYTES},
    ]);
    assert_eq!(info, json!({"name": "dot kolibri.png", "type": "image/png", "views": views}));
    let own = opened(&house, &address).await;
    assert_eq!(header(own.headers(), "cache-control"), "no-store");
    let bytes = own.bytes().await.unwrap();
    assert_eq!(bytes.len(), PICTURE_BYTES);

    let shown = shows(&bot, &activity, &page, "image/png", &address).await;
    assert!(shown.starts_with(&format!("{}/files/", house.origin())), "{shown}");
    house.kill().await;
    house.begin().await;
    let answer = opened(&house, &shown).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", "70"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-disposition", "inline; filename*=UTF-8''dot%20kolibri.png"),
    ] {
        assert_eq!(header(&headers, name), value, "{name}");
    }
    assert!(header(&headers, "content-security-policy").contains("default-src 'none'"));
    let caching = header(&headers, "cache-control");
    let age = caching.strip_prefix("private, max-age=").unwrap().split(',').next().unwrap();
    let age: u64 = age.parse().unwrap();
    assert!((80_000..=86_400).contains(&age), "as long as it is kept: {caching}");
    assert_eq!(answer.bytes().await.unwrap(), bytes);
    let again = page.log().await;
    let again = again.iter().find(|shown| shown["attachments"].is_array()).unwrap();
    assert_eq!(again["attachments"][0]["contentUrl"], shown, "the same every time");
    for file in house.files() {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let sealed = std::fs::read(file).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"kolibri"));
        assert!(!sealed.windows(20).any(|window| window == &bytes[..20]));
    }
}

#[tokio::test]
async fn the_page_never_learns_the_address_that_only_the_bot_knows() {
    let (house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    let secret = activity["serviceUrl"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let address = brings(&bot, &activity, &picture()).await;
    shows(&bot, &activity, &page, "image/png", &address).await;
    let told =
        json!({"type": "event", "name": "told", "value": {"activity": activity, "at": address}});
    assert_eq!(bot.calls(&activity, Method::POST, "/activities", Some(&told)).await.0, 200);
    // What the bot was told it may bring as history, with its addresses in it.
    let history = json!({"activities": [activity]});
    let path = "/activities/history";
    assert_eq!(bot.calls(&activity, Method::POST, path, Some(&history)).await.0, 200);
    let log = page.log().await;
    assert!(log.iter().any(|shown| shown["name"] == "told"));
    assert!(!json!(log).to_string().contains(&secret));
    page.until("the stream has it", |heard| {
        heard.activities.iter().any(|shown| shown["name"] == "told")
    })
    .await;
    assert!(!json!(page.arrived()).to_string().contains(&secret));
    assert!(!house.logged().contains(&secret));
}

#[tokio::test]
async fn nor_do_agents_learn_it_from_what_the_bot_hands_over() {
    let (mut house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    let base = activity["serviceUrl"].as_str().unwrap();
    let secret = base.rsplit('/').next().unwrap().to_owned();
    let address = brings(&bot, &activity, &picture()).await;
    bot.says(&activity, &format!("see ![it]({address}) kolibri")).await;
    let context = json!({"reference": {"serviceUrl": base}, "where": base});
    assert_eq!(bot.hands_over(&activity, context).await.0, 200);
    house.offered(USER).await;
    let request = desk::requests(&house.desk, USER).remove(0);
    let hidden = base.replace(&secret, "-");
    assert_eq!(request["contextVariables"]["where"], hidden);
    let request = request.to_string();
    assert!(request.contains("![it]("), "{request}");
    assert!(!request.contains(&secret), "{request}");
    house.step().await;
}

#[tokio::test]
async fn whatever_could_run_in_a_browser_is_served_to_be_saved() {
    let (house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    for (kind, served, how) in [
        ("text/html", "application/octet-stream", "attachment"),
        ("image/svg+xml", "application/octet-stream", "attachment"),
        ("made up", "application/octet-stream", "attachment"),
        // What is in it decides, not what it is called.
        ("application/pdf", "text/plain; charset=utf-8", "inline"),
        ("Text/Plain; charset=latin1", "text/plain; charset=utf-8", "inline"),
    ] {
        let file = json!({"type": kind, "name": "../x.html", "originalBase64": WORDS});
        let address = brings(&bot, &activity, &file).await;
        let shown = shows(&bot, &activity, &page, kind, &address).await;
        let answer = opened(&house, &shown).await;
        assert_eq!(header(answer.headers(), "content-type"), served, "{kind}");
        let disposition = header(answer.headers(), "content-disposition");
        assert_eq!(disposition, format!("{how}; filename*=UTF-8''x.html"), "{kind}");
        assert_eq!(answer.text().await.unwrap(), "clouds over kolibri");
    }
    assert!(!house.logged().contains("clouds"));
}

#[tokio::test]
async fn a_pdf_is_a_pdf_and_is_saved() {
    let (house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    let file = json!({"type": "application/pdf", "name": "plan.pdf", "originalBase64": PDF});
    let address = brings(&bot, &activity, &file).await;
    let shown = shows(&bot, &activity, &page, "application/pdf", &address).await;
    let answer = opened(&house, &shown).await;
    assert_eq!(header(answer.headers(), "content-type"), "application/pdf");
    let disposition = header(answer.headers(), "content-disposition");
    assert_eq!(disposition, "attachment; filename*=UTF-8''plan.pdf");
    assert!(answer.text().await.unwrap().starts_with("%PDF-1.4"));
}

#[tokio::test]
async fn files_that_are_wrong_or_anothers_are_refused() {
    let (house, bot, page) = greeted(Setting::default()).await;
    let activity = asked(&bot, &page).await;
    let base = activity["serviceUrl"].as_str().unwrap();
    let conversation = activity["conversation"]["id"].as_str().unwrap();
    let to = |conversation: &str| {
        house.http.post(format!("{base}/v3/conversations/{conversation}/attachments"))
    };
    let post = |body: Value| to(conversation).json(&body);
    let long = "x".repeat(201);
    let large = "AAAA".repeat(4 * 1024 * 1024 / 3 + 1);
    let cases = [
        ("no JSON", to(conversation).body("{"), (400, "BadArgument")),
        ("no file", post(json!({"type": "image/png"})), (400, "BadArgument")),
        ("an empty one", post(json!({"originalBase64": ""})), (400, "BadArgument")),
        ("no base64", post(json!({"originalBase64": "käse"})), (400, "BadArgument")),
        ("no text", post(json!({"originalBase64": {"0": 137}})), (400, "BadArgument")),
        (
            "a long name",
            post(json!({"originalBase64": PICTURE, "name": long})),
            (400, "BadArgument"),
        ),
        ("too large a file", post(json!({"originalBase64": large})), (413, "MessageSizeTooBig")),
        (
            "too large a body",
            to(conversation).body("x".repeat(6 * 1024 * 1024 + 1)),
            (413, "MessageSizeTooBig"),
        ),
        ("a forged conversation", to("c9-00").json(&picture()), (404, "ConversationNotFound")),
        (
            "another method",
            house.http.get(format!("{base}/v3/conversations/{conversation}/attachments")),
            (405, "MethodNotAllowed"),
        ),
    ];
    for (what, request, expected) in cases {
        is_refused(request, what, expected).await;
    }
    assert_eq!(house.files().len(), 0, "nothing was kept");

    let only_original = json!({"type": "image/png", "originalBase64": PICTURE});
    let address = brings(&bot, &activity, &only_original).await;
    let get = |address: &str| house.http.get(address);
    let thumbnail = address.replace("/views/original", "/views/thumbnail");
    is_refused(get(&thumbnail), "a view that is none", (404, "AttachmentNotFound")).await;
    let other = address.replace("/views/original", "/views/x");
    is_refused(get(&other), "a made-up view", (404, "AttachmentNotFound")).await;
    let id = address.split("/v3/attachments/").nth(1).unwrap();
    let without_proof = format!("{}/v3/attachments/{id}", house.origin());
    is_refused(get(&without_proof), "without a token", (401, "Unauthorized")).await;
    let guess = format!("{base}/v3/attachments/{conversation}-f{}", "0".repeat(32));
    is_refused(get(&guess), "a guess", (404, "AttachmentNotFound")).await;

    let shown = shows(&bot, &activity, &page, "image/png", &address).await;
    let (start, tag) = shown.rsplit_once('-').unwrap();
    let forged = format!("{start}-{}", tag.replace(|c: char| c != '0', "0"));
    is_refused(get(&forged), "a forged address", (404, "no_such_file")).await;
    let later = shown.replacen("-original-1", "-original-2", 1);
    is_refused(get(&later), "a longer life", (404, "no_such_file")).await;
    is_refused(house.http.post(&shown), "a post", (405, "method_not_allowed")).await;
    for file in house.files() {
        std::fs::remove_file(file).unwrap();
    }
    is_refused(get(&shown), "one that is gone", (404, "no_such_file")).await;
    is_refused(get(&address), "the same for the bot", (404, "AttachmentNotFound")).await;
}

#[tokio::test]
async fn another_bot_cannot_open_a_file() {
    let (one, other) = (Bot::start(Manner::Mute).await, Bot::start(Manner::Mute).await);
    let (house, _folder) = house_of_two(&one, &other).await;
    let page = house.page(USER).await;
    let mine = asked(&one, &page).await;
    let address = brings(&one, &mine, &picture()).await;
    let theirs = starts_with_the_second(&house, &other).await;
    let path = address.split("/v3/").nth(1).unwrap();
    let there = format!("{}/v3/{path}", theirs["serviceUrl"].as_str().unwrap());
    is_refused(house.http.get(&there), "of another's", (404, "AttachmentNotFound")).await;
    assert_eq!(house.http.get(&address).send().await.unwrap().status(), 200);
    let file = picture();
    let mut mixed = theirs.clone();
    mixed["conversation"] = mine["conversation"].clone();
    let (status, answer) = other.calls(&mixed, Method::POST, "/attachments", Some(&file)).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("ConversationNotFound")));
}
