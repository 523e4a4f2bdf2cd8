//! What stops a start, what readiness means, and how a gateway stops.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    house::{ANOTHER_KEY, DIRECT_LINE_SECRET, House, Setting},
    page::{eventually, gists},
    process::{Environment, Process, WITHIN, free_port, serve},
};

/// Settings that would start, in a folder of their own.
pub(crate) async fn environment(folder: &tempfile::TempDir) -> Environment {
    let port = free_port().await;
    [
        ("SERVICENOW_CLIENT_ID", "client"),
        ("SERVICENOW_CLIENT_SECRET", "hush-client-secret"),
        ("SERVICENOW_USERNAME", "user"),
        ("SERVICENOW_PASSWORD", "hush-password"),
        ("SERVICENOW_INSTANCE", "dev12345"),
        ("SERVICENOW_TOKEN", "hush-token"),
        ("WEBHOOK_SECRET", "hush-webhook-secret"),
        ("DIRECT_LINE_SECRET", "hush-direct-line-secret"),
        ("WARMLINE_LISTEN", &format!("127.0.0.1:{port}")),
        ("WARMLINE_DATA_DIR", &folder.path().join("data").display().to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// Tries to start and gives back the one sentence that says why it does not.
pub(crate) async fn refusal(environment: &Environment) -> String {
    let output = timeout(WITHIN, serve(environment).output()).await;
    let output = output.expect("it does not start").unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "it never listened");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("hush"), "no secret is printed: {log}");
    let said: Vec<_> = log.lines().filter_map(|line| line.strip_prefix("warmline: ")).collect();
    let [sentence] = said[..] else { panic!("one sentence: {log}") };
    sentence.to_owned()
}

#[tokio::test]
async fn a_setting_that_is_missing_or_wrong_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = environment(&folder).await;
    let missing = [
        "SERVICENOW_CLIENT_ID",
        "SERVICENOW_CLIENT_SECRET",
        "SERVICENOW_USERNAME",
        "SERVICENOW_PASSWORD",
        "SERVICENOW_INSTANCE",
        "WEBHOOK_SECRET",
    ];
    for name in missing {
        let mut without = good.clone();
        without.remove(name);
        assert!(refusal(&without).await.contains(name), "{name} is not set");
        without.insert(name.to_owned(), String::new());
        assert!(refusal(&without).await.contains(name), "{name} is empty");
    }
    for (name, value) in [
        ("SERVICENOW_INSTANCE", "http://dev12345.service-now.com"),
        ("SERVICENOW_INSTANCE", "https://hush:hush@dev12345.service-now.com"),
        ("SERVICENOW_INSTANCE", "not an instance"),
        ("WARMLINE_LISTEN", "8080"),
        ("WARMLINE_LISTEN", "0.0.0.0:8080"),
        ("WARMLINE_PUBLIC_URL", "http://chat.example.org"),
        ("WARMLINE_PUBLIC_URL", "https://chat.example.org/?hush=1"),
        ("SERVICENOW_GRANT_TYPE", "implicit"),
        ("DATABASE_URL", "postgres://hush:hush@db/warmline"),
        ("BOT_ENDPOINT", "https://bot.example.org/api/messages"),
        ("MicrosoftAppId", "a/b"),
        ("WARMLINE_LANGUAGE", "klingon"),
        ("WARMLINE_MASTER_KEY", "hush-not-64-digits"),
        ("WARMLINE_MASTER_KEY_FILE", "/nowhere/at/all"),
    ] {
        let mut wrong = good.clone();
        wrong.insert(name.to_owned(), value.to_owned());
        let sentence = refusal(&wrong).await;
        assert!(sentence.contains(name), "{name}={value}: {sentence}");
    }
    let data = folder.path().join("data");
    assert!(!data.exists(), "nothing was made before everything was right");
}

#[tokio::test]
async fn a_port_that_is_taken_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = environment(&folder).await;
    let taken = tokio::net::TcpListener::bind(&good["WARMLINE_LISTEN"]).await.unwrap();
    assert!(refusal(&good).await.contains("WARMLINE_LISTEN"));
    drop(taken);
}

#[tokio::test]
async fn a_master_key_that_is_not_the_one_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let right = environment(&folder).await;
    Process::start(&right, &log).await.terminate().await;
    let mut wrong = right.clone();
    wrong.insert("WARMLINE_MASTER_KEY".to_owned(), ANOTHER_KEY.to_owned());
    assert!(refusal(&wrong).await.contains("the master key is not the one"));
    wrong.insert("WARMLINE_MASTER_KEY".to_owned(), "0".repeat(64));
    assert!(refusal(&wrong).await.contains("no master key but zeros"));
    let ended = Process::start(&right, &log).await.terminate().await;
    assert!(ended.success(), "the right one still opens it");
}

#[tokio::test]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let house = House::start(Setting::default()).await;
    let mut second = house.environment.clone();
    second.insert("WARMLINE_LISTEN".to_owned(), format!("127.0.0.1:{}", free_port().await));
    let sentence = refusal(&second).await;
    assert!(sentence.contains("another Warmline process is using"), "{sentence}");
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
}

#[tokio::test]
async fn data_that_is_in_use_for_a_moment_is_waited_for() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let lock = std::fs::File::open(house.data_dir().join("warmline.lock")).unwrap();
    lock.lock().unwrap();
    let log = house.data_dir().join("../waiting.log");
    let waits = async {
        let said = || async {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            log.contains("the data is in use by another process").then_some(())
        };
        eventually("that it waits", said).await;
        lock.unlock().unwrap();
    };
    let (gateway, ()) = tokio::join!(Process::start(&house.environment, &log), waits);
    assert!(gateway.terminate().await.success());
}

#[tokio::test]
async fn health_and_readiness_are_the_gateways_own() {
    let house = House::start(Setting::default()).await;
    house.desk.set_down(true);
    for (path, status) in [("healthz", "ok"), ("readyz", "ready")] {
        let address = format!("{}/{path}", house.origin());
        let answer = house.http.get(&address).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap(), json!({"status": status}));
        let answer = house.http.post(&address).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let nowhere = house.http.get(format!("{}/nowhere", house.origin())).send().await.unwrap();
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    assert_eq!(nowhere.json::<Value>().await.unwrap()["error"]["code"], "no_such_route");
}

#[tokio::test]
async fn a_polite_end_tells_pages_to_come_back_and_loses_nothing() {
    let mut house = House::start(Setting::default()).await;
    let mut page = house.page("dl_kim").await;
    page.shows(&["bot: Hello!…"]).await;
    house.says(&page, "agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.says(&page, "still here kolibri").await;
    house.terminate().await;
    page.until("a close frame", |heard| !heard.closed.is_empty()).await;
    page.until("come back", |heard| heard.closed == [1012]).await;

    house.begin().await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    crate::desk::until_sent(&house.desk, "dl_kim", &["AGENT", "says still here kolibri"]).await;
    page.until("the connection", |heard| {
        gists(&crate::page::distinct(&heard.activities)).contains(&"notice connected".to_owned())
    })
    .await;
    page.shows_its_log(&page.log().await).await;
}

#[tokio::test]
async fn a_signal_is_obeyed_from_the_moment_it_listens() {
    let folder = tempfile::tempdir().unwrap();
    let environment = environment(&folder).await;
    for _ in 0..10 {
        let process = Process::start(&environment, &folder.path().join("log")).await;
        assert_eq!(process.terminate().await.code(), Some(0));
    }
}

#[tokio::test]
async fn direct_line_is_closed_without_a_secret() {
    let house = House::start_with(Setting::default(), |environment| {
        environment.remove("DIRECT_LINE_SECRET");
    })
    .await;
    for path in ["tokens/generate", "tokens/refresh", "conversations"] {
        let address = format!("{}/v3/directline/{path}", house.origin());
        let answer = house.http.post(address).bearer_auth(DIRECT_LINE_SECRET).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["error"]["code"], "Forbidden");
        assert!(body["error"]["message"].as_str().unwrap().contains("DIRECT_LINE_SECRET"));
    }
}

#[tokio::test]
async fn with_client_credentials_no_user_is_needed() {
    let house = House::start_with(Setting::default(), |environment| {
        environment.remove("SERVICENOW_USERNAME");
        environment.remove("SERVICENOW_PASSWORD");
        environment.insert("SERVICENOW_GRANT_TYPE".to_owned(), "client_credentials".to_owned());
    })
    .await;
    let page = house.page("dl_kim").await;
    page.post("agent").await;
    house.offered("dl_kim").await;
    assert_eq!(house.desk.tokens_granted(), 1);
}
