use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, advance, pause, resume};

use super::instance::{Call, Instance, Says, credentials, says};
use super::{request, retry_of};
use crate::client::Client;

/// Lets virtual time pass between two requests. It must not pass during one: a clock that moves by
/// itself would run into time-outs while the sockets are at work.
pub(super) async fn pass(time: Duration) {
    pause();
    advance(time).await;
    resume();
}

#[tokio::test]
async fn the_token_is_asked_for_in_a_form_that_survives_every_character() {
    let instance = Instance::start().await;
    let mut credentials = credentials();
    credentials.client_secret = "a&b=c +%ä;".into();
    credentials.username = "jörg müller+bot@example.org".to_owned();
    let client = instance.client_with(credentials);
    client.send(&request()).await.unwrap();

    let call = &instance.token_calls()[0];
    assert_eq!(call.header("content-type"), "application/x-www-form-urlencoded");
    let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
    let expected = [
        ("grant_type", "password"),
        ("client_id", "client"),
        ("client_secret", "a&b=c +%ä;"),
        ("username", "jörg müller+bot@example.org"),
        ("password", "p"),
    ];
    assert_eq!(form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[tokio::test]
async fn cookies_of_the_instance_are_never_sent_back() {
    let instance = Instance::start().await;
    instance.sets_cookies();
    instance.refuses_token_once();
    let client = instance.client();
    client.send(&request()).await.unwrap();
    client.send(&request()).await.unwrap();
    let calls = [instance.token_calls(), instance.api_calls()].concat();
    assert_eq!(calls.len(), 2 + 3);
    assert!(calls.iter().all(|call| call.header("cookie").is_empty()));
}

#[tokio::test]
async fn many_senders_share_one_token_call() {
    let instance = Instance::start().await;
    let client = instance.client();
    let body = request();
    let (a, b, c) = tokio::join!(client.send(&body), client.send(&body), client.send(&body));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(instance.token_calls().len(), 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_request_repeated() {
    let instance = Instance::start().await;
    instance.refuses_token_once();
    instance.client().send(&request()).await.unwrap();
    let calls = instance.api_calls();
    assert_eq!(calls[0].body, calls[1].body);
    assert_eq!(calls[1].header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_second_refusal_is_left_to_the_callers_budget() {
    let instance = Instance::start().await;
    instance.answers(401, r#"{"error":{"message":"User Not Authenticated"},"status":"failure"}"#);
    assert_eq!(retry_of(instance.client().send(&request()).await), ("unauthorized", None));
    assert_eq!((instance.api_calls().len(), instance.token_calls().len()), (2, 2));
}

#[tokio::test]
async fn a_token_that_somebody_else_replaced_is_not_replaced_again() {
    let instance = Instance::start().await;
    let client = instance.client();
    let deadline = Instant::now() + Duration::from_secs(10);
    let old = client.tokens.get(deadline).await.unwrap();
    for _ in 0..3 {
        let newer = client.tokens.replace(&old, deadline).await.unwrap();
        assert_eq!(newer.header(), "Bearer token-2");
    }
    assert_eq!(instance.token_calls().len(), 2);
}

#[tokio::test]
async fn a_token_is_renewed_shortly_before_it_expires() {
    for (lifetime, kept_for, renewed_after) in [
        // Thirty seconds before the end …
        (1799, Duration::from_secs(1760), Duration::from_secs(1770)),
        // … or at nine tenths of a short life.
        (100, Duration::from_secs(80), Duration::from_secs(91)),
    ] {
        let instance = Instance::start().await;
        instance.grants_tokens_for(lifetime);
        let client = instance.client();
        client.send(&request()).await.unwrap();
        pass(kept_for).await;
        client.send(&request()).await.unwrap();
        assert_eq!(instance.token_calls().len(), 1, "{lifetime}");
        pass(renewed_after.checked_sub(kept_for).unwrap()).await;
        client.send(&request()).await.unwrap();
        assert_eq!(instance.token_calls().len(), 2, "{lifetime}");
    }
}

#[tokio::test]
async fn a_token_that_is_still_valid_outlives_trouble_at_the_token_endpoint() {
    let instance = Instance::start().await;
    instance.grants_tokens_for(1000);
    let client = instance.client();
    client.send(&request()).await.unwrap();
    instance.answers_token_calls(says(503, "text/html", "maintenance"));
    pass(Duration::from_secs(975)).await;
    client.send(&request()).await.unwrap();
    client.send(&request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 2, "the endpoint is left alone for a while");
    pass(Duration::from_secs(30)).await;
    assert_eq!(retry_of(client.send(&request()).await).0, "busy");
}

#[tokio::test]
async fn refused_credentials_say_what_to_check_and_are_not_tried_in_a_storm() {
    let instance = Instance::start().await;
    instance.answers_token_calls(says(
        401,
        "application/json",
        r#"{"error_description":"access_denied","error":"server_error"}"#,
    ));
    let client = instance.client();
    let error = client.send(&request()).await.unwrap_err();
    assert_eq!(error.code(), "credentials_refused");
    for name in ["CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"] {
        assert!(error.to_string().contains(&format!("SERVICENOW_{name}")), "{error}");
    }
    for _ in 0..5 {
        let (code, not_before) = retry_of(client.send(&request()).await);
        assert_eq!(code, "credentials_refused");
        assert!(not_before.is_some());
    }
    assert_eq!(instance.token_calls().len(), 1);

    instance.grants_tokens_for(1799);
    pass(Duration::from_secs(3)).await;
    client.send(&request()).await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_worth_a_repeat() {
    let html = "<html><title>Instance Hibernating page</title></html>";
    for (status, content_type, body, expected) in [
        (200, "text/html", html, "hibernating"),
        (503, "text/html", html, "hibernating"),
        (200, "text/html", "<html>", "not_success_json"),
        (200, "application/json", r#"{"token_type":"Bearer"}"#, "not_success_json"),
        (200, "application/json", r#"{"access_token":"a\nb"}"#, "not_success_json"),
        (400, "application/json", r#"{"error":"invalid_grant"}"#, "credentials_refused"),
        (200, "application/json", r#"{"error":"invalid_client"}"#, "credentials_refused"),
        (429, "application/json", "{}", "rate_limited"),
        (500, "text/html", "", "server_error"),
    ] {
        let instance = Instance::start().await;
        instance.answers_token_calls(says(status, content_type, body));
        let outcome = instance.client().send(&request()).await;
        assert_eq!(retry_of(outcome).0, expected, "{status} {body}");
        assert!(instance.api_calls().is_empty());
    }
}

pub(super) const DENIED: &str = r#"{"error_description":"access_denied","error":"server_error"}"#;

/// A while after which a token of thirty minutes is due but valid.
pub(super) const DUE: Duration = Duration::from_secs(1780);

pub(super) fn denied() -> Says {
    says(401, "application/json", DENIED)
}

pub(super) fn grants(calls: &[Call]) -> Vec<String> {
    calls.iter().map(|call| call.field("grant_type")).collect()
}

/// Waits until the token endpoint was called that often.
async fn token_calls_reach(instance: &Instance, expected: usize) {
    let reached = async {
        while instance.token_calls().len() < expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached).await.unwrap();
}

/// Sends that many requests at the same time and expects all to be taken.
async fn send_at_once(client: &Arc<Client>, sends: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..sends {
        let client = Arc::clone(client);
        tasks.spawn(async move { client.send(&request()).await.map(|_| ()) });
    }
    for outcome in tasks.join_all().await {
        assert_eq!(outcome, Ok(()));
    }
}

#[tokio::test]
async fn a_renewal_in_time_uses_the_refresh_token_that_came_last() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh & 1"));
    let client = instance.client();
    client.send(&request()).await.unwrap();
    // An answer without a refresh token leaves the old one in use (RFC 6749, section 6).
    for given in [None, Some("refresh-2"), Some("refresh-3")] {
        instance.gives_refresh_token(given);
        pass(DUE).await;
        client.send(&request()).await.unwrap();
    }
    let calls = instance.token_calls();
    assert_eq!(grants(&calls), ["password", "refresh_token", "refresh_token", "refresh_token"]);
    let used: Vec<String> = calls.iter().map(|call| call.field("refresh_token")).collect();
    assert_eq!(used, ["", "refresh & 1", "refresh & 1", "refresh-2"]);
    for call in &calls[1..] {
        let sent = ["client_id", "client_secret", "username", "password"];
        assert_eq!(sent.map(|name| call.field(name)), ["client", "s", "", ""]);
    }
    assert_eq!(instance.api_calls()[3].header("authorization"), "Bearer token-4");
}

#[tokio::test]
async fn a_dead_refresh_token_is_healed_by_the_password_in_the_same_attempt() {
    for (status, body) in [
        (401, DENIED),
        (400, r#"{"error":"invalid_grant"}"#),
        (403, "{}"),
        (200, r#"{"error":"invalid_grant"}"#),
        (200, r#"{"scope":"useraccount"}"#),
        (500, r#"{"error":"server_error"}"#),
    ] {
        let instance = Instance::start().await;
        instance.gives_refresh_token(Some("refresh-1"));
        let client = instance.client();
        client.send(&request()).await.unwrap();
        instance.answers_refreshes(says(status, "application/json", body));
        // Not only due but expired: what is healed must be healed before the request goes out.
        pass(Duration::from_mins(30)).await;
        client.send(&request()).await.unwrap();
        let calls = instance.token_calls();
        assert_eq!(grants(&calls), ["password", "refresh_token", "password"], "{status} {body}");
        assert_eq!(instance.api_calls().len(), 2, "no request went out with a dead token");
    }
}

#[tokio::test]
async fn a_refresh_that_only_met_trouble_is_not_taken_for_a_refusal() {
    for (status, content_type, expected) in
        [(503, "text/html", "busy"), (429, "application/json", "rate_limited")]
    {
        let instance = Instance::start().await;
        instance.gives_refresh_token(Some("refresh-1"));
        let client = instance.client();
        client.send(&request()).await.unwrap();
        instance.answers_refreshes(says(status, content_type, ""));
        pass(Duration::from_mins(30)).await;
        assert_eq!(retry_of(client.send(&request()).await).0, expected);
        assert_eq!(grants(&instance.token_calls()), ["password", "refresh_token"]);
    }
}

#[tokio::test]
async fn one_caller_renews_ahead_and_the_others_do_not_wait_for_it() {
    let instance = Instance::start().await;
    let client = Arc::new(instance.client());
    client.send(&request()).await.unwrap();
    let release = instance.holds_grants();
    pass(DUE).await;

    let mut sends = JoinSet::new();
    for _ in 0..10 {
        let client = Arc::clone(&client);
        sends.spawn(async move { client.send(&request()).await.map(|_| ()) });
    }
    for _ in 0..9 {
        assert_eq!(sends.join_next().await.unwrap().unwrap(), Ok(()));
    }
    assert!(instance.api_calls().iter().all(|call| call.header("authorization").ends_with("n-1")));
    release.send(true).unwrap();
    assert_eq!(sends.join_next().await.unwrap().unwrap(), Ok(()));
    assert_eq!(instance.token_calls().len(), 2);
    assert_eq!(instance.api_calls().last().unwrap().header("authorization"), "Bearer token-2");
}

#[tokio::test]
async fn a_renewal_ahead_that_hangs_leaves_time_for_the_request() {
    let instance = Instance::start().await;
    let mut config = instance.config(credentials());
    config.attempt_timeout = Duration::from_secs(1);
    let client = Client::new(config).unwrap();
    client.send(&request()).await.unwrap();
    instance.never_grants();
    pass(DUE).await;
    client.send(&request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 2);
}

#[tokio::test]
async fn an_expired_token_makes_everybody_wait_for_one_renewal() {
    let instance = Instance::start().await;
    let client = Arc::new(instance.client());
    client.send(&request()).await.unwrap();
    pass(Duration::from_mins(30)).await;
    send_at_once(&client, 100).await;
    assert_eq!(instance.token_calls().len(), 2);
    assert_eq!(instance.api_calls().len(), 101);
}

#[tokio::test]
async fn a_hundred_sends_with_a_revoked_token_cause_one_token_call() {
    for refresh_token in [None, Some("refresh-1")] {
        let instance = Instance::start().await;
        instance.has_one_token_at_a_time();
        instance.gives_refresh_token(refresh_token);
        let client = Arc::new(instance.client());
        client.send(&request()).await.unwrap();
        instance.revokes_token();
        // Revoking takes both with it.
        instance.answers_refreshes(denied());
        send_at_once(&client, 100).await;
        assert_eq!(instance.token_calls().len(), 2);
    }
}

#[tokio::test]
async fn those_who_waited_for_a_renewal_share_its_failure() {
    let instance = Instance::start().await;
    let release = instance.holds_grants();
    instance.answers_token_calls(says(503, "text/html", "maintenance"));
    let client = Arc::new(instance.client());
    let mut sends = JoinSet::new();
    for _ in 0..10 {
        let client = Arc::clone(&client);
        sends.spawn(async move { retry_of(client.send(&request()).await).0 });
    }
    // Until the first has asked, and so all others wait for it.
    token_calls_reach(&instance, 1).await;
    release.send(true).unwrap();
    assert_eq!(sends.join_all().await, ["busy"; 10]);
    assert_eq!(instance.token_calls().len(), 1);
}

#[tokio::test]
async fn two_clients_of_one_user_settle_on_one_token_after_one_refusal() {
    let instance = Instance::start().await;
    instance.has_one_token_at_a_time();
    instance.gives_refresh_token(Some("refresh-1"));
    let (a, b) = (instance.client(), instance.client());
    a.send(&request()).await.unwrap();
    pass(Duration::from_secs(500)).await;
    b.send(&request()).await.unwrap();
    pass(DUE.checked_sub(Duration::from_secs(500)).unwrap()).await;
    // The renewal of the first takes the token away from the second, which is not due yet.
    a.send(&request()).await.unwrap();
    for _ in 0..3 {
        b.send(&request()).await.unwrap();
        a.send(&request()).await.unwrap();
    }
    let calls = instance.token_calls();
    assert_eq!(grants(&calls), ["password", "password", "refresh_token", "password"]);
    assert_eq!(instance.api_calls().len(), 3 + 6 + 1, "exactly one request was refused");
}

#[tokio::test]
async fn a_refused_token_is_refreshed_when_the_password_is_not_accepted_any_more() {
    let instance = Instance::start().await;
    instance.has_one_token_at_a_time();
    instance.gives_refresh_token(Some("refresh-1"));
    let client = instance.client();
    client.send(&request()).await.unwrap();
    instance.answers_passwords(denied());
    instance.revokes_token();
    client.send(&request()).await.unwrap();
    assert_eq!(grants(&instance.token_calls()), ["password", "password", "refresh_token"]);

    instance.revokes_token();
    instance.answers_refreshes(says(503, "text/html", ""));
    let code = retry_of(client.send(&request()).await).0;
    assert_eq!(code, "credentials_refused", "the reason that an operator can mend");
}

#[tokio::test]
async fn a_token_of_two_seconds_is_used_for_two_seconds() {
    let instance = Instance::start().await;
    instance.grants_tokens_for(2);
    let client = instance.client();
    client.send(&request()).await.unwrap();
    client.send(&request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 1);
    pass(Duration::from_millis(1900)).await;
    client.send(&request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 2);
}

#[tokio::test]
async fn a_token_without_a_life_serves_those_who_waited_for_it() {
    let instance = Instance::start().await;
    instance.grants_tokens_for(0);
    let client = Arc::new(instance.client());
    let release = instance.holds_grants();
    let mut sends = JoinSet::new();
    for _ in 0..10 {
        let client = Arc::clone(&client);
        sends.spawn(async move { client.send(&request()).await.map(|_| ()) });
    }
    token_calls_reach(&instance, 1).await;
    release.send(true).unwrap();
    assert!(sends.join_all().await.iter().all(Result::is_ok));
    assert_eq!(instance.token_calls().len(), 1);
    client.send(&request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 2);
}

#[tokio::test]
async fn a_token_whose_life_is_not_named_is_taken_for_one_of_thirty_minutes() {
    for expires_in in ["", r#","expires_in":"soon""#, r#","expires_in":-5"#] {
        let instance = Instance::start().await;
        let body = format!(r#"{{"access_token":"t"{expires_in}}}"#);
        instance.answers_token_calls(says(200, "application/json", &body));
        let client = instance.client();
        client.send(&request()).await.unwrap();
        pass(Duration::from_secs(1750)).await;
        client.send(&request()).await.unwrap();
        assert_eq!(instance.token_calls().len(), 1, "{expires_in}");
        pass(Duration::from_secs(50)).await;
        client.send(&request()).await.unwrap();
        assert_eq!(instance.token_calls().len(), 2, "{expires_in}");
    }
}

#[tokio::test]
async fn an_attempt_that_runs_out_of_time_does_not_end_those_with_more() {
    let instance = Instance::start().await;
    let client = instance.client();
    let release = instance.holds_grants();
    let hurried = async {
        let outcome = client.tokens.get(Instant::now() + Duration::from_millis(50)).await;
        release.send(true).unwrap();
        outcome
    };
    let patient = client.tokens.get(Instant::now() + Duration::from_secs(10));
    let (hurried, patient) = tokio::join!(hurried, patient);
    assert_eq!(hurried.err().unwrap().code(), "timeout");
    assert!(patient.is_ok());
}

#[tokio::test]
async fn a_renewal_that_is_given_up_is_taken_over_by_the_next_who_waits() {
    let instance = Instance::start().await;
    let client = Arc::new(instance.client());
    let release = instance.holds_grants();
    let [first, second] = [(); 2].map(|()| {
        let client = Arc::clone(&client);
        tokio::spawn(async move { client.send(&request()).await.map(|_| ()) })
    });
    token_calls_reach(&instance, 1).await;
    first.abort();
    token_calls_reach(&instance, 2).await;
    release.send(true).unwrap();
    assert_eq!(second.await.unwrap(), Ok(()));
    assert_eq!((instance.token_calls().len(), instance.api_calls().len()), (2, 1));
}
