//! The Connector: who is let in, what is refused in which shape, and what goes wrong when told to.

use std::{collections::BTreeSet, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{
    Times,
    azure::{
        APP_ID, AzureConfig, BOT_FRAMEWORK, Call, Door, Issuer, Outcome, Person, Refusal,
        Registration, Signature, Standing, Strike, TENANT, Trouble,
    },
};

use super::{Rig, encoded, kim, text, words};

const OTHER_APP: &str = "b9900000-1111-4222-8333-444455556666";

fn code(answer: &Value) -> &str {
    answer["error"]["code"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn a_message_is_shown_under_the_id_that_the_answer_names() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    let (status, answer, _) = rig.send(&chat.id, &words("Hello")).await;
    assert_eq!(status, 201);
    let id = text(&answer["id"]).to_owned();
    let path = format!("/{}/activities", encoded(&chat.id));
    let (status, reply) =
        rig.ask(rig.call(Method::POST, &format!("{path}/{id}")).json(&words("More"))).await;
    assert_eq!(status, 201);
    assert_ne!(reply["id"], id, "a reply is a message of its own");
    let change = rig.call(Method::PUT, &format!("{path}/{id}")).json(&words("Hello!"));
    assert_eq!(rig.ask(change).await, (200, json!({ "id": id })));
    let answer = rig.call(Method::DELETE, &format!("{path}/{id}")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap()), (200, String::new()));
    let shown = rig.azure.shown(&chat.id);
    assert_eq!((shown.len(), shown[0].id.as_str(), shown[0].edits), (2, id.as_str(), 1));
    assert_eq!((&shown[0].activity["text"], shown[0].deleted), (&json!("Hello!"), true));
    assert_eq!(rig.azure.texts(&chat.id), ["More"]);
    // What is gone cannot be changed, and what the user said is the user's.
    let change = || rig.call(Method::PUT, &format!("{path}/{id}")).json(&words("?"));
    let (status, answer) = rig.ask(change()).await;
    assert_eq!((status, code(&answer)), (404, "ActivityNotFoundInConversation"));
    let calls: Vec<_> = rig.azure.received().iter().map(|request| request.call).collect();
    assert_eq!(calls, [Call::Send, Call::Reply, Call::Update, Call::Delete, Call::Update]);
    assert!(rig.azure.received().iter().all(|one| one.conversation.as_deref() == Some(&chat.id)));
}

#[tokio::test]
async fn only_a_bots_own_token_of_entras_for_the_connector_lets_in() {
    let mut rig = Rig::start().await;
    let chat = rig.kim();
    rig.azure.register(Registration::new(OTHER_APP, "secret"));
    let nobodys = Registration { is_bot: false, ..Registration::new("c9", "secret") };
    rig.azure.register(nobodys);
    let good = rig.azure.app_token(APP_ID, BOT_FRAMEWORK);
    let other = |app: &str| rig.azure.app_token(app, BOT_FRAMEWORK);
    let denied = "Authorization has been denied for this request.";
    for (token, status, said) in [
        (good.clone().claim("aud", json!(APP_ID)), 401, denied),
        (good.clone().claim("exp", json!(1_000)), 401, denied),
        (good.clone().claim("nbf", json!(99_999_999_999_u64)), 401, denied),
        (good.clone().claim("iss", json!("https://sts.windows.net/other/")), 401, denied),
        (good.clone().claim("appid", Value::Null), 401, denied),
        (good.clone().signed(Signature::OtherKey), 401, denied),
        (good.clone().signed(Signature::Confused), 401, denied),
        (good.clone().signed(Signature::None), 401, denied),
        (good.clone().signed(Signature::Changed), 401, denied),
        (rig.azure.channel_token(APP_ID), 401, denied),
        (rig.azure.channel_token(APP_ID).claim("aud", json!(BOT_FRAMEWORK)), 401, denied),
        (other("unknown"), 401, "BotNotRegistered"),
        (other("c9"), 401, "BotNotRegistered"),
        (other(OTHER_APP), 403, "BotNotInConversationRoster"),
    ] {
        rig.token = rig.azure.sign(&token);
        let (found, answer, _) = rig.send(&chat.id, &words("x")).await;
        assert_eq!(found, status, "{token:?}");
        assert!(answer["message"] == said || code(&answer) == said, "{answer}");
    }
    for absent in ["", "x", "a.b.c"] {
        rig.token = absent.to_owned();
        assert_eq!(rig.send(&chat.id, &words("x")).await.0, 401, "{absent}");
    }
    rig.token = rig.azure.sign(&good);
    rig.azure.advance(Duration::from_mins(66));
    assert_eq!(rig.send(&chat.id, &words("x")).await.0, 401, "it has grown old");
    rig.token = rig.azure.sign(&rig.azure.app_token(APP_ID, BOT_FRAMEWORK));
    rig.azure.rotate(Issuer::Entra, true);
    assert_eq!(
        rig.send(&chat.id, &words("x")).await.0,
        201,
        "a key that has been replaced is good"
    );
    assert_eq!(rig.azure.texts(&chat.id), ["x"], "nothing of the rest is shown");
    assert_eq!(rig.azure.received().len(), 14 + 3 + 2);
}

#[tokio::test]
async fn what_teams_does_not_show_is_refused_and_changes_nothing() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    let large = "x".repeat(60 * 1024);
    for (activity, status, refusal) in [
        (json!({"type": "event", "name": "handoff.status"}), 400, "BadSyntax"),
        (json!({"type": "trace"}), 400, "BadSyntax"),
        (json!({"type": "message"}), 400, "BadSyntax"),
        (json!({"type": "message", "text": ""}), 400, "BadSyntax"),
        (json!({"text": "no type"}), 400, "BadArgument"),
        (json!(["no object"]), 400, "BadSyntax"),
        (words(&large), 413, "MessageSizeTooBig"),
    ] {
        let (found, answer, _) = rig.send(&chat.id, &activity).await;
        assert_eq!((found, code(&answer)), (status, refusal));
    }
    let (status, answer, _) = rig.send("a:nowhere", &words("x")).await;
    assert_eq!((status, code(&answer)), (404, "ConversationNotFound"));
    let path = format!("/{}/activities", encoded(&chat.id));
    let form = rig.call(Method::POST, &path).body("type=message");
    assert_eq!(rig.ask(form).await.0, 415);
    let history = rig.call(Method::POST, &format!("{path}/history")).json(&json!({}));
    assert_eq!(rig.ask(history).await.0, 405);
    assert_eq!(rig.ask(rig.call(Method::GET, "")).await.0, 405, "Teams lists no conversations");
    assert_eq!(rig.azure.shown(&chat.id), []);
    let (status, _, _) = rig.send(&chat.id, &json!({"type": "typing"})).await;
    assert_eq!((status, rig.azure.shown(&chat.id).len()), (201, 0), "typing leaves nothing");
}

#[tokio::test]
async fn how_a_bot_stands_in_a_chat_decides() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    for (standing, refusal) in [
        (Standing::Blocked, "ConversationBlockedByUser"),
        (Standing::Uninstalled, "BotNotInConversationRoster"),
        (Standing::Disabled, "BotDisabledByAdmin"),
    ] {
        assert!(rig.azure.set_standing(&chat.id, standing));
        let (status, answer, _) = rig.send(&chat.id, &words("x")).await;
        assert_eq!((status, code(&answer)), (403, refusal));
    }
    rig.azure.set_standing(&chat.id, Standing::NotWritable);
    let (status, answer, _) = rig.send(&chat.id, &words("x")).await;
    let inner: Value = serde_json::from_str(text(&answer["message"])).unwrap();
    assert_eq!((status, &inner["subCode"]), (403, &json!("MessageWritesBlocked")));
    rig.azure.set_standing(&chat.id, Standing::Installed);
    assert_eq!(rig.send(&chat.id, &words("x")).await.0, 201);
    assert!(!rig.azure.set_standing("a:nowhere", Standing::Blocked));
}

#[tokio::test]
async fn every_refusal_can_be_ordered_and_has_a_shape_that_is_known() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    let mut seen = BTreeSet::new();
    for refusal in Refusal::ALL {
        rig.azure.strike(Strike::at(Door::Connector, Trouble::Refused(refusal)));
        let (status, answer, _) = rig.send(&chat.id, &words("x")).await;
        assert!((400..=413).contains(&status), "{refusal:?}");
        let shapes = [
            !code(&answer).is_empty() && answer["error"]["message"].is_string(),
            answer["message"].is_string() && answer["errorCode"].is_null(),
            answer["errorCode"] == 209,
        ];
        assert_eq!(shapes.iter().filter(|is| **is).count(), 1, "{answer}");
        assert!(seen.insert(answer.to_string()), "each is told from the others");
    }
    assert_eq!(rig.azure.texts(&chat.id), Vec::<String>::new());
    assert_eq!(rig.azure.armed(), 0);
}

#[tokio::test]
async fn trouble_strikes_where_and_as_often_as_it_was_told_to() {
    let rig = Rig::of(AzureConfig { limits: false, ..AzureConfig::default() }).await;
    let (chat, other) =
        (rig.kim(), rig.azure.personal_chat(APP_ID, &Person::new("Alex", "alex@example.org")));
    let throttled = Trouble::Throttled(Some(Duration::from_millis(1_200)));
    let storm = Strike::at(Door::Connector, throttled).times(Times::Next(2));
    rig.azure.strike(storm.in_conversation(&chat.id).containing("hot"));
    assert_eq!(rig.send(&other.id, &words("hot")).await.0, 201);
    assert_eq!(rig.send(&chat.id, &words("cold")).await.0, 201);
    for _ in 0..2 {
        let (status, answer, after) = rig.send(&chat.id, &words("hot")).await;
        assert_eq!((status, code(&answer), after.as_deref()), (429, "Throttled", Some("2")));
    }
    assert_eq!(rig.send(&chat.id, &words("hot")).await.0, 201);
    rig.azure.strike(Strike::at(Door::Connector, Trouble::Throttled(None)));
    assert_eq!(rig.send(&chat.id, &words("x")).await.2, None, "there need not be a time");
    rig.azure.strike(Strike::at(Door::Connector, Trouble::Precondition));
    let (status, answer, _) = rig.send(&chat.id, &words("x")).await;
    assert_eq!((status, code(&answer)), (412, "PreconditionFailed"));
    for status in [408, 500, 502, 503, 504] {
        for taken in [false, true] {
            let trouble = Trouble::Status { status, taken };
            rig.azure.strike(Strike::at(Door::Connector, trouble));
            assert_eq!(rig.send(&chat.id, &words(&format!("{status} {taken}"))).await.0, status);
        }
    }
    let taken = ["408 true", "500 true", "502 true", "503 true", "504 true"];
    assert_eq!(rig.azure.texts(&chat.id)[2..], taken, "only what was taken is shown");
    rig.azure.strike(Strike::at(Door::Connector, Trouble::NoId));
    assert_eq!(rig.send(&chat.id, &words("x")).await, (202, Value::Null, None));
}

#[tokio::test]
async fn a_reset_or_a_hang_may_or_may_not_have_been_taken() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    let path = format!("/{}/activities", encoded(&chat.id));
    for (trouble, said) in [
        (Trouble::Reset { taken: false }, "reset, lost"),
        (Trouble::Reset { taken: true }, "reset, shown"),
        (Trouble::Hang { taken: false }, "hung, lost"),
        (Trouble::Hang { taken: true }, "hung, shown"),
    ] {
        rig.azure.strike(Strike::at(Door::Connector, trouble));
        let request = rig.call(Method::POST, &path).json(&words(said));
        let request = request.timeout(Duration::from_millis(300));
        let failed = request.send().await.unwrap_err();
        assert_eq!(failed.is_timeout(), matches!(trouble, Trouble::Hang { .. }), "{failed:?}");
    }
    assert_eq!(rig.azure.texts(&chat.id), ["reset, shown", "hung, shown"]);
    let outcomes: Vec<_> = rig.azure.received().iter().map(|one| one.outcome).collect();
    assert_eq!(outcomes, [Outcome::Reset, Outcome::Reset, Outcome::Hung, Outcome::Hung]);
}

#[tokio::test]
async fn a_chat_that_is_busy_refuses_a_second_operation() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    rig.azure.strike(Strike::at(Door::Connector, Trouble::Slow(Duration::from_hours(1))));
    let path = format!("/{}/activities", encoded(&chat.id));
    let slow = tokio::spawn(rig.call(Method::POST, &path).json(&words("slow")).send());
    let within = Duration::from_secs(20);
    assert!(rig.azure.wait_until(|azure| azure.texts(&chat.id) == ["slow"], within).await);
    let (status, answer, _) = rig.send(&chat.id, &words("quick")).await;
    assert_eq!((status, code(&answer)), (412, "PreconditionFailed"));
    rig.azure.advance(Duration::from_hours(1));
    assert_eq!(slow.await.unwrap().unwrap().status(), 201);
    // The hour made its token old.
    let mut rig = rig;
    rig.token = rig.azure.sign(&rig.azure.app_token(APP_ID, BOT_FRAMEWORK));
    assert_eq!(rig.send(&chat.id, &words("quick")).await.0, 201);
}

#[tokio::test]
async fn it_counts_as_teams_does() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    // As fast as it goes: at most eight in two seconds, whatever the machine.
    let began = std::time::Instant::now();
    let mut refused = None;
    for n in 0..9 {
        let (status, answer, after) = rig.send(&chat.id, &words(&n.to_string())).await;
        if status == 429 {
            refused = Some((answer, after));
            break;
        }
    }
    assert!(began.elapsed() < Duration::from_secs(2), "too slow a machine to tell");
    let (answer, after) = refused.expect("the ninth at the latest");
    assert_eq!(code(&answer), "Throttled");
    assert!(matches!(after.as_deref(), Some("1" | "2")), "{after:?}");
    rig.azure.advance(Duration::from_secs(2));
    assert_eq!(rig.send(&chat.id, &words("again")).await.0, 201);
}

#[tokio::test]
async fn the_roster_has_people_with_their_addresses_under_each_of_their_ids() {
    let rig = Rig::start().await;
    let kim = kim();
    let people: Vec<_> =
        (0..60).map(|n| Person::new(&format!("P{n} X"), &format!("p{n}@example.org"))).collect();
    let chat = rig.azure.channel_thread(APP_ID, &[vec![kim.clone()], people].concat());
    let path = format!("/{}", encoded(&chat.id));
    let (status, all) = rig.ask(rig.call(Method::GET, &format!("{path}/members"))).await;
    assert_eq!((status, all.as_array().unwrap().len()), (200, 61));
    assert_eq!((&all[0]["email"], &all[0]["surname"]), (&json!(kim.email), &json!("Example")));
    for id in [kim.id_for(APP_ID), kim.aad_object_id.clone(), kim.email.clone()] {
        let member = rig.call(Method::GET, &format!("{path}/members/{}", encoded(&id)));
        assert_eq!(rig.ask(member).await, (200, all[0].clone()), "{id}");
    }
    assert_ne!(kim.id_for(APP_ID), kim.id_for(OTHER_APP), "another id for each bot");
    let stranger = rig.call(Method::GET, &format!("{path}/members/29:x"));
    let (status, answer) = rig.ask(stranger).await;
    assert_eq!((status, code(&answer)), (404, "MemberNotFoundInConversation"));
    let page = format!("{path}/pagedmembers?pageSize=50");
    let (_, first) = rig.ask(rig.call(Method::GET, &page)).await;
    assert_eq!(first["members"].as_array().unwrap().len(), 50);
    let next = format!("{page}&continuationToken={}", text(&first["continuationToken"]));
    let (_, second) = rig.ask(rig.call(Method::GET, &next)).await;
    assert_eq!(second["members"].as_array().unwrap().len(), 11);
    assert!(second["continuationToken"].is_null());
}

#[tokio::test]
async fn a_conversation_is_made_only_with_who_has_the_app_and_in_their_tenant() {
    let rig = Rig::start().await;
    let chat = rig.kim();
    let stranger = Person::new("Sam", "sam@example.org");
    let member = |person: &Person, app: &str| json!([{"id": person.id_for(app)}]);
    let create = |members: Value, tenant: Value| {
        let body = json!({"isGroup": false, "members": members, "tenantId": tenant,
            "activity": words("Good news")});
        rig.ask(rig.call(Method::POST, "").json(&body))
    };
    for (members, tenant, refusal) in [
        (member(&kim(), APP_ID), Value::Null, "BadArgument"),
        (json!([]), json!(TENANT), "BadArgument"),
        (member(&kim(), OTHER_APP), json!(TENANT), "ForbiddenOperationException"),
        (member(&stranger, APP_ID), json!(TENANT), "ForbiddenOperationException"),
        (member(&kim(), APP_ID), json!("elsewhere"), "ForbiddenOperationException"),
    ] {
        let (_, answer) = create(members, tenant).await;
        assert_eq!(code(&answer), refusal);
    }
    let (status, made) = create(member(&kim(), APP_ID), json!(TENANT)).await;
    assert_eq!((status, &made["id"]), (201, &json!(chat.id)), "the chat that there is");
    assert_eq!(made["serviceUrl"], rig.azure.service_url());
    assert_eq!(rig.azure.texts(&chat.id), ["Good news"]);
    assert_eq!(made["activityId"], rig.azure.shown(&chat.id)[0].id);
    rig.azure.set_standing(&chat.id, Standing::Uninstalled);
    let (status, _) = create(member(&kim(), APP_ID), json!(TENANT)).await;
    assert_eq!(status, 403);
}
