use std::time::Duration;

use super::instance::{Instance, says};
use super::tokens::{denied, grants, pass};
use super::{request, retry_of};
use crate::client::Client;

const SECOND: Duration = Duration::from_secs(1);

/// Sends once a second and expects every send to fail for the credentials.
async fn send_in_vain(client: &Client, seconds: u32) {
    for _ in 0..seconds {
        assert_eq!(retry_of(client.send(&request()).await).0, "credentials_refused");
        pass(SECOND).await;
    }
}

/// Sends once a second until a send is taken; answers how many were not.
async fn seconds_until_taken(client: &Client) -> u32 {
    for second in 0..1000 {
        if client.send(&request()).await.is_ok() {
            return second;
        }
        pass(SECOND).await;
    }
    panic!("nothing was taken")
}

#[tokio::test]
async fn a_wrong_password_is_tried_ten_times_in_fifteen_minutes_and_a_right_one_found_in_five() {
    let instance = Instance::start().await;
    instance.answers_token_calls(denied());
    let client = instance.client();
    send_in_vain(&client, 15 * 60).await;
    // After 0, 2, 6, 14, 30, 62, 126, 254, 510 and 810 seconds.
    assert_eq!(instance.token_calls().len(), 10);

    // Right after an attempt, when the pause is longest.
    while instance.token_calls().len() < 11 {
        send_in_vain(&client, 1).await;
    }
    instance.grants_tokens_for(1799);
    let seconds = seconds_until_taken(&client).await;
    assert!((200..=300).contains(&seconds), "{seconds}");
    assert_eq!(instance.token_calls().len(), 12);
}

#[tokio::test]
async fn credentials_that_were_accepted_again_start_with_a_short_pause() {
    let instance = Instance::start().await;
    instance.answers_token_calls(denied());
    let client = instance.client();
    send_in_vain(&client, 100).await;
    instance.grants_tokens_for(1799);
    seconds_until_taken(&client).await;

    pass(Duration::from_mins(30)).await;
    instance.answers_token_calls(denied());
    send_in_vain(&client, 1).await;
    instance.grants_tokens_for(1799);
    assert!(seconds_until_taken(&client).await <= 2);
}

#[tokio::test]
async fn trouble_at_the_token_endpoint_neither_lengthens_nor_ends_the_pauses() {
    let instance = Instance::start().await;
    instance.answers_token_calls(denied());
    let client = instance.client();
    send_in_vain(&client, 20).await;
    let refused = instance.token_calls().len();
    assert_eq!(refused, 4, "after 0, 2, 6 and 14 seconds");
    pass(Duration::from_secs(20)).await;
    instance.answers_token_calls(says(503, "text/html", "maintenance"));
    for _ in 0..5 {
        assert_eq!(retry_of(client.send(&request()).await).0, "busy");
    }
    instance.answers_token_calls(denied());
    send_in_vain(&client, 20).await;
    assert_eq!(instance.token_calls().len(), refused + 5 + 1, "the fifth pause has 32 seconds");
}

#[tokio::test]
async fn a_refresh_token_that_works_does_not_make_a_wrong_password_tried_more_often() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let client = instance.client();
    client.send(&request()).await.unwrap();
    instance.answers_passwords(denied());
    // A rule that refuses every token makes every send ask for another one.
    instance.answers(401, r#"{"status":"failure"}"#);
    for _ in 0..45 {
        assert_eq!(retry_of(client.send(&request()).await).0, "unauthorized");
        pass(SECOND).await;
    }
    let grants = grants(&instance.token_calls());
    let passwords = grants.iter().filter(|grant| *grant == "password").count();
    assert_eq!(passwords, 1 + 5, "after 0, 2, 6, 14 and 30 seconds");
}

#[tokio::test]
async fn a_refresh_token_that_met_trouble_does_not_wait_for_the_password() {
    let instance = Instance::start().await;
    instance.has_one_token_at_a_time();
    instance.gives_refresh_token(Some("refresh-1"));
    let client = instance.client();
    client.send(&request()).await.unwrap();
    instance.answers_passwords(denied());
    instance.answers_refreshes(says(503, "text/html", ""));
    instance.revokes_token();
    assert_eq!(retry_of(client.send(&request()).await), ("credentials_refused", None));
    instance.answers_refreshes(says(
        200,
        "application/json",
        r#"{"access_token":"token-9","expires_in":1799}"#,
    ));
    // The strict instance knows no token now; that a call was made with this one is enough.
    let _ = client.send(&request()).await;
    assert_eq!(instance.api_calls()[2].header("authorization"), "Bearer token-9");
}

#[tokio::test]
async fn a_dead_refresh_token_beside_a_wrong_password_is_left_alone_as_well() {
    let instance = Instance::start().await;
    instance.gives_refresh_token(Some("refresh-1"));
    let client = instance.client();
    client.send(&request()).await.unwrap();
    instance.answers_passwords(denied());
    instance.answers_refreshes(says(500, "application/json", r#"{"error":"server_error"}"#));
    pass(Duration::from_mins(30)).await;
    send_in_vain(&client, 45).await;
    assert_eq!(grants(&instance.token_calls()[1..]), ["refresh_token", "password"].repeat(5));
}
