//! Files that come after their message, or again with it; files for people who come only then.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, put},
};
use serde_json::json;
use tokio::{net::TcpListener, sync::watch};

use super::{CONTRACT, attached, attaches, connect, consenting, offered_file, reads, seen, sent};
use crate::{
    azure::rig::Rig,
    bot::program::{Bot, Manner},
    desk,
    house::Setting,
    moved_clock::MovedClock,
    page::eventually,
};

/// A user's store that gives its one file out when it is let, and counts who asks.
#[derive(Clone)]
struct Store {
    let_go: watch::Sender<bool>,
    is_gone: watch::Sender<bool>,
    asked: Arc<AtomicUsize>,
}

async fn contract(State(store): State<Store>) -> Result<&'static str, StatusCode> {
    store.asked.fetch_add(1, Ordering::SeqCst);
    if *store.is_gone.borrow() {
        return Err(StatusCode::NOT_FOUND);
    }
    store.let_go.subscribe().wait_for(|go| *go).await.unwrap();
    Ok(CONTRACT)
}

impl Store {
    /// Waits until somebody asked for the file, or brings one.
    async fn is_asked(&self) {
        eventually("somebody asks", || async {
            (self.asked.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
    }

    async fn start(let_go: bool) -> (Self, String) {
        let (let_go, is_gone) = (watch::Sender::new(let_go), watch::Sender::new(false));
        let store = Self { let_go, is_gone, asked: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/contract", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/contract", get(contract))
            .route("/put", put(contract))
            .with_state(store.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (store, address)
    }
}

#[tokio::test]
async fn a_file_that_takes_longer_than_its_message_can_wait_comes_after_it() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    let (store, address) = Store::start(false).await;
    attaches(&user, "it is large kolibri", "contract.txt", &address).await;
    reads(&rig, &chat, "it is large kolibri").await;
    assert!(desk::chat(&rig.desk, &chat).lines.iter().all(|line| line.file.is_none()));
    store.let_go.send_replace(true);
    reads(&rig, &chat, "(file: contract.txt)").await;
    let file = desk::chat(&rig.desk, &chat).lines.into_iter().find_map(|line| line.file).unwrap();
    assert_eq!(file.size, CONTRACT.len());
}

#[tokio::test]
async fn a_message_that_comes_again_brings_no_file_again_and_complains_of_none() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    let (store, address) = Store::start(true).await;
    let activity = attached(&user, "here it is kolibri", "contract.txt", &address);
    user.delivers(&activity).await;
    reads(&rig, &chat, "(file: contract.txt)").await;
    store.is_gone.send_replace(true);
    user.delivers(&activity).await;
    user.says("and more kolibri").await;
    reads(&rig, &chat, "and more kolibri").await;
    rig.settles().await;
    assert_eq!(store.asked.load(Ordering::SeqCst), 1);
    let complaints = user.sees().into_iter().filter(|text| text.contains("did not go through"));
    assert_eq!(complaints.collect::<Vec<_>>(), Vec::<String>::new());
    let files = seen(&rig, &chat).into_iter().filter(|line| line == "(file: contract.txt)");
    assert_eq!(files.count(), 1);
}

#[tokio::test]
async fn the_files_of_the_message_that_leads_to_a_person_reach_them() {
    let bot = Bot::start(Manner::Calls).await;
    let rig = Rig::start_before(&bot, Setting::default()).await;
    let user = rig.stranger("Kim Example");
    let (_, address) = Store::start(true).await;
    attaches(&user, "it is broken kolibri", "contract.txt", &address).await;
    let heard = bot.hears("it is broken kolibri").await;
    let (status, answer) = bot.hands_over(&heard, json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let chat = rig.offered(&user.id()).await;
    rig.desk.accept(&chat).unwrap();
    reads(&rig, &chat, "(file: contract.txt)").await;
}

#[tokio::test]
async fn a_file_that_cannot_go_into_the_users_store_opens_at_an_address() {
    let mut rig = consenting().await;
    let (mut user, chat) = connect(&mut rig).await;
    let (asked, context) = offered_file(&rig, &user, &chat).await;
    let about = asked.taken.unwrap();
    let mut yes = rig.azure.consent(&user.chat, &user.person, (&about, "plan.txt"), &context, true);
    let (_, nowhere) = Store::start(true).await;
    yes["value"]["uploadInfo"]["uploadUrl"] = json!(format!("{nowhere}/nowhere"));
    for _ in 0..2 {
        user.delivers(&yes).await;
    }
    user.comes_to_see("opens the file “plan.txt”.").await;
    let shown = user.sees().pop().unwrap();
    let address = shown.split(' ').next().unwrap();
    let opened = rig.http.get(address).send().await.unwrap();
    assert_eq!(opened.text().await.unwrap(), CONTRACT);
    rig.settles().await;
    user.shows_nothing_more();
}

#[tokio::test]
async fn a_consent_that_comes_again_puts_the_file_there_once() {
    let mut rig = consenting().await;
    let (user, chat) = connect(&mut rig).await;
    let (asked, context) = offered_file(&rig, &user, &chat).await;
    let about = asked.taken.unwrap();
    let yes = rig.azure.consent(&user.chat, &user.person, (&about, "plan.txt"), &context, true);
    for _ in 0..2 {
        user.delivers(&yes).await;
    }
    let info = "application/vnd.microsoft.teams.card.file.info";
    sent(&rig, &user, info).await;
    let infos = rig.requests(&user).into_iter();
    let infos = infos.filter(|sent| sent.body["attachments"][0]["contentType"] == info);
    assert_eq!(infos.count(), 1);
    let uploads: Vec<_> = rig.azure.uploads().iter().map(|upload| upload.size).collect();
    assert_eq!(uploads, [CONTRACT.len() as u64]);
}

/// How far the gateway's clock is moved for files that are overdue, in milliseconds.
const OVERDUE: i64 = 60_000;

/// A gateway that is killed and starts anew a minute later.
async fn killed_for_a_minute(rig: &mut Rig, clock: &MovedClock) {
    rig.kill().await;
    clock.set(OVERDUE);
    rig.begin().await;
}

async fn with_clock() -> (Rig, MovedClock, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut clock = None;
    let rig = Rig::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_TEAMS_FILES".to_owned(), "consent".to_owned());
        clock = Some(MovedClock::of(environment, folder.path(), 0));
    })
    .await;
    (rig, clock.unwrap(), folder)
}

#[tokio::test]
async fn killed_while_a_file_is_under_way_its_user_is_told_after_the_next_start() {
    let (mut rig, clock, _folder) = with_clock().await;
    let (mut user, chat) = connect(&mut rig).await;
    let (store, address) = Store::start(false).await;
    attaches(&user, "it is large kolibri", "contract.txt", &address).await;
    reads(&rig, &chat, "it is large kolibri").await;
    store.is_asked().await;
    killed_for_a_minute(&mut rig, &clock).await;
    user.comes_to_see("The file “contract.txt” did not go through.").await;
    // Killed with a send on its way, it would be shown again.
    rig.settles().await;
    rig.restart().await;
    rig.settles().await;
    let told = user.sees().into_iter().filter(|text| text.contains("did not go through"));
    assert_eq!(told.count(), 1, "once");
    user.says("again kolibri").await;
    reads(&rig, &chat, "again kolibri").await;
}

#[tokio::test]
async fn killed_while_a_file_goes_into_the_users_store_they_get_its_address_after_the_next_start() {
    let (mut rig, clock, _folder) = with_clock().await;
    let (mut user, chat) = connect(&mut rig).await;
    let (asked, context) = offered_file(&rig, &user, &chat).await;
    let about = asked.taken.unwrap();
    let mut yes = rig.azure.consent(&user.chat, &user.person, (&about, "plan.txt"), &context, true);
    let (store, address) = Store::start(false).await;
    let hangs = address.replace("/contract", "/put");
    yes["value"]["uploadInfo"]["uploadUrl"] = json!(hangs);
    let azure = rig.azure.clone();
    let answered = tokio::spawn(async move { azure.deliver(&yes).await });
    store.is_asked().await;
    killed_for_a_minute(&mut rig, &clock).await;
    assert!(answered.await.unwrap().is_err(), "Teams got no answer");
    user.comes_to_see("opens the file “plan.txt”.").await;
    let shown = user.sees().pop().unwrap();
    let opened = rig.http.get(shown.split(' ').next().unwrap()).send().await.unwrap();
    assert_eq!(opened.text().await.unwrap(), CONTRACT);
    rig.settles().await;
    user.shows_nothing_more();
}
