//! The token endpoint and the immediate answers of the Bot Integration resource.

use serde_json::{Value, json};
use simulator::{Config, Fate};

use crate::rig::{agent, does, password_form, rig, says};

#[tokio::test]
async fn the_token_endpoint_answers_as_documented() {
    let rig = rig(Config::default()).await;
    let answer = rig.ask_token(&password_form()).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().get("set-cookie").is_none());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["access_token"], rig.token.as_str(), "the same one while it is valid");
    assert_eq!(body["scope"], "useraccount");
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 1_799);
    let refresh = body["refresh_token"].as_str().unwrap();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "simulator-client"),
        ("client_secret", "simulator-client-secret"),
        ("refresh_token", refresh),
    ];
    let renewed: Value = rig.ask_token(&form).await.json().await.unwrap();
    assert_ne!(renewed["access_token"], body["access_token"]);
    assert_eq!(renewed["refresh_token"], body["refresh_token"]);
    assert_eq!(rig.desk.tokens_granted(), 3);
}

#[tokio::test]
async fn every_credential_fault_has_the_same_answer() {
    let rig = rig(Config::default()).await;
    let url = format!("{}/oauth_token.do", rig.origin);
    let changed = |name: &str, value: &'static str| {
        let mut form = password_form();
        for field in &mut form {
            if field.0 == name {
                field.1 = value;
            }
        }
        rig.http.post(&url).form(&form)
    };
    let object: serde_json::Map<_, _> =
        password_form().into_iter().map(|(k, v)| (k.to_owned(), Value::from(v))).collect();
    for (case, call) in [
        ("client id", changed("client_id", "x")),
        ("client secret", changed("client_secret", "x")),
        ("user", changed("username", "x")),
        ("password", changed("password", "x")),
        ("grant", changed("grant_type", "client_credentials")),
        ("refresh token", changed("grant_type", "refresh_token")),
        ("JSON", rig.http.post(&url).json(&object)),
        ("parameters in the URL", rig.http.post(&url).query(&password_form())),
        ("empty", rig.http.post(&url)),
        ("API cookie", changed("", "").header("cookie", "a=b; JSESSIONID=1F")),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{case}");
        let body: Value = answer.json().await.unwrap();
        let denied = json!({"error_description": "access_denied", "error": "server_error"});
        assert_eq!(body, denied, "{case}");
    }
    let answer = rig.http.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 405);
}

#[tokio::test]
async fn the_resource_takes_bearer_and_basic_and_nothing_else() {
    let rig = rig(Config::default()).await;
    let post = || rig.post().json(&does("r", "TYPING"));
    for (case, call, status) in [
        ("bearer", post().bearer_auth(&rig.token), 200),
        ("basic", post().basic_auth("simulator.user", Some("simulator-password")), 200),
        ("nothing", post(), 401),
        ("unknown bearer", post().bearer_auth("x"), 401),
        ("wrong basic", post().basic_auth("simulator.user", Some("x")), 401),
        ("other scheme", post().header("authorization", "Digest x"), 401),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), status, "{case}");
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert!(cookies[0].to_str().unwrap().starts_with("JSESSIONID="), "{case}");
        if status == 401 {
            let body: Value = answer.json().await.unwrap();
            assert_eq!(
                body,
                json!({"error": {"message": "User Not Authenticated",
                                 "detail": "Required to provide Auth information"},
                       "status": "failure"})
            );
        }
    }
    rig.desk.revoke_tokens();
    let answer = post().bearer_auth(&rig.token).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn a_token_stops_opening_the_resource_when_it_expires() {
    let rig = rig(Config { access_token_seconds: 0, ..Config::default() }).await;
    let answer = rig.post().bearer_auth(&rig.token).json(&agent()).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn bad_requests_are_refused_and_recorded() {
    let rig = rig(Config::default()).await;
    let authorized = || rig.post().bearer_auth(&rig.token);
    let json_type = ("content-type", "application/json");
    let unknown = does("r", "VA_TOPIC");
    let null = json!({"userId": "u", "message": {"text": "x", "attachment": null}});
    let large = says("r", &"x".repeat(1024 * 1024));
    for (case, call, status) in [
        ("broken", authorized().header(json_type.0, json_type.1).body("{"), 400),
        ("wrong type", authorized().json(&json!({"userId": 1})), 400),
        ("unknown action", authorized().json(&unknown), 400),
        ("null attachment", authorized().json(&null), 400),
        ("not JSON", authorized().body("hello"), 415),
        ("too large", authorized().json(&large), 413),
    ] {
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), status, "{case}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["status"], "failure", "{case}");
        assert!(body["error"]["message"].is_string() && body["error"]["detail"].is_string());
        let entry = rig.desk.ledger().pop().unwrap();
        assert_eq!((entry.status, entry.fate), (status, Fate::Refused), "{case}");
    }
    let url = format!("{}/api/sn_va_as_service/bot/integration", rig.origin);
    assert_eq!(rig.http.get(&url).send().await.unwrap().status(), 405);
    let disconnect = rig.http.post(format!("{url}/disconnect")).bearer_auth(&rig.token);
    assert_eq!(disconnect.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn receipts_are_answered_at_once_in_plain_text() {
    let rig = rig(Config::default()).await;
    let body = json!({"requestId": "r", "userId": "u", "action": "UPDATE_MESSAGES",
                      "message": [{"id": "x", "status": "sent_to_user"}]});
    let answer = rig.post().bearer_auth(&rig.token).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.text().await.unwrap(), "Message Processed Successfully");
    let unknown = Fate::Ignored("no message of this user has such an id");
    assert_eq!(rig.desk.ledger()[0].fate, unknown);
}

#[tokio::test]
async fn an_instance_that_is_down_answers_503_in_html_and_recovers() {
    let rig = rig(Config::default()).await;
    rig.desk.set_down(true);
    assert_eq!(rig.ask_token(&password_form()).await.status(), 503);
    let answer = rig.post().bearer_auth(&rig.token).json(&agent()).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    rig.desk.set_down(false);
    assert_eq!(rig.play(&agent(), 6).await.len(), 6);
    let statuses: Vec<_> = rig.desk.ledger().iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, [503, 200]);
}

#[tokio::test]
async fn a_stopped_instance_answers_nobody() {
    let rig = rig(Config::default()).await;
    rig.play(&agent(), 6).await;
    rig.running.shutdown().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(client.get(format!("{}/desk", rig.origin)).send().await.is_err());
}
