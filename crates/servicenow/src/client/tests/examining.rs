use std::time::Duration;

use super::instance::{Instance, says};
use crate::client::{
    CredentialFault, FetchError, Grant, MessagesReadable, Ordering, PATH, SendError,
};

fn json(status: u16, body: &str) -> super::instance::Says {
    says(status, "application/json", body)
}

#[tokio::test]
async fn a_token_that_is_examined_is_the_one_that_is_used_from_then_on() {
    let instance = Instance::start().await;
    instance.grants_tokens_for(600);
    let client = instance.client();
    let examined = client.examine_token().await;
    assert_eq!(examined.lifetime, Ok(Duration::from_mins(10)));
    assert_eq!(examined.fault, None);
    assert!(examined.date_ms.is_some(), "every server of this kind says what time it is");
    client.send(&super::request()).await.unwrap();
    assert_eq!(instance.token_calls().len(), 1, "no second log-in");
}

#[tokio::test]
async fn what_is_wrong_with_credentials_is_told_where_the_instance_tells_it() {
    let named = |error: &str| json(401, &format!(r#"{{"error":"{error}"}}"#));
    let mut second_factor = named("access_denied");
    second_factor.headers.push(("x-mfa_token", "required".to_owned()));
    for (answer, fault, part) in [
        (named("invalid_client"), CredentialFault::Client, "SERVICENOW_CLIENT_SECRET"),
        (named("invalid_grant"), CredentialFault::User, "SERVICENOW_PASSWORD"),
        (named("unsupported_grant_type"), CredentialFault::GrantType, "SERVICENOW_GRANT_TYPE"),
        (named("unauthorized_client"), CredentialFault::GrantType, "password grant"),
        (second_factor, CredentialFault::SecondFactor, "multi-factor"),
        (named("server_error"), CredentialFault::Unnamed, "SERVICENOW_USERNAME"),
        (json(200, r#"{"error":"invalid_client"}"#), CredentialFault::Client, "OAuth entry"),
        (says(401, "text/html", "<h1>no</h1>"), CredentialFault::Unnamed, "locked out"),
    ] {
        let instance = Instance::start().await;
        instance.answers_token_calls(answer);
        let examined = instance.client().examine_token().await;
        assert_eq!(examined.fault, Some(fault), "{part}");
        let Err(SendError::Retry { reason, detail, .. }) = examined.lifetime else {
            panic!("{part}: a token")
        };
        assert_eq!(reason, "credentials_refused", "delivery goes on as before");
        assert!(detail.contains(part) && detail.contains(": "), "{detail}");
    }
}

#[tokio::test]
async fn with_client_credentials_other_things_are_to_be_looked_at() {
    for (error, part) in [
        ("unsupported_grant_type", "glide.oauth.inbound.client.credential.grant_type.enabled"),
        ("invalid_grant", "OAuth Application User"),
    ] {
        let instance = Instance::start().await;
        instance.answers_token_calls(json(401, &format!(r#"{{"error":"{error}"}}"#)));
        let mut config = instance.config(super::credentials());
        config.grant = Grant::ClientCredentials;
        let examined = super::Client::new(config).unwrap().examine_token().await;
        let said = examined.lifetime.unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn an_instance_that_does_not_look_at_credentials_is_no_fault_of_theirs() {
    let page = "<title>Instance Hibernating page</title>";
    for (answer, code) in [
        (says(200, "text/html", page), "hibernating"),
        (json(503, "{}"), "busy"),
        (json(302, ""), "redirected"),
    ] {
        let instance = Instance::start().await;
        instance.answers_token_calls(answer);
        let examined = instance.client().examine_token().await;
        assert_eq!(examined.fault, None, "{code}");
        assert_eq!(examined.lifetime.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn the_resource_is_examined_without_a_request_that_it_could_carry_out() {
    let refused = r#"{"error":{"message":"Bad Request","detail":"x"},"status":"failure"}"#;
    for (answer, expected) in [
        (json(400, refused), None),
        (json(200, refused), None),
        (json(401, "{}"), Some("unauthorized")),
        (json(403, "{}"), Some("forbidden")),
        (json(404, "{}"), Some("not_found")),
        (json(500, "{}"), Some("server_error")),
        (says(400, "text/html", "<h1>Bad Request</h1>"), Some("refused")),
        (says(200, "text/html", "<h1>Welcome</h1>"), Some("not_success_json")),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(answer);
        let client = instance.client();
        let outcome = client.examine_endpoint().await;
        assert_eq!(outcome.err().map(|error| error.code()), expected);
        let call = &instance.api_calls()[0];
        assert_eq!(call.path, PATH);
        assert!(serde_json::from_slice::<serde_json::Value>(&call.body).is_err(), "no JSON");
    }
}

#[tokio::test]
async fn the_table_of_messages_is_examined_without_reading_what_anybody_said() {
    let kept_back = {
        let mut answer = json(200, r#"{"result":[]}"#);
        answer.headers.push(("x-total-count", "7".to_owned()));
        answer
    };
    let denied = || Err(FetchError::NotAllowed { status: 403 });
    for (answer, expected) in [
        (json(200, r#"{"result":[{"sys_id":"a"}]}"#), Ok(MessagesReadable::Yes)),
        (json(200, r#"{"result":[]}"#), Ok(MessagesReadable::NothingThere)),
        (json(403, "{}"), denied()),
        (kept_back, Err(FetchError::NotAllowed { status: 200 })),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(answer);
        assert_eq!(instance.client().examine_messages().await, expected);
        let query = instance.api_calls()[0].query.clone();
        assert!(query.contains("sysparm_limit=1") && !query.contains("payload"), "{query}");
    }
}

#[tokio::test]
async fn the_ordering_is_read_from_the_provider_of_this_api() {
    for (answer, expected) in [
        (json(200, r#"{"result":[{"maintain_message_ordering":"true"}]}"#), Ok(Ordering::On)),
        (json(200, r#"{"result":[]}"#), Ok(Ordering::NotFound)),
        (json(401, "{}"), Err(FetchError::NotAllowed { status: 401 })),
    ] {
        let instance = Instance::start().await;
        instance.answers_with(answer);
        assert_eq!(instance.client().examine_ordering().await, expected);
        let query = instance.api_calls()[0].query.clone();
        assert!(query.contains("name%3DVA%20Bot%20to%20Bot%20Provider"), "{query}");
    }
}
