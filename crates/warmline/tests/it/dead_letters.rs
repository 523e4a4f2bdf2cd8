//! What could not be delivered, as an operator sees and treats it: with the gateway running, and
//! without.

use std::process::Stdio;

use serde_json::Value;
use simulator::{Fault, Speaker, Times};
use tokio::time::timeout;

use crate::{
    desk,
    house::{ANOTHER_KEY, CANARY, House, Setting},
    page::{Page, distinct, eventually, gists},
    process::{WITHIN, command},
};

/// What a command printed, and how it ended.
struct Printed {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `warmline dead-letters` in a house.
async fn dead_letters(house: &House, arguments: &[&str]) -> Printed {
    let mut command = command(&house.environment);
    command.arg("dead-letters").args(arguments).stdin(Stdio::null());
    let output = timeout(WITHIN, command.output()).await.expect("it ends in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let printed =
        Printed { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) };
    let mut hidden = house.secrets();
    hidden.extend([CANARY.to_owned(), "dl_kim".to_owned()]);
    for hidden in hidden {
        let shown = printed.out.contains(&hidden) || printed.err.contains(&hidden);
        assert!(!shown, "{hidden:?} is printed: {}{}", printed.out, printed.err);
    }
    printed
}

/// What a command prints that does what it should.
async fn done(house: &House, arguments: &[&str]) -> String {
    let Printed { code, out, err } = dead_letters(house, arguments).await;
    assert_eq!((code, err.as_str()), (Some(0), ""), "{arguments:?}: {out}");
    out
}

/// The sentence of a command that is refused.
async fn refused(house: &House, arguments: &[&str]) -> String {
    let Printed { code, out, err } = dead_letters(house, arguments).await;
    assert_eq!((code, out.as_str()), (Some(1), ""), "{arguments:?}: {err}");
    assert_eq!(err.lines().count(), 1, "one sentence: {err}");
    err
}

/// The dead letters there are, as JSON.
async fn listed(house: &House) -> Vec<Value> {
    let answer: Value = serde_json::from_str(&done(house, &["list", "--json"]).await).unwrap();
    answer["letters"].as_array().unwrap().clone()
}

/// Waits for the only dead letter, and gives back its number.
async fn the_letter(house: &House, effect: &str, reason: &str) -> String {
    let letter = eventually("a dead letter", || async { listed(house).await.pop() }).await;
    assert_eq!((&letter["effect"], &letter["reason"]), (&effect.into(), &reason.into()));
    letter["id"].to_string()
}

/// The user talks to an agent and ends the chat; the instance refuses to hear of it.
async fn refused_end(house: &mut House) -> (Page, String) {
    let mut page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    house.desk.inject(Fault::Forbidden, Times::Once);
    page.post("end chat").await;
    let id = the_letter(house, "end", "forbidden").await;
    page.skip_what_was_shown();
    (page, id)
}

#[tokio::test]
async fn a_request_that_was_refused_is_listed_shown_not_resent_and_dropped() {
    let house = House::start(Setting::default()).await;
    assert_eq!(done(&house, &["list"]).await, "There are no dead letters.\n");
    house.desk.inject(Fault::Forbidden, Times::Once);
    let page = house.page("dl_kim").await;
    page.post("my pay is wrong kolibri").await;
    page.post("agent").await;
    let id = the_letter(&house, "ask", "forbidden").await;
    let list = done(&house, &["list", "--limit", "5"]).await;
    assert_eq!(list.lines().count(), 2, "{list}");
    for part in [id.as_str(), "default", "ask", "forbidden", "session_over"] {
        assert!(list.lines().nth(1).unwrap().contains(part), "{part} in {list}");
    }
    let shown = done(&house, &["show", &id]).await;
    for part in ["AGENT", "sn_va_as_service.integration_user", "requestId", "no (session_over)"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(refused(&house, &["resend", &id]).await.contains("(session_over)"));
    assert!(done(&house, &["drop", &id]).await.contains("is dropped: the request for an agent"));
    for order in ["show", "resend", "drop"] {
        assert!(refused(&house, &[order, &id]).await.contains("(no_such_letter)"), "{order}");
    }
    assert_eq!(listed(&house).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_end_that_was_refused_reaches_the_desk_when_it_is_resent() {
    let mut house = House::start(Setting::default()).await;
    let (_page, id) = refused_end(&mut house).await;
    assert!(done(&house, &["show", &id]).await.contains("resend     yes"));
    assert!(done(&house, &["resend", &id]).await.contains("is on its way: the end of the chat"));
    let chat = house.desk.chats()[0].id.clone();
    desk::until_ended(&house.desk, &chat).await;
    assert_eq!(listed(&house).await, Vec::<Value>::new());
    assert!(refused(&house, &["resend", &id]).await.contains("(no_such_letter)"));
}

#[tokio::test]
async fn without_a_gateway_the_data_is_opened_and_what_is_resent_goes_out_at_the_next_start() {
    let mut house = House::start(Setting::default()).await;
    let (_page, id) = refused_end(&mut house).await;
    house.kill().await;
    assert_eq!(listed(&house).await[0]["id"].to_string(), id);
    let right = house.environment.insert("WARMLINE_MASTER_KEY".to_owned(), ANOTHER_KEY.to_owned());
    assert!(refused(&house, &["list"]).await.contains("the master key is not the one"));
    house.environment.extend(right.map(|key| ("WARMLINE_MASTER_KEY".to_owned(), key)));
    assert!(done(&house, &["resend", &id]).await.contains("is sent when the gateway starts"));
    house.begin().await;
    let chat = house.desk.chats()[0].id.clone();
    desk::until_ended(&house.desk, &chat).await;
}

#[tokio::test]
async fn a_gateway_that_ended_orderly_leaves_no_socket_and_data_that_are_not_there_are_not_made() {
    let mut house = House::start(Setting::default()).await;
    let socket = house.data_dir().join("warmline.sock");
    assert!(socket.exists());
    house.terminate().await;
    assert!(!socket.exists());
    let elsewhere = house.data_dir().join("elsewhere");
    house.environment.insert("WARMLINE_DATA_DIR".to_owned(), elsewhere.display().to_string());
    assert!(refused(&house, &["list"]).await.contains("WARMLINE_DATA_DIR"));
    assert!(!elsewhere.exists());
}

#[tokio::test]
async fn words_wait_while_the_desk_is_away_and_go_through_in_order_when_it_is_back() {
    let mut house = House::start(Setting::default()).await;
    let mut page = house.page("dl_kim").await;
    page.post("agent").await;
    let chat = house.offered("dl_kim").await;
    house.hears(house.callbacks().queued).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    page.until("an agent", |heard| {
        gists(&distinct(&heard.activities)).contains(&"notice connected".to_owned())
    })
    .await;
    page.skip_what_was_shown();
    house.desk.set_down(true);
    let words = ["one kolibri", "two kolibri", "three kolibri"];
    for word in words {
        page.post(word).await;
        page.shows(&[&format!("user: {word}")]).await;
    }
    page.shows(&["notice held"]).await;
    assert_eq!(done(&house, &["list"]).await, "There are no dead letters.\n");
    house.desk.set_down(false);
    page.shows(&["notice went_through"]).await;
    let all = |seen: &simulator::Snapshot<'_>| {
        let chats = seen.chats();
        let chat = chats.iter().find(|view| view.id == chat).expect("the chat is there");
        desk::lines(chat, Speaker::User).ends_with(&words.map(str::to_owned))
    };
    house.desk.wait_until(all, WITHIN).await.expect("everything, once and in order");
    page.shows_nothing_more().await;
}

#[tokio::test]
async fn commands_and_a_gateway_that_starts_wait_for_each_other() {
    let mut house = House::start(Setting::default()).await;
    house.terminate().await;
    let commands: Vec<_> = (0..4)
        .map(|_| {
            let mut list = command(&house.environment);
            list.args(["dead-letters", "list"]).stdout(Stdio::piped()).stderr(Stdio::piped());
            list.spawn().unwrap()
        })
        .collect();
    house.begin().await;
    for command in commands {
        let output = timeout(WITHIN, command.wait_with_output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*said), (Some(0), ""));
        assert_eq!(output.stdout, b"There are no dead letters.\n");
    }
}

#[tokio::test]
async fn what_is_no_order_is_a_matter_of_usage() {
    let house = House::start(Setting::default()).await;
    for arguments in [
        &["burn"][..],
        &["show"],
        &["show", "one"],
        &["list", "--limit", "0"],
        &["list", "--limit", "201"],
        &[],
    ] {
        assert_eq!(dead_letters(&house, arguments).await.code, Some(2), "{arguments:?}");
    }
}
