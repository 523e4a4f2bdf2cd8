//! Questions of the desk, what the user answers, and what the desk changes of what it said.

use super::given::{
    active, agent_said, asked, check, news, stage, user_said, user_says, visitor, waiting,
};
use crate::{
    Author, Choice, Content, Event, Given, News, Payload, Phase, Question, Said, Wants, What,
    id::Number, parts::PART_UNITS_MAX, step::tests::given::Given as Story,
};

/// The desk asks for this, in entry 11.
fn asking(wants: Wants, labels: &[&str]) -> Story {
    active().then(asks(wants, labels))
}

fn asks(wants: Wants, labels: &[&str]) -> Event {
    let choice = |label: &&str| Choice { label: (*label).to_owned(), value: format!("v-{label}") };
    let options = labels.iter().map(choice).collect();
    let asks = Some(Question { wants, required: false });
    let said = Said { asks, options, ..Said::words("well?") };
    news(vec![News::DeskSaid { said, key: None, with_agents: true }])
}

fn by_card(to: u64, value: &str) -> Event {
    let answer = Some(Given { to: Number(to), value: value.to_owned() });
    user_said(Said { answer, ..Said::words(value) }, None)
}

#[test]
fn a_card_is_answered_with_the_value_and_read_with_the_label() {
    check(
        &asking(Wants::Choice, &["Mail", "Phone"]),
        by_card(11, "v-Phone"),
        "active Ola; user \"Phone\" chose v-Phone; -> say 12; = 12",
    );
    check(
        &asking(Wants::Choices, &["Mail", "Phone"]),
        by_card(11, "v-Phone,v-Mail"),
        "active Ola; user \"Phone, Mail\" chose v-Phone,v-Mail; -> say 12; = 12",
    );
    check(
        &asking(Wants::DateTime, &[]),
        by_card(11, "2026-12-01 14:30"),
        "active Ola; user \"2026-12-01 14:30\" in form 2026-12-01 14:30:00; -> say 12; = 12",
    );
    check(
        &asking(Wants::Text { secret: false }, &[]),
        by_card(11, "_skip_"),
        "active Ola; user \"skip\" chose _skip_; -> say 12; = 12",
    );
}

#[test]
fn what_people_type_is_sent_in_the_form_that_was_asked_for() {
    check(
        &asking(Wants::Date, &[]),
        user_says("1.12.2026"),
        "active Ola; user \"1.12.2026\" in form 2026-12-01; -> say 12; = 12",
    );
    check(
        &asking(Wants::Date, &[]),
        user_says("next week"),
        "active Ola; user \"next week\"; -> say 12; = 12",
    );
    check(
        &asking(Wants::YesNo, &["Yes", "No"]),
        user_says("nope"),
        "active Ola; user \"nope\" chose v-No; -> say 12; = 12",
    );
}

#[test]
fn a_question_is_answered_once_and_an_old_card_says_words() {
    let answered = asking(Wants::Choice, &["Mail"]).then(by_card(11, "v-Mail"));
    check(&answered, by_card(11, "v-Mail"), "active Ola; user \"v-Mail\"; -> say 13; = 13");
    // A new question is not answered by the card of the one before.
    let next = asking(Wants::Choice, &["Mail"]).then(asks(Wants::Choice, &["Mail"]));
    check(&next, by_card(11, "v-Mail"), "active Ola; user \"v-Mail\"; -> say 13; = 13");
    check(&next, by_card(12, "v-Mail"), "active Ola; user \"Mail\" chose v-Mail; -> say 13; = 13");
    check(&stage("bot"), by_card(11, "v-Mail"), "bot; user \"v-Mail\"; -> to bot 11; = 11");
    check(
        &waiting(Phase::Queued),
        by_card(11, "cancel"),
        "queued holding 1; user \"cancel\"; = 11",
    );
}

#[test]
fn a_plain_word_of_the_agent_leaves_the_question_pending() {
    let given = asked(&["Yes"]).then(news(vec![agent_said("Ola", "take your time", None)]));
    check(&given, user_says("yes"), "active Ola; user \"yes\" chose v1; -> say 13; = 13");
}

#[test]
fn a_secret_is_for_the_desk_alone() {
    let given = asking(Wants::Text { secret: true }, &[]);
    let payload = Some(Payload(r#"{"text":"4711"}"#.to_owned()));
    let typed = user_said(Said { payload, ..Said::words("4711") }, Some("k"));
    check(&given, typed.clone(), "active Ola; user \"••••••\"; -> say 12 \"4711\"; key k 12; = 12");
    let step = given.after(typed);
    let said = step.messages[0].content.said().unwrap();
    assert_eq!(said.payload, None, "the original holds it, too");
    assert_eq!(said.masked.as_ref().unwrap().key.as_ref().unwrap().as_str(), "k");
    check(&given, by_card(11, "4711"), "active Ola; user \"••••••\"; -> say 12 \"4711\"; = 12");
    let card = given.after(by_card(11, "4711"));
    assert_eq!(card.messages[0].content.said().unwrap().answer, None);
    check(
        &given.then(user_says("4711")),
        user_says("hello"),
        "active Ola; user \"hello\"; -> say 13; = 13",
    );
}

#[test]
fn who_is_asked_for_a_secret_can_end_the_chat_or_skip() {
    let given = || asking(Wants::Text { secret: true }, &[]);
    assert!(given().after(user_says("end chat")).conversation.live().is_none());
    check(&given(), user_says("skip"), "active Ola; user \"skip\" chose _skip_; -> say 12; = 12");
}

#[test]
fn a_button_that_is_answered_at_once_answers_the_question_too() {
    let answer = Some(Given { to: Number(11), value: "v-Mail".to_owned() });
    let told = Some(Said { answer, ..Said::words("v-Mail") });
    check(
        &asking(Wants::Choice, &["Mail"]),
        Event::UserSeen { visitor: visitor(), told },
        "active Ola; user \"Mail\" chose v-Mail; -> say 12",
    );
}

#[test]
fn long_words_reach_the_desk_in_parts_in_order() {
    let long = format!("{}{}", "a".repeat(PART_UNITS_MAX), " b".repeat(PART_UNITS_MAX / 2));
    let says = |step: &crate::Step| -> Vec<(u64, u16)> {
        let say = |what: &What| match what {
            What::Say { message, part, .. } => Some((message.0, *part)),
            _ => None,
        };
        step.effects.iter().filter_map(|effect| say(&effect.what)).collect()
    };
    let step = active().after(user_says(&long));
    assert_eq!(says(&step), [(11, 0), (11, 1), (11, 2)][..says(&step).len()]);
    assert!(says(&step).len() > 1 && step.messages.len() == 1);
    // Also what had to wait for an agent.
    let given = waiting(Phase::Queued).then(user_says("hi")).then(user_says(&long));
    let came = given.after(news(vec![News::AgentHere(super::given::agent("Ola"))]));
    let expected: Vec<_> = says(&step).into_iter().map(|(_, part)| (12, part)).collect();
    assert_eq!(says(&came), [vec![(11, 0)], expected].concat());
    // And what nobody else is to read.
    let secret = asking(Wants::Text { secret: true }, &[]).after(user_says(&long));
    let words: Vec<_> = secret
        .effects
        .iter()
        .filter_map(|effect| match &effect.what {
            What::Say { words, .. } => words.as_ref().map(|words| words.0.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(words, crate::parts::parts(&long));
}

fn progress(id: &str, words: &str) -> News {
    let said = Said { desk_id: Some(id.to_owned()), changes: true, ..Said::words(words) };
    let key = Some(super::given::sender(id));
    News::DeskSaid { said, key, with_agents: true }
}

#[test]
fn what_the_desk_changes_keeps_its_place() {
    let given = active().then(news(vec![progress("p1", "looking")]));
    check(&given, news(vec![progress("p1", "found")]), "active Ola; desk revises 11 \"found\"");
    let step = given.after(news(vec![progress("p1", "found")]));
    let at = given.now;
    assert!(matches!(step.messages[0].content, Content::Revised { at: then, .. } if then == at));
    assert_eq!(step.messages[0].author, Author::Desk);
    // Another thing is another entry, and what was changed before is known no more.
    let given = given.then(news(vec![progress("p2", "looking")]));
    check(&given, news(vec![progress("p1", "late")]), "nothing");
    check(&given, news(vec![progress("p2", "found")]), "active Ola; desk revises 12 \"found\"");
}

#[test]
fn progress_says_nothing_of_where_a_request_went() {
    for phase in ["requested", "accepted"] {
        let said = Said { desk_id: Some("p1".to_owned()), changes: true, ..Said::words("looking") };
        let event = news(vec![News::DeskSaid { said, key: None, with_agents: false }]);
        check(&stage(phase), event, "nothing");
    }
}

#[test]
fn what_is_changed_behind_a_gap_is_shown_as_it_stands() {
    let behind = |news: News| {
        let Event::Desk(callback) = super::given::news(vec![news]) else { unreachable!() };
        Event::Desk(crate::Callback { behind_gap: true, ..callback })
    };
    let given =
        active().then(behind(progress("p1", "looking"))).then(behind(progress("p1", "found")));
    let session = super::given::session_id("ses_1");
    let event = Event::CaughtUp { session, as_of: None, missed: Vec::new() };
    check(&given, event.clone(), "active Ola; desk \"found\"; = 11");
    // Of what was shown before the gap, it is shown at once.
    let shown = active().then(news(vec![progress("p1", "looking")]));
    check(&shown, behind(progress("p1", "found")), "active Ola; desk revises 11 \"found\"");
}
