//! Both sides talk while the gateway is killed again and again.
//!
//! What counts as acknowledged: a post that was answered 200, and a callback that was answered 200.
//! A callback that met nobody is never repeated, as with a real instance: where the chat can be caught
//! up with, its words are shown all the same; elsewhere one whose answer broke off may have been
//! taken, and is shown once or not at all.

use std::sync::Arc;

use simulator::{Desk, Dialect, Outcome, Speaker};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    desk,
    house::{House, Setting},
    page::{Page, eventually, gists},
    process::WITHIN,
};

/// How much of it. Each number can be set: see “The long run” in CONTRIBUTING.md.
#[derive(Debug, Clone, Copy)]
struct Scale {
    chats: usize,
    /// Acknowledged lines, of each side of each chat.
    lines: usize,
    kills: usize,
    /// Of the moments of the kills.
    seed: u64,
}

impl Scale {
    /// What plain `cargo test` runs, unless the environment says otherwise.
    fn of_this_run(seed: u64) -> Self {
        let set = |name: &str| {
            let text = std::env::var(format!("WARMLINE_TEST_{name}")).ok()?;
            Some(
                text.parse::<u64>().unwrap_or_else(|_| panic!("WARMLINE_TEST_{name} is no number")),
            )
        };
        let size = |name, usual: u64| usize::try_from(set(name).unwrap_or(usual)).unwrap();
        Self {
            chats: size("CHATS", 5),
            lines: size("LINES", 100),
            kills: size("KILLS", 5),
            seed: set("SEED").unwrap_or(seed),
        }
    }
}

#[tokio::test]
async fn killed_under_two_way_traffic_as_the_product_speaks() {
    killed_under_two_way_traffic(setting(Dialect::ServiceNow), Scale::of_this_run(1)).await;
}

#[tokio::test]
async fn killed_under_two_way_traffic_as_the_specification_speaks() {
    killed_under_two_way_traffic(setting(Dialect::Spec), Scale::of_this_run(2)).await;
}

#[tokio::test]
async fn killed_under_two_way_traffic_without_ids_as_the_product_spoke_before() {
    let setting = Setting { message_ids: false, ..setting(Dialect::ServiceNow) };
    killed_under_two_way_traffic(setting, Scale::of_this_run(3)).await;
}

fn setting(dialect: Dialect) -> Setting {
    Setting { dialect, reads_messages: true, ..Setting::default() }
}

/// One chat and what each side says in it.
pub(crate) struct Talk {
    pub(crate) page: Page,
    chat: String,
}

async fn killed_under_two_way_traffic(setting: Setting, scale: Scale) {
    let dialect = setting.dialect;
    let Scale { chats, lines, kills, seed } = scale;
    let began = std::time::Instant::now();
    let mut house = House::start(setting).await;
    let mut talks = Vec::new();
    for n in 0..chats {
        talks.push(Arc::new(connect(&mut house, &format!("dl_user-{n}")).await));
    }
    let progress = Arc::new(watch::Sender::new(0));
    let mut talking = JoinSet::new();
    let mut writing = JoinSet::new();
    for (n, talk) in talks.iter().cloned().enumerate() {
        talking.spawn(user_talks(talk.clone(), lines, progress.clone()));
        let agent = agent_talks(house.desk.clone(), talk, lines, house.origin(), progress.clone());
        writing.spawn(async move { (n, agent.await) });
    }

    // The moments are counted in acknowledgements, so that the same seed makes the same plan.
    let mut random = fastrand::Rng::with_seed(seed);
    let mut moments: Vec<_> =
        (0..kills).map(|_| random.usize(20..chats * lines * 2 - 20)).collect();
    moments.sort_unstable();
    for (n, moment) in moments.into_iter().enumerate() {
        let mut acknowledged = progress.subscribe();
        let reached = acknowledged.wait_for(|count| *count >= moment);
        tokio::time::timeout(WITHIN * 2, reached).await.expect("the talk goes on").unwrap();
        // Not only right after an answer.
        for _ in 0..random.usize(0..50) {
            tokio::task::yield_now().await;
        }
        // In every third life nothing that was missed can be fetched; what comes stands behind it.
        house.desk.hold_messages(n % 3 == 0);
        house.restart().await;
    }
    house.desk.hold_messages(false);
    while let Some(done) = talking.join_next().await {
        done.unwrap();
    }
    let mut lost = 0;
    while let Some(done) = writing.join_next().await {
        let (n, said) = done.unwrap();
        lost += said.lost.len();
        check(dialect, &house.desk, &talks[n], lines, &said).await;
    }
    let requests = house.desk.ledger().len();
    let took = began.elapsed();
    println!(
        "{dialect:?}, {scale:?}: all of it held; {lost} callbacks met nobody; {requests} requests \
         at the desk; {took:.1?}"
    );
}

impl Talk {
    /// One that came about already.
    pub(crate) fn new(page: Page, chat: String) -> Self {
        Self { page, chat }
    }
}

pub(crate) async fn connect(house: &mut House, user: &str) -> Talk {
    let mut page = house.page(user).await;
    page.shows(&["bot: Hello!…"]).await;
    page.post("live agent").await;
    let chat = house.offered(user).await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    Talk { page, chat }
}

fn line(who: &str, n: usize) -> String {
    format!("{who} {n:05} kolibri")
}

pub(crate) async fn user_talks(talk: Arc<Talk>, lines: usize, progress: Arc<watch::Sender<usize>>) {
    for n in 0..lines {
        talk.page.post(&line("user", n)).await;
        progress.send_modify(|count| *count += 1);
    }
}

/// What became of the agent's lines.
#[derive(Default)]
pub(crate) struct Said {
    /// The callback was answered 200.
    acknowledged: Vec<String>,
    /// Nobody answered the callback.
    pub(crate) lost: Vec<String>,
}

/// The agent writes until enough lines were acknowledged, each after the one before is settled: a
/// lost one is not written again.
pub(crate) async fn agent_talks(
    desk: Desk,
    talk: Arc<Talk>,
    lines: usize,
    origin: String,
    progress: Arc<watch::Sender<usize>>,
) -> Said {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut said = Said::default();
    for n in 0.. {
        if said.acknowledged.len() == lines {
            break;
        }
        let words = format!("{} of {}", line("agent", n), talk.chat);
        let before = delivered(&desk).await;
        desk.write(&talk.chat, &words).unwrap();
        match outcome(&desk, &words, before).await {
            Outcome::Answered(200) => {
                said.acknowledged.push(words);
                progress.send_modify(|count| *count += 1);
            }
            Outcome::Unreachable => {
                said.lost.push(words);
                let alive = || async { http.get(format!("{origin}/healthz")).send().await.ok() };
                eventually("the gateway is back", alive).await;
            }
            outcome => panic!("{words}: {outcome:?}"),
        }
    }
    said
}

/// How many callbacks were attempted so far.
async fn delivered(desk: &Desk) -> usize {
    let mut count = 0;
    let counted = desk.wait_until(
        |seen| {
            count = seen.delivered().len();
            true
        },
        WITHIN,
    );
    counted.await.expect("it holds at once");
    count
}

/// Waits until the callback with these words was attempted; `before` others were before them.
async fn outcome(desk: &Desk, words: &str, before: usize) -> Outcome {
    let mut outcome = None;
    let attempted = |seen: &simulator::Snapshot<'_>| {
        let with_words = |sent: &&simulator::Sent| {
            let item = &sent.body["body"][0];
            item["value"] == words || item["message"] == words
        };
        outcome = seen.delivered().iter().skip(before).find(with_words).map(|sent| sent.outcome);
        outcome.is_some()
    };
    desk.wait_until(attempted, WITHIN).await.expect("every callback is attempted");
    outcome.expect("it was found")
}

pub(crate) async fn check(dialect: Dialect, desk: &Desk, talk: &Talk, lines: usize, said: &Said) {
    let Talk { page, chat } = talk;
    let spoken: Vec<_> = (0..lines).map(|n| line("user", n)).collect();
    let expected: Vec<_> = std::iter::once("AGENT".to_owned())
        .chain(spoken.iter().map(|line| format!("says {line}")))
        .collect();
    let expected: Vec<_> = expected.iter().map(String::as_str).collect();
    desk::until_sent(desk, &page.user, &expected).await;
    let heard = desk::lines(&desk::chat(desk, chat), Speaker::User);
    assert!(heard.ends_with(&spoken), "the agent reads all of it, in order, once: {heard:#?}");

    // What the agent wrote while nobody could hear it is fetched after the start; the last of it may
    // be on its way. The specification's dialect never names the conversation to ask for.
    let fetched = match dialect {
        Dialect::ServiceNow | Dialect::Both => said.lost.as_slice(),
        Dialect::Spec => &[],
    };
    let mut written: Vec<_> = said.acknowledged.iter().chain(fetched).cloned().collect();
    written.sort();
    let of = |shown: &[String], prefix: &str| -> Vec<String> {
        shown.iter().filter_map(|shown| shown.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let caught_up = || async {
        let shown = gists(&page.log().await);
        (of(&shown, "agent: Dana: ").len() >= written.len()).then_some(())
    };
    eventually("what was missed is fetched", caught_up).await;
    let log = page.log().await;
    page.shows_its_log(&log).await;
    let shown = gists(&log);
    assert_eq!(of(&shown, "user: ")[1..], spoken, "the user sees all of it, in order, once");
    let mut answers = of(&shown, "agent: Dana: ");
    let misplaced = answers.windows(2).position(|pair| pair[0] > pair[1]);
    let around = misplaced.map(|at| {
        let around = at.saturating_sub(4)..(at + 6).min(answers.len());
        let mark = |line: &String| (line.clone(), said.lost.contains(line));
        answers[around].iter().map(mark).collect::<Vec<_>>()
    });
    assert_eq!(around, None, "in order, also among lines whose answer broke off (true: it did)");
    answers.retain(|line| fetched.contains(line) || !said.lost.contains(line));
    assert_eq!(answers, written, "and all of the agent's, once");
    assert_eq!(shown.iter().filter(|shown| *shown == "notice connected").count(), 1);
}
