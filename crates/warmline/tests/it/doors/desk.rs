//! How we prove ourselves to an instance, which checks it as a real one does.

use simulator::{Config, Fate};

use crate::{
    house::{House, Setting},
    process::{Environment, WITHIN},
};

const SIGNATURE: &str = "signature-secret-81b2d07c";

/// A message that an agent reads, in letters of many kinds: the instance signs what it reads anew.
const LETTERS: &str = "kolibri \u{e4}\u{20ac}\u{1f99c} / \\ \" \u{7f} \u{2028} <b> & '\t.";

fn signed(config: &mut Config) {
    config.message_token = None;
    config.message_hash = Some(SIGNATURE.into());
}

/// The chat that the user gets if the instance believes what it is sent.
async fn an_agent_reads(house: &mut House, words: &str) {
    let page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    page.post(words).await;
    let heard = |seen: &simulator::Snapshot<'_>| {
        seen.chats()[0].lines.last().is_some_and(|line| line.text == words)
    };
    house.desk.wait_until(heard, WITHIN).await.expect("the agent reads it");
}

#[tokio::test]
async fn every_request_is_signed_over_the_bytes_that_are_sent() {
    let sign = |environment: &mut Environment| {
        environment.remove("SERVICENOW_TOKEN");
        environment.insert("SERVICENOW_SIGNATURE_SECRET".to_owned(), SIGNATURE.to_owned());
    };
    let mut house = House::start_at(Setting::default(), signed, sign).await;
    house.hides(SIGNATURE);
    an_agent_reads(&mut house, LETTERS).await;
}

#[tokio::test]
async fn a_wrong_signature_is_dropped_by_the_instance_in_silence() {
    let sign = |environment: &mut Environment| {
        environment.remove("SERVICENOW_TOKEN");
        environment.insert("SERVICENOW_SIGNATURE_SECRET".to_owned(), "another-secret-0".to_owned());
    };
    let house = House::start_at(Setting::default(), signed, sign).await;
    let page = house.page("dl_kim").await;
    page.post("agent").await;
    let ignored = |seen: &simulator::Snapshot<'_>| {
        seen.ledger().iter().any(|received| matches!(received.fate, Fate::Ignored(_)))
    };
    house.desk.wait_until(ignored, WITHIN).await.expect("the simulator checks signatures");
    assert!(house.desk.chats().is_empty());
}

#[tokio::test]
async fn basic_needs_neither_a_token_nor_a_client() {
    let basic = |environment: &mut Environment| {
        environment.remove("SERVICENOW_CLIENT_ID");
        environment.remove("SERVICENOW_CLIENT_SECRET");
        environment.insert("SERVICENOW_GRANT_TYPE".to_owned(), "basic".to_owned());
    };
    let mut house = House::start_with(Setting::default(), basic).await;
    an_agent_reads(&mut house, "kolibri").await;
    assert!(!house.logged().contains("credentials were refused"));
}

#[tokio::test]
async fn a_password_that_the_instance_refuses_is_tried_once_and_then_left_alone() {
    let basic = |environment: &mut Environment| {
        environment.insert("SERVICENOW_GRANT_TYPE".to_owned(), "basic".to_owned());
        environment.insert("SERVICENOW_PASSWORD".to_owned(), "wrong-password-9d1".to_owned());
    };
    let house = House::start_with(Setting::default(), basic).await;
    let page = house.page("dl_kim").await;
    page.post("agent").await;
    crate::page::eventually("the refusal is told", async || {
        house.logged().contains("the credentials were refused").then_some(())
    })
    .await;
}
