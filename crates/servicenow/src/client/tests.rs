use std::time::Duration;

use super::*;
use crate::signal::Signal;
use instance::{Instance, credentials, says};

mod examining;
pub(in crate::client) mod instance;
mod keeping;
mod missed;
mod refusals;
mod tokens;

const ANSWERED_OK: &str = r#"{"status":"success"}"#;

fn request() -> Vec<u8> {
    let message = crate::Message { text: "my pay is wrong".to_owned(), ..Default::default() };
    let request = crate::Request {
        request_id: "ses_1.1".to_owned(),
        user_id: "u-42".to_owned(),
        message: Some(message),
        ..Default::default()
    };
    request.to_bytes()
}

fn retry_of(outcome: Result<Accepted, SendError>) -> (&'static str, Option<Duration>) {
    match outcome {
        Err(SendError::Retry { reason, not_before, .. }) => (reason, not_before),
        other => panic!("should be repeated: {other:?}"),
    }
}

fn refusal_of(outcome: Result<Accepted, SendError>) -> (&'static str, Option<u16>) {
    match outcome {
        Err(SendError::Refused { code, status, .. }) => (code, status),
        other => panic!("should be final: {other:?}"),
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_written_with_a_bearer_token() {
    let instance = Instance::start().await;
    let accepted = instance.client().send(&request()).await.unwrap();
    assert_eq!(accepted, Accepted { callback: None });

    let calls = instance.api_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].path, PATH);
    assert_eq!(calls[0].body, request());
    assert_eq!(calls[0].header("authorization"), "Bearer token-1");
    assert_eq!(calls[0].header("content-type"), "application/json");
    assert_eq!(calls[0].header("accept"), "application/json");
    assert_eq!(calls[0].header("traceparent"), "");
}

#[tokio::test]
async fn a_trace_goes_along_as_a_header_if_a_header_can_carry_it() {
    let instance = Instance::start().await;
    for (trace, expected) in [("00-a-b-01", "00-a-b-01"), ("line\nend", "")] {
        instance.client().send_traced(&request(), Some(trace)).await.unwrap();
        assert_eq!(instance.api_calls().last().unwrap().header("traceparent"), expected);
    }
}

#[tokio::test]
async fn what_passes_is_worth_a_repeat() {
    let html = "<html><title>Instance Hibernating page</title></html>";
    for (status, content_type, body, expected) in [
        (200, "text/html", html, "hibernating"),
        (503, "text/html;charset=UTF-8", html, "hibernating"),
        (200, "text/html", "<html>", "not_success_json"),
        (200, "text/html", ANSWERED_OK, "not_success_json"),
        (200, "application/json", "{", "not_success_json"),
        (200, "application/json", "{}", "not_success_json"),
        (200, "application/json", "[]", "not_success_json"),
        (200, "application/json", r#"{"result":{}}"#, "not_success_json"),
        (204, "application/json", "", "not_success_json"),
        (408, "text/plain", "", "timeout"),
        (425, "text/plain", "", "busy"),
        (429, "application/json", "{}", "rate_limited"),
        (500, "application/json", "{}", "server_error"),
        (502, "text/html", "", "server_error"),
        (503, "text/html", "", "busy"),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(says(status, content_type, body));
        let outcome = instance.client().send(&request()).await;
        assert_eq!(retry_of(outcome).0, expected, "{status} {body}");
    }
}

#[tokio::test]
async fn what_would_end_the_same_way_is_final() {
    let failure = r#"{"status":"failure","error":{"message":"Bad","detail":"my pay is wrong"}}"#;
    for (status, body, expected) in [
        (200, failure, "refused"),
        (200, r#"{"result":{"status":"failure"}}"#, "refused"),
        (200, r#"{"error":{"message":"Bad"}}"#, "refused"),
        (400, failure, "refused"),
        (403, failure, "forbidden"),
        (404, failure, "not_found"),
        (405, "", "refused"),
        (415, "", "refused"),
        (301, "", "redirected"),
        (307, "", "redirected"),
    ] {
        let instance = Instance::start().await;
        instance.answers(status, body);
        let outcome = instance.client().send(&request()).await;
        assert_eq!(refusal_of(outcome), (expected, Some(status)), "{body}");
        assert_eq!(instance.api_calls().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let instance = Instance::start().await;
    let mut elsewhere = says(302, "text/html", "");
    elsewhere.headers.push(("location", format!("{}elsewhere", instance.url())));
    instance.answers_with(elsewhere);
    assert_eq!(refusal_of(instance.client().send(&request()).await), ("redirected", Some(302)));
    assert!(instance.api_calls().iter().all(|call| call.path == PATH));
}

#[tokio::test]
async fn errors_quote_the_instance_but_never_what_was_sent() {
    for (message, quoted) in [
        ("Method not supported", true),
        ("cannot parse: my pay is wrong", false),
        ("unknown user u-42", false),
    ] {
        let instance = Instance::start().await;
        instance.answers(400, &format!(r#"{{"error":{{"message":"{message}"}}}}"#));
        let error = instance.client().send(&request()).await.unwrap_err().to_string();
        assert_eq!(error.contains(message), quoted, "{error}");
    }
}

#[tokio::test]
async fn success_has_several_forms() {
    for (content_type, body) in [
        ("application/json", ANSWERED_OK),
        ("application/json;charset=UTF-8", r#"{"result":{"status":"Success"}}"#),
        ("text/plain", "Message Processed Successfully\n"),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(says(200, content_type, body));
        let accepted = instance.client().send(&request()).await.unwrap();
        assert_eq!(accepted.callback, None, "{body}");
    }
}

#[tokio::test]
async fn a_synchronous_answer_is_read_as_a_callback() {
    let callback = r#"{"userId":"u-42","agentChat":true,"body":[]}"#;
    for body in [callback.to_owned(), format!(r#"{{"result":{callback}}}"#)] {
        let instance = Instance::start().await;
        instance.answers(200, &body);
        let callback = instance.client().send(&request()).await.unwrap().callback.unwrap();
        assert_eq!(callback.user_id.as_deref(), Some("u-42"));
        assert_eq!(callback.signals, [Signal::Queued]);
    }
}

#[tokio::test]
async fn the_instance_may_ask_to_be_left_alone() {
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    for (after, expected) in [
        ("7", Some(Duration::from_secs(7))),
        ("Wed, 21 Oct 2015 07:29:30 GMT", Some(Duration::from_secs(90))),
        ("Wed, 21 Oct 2015 07:00:00 GMT", Some(Duration::ZERO)),
        ("99999999999", Some(Duration::from_hours(1))),
        ("soon", None),
    ] {
        for status in [429, 503] {
            let instance = Instance::start().await;
            let mut busy = says(status, "application/json", "{}");
            busy.headers.push(("retry-after", after.to_owned()));
            busy.headers.push(("date", date.to_owned()));
            instance.answers_with(busy);
            let (_, not_before) = retry_of(instance.client().send(&request()).await);
            assert_eq!(not_before, expected, "{after}");
        }
    }
}

#[tokio::test]
async fn an_attempt_ends_in_time_whichever_call_hangs() {
    for hangs in [Instance::never_answers as fn(&Instance), Instance::never_grants] {
        let instance = Instance::start().await;
        hangs(&instance);
        let mut config = instance.config(credentials());
        config.attempt_timeout = Duration::from_millis(50);
        let client = Client::new(config).unwrap();
        assert_eq!(retry_of(client.send(&request()).await), ("timeout", None));
    }
}

#[tokio::test]
async fn a_host_that_is_not_there_is_unreachable() {
    let instance = Instance::start().await;
    let client = instance.client();
    instance.stop().await;
    assert_eq!(retry_of(client.send(&request()).await), ("unreachable", None));
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_answer_is_worth_a_repeat() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let client = Client::new(ClientConfig::new(url, credentials()).unwrap()).unwrap();
    let hangs_up = async {
        let (connection, _) = listener.accept().await.unwrap();
        connection.readable().await.unwrap();
    };
    let body = request();
    let (outcome, ()) = tokio::join!(client.send(&body), hangs_up);
    assert_eq!(retry_of(outcome), ("interrupted", None));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let instance = Instance::start().await;
    instance.answers(200, &" ".repeat(300 * 1024));
    assert_eq!(retry_of(instance.client().send(&request()).await).0, "not_success_json");
}

#[tokio::test]
async fn debug_output_of_a_client_shows_no_secret() {
    let instance = Instance::start().await;
    let mut credentials = credentials();
    credentials.password = "hunter2-secret".into();
    let client = instance.client_with(credentials);
    client.send(&request()).await.unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains("hunter2-secret") && !shown.contains("token-1"), "{shown}");
}
