//! What the check finds about a bot of the team's own, without starting a turn of it.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Report, check, set};
use crate::{
    bot::program::{Bot, Manner},
    house::{House, Setting},
    process::{Environment, free_port},
};

const TENANT: &str = "00000000-0000-0000-0000-000000000002";
const PASSWORD: &str = "an-entra-secret-of-the-test-51d0";

/// A house with this bot behind it, and no gateway that runs: a stand-in answers.
async fn house_of(bot: &Bot) -> House {
    let mut house = House::start_with(Setting::default(), |environment| {
        let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
    })
    .await;
    house.terminate().await;
    house.environment.insert("BOT_ENDPOINT".to_owned(), bot.endpoint());
    house
}

/// Entra, as far as the check asks it.
async fn login(says: (u16, Value)) -> String {
    let says = Arc::new(Mutex::new(says));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let token = async |State(says): State<Arc<Mutex<(u16, Value)>>>| {
        let (status, body) = says.lock().unwrap().clone();
        (StatusCode::from_u16(status).unwrap(), Json(body))
    };
    let metadata = json!({ "jwks_uri": format!("{origin}/keys") });
    let keys = json!({"keys": [{"kty": "RSA", "kid": "one", "n": "AQAB", "e": "AQAB"}]});
    let routes = Router::new()
        .route(&format!("/{TENANT}/oauth2/v2.0/token"), post(token))
        .route("/metadata", get(async || Json(metadata)))
        .route("/keys", get(async || Json(keys)))
        .with_state(says);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    origin
}

fn with_entra(environment: &mut Environment, origin: &str) {
    set(environment, "BOT_APP_ID", "00000000-0000-0000-0000-000000000001");
    set(environment, "MicrosoftAppId", "00000000-0000-0000-0000-000000000003");
    set(environment, "MicrosoftAppPassword", PASSWORD);
    set(environment, "MicrosoftAppTenantId", TENANT);
    set(environment, "MicrosoftAppType", "SingleTenant");
    set(environment, "ToChannelFromBotLoginUrl", format!("{origin}/{TENANT}"));
    set(environment, "ToBotFromEmulatorOpenIdMetadataUrl", format!("{origin}/metadata"));
}

fn findings(report: &Report) -> Vec<(String, String)> {
    let checks = ["bot.connection", "bot.answers", "bot.token", "bot.keys", "bot.replies"];
    let of = |check| {
        let (status, code) = report.of(check);
        (status.to_owned(), code.to_owned())
    };
    checks.map(of).to_vec()
}

fn expected(found: [(&str, &str); 5]) -> Vec<(String, String)> {
    found.map(|(status, code)| (status.to_owned(), code.to_owned())).to_vec()
}

#[tokio::test]
async fn a_bot_on_this_machine_is_well_and_hears_of_no_activity() {
    let bot = Bot::start(Manner::Mute).await;
    let house = house_of(&bot).await;
    let report = check(&house.environment).await;
    let well = [
        ("ok", "plain"),
        ("ok", "takes_posts"),
        ("skip", "without"),
        ("skip", "without"),
        ("ok", "ours"),
    ];
    assert_eq!(findings(&report), expected(well));
    assert_eq!(report.of("direct_line.stream").1, "open", "the stand-in greets by itself");
    assert_eq!(bot.got(), Vec::<Value>::new(), "no turn was started");
}

#[tokio::test]
async fn a_bot_that_is_away_or_elsewhere_is_named_with_its_setting() {
    let bot = Bot::start(Manner::Mute).await;
    let mut house = house_of(&bot).await;
    let address = format!("http://127.0.0.1:{}/wrong", bot.port);
    set(&mut house.environment, "BOT_ENDPOINT", address);
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("bot.answers")), (1, ("fail", "not_found")));
    assert!(report.fix("bot.answers").contains("BOT_ENDPOINT"));
    let nobody = format!("http://127.0.0.1:{}/api/messages", free_port().await);
    set(&mut house.environment, "BOT_ENDPOINT", nobody);
    let report = check(&house.environment).await;
    assert_eq!((report.code, report.of("bot.connection")), (1, ("fail", "no_connection")));
    assert_eq!(report.of("bot.answers"), ("skip", "unreachable"));
    // One in another network is told an address where it is not.
    set(&mut house.environment, "BOT_ENDPOINT", "http://bot.internal/api/messages");
    let report = check(&house.environment).await;
    assert_eq!(report.of("bot.replies"), ("fail", "loopback"));
    assert!(report.fix("bot.replies").contains("WARMLINE_BOT_SERVICE_URL"));
    assert_eq!(report.of("bot.token"), ("warn", "without"), "who reaches it is believed");
    house.environment.remove("WARMLINE_PUBLIC_URL");
    let report = check(&house.environment).await;
    assert_eq!(report.of("bot.replies"), ("fail", "no_public_url"));
    set(&mut house.environment, "WARMLINE_BOT_DELIVERY", "expectReplies");
    let report = check(&house.environment).await;
    assert_eq!(report.of("bot.replies"), ("ok", "with_answer"));
    set(&mut house.environment, "BOT_ENDPOINT", "https://bot.example.org/api/messages");
    let report = check(&house.environment).await;
    assert_eq!(report.code, 2, "without an app id, in public: it does not even start");
    assert_eq!(report.of("configuration").0, "fail");
}

#[tokio::test]
async fn what_entra_says_is_said_and_its_keys_are_fetched() {
    let bot = Bot::start(Manner::Mute).await;
    let mut house = house_of(&bot).await;
    let granted = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "a.b.c"});
    let origin = login((200, granted)).await;
    with_entra(&mut house.environment, &origin);
    let report = check(&house.environment).await;
    let well = [
        ("ok", "plain"),
        ("ok", "takes_posts"),
        ("ok", "granted"),
        ("ok", "fetched"),
        ("ok", "ours"),
    ];
    assert_eq!(findings(&report), expected(well));
    assert_eq!(bot.got(), Vec::<Value>::new(), "no turn was started");

    let refused = json!({"error": "invalid_client", "error_codes": [7_000_215]});
    let origin = login((401, refused)).await;
    with_entra(&mut house.environment, &origin);
    let away = format!("http://127.0.0.1:{}/metadata", free_port().await);
    set(&mut house.environment, "ToBotFromEmulatorOpenIdMetadataUrl", away);
    let report = check(&house.environment).await;
    assert_eq!(report.of("bot.token"), ("fail", "login_refused"));
    let found = report.finding("bot.token")["found"].as_str().unwrap();
    assert!(found.contains("AADSTS7000215") && found.contains("MicrosoftAppPassword"), "{found}");
    assert_eq!(report.of("bot.keys"), ("fail", "unavailable"));
    assert!(!report.json.to_string().contains(PASSWORD));
}
