//! Over Direct Line.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use simulator::{Control, Delivery, Speaker};

use super::{ROUND_TRIPS, SHOWN, TYPED, cards, is_taken, next_answer};
use crate::{
    desk,
    house::{House, Setting},
    page::{Page, distinct, eventually},
    process::WITHIN,
};

const USER: &str = "dl_kim";

/// A page whose user talks with an agent.
async fn live(house: &mut House) -> (Page, String) {
    let mut page = house.page(USER).await;
    page.post("agent").await;
    let chat = house.offered(USER).await;
    house.desk.accept(&chat).unwrap();
    page.until("an agent is there", |heard| {
        heard.activities.iter().any(|one| one.to_string().contains("\"connected\""))
    })
    .await;
    page.skip_what_was_shown();
    (page, chat)
}

/// Shows a control; gives what the page got of it last.
async fn shown(house: &House, page: &Page, chat: &str, control: Control) -> Value {
    settles(house, page).await;
    let before = distinct(&page.arrived()).len();
    house.desk.show(chat, &[control]).unwrap();
    page.until(&format!("{control} is shown"), |heard| distinct(&heard.activities).len() > before)
        .await;
    distinct(&page.arrived()).last().unwrap().clone()
}

/// Waits until the page has all that the instance has told.
async fn settles(house: &House, page: &Page) {
    let quiet = house.desk.wait_until(|seen| !seen.is_sending(), WITHIN).await;
    assert!(quiet.is_ok(), "a callback is under way for ever");
    let log = page.log().await.len();
    page.until("the log is shown", |heard| distinct(&heard.activities).len() >= log).await;
}

/// Posts what a client would, and again until it is taken.
async fn posts(page: &Page, activity: &Value, id: &str) {
    let mut activity = activity.clone();
    activity["from"] = json!({"id": page.user});
    activity["channelData"]["clientActivityID"] = id.into();
    eventually("a post is taken", || async {
        let post = page.request(Method::POST, "/activities").json(&activity);
        let answer = post.send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_control_is_answered_with_what_is_shown_of_it() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    for (control, does, expected) in ROUND_TRIPS {
        let asked = shown(&house, &page, &chat, control).await;
        let answers = desk::chat(&house.desk, &chat).answers.len();
        let posted = cards::posted(&asked, does);
        let posted = posted.unwrap_or_else(|| panic!("{control}: nothing to {does:?}: {asked:#}"));
        posts(&page, &posted, &format!("{control}")).await;
        is_taken(&next_answer(&house.desk, &chat, answers).await, control, expected);
        finishes(&house, &page, &chat, control).await;
    }
}

/// What has more parts is asked for all of them, so that the next control stands alone.
async fn finishes(house: &House, page: &Page, chat: &str, control: Control) {
    let mut turn = 0;
    while desk::chat(&house.desk, chat).asked.is_some() {
        let answers = desk::chat(&house.desk, chat).answers.len();
        turn += 1;
        assert!(turn < 5, "{control} never ends");
        let more = json!({"type": "message", "text": "Show more"});
        posts(page, &more, &format!("{control} {turn}")).await;
        next_answer(&house.desk, chat, answers).await;
    }
}

#[tokio::test]
async fn each_control_is_answered_with_typed_words() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    for (control, words, expected) in TYPED {
        shown(&house, &page, &chat, control).await;
        let answers = desk::chat(&house.desk, &chat).answers.len();
        page.post(words).await;
        is_taken(&next_answer(&house.desk, &chat, answers).await, control, expected);
        finishes(&house, &page, &chat, control).await;
    }
}

#[tokio::test]
async fn pictures_of_cards_open_for_a_user_without_a_login_at_the_instance() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    let ours = format!("{}/files/", house.origin());
    for control in [Control::CardLargeImage, Control::CardSmallImage] {
        let card = shown(&house, &page, &chat, control).await;
        let words = cards::legible(&card);
        let address = words.lines().find(|line| line.starts_with(&ours));
        let address = address.unwrap_or_else(|| panic!("{control} has no picture: {card:#}"));
        let answer = house.http.get(address).send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!((answer.status(), kind.as_str()), (StatusCode::OK, "image/png"), "{control}");
        assert!(!answer.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn what_is_shown_is_legible_and_the_desk_hears_that_it_was() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    for (control, words) in SHOWN {
        house.desk.show(&chat, &[control]).unwrap();
        page.until(&format!("{control} is legible"), |heard| {
            let all: Vec<_> = heard.activities.iter().map(cards::legible).collect();
            words.iter().all(|words| all.iter().any(|one| one.contains(words)))
        })
        .await;
        finishes(&house, &page, &chat, control).await;
    }
    let ticked = |seen: &simulator::Snapshot<'_>| {
        let chat = seen.chats().into_iter().find(|one| one.id == chat).unwrap();
        let lines = chat.lines.iter().filter(|line| line.from == Speaker::Agent);
        lines
            .filter(|line| line.id.is_some())
            .all(|line| line.delivery == Some(Delivery::SentToUser))
    };
    let ticked = house.desk.wait_until(ticked, WITHIN).await;
    assert!(ticked.is_ok(), "not all are ticked: {:#?}", desk::chat(&house.desk, &chat).lines);
}

#[tokio::test]
async fn no_html_of_an_agents_reaches_the_page_with_a_script() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    house.desk.show(&chat, &[Control::Html, Control::Text]).unwrap();
    page.until("both are shown", |heard| {
        heard.activities.iter().any(|one| one.to_string().contains("Your order"))
    })
    .await;
    for activity in page.arrived() {
        let json = activity.to_string();
        for part in ["<script", "onerror=", "javascript:"] {
            assert!(!json.contains(part), "{part}: {activity:#}");
        }
    }
}

#[tokio::test]
async fn a_secret_answer_is_nowhere_in_the_agents_view_or_in_the_log_of_the_page() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    shown(&house, &page, &chat, Control::InputTextSecure).await;
    page.post("hush kolibri").await;
    let answer = next_answer(&house.desk, &chat, 0).await;
    assert_eq!((answer.text.as_str(), answer.refused), ("hush kolibri", None));
    let lines = desk::chat(&house.desk, &chat).lines;
    assert!(lines.iter().all(|line| !line.text.contains("hush")), "{lines:#?}");
    // A page that comes back reads the log anew.
    let again = house.page_again(USER, &page.conversation).await;
    assert!(again.log().await.iter().all(|one| !one.to_string().contains("hush")));
}

#[tokio::test]
async fn a_question_for_a_file_is_answered_with_an_upload() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = live(&mut house).await;
    shown(&house, &page, &chat, Control::FileUpload).await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"slip.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nkolibri\r\n--b--\r\n";
    let post = page.request(Method::POST, &format!("/upload?userId={USER}"));
    let post = post.header("content-type", "multipart/form-data; boundary=b").body(body);
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{:?}", answer.text().await);
    let answer = next_answer(&house.desk, &chat, 0).await;
    assert_eq!((answer.files, answer.refused), (1, None), "{answer:#?}");
    let arrived = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let lines = chats.iter().filter(|one| one.id == chat).flat_map(|one| &one.lines);
        lines.filter_map(|line| line.file.as_ref()).any(|file| file.size == "kolibri".len())
    };
    let arrived = house.desk.wait_until(arrived, WITHIN).await;
    assert!(arrived.is_ok(), "the agent has no file: {:#?}", desk::chat(&house.desk, &chat).lines);
}
