//! What is said: bodies that are no activities, and calls in a bot's name.

use reqwest::{Method, header};
use serde_json::json;
use simulator::azure::APP_ID;

use super::{Case, Forger, STRANGER, are_refused, quiet};
use crate::house::CANARY;

#[tokio::test]
async fn a_body_that_is_no_activity_of_a_channels_is_refused() {
    let (rig, bot, mut user) = quiet().await;
    let forger = Forger::new(&rig, &user);
    let text = forger.activity.to_string();
    let nested =
        format!(r#"{},"value":{}{}}}"#, &text[..text.len() - 1], "[".repeat(70), "]".repeat(70));
    let twice = format!(r#"{},"type":"message"}}"#, &text[..text.len() - 1]);
    let large = forger.changed("/text", json!("x".repeat(300 * 1024))).to_string();
    let mut broken = text.clone().into_bytes();
    broken[20] = 0xff;
    let good = rig.azure.sign(&forger.good());
    let typed = |kind: &str| {
        forger.post().bearer_auth(&good).header(header::CONTENT_TYPE, kind).body(text.clone())
    };
    let at = |method: Method| {
        rig.http.request(method, format!("{}/api/messages", rig.origin())).bearer_auth(&good)
    };
    let (no_json, missing) = ((400, "not_json"), (400, "missing_member"));
    let long = "x".repeat(600);
    let cases: Vec<Case> = vec![
        ("nothing", forger.body(""), no_json),
        ("no JSON", forger.body("hello"), no_json),
        ("half of it", forger.body(text[..text.len() / 2].to_owned()), no_json),
        ("no text at all", forger.body(broken), no_json),
        ("a list", forger.body("[]"), (400, "not_an_object")),
        ("words", forger.body("\"hello\""), (400, "not_an_object")),
        ("null", forger.body("null"), (400, "not_an_object")),
        ("a doubled member", forger.body(twice), (400, "duplicate_member")),
        ("too deep", forger.body(nested), (400, "too_deep")),
        ("too large", forger.body(large), (413, "too_large")),
        ("no type", forger.without("", "type"), (400, "missing_type")),
        ("a type that is a number", forger.with("/type", json!(7)), (400, "missing_type")),
        ("an empty type", forger.with("/type", json!("")), (400, "missing_type")),
        ("no conversation", forger.without("", "conversation"), missing),
        ("a conversation without an id", forger.without("/conversation", "id"), missing),
        ("an empty conversation id", forger.with("/conversation/id", json!("")), missing),
        (
            "a long conversation id",
            forger.with("/conversation/id", json!(long)),
            (400, "member_too_long"),
        ),
        (
            "a conversation id of two lines",
            forger.with("/conversation/id", json!("a\nb")),
            (400, "control_character"),
        ),
        ("nobody", forger.without("", "from"), missing),
        ("nobody's id", forger.without("/from", "id"), missing),
        ("a long user id", forger.with("/from/id", json!(long)), (400, "member_too_long")),
        ("no recipient", forger.without("", "recipient"), missing),
        ("a text that is a number", forger.with("/text", json!(17)), (400, "bad_member")),
        (
            "a user of another tenant",
            forger.with("/channelData/tenant/id", json!(STRANGER)),
            (403, "foreign_tenant"),
        ),
        ("plain text", typed("text/plain"), (415, "not_json")),
        ("a form", typed("application/x-www-form-urlencoded"), (415, "not_json")),
        ("several parts", typed("multipart/form-data; boundary=x"), (415, "not_json")),
        ("a look", at(Method::GET), (405, "method_not_allowed")),
        ("a replacement", at(Method::PUT).body(text.clone()), (405, "method_not_allowed")),
        ("a deletion", at(Method::DELETE), (405, "method_not_allowed")),
    ];
    are_refused(&rig, &bot, &mut user, cases).await;
}

#[tokio::test]
async fn nobody_speaks_for_a_bot_in_a_channels_conversation() {
    let (rig, bot, mut user) = quiet().await;
    let activity = bot.hears("hello kolibri").await;
    let base = activity["serviceUrl"].as_str().unwrap().to_owned();
    let handle = activity["conversation"]["id"].as_str().unwrap().to_owned();
    let channels = user.chat.id.replace(':', "%3A");
    let forged = handle.replacen("c1-", "c2-", 1);
    assert_ne!(forged, handle);
    let message = json!({"type": "message", "text": format!("forged {CANARY}")});
    let at = |path: &str| format!("{base}/v3/conversations/{path}");
    let post = |path: &str| rig.http.post(at(path)).json(&message);
    let outside = format!("{}/v3/conversations", rig.origin());
    let ours = activity["id"].as_str().unwrap();
    let gone = (404, "ConversationNotFound");
    let no_activity = (404, "ActivityNotFoundInConversation");
    let cases: Vec<Case> = vec![
        ("the channel's own id", post(&format!("{channels}/activities")), gone),
        ("a forged handle", post(&format!("{forged}/activities")), gone),
        ("a reply in a forged one", post(&format!("{forged}/activities/{ours}")), gone),
        (
            "a change of what the user said",
            rig.http.put(at(&format!("{handle}/activities/{ours}"))).json(&message),
            no_activity,
        ),
        (
            "a deletion of what the user said",
            rig.http.delete(at(&format!("{handle}/activities/{ours}"))),
            no_activity,
        ),
        (
            "a change by the channel's id",
            rig.http.put(at(&format!("{handle}/activities/17"))).json(&message),
            no_activity,
        ),
        ("who is in a forged one", rig.http.get(at(&format!("{forged}/members"))), gone),
        (
            "no JSON",
            rig.http.post(at(&format!("{handle}/activities"))).body("{"),
            (400, "BadSyntax"),
        ),
        (
            "no type",
            rig.http.post(at(&format!("{handle}/activities"))).json(&json!({"text": "x"})),
            (400, "MissingProperty"),
        ),
    ];
    are_refused(&rig, &bot, &mut user, cases).await;
    // Beside the address that the bot was given nothing answers to anybody.
    for token in [None, Some(rig.azure.sign(&rig.azure.channel_token(APP_ID)))] {
        for path in ["", &format!("/{handle}/activities"), &format!("/{channels}/activities")] {
            let mut request = rig.http.post(format!("{outside}{path}")).json(&message);
            if let Some(token) = &token {
                request = request.bearer_auth(token);
            }
            let status = request.send().await.unwrap().status().as_u16();
            assert!(matches!(status, 401 | 403 | 404 | 405), "{path}: {status}");
        }
    }
    assert!(!user.sees().join("\n").contains("forged"));
}
