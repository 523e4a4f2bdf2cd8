//! Message authentication, and who becomes more than a guest by it (reference 7.2 and 8).

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use simulator::{Config, Fate, User};

use crate::rig::{Rig, agent, does, rig, says};

fn with_token(mut body: Value) -> Value {
    body["token"] = "right".into();
    body
}

fn guarded(users: Vec<User>) -> Config {
    Config { message_token: Some("right".into()), users, ..Config::default() }
}

/// Whom the desk sees after a request for an agent with this address.
async fn seen(rig: &Rig, email: Option<&str>) -> (Option<String>, String) {
    let mut ask = with_token(agent());
    ask["emailId"] = json!(email);
    rig.play(&ask, 6).await;
    let chat = rig.chat();
    (chat.linked_to, chat.lines.last().unwrap().name.clone())
}

#[tokio::test]
async fn a_user_is_linked_to_the_one_active_user_with_that_very_address() {
    let kim = || User::new("Kim", "kim@example.org");
    let guest = (None, "Guest".to_owned());
    let linked = (Some("Kim".to_owned()), "Kim".to_owned());
    for (case, users, email, expected) in [
        (
            "the one",
            vec![kim(), User::new("Jo", "jo@example.org")],
            Some("kim@example.org"),
            &linked,
        ),
        ("another case", vec![kim()], Some("Kim@example.org"), &guest),
        ("two of them", vec![kim(), kim()], Some("kim@example.org"), &guest),
        ("inactive", vec![User { active: false, ..kim() }], Some("kim@example.org"), &guest),
        ("locked", vec![User { locked_out: true, ..kim() }], Some("kim@example.org"), &guest),
        (
            "one of two is active",
            vec![kim(), User { active: false, ..kim() }],
            Some("kim@example.org"),
            &linked,
        ),
        ("nobody", vec![kim()], Some("jo@example.org"), &guest),
        ("no address", vec![User::new("Kim", "")], None, &guest),
    ] {
        let rig = rig(guarded(users)).await;
        assert_eq!(seen(&rig, email).await, *expected, "{case}");
    }
}

#[tokio::test]
async fn without_message_auth_everybody_is_a_guest_and_nobody_is_told() {
    let rig = rig(Config::default()).await;
    assert_eq!(seen(&rig, Some("kim@example.org")).await, (None, "Guest".to_owned()));
}

#[tokio::test]
async fn a_link_lasts_without_the_address_and_into_the_next_conversation() {
    let rig = rig(guarded(vec![User::new("Kim", "kim@example.org")])).await;
    seen(&rig, Some("kim@example.org")).await;
    rig.play(&with_token(does("r-2", "END_CONVERSATION")), 1).await;
    assert_eq!(seen(&rig, None).await.0.as_deref(), Some("Kim"));
}

#[tokio::test]
async fn applications_keep_the_same_user_apart() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    let mut other = agent();
    other["appInboundId"] = "second".into();
    rig.play(&other, 6).await;
    assert_eq!(rig.desk.chats().len(), 2);
    rig.play(&agent(), 0).await;
    let fate = rig.desk.ledger().last().unwrap().fate;
    assert_eq!(fate, Fate::Ignored("the user's previous request is still in work"));
}

#[tokio::test]
async fn a_signature_opens_the_door_and_a_wrong_one_is_dropped_in_silence() {
    let rig = rig(Config { message_hash: Some("hash-secret".into()), ..Config::default() }).await;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"hash-secret");
    let ask = agent().to_string();
    let tag = hmac::sign(&key, ask.as_bytes());
    let signature: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    for (signature, sent, taken) in [
        (None, ask.clone(), false),
        (Some(signature.to_uppercase()), ask.clone(), false),
        (Some(signature.clone()), says("r-1", "other").to_string(), false),
        // White space does not count: the compact form is what is signed.
        (Some(signature), ask.replacen(':', " : ", 1), true),
    ] {
        let mut post =
            rig.post().bearer_auth(&rig.token).header("content-type", "application/json");
        if let Some(signature) = &signature {
            post = post.header("x-b2b-signature", signature);
        }
        let answer = post.body(sent).send().await.unwrap();
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"status": "success"}));
        rig.take_bodies(usize::from(taken)).await;
        let fate = rig.desk.ledger().last().unwrap().fate;
        assert_eq!(fate == Fate::Taken, taken, "{signature:?}: {fate:?}");
    }
    assert_eq!(rig.chat().linked_to.as_deref(), Some("Kim Example"));
}
