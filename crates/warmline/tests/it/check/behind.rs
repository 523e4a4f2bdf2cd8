//! What the check finds about a bot of the team's own, without starting a turn of it.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    http::{Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
    routing::post,
};
use rusqlite::{Connection, OpenFlags};
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

/// What reads a body before it looks at the path does besides.
#[derive(Clone, Copy)]
enum Reader {
    /// Names the methods of its paths, as Express does.
    NamesMethods,
    /// Knows no OPTIONS, as Koa without more.
    Silent,
    /// Refuses everything, whatever the path.
    RefusesAll,
}

/// A bot whose reader of bodies sits before its router.
#[derive(Clone)]
struct Parsing {
    reader: Reader,
    /// What came to the bot itself.
    came: Arc<Mutex<Vec<String>>>,
}

impl Parsing {
    async fn start(reader: Reader) -> (Self, String) {
        let bot = Self { reader, came: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().fallback(parsed).with_state(bot.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (bot, origin)
    }

    fn answer(&self, method: &Method, path: &str, body: String) -> Response {
        let is_json = body.starts_with(['{', '[']);
        if matches!(self.reader, Reader::RefusesAll) || !(body.is_empty() || is_json) {
            return StatusCode::BAD_REQUEST.into_response();
        }
        match (method, path, self.reader) {
            (&Method::POST, "/api/messages", _) => {
                self.came.lock().unwrap().push(body);
                StatusCode::BAD_REQUEST.into_response()
            }
            (&Method::OPTIONS, "/api/messages", Reader::NamesMethods) => {
                [(header::ALLOW, "POST")].into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

async fn parsed(State(bot): State<Parsing>, method: Method, uri: Uri, body: String) -> Response {
    bot.answer(&method, uri.path(), body)
}

#[tokio::test]
async fn a_wrong_path_is_found_behind_what_reads_bodies_first() {
    let away = Bot::start(Manner::Mute).await;
    let mut house = house_of(&away).await;
    for reader in [Reader::NamesMethods, Reader::Silent] {
        let (bot, origin) = Parsing::start(reader).await;
        set(&mut house.environment, "BOT_ENDPOINT", format!("{origin}/api/msg"));
        let report = check(&house.environment).await;
        assert_eq!((report.code, report.of("bot.answers")), (1, ("fail", "not_found")));
        assert_eq!(*bot.came.lock().unwrap(), Vec::<String>::new());
        set(&mut house.environment, "BOT_ENDPOINT", format!("{origin}/api/messages"));
        let report = check(&house.environment).await;
        assert_eq!(report.of("bot.answers"), ("ok", "takes_posts"));
        // JSON comes to a bot only where its server does not say that the path is there.
        let came = bot.came.lock().unwrap().clone();
        let expected: &[&str] = if matches!(reader, Reader::Silent) { &["[]"] } else { &[] };
        assert_eq!(came, expected);
    }
}

#[tokio::test]
async fn a_path_that_no_answer_tells_from_another_is_not_said_to_be_right() {
    let away = Bot::start(Manner::Mute).await;
    let mut house = house_of(&away).await;
    let (_bot, origin) = Parsing::start(Reader::RefusesAll).await;
    set(&mut house.environment, "BOT_ENDPOINT", format!("{origin}/api/messages"));
    let report = check(&house.environment).await;
    assert_eq!(report.of("bot.answers"), ("warn", "unsettled"));
    assert!(report.fix("bot.answers").contains("BOT_ENDPOINT"));
}

/// Whatever waits for a bot that is away is a dead letter two minutes later.
#[tokio::test]
async fn nothing_of_a_check_waits_for_a_bot_that_is_away() {
    let mut bot = Bot::start(Manner::Mute).await;
    let house = House::start_with(Setting::default(), |environment| {
        let public = format!("http://{}", environment["WARMLINE_LISTEN"]);
        environment.insert("WARMLINE_PUBLIC_URL".to_owned(), public);
        environment.insert("BOT_ENDPOINT".to_owned(), bot.endpoint());
    })
    .await;
    bot.goes_down().await;
    for _ in 0..2 {
        let report = check(&house.environment).await;
        assert_eq!(report.of("bot.connection"), ("fail", "no_connection"));
        assert_eq!(report.of("direct_line.token"), ("ok", "granted"));
        assert_eq!(report.of("direct_line.stream"), ("ok", "open"));
        let found = report.finding("direct_line.stream")["found"].as_str().unwrap();
        assert!(found.contains("no conversation was begun"), "{found}");
    }
    let path = house.data_dir().join("warmline.db");
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for table in ["conversation", "log", "outbox", "dead_letter"] {
        let count = db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        assert_eq!(count, Ok(0_i64), "{table}");
    }
    assert_eq!(bot.got(), Vec::<Value>::new());
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
