//! What the desk says while its session is open.

use super::given::{
    active, agent, agent_said, asked, check, desk_said, holding, live, news, question, stage,
    table, talk, user_says,
};
use crate::{
    Agent, Answer, Content, Event, Message, News, OVERTAKEN_FOR, Said, Stage, Talk, What,
    id::Timestamp, step::tests::given::Given,
};

#[test]
fn a_queue_is_news_only_before_it_is_known() {
    table(
        &news(vec![News::Queued]),
        &[
            ("bot queued completed failed cancelled", "nothing"),
            ("requested accepted", "queued"),
            ("connected", "connected Ola"),
            ("active", "active Ola"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

#[test]
fn an_estimate_is_passed_on_and_in_a_talk_means_waiting_again() {
    table(
        &news(vec![News::Estimate("8 Seconds".to_owned())]),
        &[
            ("bot completed failed cancelled", "nothing"),
            ("requested accepted queued", "queued; tell waiting 8 Seconds"),
            ("connected", "connected Ola transferring; tell transferring 8 Seconds"),
            ("active", "active Ola transferring; tell transferring 8 Seconds"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

#[test]
fn an_unnamed_agent_connects_and_ends_a_transfer() {
    table(
        &news(vec![News::AgentHere(Agent::default())]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "connected; tell connected; -> tell bot ses_1 accepted 8..11; row ses_1 connected",
            ),
            ("connected", "connected Ola"),
            ("active", "active Ola"),
            ("transferring", "active; tell transferred"),
        ],
    );
}

#[test]
fn the_agent_who_is_there_already_is_no_news() {
    table(
        &news(vec![News::AgentHere(agent("Ola"))]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "connected Ola; tell connected Ola; -> tell bot ses_1 accepted Ola 8..11; \
                 row ses_1 connected",
            ),
            ("connected", "connected Ola"),
            ("active", "active Ola"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

#[test]
fn another_agent_takes_over() {
    table(
        &news(vec![News::AgentHere(agent("Bo"))]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "connected Bo; tell connected Bo; -> tell bot ses_1 accepted Bo 8..11; \
                 row ses_1 connected",
            ),
            ("connected", "connected Bo; tell transferred Bo"),
            ("active transferring", "active Bo; tell transferred Bo"),
        ],
    );
}

#[test]
fn active_connects_who_waits_and_makes_a_talk_active() {
    table(
        &news(vec![News::Active]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "connected; tell connected; -> tell bot ses_1 accepted 8..11; row ses_1 connected",
            ),
            ("connected", "active Ola; row ses_1 active"),
            ("active", "active Ola"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

#[test]
fn an_agents_words_connect_and_are_shown() {
    table(
        &news(vec![agent_said("Ola", "hi", None)]),
        &[
            ("bot cancelled", "nothing"),
            (
                "requested accepted queued",
                "active Ola; tell connected Ola; agent Ola \"hi\"; \
                 -> tell bot ses_1 accepted Ola 8..11; row ses_1 connected; row ses_1 active",
            ),
            ("connected", "active Ola; agent Ola \"hi\"; row ses_1 active"),
            ("active", "active Ola; agent Ola \"hi\""),
            ("transferring", "active Ola transferring; agent Ola \"hi\""),
            ("completed failed", "bot; agent Ola \"hi\""),
        ],
    );
}

#[test]
fn another_agents_words_are_a_take_over() {
    table(
        &news(vec![agent_said("Bo", "hi", None)]),
        &[
            ("bot cancelled", "nothing"),
            (
                "requested accepted queued",
                "active Bo; tell connected Bo; agent Bo \"hi\"; \
                 -> tell bot ses_1 accepted Bo 8..11; row ses_1 connected; row ses_1 active",
            ),
            ("connected", "active Bo; tell transferred Bo; agent Bo \"hi\"; row ses_1 active"),
            ("active transferring", "active Bo; tell transferred Bo; agent Bo \"hi\""),
            ("completed failed", "bot; agent Bo \"hi\""),
        ],
    );
}

#[test]
fn words_of_an_unnamed_agent_are_no_take_over_unless_one_is_due() {
    table(
        &news(vec![News::AgentSaid {
            agent: Agent::default(),
            said: Said::words("hi"),
            key: None,
        }]),
        &[
            ("bot cancelled", "nothing"),
            (
                "requested accepted queued",
                "active; tell connected; agent \"hi\"; -> tell bot ses_1 accepted 8..11; \
                 row ses_1 connected; row ses_1 active",
            ),
            ("connected", "active Ola; agent \"hi\"; row ses_1 active"),
            ("active", "active Ola; agent \"hi\""),
            ("transferring", "active; tell transferred; agent \"hi\""),
            ("completed failed", "bot; agent \"hi\""),
        ],
    );
}

#[test]
fn the_desks_own_words_are_shown_when_the_chat_is_with_its_people() {
    table(
        &news(vec![desk_said("hm", true)]),
        &[
            ("bot completed failed cancelled", "nothing"),
            ("requested accepted queued", "queued; desk \"hm\""),
            ("connected", "connected Ola; desk \"hm\""),
            ("active", "active Ola; desk \"hm\""),
            ("transferring", "active Ola transferring; desk \"hm\""),
        ],
    );
}

#[test]
fn unsigned_words_are_markdown_unless_a_person_may_have_typed_them() {
    let said = |with_agents| {
        let said = Said { markdown: true, ..Said::words("**hm**") };
        news(vec![News::DeskSaid { said, key: None, with_agents }])
    };
    let is_markdown = |given: &Given, event| match &given.after(event).messages[..] {
        [Message { content: Content::Said(said), .. }] => said.markdown,
        other => panic!("{other:?}"),
    };
    assert!(is_markdown(&stage("active"), said(true)), "Ola signs hers");
    assert!(is_markdown(&stage("queued"), said(true)), "nobody is there");
    assert!(is_markdown(&stage("queued"), said(false)));
    let mut nameless = stage("active");
    nameless.talk().agent = Agent::default();
    assert!(!is_markdown(&nameless, said(true)), "it may be a person's");
    assert!(is_markdown(&nameless, said(false)));
    nameless.talk().transferring = true;
    assert!(!is_markdown(&nameless, said(true)), "who hands over may say more");
    let said = Said { markdown: true, streamed: true, ..Said::words("**hm**") };
    let ends_stream = news(vec![News::DeskSaid { said, key: None, with_agents: true }]);
    assert!(is_markdown(&nameless, ends_stream), "no person streams");
}

#[test]
fn the_virtual_agents_answer_before_any_queue_means_not_routed() {
    table(
        &news(vec![desk_said("hm", false)]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted",
                "bot; tell nobody_there; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed not_routed 8..12; strike ses_1 <6; \
                 row ses_1 fail not_routed",
            ),
            ("queued", "queued; desk \"hm\""),
            ("connected", "connected Ola; desk \"hm\""),
            ("active", "active Ola; desk \"hm\""),
            ("transferring", "active Ola transferring; desk \"hm\""),
        ],
    );
}

#[test]
fn nobody_there_ends_the_waiting_and_nothing_else() {
    table(
        &news(vec![News::Nobody { said: None }]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell nobody_there; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed no_agent 8..12; strike ses_1 <6; \
                 row ses_1 fail no_agent",
            ),
            ("connected", "connected Ola"),
            ("active", "active Ola"),
            ("transferring", "active Ola transferring"),
        ],
    );
}

#[test]
fn the_desks_words_for_nobody_there_are_shown() {
    table(
        &news(vec![News::Nobody { said: Some(Said::words("closed")) }]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; desk \"closed\"; tell nobody_there; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed no_agent 8..13; strike ses_1 <6; \
                 row ses_1 fail no_agent",
            ),
            ("connected", "connected Ola; desk \"closed\""),
            ("active", "active Ola; desk \"closed\""),
            ("transferring", "active Ola transferring; desk \"closed\""),
        ],
    );
}

#[test]
fn an_end_completes_a_talk_and_refuses_who_waits() {
    table(
        &news(vec![News::Ended]),
        &[
            ("bot", "nothing"),
            (
                "requested accepted queued",
                "bot; tell failed refused; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed refused 8..12; strike ses_1 <6; row ses_1 fail refused",
            ),
            (
                "connected active transferring",
                "bot; tell ended by agent Ola; tell back_with_bot; \
                 -> tell bot ses_1 completed Ola agent_ended 8..12; strike ses_1 <6; free ses_1; \
                 row ses_1 completed agent_ended",
            ),
            ("completed failed cancelled", "bot; free ses_1"),
        ],
    );
}

#[test]
fn letting_go_refuses_who_waits_and_loses_a_talk() {
    table(
        &news(vec![News::LetGo]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell failed refused; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed refused 8..12; strike ses_1 <6; row ses_1 fail refused",
            ),
            (
                "connected active transferring",
                "bot; tell failed lost; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed lost 8..12; strike ses_1 <6; row ses_1 fail lost",
            ),
        ],
    );
}

#[test]
fn fail_is_nobody_there_for_who_waits_and_a_lost_talk() {
    table(
        &news(vec![News::Failed]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell nobody_there; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed no_agent 8..12; strike ses_1 <6; \
                 row ses_1 fail no_agent",
            ),
            (
                "connected active transferring",
                "bot; tell failed lost; tell back_with_bot; -> end ses_1; \
                 -> tell bot ses_1 failed lost 8..12; strike ses_1 <6; row ses_1 fail lost",
            ),
        ],
    );
}

#[test]
fn cancelled_withdraws_who_waits_and_completes_a_talk() {
    table(
        &news(vec![News::Cancelled]),
        &[
            ("bot completed failed cancelled", "nothing"),
            (
                "requested accepted queued",
                "bot; tell cancelled; tell back_with_bot; \
                 -> tell bot ses_1 failed desk_cancelled 8..12; strike ses_1 <6; free ses_1; \
                 row ses_1 cancelled desk_cancelled",
            ),
            (
                "connected active transferring",
                "bot; tell ended by agent Ola; tell back_with_bot; \
                 -> tell bot ses_1 completed Ola agent_ended 8..12; strike ses_1 <6; free ses_1; \
                 row ses_1 completed agent_ended",
            ),
        ],
    );
}

/// The entries that are sent to the desk, in order.
fn sent(given: &Given, event: Event) -> Vec<u64> {
    let words = given.after(event).effects.into_iter().filter_map(|effect| match effect.what {
        What::Say { message, .. } => Some(message.0),
        _ => None,
    });
    words.collect()
}

#[test]
fn held_words_are_delivered_in_order_when_somebody_is_there_and_before_later_ones() {
    for arrival in [News::AgentHere(agent("Ola")), News::Active, agent_said("Ola", "hello", None)] {
        let given = holding().then(user_says("and hurry"));
        assert_eq!(sent(&given, news(vec![arrival.clone()])), [9, 10, 11]);
        let given = given.then(news(vec![arrival]));
        let later = given.after(user_says("there you are"));
        let [say] = later.effects.as_slice() else { panic!("{:?}", later.effects) };
        assert_eq!(say.number, given.conversation.effects.next(), "behind those that were held");
    }
}

#[test]
fn held_words_alone_do_not_make_a_session_active() {
    check(
        &holding(),
        news(vec![News::AgentHere(agent("Ola"))]),
        "connected Ola; tell connected Ola; -> say 9; -> say 10; \
         -> tell bot ses_1 accepted Ola 8..11; row ses_1 connected",
    );
}

#[test]
fn the_user_hears_of_an_estimate_only_when_it_changes() {
    let estimate = |text: &str| news(vec![News::Estimate(text.to_owned())]);
    let given = stage("accepted").then(estimate("2 Minutes"));
    check(&given, estimate("2 Minutes"), "nothing");
    check(&given, estimate("1 Minute"), "queued; tell waiting 1 Minute");
}

#[test]
fn a_transfer_is_a_phase_of_the_talk_and_told_step_by_step() {
    let spinner = || news(vec![News::Estimate("1 Minute".to_owned())]);
    let given = active().then(spinner());
    check(&given, spinner(), "nothing");
    let farewell = news(vec![agent_said("Ola", "Bo knows more", None)]);
    check(&given, farewell.clone(), "active Ola transferring; agent Ola \"Bo knows more\"");
    let given = given.then(farewell);
    check(
        &given,
        news(vec![agent_said("Bo", "hello", None)]),
        "active Bo; tell transferred Bo; agent Bo \"hello\"",
    );
}

#[test]
fn an_estimate_that_trails_an_agents_arrival_is_no_transfer() {
    assert_eq!(OVERTAKEN_FOR.as_secs(), 15);
    let spinner = || news(vec![News::Estimate("8 Seconds".to_owned())]);
    let arrivals = [
        ("queued", News::AgentHere(agent("Bo")), "connected Bo"),
        ("accepted", News::Active, "connected"),
        ("requested", agent_said("Bo", "hello", None), "active Bo"),
        ("active", News::AgentHere(agent("Bo")), "active Bo"),
        ("transferring", agent_said("Bo", "hello", None), "active Bo"),
    ];
    for (name, arrival, standing) in arrivals {
        let given = stage(name).then(news(vec![arrival]));
        let came = given.now;
        let given = given.at(came.after(OVERTAKEN_FOR));
        let late = given.after(spinner());
        assert_eq!(late.messages, [], "{name}");
        let given = given.then(spinner()).at(Timestamp(came.after(OVERTAKEN_FOR).0 + 1));
        check(&given, spinner(), &format!("{standing} transferring; tell transferring 8 Seconds"));
    }
}

#[test]
fn last_words_that_the_next_agents_arrival_overtook_are_shown_and_are_no_transfer_back() {
    let farewell = || news(vec![agent_said("Ola", "Bo knows more", None)]);
    let given = || stage("transferring").then(news(vec![News::AgentHere(agent("Bo"))]));
    check(&given(), farewell(), "active Bo; agent Ola \"Bo knows more\"");
    check(&given(), news(vec![News::AgentHere(agent("Ola"))]), "nothing");
    let mut after = given().then(farewell());
    assert_ne!(after.talk().answer, Answer::Given, "Bo has still to say something");
    let later = Timestamp(given().now.after(OVERTAKEN_FOR).0 + 1);
    check(
        &given().at(later),
        farewell(),
        "active Ola; tell transferred Ola; agent Ola \"Bo knows more\"",
    );
    let third = news(vec![News::AgentHere(agent("Cy"))]);
    check(&given(), third, "active Cy; tell transferred Cy");
}

#[test]
fn an_arrival_and_the_estimate_of_the_wait_before_may_come_in_one_callback() {
    let both = vec![News::AgentHere(agent("Ola")), News::Estimate("8 Seconds".to_owned())];
    check(
        &stage("queued"),
        news(both),
        "connected Ola; tell connected Ola; -> tell bot ses_1 accepted Ola 8..11; \
         row ses_1 connected",
    );
}

#[test]
fn the_same_agent_once_more_does_not_make_the_next_estimate_late() {
    let mut given = active();
    let came = given.talk().since;
    let mut given = given.then(news(vec![News::AgentHere(agent("Ola"))]));
    assert_eq!(given.talk().since, came);
}

#[test]
fn agents_are_told_apart_by_id_before_name() {
    let known = |id: Option<&str>, name: Option<&str>| Agent {
        id: id.map(str::to_owned),
        name: name.map(str::to_owned),
        avatar: None,
    };
    let there = known(Some("1"), Some("Ola"));
    let rows = [
        (known(Some("1"), Some("Ola Nordmann")), false),
        (known(Some("2"), Some("Ola")), true),
        (known(None, Some("Ola")), false),
        (known(None, Some("Bo")), true),
        (known(Some("1"), None), false),
        (known(None, None), false),
    ];
    for (agent, another) in rows {
        let given = live(Stage::Active(Talk { agent: there.clone(), ..talk() }));
        let told = given.after(news(vec![News::AgentHere(agent.clone())])).messages.len();
        assert_eq!(told == 1, another, "{agent:?}");
    }
}

#[test]
fn a_name_that_comes_later_is_kept_and_never_overwritten_by_none() {
    let mut given = live(Stage::Active(Talk { agent: Agent::default(), ..talk() }));
    given = given.then(news(vec![News::AgentHere(agent("Ola"))]));
    given = given.then(news(vec![News::AgentHere(Agent::default())]));
    assert_eq!(given.talk().agent, agent("Ola"));
    check(
        &given,
        news(vec![News::Ended]),
        "bot; tell ended by agent Ola; tell back_with_bot; \
         -> tell bot ses_1 completed Ola agent_ended 8..12; strike ses_1 <6; free ses_1; \
         row ses_1 completed agent_ended",
    );
}

#[test]
fn the_flag_alone_ends_the_silence_after_a_request() {
    let given = stage("accepted").then(news(vec![desk_said("please stand by", true)]));
    let (at, _) = given.conversation.deadline(&given.policy).expect("an open session has one");
    assert_eq!(at, super::given::ago(30).after(given.policy.longest_wait));
}

#[test]
fn an_agents_question_is_remembered_even_if_it_is_their_first_word() {
    let asks = News::AgentSaid { agent: agent("Ola"), said: question(&["Yes", "No"]), key: None };
    check(
        &stage("queued"),
        news(vec![asks]),
        "active Ola asking 2; tell connected Ola; agent Ola \"which?\"; \
         -> tell bot ses_1 accepted Ola 8..11; row ses_1 connected; row ses_1 active",
    );
}

#[test]
fn words_without_options_leave_the_question_open_and_a_new_one_replaces_it() {
    let mut given = asked(&["Yes", "No"]).then(news(vec![agent_said("Ola", "well?", None)]));
    assert_eq!(given.talk().asked.as_ref().unwrap().options.len(), 2);
    let asks = News::DeskSaid { said: question(&["1", "2", "3"]), key: None, with_agents: true };
    assert_eq!(given.then(news(vec![asks])).talk().asked.as_ref().unwrap().options.len(), 3);
}

#[test]
fn one_callback_may_tell_a_whole_chat() {
    let story = vec![
        News::Queued,
        News::Estimate("8 Seconds".to_owned()),
        News::AgentHere(agent("Ola")),
        agent_said("Ola", "hello", Some("m1")),
        agent_said("Ola", "bye now", Some("m2")),
        News::Ended,
        News::LetGo,
        desk_said("How was it?", false),
    ];
    check(
        &stage("requested"),
        news(story),
        "bot; tell waiting 8 Seconds; tell connected Ola; agent Ola \"hello\"; \
         agent Ola \"bye now\"; tell ended by agent Ola; tell back_with_bot; \
         -> tell bot ses_1 accepted Ola 8..12; -> tell bot ses_1 completed Ola agent_ended 8..16; \
         strike ses_1 <7; free ses_1; row ses_1 connected; row ses_1 active; \
         row ses_1 completed agent_ended; key m1 13; key m2 14",
    );
}

#[test]
fn a_callback_that_says_nothing_changes_nothing() {
    for name in super::given::STAGES {
        check(&stage(name), news(Vec::new()), "nothing");
    }
}

#[test]
fn the_virtual_agents_answer_that_meant_not_routed_is_not_shown() {
    let picker = News::DeskSaid { said: question(&["Hardware"]), key: None, with_agents: false };
    let step = stage("accepted").after(news(vec![desk_said("I did not get that", false), picker]));
    let shown = step.messages.iter().any(|message| message.author == crate::Author::Desk);
    assert!(!shown, "{:?}", step.messages);
}

#[test]
fn while_a_transfer_waits_the_user_hears_of_each_new_estimate_once() {
    let estimate = |words: &str| news(vec![News::Estimate(words.to_owned())]);
    let given = super::given::active().then(estimate("1 Minute"));
    check(&given, estimate("1 Minute"), "nothing");
    check(&given, estimate("2 Minutes"), "active Ola transferring; tell waiting 2 Minutes");
    let given = given.then(estimate("2 Minutes"));
    check(&given, estimate("2 Minutes"), "nothing");
}
