//! Faults on demand, at the doors and on the way to the receiver (reference 14).

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{ChatState, Config, Fate, Fault, Outcome, Times};
use tokio::time::Instant;

use crate::rig::{Manner, Rig, agent, does, gist, password_form, rig, rig_with, says};

async fn refresh(rig: &Rig, token: &Value) -> reqwest::Response {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "simulator-client"),
        ("client_secret", "simulator-client-secret"),
        ("refresh_token", token.as_str().unwrap()),
    ];
    rig.ask_token(&form).await
}

async fn token(rig: &Rig) -> Value {
    rig.ask_token(&password_form()).await.json().await.unwrap()
}

#[tokio::test]
async fn refusals_on_demand_take_nothing_and_are_used_up() {
    for (fault, status, json) in [
        (Fault::Forbidden, 403, true),
        (Fault::RateLimited(Duration::from_secs(7)), 429, true),
        (Fault::InternalError, 500, true),
        (Fault::Unavailable, 503, true),
        (Fault::HibernatingOk, 200, false),
        (Fault::HibernatingUnavailable, 503, false),
        (Fault::StatusFailure, 200, true),
        (Fault::Unauthorized, 401, true),
    ] {
        let rig = rig(Config::default()).await;
        rig.desk.inject(fault, Times::Once);
        let answer = rig.try_send(&agent()).await.unwrap();
        assert_eq!(answer.status(), status, "{fault:?}");
        assert!(answer.headers().contains_key("set-cookie"), "{fault:?}");
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind.starts_with("application/json"), json, "{fault:?}");
        let text = answer.text().await.unwrap();
        if json {
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(body["status"], "failure", "{fault:?}");
            assert!(body["error"]["message"].is_string() && body["error"]["detail"].is_string());
        } else {
            assert!(text.contains("Instance Hibernating page"), "{fault:?}");
        }
        assert_eq!(rig.desk.ledger()[0].fate, Fate::Refused, "{fault:?}");
        assert!(rig.desk.faults().is_empty(), "{fault:?}");
        assert!(rig.desk.chats().is_empty(), "{fault:?}");
        if fault != Fault::Unauthorized {
            assert_eq!(rig.play(&agent(), 6).await.len(), 6, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back_in_four_headers() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::RateLimited(Duration::from_secs(7)), Times::Once);
    let answer = rig.try_send(&agent()).await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap();
    assert_eq!(header("retry-after"), "7");
    assert!(!header("x-ratelimit-limit").is_empty() && !header("x-ratelimit-rule").is_empty());
    let reset: u64 = header("x-ratelimit-reset").parse().unwrap();
    assert_eq!(reset, rig.desk.ledger()[0].at / 1_000 + 7);
}

#[tokio::test]
async fn a_401_in_mid_session_needs_a_new_token_and_the_chat_goes_on() {
    let mut rig = rig(Config::default()).await;
    rig.connect(6, 4).await;
    rig.desk.inject(Fault::Unauthorized, Times::Once);
    for _ in 0..2 {
        let answer = rig.try_send(&says("r-2", "hello")).await.unwrap();
        assert_eq!(answer.status(), 401, "also when the fault is used up");
    }
    let renewed = token(&rig).await;
    assert_ne!(renewed["access_token"], rig.token.as_str());
    renewed["access_token"].as_str().unwrap().clone_into(&mut rig.token);
    rig.send(&says("r-2", "hello")).await;
    rig.until(|seen| seen.chats()[0].lines.last().unwrap().text == "hello").await;
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_own_sake_uses_no_fault_up() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::InternalError, Times::Once);
    assert_eq!(rig.try_send(&does("r", "DANCE")).await.unwrap().status(), 400);
    assert_eq!(rig.post().json(&agent()).send().await.unwrap().status(), 401);
    assert_eq!(rig.desk.faults(), [(Fault::InternalError, Times::Once)]);
}

#[tokio::test]
async fn faults_strike_one_request_each_in_the_order_of_injection() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::InternalError, Times::Next(2));
    rig.desk.inject(Fault::Forbidden, Times::UntilCleared);
    for status in [500, 500, 403, 403] {
        assert_eq!(rig.try_send(&agent()).await.unwrap().status(), status);
    }
    rig.desk.clear_faults();
    rig.send(&agent()).await;
}

#[tokio::test]
async fn a_reset_after_acceptance_leaves_no_answer_and_all_of_the_effect() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::ResetAfterAcceptance, Times::Once);
    let error = rig.try_send(&agent()).await.unwrap_err();
    assert!(error.is_request() && error.status().is_none(), "{error:?}");
    assert_eq!(rig.take(6).await.len(), 6);
    assert_eq!(rig.desk.ledger()[0].fate, Fate::Taken);
    assert_eq!(rig.chat().state, ChatState::Offered);
}

#[tokio::test]
async fn a_slow_answer_comes_after_its_effect() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::SlowAnswer(Duration::from_secs(40)), Times::Once);
    let body = does("r", "END_CONVERSATION");
    tokio::time::pause();
    let asked = Instant::now();
    let mut sending = std::pin::pin!(rig.try_send(&body));
    tokio::select! {
        answer = &mut sending => panic!("it should not be answered yet: {answer:?}"),
        () = rig.until(|seen| {
            seen.ledger().iter().any(|entry| matches!(entry.fate, Fate::Ignored(_)))
        }) => {}
    }
    assert!(asked.elapsed() < Duration::from_secs(40));
    assert_eq!(sending.await.unwrap().status(), 200);
    assert!(asked.elapsed() >= Duration::from_secs(40));
}

#[tokio::test]
async fn signals_use_up_no_slow_answer() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::SlowAnswer(Duration::from_secs(40)), Times::Once);
    tokio::time::pause();
    let asked = Instant::now();
    rig.send(&does("r", "TYPING")).await;
    assert!(asked.elapsed() < Duration::from_secs(40));
    assert_eq!(rig.desk.faults().len(), 1);
}

#[tokio::test]
async fn callbacks_can_overtake_the_answer_of_agent() {
    let rig = rig_with(Config::default(), Manner::Lingering).await;
    rig.desk.inject(Fault::Overtaking, Times::Once);
    rig.send(&does("r-0", "TYPING")).await;
    rig.send(&agent()).await;
    assert_eq!(rig.desk.delivered().len(), 6, "all were attempted before the answer");
    assert!(rig.desk.faults().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_to_be_overtaken_does_not_wait_for_ever() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::Overtaking, Times::Once);
    rig.desk.hold_callbacks(true);
    tokio::time::pause();
    let asked = Instant::now();
    rig.send(&agent()).await;
    assert!(asked.elapsed() >= Duration::from_secs(10));
    assert!(rig.desk.delivered().is_empty());
}

#[tokio::test]
async fn in_synchronous_mode_the_answer_is_the_envelope_and_the_agent_still_calls_back() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::Synchronous, Times::UntilCleared);
    let envelope: Value = rig.try_send(&agent()).await.unwrap().json().await.unwrap();
    assert_eq!(envelope["clientSessionId"], "s-1");
    let first = gist(&envelope);
    assert!(first.starts_with("StartConversation,StartSpinner(processing),"), "{first}");
    assert!(
        first.ends_with("SubscribeToSupportQueue,StartSpinner(wait_time) agentChat"),
        "{first}"
    );
    assert_eq!(rig.desk.ledger()[0].answer, envelope);
    let chat = rig.chat().id;
    rig.desk.accept(&chat).unwrap();
    assert_eq!(rig.take(4).await.len(), 4);
    rig.send(&says("r-2", "hello")).await;
    let end: Value =
        rig.try_send(&does("r-3", "END_CONVERSATION")).await.unwrap().json().await.unwrap();
    assert_eq!(gist(&end), "OutputText[The conversation has ended.] completed");
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_token_endpoint_fails_on_demand() {
    let rig = rig(Config::default()).await;
    let before = token(&rig).await;
    rig.desk.inject(Fault::TokenRefused, Times::Once);
    assert_eq!(rig.ask_token(&password_form()).await.status(), 401);
    assert_eq!(token(&rig).await, before);

    rig.desk.inject(Fault::TokenHtml, Times::Once);
    let page = rig.ask_token(&password_form()).await;
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));

    rig.desk.inject(Fault::TokenShortLived(Duration::ZERO), Times::Once);
    let short = token(&rig).await;
    assert_eq!(short["expires_in"], 0);
    let access = short["access_token"].as_str().unwrap();
    let used = rig.post().bearer_auth(access).json(&agent()).send().await.unwrap();
    assert_eq!(used.status(), 401, "it has expired");
}

#[tokio::test]
async fn a_dead_refresh_token_stays_dead_and_the_password_gives_another() {
    let rig = rig(Config::default()).await;
    let refresh_token = token(&rig).await["refresh_token"].clone();
    rig.desk.inject(Fault::RefreshTokenDead, Times::Once);
    assert_eq!(token(&rig).await["refresh_token"], refresh_token, "it strikes refreshes only");
    for _ in 0..2 {
        let answer = refresh(&rig, &refresh_token).await;
        assert_eq!(answer.status(), 401);
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "server_error");
    }
    let another = token(&rig).await["refresh_token"].clone();
    assert_ne!(another, refresh_token);
    assert_eq!(refresh(&rig, &another).await.status(), 200);
}

#[tokio::test]
async fn revoking_kills_refresh_tokens_too() {
    let rig = rig(Config::default()).await;
    let refresh_token = token(&rig).await["refresh_token"].clone();
    rig.desk.revoke_tokens();
    assert_eq!(refresh(&rig, &refresh_token).await.status(), 401);
}

#[tokio::test]
async fn the_refresh_token_expires_when_the_configuration_says() {
    let rig = rig(Config { refresh_token_seconds: 0, ..Config::default() }).await;
    let refresh_token = token(&rig).await["refresh_token"].clone();
    assert_eq!(refresh(&rig, &refresh_token).await.status(), 401);
}

#[tokio::test]
async fn client_credentials_are_granted_where_the_property_is_on() {
    let rig = rig(Config { client_credentials: true, ..Config::default() }).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "simulator-client"),
        ("client_secret", "simulator-client-secret"),
    ];
    let granted: Value = rig.ask_token(&form).await.json().await.unwrap();
    assert_eq!(granted.get("refresh_token"), None);
    let access = granted["access_token"].as_str().unwrap();
    let used = rig.post().bearer_auth(access).json(&agent()).send().await.unwrap();
    assert_eq!(used.status(), 200);
}

#[tokio::test]
async fn lost_and_doubled_and_swapped_callbacks_reach_the_receiver_so() {
    let written = [
        "OutputText[one] agentChat".to_owned(),
        "OutputText[two] agentChat".to_owned(),
        "OutputText[three] agentChat".to_owned(),
    ];
    for (fault, order) in [
        (Fault::Lost, vec![1, 2]),
        (Fault::Duplicated, vec![0, 0, 1, 2]),
        (Fault::Reordered, vec![1, 0, 2]),
    ] {
        let rig = rig(Config::default()).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.inject(fault, Times::Once);
        for line in ["one", "two", "three"] {
            rig.desk.write(&chat, line).unwrap();
        }
        let expected: Vec<_> = order.iter().map(|index: &usize| &written[*index]).collect();
        assert_eq!(rig.take(order.len()).await.iter().collect::<Vec<_>>(), expected, "{fault:?}");
        let lost = rig.desk.delivered().iter().filter(|s| s.outcome == Outcome::Lost).count();
        assert_eq!(lost, usize::from(fault == Fault::Lost));
    }
}

#[tokio::test]
async fn a_callback_that_nothing_overtakes_comes_five_seconds_late() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.inject(Fault::Reordered, Times::Once);
    tokio::time::pause();
    let written = Instant::now();
    rig.desk.write(&chat, "alone").unwrap();
    assert_eq!(rig.take(1).await, ["OutputText[alone] agentChat"]);
    let waited = written.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test]
async fn clearing_lets_a_waiting_callback_go() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.inject(Fault::Reordered, Times::Once);
    tokio::time::pause();
    let written = Instant::now();
    rig.desk.write(&chat, "alone").unwrap();
    rig.desk.clear_faults();
    assert_eq!(rig.take(1).await.len(), 1);
    assert!(written.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_delayed_callback_holds_up_what_follows_it_in_order() {
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.inject(Fault::Delayed(Duration::from_secs(30)), Times::Once);
    tokio::time::pause();
    let written = Instant::now();
    rig.desk.write(&chat, "late").unwrap();
    rig.desk.write(&chat, "later").unwrap();
    assert_eq!(
        rig.desk.wait_until(|seen| seen.delivered().len() > 10, Duration::from_secs(29)).await,
        Err(simulator::TimedOut)
    );
    assert_eq!(rig.take(2).await, ["OutputText[late] agentChat", "OutputText[later] agentChat"]);
    assert!(written.elapsed() >= Duration::from_secs(30));
}

#[tokio::test]
async fn the_content_type_can_be_wrong_for_one_callback() {
    let rig = rig(Config::default()).await;
    rig.desk.inject(Fault::WrongContentType, Times::Once);
    rig.play(&agent(), 6).await;
    let seen = rig.receiver.content_types.lock().unwrap().clone();
    assert_eq!(seen[0], "application/octet-stream");
    assert!(seen[1..].iter().all(|kind| kind == "application/json"));
}

#[tokio::test]
async fn the_end_can_be_missing_or_told_again_or_followed_by_a_word() {
    let (closed, back) =
        ("System[Dana has closed the support session.] agentChat", "SwitchToVirtualAgent");
    let ended = "OutputText[The conversation has ended.] completed";
    let word = "OutputText[One more thing.] agentChat";
    for (fault, expected) in [
        (Fault::EndTwice, vec![closed, back, ended, closed, back, ended]),
        (Fault::MessageAfterEnd, vec![closed, back, ended, word]),
    ] {
        let rig = rig(Config::default()).await;
        let chat = rig.connect(6, 4).await;
        rig.desk.inject(fault, Times::Once);
        rig.desk.end(&chat).unwrap();
        let bodies = rig.take_bodies(expected.len()).await;
        assert_eq!(bodies.iter().map(gist).collect::<Vec<_>>(), expected, "{fault:?}");
        let ids: std::collections::HashSet<_> =
            bodies.iter().map(|body| body["body"][0]["messageId"].to_string()).collect();
        assert_eq!(ids.len(), expected.len(), "{fault:?} tells with ids of its own");
    }
    let rig = rig(Config::default()).await;
    let chat = rig.connect(6, 4).await;
    rig.desk.inject(Fault::EndMissing, Times::Once);
    rig.desk.end(&chat).unwrap();
    rig.until(|seen| seen.delivered().len() == 13).await;
    assert!(rig.receiver.bodies.lock().unwrap().is_empty());
    assert_eq!(rig.chat().state, ChatState::Ended);
}

#[tokio::test]
async fn faults_are_ordered_listed_and_cleared_over_http() {
    let rig = rig(Config::default()).await;
    let url = format!("{}/desk/api/faults", rig.origin);
    let post = async |body: Value| {
        let answer = rig.http.post(&url).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default()["error"]["code"].clone())
    };
    for (body, status, code) in [
        (json!({"fault": "lost"}), 204, Value::Null),
        (json!({"fault": "delayed", "times": 3, "ms": 1500}), 204, Value::Null),
        (json!({"fault": "forbidden", "times": "until_cleared"}), 204, Value::Null),
        (json!({"fault": "sabotage"}), 400, "unknown_fault".into()),
        (json!({"fault": "lost", "ms": 5}), 400, "bad_body".into()),
        (json!({"fault": "lost", "times": "often"}), 400, "bad_body".into()),
        (json!({"times": 1}), 400, "bad_body".into()),
    ] {
        assert_eq!(post(body.clone()).await, (status, code), "{body}");
    }
    let armed = json!([
        {"fault": "lost", "times": 1},
        {"fault": "delayed", "times": 3, "ms": 1500},
        {"fault": "forbidden", "times": "until_cleared"},
    ]);
    let get = async |path: &str| {
        let url = format!("{}/desk/api/{path}", rig.origin);
        rig.http.get(url).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let listed = get("faults").await;
    assert_eq!(listed["armed"], armed);
    assert_eq!(listed["known"].as_array().unwrap().len(), Fault::ALL.len());
    assert_eq!(get("state").await["faults"], armed);

    let foreign = rig.http.delete(&url).header("origin", "https://evil.example");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    assert_eq!(rig.http.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(get("faults").await["armed"], json!([]));
}
