//! What an operator does: the end of a chat that nobody else ends.

use super::given::{
    check, effect, holding, live, news, operator_ends, session_id, stage, table, talk,
};
use crate::{Event, Failure, News, Stage};

#[test]
fn an_operator_ends_a_chat_at_any_stage_and_desk_user_and_bot_are_told() {
    table(
        &operator_ends(),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell ended by operator; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed operator_ended 8..12; strike ses_1 <6; \
                 row ses_1 cancelled operator_ended",
            ),
            (
                "connected active transferring",
                "bot; tell ended by operator; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 completed Ola operator_ended 8..12; strike ses_1 <6; \
                 row ses_1 completed operator_ended",
            ),
        ],
    );
}

#[test]
fn words_held_for_an_agent_go_to_the_bot() {
    check(
        &holding(),
        operator_ends(),
        "bot; tell ended by operator; tell back_with_bot; -> end ses_1; \
         -> tell bot ses_1 failed operator_ended 8..12; strike ses_1 <6; \
         row ses_1 cancelled operator_ended",
    );
}

#[test]
fn another_chat_than_the_one_named_goes_on() {
    let other = Event::OperatorEnds { session: session_id("ses_0") };
    for name in ["queued", "active"] {
        check(&stage(name), other.clone(), "nothing");
    }
}

#[test]
fn afterwards_the_desk_frees_the_person_and_words_that_were_struck_are_told() {
    let ended = live(Stage::Active(talk())).then(operator_ends());
    check(&ended, news(vec![News::Ended]), "bot; free ses_1");
    let not_sent = Event::NotSent { effect: effect("say"), failure: Failure::Struck };
    check(&ended, not_sent, "bot; tell undelivered");
}
