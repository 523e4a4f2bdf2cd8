//! Catching up: what agents said while nobody could hear it is fetched from the instance, and shown
//! once and in its place.

use simulator::{Desk, Dialect, Fault, Outcome, Snapshot, Speaker, Times};

use crate::{
    desk,
    house::{House, Setting},
    page::{Page, eventually, gists},
    process::WITHIN,
};

const USER: &str = "dl_kim";

fn setting() -> Setting {
    Setting { reads_messages: true, ..Setting::default() }
}

/// A page whose user waits for an agent, and the chat at the desk.
async fn ask(house: &mut House, user: &str) -> (Page, String) {
    let page = house.page(user).await;
    page.post("agent").await;
    let chat = house.offered(user).await;
    house.hears(house.callbacks().queued).await;
    (page, chat)
}

/// A live chat.
async fn connect(house: &mut House, user: &str) -> (Page, String) {
    let (mut page, chat) = ask(house, user).await;
    house.desk.accept(&chat).unwrap();
    house.hears(house.callbacks().accepted).await;
    let here = |heard: &crate::page::Heard| {
        gists(&heard.activities).contains(&"notice connected".to_owned())
    };
    page.until("an agent", here).await;
    page.skip_what_was_shown();
    (page, chat)
}

/// Waits until so many callbacks met nobody: the instance never repeats them.
async fn until_unheard(desk: &Desk, callbacks: usize) {
    let unheard = |seen: &Snapshot<'_>| {
        let met_nobody = |outcome| matches!(outcome, Outcome::Unreachable | Outcome::Lost);
        let count = seen.delivered().iter().filter(|sent| met_nobody(sent.outcome)).count();
        count >= callbacks && !seen.is_sending()
    };
    desk.wait_until(unheard, WITHIN).await.expect("the callbacks are attempted");
}

/// Waits until the instance has told all it has to tell.
async fn until_told(desk: &Desk) {
    let told = desk.wait_until(|seen| !seen.is_sending(), WITHIN).await;
    told.expect("every callback is answered");
}

/// The chat goes on in both directions, and nothing was shown besides.
async fn goes_on(house: &House, mut page: Page, chat: &str) {
    page.post("on we go kolibri").await;
    page.shows(&["user: on we go kolibri"]).await;
    house.desk.write(chat, "indeed kolibri").unwrap();
    page.shows(&["agent: Dana: indeed kolibri"]).await;
    until_told(&house.desk).await;
    page.shows_nothing_more().await;
    until_heard(&house.desk, chat, "on we go kolibri").await;
}

/// Waits until the agent sees these words of the user.
async fn until_heard(desk: &Desk, chat: &str, words: &str) {
    let heard = |seen: &Snapshot<'_>| {
        let view = seen.chats().into_iter().find(|view| view.id == chat);
        let lines = view.map(|view| desk::lines(&view, Speaker::User)).unwrap_or_default();
        lines.iter().any(|line| line == words)
    };
    desk.wait_until(heard, WITHIN).await.expect("the user's words arrive");
}

#[tokio::test]
async fn lines_said_while_the_gateway_was_dead_come_before_the_next_one() {
    lines_said_while_the_gateway_was_dead(setting()).await;
}

#[tokio::test]
async fn lines_without_ids_said_while_the_gateway_was_dead_are_shown_once() {
    lines_said_while_the_gateway_was_dead(Setting { message_ids: false, ..setting() }).await;
}

async fn lines_said_while_the_gateway_was_dead(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house, USER).await;
    house.desk.write(&chat, "ok kolibri").unwrap();
    page.shows(&["agent: Dana: ok kolibri"]).await;
    house.kill().await;
    for line in ["one kolibri", "ok kolibri", "three kolibri"] {
        house.desk.write(&chat, line).unwrap();
    }
    until_unheard(&house.desk, 3).await;
    // The fourth comes by callback the moment the gateway is back, and is in the table as well.
    house.desk.hold_callbacks(true);
    house.desk.write(&chat, "four kolibri").unwrap();
    house.begin().await;
    house.desk.hold_callbacks(false);
    page.shows(&[
        "agent: Dana: one kolibri",
        "agent: Dana: ok kolibri",
        "agent: Dana: three kolibri",
        "agent: Dana: four kolibri",
    ])
    .await;
    // Nothing is missed a second time either.
    house.desk.hold_callbacks(true);
    house.restart().await;
    house.desk.hold_callbacks(false);
    goes_on(&house, page, &chat).await;
}

#[tokio::test]
async fn a_line_that_cannot_wait_for_the_fetch_is_shown_in_its_place_even_through_a_kill() {
    a_line_that_cannot_wait_for_the_fetch(setting()).await;
}

#[tokio::test]
async fn a_line_without_an_id_that_cannot_wait_for_the_fetch_is_shown_in_its_place() {
    a_line_that_cannot_wait_for_the_fetch(Setting { message_ids: false, ..setting() }).await;
}

async fn a_line_that_cannot_wait_for_the_fetch(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house, USER).await;
    let desk = house.desk.clone();
    // From now on they are known by name.
    desk.write(&chat, "hello kolibri").unwrap();
    page.shows(&["agent: Dana: hello kolibri"]).await;
    let lines = ["one kolibri", "ok kolibri", "three kolibri", "ok kolibri", "five kolibri"];
    desk.hold_messages(true);
    for (n, line) in lines.into_iter().enumerate() {
        // Every other line meets nobody; those between are taken before the gap is filled.
        if n % 2 == 0 {
            house.kill().await;
            desk.write(&chat, line).unwrap();
            until_unheard(&desk, n / 2 + 1).await;
            house.begin().await;
        } else {
            desk.write(&chat, line).unwrap();
            until_told(&desk).await;
        }
    }
    page.shows_nothing_more().await;
    desk.hold_messages(false);
    let shown = lines.map(|line| format!("agent: Dana: {line}"));
    page.shows(&shown.each_ref().map(String::as_str)).await;
    goes_on(&house, page, &chat).await;
}

#[tokio::test]
async fn an_agent_who_came_and_spoke_while_the_gateway_was_dead_is_there() {
    an_agent_who_came_unheard(setting()).await;
}

#[tokio::test]
async fn an_agent_without_ids_who_came_and_spoke_while_the_gateway_was_dead_is_there() {
    an_agent_who_came_unheard(Setting { message_ids: false, ..setting() }).await;
}

async fn an_agent_who_came_unheard(setting: Setting) {
    let mut house = House::start(setting).await;
    let (mut page, chat) = ask(&mut house, USER).await;
    page.post("hurry kolibri").await;
    let hurried = |heard: &crate::page::Heard| {
        gists(&heard.activities).contains(&"user: hurry kolibri".to_owned())
    };
    page.until("the user's own words", hurried).await;
    page.skip_what_was_shown();
    house.kill().await;
    house.desk.accept(&chat).unwrap();
    house.desk.write(&chat, "here I am kolibri").unwrap();
    until_unheard(&house.desk, house.callbacks().accepted + 1).await;
    house.begin().await;
    page.shows(&["notice connected", "agent: here I am kolibri"]).await;
    desk::until_sent(&house.desk, USER, &["AGENT", "says hurry kolibri"]).await;
    // The name comes with the first callback; without ids it may be later than the words.
    house.desk.write(&chat, "indeed kolibri").unwrap();
    let answered = |heard: &crate::page::Heard| {
        gists(&heard.activities).last().is_some_and(|last| last.ends_with(" indeed kolibri"))
    };
    page.until("the next words", answered).await;
    until_told(&house.desk).await;
    page.skip_what_was_shown();
    page.shows_nothing_more().await;
}

#[tokio::test]
async fn a_chat_that_was_ended_while_the_gateway_was_dead_ends() {
    let mut house = House::start(setting()).await;
    let (mut page, chat) = connect(&mut house, USER).await;
    house.desk.write(&chat, "hello kolibri").unwrap();
    page.shows(&["agent: Dana: hello kolibri"]).await;
    house.kill().await;
    house.desk.write(&chat, "goodbye kolibri").unwrap();
    house.desk.end(&chat).unwrap();
    until_unheard(&house.desk, 1 + house.callbacks().ended_by_agent).await;
    house.begin().await;
    page.shows(&[
        "agent: Dana: goodbye kolibri",
        "notice ended",
        "notice back_with_bot",
        "bot: I hope Dana could help.…",
    ])
    .await;
    page.post("blue kolibri").await;
    page.shows(&["user: blue kolibri", "bot: I do not know that one.…"]).await;
    page.shows_nothing_more().await;
    assert_eq!(desk::sent(&house.desk, USER), ["AGENT"], "whoever ended it needs not be told");
}

#[tokio::test]
async fn without_the_right_to_read_it_is_said_once_and_chats_go_on() {
    let mut house = House::start(Setting::default()).await;
    let (page, chat) = connect(&mut house, USER).await;
    let (other_page, other_chat) = connect(&mut house, "dl_lee").await;
    house.kill().await;
    house.desk.write(&chat, "nobody hears this kolibri").unwrap();
    until_unheard(&house.desk, 1).await;
    house.begin().await;
    goes_on(&house, page, &chat).await;
    goes_on(&house, other_page, &other_chat).await;
    let log = house.logged();
    let said: Vec<_> = log.lines().filter(|line| line.contains("stays unheard")).collect();
    assert_eq!(said.len(), 1, "{said:#?}");
    let line = said[0];
    assert!(line.contains("WARN") && line.contains("virtual_agent_admin"), "{line}");
}

#[tokio::test]
async fn a_desk_that_tells_no_ids_of_conversations_is_not_asked() {
    let mut house = House::start(Setting { dialect: Dialect::Spec, ..setting() }).await;
    let (page, chat) = connect(&mut house, USER).await;
    house.kill().await;
    house.desk.write(&chat, "nobody hears this kolibri").unwrap();
    until_unheard(&house.desk, 1).await;
    house.begin().await;
    goes_on(&house, page, &chat).await;
}

#[tokio::test]
async fn lines_lost_while_the_desk_was_away_are_shown_when_it_answers_again() {
    /// Enough to find out within a second that the desk is away.
    const USERS: usize = 6;
    let mut house = House::start(setting()).await;
    let mut talks = Vec::new();
    for n in 0..USERS {
        talks.push(connect(&mut house, &format!("dl_user-{n}")).await);
    }
    house.desk.set_down(true);
    house.desk.inject(Fault::Lost, Times::UntilCleared);
    for (page, _) in &talks {
        page.post("anybody? kolibri").await;
    }
    let opened = || async { house.logged().contains("does not take requests").then_some(()) };
    eventually("the desk counts as away", opened).await;
    for (_, chat) in &talks {
        house.desk.write(chat, "lost kolibri").unwrap();
    }
    until_unheard(&house.desk, USERS).await;
    house.desk.clear_faults();
    house.desk.set_down(false);
    for (page, chat) in &talks {
        until_heard(&house.desk, chat, "anybody? kolibri").await;
        let line = "agent: lost kolibri".to_owned();
        let shown = |heard: &crate::page::Heard| gists(&heard.activities).contains(&line);
        page.until("what was lost", shown).await;
        let log = gists(&page.log().await);
        assert_eq!(log.iter().filter(|shown| **shown == line).count(), 1, "{log:#?}");
    }
}

#[tokio::test]
async fn every_line_is_shown_once_and_in_order_through_kill_after_kill() {
    through_kill_after_kill(setting()).await;
}

#[tokio::test]
async fn every_line_without_an_id_is_shown_once_and_in_order_through_kill_after_kill() {
    through_kill_after_kill(Setting { message_ids: false, ..setting() }).await;
}

/// The agent writes before, while and after the gateway is killed, every third line the same, and
/// nobody waits for anybody.
async fn through_kill_after_kill(setting: Setting) {
    const KILLS: usize = 6;
    const LINES: usize = 5;
    let mut house = House::start(setting).await;
    let (mut page, chat) = connect(&mut house, USER).await;
    house.desk.write(&chat, "hello kolibri").unwrap();
    page.shows(&["agent: Dana: hello kolibri"]).await;
    let mut written = Vec::new();
    let mut writes = |desk: &Desk| {
        for _ in 0..LINES {
            let line = match written.len() {
                n if n % 3 == 0 => "ok kolibri".to_owned(),
                n => format!("line {n} kolibri"),
            };
            desk.write(&chat, &line).unwrap();
            written.push(format!("agent: Dana: {line}"));
        }
    };
    for _ in 0..KILLS {
        writes(&house.desk);
        house.kill().await;
        writes(&house.desk);
        until_told(&house.desk).await;
        house.begin().await;
        writes(&house.desk);
    }
    page.shows(&written.iter().map(String::as_str).collect::<Vec<_>>()).await;
    goes_on(&house, page, &chat).await;
}
