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
    let answer = Some(Given { to: Number(to), value: value.to_owned(), secret: false });
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
    let answer = Some(Given { to: Number(11), value: "v-Mail".to_owned(), secret: false });
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
            What::Say { message, part, .. } => Some((message.0, part.unwrap_or(0))),
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
    // Another thing is another entry, and both go on.
    let mut given = given.then(news(vec![progress("p2", "looking")]));
    check(&given, news(vec![progress("p1", "half")]), "active Ola; desk revises 11 \"half\"");
    check(&given, news(vec![progress("p2", "found")]), "active Ola; desk revises 12 \"found\"");
    // Of many, the first is known no more.
    for id in ["p3", "p4", "p5"] {
        given = given.then(news(vec![progress(id, "looking")]));
    }
    check(&given, news(vec![progress("p1", "late")]), "nothing");
    check(&given, news(vec![progress("p2", "found")]), "active Ola; desk revises 12 \"found\"");
}

#[test]
fn what_the_desk_changes_while_somebody_waits_keeps_its_place_too() {
    let given = waiting(Phase::Queued).then(news(vec![progress("p1", "looking")]));
    check(&given, news(vec![progress("p1", "found")]), "queued; desk revises 11 \"found\"");
    let came = given.then(news(vec![News::AgentHere(super::given::agent("Ola"))]));
    let step = came.after(news(vec![progress("p1", "found")]));
    assert!(matches!(step.messages[0].content, Content::Revised { of: Number(11), .. }));
}

fn secret_card(to: u64) -> Event {
    let answer = Some(Given { to: Number(to), value: "4711".to_owned(), secret: true });
    let payload = Some(Payload(r#"{"value":"4711"}"#.to_owned()));
    user_said(Said { answer, payload, ..Said::words("4711") }, Some("k"))
}

#[test]
fn the_secret_of_a_card_is_masked_wherever_it_comes_and_sent_only_where_it_is_asked_for() {
    let secret = Wants::Text { secret: true };
    let late = |given: &Story, standing: &str| {
        let step = given.after(secret_card(11));
        let number = step.answer;
        let told = format!(
            "{standing}; user \"••••••\"; tell answered_too_late; key k {number}; = {number}"
        );
        check(given, secret_card(11), &told);
        let stored = serde_json::to_string(&step.messages[0].content).unwrap();
        assert!(!stored.contains("4711"), "{stored}");
        assert_eq!(step.effects, [], "nobody gets it");
    };
    let asked = || asking(secret, &[]);
    let taken = "active Ola; user \"••••••\"; -> say 12 \"4711\"; key k 12; = 12";
    check(&asked(), secret_card(11), taken);
    // Pressed twice; asked anew; while nobody asks; with the bot; over.
    late(&asked().then(by_card(11, "4711")), "active Ola");
    late(&asked().then(asks(secret, &[])), "active Ola asking Text { secret: true }");
    late(&active(), "active Ola");
    late(&waiting(Phase::Queued), "queued");
    late(&stage("bot"), "bot");
    late(&stage("completed"), "bot");
    // The question that was asked anew is still open.
    let anew = asked().then(asks(secret, &[])).then(secret_card(11));
    let says = anew.after(user_says("4711")).effects;
    assert!(matches!(&says[0].what, What::Say { words: Some(words), .. } if words.0 == "4711"));
    // By a button that is answered at once.
    let Event::UserSaid { said, .. } = secret_card(11) else { unreachable!() };
    for given in [stage("bot"), active(), waiting(Phase::Queued)] {
        let step = given.after(Event::UserSeen { visitor: visitor(), told: Some(said.clone()) });
        let stored = serde_json::to_string(&step.messages[0].content).unwrap();
        assert!(!stored.contains("4711") && step.effects.is_empty(), "{stored}");
    }
}

#[test]
fn a_secret_is_what_was_typed_without_the_names_of_files() {
    let own_words = Some("4711".to_owned());
    let said = Said { own_words, ..Said::words("4711\n[file: a.png]") };
    check(
        &asking(Wants::Text { secret: true }, &[]),
        user_said(said, None),
        "active Ola; user \"••••••\"; -> say 12 \"4711\"; = 12",
    );
}

#[test]
fn a_phrase_is_one_whatever_goes_with_it() {
    let with_file = |text: &str| {
        let own_words = Some(text.to_owned());
        user_said(Said { own_words, ..Said::words(format!("{text}\n[file: a.png]")) }, None)
    };
    let asked = stage("bot").after(with_file("agent"));
    assert!(asked.conversation.live().is_some(), "a person is asked for");
    let ended = stage("active").after(with_file("end chat"));
    assert!(ended.conversation.live().is_none(), "the chat ends");
    let withdrawn = stage("queued").after(with_file("cancel"));
    assert!(withdrawn.conversation.live().is_none(), "the request is withdrawn");
}

#[test]
fn what_a_user_does_beside_leaves_the_question_open() {
    let reacts = Event::UserDid {
        visitor: visitor(),
        payload: Payload("{}".to_owned()),
        words: false,
        told: Some(Said::words("[Reacted]")),
        key: None,
    };
    let given = asking(Wants::Choice, &["Mail"]).then(reacts);
    check(&given, by_card(11, "v-Mail"), "active Ola; user \"Mail\" chose v-Mail; -> say 13; = 13");
}

#[test]
fn what_the_desk_asks_while_somebody_waits_is_answered_at_once() {
    let offered = |wants, labels: &[&str]| {
        waiting(Phase::Queued).then(user_says("hello")).then(asks(wants, labels))
    };
    let given = || offered(Wants::Choice, &["Keep waiting", "Open a ticket"]);
    check(
        &given(),
        by_card(12, "v-Open a ticket"),
        "queued holding 1; user \"Open a ticket\" chose v-Open a ticket; -> say 13; = 13",
    );
    check(
        &given(),
        user_says("keep waiting"),
        "queued holding 1; user \"keep waiting\" chose v-Keep waiting; -> say 13; = 13",
    );
    // Other words wait, and leave it open.
    check(&given(), user_says("how long?"), "queued holding 2; user \"how long?\"; = 13");
    let given_ = given().then(user_says("how long?"));
    assert_eq!(given_.after(user_says("keep waiting")).effects.len(), 1);
    assert!(given().after(user_says("cancel")).conversation.live().is_none());
    // Whoever is asked for words answers with the next; after that they wait again.
    let words = offered(Wants::Text { secret: false }, &[]);
    check(
        &words,
        user_says("it is dark"),
        "queued holding 1; user \"it is dark\"; -> say 13; = 13",
    );
    let after = words.then(user_says("it is dark"));
    check(&after, user_says("and cold"), "queued holding 2; user \"and cold\"; = 14");
    let secret = offered(Wants::Text { secret: true }, &[]);
    check(
        &secret,
        user_says("4711"),
        "queued holding 1; user \"••••••\"; -> say 13 \"4711\"; = 13",
    );
    // When somebody comes, what was held is told, and the question is none any more.
    let came = given().then(news(vec![News::AgentHere(super::given::agent("Ola"))]));
    assert!(came.conversation.live().unwrap().asked().is_none());
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
