//! Quick to start, gentle to stop.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use rusqlite::Connection;
use serde_json::json;
use simulator::{ChatState, Fault, Speaker, Times};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{
    desk,
    house::{House, Setting},
    page::{Page, eventually},
    process::WITHIN,
};

/// What a start may take, from the process's birth to the line that says where it listens.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Conversations that were really had, a quarter of each kind.
const REAL: usize = 100;

/// And how many copies of their rows are made.
const COPIES: i64 = 1_000;

#[tokio::test]
async fn ready_in_under_two_seconds_with_100_000_stored_conversations() {
    let mut house = House::start(Setting::default()).await;
    let mut talks = Vec::new();
    for n in 0..REAL {
        talks.push(talk(&mut house, n).await);
    }
    // The last of them has words in the outbox.
    house.desk.set_down(true);
    talks[REAL - 1].0.post("said before kolibri").await;
    // A hundred pages that look for a gateway all the while would keep the machine from copying.
    for (page, _) in &mut talks {
        page.goes_offline().await;
    }
    house.terminate().await;
    let stored = multiply(&house.data_dir().join("warmline.db"));
    assert!(stored["conversation"] >= 100_000, "{stored:?}");
    assert!(stored["session"] >= 100_000, "{stored:?}");
    assert!(stored["log"] >= 500_000, "{stored:?}");

    let began = Instant::now();
    house.begin().await;
    let took = began.elapsed();
    println!("ready after {took:.3?} with {stored:?}");
    assert!(took < READY_WITHIN, "{took:?}");

    house.desk.set_down(false);
    talks[REAL - 1].0.comes_online();
    let (live, chat) = &talks[REAL - 1];
    live.post("said after kolibri").await;
    let expected =
        ["AGENT", "says word kolibri", "says said before kolibri", "says said after kolibri"];
    desk::until_taken(&house.desk, &live.user, &expected).await;
    house.desk.write(chat, "answer kolibri").unwrap();
    live.until("the answer", |heard| {
        heard.activities.iter().any(|a| a["text"] == "Dana: answer kolibri")
    })
    .await;
    let (waiting, chat) = &talks[REAL - 2];
    house.desk.accept(chat).unwrap();
    let held = ["AGENT", "says word kolibri"];
    desk::until_taken(&house.desk, &waiting.user, &held).await;
}

/// A conversation with a session: cancelled, ended, waiting, live, and again from the start.
async fn talk(house: &mut House, n: usize) -> (Page, String) {
    let user = format!("dl_user-{n}");
    let page = house.page(&user).await;
    page.post("agent").await;
    let chat = house.offered(&user).await;
    house.hears(house.callbacks().queued).await;
    if n % 2 == 1 {
        house.desk.accept(&chat).unwrap();
        house.hears(house.callbacks().accepted).await;
    }
    page.post("word kolibri").await;
    match n % 4 {
        0 => {
            page.post("cancel").await;
            house.hears(1).await;
        }
        1 => {
            desk::until_sent(&house.desk, &user, &["AGENT", "says word kolibri"]).await;
            house.desk.end(&chat).unwrap();
            house.hears(house.callbacks().ended_by_agent).await;
        }
        2 => {}
        _ => desk::until_sent(&house.desk, &user, &["AGENT", "says word kolibri"]).await,
    }
    (page, chat)
}

/// Copies the rows of what was really said, a thousand times each, under other ids. The copies cannot
/// be opened (they are sealed for their original) and nobody asks for them: they are there to be in
/// the way. Gives back how many rows each table has.
fn multiply(file: &Path) -> BTreeMap<&'static str, i64> {
    let db = Connection::open(file).unwrap();
    db.execute_batch(
        "PRAGMA synchronous = off; PRAGMA foreign_keys = off; PRAGMA cache_size = -200000",
    )
    .unwrap();
    let top = |table: &str| -> i64 {
        db.query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    let (conversation, log, segment) = (top("conversation"), top("log"), top("segment"));
    // How ids move from one copy to the next.
    let moved = |table: &str, column: &str| match (table, column) {
        ("session", "id") | ("conversation_key", "conversation" | "user") => {
            format!("{column} || '-' || copy")
        }
        ("conversation" | "conversation_key", "id") | (_, "conversation") => {
            format!("{column} + {conversation} * copy")
        }
        ("log", "id" | "prev" | "skip") | ("conversation", "head" | "anchor") => {
            format!("{column} + {log} * copy")
        }
        ("segment", "id") | (_, "segment") => format!("{column} + {segment} * copy"),
        _ => column.to_owned(),
    };
    let tables = ["conversation", "conversation_key", "segment", "log", "session"];
    db.execute_batch("BEGIN").unwrap();
    for table in tables {
        let mut columns =
            db.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let columns: Vec<String> =
            columns.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        let values: Vec<_> = columns.iter().map(|column| moved(table, column)).collect();
        let copy = format!(
            "WITH RECURSIVE copies (copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {COPIES})
             INSERT INTO {table} ({}) SELECT {} FROM copies CROSS JOIN (SELECT * FROM {table})",
            columns.join(", "),
            values.join(", "),
        );
        db.execute(&copy, []).unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    db.execute_batch("COMMIT").unwrap();
    let count =
        |table| db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    let counted = tables.map(|table| (table, count(table).unwrap()));
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    BTreeMap::from(counted)
}

#[tokio::test]
async fn what_was_acknowledged_before_a_polite_end_is_delivered_before_it_or_after_the_next_start()
{
    const WORDS: usize = 40;
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = talk(&mut house, 3).await;
    // The first answers take their time, so that most words are still in the outbox.
    house.desk.inject(Fault::SlowAnswer(Duration::from_millis(100)), Times::UntilCleared);
    for n in 0..WORDS {
        page.post(&format!("word {n:02} kolibri")).await;
    }
    house.terminate().await;
    house.desk.clear_faults();
    let before = desk::lines(&desk::chat(&house.desk, &chat), Speaker::User).len();
    house.begin().await;
    let all: Vec<_> = (0..WORDS).map(|n| format!("word {n:02} kolibri")).collect();
    let read = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let view = chats.iter().find(|view| view.id == chat).unwrap();
        desk::lines(view, Speaker::User).ends_with(&all)
    };
    house.desk.wait_until(read, WITHIN).await.expect("the agent reads all of it, in order, once");
    println!("{before} lines before the end, the rest after the next start");
    page.shows_its_log(&page.log().await).await;
}

#[tokio::test]
async fn callers_of_a_gateway_that_stops_and_starts_meet_200_or_503_or_nobody() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let mut house = House::start(Setting::default()).await;
    let page = std::sync::Arc::new(talk(&mut house, 3).await.0);
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let page = page.clone();
        callers.spawn(async move {
            let mut answered = BTreeMap::new();
            while !STOP.load(Ordering::SeqCst) {
                let request = match caller % 4 {
                    0 => page.request(Method::GET, "/activities?watermark=0"),
                    1 => page.request(Method::GET, ""),
                    _ => page
                        .request(Method::POST, "/activities")
                        .json(&json!({"type": "message", "text": "again kolibri"})),
                };
                let Ok(answer) = request.send().await else {
                    // Nobody is there; a client that asked again at once would only keep the machine
                    // from starting.
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    continue;
                };
                let status = answer.status();
                if status == StatusCode::SERVICE_UNAVAILABLE {
                    assert_eq!(answer.headers()["retry-after"], "1");
                }
                *answered.entry(status.as_u16()).or_insert(0_usize) += 1;
            }
            answered
        });
    }
    for _ in 0..5 {
        house.terminate().await;
        house.begin().await;
    }
    STOP.store(true, Ordering::SeqCst);
    while let Some(answered) = callers.join_next().await {
        let answered = answered.unwrap();
        // 429: the desk's lane is full, which has nothing to do with the restarts.
        let known = [200, 429, 503];
        assert!(answered.keys().all(|status| known.contains(status)), "{answered:?}");
        assert!(answered.contains_key(&200), "{answered:?}");
    }
}

#[tokio::test]
async fn a_second_signal_ends_at_once_and_costs_nothing_acknowledged() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = talk(&mut house, 3).await;
    page.post("before the end kolibri").await;
    // A caller that never finishes its sentence holds a polite end up.
    let mut slow = TcpStream::connect(&house.environment["WARMLINE_LISTEN"]).await.unwrap();
    let head = format!(
        "POST /v3/directline/conversations/{}/activities HTTP/1.1\r\nHost: x\r\n\
         Authorization: Bearer {}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n",
        page.conversation, page.token
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    timeout(WITHIN, slow.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "it waits for the rest");
    house.gateway().signal("TERM").await;
    let stopping = || async { house.logged().contains("stopping").then_some(()) };
    eventually("it stops", stopping).await;
    let began = Instant::now();
    house.gateway().signal("INT").await;
    let ended = house.ended().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ended.code(), Some(0));
    assert!(house.logged().contains("cut short"));
    house.begin().await;
    let sent = ["AGENT", "says word kolibri", "says before the end kolibri"];
    desk::until_sent(&house.desk, &page.user, &sent).await;
    assert_eq!(desk::chat(&house.desk, &chat).state, ChatState::Live);
}
