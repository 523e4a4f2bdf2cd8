//! News about sessions that are over.

use std::time::Duration;

use super::given::{Given, agent_said, bot_asks, check, desk_said, ended, news, stage, user_says};
use crate::{EndReason, LATE_WORDS_FOR, News, Status};

/// `ses_1` ended like this, so long ago.
fn over(status: Status, reason: EndReason, ago: Duration) -> Given {
    let given = ended(status, reason);
    let at = given.conversation.past.as_ref().expect("it ended").at;
    given.at(at.after(ago))
}

#[test]
fn late_words_of_an_agent_are_shown_for_exactly_two_minutes() {
    assert_eq!(LATE_WORDS_FOR.as_millis(), 120_000);
    let word = || news(vec![agent_said("Ola", "bye", None)]);
    let shown = "bot; agent Ola \"bye\"";
    let just_over = LATE_WORDS_FOR + Duration::from_millis(1);
    let rows = [
        (Status::Completed, EndReason::AgentEnded, Duration::ZERO, shown),
        (Status::Completed, EndReason::UserEnded, LATE_WORDS_FOR, shown),
        (Status::Completed, EndReason::AgentEnded, LATE_WORDS_FOR, shown),
        (Status::Completed, EndReason::AgentEnded, just_over, "nothing"),
        (Status::Fail, EndReason::Lost, LATE_WORDS_FOR, shown),
        (Status::Fail, EndReason::Silence, just_over, "nothing"),
        (Status::Cancelled, EndReason::UserCancelled, Duration::ZERO, "nothing"),
        (Status::Cancelled, EndReason::DeskCancelled, Duration::ZERO, "nothing"),
    ];
    for (status, reason, ago, expected) in rows {
        check(&over(status, reason, ago), word(), expected);
    }
}

#[test]
fn an_agent_who_accepts_a_withdrawn_request_is_not_shown() {
    let given = stage("queued").then(user_says("cancel"));
    check(
        &given,
        news(vec![
            News::AgentHere(super::given::agent("Ola")),
            News::Active,
            agent_said("Ola", "how can I help?", Some("m1")),
        ]),
        "nothing",
    );
}

#[test]
fn the_end_may_be_told_three_times() {
    let given = stage("active").then(news(vec![News::Ended]));
    check(&given, news(vec![News::Ended, News::Ended]), "bot; free ses_1; free ses_1");
    check(&given, news(vec![News::LetGo, News::Cancelled, News::Failed]), "nothing");
}

#[test]
fn the_survey_after_the_end_is_kept_from_the_user() {
    let given = stage("active").then(news(vec![News::Ended]));
    check(&given, news(vec![desk_said("How was it?", false)]), "nothing");
    check(&given, news(vec![desk_said("How was it?", true)]), "nothing");
}

#[test]
fn late_news_never_touches_the_next_session() {
    let next = || stage("completed").then(bot_asks());
    let open = next().conversation.live().cloned().expect("the next session is open");
    let everything = vec![
        News::Queued,
        News::Estimate("8 Seconds".to_owned()),
        News::AgentHere(super::given::agent("Ola")),
        News::Active,
        agent_said("Ola", "bye", None),
        desk_said("How was it?", false),
        News::Nobody { said: None },
        News::LetGo,
        News::Failed,
        News::Cancelled,
        News::Ended,
    ];
    let step = next().after(news(everything));
    assert_eq!(step.conversation.live(), Some(&open));
    check(&next(), news(vec![agent_said("Ola", "bye", None)]), "requested; agent Ola \"bye\"");
    check(&next(), news(vec![News::Ended]), "requested; free ses_1");
}

#[test]
fn news_of_a_session_before_the_last_is_nothing() {
    let mut given = stage("completed");
    given.conversation.past.as_mut().expect("it ended").id = super::given::session_id("ses_9");
    check(&given, news(vec![agent_said("Ola", "bye", None), News::Ended]), "nothing");
}
