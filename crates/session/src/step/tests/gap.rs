//! News that stands behind a gap: what was missed before it is told first.

use std::time::Duration;

use super::given::{
    Given, agent, agent_said, check, desk_said, effect, news, operator_ends, sender, session_id,
    stage, user_says,
};
use crate::{
    BEHIND_GAP_BYTES_MAX, BEHIND_GAP_MAX, BEHIND_GAP_WITHIN, Callback, Compared, Conversation,
    Event, Failure, LATE_WORDS_FOR, Missed, News, Said, Wake, id::Number,
};

/// News about `ses_1` whose callback could not wait for the gap.
fn behind(what: Vec<News>) -> Event {
    match news(what) {
        Event::Desk(callback) => Event::Desk(Callback { behind_gap: true, ..callback }),
        other => other,
    }
}

fn held(stage: Given, what: Vec<News>) -> Given {
    stage.then(behind(what))
}

fn says(text: &str) -> News {
    agent_said("Ola", text, None)
}

fn says_as(text: &str, key: &str) -> News {
    agent_said("Ola", text, Some(key))
}

fn row(text: &str, key: &str) -> Missed {
    Missed::AgentSaid { said: Said::words(text), key: sender(key) }
}

/// Fetched for `ses_1`, where words have ids.
fn fetched(missed: Vec<Missed>) -> Event {
    Event::CaughtUp { session: session_id("ses_1"), as_of: None, missed }
}

/// Fetched for `ses_1` and compared with so many entries and so many words behind the gap, of which
/// these were shown.
fn compared(numbered: u64, behind_gap: usize, shown: &[usize], missed: Vec<Missed>) -> Event {
    let as_of = Compared { numbered: Number(numbered), behind_gap, shown: shown.to_vec() };
    Event::CaughtUp { session: session_id("ses_1"), as_of: Some(as_of), missed }
}

fn given_up() -> Event {
    fetched(Vec::new())
}

fn due(given: Given) -> (Given, Event) {
    let (at, why) = given.conversation.deadline(&given.policy).expect("it is open");
    assert_eq!(why, Wake::BehindGap);
    (given.at(at), Event::Deadline { due: at })
}

#[test]
fn words_that_stand_behind_a_gap_are_told_after_what_was_missed() {
    let active = || held(stage("active"), vec![says_as("second", "m2")]);
    check(
        &stage("active"),
        behind(vec![says_as("second", "m2")]),
        "active Ola (1 behind the gap); key m2 0",
    );
    check(
        &active(),
        fetched(vec![row("first", "m1"), row("second", "m2")]),
        "active Ola; agent Ola \"first\"; agent Ola \"second\"; key m1 11; = 12",
    );
    check(
        &active(),
        fetched(vec![row("first", "m1")]),
        "active Ola; agent Ola \"first\"; agent Ola \"second\"; key m1 11; = 12",
    );
    check(
        &held(stage("queued"), vec![News::AgentHere(agent("Ola")), says_as("second", "m2")]),
        fetched(vec![row("first", "m1")]),
        "active Ola; tell connected; agent \"first\"; agent Ola \"second\"; \
         -> tell bot ses_1 accepted 8..11; row ses_1 connected; row ses_1 active; key m1 12; = 13",
    );
}

#[test]
fn what_was_missed_after_words_that_stand_behind_the_gap_is_told_after_them() {
    // Held by a life that was killed, before the next line was said to nobody.
    let given = held(
        stage("active"),
        vec![says_as("b", "m2"), News::Queued, says_as("d", "m4"), says("f")],
    );
    let rows = vec![row("a", "m1"), row("b", "m2"), row("c", "m3"), row("d", "m4"), row("e", "m5")];
    let told = "active Ola; agent Ola \"a\"; agent Ola \"b\"; agent Ola \"c\"; agent Ola \"d\"; \
                agent Ola \"e\"; agent Ola \"f\"; key m1 11; key m3 13; key m5 15; = 16";
    check(&given, compared(10, 3, &[], rows), told);
    let without_ids = || held(stage("active"), vec![says("b"), News::Queued, says("d"), says("f")]);
    let rows = |rest: usize| {
        let left = |left| Missed::BehindGap { left };
        vec![row("a", "m1"), left(2), row("c", "m3"), left(1), row("e", "m5"), left(rest)]
    };
    check(&without_ids(), compared(10, 3, &[], rows(1)), told);
    check(&without_ids(), compared(10, 3, &[], rows(0)), told);
}

#[test]
fn nothing_is_told_if_more_stands_behind_the_gap_than_was_compared() {
    let given = || held(stage("active"), vec![says("b"), says("c")]);
    let rows = || vec![row("a", "m1")];
    check(&given(), compared(10, 1, &[], rows()), "nothing");
    check(&given(), compared(9, 2, &[], rows()), "nothing");
    check(&given(), fetched(rows()), "nothing");
    check(
        &given(),
        compared(10, 2, &[], rows()),
        "active Ola; agent Ola \"a\"; agent Ola \"b\"; agent Ola \"c\"; key m1 11; = 13",
    );
}

#[test]
fn words_behind_the_gap_that_an_earlier_fetch_has_told_are_not_told_again() {
    let bob = News::AgentSaid { agent: agent("Bob"), said: Said::words("ok"), key: None };
    let given = held(stage("active"), vec![bob, says("ok"), says("well")]);
    check(
        &given,
        compared(10, 3, &[0, 2], vec![Missed::BehindGap { left: 0 }]),
        "active Bob; tell transferred Bob; agent Ola \"ok\"; = 12",
    );
}

#[test]
fn whatever_comes_while_news_stands_behind_a_gap_stands_behind_it_too() {
    let given = held(stage("active"), vec![says("b")]);
    let given = given.then(news(vec![says("c"), News::Ended]));
    assert_eq!(
        given.conversation.live().and_then(|live| live.behind_gap.as_ref()).unwrap().news.len(),
        3
    );
    check(
        &given,
        compared(10, 2, &[], vec![row("a", "m1")]),
        "bot; agent Ola \"a\"; agent Ola \"b\"; agent Ola \"c\"; tell ended by agent Ola; \
         tell back_with_bot; -> tell bot ses_1 completed Ola agent_ended 8..15; strike ses_1 <6; \
         free ses_1; row ses_1 completed agent_ended; key m1 11; = 15",
    );
    // What the user and the bot say does not.
    check(&given, user_says("hm"), "active Ola (3 behind the gap); user \"hm\"; -> say 11; = 11");
}

#[test]
fn the_record_at_the_desk_is_known_at_once() {
    let started = News::Started { conversation: "0123".to_owned() };
    let given = held(stage("queued"), vec![started, News::AgentHere(agent("Ola"))]);
    let live = given.conversation.live().unwrap();
    assert_eq!(live.desk_conversation.as_deref(), Some("0123"), "by it what was missed is fetched");
    assert_eq!(live.behind_gap.as_ref().unwrap().news, [News::AgentHere(agent("Ola"))]);
}

#[test]
fn a_repeat_of_what_stands_behind_a_gap_changes_nothing() {
    let given = || held(stage("active"), vec![says_as("b", "m2")]);
    check(&given(), behind(vec![says_as("b", "m2")]), "nothing");
    check(&given(), news(vec![says_as("b", "m2")]), "nothing");
    check(
        &stage("active"),
        behind(vec![says_as("b", "m2"), says_as("b", "m2")]),
        "active Ola (1 behind the gap); key m2 0",
    );
    check(&given().then(given_up()), news(vec![says_as("b", "m2")]), "nothing");
    check(&stage("active").having_seen("m2", 3), behind(vec![says_as("b", "m2")]), "nothing");
}

#[test]
fn a_gap_that_is_given_up_holds_nothing_up() {
    let shown = "active Ola; agent Ola \"b\"; = 11";
    check(&held(stage("active"), vec![says_as("b", "m2")]), given_up(), shown);
    check(&held(stage("active"), vec![says("b")]), given_up(), shown);
    check(&stage("active"), given_up(), "active Ola; = 10");
}

#[test]
fn what_stands_behind_a_gap_goes_on_after_fifteen_seconds() {
    assert_eq!(BEHIND_GAP_WITHIN, Duration::from_secs(15));
    let given = held(stage("active"), vec![says("b")]);
    let since = given.now;
    let later = given.at(since.after(Duration::from_secs(14))).then(news(vec![says("c")]));
    let (given, event) = due(later);
    assert_eq!(given.now, since.after(BEHIND_GAP_WITHIN), "counted from the first");
    check(&given, event, "active Ola; agent Ola \"b\"; agent Ola \"c\"");
    let stale = Event::Deadline { due: since };
    check(&given, stale, "nothing");
}

#[test]
fn after_a_start_what_stands_behind_a_gap_has_its_time_anew() {
    let given = held(stage("active"), vec![says("b")]);
    let since = given.now;
    // It was away for ten seconds, or for more; the deadline of before comes all the same.
    for away in [10, 100] {
        let held = held(stage("active"), vec![says("b")]);
        let restarted = held.at(since.after(Duration::from_secs(away))).restarted();
        let (due, _) = restarted.conversation.deadline(&restarted.policy).expect("it is open");
        let (now, started) = (restarted.now, restarted.started);
        let anew = restarted.at(due.max(now)).then(Event::Deadline { due });
        assert_eq!(anew.conversation.numbered, Number(10), "nothing is told: it is being fetched");
        let (given, event) = self::due(anew);
        assert_eq!(given.now, started.after(BEHIND_GAP_WITHIN));
        check(&given, event, "active Ola; agent Ola \"b\"");
    }
    // A warning that is due lets go of nothing; an end that is, does.
    let warned = held(stage("active"), vec![says("b")]).at(since.after(Duration::from_mins(10)));
    let mut warned = warned.restarted();
    for _ in 0..2 {
        let (due, _) = warned.conversation.deadline(&warned.policy).expect("it is open");
        warned = warned.then(Event::Deadline { due });
    }
    assert!(warned.talk().warned);
    assert_eq!(due(warned).0.conversation.live().unwrap().said_behind_gap().count(), 1);
    let given = given.at(since.after(Duration::from_hours(4))).restarted();
    let (due, _) = given.conversation.deadline(&given.policy).expect("it is open");
    check(
        &given,
        Event::Deadline { due },
        "bot; agent Ola \"b\"; tell failed lost; tell back_with_bot; -> end ses_1; \
         -> tell bot ses_1 failed lost 8..13; strike ses_1 <6; row ses_1 fail lost",
    );
}

#[test]
fn the_desk_is_not_silent_whose_news_stands_behind_a_gap() {
    for name in ["requested", "accepted", "queued"] {
        let given = stage(name).with_policy(|policy| {
            policy.silence = Duration::from_secs(6);
            policy.longest_wait = Duration::from_secs(31);
        });
        let given = held(given, vec![says("b")]);
        let (at, _) = given.conversation.deadline(&given.policy).expect("it is open");
        check(
            &given.at(at),
            Event::Deadline { due: at },
            "active Ola; tell connected Ola; agent Ola \"b\"; \
             -> tell bot ses_1 accepted Ola 8..11; row ses_1 connected; row ses_1 active",
        );
    }
    let refused = Event::NotSent { effect: effect("ask"), failure: Failure::Refused };
    check(&held(stage("requested"), vec![says("b")]), refused, "nothing");
}

#[test]
fn what_comes_with_every_callback_stands_behind_a_gap_once() {
    let mut given = stage("active");
    for words in ["b", "c", "d"] {
        let here = News::AgentHere(agent("Ola"));
        given = held(given, vec![News::Queued, News::Active, here, says(words)]);
    }
    let here = |name| News::AgentHere(agent(name));
    given = held(given, vec![here("Bo"), here("Bo"), here("Ola")]);
    let kept = [
        vec![News::Queued, News::Active, here("Ola"), says("b"), says("c"), says("d")],
        vec![here("Bo"), here("Ola")],
    ];
    let live = given.conversation.live().unwrap();
    assert_eq!(live.behind_gap.as_ref().unwrap().news, kept.concat());
}

#[test]
fn too_much_behind_a_gap_goes_ahead_of_it() {
    let mut given = stage("active");
    for _ in 0..BEHIND_GAP_MAX {
        given = held(given, vec![says("b")]);
    }
    assert_eq!(given.conversation.numbered, Number(10));
    let step = given.after(behind(vec![says("last"), says("next")]));
    assert_eq!(step.messages.len(), BEHIND_GAP_MAX + 1, "all of it, in order");
    let last = step.messages.last().and_then(|message| message.content.said());
    assert_eq!(last.map(|said| said.text.as_str()), Some("last"));
    assert_eq!(step.conversation.live().unwrap().said_behind_gap().count(), 1, "and anew");

    let half = "x".repeat(BEHIND_GAP_BYTES_MAX / 2);
    let given = held(stage("active"), vec![says(&half), says(&half)]);
    assert_eq!(given.conversation.numbered, Number(10));
    assert_eq!(given.after(news(vec![says("y")])).messages.len(), 3);
}

#[test]
fn whoever_ends_a_chat_words_behind_its_gap_are_told_before() {
    let talk = |name| held(stage(name), vec![says("b")]);
    let ends = [
        (Event::UserEnds, "ended by user", "completed Ola user_ended", "completed user_ended"),
        (
            operator_ends(),
            "ended by operator",
            "completed Ola operator_ended",
            "completed operator_ended",
        ),
    ];
    for (event, told, news, row) in ends {
        let strike = if row.contains("operator") { "strike ses_1 <6; " } else { "" };
        check(
            &talk("active"),
            event.clone(),
            &format!(
                "bot; agent Ola \"b\"; tell {told}; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 {news} 8..13; {strike}row ses_1 {row}"
            ),
        );
        // Whoever withdraws it finds that somebody came.
        let strike = strike.replace('6', "7");
        check(
            &talk("queued"),
            event,
            &format!(
                "bot; tell connected Ola; agent Ola \"b\"; tell {told}; tell back_with_bot; \
                 -> tell bot ses_1 accepted Ola 8..11; -> end ses_1; \
                 -> tell bot ses_1 {news} 8..14; {strike}row ses_1 connected; row ses_1 active; \
                 row ses_1 {row}"
            ),
        );
    }
    // A word that never arrived.
    let lost = Event::NotSent { effect: effect("say"), failure: Failure::Expired };
    let step = talk("active").after(lost);
    assert!(step.messages.iter().any(|message| message.content.said().is_some()));
    assert!(step.conversation.live().is_none());
}

#[test]
fn an_end_that_stands_behind_a_gap_counts_before_one_that_comes_later() {
    let given = held(
        stage("active"),
        vec![says("b"), News::Ended, desk_said("How was it?", true), says("bye")],
    );
    let ended = "bot; agent Ola \"b\"; tell ended by agent Ola; tell back_with_bot; \
                 agent Ola \"bye\"; -> tell bot ses_1 completed Ola agent_ended 8..13; \
                 strike ses_1 <6; free ses_1; row ses_1 completed agent_ended";
    check(&given, Event::UserEnds, ended);
    check(&given, operator_ends(), ended);
    let told = format!("{ended}; = 14");
    check(&given, given_up(), &told);
    // And so does one that was missed: what the callbacks told was said before it.
    check(
        &held(stage("active"), vec![says_as("b", "m2")]),
        fetched(vec![Missed::Ended]),
        "bot; agent Ola \"b\"; tell ended by agent Ola; tell back_with_bot; \
         -> tell bot ses_1 completed Ola agent_ended 8..13; strike ses_1 <6; free ses_1; \
         row ses_1 completed agent_ended; = 13",
    );
}

#[test]
fn what_was_withdrawn_at_the_desk_shows_no_word_behind_it() {
    let given = held(stage("queued"), vec![News::Cancelled, says("hello?")]);
    check(
        &given,
        given_up(),
        "bot; tell cancelled; tell back_with_bot; \
         -> tell bot ses_1 failed desk_cancelled 8..12; strike ses_1 <6; free ses_1; \
         row ses_1 cancelled desk_cancelled; = 12",
    );
}

#[test]
fn news_of_a_chat_that_is_over_stands_behind_nothing() {
    check(&stage("completed"), behind(vec![says("bye")]), "bot; agent Ola \"bye\"");
    let late = stage("completed");
    let at = late.conversation.past.as_ref().expect("it ended").at;
    let late = late.at(at.after(LATE_WORDS_FOR + Duration::from_secs(1)));
    check(&late, behind(vec![says("bye")]), "nothing");
    // Nor does what was missed in it let go of another chat's.
    let next = stage("completed").then(super::given::bot_asks());
    let given = next.then(match behind(vec![says("hello")]) {
        Event::Desk(callback) => Event::Desk(Callback { session: session_id("ses_2"), ..callback }),
        other => other,
    });
    for missed in [vec![], vec![Missed::BehindGap { left: 0 }], vec![row("bye", "m1")]] {
        let after = given.after(compared(given.conversation.numbered.0, 0, &[], missed));
        assert_eq!(after.conversation.live(), given.conversation.live());
    }
}

#[test]
fn what_stands_behind_a_gap_is_stored_like_this() {
    let estimate = News::Estimate("8 Seconds".to_owned());
    let given = held(
        stage("active"),
        vec![
            estimate,
            News::AgentHere(agent("Bo")),
            says_as("b", "m2"),
            desk_said("hm", true),
            News::Nobody { said: None },
            News::Ended,
        ],
    );
    let stored = serde_json::to_string(&given.conversation).unwrap();
    let expected = r#","behind_gap":{"since":1000000000,"news":[{"estimate":"8 Seconds"},{"agent_here":{"name":"Bo"}},{"agent_said":{"agent":{"name":"Ola"},"said":{"text":"b"},"key":"m2"}},{"desk_said":{"said":{"text":"hm"},"key":null,"with_agents":true}},{"nobody":{"said":null}},"ended"]},"stage":"#;
    assert!(stored.contains(expected), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), given.conversation);
    // After a restart it goes on where it stood.
    let mut read = given;
    read.conversation = serde_json::from_str(&stored).unwrap();
    assert_eq!(read.after(given_up()).messages.len(), 6);
    let without = serde_json::to_string(&stage("active").conversation).unwrap();
    assert!(!without.contains("behind"), "{without}");
}
