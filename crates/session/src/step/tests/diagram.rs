//! The statuses' diagram: what may become what, and that the step keeps to it.

use std::collections::BTreeSet;

use super::given::{
    STAGES, agent, agent_said, bot_asks, desk_said, effect, news, operator_ends, stage, user_says,
};
use crate::{Agent, Event, Failure, News, Session, Status};

const ALL: [Status; 6] = [
    Status::Waiting,
    Status::Connected,
    Status::Active,
    Status::Completed,
    Status::Fail,
    Status::Cancelled,
];

/// The specification's diagram, and the two losses that it does not draw.
const DIAGRAM: [(Status, Status); 8] = [
    (Status::Waiting, Status::Connected),
    (Status::Waiting, Status::Fail),
    (Status::Waiting, Status::Cancelled),
    (Status::Connected, Status::Active),
    (Status::Connected, Status::Completed),
    (Status::Connected, Status::Fail),
    (Status::Active, Status::Completed),
    (Status::Active, Status::Fail),
];

fn everything() -> Vec<Event> {
    let mut events = vec![user_says("hello"), user_says("agent"), user_says("end chat")];
    events.extend([user_says("cancel"), Event::UserEnds, bot_asks()]);
    events.extend([Event::UserAway, Event::UserBack, operator_ends()]);
    let all_news = [
        News::Queued,
        News::Estimate("8 Seconds".to_owned()),
        News::AgentHere(Agent::default()),
        News::AgentHere(agent("Bo")),
        News::Active,
        agent_said("Ola", "hi", None),
        desk_said("hm", true),
        desk_said("hm", false),
        News::Nobody { said: None },
        News::Ended,
        News::LetGo,
        News::Failed,
        News::Cancelled,
    ];
    for first in &all_news {
        events.push(news(vec![first.clone()]));
        events.extend(all_news.iter().map(|next| news(vec![first.clone(), next.clone()])));
    }
    for kind in ["ask", "say", "end", "greet", "to_bot", "tell_bot"] {
        events.push(Event::Sent { effect: effect(kind) });
        for failure in [Failure::Struck, Failure::Refused, Failure::Expired] {
            events.push(Event::NotSent { effect: effect(kind), failure });
        }
    }
    events
}

#[test]
fn exactly_the_drawn_changes_are_allowed() {
    for from in ALL {
        for to in ALL {
            assert_eq!(from.may_become(to), DIAGRAM.contains(&(from, to)), "{from:?} {to:?}");
        }
    }
}

#[test]
fn steps_take_every_drawn_way_and_no_other() {
    let mut taken = BTreeSet::new();
    for name in STAGES {
        for event in everything() {
            let given = stage(name);
            let mut was = given.conversation.live().map(Session::status);
            for record in given.after(event.clone()).records {
                if was.is_none() {
                    assert_eq!(record.status, Status::Waiting, "{name} {event:?}");
                }
                taken.extend(was.map(|was| (was, record.status)));
                was = Some(record.status);
            }
        }
    }
    assert_eq!(taken, BTreeSet::from(DIAGRAM));
}

#[test]
fn the_row_says_what_the_state_says() {
    for name in STAGES {
        for event in everything() {
            let before = stage(name);
            let step = before.after(event.clone());
            let state = match step.conversation.live() {
                Some(session) => Some((session.status(), None)),
                None => {
                    step.conversation.past.as_ref().map(|past| (past.status, Some(past.reason)))
                }
            };
            let changed = before.conversation.live().map(|live| (&live.id, live.status()))
                != step.conversation.live().map(|live| (&live.id, live.status()));
            let opened = before.conversation.live().map_or(before.now, |live| live.asked_at);
            for record in &step.records {
                assert_eq!(record.user, super::given::visitor().user);
                assert_eq!(record.desk, super::given::desk());
                assert_eq!(record.opened_at, opened, "{name} {event:?}");
                assert_eq!(record.ended_at, record.reason.map(|_| before.now), "{name} {event:?}");
            }
            let row = step.records.last().map(|record| (record.status, record.reason));
            assert_eq!(row, state.filter(|_| changed), "{name} {event:?}");
        }
    }
}

#[test]
fn a_status_is_written_with_the_specifications_word() {
    let words = ["waiting", "connected", "active", "completed", "fail", "cancelled"];
    assert_eq!(ALL.map(Status::as_str), words);
}
