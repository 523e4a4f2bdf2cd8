//! The stored form. Conversations outlive releases: when one of these literals must change, so must
//! the version of the stored state, with a way to read the old one.

use super::given::{
    REASONS, STAGES, asked, check as check_step, effect, holding, live, sender, session_id, stage,
    talk, waiting,
};
use crate::{
    Agent, Answer, Asked, Author, BotNews, Changing, Content, Context, Conversation, Effect,
    EndReason, Event, FileRefusal, Notice, Phase, Question, Said, Stage, Talk, Wants, What,
    id::{Number, Timestamp},
};

fn check(conversation: &Conversation, stored: &str) {
    assert_eq!(serde_json::to_string(conversation).unwrap(), stored);
    assert_eq!(&serde_json::from_str::<Conversation>(stored).unwrap(), conversation);
}

#[test]
fn every_state_survives_being_stored() {
    let mut states: Vec<Conversation> =
        STAGES.iter().map(|name| stage(name).conversation).collect();
    states.push(Conversation::default());
    states.push(holding().conversation);
    states.push(asked(&["Yes", "No"]).conversation);
    states.push(live(Stage::Active(Talk { agent: Agent::default(), ..talk() })).conversation);
    for state in states {
        let stored = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), state, "{stored}");
        assert!(stored.len() < 1_024, "{} bytes: {stored}", stored.len());
    }
}

#[test]
fn a_state_stays_small_even_with_all_the_words_it_may_hold() {
    let mut given = holding();
    given.waiting().held = vec![Number(u64::MAX); crate::HELD_WORDS_MAX];
    let stored = serde_json::to_string(&given.conversation).unwrap();
    assert!(stored.len() < 4_096, "{} bytes", stored.len());
}

#[test]
fn a_new_conversation_is_stored_like_this() {
    check(
        &Conversation::default(),
        r#"{"numbered":0,"effects":0,"route":"bot","visitor":null,"past":null,"opened":false,"bot_away":false}"#,
    );
}

#[test]
fn a_waiting_session_is_stored_like_this() {
    let mut given = holding();
    given.waiting().estimate = Some("8 Seconds".to_owned());
    let user_away = given.after(Event::UserAway).conversation;
    let stored = serde_json::to_string(&user_away).unwrap();
    assert!(stored.contains(r#""asked_after":8,"user_away_since":1000000000,"#), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), user_away);
    check(
        &given.conversation,
        r#"{"numbered":10,"effects":5,"route":{"live":{"id":"ses_1","desk":"default","user":"u-kim","asked_at":999970000,"asked_after":8,"stage":{"waiting":{"phase":"queued","held":[9,10],"estimate":"8 Seconds"}}}},"visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":null,"opened":true,"bot_away":false}"#,
    );
    for (phase, stored) in [
        (Phase::Requested, r#""requested""#),
        (Phase::Accepted { at: Timestamp(7) }, r#"{"accepted":{"at":7}}"#),
        (Phase::Queued, r#""queued""#),
    ] {
        assert_eq!(serde_json::to_string(&phase).unwrap(), stored);
        let whole = serde_json::to_string(&waiting(phase).conversation).unwrap();
        assert!(whole.contains(&format!("\"phase\":{stored}")), "{whole}");
    }
}

#[test]
fn a_talk_is_stored_like_this() {
    let mut given = asked(&["Yes"]);
    given.talk().agent.id = Some("a1".to_owned());
    check(
        &given.conversation,
        r#"{"numbered":11,"effects":5,"route":{"live":{"id":"ses_1","desk":"default","user":"u-kim","asked_at":999970000,"asked_after":8,"stage":{"active":{"agent":{"name":"Ola","id":"a1"},"user_spoke_at":999980000,"heard_at":1000000000,"warned":false,"transferring":false,"since":999975000,"answer":{"owed":{"since":999980000}},"asked":{"by":11,"wants":"choice","required":true,"options":[{"label":"Yes","value":"v1"}]}}}}},"visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":null,"opened":true,"bot_away":false}"#,
    );
}

#[test]
fn a_pending_question_is_stored_like_this() {
    let secret = Wants::Text { secret: true };
    let question = Question { wants: secret, required: false };
    let asked = Some(Asked { by: Number(9), question, options: Vec::new(), cut: true });
    let mut given = live(Stage::Active(Talk { asked: asked.clone(), ..talk() }));
    let crate::Route::Live(session) = &mut given.conversation.route else { panic!("it is open") };
    session.changing = vec![Changing { id: "0a1b".to_owned(), of: Number(8), at: Timestamp(7) }];
    let stored = serde_json::to_string(&given.conversation).unwrap();
    let expected = r#""asked":{"by":9,"wants":{"text":{"secret":true}},"cut":true}"#;
    assert!(stored.contains(expected), "{stored}");
    let expected = r#""changing":[{"id":"0a1b","of":8,"at":7}],"stage""#;
    assert!(stored.contains(expected), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), given.conversation);
    let mut given = waiting(Phase::Queued);
    given.waiting().asked = asked;
    let stored = serde_json::to_string(&given.conversation).unwrap();
    let expected =
        r#""estimate":null,"asked":{"by":9,"wants":{"text":{"secret":true}},"cut":true}"#;
    assert!(stored.contains(expected), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), given.conversation);
}

#[test]
fn what_the_version_before_held_and_ordered_goes_whole_however_long() {
    let mut given = stage("bot");
    given.conversation = serde_json::from_str(PREVIOUS[0].1).unwrap();
    let step = given.after(super::given::news(vec![crate::News::AgentHere(Agent::default())]));
    let parts: Vec<_> = step
        .effects
        .iter()
        .filter_map(|effect| match effect.what {
            What::Say { message, part, .. } => Some((message.0, part)),
            _ => None,
        })
        .collect();
    assert_eq!(parts, [(9, None), (10, None)]);
    // The order of an earlier version names no part.
    let stored = r#"{"number":5,"what":{"do":"say","session":"ses_1","desk":"default","user":"u-kim","email":null,"message":9},"expires_at":1000000000}"#;
    let effect: Effect = serde_json::from_str(stored).unwrap();
    assert!(matches!(effect.what, What::Say { part: None, .. }));
}

#[test]
fn a_question_that_the_version_before_stored_can_still_be_answered() {
    let (_, stored) = PREVIOUS[2];
    let mut given = stage("bot");
    given.conversation = serde_json::from_str(stored).unwrap();
    check_step(
        &given,
        super::given::user_says("yes"),
        "active Ola; user \"yes\" chose v1; -> say 12; = 12",
    );
    let none = stored.replace(r#"[{"label":"Yes","value":"v1"}]"#, "[]");
    given.conversation = serde_json::from_str(&none).unwrap();
    assert_eq!(given.talk().asked, None);
}

#[test]
fn the_record_at_the_desk_is_stored_only_where_it_is_known() {
    let mut given = stage("queued");
    let without = serde_json::to_string(&given.conversation).unwrap();
    assert!(!without.contains("desk_conversation"), "{without}");
    let live = match &mut given.conversation.route {
        crate::Route::Live(session) => session,
        crate::Route::Bot => panic!("it is open"),
    };
    live.desk_conversation = Some("0123".to_owned());
    let stored = serde_json::to_string(&given.conversation).unwrap();
    assert!(stored.contains(r#","desk_conversation":"0123","stage":"#), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), given.conversation);
}

#[test]
fn an_answer_is_stored_like_this() {
    let rows = [
        (Answer::Given, r#""given""#),
        (Answer::Owed { since: Timestamp(7) }, r#"{"owed":{"since":7}}"#),
        (Answer::Missed, r#""missed""#),
    ];
    for (answer, stored) in rows {
        assert_eq!(serde_json::to_string(&answer).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Answer>(stored).unwrap(), answer);
    }
}

#[test]
fn the_agent_before_is_stored_beside_the_one_who_is_there() {
    let before = Some(super::given::agent("Ola"));
    let given = live(Stage::Active(Talk { before, ..talk() }));
    let stored = serde_json::to_string(&given.conversation).unwrap();
    assert!(stored.contains(r#""since":999975000,"before":{"name":"Ola"},"answer""#), "{stored}");
    assert_eq!(serde_json::from_str::<Conversation>(&stored).unwrap(), given.conversation);
}

#[test]
fn a_connected_talk_is_stored_under_its_own_name() {
    let stored = serde_json::to_string(&stage("connected").conversation).unwrap();
    assert!(stored.contains(r#""stage":{"connected":{"agent":{"name":"Ola"},"#), "{stored}");
}

#[test]
fn an_ended_session_is_stored_like_this() {
    check(
        &stage("completed").conversation,
        r#"{"numbered":10,"effects":5,"route":"bot","visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":{"id":"ses_1","desk":"default","user":"u-kim","status":"completed","reason":"agent_ended","at":999999000,"told_undelivered":false},"opened":true,"bot_away":false}"#,
    );
}

#[test]
fn an_effect_is_stored_like_this() {
    let rows = [
        (
            "ask",
            r#"{"number":5,"what":{"do":"ask","session":"ses_1","desk":"default","user":"u-kim","email":null,"name":null,"upto":8,"context":null},"expires_at":1000000000}"#,
        ),
        (
            "say",
            r#"{"number":5,"what":{"do":"say","session":"ses_1","desk":"default","user":"u-kim","email":null,"message":9},"expires_at":1000000000}"#,
        ),
        (
            "end",
            r#"{"number":5,"what":{"do":"end","session":"ses_1","desk":"default","user":"u-kim"},"expires_at":1000000000}"#,
        ),
        (
            "say_secret",
            r#"{"number":5,"what":{"do":"say","session":"ses_1","desk":"default","user":"u-kim","email":null,"message":9,"part":1,"words":"4711"},"expires_at":1000000000}"#,
        ),
        ("greet", r#"{"number":5,"what":{"do":"greet"},"expires_at":1000000000}"#),
        ("to_bot", r#"{"number":5,"what":{"do":"to_bot","message":9},"expires_at":1000000000}"#),
        (
            "tell_bot",
            r#"{"number":5,"what":{"do":"tell_bot","session":"ses_1","news":{"state":"accepted","agent":null},"after":8,"upto":10},"expires_at":1000000000}"#,
        ),
    ];
    for (kind, stored) in rows {
        let effect = effect(kind);
        assert_eq!(serde_json::to_string(&effect).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Effect>(stored).unwrap(), effect);
        assert_eq!(effect.what.kind(), kind.trim_end_matches("_secret"));
    }
}

#[test]
fn news_for_the_bot_is_stored_like_this() {
    let agent = Some("Ola".to_owned());
    let rows = [
        (
            BotNews::Completed { agent, reason: EndReason::AgentEnded },
            r#"{"state":"completed","agent":"Ola","reason":"agent_ended"}"#,
        ),
        (
            BotNews::Failed { reason: EndReason::NoAgent },
            r#"{"state":"failed","reason":"no_agent"}"#,
        ),
    ];
    for (news, stored) in rows {
        assert_eq!(serde_json::to_string(&news).unwrap(), stored);
        assert_eq!(serde_json::from_str::<BotNews>(stored).unwrap(), news);
    }
}

#[test]
fn a_log_entry_is_stored_like_this() {
    let rows = [
        (Content::Said(Said::words("hi")), r#"{"said":{"text":"hi"}}"#),
        (Content::Notice(Notice::BackWithBot), r#"{"notice":{"key":"back_with_bot"}}"#),
        (
            Content::Notice(Notice::Failed { reason: EndReason::Lost }),
            r#"{"notice":{"key":"failed","reason":"lost"}}"#,
        ),
        (
            Content::Context(Context::from([("topic".to_owned(), "pay".to_owned())])),
            r#"{"context":{"topic":"pay"}}"#,
        ),
    ];
    for (content, stored) in rows {
        assert_eq!(serde_json::to_string(&content).unwrap(), stored);
        assert_eq!(serde_json::from_str::<Content>(stored).unwrap(), content);
    }
    let agent = Author::Agent(super::given::agent("Ola"));
    assert_eq!(serde_json::to_string(&agent).unwrap(), r#"{"agent":{"name":"Ola"}}"#);
    assert_eq!(serde_json::to_string(&Author::Gateway).unwrap(), r#""gateway""#);
}

#[test]
fn a_reason_is_stored_as_its_code_and_a_notice_as_its_key() {
    for reason in REASONS {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.code());
    }
    let estimate = "8 Seconds".to_owned();
    let notices = [
        Notice::Asked,
        Notice::Waiting { estimate: estimate.clone() },
        Notice::Connected { agent: None, avatar: None },
        Notice::Transferring { estimate },
        Notice::Transferred { agent: None, avatar: None },
        Notice::Held,
        Notice::WentThrough,
        Notice::IdleWarning,
        Notice::Ended { by: crate::EndedBy::User },
        Notice::Ended { by: crate::EndedBy::Operator },
        Notice::NobodyThere,
        Notice::Cancelled,
        Notice::Failed { reason: EndReason::Lost },
        Notice::BusyElsewhere,
        Notice::Undelivered,
        Notice::BackWithBot,
        Notice::BotAway,
        Notice::AgentIdle { agent: None },
        Notice::UserLeft,
        Notice::NoMoreHeld,
        Notice::AnsweredTooLate,
        Notice::Masked,
        Notice::FileNotTaken { name: Some("a.exe".to_owned()), why: FileRefusal::NotAllowed },
        Notice::FileNotTaken { name: None, why: FileRefusal::Infected },
        Notice::FileNotPassedOn { name: None, why: FileRefusal::NotGiven },
    ];
    let address = "https://chat.example/files/x".to_owned();
    let linked = Notice::FileLinked { name: "a.pdf".to_owned(), address };
    for notice in notices.into_iter().chain([linked]) {
        assert_eq!(serde_json::to_value(&notice).unwrap()["key"], notice.key());
    }
}

#[test]
fn a_state_without_the_members_that_came_later_can_be_read() {
    let oldest = r#"{"numbered":3,"effects":1,"route":"bot"}"#;
    let read: Conversation = serde_json::from_str(oldest).unwrap();
    assert_eq!(read, Conversation { numbered: Number(3), effects: read.effects, ..read.clone() });
    assert!(read.visitor.is_none() && read.past.is_none() && !read.opened && !read.bot_away);
}

/// States as the version before stored them: without when the agent came, whether they answered, and
/// whether the user is away.
const PREVIOUS: [(&str, &str); 3] = [
    (
        "queued holding 2",
        r#"{"numbered":10,"effects":5,"route":{"live":{"id":"ses_1","desk":"default","user":"u-kim","asked_at":999970000,"asked_after":8,"stage":{"waiting":{"phase":"queued","held":[9,10],"estimate":"8 Seconds"}}}},"visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":null,"opened":true,"bot_away":false}"#,
    ),
    (
        "connected Ola",
        r#"{"numbered":10,"effects":5,"route":{"live":{"id":"ses_1","desk":"default","user":"u-kim","asked_at":999970000,"asked_after":8,"stage":{"connected":{"agent":{"name":"Ola"},"user_spoke_at":999980000,"heard_at":1000000000,"warned":false,"transferring":false}}}},"visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":null,"opened":true,"bot_away":false}"#,
    ),
    (
        "active Ola asking 1",
        r#"{"numbered":11,"effects":5,"route":{"live":{"id":"ses_1","desk":"default","user":"u-kim","asked_at":999970000,"asked_after":8,"stage":{"active":{"agent":{"name":"Ola","id":"a1"},"user_spoke_at":999980000,"heard_at":1000000000,"warned":false,"transferring":false,"asked":[{"label":"Yes","value":"v1"}]}}}},"visitor":{"user":"u-kim","email":"kim@example.org","name":"Kim"},"past":null,"opened":true,"bot_away":false}"#,
    ),
];

#[test]
fn what_the_version_before_stored_goes_on() {
    for (name, stored) in PREVIOUS {
        let mut given = stage("bot").with_policy(|policy| {
            policy.agent_idle = Some(std::time::Duration::from_secs(1));
        });
        given.conversation = serde_json::from_str(stored).unwrap();
        check_step(&given, Event::UserBack, "nothing");
        check_step(&given, Event::UserAway, &format!("{name} (user away)"));
        let (at, why) = given.conversation.deadline(&given.policy).expect("it is open");
        assert!(at > given.now, "{name} is not overdue for what it did not know");
        assert_ne!(why, crate::Wake::AgentIdle, "{name}");
        assert!(given.after(Event::UserEnds).conversation.live().is_none());
        if given.conversation.live().is_some_and(|live| live.status() != crate::Status::Waiting) {
            assert_eq!(given.talk().since, Timestamp(0), "the agent came long ago");
            assert_eq!(given.talk().answer, Answer::Given);
        }
    }
}

#[test]
fn ids_are_stored_as_bare_text() {
    assert_eq!(serde_json::to_string(&session_id("ses_1")).unwrap(), r#""ses_1""#);
    assert_eq!(serde_json::to_string(&sender("m1")).unwrap(), r#""m1""#);
    let greet = effect("greet");
    assert!(matches!(greet.what, What::Greet));
}
