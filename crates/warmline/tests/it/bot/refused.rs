//! Calls of bots, and of whoever pretends to be one, that are refused: the right status and code, and
//! nothing changed.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Bot, Manner, USER, greeted, house_with};
use crate::{
    house::{House, Setting},
    openapi,
};

const SECOND_SECRET: &str = "another-direct-line-secret-19c4";

/// Sends a call; checks its refusal, and that it is described.
pub(super) async fn is_refused(
    request: reqwest::RequestBuilder,
    what: &str,
    (status, code): (u16, &str),
) {
    let (answer, method, path) = openapi::sent(request, what).await;
    assert_eq!(answer.status().as_u16(), status, "{what}");
    let body: Value = answer.json().await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(body["error"]["code"], code, "{what}: {body}");
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.len() > 15, "{what}: a sentence, not {message:?}");
    openapi::describes(&method, &path, status, code);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one table: each refusal in a row or two")]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let (house, bot, page) = greeted(Setting::default()).await;
    page.post("hi").await;
    let activity = bot.hears("hi").await;
    page.until("it is answered", |heard| {
        heard.activities.iter().any(|shown| shown["text"] == "echo hi")
    })
    .await;
    let mine = bot.says(&activity, "mine kolibri").await;
    let before = page.log().await;
    let base = activity["serviceUrl"].as_str().unwrap().to_owned();
    let conversation = activity["conversation"]["id"].as_str().unwrap().to_owned();
    let users = activity["id"].as_str().unwrap().to_owned();
    let forged = conversation.replacen("c1-", "c2-", 1);
    let at = |path: &str| format!("{base}/v3/conversations/{path}");
    let message = || json!({"type": "message", "text": "kolibri"});
    let post = |path: &str| house.http.post(at(path));
    let nested = format!(r#"{{"type":"message","value":{}{}}}"#, "[".repeat(70), "]".repeat(70));
    let large = json!({"type": "message", "text": "x".repeat(800_000)});
    let activities = format!("{conversation}/activities");
    let of = |id: &str| format!("{conversation}/activities/{id}");
    let cases: Vec<(&str, reqwest::RequestBuilder, (u16, &str))> = vec![
        ("no JSON", post(&activities).body("{"), (400, "BadSyntax")),
        ("a list", post(&activities).body("[]"), (400, "BadSyntax")),
        (
            "a doubled member",
            post(&activities).body(r#"{"type":"a","type":"b"}"#),
            (400, "BadSyntax"),
        ),
        ("too deep", post(&activities).body(nested), (400, "BadSyntax")),
        ("no type", post(&activities).json(&json!({"text": "x"})), (400, "MissingProperty")),
        (
            "a wrong shape",
            post(&activities).json(&json!({"type": "message", "text": 1})),
            (400, "BadArgument"),
        ),
        ("too large", post(&activities).json(&large), (413, "MessageSizeTooBig")),
        (
            "a forged conversation",
            post(&format!("{forged}/activities")).json(&message()),
            (404, "ConversationNotFound"),
        ),
        (
            "the page's conversation",
            post(&format!("{}/activities", page.conversation)).json(&message()),
            (404, "ConversationNotFound"),
        ),
        (
            "an update of what the user said",
            house.http.put(at(&of(&users))).json(&message()),
            (404, "ActivityNotFoundInConversation"),
        ),
        (
            "an update of nothing",
            house.http.put(at(&of(&format!("{conversation}-0000999")))).json(&message()),
            (404, "ActivityNotFoundInConversation"),
        ),
        (
            "an update by a foreign id",
            house.http.put(at(&of("x"))).json(&message()),
            (404, "ActivityNotFoundInConversation"),
        ),
        (
            "an update that is no activity",
            house.http.put(at(&of(&mine))).body("7"),
            (400, "BadSyntax"),
        ),
        (
            "a deletion of what the user said",
            house.http.delete(at(&of(&users))),
            (404, "ActivityNotFoundInConversation"),
        ),
        (
            "a deletion in a forged conversation",
            house.http.delete(at(&format!("{forged}/activities/{mine}"))),
            (404, "ConversationNotFound"),
        ),
        (
            "the members of a forged one",
            house.http.get(at(&format!("{forged}/members"))),
            (404, "ConversationNotFound"),
        ),
        (
            "nobody's account",
            house.http.get(at(&format!("{conversation}/members/x"))),
            (404, "MemberNotFoundInConversation"),
        ),
        (
            "history that is no list",
            post(&format!("{activities}/history")).json(&json!({"activities": 1})),
            (400, "BadArgument"),
        ),
        (
            "a history of nonsense",
            post(&format!("{activities}/history")).json(&json!({"activities": [1]})),
            (400, "BadSyntax"),
        ),
        (
            "a history without end",
            post(&format!("{activities}/history"))
                .json(&json!({"activities": vec![message(); 501]})),
            (400, "BadArgument"),
        ),
        (
            "a new one without members",
            house.http.post(at("").trim_end_matches('/')).json(&json!({})),
            (400, "BadArgument"),
        ),
        (
            "a new one with two",
            house
                .http
                .post(at("").trim_end_matches('/'))
                .json(&json!({"members": [{"id": "a"}, {"id": "b"}]})),
            (400, "BadArgument"),
        ),
        (
            "a group",
            house
                .http
                .post(at("").trim_end_matches('/'))
                .json(&json!({"members": [{"id": "a"}], "isGroup": true})),
            (400, "BadArgument"),
        ),
        (
            "a nameless member",
            house.http.post(at("").trim_end_matches('/')).json(&json!({"members": [{"id": ""}]})),
            (400, "BadArgument"),
        ),
        (
            "another method",
            house.http.patch(at(&activities)).json(&message()),
            (405, "MethodNotAllowed"),
        ),
        (
            "another route",
            house.http.get(at(&format!("{conversation}/secrets"))),
            (404, "NotFound"),
        ),
        (
            "removing the user",
            house.http.delete(at(&format!("{conversation}/members/{USER}"))),
            (405, "MethodNotAllowed"),
        ),
    ];
    for (what, request, expected) in cases {
        is_refused(request, what, expected).await;
    }
    assert_eq!(page.log().await, before, "nothing changed");
}

#[tokio::test]
async fn who_does_not_know_the_address_gets_nowhere() {
    let (house, bot, page) = greeted(Setting::default()).await;
    page.post("hi").await;
    let activity = bot.hears("hi").await;
    page.until("it is answered", |heard| {
        heard.activities.iter().any(|shown| shown["text"] == "echo hi")
    })
    .await;
    let conversation = activity["conversation"]["id"].as_str().unwrap();
    let path = format!("v3/conversations/{conversation}/activities");
    let message = json!({"type": "message", "text": "kolibri"});
    let origin = house.origin();
    let before = page.log().await;
    let post = |base: &str| house.http.post(format!("{origin}{base}/{path}")).json(&message);
    is_refused(post("/bot/0123456789abcdef0123456789abcdef"), "a guess", (401, "Unauthorized"))
        .await;
    is_refused(post(""), "no token", (401, "Unauthorized")).await;
    is_refused(post("").bearer_auth("x.y.z"), "a token to a bot without", (401, "Unauthorized"))
        .await;
    is_refused(post("").bearer_auth(&page.token), "a page's token", (401, "Unauthorized")).await;
    assert_eq!(page.log().await, before, "nothing changed");
}

/// A house with two bots of the team's own; the folder holds its configuration.
pub(super) async fn house_of_two(first: &Bot, second: &Bot) -> (House, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let bots = format!(
        "[tenants.default.bots.default]\n[tenants.default.bots.second]\nendpoint = \"{}\"\n\
         direct_line_secret = \"env:SECOND_SECRET\"\n",
        second.endpoint()
    );
    std::fs::write(&file, bots).unwrap();
    let config = file.display().to_string();
    let more = [("WARMLINE_CONFIG", config.as_str()), ("SECOND_SECRET", SECOND_SECRET)];
    let house = house_with(first, Setting::default(), &more).await;
    (house, folder)
}

/// Starts a conversation with the second bot; gives what it got.
pub(super) async fn starts_with_the_second(house: &House, second: &Bot) -> Value {
    let started = house
        .http
        .post(format!("{}/v3/directline/conversations", house.origin()))
        .bearer_auth(SECOND_SECRET)
        .send()
        .await
        .unwrap();
    assert_eq!(started.status(), 201);
    second.gets("it is greeted", |got| got["type"] == "conversationUpdate").await
}

#[tokio::test]
async fn one_bot_cannot_speak_in_anothers_conversations() {
    let (one, other) = (Bot::start(Manner::Mute).await, Bot::start(Manner::Mute).await);
    let (house, _folder) = house_of_two(&one, &other).await;
    let page = house.page(USER).await;
    page.post("hi").await;
    let theirs = one.hears("hi").await;
    let own = starts_with_the_second(&house, &other).await;
    assert_ne!(own["serviceUrl"], theirs["serviceUrl"], "each has an address of its own");
    let mut mixed = own.clone();
    mixed["conversation"] = theirs["conversation"].clone();
    let message = json!({"type": "message", "text": "kolibri"});
    let before = page.log().await;
    for (method, path) in [
        (Method::POST, "/activities"),
        (Method::GET, "/members"),
        (Method::DELETE, "/activities/x"),
    ] {
        let body = (method == Method::POST).then_some(&message);
        let (status, answer) = other.calls(&mixed, method, path, body).await;
        assert_eq!((status, &answer["error"]["code"]), (404, &json!("ConversationNotFound")));
    }
    assert_eq!(page.log().await, before, "nothing changed");
}
