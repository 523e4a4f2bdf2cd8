//! What the user answers to every kind of question, by a card and in words, as the instance takes it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use reqwest::Method;
use serde_json::{Value, json};
use simulator::{AnswerView, Control, Speaker};

use crate::{
    desk,
    house::{House, Setting},
    page::{Page, eventually},
    process::WITHIN,
};

const USER: &str = "dl_kim";

/// A live chat in which nobody has said anything.
async fn chat(house: &mut House) -> (Page, String) {
    let page = house.page(USER).await;
    house.says(&page, "agent").await;
    let chat = house.offered(&page.user).await;
    accept(house, &page, &chat).await;
    (page, chat)
}

async fn accept(house: &House, page: &Page, chat: &str) {
    house.desk.accept(chat).unwrap();
    page.until("an agent is there", |heard| {
        let is_connected =
            |one: &Value| one["channelData"]["warmline"]["notice"]["key"] == "connected";
        heard.activities.iter().any(is_connected)
    })
    .await;
}

/// The agent shows this; gives back the entry that asks.
async fn asks(house: &House, page: &Page, chat: &str, control: Control) -> u64 {
    let before = newest(page).await;
    house.desk.show(chat, &[control]).unwrap();
    shown_after(page, before).await
}

async fn newest(page: &Page) -> u64 {
    page.log().await.iter().map(number).max().unwrap()
}

/// The number of the first entry of the desk's after this one.
async fn shown_after(page: &Page, before: u64) -> u64 {
    eventually("a question is shown", || async {
        let log = page.log().await;
        let asks = |one: &&Value| number(one) > before && one["from"]["role"] == "bot";
        log.iter().find(asks).map(number)
    })
    .await
}

fn number(activity: &Value) -> u64 {
    activity["id"].as_str().unwrap().rsplit_once('-').unwrap().1.parse().unwrap()
}

/// The user presses a card's button.
async fn presses(page: &Page, value: &Value) -> Value {
    // The page's own id says nothing of what is in the card.
    let mut id = DefaultHasher::new();
    value.to_string().hash(&mut id);
    let activity = json!({
        "type": "message", "value": value, "from": {"id": page.user},
        "channelData": {"postBack": true, "clientActivityID": format!("card-{}", id.finish())},
    });
    let request = page.request(Method::POST, "/activities").json(&activity);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    let id = answer["id"].clone();
    eventually("what was pressed is in the log", || async {
        page.log().await.into_iter().find(|one| one["id"] == id)
    })
    .await
}

/// What the instance made of the answer that came last.
async fn taken(house: &House, chat: &str, count: usize) -> AnswerView {
    let mut answers = Vec::new();
    let came = house
        .desk
        .wait_until(
            |seen| {
                let chats = seen.chats();
                let found = chats.into_iter().find(|one| one.id == chat);
                answers = found.map(|chat| chat.answers).unwrap_or_default();
                answers.len() >= count
            },
            WITHIN,
        )
        .await;
    assert!(came.is_ok(), "{count} answers: {answers:?}");
    assert_eq!(answers.len(), count);
    answers.pop().unwrap()
}

#[tokio::test]
async fn every_question_is_answered_by_a_card_in_the_form_that_the_instance_takes() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = chat(&mut house).await;
    let value = |value: &str| json!({"value": value});
    let filled = |asks: &str, members: Value| (json!({"asks": asks}), members);
    let option = |text: &str| (value(text), json!({}));
    let rows = [
        (Control::PickerList, option("laptop"), "laptop", false, "Laptop"),
        (Control::PickerCarousel, option("l14"), "l14", false, "Laptop 14"),
        (
            Control::PickerMulti,
            filled("choices", json!({"warmlineValue": "tablet,phone"})),
            "tablet,phone",
            false,
            "Tablet, Phone",
        ),
        (Control::PickerOptional, option("_skip_"), "_skip_", false, "skip"),
        (Control::Boolean, option("no"), "no", false, "No"),
        (Control::BooleanWithoutValues, option("Yes"), "Yes", false, "Yes"),
        (
            Control::Date,
            filled("date", json!({"warmlineDate": "2026-12-01"})),
            "2026-12-01",
            true,
            "2026-12-01",
        ),
        (
            Control::Time,
            filled("time", json!({"warmlineTime": "14:30"})),
            "14:30:00",
            true,
            "14:30",
        ),
        (
            Control::DateTime,
            filled("dateTime", json!({"warmlineDate": "2026-12-01", "warmlineTime": "14:30"})),
            "2026-12-01 14:30:00",
            true,
            "2026-12-01 14:30",
        ),
        (
            Control::InputText,
            filled("text", json!({"warmlineValue": "kolibri 4711"})),
            "kolibri 4711",
            true,
            "kolibri 4711",
        ),
        (Control::InputTextOptional, option("_skip_"), "_skip_", false, "skip"),
        (Control::Table, option("DONE"), "DONE", false, ""),
    ];
    for (count, (control, (mut ours, mut members), text, typed, shown)) in (1..).zip(rows) {
        ours["answers"] = asks(&house, &page, &chat, control).await.into();
        members["warmline"] = ours;
        let posted = presses(&page, &members).await;
        let answer = taken(&house, &chat, count).await;
        assert_eq!(answer.refused, None, "{control}: {answer:?}");
        assert_eq!((answer.text.as_str(), answer.typed), (text, Some(typed)), "{control}");
        if !shown.is_empty() {
            assert_eq!(posted["text"], shown, "{control}: people read the label");
        }
        assert_eq!(posted["channelData"].get("postBack"), None, "{control}: pages show it");
    }
}

#[tokio::test]
async fn every_question_is_answered_in_words_in_the_form_that_the_instance_takes() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = chat(&mut house).await;
    for (count, (control, words, text, typed)) in (1..).zip([
        (Control::PickerList, "LAPTOP", "laptop", false),
        (Control::PickerMulti, "1, tablet", "phone,tablet", false),
        (Control::Boolean, "yep", "yes", false),
        (Control::Date, "1.12.2026", "2026-12-01", true),
        (Control::Time, "2:30 pm", "14:30:00", true),
        (Control::DateTime, "2026-12-01T14:30", "2026-12-01 14:30:00", true),
        (Control::InputText, "kolibri", "kolibri", true),
        (Control::PickerOptional, "Skip", "_skip_", false),
    ]) {
        asks(&house, &page, &chat, control).await;
        house.says(&page, words).await;
        let answer = taken(&house, &chat, count).await;
        assert_eq!(answer.refused, None, "{control}: {answer:?}");
        assert_eq!((answer.text.as_str(), answer.typed), (text, Some(typed)), "{control}");
    }
}

#[tokio::test]
async fn all_parts_of_a_long_output_can_be_asked_for() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = chat(&mut house).await;
    let first = asks(&house, &page, &chat, Control::MultiPart).await;
    presses(&page, &json!({"warmline": {"answers": first, "value": "click_for_more"}})).await;
    let second = shown_after(&page, first).await;
    house.says(&page, "show more").await;
    assert_eq!(taken(&house, &chat, 2).await.refused, None);
    shown_after(&page, second).await;
    // The card of a part that was answered already says words, and answers nothing.
    presses(&page, &json!({"warmline": {"answers": first, "value": "click_for_more"}})).await;
    taken(&house, &chat, 2).await;
}

#[tokio::test]
async fn a_secret_reaches_the_instance_and_is_kept_nowhere_else() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = chat(&mut house).await;
    let secrets = ["hummingbird 4711", " hummingbird-4712 "];
    asks(&house, &page, &chat, Control::InputTextSecure).await;
    let shown = page.post(secrets[0]).await;
    assert_eq!(taken(&house, &chat, 1).await.text, secrets[0], "to the letter");
    let entry = asks(&house, &page, &chat, Control::InputTextSensitive).await;
    let ours = json!({"answers": entry, "asks": "text", "secret": true});
    let pressed = presses(&page, &json!({"warmline": ours, "warmlineValue": secrets[1]})).await;
    assert_eq!(taken(&house, &chat, 2).await.text, secrets[1], "to the letter");
    // Send pressed again: nobody gets it, and the user is told so.
    let ours = json!({"answers": entry, "asks": "text", "secret": true, "again": true});
    let again = presses(&page, &json!({"warmline": ours, "warmlineValue": secrets[1]})).await;
    assert_eq!(again["text"], "••••••");
    page.until("it came too late", |heard| {
        let key = |one: &Value| one["channelData"]["warmline"]["notice"]["key"].clone();
        heard.activities.iter().any(|one| key(one) == "answered_too_late")
    })
    .await;
    taken(&house, &chat, 2).await;
    let log = page.log().await;
    let typed = log.iter().find(|one| one["id"] == shown).unwrap();
    for masked in [typed, &pressed] {
        assert_eq!(masked["text"], "••••••");
        assert_eq!(masked["from"]["role"], "user");
        assert!(masked["channelData"]["clientActivityID"].is_string(), "its page knows it");
        assert!(masked.get("value").is_none());
    }
    // Typed anew it is a secret still.
    let anew = json!({"type": "messageUpdate", "id": shown, "text": "hummingbird 4713",
        "from": {"id": USER}});
    let anew = page.request(Method::POST, "/activities").json(&anew).send().await.unwrap();
    assert_eq!(anew.status(), 200);
    let told = "[Changed “••••••” to:] ••••••";
    eventually("the agent reads that it was changed", || async {
        let lines = desk::lines(&desk::chat(&house.desk, &chat), Speaker::User);
        lines.iter().any(|text| text == told).then_some(())
    })
    .await;
    let log = page.log().await;
    let all = Value::from(log).to_string();
    assert!(!all.contains("hummingbird"), "{all}");
    // The agents of a later chat, and the bot, read the same.
    page.post("end chat").await;
    page.post("agent").await;
    let second = house.offered(USER).await;
    let chats = house.desk.chats();
    let history = format!("{:?}", chats.iter().find(|one| one.id == second).unwrap().lines);
    assert!(history.contains("••••••") && !history.contains("hummingbird"), "{history}");
}

#[tokio::test]
async fn long_words_reach_the_agent_in_parts_in_their_order() {
    let mut house = House::start(Setting::default()).await;
    let page = house.page(USER).await;
    house.says(&page, "agent").await;
    let chat = house.offered(&page.user).await;
    // While waiting, and afterwards.
    let long = |mark: &str| {
        let part = |n: usize| format!("{mark}{n} {}", "kolibri 👩‍👩‍👧 ".repeat(150));
        (0..4).map(part).collect::<Vec<_>>().join("\n\n")
    };
    page.post(&long("w")).await;
    accept(&house, &page, &chat).await;
    page.post(&long("t")).await;
    page.post("that is all kolibri").await;
    let said = eventually("all is said", || async {
        let requests = crate::desk::requests(&house.desk, USER);
        let said: Vec<String> = requests
            .iter()
            .filter(|request| request["action"].is_null())
            .map(|request| request["message"]["text"].as_str().unwrap().to_owned())
            .collect();
        said.last().is_some_and(|last| last == "that is all kolibri").then_some(said)
    })
    .await;
    assert!(said.iter().all(|part| part.encode_utf16().count() <= 4_000), "each fits");
    assert!(said.len() > 5, "{}", said.len());
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = squeezed(&format!("{} {} that is all kolibri", long("w"), long("t")));
    assert_eq!(squeezed(&said.join(" ")), expected);
}

#[tokio::test]
async fn what_a_page_changes_takes_back_or_reacts_to_is_told_to_the_agent() {
    let mut house = House::start(Setting::default()).await;
    let (page, _) = chat(&mut house).await;
    let id = page.post("it is drak kolibri").await;
    let does = async |activity: Value| {
        let request = page.request(Method::POST, "/activities").json(&activity);
        assert_eq!(request.send().await.unwrap().status(), 200);
    };
    let from = json!({"id": USER});
    does(json!({"type": "messageUpdate", "id": id, "text": "it is dark kolibri", "from": from}))
        .await;
    does(json!({"type": "messageReaction", "replyToId": id, "from": from,
        "reactionsAdded": [{"type": "like"}]}))
    .await;
    does(json!({"type": "messageDelete", "id": id, "from": from})).await;
    does(json!({"type": "message", "from": from, "value": {"size": "L kolibri"}})).await;
    does(json!({"type": "message", "from": from, "text": "here",
        "entities": [{"type": "GeoCoordinates", "latitude": 52.5, "longitude": 13.25}]}))
    .await;
    crate::desk::until_sent(
        &house.desk,
        USER,
        &[
            "AGENT",
            "says it is drak kolibri",
            "says [Changed “it is drak kolibri” to:] it is dark kolibri",
            "says [Reacted to “it is drak kolibri” with 👍]",
            "says [Deleted the message “it is drak kolibri”.]",
            "says [Filled in a form:]\nsize: L kolibri",
            "says here\n[Location: 52.5, 13.25] https://www.openstreetmap.org/?mlat=52.5&mlon=13.25",
        ],
    )
    .await;
}
