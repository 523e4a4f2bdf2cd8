//! Every flow in every dialect, as sequences of callbacks (reference 2 and 5.7).

use serde_json::{Value, json};
use simulator::{
    AgentMode, AppVersion, ChatState, Config, Dialect, EndTold, EndedBy, Fate, Profile, Script,
    Speaker,
};

use crate::rig::{Rig, agent, does, rig, says, speaking};

const QUEUED: [&str; 6] = [
    "StartConversation",
    "StartSpinner(processing)",
    "EndSpinner(processing)",
    "OutputText[Please stand by while I connect you to a live agent.] agentChat",
    "SubscribeToSupportQueue agentChat",
    "StartSpinner(wait_time) agentChat",
];
const ACCEPTED: [&str; 4] = [
    "EndSpinner(wait_time) agentChat",
    "SubscribeToChatPresence agentChat",
    "SwitchToLiveAgent agentChat",
    "System[Dana has entered the chat.] agentChat",
];
const ENDED: &str = "OutputText[The conversation has ended.] completed";
const NOBODY: &str = "OutputText[No agents are available at the moment. Please try again later.]";

#[tokio::test]
async fn escalation_and_talk_and_the_agents_end_as_the_product_does_it() {
    let rig = speaking(Dialect::ServiceNow).await;
    assert_eq!(rig.play(&agent(), 6).await, QUEUED);
    let chat = rig.chat().id;
    rig.desk.accept(&chat).unwrap();
    assert_eq!(rig.take(4).await, ACCEPTED);

    rig.desk.typing(&chat, true).unwrap();
    rig.desk.write(&chat, "Hello").unwrap();
    assert_eq!(
        rig.take(3).await,
        [
            "StartTypingIndicator agentChat",
            "EndTypingIndicator agentChat",
            "OutputText[Hello] agentChat"
        ]
    );
    assert!(rig.play(&says("r-2", "My pay is wrong"), 0).await.is_empty(), "nothing is echoed");
    assert_eq!(rig.chat().lines.last().unwrap().text, "My pay is wrong");

    rig.desk.end(&chat).unwrap();
    assert_eq!(
        rig.take(3).await,
        ["System[Dana has closed the support session.] agentChat", "SwitchToVirtualAgent", ENDED]
    );
    assert_eq!(rig.chat().ended_by, Some(EndedBy::Agent));
}

#[tokio::test]
async fn escalation_and_talk_and_the_agents_end_as_the_specification_has_it() {
    let rig = speaking(Dialect::Spec).await;
    assert_eq!(
        rig.play(&agent(), 1).await,
        ["OutputText[Please stand by while I connect you to a live agent.] waiting"]
    );
    let chat = rig.chat().id;
    rig.desk.accept(&chat).unwrap();
    assert_eq!(
        rig.take(1).await,
        [
            "AgentControl[Agent has taken control of the conversation] connected agentChat takeControl"
        ]
    );
    rig.desk.typing(&chat, true).unwrap();
    rig.desk.write(&chat, "Hello").unwrap();
    let bodies = rig.take_bodies(3).await;
    assert_eq!(bodies[0]["status"], "connected");
    assert_eq!(bodies[2]["status"], "active");
    let item = &bodies[2]["body"][0];
    assert_eq!(item["message"], "Hello");
    assert_eq!(item["agentInfo"], json!({"agentName": "Dana"}));
    assert_eq!(item.get("value"), None);

    rig.desk.end(&chat).unwrap();
    assert_eq!(
        rig.take(1).await,
        ["EndConversation[The conversation has ended.] completed completed"]
    );
}

#[tokio::test]
async fn the_first_word_of_the_user_makes_the_session_active() {
    let rig = speaking(Dialect::Spec).await;
    let chat = rig.connect(1, 1).await;
    rig.play(&says("r-2", "Hello?"), 0).await;
    rig.desk.typing(&chat, true).unwrap();
    assert_eq!(rig.take(1).await, ["StartTypingIndicator active agentChat"]);
}

#[tokio::test]
async fn both_dialects_at_once_are_the_products_envelopes_with_a_status() {
    let rig = speaking(Dialect::Both).await;
    let with = |plain: &[&str], status: &str| -> Vec<String> {
        let lines = plain.iter().map(|line| match line.strip_suffix(" agentChat") {
            Some(items) => format!("{items} {status} agentChat"),
            None => format!("{line} {status}"),
        });
        lines.collect()
    };
    let queued = rig.play(&agent(), 6).await;
    assert_eq!(queued[0], "StartConversation");
    assert_eq!(queued[1..], with(&QUEUED[1..], "waiting"));
    let chat = rig.chat().id;
    rig.desk.accept(&chat).unwrap();
    assert_eq!(rig.take(4).await, with(&ACCEPTED, "connected"));
    rig.desk.end(&chat).unwrap();
    let ended = rig.take(3).await;
    assert_eq!(ended[2], "OutputText[The conversation has ended.] completed completed");
}

#[tokio::test]
async fn the_users_end_is_told_once_and_frees_the_user() {
    for (dialect, queued, accepted, expected) in [
        (Dialect::ServiceNow, 6, 4, ENDED),
        (Dialect::Spec, 1, 1, "EndConversation[The conversation has ended.] completed completed"),
        (Dialect::Both, 6, 4, "OutputText[The conversation has ended.] completed completed"),
    ] {
        let rig = speaking(dialect).await;
        rig.connect(queued, accepted).await;
        assert_eq!(rig.play(&does("r-2", "END_CONVERSATION"), 1).await, [expected]);
        assert_eq!(rig.chat().ended_by, Some(EndedBy::User));
        assert_eq!(rig.play(&agent(), queued).await.len(), queued, "a new conversation begins");
        assert_eq!(rig.desk.chats().len(), 2);
    }
}

#[tokio::test]
async fn a_cancellation_withdraws_the_chat_from_the_queue() {
    for (dialect, queued, expected) in [
        (Dialect::ServiceNow, 6, ENDED),
        (Dialect::Spec, 1, "EndConversation[The conversation has ended.] cancelled completed"),
        (Dialect::Both, 6, "OutputText[The conversation has ended.] cancelled completed"),
    ] {
        let rig = speaking(dialect).await;
        rig.play(&agent(), queued).await;
        assert_eq!(rig.play(&does("r-2", "END_CONVERSATION"), 1).await, [expected]);
        let chat = rig.chat();
        assert_eq!(chat.end_reason, Some("left before engagement"));
        assert!(rig.desk.accept(&chat.id).is_err());
    }
}

#[tokio::test]
async fn a_late_acceptance_is_told_after_the_cancellation() {
    let rig = speaking(Dialect::ServiceNow).await;
    rig.play(&agent(), 6).await;
    rig.desk.hold_callbacks(true);
    rig.send(&does("r-2", "END_CONVERSATION")).await;
    rig.until(|seen| seen.chats()[0].state == ChatState::Ended).await;
    let chat = rig.chat().id;
    rig.desk.accept_late(&chat).unwrap();
    assert!(rig.receiver.bodies.lock().unwrap().is_empty(), "callbacks are held");
    rig.desk.hold_callbacks(false);
    let told = rig.take(5).await;
    assert_eq!(told[0], ENDED);
    assert_eq!(told[1..], ACCEPTED);
}

#[tokio::test]
async fn nobody_at_the_desk_is_told_in_each_dialect() {
    let text = "No agents are available at the moment. Please try again later.";
    for (dialect, expected) in [
        (
            Dialect::ServiceNow,
            vec!["StartConversation".to_owned(), NOBODY.to_owned(), " takeControl".to_owned()],
        ),
        (Dialect::Spec, vec![format!("OutputText[{text}] fail")]),
        (
            Dialect::Both,
            vec![
                "StartConversation".to_owned(),
                format!("{NOBODY} fail"),
                " fail takeControl".to_owned(),
            ],
        ),
    ] {
        let config = Config { dialect, agent: AgentMode::Nobody, ..Config::default() };
        let rig = rig(config).await;
        rig.send(&agent()).await;
        let bodies = rig.take_bodies(expected.len()).await;
        let gists: Vec<_> = bodies.iter().map(crate::rig::gist).collect();
        assert_eq!(gists, expected);
        let told = bodies.iter().any(|body| body.get("error_message").is_some());
        assert_eq!(told, dialect != Dialect::ServiceNow);
        assert!(rig.desk.chats().is_empty());
    }
}

#[tokio::test]
async fn a_chat_that_everybody_rejects_is_told_like_nobody_there() {
    let rig = speaking(Dialect::ServiceNow).await;
    rig.play(&agent(), 6).await;
    rig.desk.reject_as(&rig.chat().id, "dana").unwrap();
    assert_eq!(rig.chat().offer.unwrap().agent, "robin");
    assert!(rig.take(0).await.is_empty(), "the user hears nothing of it");
    rig.desk.reject(&rig.chat().id).unwrap();
    assert_eq!(rig.take(2).await, [NOBODY, " takeControl"]);
    assert_eq!(rig.chat().state, ChatState::Ended);
}

#[tokio::test]
async fn what_is_not_routed_falls_back_to_the_virtual_agent() {
    let rig = speaking(Dialect::ServiceNow).await;
    let fallback = "OutputText[I'm sorry, I didn't understand that.],TopicPickerControl";
    assert_eq!(rig.play(&says("r-1", "blue"), 2).await, ["StartConversation", fallback]);
    assert_eq!(rig.play(&says("r-2", "green"), 2).await, [fallback, " takeControl"]);
    assert_eq!(rig.play(&agent(), 5).await, QUEUED[1..], "the conversation exists already");
}

#[tokio::test]
async fn the_end_may_be_told_once_only() {
    let rig = rig(Config { end_told: EndTold::Once, ..Config::default() }).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.end(&chat).unwrap();
    assert_eq!(rig.take(1).await, [ENDED]);
}

#[tokio::test]
async fn labels_of_the_last_request_are_echoed_and_client_variables_survive() {
    let rig = speaking(Dialect::ServiceNow).await;
    let chat = rig.connect(6, 4).await;
    let mut line = says("r-2", "look");
    line["message"]["attachment"] = json!({"url": "http://files/x", "headers": {"a": "b"}});
    line["clientSessionId"] = "s-2".into();
    line["token"] = "never echoed".into();
    rig.play(&line, 0).await;
    rig.desk.write(&chat, "I see").unwrap();
    let body = rig.take_bodies(1).await.remove(0);
    assert_eq!(body["requestId"], "r-2");
    assert_eq!(body["clientSessionId"], "s-2");
    assert_eq!(body["userId"], "u-1");
    assert_eq!(body["message"], line["message"]);
    assert_eq!(body["clientVariables"], agent()["clientVariables"]);
    assert_eq!(body.get("token"), None);
    for absent in ["completed", "takeControl", "status", "score"] {
        assert_eq!(body.get(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn ids_and_names_are_sent_only_where_the_instance_has_them() {
    async fn written(config: Config) -> Value {
        let rig = rig(config).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.write(&chat, "Hello").unwrap();
        rig.take_bodies(1).await.remove(0)
    }
    let modern = written(Config::default()).await;
    let item = &modern["body"][0];
    let id = item["messageId"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    assert!(modern["interactionId"].is_string());
    assert_eq!(item["agentInfo"]["agentName"], "Dana");

    let config =
        Config { profile: Profile::of(AppVersion::V3), names_shown: false, ..Config::default() };
    let old = written(config).await;
    assert_eq!(old.get("interactionId"), None);
    assert_eq!(old["body"][0].get("messageId"), None);
    assert_eq!(old["body"][0]["agentInfo"], json!({"sentFromAgent": true}));
}

#[tokio::test]
async fn message_ids_never_repeat() {
    let rig = speaking(Dialect::ServiceNow).await;
    rig.send(&agent()).await;
    let mut bodies = rig.take_bodies(6).await;
    rig.desk.accept(&rig.chat().id).unwrap();
    bodies.extend(rig.take_bodies(4).await);
    let items = bodies.iter().flat_map(|body| body["body"].as_array().unwrap());
    let ids: Vec<_> = items.map(|item| item["messageId"].as_str().unwrap()).collect();
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), distinct.len()), (10, 10));
}

#[tokio::test]
async fn the_user_is_seen_typing() {
    let rig = speaking(Dialect::ServiceNow).await;
    rig.connect(6, 4).await;
    for (action, typing) in [("TYPING", true), ("VIEWING", false)] {
        let body = json!({"requestId": "r", "userId": "u-1", "action": action});
        rig.send(&body).await;
        rig.until(|seen| seen.chats()[0].user_typing == typing).await;
    }
}

#[tokio::test]
async fn a_scripted_agent_holds_a_whole_conversation() {
    let script = Script { typing_for: std::time::Duration::ZERO, ..Script::default() };
    let rig = rig(Config {
        agent: AgentMode::Scripted(script),
        accept_delay: std::time::Duration::ZERO,
        ..Config::default()
    })
    .await;
    rig.send(&agent()).await;
    let said = |rig: &Rig| {
        let lines = rig.chat().lines.into_iter().filter(|line| line.from == Speaker::Agent);
        lines.count()
    };
    rig.until(|seen| {
        seen.chats().iter().flat_map(|chat| &chat.lines).any(|line| line.text.contains("Dana."))
    })
    .await;
    assert_eq!(said(&rig), 1);
    rig.send(&says("r-2", "thanks")).await;
    rig.until(|seen| seen.chats()[0].state == ChatState::Ended).await;
    assert_eq!(said(&rig), 2);
}

#[tokio::test]
async fn a_wrong_message_token_is_dropped_in_silence_and_the_header_beats_the_body() {
    let rig = rig(Config { message_token: Some("right".into()), ..Config::default() }).await;
    for (header, body, taken) in [
        (None, None, false),
        (None, Some("wrong"), false),
        (Some("wrong"), Some("right"), false),
        (None, Some("right"), true),
        (Some("right"), Some("wrong"), true),
    ] {
        let mut request = does("r", "START_CONVERSATION");
        if let Some(token) = body {
            request["token"] = token.into();
        }
        let mut post = rig.post().bearer_auth(&rig.token).json(&request);
        if let Some(token) = header {
            post = post.header("token", token);
        }
        assert_eq!(post.send().await.unwrap().status(), 200);
        rig.until(|seen| seen.ledger().back().is_some_and(|e| e.fate != Fate::Pending)).await;
        let entry = rig.desk.ledger().pop().unwrap();
        assert_eq!(entry.fate == Fate::Taken, taken, "{header:?} {body:?}");
        assert!(!entry.body.to_string().contains("right"), "the ledger masks tokens");
    }
}
