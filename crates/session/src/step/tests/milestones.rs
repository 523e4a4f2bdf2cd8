//! How far a session came, with the times that people ask about.

use std::time::Duration;

use super::given::{Given, agent, agent_said, ago, bot, live, news, talk, user_says};
use crate::{EndReason, Event, News, Reached, Stage, Status, id::Timestamp};

/// Steps through a story, an event every ten seconds, and lists what was reached.
fn story(mut given: Given, events: Vec<Event>) -> Vec<Reached> {
    let mut reached = Vec::new();
    for event in events {
        let step = given.after(event.clone());
        reached.extend(step.milestones.iter().map(|milestone| milestone.reached));
        given = given.then(event);
        given.now = Timestamp(given.now.0 + 10_000);
    }
    reached
}

/// The session that the user begins in these stories.
fn told(what: News) -> Event {
    match news(vec![what]) {
        Event::Desk(callback) => {
            Event::Desk(crate::Callback { session: super::given::session_id("ses_2"), ..callback })
        }
        other => other,
    }
}

#[test]
fn a_chat_is_measured_from_the_moment_the_user_asked() {
    let reached = story(
        bot(),
        vec![
            user_says("agent"),
            told(News::Queued),
            told(News::AgentHere(agent("Ola"))),
            user_says("hello?"),
            told(agent_said("Ola", "here", None)),
            told(agent_said("Ola", "still here", None)),
            told(News::Ended),
        ],
    );
    let seconds = Duration::from_secs;
    assert_eq!(
        reached,
        [
            Reached::Waiting,
            Reached::Connected { waited: seconds(20) },
            Reached::Active,
            Reached::AgentSpoke { after: seconds(40) },
            Reached::Ended {
                status: Status::Completed,
                reason: EndReason::AgentEnded,
                handled: Some(seconds(40)),
            },
        ]
    );
}

#[test]
fn an_agent_who_comes_with_words_is_there_before_they_speak() {
    let reached = story(bot(), vec![user_says("agent"), told(agent_said("Ola", "hi", None))]);
    let waited = Duration::from_secs(10);
    assert_eq!(
        reached,
        [
            Reached::Waiting,
            Reached::Connected { waited },
            Reached::Active,
            Reached::AgentSpoke { after: waited },
        ]
    );
}

#[test]
fn nobody_handled_what_ended_while_waiting() {
    let reached = story(bot(), vec![user_says("agent"), user_says("cancel")]);
    let (status, reason) = (Status::Cancelled, EndReason::UserCancelled);
    assert_eq!(reached, [Reached::Waiting, Reached::Ended { status, reason, handled: None }]);
}

#[test]
fn a_chat_is_handled_from_the_first_arrival_on_also_after_a_transfer() {
    let reached = story(
        bot(),
        vec![
            user_says("agent"),
            told(News::AgentHere(agent("Ola"))),
            told(News::Estimate("1 Minute".to_owned())),
            told(News::AgentHere(agent("Kim"))),
            told(News::Ended),
        ],
    );
    let (status, reason) = (Status::Completed, EndReason::AgentEnded);
    let handled = Some(Duration::from_secs(30));
    assert_eq!(reached.last(), Some(&Reached::Ended { status, reason, handled }));
    let came = reached.iter().filter(|reached| matches!(reached, Reached::Connected { .. }));
    assert_eq!(came.count(), 1, "another agent is no second connection");
}

#[test]
fn what_began_before_arrivals_were_written_down_is_not_measured() {
    let before = live(Stage::Connected(talk())).at(ago(0));
    let reached =
        story(before, vec![news(vec![agent_said("Ola", "hi", None)]), news(vec![News::Ended])]);
    let (status, reason) = (Status::Completed, EndReason::AgentEnded);
    assert_eq!(reached, [Reached::Active, Reached::Ended { status, reason, handled: None }]);
}
