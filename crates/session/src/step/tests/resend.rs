//! What a person may have sent again.

use crate::{
    TooLate, resendable,
    step::tests::given::{STAGES, effect, session_id, stage},
};

/// What is answered for this kind of effect in every stage, the exceptions named.
fn table(kind: &str, usually: Result<(), TooLate>, except: &[(&str, Result<(), TooLate>)]) {
    for name in STAGES {
        let expected = except.iter().find(|(stages, _)| stages.split(' ').any(|s| s == name));
        let expected = expected.map_or(usually, |(_, expected)| *expected);
        let given = stage(name);
        let holder = given.holder.as_ref();
        let answer = resendable(&given.conversation, &effect(kind).what, holder);
        assert_eq!(answer, expected, "{kind} while {name}");
    }
}

#[test]
fn a_request_for_an_agent_is_sent_again_while_the_desk_knows_nothing_of_it() {
    let there = "accepted queued connected active transferring";
    table(
        "ask",
        Err(TooLate::SessionOver),
        &[("requested", Ok(())), (there, Err(TooLate::AlreadyThere))],
    );
}

#[test]
fn words_are_sent_again_while_their_live_chat_is_open() {
    let open = "requested accepted queued connected active transferring";
    table("say", Err(TooLate::SessionOver), &[(open, Ok(()))]);
}

#[test]
fn what_goes_to_the_bot_is_always_sent_again() {
    for kind in ["greet", "to_bot", "tell_bot"] {
        table(kind, Ok(()), &[]);
    }
}

#[test]
fn an_end_is_sent_again_unless_it_would_end_another_chat_of_the_same_person() {
    table("end", Ok(()), &[]);
    let given = stage("completed");
    for (holder, expected) in [
        (None, Ok(())),
        (Some(session_id("ses_1")), Ok(())),
        (Some(session_id("ses_2")), Err(TooLate::OtherChat)),
    ] {
        let answer = resendable(&given.conversation, &effect("end").what, holder.as_ref());
        assert_eq!(answer, expected, "{holder:?}");
    }
}
