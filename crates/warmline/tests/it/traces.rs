//! Traces: one shows the user, ServiceNow, the agent and the user again, also when the gateway is
//! killed in between; and nobody misses a word when there is nobody to take them.

pub(crate) mod receiver;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::json;
use simulator::{Fault, Times};

use crate::{
    desk,
    house::{CANARY, House, Setting},
    page::{Page, eventually},
    process::free_port,
    search::Search,
    traces::receiver::{Receiver, Seen, of_trace, tree},
};

const USER: &str = "dl_kim";
const POSTED: &str = "POST /v3/directline/conversations/{id}/activities";
const HOOKED: &str = "POST /api/v1/snowBot/receiveMessage";

/// The trace and the span of the user's own browser.
const BROWSER: [&str; 2] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];

/// What opens the receiver.
const RECEIVERS_SECRET: &str = "otlp-secret-0d41c9";

/// A house whose gateway sends its spans there, soon.
async fn house(receiver: &str, more: &[(&str, &str)]) -> House {
    let own = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver),
        ("OTEL_EXPORTER_OTLP_HEADERS", &format!("authorization=Bearer {RECEIVERS_SECRET}")),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ];
    House::start_with(Setting::default(), |environment| {
        for (name, value) in own.iter().chain(more) {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
    })
    .await
}

/// A live chat; gives back the page and the chat's id at the desk.
async fn live(house: &mut House) -> (Page, String) {
    let page = house.page(USER).await;
    page.post("agent").await;
    let chat = house.offered(USER).await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    (page, chat)
}

/// The user says something in a browser that keeps traces itself.
async fn says_traced(page: &Page, text: &str, sampled: bool) {
    let [trace, span] = BROWSER;
    let posted = page
        .request(Method::POST, "/activities")
        .header("traceparent", format!("00-{trace}-{span}-0{}", u8::from(sampled)))
        .json(&json!({"type": "message", "text": text, "from": {"id": USER}}));
    assert_eq!(posted.send().await.unwrap().status(), 200);
}

/// The agent says something, and the page shows it.
async fn answers(house: &mut House, page: &Page, chat: &str, text: &str) {
    house.desk.write(chat, text).unwrap();
    house.hears(1).await;
    let shown = |heard: &crate::page::Heard| {
        heard.activities.iter().any(|a| a["text"].as_str().is_some_and(|t| t.contains(text)))
    };
    page.until("the agent's words", shown).await;
}

fn named<'s>(spans: &'s [Seen], name: &str) -> Vec<&'s Seen> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Neither words nor names nor secrets are in them.
fn tell_nothing(house: &House, spans: &[Seen]) {
    let mut secrets = house.secrets();
    secrets.extend([CANARY, USER, RECEIVERS_SECRET].map(str::to_owned));
    let found = Search::of(secrets).found_in(format!("{spans:?}"));
    assert_eq!(found, None, "the spans hold a secret");
}

#[tokio::test]
async fn one_trace_shows_the_user_servicenow_the_agent_and_the_user_again() {
    let receiver = Receiver::start().await;
    let mut house = house(&receiver.address, &[]).await;
    let (page, chat) = live(&mut house).await;
    answers(&mut house, &page, &chat, "hello kolibri").await;
    says_traced(&page, "my screen is dark kolibri", true).await;
    desk::until_sent(&house.desk, USER, &["AGENT", "says my screen is dark kolibri"]).await;
    answers(&mut house, &page, &chat, "plug it in kolibri").await;
    let [trace, browser] = BROWSER;
    let expected = format!(
        "{POSTED}\n  commit user_said\n  deliver say\n    {HOOKED}\n      commit callback\n      \
         push\n    attempt say\n    commit sent\n  push\n"
    );
    let whole = |spans: &[Seen]| tree(&of_trace(spans, trace), browser) == expected;
    let spans = receiver.until(&expected, whole).await;
    let said = of_trace(&spans, trace);
    let [attempt] = named(&said, "attempt say")[..] else { panic!("one attempt: {said:#?}") };
    let told = |name: &str| attempt.attributes.get(name).map(String::as_str);
    assert_eq!(told("attempt"), Some("1"));
    assert_eq!((told("delivery.kind"), told("delivery.outcome")), (Some("say"), Some("done")));
    assert!(told("delivery.waited_ms").is_some() && attempt.failed.is_none());
    let session = desk::requests(&house.desk, USER)[0]["clientSessionId"].clone();
    let chats = session.as_str().unwrap().strip_prefix("ses_").unwrap().to_owned();
    assert_eq!(told("session.id"), session.as_str());
    assert_eq!(attempt.links, [chats.as_str()], "the chat's own trace has the session's digits");
    assert_eq!(attempt.process["service.name"], "warmline");
    for span in &said {
        assert!(span.began <= span.ended, "{span:?}");
    }

    house.desk.end(&chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    let whole = |spans: &[Seen]| {
        let ended = !named(spans, "chat").is_empty();
        let asked = named(spans, "deliver ask");
        let whole = |asked: &&Seen| !tree(&of_trace(spans, &asked.trace), "").contains("orphan");
        ended && !asked.is_empty() && asked.iter().all(whole)
    };
    let spans = receiver.until("the end of the chat", whole).await;
    let [ended] = named(&spans, "chat")[..] else { panic!("one chat") };
    assert_eq!((&ended.trace, ended.parent.as_str()), (&chats, ""));
    assert_eq!(ended.attributes["session.status"], "completed");
    // What led to the chat is a trace of its own, from the word that asked to the agent's first.
    let [asked] = named(&spans, "deliver ask")[..] else { panic!("one request") };
    let asking = of_trace(&spans, &asked.trace);
    let drawn = tree(&asking, "");
    assert!(drawn.starts_with(POSTED), "{drawn}");
    let callbacks = named(&asking, HOOKED);
    let expected = house.callbacks().queued + house.callbacks().accepted + 1;
    assert_eq!(callbacks.len(), expected, "{drawn}");
    assert!(callbacks.iter().all(|callback| callback.parent == asked.id), "{drawn}");
    tell_nothing(&house, &spans);
    assert!(receiver.authorization().iter().all(|a| *a == format!("Bearer {RECEIVERS_SECRET}")));
    assert!(!receiver.authorization().is_empty() && !house.logged().contains(RECEIVERS_SECRET));
}

#[tokio::test]
async fn a_trace_goes_on_after_kill_9_and_through_a_desk_that_is_down() {
    const WORDS: &str = "is anybody there kolibri";
    let receiver = Receiver::start().await;
    let mut house = house(&receiver.address, &[]).await;
    let (page, _) = live(&mut house).await;
    house.desk.set_down(true);
    says_traced(&page, WORDS, true).await;
    let [trace, browser] = BROWSER;
    let in_vain = |spans: &[Seen]| !named(&of_trace(spans, trace), "attempt say").is_empty();
    receiver.until("an attempt in vain", in_vain).await;
    house.kill().await;
    house.desk.set_down(false);
    house.begin().await;
    desk::until_taken(&house.desk, USER, &["AGENT", &format!("says {WORDS}")]).await;
    let settled = |spans: &[Seen]| {
        let said = of_trace(spans, trace);
        !named(&said, "commit sent").is_empty() && !tree(&said, browser).contains("orphan")
    };
    let spans = receiver.until("the delivery's end", settled).await;
    let said = of_trace(&spans, trace);
    let drawn = tree(&said, browser);
    assert!(drawn.starts_with(POSTED), "{drawn}");
    let [delivery] = named(&said, "deliver say")[..] else { panic!("one delivery: {drawn}") };
    let mut attempts = named(&said, "attempt say");
    attempts.sort_by_key(|attempt| attempt.began);
    let (last, before) = attempts.split_last().unwrap();
    assert!(attempts.iter().all(|attempt| attempt.parent == delivery.id), "{drawn}");
    assert!(!before.is_empty() && before.iter().all(|attempt| attempt.failed.is_some()));
    assert_eq!((&last.failed, last.attributes["delivery.outcome"].as_str()), (&None, "done"));
    let lives = [before[0], *last].map(|attempt| attempt.process["service.instance.id"].clone());
    assert_ne!(lives[0], lives[1], "two processes, one delivery");
    let waited = |span: &Seen| span.attributes["delivery.waited_ms"].parse::<u64>().unwrap();
    assert!(waited(last) > waited(before[0]), "its time in the outbox is to be seen");
    assert!(delivery.began <= before[0].began && last.ended <= delivery.ended);
    let sent: Vec<_> = house.desk.ledger().into_iter().map(|entry| entry.body).collect();
    let sent: Vec<_> = sent.iter().filter(|body| body["message"]["text"] == WORDS).collect();
    assert!(sent.len() > 1 && sent.iter().all(|body| *body == sent[0]), "{sent:#?}");
    tell_nothing(&house, &spans);
}

#[tokio::test]
async fn a_callback_without_our_context_belongs_to_its_chats_trace() {
    let receiver = Receiver::start().await;
    let mut house = house(&receiver.address, &[]).await;
    house.desk.inject(Fault::NoClientVariables, Times::UntilCleared);
    let (page, chat) = live(&mut house).await;
    answers(&mut house, &page, &chat, "hello kolibri").await;
    house.desk.end(&chat).unwrap();
    house.hears(house.callbacks().ended_by_agent).await;
    let all = house.callbacks();
    let expected = all.queued + all.accepted + 1 + all.ended_by_agent;
    let session = desk::requests(&house.desk, USER)[0]["clientSessionId"].clone();
    let trace = session.as_str().unwrap().strip_prefix("ses_").unwrap().to_owned();
    let whole = |spans: &[Seen]| {
        let chat = of_trace(spans, &trace);
        // What is under way still is an orphan: parents end after their children.
        named(&chat, HOOKED).len() == expected && !tree(&chat, "").contains("orphan")
    };
    let spans = receiver.until("the chat's trace", whole).await;
    let drawn = tree(&of_trace(&spans, &trace), "");
    assert!(drawn.starts_with("chat\n"), "{drawn}");
    assert!(drawn.contains("    commit callback\n    push\n"), "{drawn}");
    tell_nothing(&house, &spans);
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_spans_and_is_told_of_once() {
    const AWAY: &str = "the receiver of traces takes none";
    const BACK: &str = "the receiver of traces takes them again";
    let address = format!("127.0.0.1:{}", free_port().await);
    let mut house = house(&format!("http://{address}"), &[]).await;
    let (page, chat) = live(&mut house).await;
    for n in 0..5 {
        page.post(&format!("word {n} kolibri")).await;
        answers(&mut house, &page, &chat, &format!("answer {n} kolibri")).await;
    }
    let told = |house: &House, what| house.logged().matches(what).count();
    eventually("it is told", || async { (told(&house, AWAY) > 0).then_some(()) }).await;
    let receiver = Receiver::at(&address).await;
    eventually("it is taken again", || async {
        page.post("again kolibri").await;
        (told(&house, BACK) > 0).then_some(())
    })
    .await;
    assert!(!receiver.spans().is_empty());
    assert_eq!((told(&house, AWAY), told(&house, BACK)), (1, 1));
}

#[tokio::test]
async fn what_was_not_sent_yet_is_sent_at_a_polite_end_and_a_dead_receiver_holds_none_up() {
    let receiver = Receiver::start().await;
    let mut house = house(&receiver.address, &[("OTEL_BSP_SCHEDULE_DELAY", "600000")]).await;
    let page = house.page(USER).await;
    page.post("hello kolibri").await;
    assert!(receiver.spans().is_empty(), "it waits for company");
    house.terminate().await;
    let spans = receiver.spans();
    assert_eq!(named(&spans, POSTED).len(), 1, "{spans:#?}");
    // One that takes connections and never answers.
    let deaf = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", deaf.local_addr().unwrap());
    house.environment.insert("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), url);
    house.begin().await;
    page.post("hello again kolibri").await;
    let began = std::time::Instant::now();
    house.terminate().await;
    assert!(began.elapsed() < std::time::Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn the_configuration_file_says_where_traces_go_and_what_the_service_is_called() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("warmline.toml");
    let table = format!(
        "[telemetry]\notlp_endpoint = \"{}\"\nservice_name = \"helpdesk\"\n",
        receiver.address
    );
    std::fs::write(&file, table).unwrap();
    let mut house = House::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_CONFIG".to_owned(), file.to_str().unwrap().to_owned());
        environment.insert("OTEL_BSP_SCHEDULE_DELAY".to_owned(), "20".to_owned());
    })
    .await;
    let page = house.page(USER).await;
    page.post("hello kolibri").await;
    let spans = receiver.until("the post", |spans| !named(spans, POSTED).is_empty()).await;
    assert!(spans.iter().all(|span| span.process["service.name"] == "helpdesk"), "{spans:#?}");
    house.terminate().await;
}

#[tokio::test]
async fn a_caller_that_records_is_followed_where_nothing_else_is_recorded() {
    let receiver = Receiver::start().await;
    let none = [("OTEL_TRACES_SAMPLER", "parentbased_always_off")];
    let mut house = house(&receiver.address, &none).await;
    let (page, chat) = live(&mut house).await;
    answers(&mut house, &page, &chat, "hello kolibri").await;
    says_traced(&page, "unrecorded kolibri", false).await;
    answers(&mut house, &page, &chat, "heard kolibri").await;
    says_traced(&page, "recorded kolibri", true).await;
    let [trace, _] = BROWSER;
    let sent = |spans: &[Seen]| !named(spans, "commit sent").is_empty();
    let spans = receiver.until("the recorded word", sent).await;
    assert!(spans.iter().all(|span| span.trace == trace), "{spans:#?}");
    assert_eq!(named(&spans, POSTED).len(), 1);
    // What is not recorded travels all the same, so that nobody on the way begins to.
    let requests = desk::requests(&house.desk, USER);
    let carried: Vec<_> = requests.iter().map(|r| &r["clientVariables"]["traceparent"]).collect();
    let ends = carried.iter().map(|c| c.as_str().unwrap()[53..].to_owned()).collect::<Vec<_>>();
    assert_eq!(ends, ["00", "00", "01"]);
}

#[tokio::test]
async fn switched_off_nothing_is_sent_along_and_nothing_kept() {
    let mut house = House::start(Setting::default()).await;
    let (page, _) = live(&mut house).await;
    house.desk.set_down(true);
    says_traced(&page, "hello kolibri", true).await;
    let [asked] = &desk::requests(&house.desk, USER)[..] else { panic!("one request") };
    assert!(asked["clientVariables"].get("traceparent").is_none());
    let db = Connection::open(house.data_dir().join("warmline.db")).unwrap();
    let kept: (i64, i64) = db
        .query_row("SELECT count(*), count(trace) FROM outbox", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(kept.0 > 0 && kept.1 == 0, "{kept:?}");
}
