//! What people do in Teams, as a bot gets it.

use std::time::Duration;

use serde_json::json;
use simulator::azure::{APP_ID, NotSaid, Person, converse};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use super::{Rig, endpoint, kim, text, words};

#[tokio::test]
async fn what_somebody_says_comes_to_the_bot_with_a_token_for_it() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    assert!(matches!(rig.azure.say(&chat, "x").await, Err(NotSaid::NoEndpoint(_))));
    let (url, got) = endpoint().await;
    assert!(rig.azure.set_endpoint(APP_ID, &url));
    let said = rig.azure.say(&chat, "Hello").await.unwrap();
    assert_eq!((said.status, said.body.as_str()), (200, "taken"));
    let (headers, activity) = got.borrow()[0].clone();
    assert!(headers["authorization"].to_str().unwrap().starts_with("Bearer ey"));
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    for (pointer, expected) in [
        ("/type", json!("message")),
        ("/text", json!("Hello")),
        ("/channelId", json!("msteams")),
        ("/serviceUrl", json!(rig.azure.service_url())),
        ("/conversation/id", json!(chat.id)),
        ("/conversation/conversationType", json!("personal")),
        ("/conversation/tenantId", json!(chat.tenant)),
        ("/channelData/tenant/id", json!(chat.tenant)),
        ("/from/aadObjectId", json!(kim().aad_object_id)),
        ("/from/id", json!(kim().id_for(APP_ID))),
        ("/recipient/id", json!(format!("28:{APP_ID}"))),
        ("/attachments/0/content", json!("<p>Hello</p>")),
    ] {
        assert_eq!(activity.pointer(pointer), Some(&expected), "{pointer}");
    }
    let shown = rig.azure.shown(&chat.id);
    assert_eq!((shown.len(), shown[1].by_bot), (2, false), "both lines, though one met nobody");
    assert_eq!(shown[1].id, text(&activity["id"]));
    // Delivered again it is the same activity, and shown once.
    rig.azure.deliver(&activity).await.unwrap();
    assert_eq!(got.borrow()[1].1, activity);
    assert_eq!(rig.azure.shown(&chat.id).len(), 2);
}

#[tokio::test]
async fn in_a_channel_the_bot_is_mentioned_and_a_thread_is_answered_in() {
    let rig = Rig::start().await;
    let alex = Person::new("Alex Example", "alex@example.org");
    let chat = rig.azure.channel_thread(APP_ID, &[kim(), alex.clone()]);
    let activity = rig.azure.message(&chat, &alex, "a < b");
    assert_eq!(activity["text"], "<at>Helper</at>&nbsp;a &lt; b");
    assert_eq!(activity["entities"][1]["mentioned"]["id"], format!("28:{APP_ID}"));
    assert_eq!(activity["conversation"]["isGroup"], true);
    assert!(text(&activity["conversation"]["id"]).contains("@thread.tacv2;messageid="));
    assert_eq!(rig.send(&chat.id, &words("in the thread")).await.0, 201);
    let group = rig.azure.group_chat(APP_ID, &[kim(), alex]);
    assert_ne!(group.id, rig.azure.group_chat(APP_ID, &[kim()]).id);
    assert!(group.id.ends_with("@thread.v2"));
}

#[tokio::test]
async fn edits_deletions_and_reactions_name_the_message_they_are_about() {
    let rig = Rig::start().await;
    let (chat, kim) = (rig.kim(), kim());
    let said = rig.azure.message(&chat, &kim, "first");
    let edit = rig.azure.edit(&chat, &kim, &said, "second");
    assert_eq!((&edit["type"], &edit["id"]), (&json!("messageUpdate"), &said["id"]));
    assert_eq!(edit["channelData"]["eventType"], "editMessage");
    let deletion = rig.azure.deletion(&chat, &kim, &said);
    assert_eq!((&deletion["type"], &deletion["id"]), (&json!("messageDelete"), &said["id"]));
    let reaction = rig.azure.reaction(&chat, &kim, "17", "like");
    assert_eq!(
        (&reaction["replyToId"], &reaction["reactionsAdded"][0]["type"]),
        (&json!("17"), &json!("like"))
    );
    assert_ne!(reaction["id"], said["id"]);
    assert_eq!(rig.azure.installation(&chat, &kim, "remove")["action"], "remove");
    let added = rig.azure.bot_added(&chat, &kim);
    assert_eq!(added["membersAdded"][0]["id"], format!("28:{APP_ID}"));
}

#[tokio::test]
async fn a_terminal_says_what_is_typed_and_prints_what_the_bot_sends() {
    let rig = Rig::start().await;
    let (url, mut got) = endpoint().await;
    rig.azure.set_endpoint(APP_ID, &url);
    let chat = rig.kim();
    let (mut keyboard, input) = tokio::io::duplex(1_024);
    let (screen, output) = tokio::io::duplex(1_024);
    let mut screen = BufReader::new(screen).lines();
    let (azure, own) = (rig.azure.clone(), chat.clone());
    let talk = tokio::spawn(async move {
        converse(&azure, &own, BufReader::new(input), output).await.unwrap();
    });
    assert!(screen.next_line().await.unwrap().unwrap().contains("/quit"));
    keyboard.write_all(b"hello there\n").await.unwrap();
    assert_eq!(screen.next_line().await.unwrap().unwrap(), "  (200 taken)");
    assert_eq!(got.wait_for(|got| got.len() == 1).await.unwrap()[0].1["text"], "hello there");
    rig.send(&chat.id, &words("hello yourself")).await;
    assert_eq!(screen.next_line().await.unwrap().unwrap(), "bot: hello yourself");
    keyboard.write_all(b"/edit hello here\n").await.unwrap();
    screen.next_line().await.unwrap();
    let edited = got.wait_for(|got| got.len() == 2).await.unwrap()[1].1.clone();
    assert_eq!((&edited["type"], &edited["text"]), (&json!("messageUpdate"), &json!("hello here")));
    keyboard.write_all(b"/quit\n").await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), talk).await.unwrap().unwrap();
}
