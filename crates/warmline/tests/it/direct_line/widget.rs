//! The widget's door: which pages may have it, and what its frame is told.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::{
    Door,
    upload::{shown, taken},
};
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting},
    openapi,
    process::{WITHIN, command},
};

const SHOP: &str = "https://shop.example.org";
const EVIL: &str = "https://evil.example.org";
const KEY: &str = "shop-2f9c41d07e";

/// A house with a public key, for pages of one origin.
async fn public() -> Door {
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_TRUSTED_ORIGINS".to_owned(), SHOP.to_owned());
        environment.insert("WARMLINE_WIDGET_KEY".to_owned(), KEY.to_owned());
    })
    .await;
    Door::of(house).await
}

impl Door {
    /// What the frame sends.
    fn frame(&self, path: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}/widget/{path}", self.house.origin());
        self.house.http.request(Method::POST, url).header("origin", self.house.origin()).json(body)
    }

    async fn told(&self, what: &str, request: RequestBuilder, expected: (u16, &str)) {
        let (answer, method, path) = openapi::sent(request, what).await;
        let status = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        let code = body["error"]["code"].as_str().unwrap();
        assert_eq!((status, code), expected, "{what}: {body}");
        openapi::describes(&method, &path, status, code);
    }
}

#[tokio::test]
async fn a_stranger_on_a_trusted_page_gets_a_conversation_by_the_public_key() {
    let door = public().await;
    let asked = door.frame("tokens", &json!({"origin": SHOP, "key": KEY}));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let given: Value = answer.json().await.unwrap();
    let token = given["token"].as_str().unwrap();
    door.house.hides(token);
    // The frame calls from our own origin, which nobody had to name.
    let own = door.house.origin();
    let start = door.call(Method::POST, "conversations").bearer_auth(token).header("origin", &own);
    let started = start.send().await.unwrap();
    assert_eq!(started.status(), StatusCode::CREATED);
    let started: Value = started.json().await.unwrap();
    assert_eq!(started["conversationId"], given["conversationId"]);
    for secret in [
        started["token"].as_str().unwrap(),
        started["streamUrl"].as_str().unwrap().split_once("&t=").unwrap().1,
    ] {
        door.house.hides(secret);
    }
    let another = door.frame("tokens", &json!({"origin": SHOP, "key": KEY})).send().await.unwrap();
    let another: Value = another.json().await.unwrap();
    door.house.hides(another["token"].as_str().unwrap());
    assert_ne!(another["conversationId"], given["conversationId"], "each is somebody new");
}

#[tokio::test]
async fn nobody_else_gets_one() {
    let door = public().await;
    let whole = json!({"origin": SHOP, "key": KEY});
    let from = |origin: &'static str| {
        let url = format!("{}/widget/tokens", door.house.origin());
        door.house.http.post(url).header("origin", origin).json(&whole)
    };
    for (what, request, expected) in [
        (
            "another page",
            door.frame("tokens", &json!({"origin": EVIL, "key": KEY})),
            (403, "Forbidden"),
        ),
        (
            "no page",
            door.frame("tokens", &json!({"origin": "null", "key": KEY})),
            (403, "Forbidden"),
        ),
        (
            "a wrong key",
            door.frame("tokens", &json!({"origin": SHOP, "key": "shop-x"})),
            (403, "Forbidden"),
        ),
        ("no key", door.frame("tokens", &json!({"origin": SHOP})), (400, "MissingProperty")),
        ("no JSON", door.frame("tokens", &json!(7)), (400, "BadArgument")),
        (
            "too much",
            door.frame("tokens", &json!({"origin": "x".repeat(20_000)})),
            (413, "TooLarge"),
        ),
        // A page that says itself what is around it, and a browser that says so.
        ("not the frame", from(SHOP), (403, "Forbidden")),
        ("another site", from(EVIL), (403, "Forbidden")),
        (
            "fetched by another site",
            door.frame("tokens", &whole).header("sec-fetch-site", "cross-site"),
            (403, "Forbidden"),
        ),
    ] {
        door.told(what, request, expected).await;
    }
    let read = from(SHOP).send().await.unwrap();
    assert!(read.headers().get("access-control-allow-origin").is_none(), "no page may read it");
}

#[tokio::test]
async fn a_key_that_nobody_set_opens_nothing() {
    let door = Door::open().await;
    let asked = door.frame("tokens", &json!({"origin": SHOP, "key": KEY}));
    door.told("no key is set", asked, (403, "Forbidden")).await;
}

#[tokio::test]
async fn a_crowd_of_strangers_is_told_to_come_back() {
    let door = public().await;
    let mut refused = None;
    // More than go through at once, and than come along while they ask.
    for _ in 0..600 {
        let asked = door.frame("tokens", &json!({"origin": SHOP, "key": KEY}));
        let answer = asked.send().await.unwrap();
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
        let given: Value = answer.json().await.unwrap();
        door.house.hides(given["token"].as_str().unwrap());
    }
    let refused = refused.expect("a flood is slowed down");
    assert_eq!(refused.headers()["retry-after"], "1");
}

#[tokio::test]
async fn the_page_around_the_frame_must_be_one_that_the_token_trusts() {
    let door = Door::open().await;
    let bound = json!({"user": {"id": "dl_lee"}, "trustedOrigins": [SHOP]});
    let given = door.call(Method::POST, "tokens/generate").bearer_auth(DIRECT_LINE_SECRET);
    let given: Value = given.json(&bound).send().await.unwrap().json().await.unwrap();
    let token = given["token"].as_str().unwrap();
    door.house.hides(token);
    let admit = |origin: &str, token: &str| {
        door.frame("admissions", &json!({"origin": origin})).bearer_auth(token)
    };
    let admitted = admit(SHOP, token).send().await.unwrap();
    assert_eq!(admitted.status(), StatusCode::NO_CONTENT);
    door.told("another page", admit(EVIL, token), (403, "Forbidden")).await;
    door.told("a secret", admit(SHOP, DIRECT_LINE_SECRET), (403, "Forbidden")).await;
    door.told("no token of ours", admit(SHOP, "made.up.token"), (401, "NotAuthorized")).await;
    let none = door.frame("admissions", &json!({"origin": SHOP}));
    door.told("no token", none, (401, "NotAuthorized")).await;
    // Where the site has no list and the token names none, every page may.
    let free = admit(EVIL, &door.page.token).send().await.unwrap();
    assert_eq!(free.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn our_own_page_may_call_where_others_must_be_named() {
    let door = public().await;
    let own = door.house.origin();
    for (origin, status) in
        [(own.as_str(), 200), (SHOP, 200), (EVIL, 403), ("http://127.0.0.1", 403)]
    {
        let read = door.page.request(Method::GET, "/activities").header("origin", origin);
        assert_eq!(read.send().await.unwrap().status(), status, "{origin}");
    }
}

#[tokio::test]
async fn the_script_is_for_any_page_and_the_frame_for_trusted_ones() {
    let door = public().await;
    let get = |path: &str| door.house.http.get(format!("{}{path}", door.house.origin()));
    let script = get("/widget.js").send().await.unwrap();
    let frame = get("/widget/frame").send().await.unwrap();
    if script.status() == StatusCode::NOT_FOUND {
        // Built without Node: it says so, and what to do.
        for (answer, path) in [(script, "/widget.js"), (frame, "/widget/frame")] {
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body["error"]["code"], "widget_not_built");
            openapi::describes("get", path, 404, "widget_not_built");
        }
        return;
    }
    assert!(!script.headers().contains_key("content-encoding"), "nobody said that it is taken");
    assert_eq!(script.headers()["cross-origin-resource-policy"], "cross-origin");
    let tag = script.headers()["etag"].clone();
    let again = get("/widget.js").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let text = script.text().await.unwrap();
    assert!(text.contains("data-token-url"), "{}", &text[..text.len().min(80)]);
    for (takes, encoding) in
        [("identity", None), ("gzip;q=0", None), ("gzip", Some("gzip")), ("gzip, br", Some("br"))]
    {
        let script = get("/widget.js").header("accept-encoding", takes).send().await.unwrap();
        let sent = script.headers().get("content-encoding").map(|one| one.to_str().unwrap());
        assert_eq!(sent, encoding, "{takes}");
        let is_plain = script.bytes().await.unwrap() == text.as_bytes();
        assert_eq!(is_plain, encoding.is_none(), "{takes}");
    }
    assert_eq!(frame.status(), StatusCode::OK);
    let policy = frame.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.ends_with("frame-ancestors 'none'"), "of no site: {policy}");
    assert!(policy.contains("script-src 'self';"), "{policy}");
    for (named, around) in [
        (format!("key={KEY}"), format!("'self' {SHOP}")),
        ("site=default%2Fdefault".to_owned(), format!("'self' {SHOP}")),
        ("site=default%2Fsomebody".to_owned(), "'none'".to_owned()),
        ("key=shop-00000000".to_owned(), "'none'".to_owned()),
    ] {
        let frame = get(&format!("/widget/frame?{named}")).send().await.unwrap();
        assert_eq!(frame.status(), StatusCode::OK, "{named}");
        let policy = frame.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.ends_with(&format!("frame-ancestors {around}")), "{named}: {policy}");
    }
    door.told("no such file", get("/widget/assets/nothing.js"), (404, "no_such_route")).await;
    door.told("no such method", door.frame("frame", &json!({})), (405, "method_not_allowed")).await;
}

/// What `warmline files` prints with these arguments.
async fn files(door: &Door, arguments: &[&str]) -> String {
    let mut command = command(&door.house.environment);
    command.arg("files").args(arguments).stdin(std::process::Stdio::null());
    let output = tokio::time::timeout(WITHIN, command.output()).await.expect("it ends").unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn what_strangers_bring_is_told_from_what_known_users_do_and_an_operator_drops_it() {
    let door = public().await;
    let given = door.frame("tokens", &json!({"origin": SHOP, "key": KEY})).send().await.unwrap();
    let given: Value = given.json().await.unwrap();
    let token = given["token"].as_str().unwrap().to_owned();
    let conversation = given["conversationId"].as_str().unwrap();
    door.house.hides(&token);
    let stranger = door.house.page_of("a stranger", conversation, token).await;
    let upload = |page: &crate::page::Page| {
        let upload = page.request(Method::POST, "/upload").header("origin", door.house.origin());
        upload.header("content-type", "text/plain").body("see kolibri")
    };
    let taken_by = || async {
        let answer: Value = serde_json::from_str(&files(&door, &["list", "--json"]).await).unwrap();
        let [all, strangers] = ["bytes", "of_strangers"].map(|of| answer["files"][of].as_u64());
        (all.unwrap(), strangers.unwrap())
    };
    let of_stranger = taken(upload(&stranger)).await;
    let (all, strangers) = taken_by().await;
    assert!(all > 0 && strangers == all, "{all} {strangers}");
    let of_kim = taken(upload(&door.page)).await;
    assert_eq!(taken_by().await, (2 * all, all));
    let address = async |page, id: &str| {
        shown(page, id).await["attachments"][0]["contentUrl"].as_str().unwrap().to_owned()
    };
    let (theirs, kims) =
        (address(&stranger, &of_stranger).await, address(&door.page, &of_kim).await);
    let until = |address: &str| address.rsplit('-').nth(1).unwrap().parse::<i64>().unwrap();
    // Both were brought within a minute.
    let longer = (until(&kims) - until(&theirs) + 30) / 60;
    assert_eq!(longer, (30 - 3) * 24 * 60, "a stranger's is kept for less long");
    let listed = files(&door, &["list"]).await;
    assert!(listed.contains("BY STRANGERS") && listed.contains("default"), "{listed}");
    let dropped = files(&door, &["drop", "--tenant", "default", "--strangers", "--yes"]).await;
    assert!(dropped.starts_with("1 files are dropped"), "{dropped}");
    assert_eq!(taken_by().await, (all, 0));
    let opened = async |address: &str| door.house.http.get(address).send().await.unwrap().status();
    let told = (opened(&theirs).await, opened(&kims).await);
    assert_eq!(told, (StatusCode::NOT_FOUND, StatusCode::OK));
}
