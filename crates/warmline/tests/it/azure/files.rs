//! Files that users attach in Teams: they reach the agent, or the user is told.

mod late;

use axum::{Router, http::StatusCode, routing::get};
use serde_json::{Value, json};
use simulator::{Speaker, azure::Received};
use tokio::net::TcpListener;

use super::{
    flows::connect,
    rig::{Rig, User},
};
use crate::{desk, house::Setting, page::eventually};

const DOWNLOAD: &str = "application/vnd.microsoft.teams.file.download.info";

const CONSENT: &str = "application/vnd.microsoft.teams.card.file.consent";

/// What is in the user's file.
const CONTRACT: &str = "the contract kolibri";

/// Where users of Teams have their files.
async fn store() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/contract", get(|| async { CONTRACT }))
        .route("/gone", get(|| async { StatusCode::NOT_FOUND }));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    origin
}

/// The user says something with a file that lies there.
async fn attaches(user: &User, text: &str, name: &str, address: &str) {
    user.delivers(&attached(user, text, name, address)).await;
}

fn attached(user: &User, text: &str, name: &str, address: &str) -> Value {
    let mut activity = user.azure.message(&user.chat, &user.person, text);
    let content = json!({"downloadUrl": address, "uniqueId": "u-1", "fileType": "txt"});
    activity["attachments"] = json!([{
        "contentType": DOWNLOAD, "name": name, "content": content,
        "contentUrl": format!("https://contoso.sharepoint.com/personal/kim/{name}"),
    }]);
    activity
}

/// What the agent sees of the user, files by their names.
fn seen(rig: &Rig, chat: &str) -> Vec<String> {
    desk::lines(&desk::chat(&rig.desk, chat), Speaker::User)
}

async fn reads(rig: &Rig, chat: &str, text: &str) {
    eventually("the agent reads it", || async {
        seen(rig, chat).iter().any(|line| line.contains(text)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_file_that_a_user_attaches_in_teams_reaches_the_agent() {
    let mut rig = Rig::start(Setting::default()).await;
    let (user, chat) = connect(&mut rig).await;
    let store = store().await;
    attaches(&user, "here it is kolibri", "contract.txt", &format!("{store}/contract")).await;
    reads(&rig, &chat, "here it is kolibri").await;
    reads(&rig, &chat, "(file: contract.txt)").await;
    let file = desk::chat(&rig.desk, &chat).lines.into_iter().find_map(|line| line.file).unwrap();
    assert_eq!((file.name.as_str(), file.size), ("contract.txt", CONTRACT.len()));
    let sent: Vec<Value> = desk::requests(&rig.desk, &user.id());
    let attachment = &sent.last().unwrap()["message"]["attachment"];
    assert_eq!(attachment["fileName"], "contract.txt");
    assert!(attachment["headers"].is_null(), "what stands there comes back in callbacks");
}

#[tokio::test]
async fn a_file_that_cannot_be_had_from_teams_is_told_of_and_the_words_arrive() {
    let mut rig = Rig::start(Setting::default()).await;
    let (mut user, chat) = connect(&mut rig).await;
    let store = store().await;
    for (name, address) in [
        ("gone.txt", format!("{store}/gone")),
        ("private.txt", "https://10.0.0.1/private".to_owned()),
        ("other.txt", "https://files.example/other".to_owned()),
    ] {
        attaches(&user, &format!("it is {name} kolibri"), name, &address).await;
        user.comes_to_see(&format!("The file “{name}” did not go through.")).await;
        reads(&rig, &chat, &format!("it is {name} kolibri")).await;
    }
    assert!(desk::chat(&rig.desk, &chat).lines.iter().all(|line| line.file.is_none()));
}

/// The first thing of this kind that the bot sent the user, as it was sent.
async fn sent(rig: &Rig, user: &User, kind: &str) -> Received {
    eventually("a card comes", || async {
        let mut requests = rig.requests(user).into_iter();
        requests.find(|request| request.body["attachments"][0]["contentType"] == kind)
    })
    .await
}

async fn consenting() -> Rig {
    Rig::start_with(Setting::default(), |environment| {
        environment.insert("WARMLINE_TEAMS_FILES".to_owned(), "consent".to_owned());
    })
    .await
}

/// The agent sends a file; the card that asks about it, and what goes back with the answer.
async fn offered_file(rig: &Rig, user: &User, chat: &str) -> (Received, Value) {
    rig.desk.send_file(chat, "plan.txt", "text/plain", CONTRACT.into()).unwrap();
    let asked = sent(rig, user, CONSENT).await;
    let context = asked.body["attachments"][0]["content"]["acceptContext"].clone();
    (asked, context)
}

#[tokio::test]
async fn an_agents_file_goes_into_the_users_own_store_when_they_let_it() {
    let mut rig = consenting().await;
    let (user, chat) = connect(&mut rig).await;
    rig.desk.send_file(&chat, "plan.txt", "text/plain", CONTRACT.into()).unwrap();
    let asked = sent(&rig, &user, CONSENT).await;
    let card = &asked.body["attachments"][0];
    assert_eq!(
        (&card["name"], &card["content"]["sizeInBytes"]),
        (&json!("plan.txt"), &json!(CONTRACT.len()))
    );
    let (azure, context) = (&rig.azure, card["content"]["acceptContext"].clone());
    let about = asked.taken.clone().unwrap();
    let yes = azure.consent(&user.chat, &user.person, (&about, "plan.txt"), &context, true);
    user.delivers(&yes).await;
    let there = sent(&rig, &user, "application/vnd.microsoft.teams.card.file.info").await;
    assert_eq!(there.body["attachments"][0]["name"], "plan.txt");
    let uploads = azure.uploads();
    assert_eq!((uploads.len(), uploads[0].size), (1, CONTRACT.len() as u64));
    assert!(uploads[0].sha256.is_some(), "all of it is there");
}

#[tokio::test]
async fn nobody_gets_a_file_by_the_card_of_another() {
    let mut rig = consenting().await;
    let (user, chat) = connect(&mut rig).await;
    rig.desk.send_file(&chat, "plan.txt", "text/plain", CONTRACT.into()).unwrap();
    let asked = sent(&rig, &user, CONSENT).await;
    let context = asked.body["attachments"][0]["content"]["acceptContext"].clone();
    let other = rig.user("Mallory Example").await;
    let azure = &rig.azure;
    let theirs = azure.consent(&other.chat, &other.person, ("1", "plan.txt"), &context, true);
    let posted = azure.deliver(&theirs).await.unwrap();
    assert_eq!(posted.status, 403, "{}", posted.body);
    assert!(posted.body.contains("foreign_card"), "{}", posted.body);
    let about = asked.taken.clone().unwrap();
    let yes = azure.consent(&user.chat, &user.person, (&about, "plan.txt"), &context, true);
    user.delivers(&yes).await;
    sent(&rig, &user, "application/vnd.microsoft.teams.card.file.info").await;
    let sizes: Vec<_> = azure.uploads().iter().map(|upload| upload.size).collect();
    assert_eq!(sizes, [0, CONTRACT.len() as u64]);
}
