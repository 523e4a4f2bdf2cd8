//! Files between users and the desk: what an agent sends opens for the user without a login there, what
//! the user sends reaches the agent, and neither opens for anybody else.

use reqwest::Response;
use serde_json::Value;
use simulator::{Delivery, Speaker};

use crate::{
    desk,
    flows::{USER, connect},
    house::{House, Setting},
    page::{Page, eventually},
};

/// A picture of one dot.
const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\
    \0\0\0\rIDATx\xdacd\xf8\xcfP\x0f\0\x03\x86\x01\x80Z4}k\0\0\0\0IEND\xaeB`\x82";

/// As it is opened in a page: with nothing but its address.
async fn opened(house: &House, address: &str) -> Response {
    house.http.get(address).send().await.unwrap()
}

/// The first address of ours to a file of the desk's that the page is shown.
async fn address(house: &House, page: &Page) -> String {
    let begin = format!("{}/files/desk.", house.origin());
    eventually("the page is shown a file", || async {
        // The agent's picture has one, too.
        let attached = page.log().await.iter().map(|one| one["attachments"].clone()).collect();
        let attached = Value::Array(attached).to_string();
        attached.split('"').find(|text| text.starts_with(&begin)).map(str::to_owned)
    })
    .await
}

#[tokio::test]
async fn what_an_agent_sends_opens_without_a_login_and_survives_a_kill() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    house.desk.send_file(&chat, "dot kolibri.png", "image/png", PICTURE.to_vec()).unwrap();
    let shown = address(&house, &page).await;
    let answer = opened(&house, &shown).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(answer.bytes().await.unwrap(), PICTURE);
    house.desk.set_down(true);
    house.kill().await;
    house.begin().await;
    let again = opened(&house, &shown).await;
    assert_eq!(again.bytes().await.unwrap(), PICTURE, "it is kept here");
    house.desk.set_down(false);
}

#[tokio::test]
async fn what_users_may_not_send_an_agent_may_and_it_keeps_its_name() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    let program = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xFF\xFF\0\0".to_vec();
    let kind = "application/octet-stream";
    house.desk.send_file(&chat, "run.exe", kind, program.clone()).unwrap();
    let begin = format!("{}/files/desk.", house.origin());
    let shown = eventually("the page is shown the program", || async {
        let log = Value::Array(page.log().await).to_string();
        let mut at = log.rsplit(['"', '(', ')', '<', '>', ' ']);
        at.find(|text| text.starts_with(&begin)).map(str::to_owned)
    });
    let answer = opened(&house, &shown.await).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename*=UTF-8''run.exe");
    assert_eq!(answer.bytes().await.unwrap(), program);
}

#[tokio::test]
async fn a_file_that_cannot_be_passed_on_is_told_to_the_user_and_to_the_agent() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    house.desk.send_file(&chat, "form kolibri.txt", "text/plain", Vec::new()).unwrap();
    let words = "The file “form kolibri.txt” could not be passed on: it is empty.";
    page.until("the user is told", |heard| heard.activities.iter().any(|one| one["text"] == words))
        .await;
    eventually("the agent is told", || async {
        let chat = desk::chat(&house.desk, &chat);
        let failed = |line: &simulator::Line| {
            line.from == Speaker::Agent && line.delivery == Some(Delivery::ExternalError)
        };
        let is_told = desk::lines(&chat, Speaker::User).iter().any(|line| line == words);
        (is_told && chat.lines.iter().any(failed)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn whoever_opens_a_file_that_is_not_there_in_a_browser_reads_why() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    house.desk.send_file(&chat, "empty kolibri.png", "image/png", Vec::new()).unwrap();
    let shown = address(&house, &page).await;
    let unknown = format!("{}/files/desk.x.y", house.origin());
    for (address, status, words) in
        [(&shown, 403, "could not be passed on: it is empty."), (&unknown, 404, "no file")]
    {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let request = house.http.get(address).header("accept", browser);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        let told = answer.text().await.unwrap();
        assert!(
            told.contains("<h1>This file cannot be opened</h1>") && told.contains(words),
            "{told}"
        );
        for program in ["*/*", "image/avif,image/webp,*/*;q=0.8", "application/json"] {
            let answer = house.http.get(address).header("accept", program).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), status);
            assert!(answer.json::<Value>().await.unwrap()["error"]["code"].is_string());
        }
    }
}

#[tokio::test]
async fn an_address_opens_one_file_and_no_other() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    house.desk.send_file(&chat, "dot kolibri.png", "image/png", PICTURE.to_vec()).unwrap();
    let shown = address(&house, &page).await;
    let (before, tag) = shown.rsplit_once('.').unwrap();
    let other: String = tag.chars().rev().collect();
    for forged in [format!("{before}.{other}"), format!("{before}A.{tag}"), before.to_owned()] {
        let told = opened(&house, &forged).await;
        assert_eq!(told.status(), 404, "{forged}");
        let told: Value = told.json().await.unwrap();
        assert_eq!(told["error"]["code"], "no_such_file");
    }
}

#[tokio::test]
async fn what_a_user_sends_reaches_the_agent_with_its_words() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house).await;
    let path = format!("/upload?userId={USER}");
    let sent = page
        .request(reqwest::Method::POST, &path)
        .header("content-type", "image/png")
        .header("content-disposition", "name=\"file\"; filename=\"dot kolibri.png\"")
        .body(PICTURE)
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), 200, "{}", sent.text().await.unwrap());
    let line = "(file: dot kolibri.png)";
    eventually("the agent has it", || async {
        let lines = desk::lines(&desk::chat(&house.desk, &chat), Speaker::User);
        lines.iter().any(|text| text == line).then_some(())
    })
    .await;
    let file = desk::chat(&house.desk, &chat).lines.into_iter().find_map(|line| line.file).unwrap();
    assert_eq!((file.content_type.as_str(), file.size), ("image/png", PICTURE.len()));
    let requests = desk::requests(&house.desk, USER);
    let attachment = &requests.last().unwrap()["message"]["attachment"];
    assert_eq!(attachment["contentType"], "image/png");
    assert!(attachment["headers"].is_null(), "what stands there comes back in callbacks");
}
