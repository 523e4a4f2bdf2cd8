//! Whom a token binds, how long it is good, and how a page that lost its own comes by another.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Door;
use crate::{
    house::{DIRECT_LINE_SECRET, House, Setting},
    moved_clock::MovedClock,
    page::{Page, eventually},
};

/// What a token says, as any page can read it.
fn claims(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token).expect("a JSON Web Token").claims
}

impl Door {
    /// Asks with the secret.
    async fn asks(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let asked = self.call(Method::POST, path).bearer_auth(DIRECT_LINE_SECRET).json(&body);
        let answer = asked.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn token_for(&self, body: Value) -> Value {
        let (status, answer) = self.asks("tokens/generate", body.clone()).await;
        assert_eq!(status, StatusCode::OK, "{body} {answer}");
        self.house.hides(answer["token"].as_str().unwrap());
        answer
    }
}

#[tokio::test]
async fn a_token_binds_whom_the_sites_server_names_in_any_case() {
    let door = Door::open().await;
    for (body, user, name) in [
        (json!({"user": {"id": "dl_kim", "name": "Kim"}}), json!("dl_kim"), json!("Kim")),
        (json!({"User": {"Id": "dl_kim"}, "TrustedOrigins": []}), json!("dl_kim"), Value::Null),
        (json!({"USER": {"ID": "kim@example.org"}}), json!("kim@example.org"), Value::Null),
        (json!({"user": {}}), Value::Null, Value::Null),
        (json!({}), Value::Null, Value::Null),
    ] {
        let token = door.token_for(body).await;
        let claims = claims(token["token"].as_str().unwrap());
        assert_eq!((&claims["user"], &claims["name"]), (&user, &name));
        assert_eq!(claims["conv"], token["conversationId"]);
        assert!(token.get("streamUrl").is_none(), "clients renew no token that came with a stream");
    }
    let long = "u".repeat(257);
    for id in ["", long.as_str(), "a\u{7}b", "two\nlines"] {
        for path in ["tokens/generate", "conversations"] {
            let (status, answer) = door.asks(path, json!({"user": {"id": id}})).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {id:?}");
            assert_eq!(answer["error"]["code"], "BadArgument");
        }
    }
}

#[tokio::test]
async fn who_a_page_says_its_user_is_is_a_name_and_nothing_else() {
    let door = Door::open().await;
    let bound = door.token_for(json!({"user": {"id": "dl_lee"}})).await;
    let free = door.token_for(json!({})).await;
    for (given, id, shown_as) in [
        (&bound, "dl_mallory", "dl_lee"),
        (&free, "dl_mallory", free["conversationId"].as_str().unwrap()),
        (&free, "r_mallory", "r_mallory"),
    ] {
        let token = given["token"].as_str().unwrap();
        let start = door.call(Method::POST, "conversations").bearer_auth(token);
        let start = start.json(&json!({"user": {"id": id, "name": "Lee"}})).send().await.unwrap();
        assert!(start.status().is_success());
        let started: Value = start.json().await.unwrap();
        let renewed = started["token"].as_str().unwrap();
        door.house.hides(renewed);
        assert_eq!(claims(renewed).get("user"), claims(token).get("user"));
        assert_eq!(started["conversationId"], given["conversationId"]);
        let conversation = started["conversationId"].as_str().unwrap();
        let path = format!("conversations/{conversation}/activities");
        let text = format!("from {id} kolibri");
        let post = door.call(Method::POST, &path).bearer_auth(token);
        let post = post.json(&json!({"type": "message", "text": text, "from": {"id": id}}));
        assert_eq!(post.send().await.unwrap().status(), StatusCode::OK);
        let read = door.call(Method::GET, &path).bearer_auth(token).send().await.unwrap();
        let set: Value = read.json().await.unwrap();
        let said = set["activities"].as_array().unwrap().iter().find(|a| a["text"] == text);
        assert_eq!(said.unwrap()["from"]["id"], shown_as);
    }
}

#[tokio::test]
async fn the_agent_reads_the_name_that_the_site_bound() {
    let door = Door::open().await;
    let given = door.token_for(json!({"user": {"id": "dl_lee", "name": "Lee Bound"}})).await;
    let token = given["token"].as_str().unwrap().to_owned();
    let start = door.call(Method::POST, "conversations").bearer_auth(&token);
    let start = start.json(&json!({"user": {"name": "Somebody Else"}}));
    assert_eq!(start.send().await.unwrap().status(), StatusCode::CREATED);
    let conversation = given["conversationId"].as_str().unwrap();
    let page = door.house.page_of("dl_lee", conversation, token).await;
    page.post("agent").await;
    door.house.offered("dl_lee").await;
    let asked = door.house.desk.ledger();
    let told = asked.iter().map(|request| request.body.to_string()).collect::<String>();
    assert!(told.contains("Lee Bound") && !told.contains("Somebody Else"), "{told}");
}

#[tokio::test]
async fn a_page_that_lost_its_token_gets_one_for_its_conversation_from_the_sites_server() {
    let mut door = Door::open().await;
    let path = door.own("/tokens");
    let user = json!({"user": {"id": "dl_kim"}});
    let (status, given) = door.asks(&path, user.clone()).await;
    assert_eq!(status, StatusCode::OK, "{given}");
    assert_eq!(given["conversationId"], door.page.conversation);
    assert_eq!(given["expires_in"], 1800);
    assert!(given.get("streamUrl").is_none());
    let token = given["token"].as_str().unwrap().to_owned();
    door.house.hides(&token);
    assert_eq!(claims(&token)["user"], "dl_kim");
    let again = door.house.page_of("dl_kim", &door.page.conversation, token.clone()).await;
    again.post("back again kolibri").await;
    door.page.shows(&["user: back again kolibri", "bot: I do not know…"]).await;

    // The old token is good, too: it is another tab's.
    door.page.post("still here kolibri").await;
    let secret = || door.call(Method::POST, &path).bearer_auth(DIRECT_LINE_SECRET);
    let (wrong, none) = ((403, "Forbidden"), (401, "NotAuthorized"));
    let nowhere = |id: &str| {
        let path = format!("conversations/{id}/tokens");
        door.call(Method::POST, &path).bearer_auth(DIRECT_LINE_SECRET).json(&user)
    };
    for (what, request, expected) in [
        ("no credential", door.call(Method::POST, &path).json(&user), none),
        ("the page's token", door.call(Method::POST, &path).bearer_auth(&token), wrong),
        ("another user", secret().json(&json!({"user": {"id": "dl_mallory"}})), wrong),
        ("no user", secret().json(&json!({})), wrong),
        ("an empty user", secret().json(&json!({"user": {"id": ""}})), (400, "BadArgument")),
        ("no JSON", secret().body("kim"), (400, "BadArgument")),
        ("a conversation that never was", nowhere("c0ffee"), (404, "NotFound")),
        ("an id that is no id", nowhere("%00"), (404, "NotFound")),
        (
            "another method",
            door.call(Method::GET, &path).bearer_auth(DIRECT_LINE_SECRET),
            (405, "MethodNotAllowed"),
        ),
    ] {
        door.refuses(what, request, expected).await;
    }
    // After a restart as well: what counts is what is kept.
    door.house.restart().await;
    assert_eq!(door.asks(&path, user).await.0, StatusCode::OK);
    let free = door.token_for(json!({})).await;
    let start = door.call(Method::POST, "conversations");
    start.bearer_auth(free["token"].as_str().unwrap()).send().await.unwrap();
    let path = format!("conversations/{}/tokens", free["conversationId"].as_str().unwrap());
    assert_eq!(door.asks(&path, json!({})).await.0, StatusCode::OK, "bound to nobody");
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

async fn with_clock(grace: Option<&str>) -> (House, Page, MovedClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let house = House::start_with(Setting::default(), |environment| {
        clock = Some(MovedClock::of(environment, folder.path(), 0));
        if let Some(grace) = grace {
            let file = folder.path().join("warmline.toml");
            let text = format!("[tenants.default.bots.default]\ntoken_grace = \"{grace}\"\n");
            std::fs::write(&file, text).unwrap();
            environment.insert("WARMLINE_CONFIG".to_owned(), file.display().to_string());
        }
    })
    .await;
    let mut page = house.page("dl_kim").await;
    page.goes_offline().await;
    (house, page, clock.unwrap(), folder)
}

/// Every call that a page makes, by its old token.
async fn all_calls(page: &Page, house: &House) -> Vec<(&'static str, u16, Value)> {
    let base = format!("{}/v3/directline", house.origin());
    let post = |path: &str| house.http.post(format!("{base}/{path}")).bearer_auth(&page.token);
    let say = json!({"type": "message", "text": "after a nap kolibri"});
    let mut told = Vec::new();
    for (what, request) in [
        ("refresh", post("tokens/refresh")),
        ("start", post("conversations")),
        ("reconnect", page.request(Method::GET, "?watermark=")),
        ("read", page.request(Method::GET, "/activities")),
        ("say", page.request(Method::POST, "/activities").json(&say)),
    ] {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        told.push((what, status, answer.json().await.unwrap()));
    }
    told
}

#[tokio::test]
async fn a_laptop_that_slept_comes_back_with_its_old_token_for_twelve_hours() {
    let (house, page, clock, _folder) = with_clock(None).await;
    for slept in [29 * MINUTE, 31 * MINUTE, 12 * HOUR + 29 * MINUTE] {
        clock.set(slept);
        for (what, status, body) in all_calls(&page, &house).await {
            assert_eq!(status, 200, "{what} after {slept} ms: {body}");
            if let Some(token) = body["token"].as_str() {
                house.hides(token);
                assert_ne!(token, page.token);
                let claims = claims(token);
                let lives = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
                assert_eq!((lives, &body["expires_in"]), (1800, &json!(1800)), "{what}");
            }
        }
    }
    let ticket = page.stream_url.replacen("ws", "http", 1);
    let late = house.http.get(ticket).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::FORBIDDEN, "a ticket has no grace");
    clock.set(12 * HOUR + 31 * MINUTE);
    for (what, status, body) in all_calls(&page, &house).await {
        assert_eq!((status, &body["error"]["code"]), (403, &json!("TokenExpired")), "{what}");
    }
    // A clock that goes back takes nothing from anybody.
    clock.set(-HOUR);
    for (what, status, body) in all_calls(&page, &house).await {
        assert_eq!(status, 200, "{what}: {body}");
    }
}

#[tokio::test]
async fn without_grace_a_token_ends_with_its_half_hour() {
    let (house, page, clock, folder) = with_clock(Some("off")).await;
    clock.set(31 * MINUTE);
    for (what, status, body) in all_calls(&page, &house).await {
        assert_eq!((status, &body["error"]["code"]), (403, &json!("TokenExpired")), "{what}");
    }
    // It is read again while the gateway runs.
    let file = folder.path().join("warmline.toml");
    std::fs::write(&file, "[tenants.default.bots.default]\ntoken_grace = \"5min\"\n").unwrap();
    house.gateway().signal("HUP").await;
    let graced = || async {
        let read = page.request(Method::GET, "/activities").send().await.unwrap();
        (read.status() == StatusCode::OK).then_some(())
    };
    eventually("the grace is there", graced).await;
}
