//! What a tenant has taken out of what users say reaches neither desk nor bot nor disk.

use reqwest::Method;
use serde_json::{Value, json};
use simulator::Speaker;

use crate::{
    desk,
    house::{House, Setting},
    page::{Page, gists},
};

const PAN: &str = "4111 1111 1111 1111";
const CARD: &str = "[card number removed]";

async fn start() -> House {
    let masks = "[tenants.default]\nmask = [\"card\", \"iban\"]\n\
                 mask_patterns = ['staff number: \\bP-[0-9]{6}\\b', 'badge: badge( [0-9]+)?']\n\
                 [tenants.default.desks.default]\n";
    House::start_with(Setting::default(), super::file_with(masks)).await
}

/// Posts an activity; gives back the answer.
async fn posts(page: &Page, activity: &Value) -> Value {
    let answer = page.request(Method::POST, "/activities").json(activity).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_card_number_reaches_neither_agent_nor_bot_nor_disk_and_the_user_is_told_once() {
    let mut house = start().await;
    house.hides("4111");
    let mut page = house.page("dl_kim").await;
    page.post(&format!("my card is {PAN}, kolibri")).await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    page.until("an agent", |heard| {
        gists(&heard.activities).iter().any(|gist| gist == "notice connected")
    })
    .await;
    page.skip_what_was_shown();
    page.post(&format!("again {PAN}, staff P-123456 kolibri")).await;
    let read = format!("again {CARD}, staff [staff number removed] kolibri");
    let heard = |seen: &simulator::Snapshot<'_>| {
        seen.chats()[0].lines.last().is_some_and(|line| line.text == read)
    };
    house.desk.wait_until(heard, crate::process::WITHIN).await.expect("the agent reads the mask");
    page.shows(&[&format!("user: {read}")]).await;
    let shown = gists(&page.log().await);
    let told = shown.iter().filter(|line| *line == "notice masked").count();
    assert_eq!(told, 1, "{shown:#?}");
    let asked = desk::requests(&house.desk, "dl_kim");
    assert!(!asked.is_empty() && !json!(asked).to_string().contains("4111"));
    assert!(desk::lines(&desk::chat(&house.desk, &chat), Speaker::User).contains(&read));
}

#[tokio::test]
async fn a_repeat_of_what_was_masked_gets_the_first_answer() {
    let house = start().await;
    let page = house.page("dl_kim").await;
    let said = json!({
        "type": "message", "text": format!("pay with {PAN}, kolibri"), "from": { "id": "dl_kim" },
        "channelData": { "clientActivityID": "4111111111111111" },
    });
    let first = posts(&page, &said).await;
    assert_eq!(posts(&page, &said).await, first);
    let log = page.log().await;
    let own: Vec<_> = log.iter().filter(|a| a["from"]["id"] == "dl_kim").collect();
    assert_eq!(own.len(), 1, "{log:#?}");
    assert_eq!(own[0]["text"], format!("pay with {CARD}, kolibri"));
    assert_eq!(own[0]["channelData"]["clientActivityID"], "4111111111111111", "the echo is known");
}

#[tokio::test]
async fn values_edits_and_names_of_files_are_masked_as_words_are() {
    let mut house = start().await;
    let page = house.page("dl_kim").await;
    posts(&page, &json!({ "type": "message", "text": "agent", "from": { "id": "dl_kim" } })).await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    let from = json!({ "id": "dl_kim", "name": "Kim 4111111111111111" });
    let value =
        json!({ "form": [{ "card": 4_111_111_111_111_111_u64 }, "DE89370400440532013000"] });
    posts(&page, &json!({ "type": "message", "value": value, "from": from })).await;
    let said = posts(&page, &json!({ "type": "message", "text": "kolibri", "from": from })).await;
    let edit = json!({ "type": "messageUpdate", "id": said["id"], "text": PAN, "from": from });
    posts(&page, &edit).await;
    let called = "form-data; name=\"file\"; filename=\"bill 4111-1111-1111-1111.txt\"";
    let post = page.request(Method::POST, "/upload").header("content-type", "text/plain");
    let post = post.header("content-disposition", called).body("hello kolibri");
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
    let log = json!(page.log().await).to_string();
    assert!(!log.contains("1111") && !log.contains("DE89"), "{log}");
    assert!(log.contains("[IBAN removed]") && log.contains(&format!("bill {CARD}")), "{log}");
    let reads = |seen: &simulator::Snapshot<'_>| {
        let lines = &seen.chats()[0].lines;
        lines.iter().filter(|line| line.text.contains("removed]")).count() >= 2
    };
    house.desk.wait_until(reads, crate::process::WITHIN).await.expect("the agent reads masks");
    let asked = json!(desk::requests(&house.desk, "dl_kim")).to_string();
    assert!(!asked.contains("1111") && !asked.contains("DE89"), "{asked}");
}

#[tokio::test]
async fn names_that_a_site_gives_and_names_of_files_are_masked() {
    let mut house = start().await;
    house.hides("4111");
    let site = |path: &str, body: &Value| {
        let post = house.http.post(format!("{}/v3/directline/{path}", house.origin()));
        post.bearer_auth(crate::house::DIRECT_LINE_SECRET).json(body).send()
    };
    let user = json!({ "user": { "id": "dl_x", "name": "badge 7, Card 4111111111111111" } });
    let given: Value = site("tokens/generate", &user).await.unwrap().json().await.unwrap();
    let token = given["token"].as_str().unwrap().to_owned();
    let conversation = given["conversationId"].as_str().unwrap().to_owned();
    let page = house.page_of("dl_x", &conversation, token).await;
    page.post("agent").await;
    let chat = house.offered("dl_x").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    let called = "form-data; name=\"file\"; filename=\"scan_4111111111111111.txt\"";
    let post = page.request(Method::POST, "/upload").header("content-type", "text/plain");
    let post = post.header("content-disposition", called).body("hello kolibri");
    assert_eq!(post.send().await.unwrap().status(), 200);
    let log = json!(page.log().await).to_string();
    assert!(!log.contains("1111") && log.contains(&format!("scan_{CARD}.txt")), "{log}");
    let asked = json!(desk::requests(&house.desk, "dl_x")).to_string();
    assert!(!asked.contains("1111") && asked.contains(&format!("Card {CARD}")), "{asked}");
    // A pattern that matches its own mask finds nothing in it, however often the name comes by.
    assert!(asked.contains("\"[badge removed], Card"), "{asked}");
}

#[tokio::test]
async fn what_only_its_masks_make_too_long_is_refused_and_nothing_of_it_is_kept() {
    let house = start().await;
    house.hides("4111");
    let page = house.page("dl_kim").await;
    // As long as may be, and each mask is longer than what it stands for.
    let say = |number: &str| {
        let value = format!("{number} x ").repeat(13_000);
        json!({ "type": "message", "text": "kolibri", "value": value, "from": { "id": "dl_kim" } })
    };
    let post = page.request(Method::POST, "/activities").json(&say("4111111111111111"));
    let answer = post.send().await.unwrap();
    assert_eq!(answer.status(), 413);
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["error"]["code"], "TooLarge", "{told}");
    assert!(!gists(&page.log().await).contains(&"user: kolibri".to_owned()), "nothing is kept");
    // The same length of what is no number of a card goes through.
    posts(&page, &say("4999999999999999")).await;
    assert!(gists(&page.log().await).contains(&"user: kolibri".to_owned()));
}
