//! What `/metrics` tells, from the real binary; and that the dashboard, the alert rules and the docs
//! speak of nothing else.

use std::{collections::BTreeSet, path::Path};

use simulator::{
    Fault, Times,
    azure::{APP_ID, TENANT},
};

use crate::{
    faults::Chat,
    house::{House, Setting},
    page::eventually,
};

pub(crate) const TOKEN: &str = "metrics-token-1d7be0a95c";

/// A house whose gateway lets the test have its metrics.
async fn house() -> House {
    let open = |environment: &mut crate::process::Environment| {
        environment.insert("WARMLINE_METRICS_TOKEN".to_owned(), TOKEN.to_owned());
    };
    House::start_with(Setting::default(), open).await
}

async fn asked(house: &House, token: Option<&str>) -> (u16, String) {
    let mut request = house.http.get(format!("{}/metrics", house.origin()));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

pub(crate) async fn metrics(house: &House) -> String {
    let (status, text) = asked(house, Some(TOKEN)).await;
    assert_eq!(status, 200);
    text
}

/// The value of a series, by its name and all of its labels.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

/// Whether a series has this value; what is compared here are small whole numbers.
pub(crate) fn is(text: &str, series: &str, expected: f64) -> bool {
    (value(text, series) - expected).abs() < 0.001
}

/// Waits until each series has its value: what the store holds is read every two seconds.
pub(crate) async fn until(house: &House, expected: &[(&str, f64)]) {
    eventually("the numbers", || async {
        let text = metrics(house).await;
        expected.iter().all(|(series, wanted)| is(&text, series, *wanted)).then_some(())
    })
    .await;
}

const DESK: &str = r#"tenant="default",desk="default""#;

#[tokio::test]
async fn a_chat_is_counted_from_the_question_to_the_end_and_over_a_restart() {
    let mut chat = Chat::live_at(house().await).await;
    let labelled = |name: &str, more: &str| format!("warmline_{name}{{{DESK}{more}}}");
    let active = labelled("sessions", r#",status="active""#);
    until(&chat.house, &[(&active, 1.0)]).await;
    let text = metrics(&chat.house).await;
    for name in ["queue_wait_seconds_count", "first_agent_word_seconds_count"] {
        assert!(is(&text, &labelled(name, ""), 1.0), "{name}");
    }
    assert!(is(&text, &labelled("sessions_started_total", ""), 1.0));
    let asks = labelled("delivery_attempts_total", r#",kind="ask",outcome="done""#);
    assert!(is(&text, &asks, 1.0));
    assert!(value(&text, &labelled("delivery_latency_seconds_count", r#",kind="say""#)) >= 1.0);
    assert!(value(&text, &labelled("tokens_granted_total", "")) >= 1.0);
    assert!(value(&text, r#"warmline_requests_total{route="webhook",status="200"}"#) >= 1.0);
    assert!(value(&text, r#"warmline_events_total{event="agent_said",outcome="ok"}"#) >= 1.0);
    assert!(value(&text, "warmline_stream_latency_seconds_count") >= 1.0);
    assert!(value(&text, "warmline_commit_seconds_count") >= 5.0);
    assert!(is(&text, "warmline_streams_open", 1.0));
    assert!(value(&text, "warmline_store_bytes") > 0.0);

    chat.house.restart().await;
    until(&chat.house, &[(&active, 1.0), ("warmline_store_up", 1.0)]).await;
    let text = metrics(&chat.house).await;
    assert!(is(&text, &labelled("sessions_started_total", ""), 0.0), "a new process");

    chat.page.post("end chat").await;
    let by_user = r#",status="completed",reason="user_ended""#;
    let (ended, handled) =
        (labelled("sessions_ended_total", by_user), labelled("handle_seconds_count", ""));
    until(&chat.house, &[(&active, 0.0), (&ended, 1.0), (&handled, 1.0)]).await;
}

#[tokio::test]
async fn what_waits_for_a_desk_that_is_down_is_seen_and_is_gone_when_it_is_back() {
    let mut chat = Chat::live_at(house().await).await;
    until(&chat.house, &[("warmline_backlog_effects", 0.0)]).await;
    chat.house.desk.inject(Fault::Unavailable, Times::UntilCleared);
    chat.says().await;
    until(&chat.house, &[("warmline_backlog_effects", 1.0), ("warmline_backlog_lanes", 1.0)]).await;
    let text = metrics(&chat.house).await;
    assert!(value(&text, "warmline_backlog_oldest_seconds") > 0.0);
    assert!(
        value(&text, &format!(r#"warmline_delivery_failures_total{{{DESK},code="busy"}}"#)) >= 1.0
    );
    chat.house.desk.clear_faults();
    chat.agent_has_read_all().await;
    let none = [("warmline_backlog_effects", 0.0), ("warmline_backlog_oldest_seconds", 0.0)];
    until(&chat.house, &none).await;
}

#[tokio::test]
async fn the_metrics_are_closed_without_a_token_and_for_whoever_has_another() {
    let closed = House::start(Setting::default()).await;
    for token in [None, Some(TOKEN)] {
        let (status, text) = asked(&closed, token).await;
        assert_eq!(status, 404);
        assert!(text.contains("metrics_closed") && text.contains("WARMLINE_METRICS_TOKEN"));
    }
    let open = house().await;
    for token in [None, Some("another"), Some(crate::house::WEBHOOK_SECRET)] {
        let (status, text) = asked(&open, token).await;
        assert_eq!(status, 401, "{token:?}");
        assert!(text.contains("\"unauthorized\""), "{text}");
        // Whoever is refused can tell a wrong token from one that got lost on the way.
        let mut request = open.http.get(format!("{}/metrics", open.origin()));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert_eq!(challenge.contains("invalid_token"), token.is_some(), "{token:?}");
    }
}

/// Every word that looks like the name of a metric of ours.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("warmline_")).map(str::to_owned).collect()
}

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[tokio::test]
async fn dashboard_rules_and_docs_speak_of_the_metrics_that_there_are() {
    let house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_METRICS_TOKEN".to_owned(), TOKEN.to_owned());
        // So that there is a breaker before a bot; nobody calls it.
        let nobody = "http://127.0.0.1:9/api/messages";
        environment.insert("BOT_ENDPOINT".to_owned(), nobody.to_owned());
        // And before a channel; nobody calls that either.
        for (name, value) in [
            ("MicrosoftAppId", APP_ID),
            ("MicrosoftAppPassword", "app-password-of-nobody"),
            ("MicrosoftAppTenantId", TENANT),
            ("MicrosoftAppType", "SingleTenant"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
    })
    .await;
    let text = metrics(&house).await;
    // For promtool, which `cargo xtask test` asks about its form.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("metrics.txt");
    std::fs::write(kept, &text).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let samples: BTreeSet<_> =
        samples.map(|line| line.split(['{', ' ']).next().unwrap().to_owned()).collect();
    for path in ["ops/grafana/warmline.json", "ops/prometheus/alerts.yml"] {
        let named = names_in(&file(path));
        assert!(named.len() >= 10, "{path} names {}", named.len());
        for name in named {
            assert!(samples.contains(&name), "{path}: there is no {name}");
        }
    }
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: BTreeSet<_> = types.map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    let docs = file("docs/observability.md");
    let told: BTreeSet<_> = docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `warmline_")?.split('`').next())
        .map(|name| format!("warmline_{}", name.split('{').next().unwrap()))
        .collect();
    assert_eq!(told, types, "the table in docs/observability.md, and what there is");
}

/// The values that a label of a metric has.
fn values_of(text: &str, metric: &str, label: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with(&format!("{metric}{{")));
    let (before, value) =
        (format!("{label}=\""), |rest: &str| rest.split('"').next().unwrap().to_owned());
    lines.filter_map(|line| Some(value(line.split_once(&before)?.1))).collect()
}

/// Everything in `code` of the line that begins so.
fn told_in(docs: &str, begins: &str) -> BTreeSet<String> {
    let line = docs.lines().find(|line| line.starts_with(begins)).unwrap();
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_docs_name_every_outcome_and_every_reason_why_a_bot_does_not_take_something() {
    let text = metrics(&house().await).await;
    let docs = file("docs/observability.md");
    for metric in ["warmline_delivery_attempts_total", "warmline_bot_attempts_total"] {
        let told = told_in(&docs, &format!("| `{metric}"));
        for outcome in values_of(&text, metric, "outcome") {
            assert!(told.contains(&outcome), "{metric}: {outcome}");
        }
    }
    // Codes that come to be before anything is attempted are not the bot's.
    let ours = ["entry_gone", "expired", "log_unreadable", "not_taken_in", "other"];
    let page = file("docs/bot.md");
    let tables = page.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<_> = tables
        .flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    let counted = values_of(&text, "warmline_bot_failures_total", "code");
    for code in counted.iter().filter(|code| !ours.contains(&code.as_str())) {
        assert!(told.contains(code), "docs/bot.md does not tell of {code}");
    }
}

#[test]
fn every_alert_says_what_to_do_and_where_to_read_on() {
    let rules = file("ops/prometheus/alerts.yml");
    let stories = file("ops/prometheus/alerts_test.yml");
    let alerts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 10);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for part in ["summary: ", "description: ", "runbook: docs/operating.md", "severity: "] {
            assert!(alert.contains(part), "{name} has no {part}");
        }
        assert!(stories.contains(name), "{name} is in no story of alerts_test.yml");
    }
}
