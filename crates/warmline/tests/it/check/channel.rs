//! What the check finds about Azure Bot Service: the login, what proves its calls, the way in.

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Report, check, front::Front, set};
use crate::{
    house::{House, Setting},
    moved_clock::MovedClock,
    process::{Environment, free_port},
};

const TENANT: &str = "00000000-0000-0000-0000-000000000002";
const PASSWORD: &str = "an-entra-secret-of-the-test-51d0";
const ISSUER: &str = "https://api.botframework.com";

/// What Azure says in a test.
struct Azure {
    token: (u16, Value),
    issuer: &'static str,
    endorsements: Value,
}

impl Azure {
    fn well() -> Self {
        let token = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "a.b.c"});
        Self { token: (200, token), issuer: ISSUER, endorsements: json!(["msteams", "webchat"]) }
    }

    /// Login, metadata and keys, as far as the check asks them.
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let (status, token) = self.token;
        let status = StatusCode::from_u16(status).unwrap();
        let metadata = json!({"issuer": self.issuer, "jwks_uri": format!("{origin}/keys")});
        let keys = json!({"keys": [{
            "kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB",
            "endorsements": self.endorsements,
        }]});
        let routes = Router::new()
            .route(
                &format!("/{TENANT}/oauth2/v2.0/token"),
                post(async move |form: String| {
                    let for_channels = "scope=https%3A%2F%2Fapi.botframework.com%2F.default";
                    assert!(form.contains(for_channels), "{form}");
                    (status, Json(token))
                }),
            )
            .route("/metadata", get(async || Json(metadata)))
            .route("/keys", get(async || Json(keys)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        origin
    }
}

fn with_azure(environment: &mut Environment, origin: &str) {
    set(environment, "MicrosoftAppId", "00000000-0000-0000-0000-000000000003");
    set(environment, "MicrosoftAppPassword", PASSWORD);
    set(environment, "MicrosoftAppTenantId", TENANT);
    set(environment, "ToChannelFromBotLoginUrl", format!("{origin}/{TENANT}"));
    set(environment, "ToBotFromChannelOpenIdMetadataUrl", format!("{origin}/metadata"));
}

/// A house whose gateway does not run, with what a check needs to be told of channels.
async fn house(azure: Azure) -> House {
    let mut house = House::start_with(Setting::default(), |environment| {
        let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
    })
    .await;
    house.terminate().await;
    with_azure(&mut house.environment, &azure.start().await);
    house
}

fn found<'r>(report: &'r Report, check: &str) -> &'r str {
    report.finding(check)["found"].as_str().unwrap()
}

#[tokio::test]
async fn a_registration_that_fits_is_well_and_its_address_is_told_from_one_outside() {
    let house = house(Azure::well()).await;
    let report = check(&house.environment).await;
    for (name, expected) in [
        ("channel.token", ("ok", "granted")),
        ("channel.clock", ("ok", "same")),
        ("channel.issuer", ("ok", "same")),
        ("channel.keys", ("ok", "fetched")),
        ("channel.address", ("warn", "not_https")),
        ("channel.answers", ("ok", "ours")),
    ] {
        assert_eq!(report.of(name), expected, "{name}");
    }
    assert!(!report.json.to_string().contains(PASSWORD));
}

#[tokio::test]
async fn without_a_registration_nothing_is_looked_at_and_its_setting_is_named() {
    let mut house = house(Azure::well()).await;
    house.environment.remove("MicrosoftAppId");
    let report = check(&house.environment).await;
    let all = report.json["checks"].as_array().unwrap();
    let of_channels = |finding: &&Value| finding["check"].as_str().unwrap().starts_with("channel.");
    assert_eq!(all.iter().filter(of_channels).count(), 0);
    let said = report.json.to_string();
    assert!(said.contains("/api/messages of this gateway is closed: set MicrosoftAppId"), "{said}");
}

#[tokio::test]
async fn an_app_id_that_nothing_proves_fails_with_what_to_set() {
    let mut house = house(Azure::well()).await;
    house.environment.remove("MicrosoftAppPassword");
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("channel.credentials")), (1, ("fail", "missing")));
    let said = found(&report, "channel.credentials");
    for part in ["MicrosoftAppPassword", "WARMLINE_APP_CERTIFICATE_FILE"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(report.fix("channel.credentials").contains("docs/teams.md"));
}

#[tokio::test]
async fn a_public_url_without_anybody_there_is_told_from_one_without_a_certificate() {
    let mut house = house(Azure::well()).await;
    let closed = format!("https://127.0.0.1:{}", free_port().await);
    for (url, code, fix) in [
        ("https://warmline.invalid", "no_such_name", "make a DNS entry"),
        (closed.as_str(), "no_connection", "correct the port"),
    ] {
        set(&mut house.environment, "WARMLINE_PUBLIC_URL", url);
        let report = check(&house.environment).await;
        for name in ["webhook.tls", "webhook.answers", "channel.answers", "direct_line.token"] {
            assert_eq!(report.of(name), ("fail", code), "{name}");
            let said = report.fix(name);
            assert!(said.contains(fix) && !said.contains("certificate"), "{name}: {said}");
        }
    }
}

#[tokio::test]
async fn what_the_login_says_is_said_with_its_number() {
    let token = (401, json!({"error": "invalid_client", "error_codes": [7_000_222]}));
    let house = house(Azure { token, ..Azure::well() }).await;
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("channel.token")), (1, ("fail", "login_refused")));
    let words = found(&report, "channel.token");
    assert!(words.contains("AADSTS7000222") && words.contains("expired"), "{words}");
    assert!(report.fix("channel.token").contains("docs/teams.md"));
}

#[tokio::test]
async fn another_clouds_metadata_and_keys_are_found() {
    let endorsements = json!(["webchat"]);
    let issuer = "https://api.botframework.us";
    let mut house = house(Azure { issuer, endorsements, ..Azure::well() }).await;
    let report = check(&house.environment).await;
    assert_eq!(report.of("channel.issuer"), ("fail", "another"));
    assert!(report.fix("channel.issuer").contains("WARMLINE_CLOUD"));
    assert_eq!(report.of("channel.keys"), ("warn", "not_for_teams"));
    let nobody = format!("http://127.0.0.1:{}/metadata", free_port().await);
    set(&mut house.environment, "ToBotFromChannelOpenIdMetadataUrl", nobody);
    let report = check(&house.environment).await;
    assert_eq!(report.of("channel.issuer"), ("fail", "unavailable"));
    assert_eq!(report.of("channel.keys"), ("fail", "unavailable"));
    assert_eq!(report.of("channel.clock"), ("skip", "unknown"));
}

#[tokio::test]
async fn a_clock_beyond_the_tolerance_of_tokens_is_found() {
    let house = house(Azure::well()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut environment = house.environment.clone();
    let _ahead = MovedClock::of(&mut environment, folder.path(), 400_000);
    let report = check(&environment).await;
    assert_eq!(report.of("channel.clock"), ("fail", "skewed"));
    let words = found(&report, "channel.clock");
    assert!(words.contains("s ahead of Azure's"), "{words}");
}

#[tokio::test]
async fn a_certificate_is_told_until_when_it_is_good() {
    let mut house = house(Azure::well()).await;
    let folder = tempfile::tempdir().unwrap();
    let mut keep = |name: &str, variable: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let kind = if variable.ends_with("KEY") { "file:" } else { "" };
        set(&mut house.environment, variable, format!("{kind}{}", path.display()));
    };
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.not_after = rcgen::date_time_ymd(2099, 1, 1);
    let good = parameters.self_signed(&key).unwrap().pem();
    parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let over = parameters.self_signed(&key).unwrap().pem();
    keep("bot.key", "WARMLINE_APP_CERTIFICATE_KEY", &key.serialize_pem());
    keep("bot.pem", "WARMLINE_APP_CERTIFICATE_FILE", &good);
    keep("over.pem", "UNUSED_BY_WARMLINE", &over);
    house.environment.remove("MicrosoftAppPassword");
    let report = check(&house.environment).await;
    assert_eq!(report.of("channel.certificate"), ("ok", "good"));
    assert_eq!(report.of("channel.token"), ("ok", "granted"));
    let over = house.environment["UNUSED_BY_WARMLINE"].clone();
    set(&mut house.environment, "WARMLINE_APP_CERTIFICATE_FILE", over);
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("channel.certificate")), (1, ("fail", "expired")));
    assert!(report.fix("channel.certificate").contains("Entra"));
}

#[tokio::test]
async fn a_gateway_that_runs_without_the_registration_is_told_from_one_with_it() {
    let mut house = House::start_with(Setting::default(), |environment| {
        let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
    })
    .await;
    with_azure(&mut house.environment, &Azure::well().start().await);
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("channel.answers")), (1, ("fail", "closed")));
    house.restart().await;
    let report = check(&house.environment).await;
    assert_eq!(report.of("channel.answers"), ("ok", "ours"), "it was started anew");
}

/// Something before the gateway that answers as Warmline does, whether it sees a token or not.
async fn answers_as_warmline(sees_tokens: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let refuses = async move |headers: HeaderMap, activity: Json<Value>| -> Response {
        assert_eq!(activity["type"], "typing", "nothing that is kept");
        let seen = sees_tokens && headers.contains_key(header::AUTHORIZATION);
        let challenge = if seen { "Bearer error=\"invalid_token\"" } else { "Bearer" };
        let body = json!({"error": {"code": "unauthorized", "message": "a token is needed"}});
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, challenge)], Json(body))
            .into_response()
    };
    let routes = Router::new().route("/api/messages", post(refuses));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    origin
}

#[tokio::test]
async fn what_stands_at_the_way_in_is_named() {
    let mut house = house(Azure::well()).await;
    for (public, expected) in [
        (answers_as_warmline(true).await, ("ok", "ours")),
        (answers_as_warmline(false).await, ("fail", "token_stripped")),
    ] {
        set(&mut house.environment, "WARMLINE_PUBLIC_URL", public);
        let report = check(&house.environment).await;
        assert_eq!(report.of("channel.answers"), expected);
    }
    for (head, code) in [
        ("HTTP/1.1 302 Found\r\nlocation: https://www.example.org/\r\n", "redirected"),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n", "nobody_behind"),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-type: text/html\r\n", "a_page"),
        ("HTTP/1.1 401 Unauthorized\r\n", "another_service"),
        ("HTTP/1.1 202 Accepted\r\n", "takes_anything"),
    ] {
        let front = Front::says(head).await;
        set(&mut house.environment, "WARMLINE_PUBLIC_URL", format!("http://{}", front.address));
        let report = check(&house.environment).await;
        assert_eq!((report.code, report.of("channel.answers")), (1, ("fail", code)));
    }
    house.environment.remove("WARMLINE_PUBLIC_URL");
    let report = check(&house.environment).await;
    assert_eq!(report.of("channel.address"), ("fail", "no_public_url"));
}
