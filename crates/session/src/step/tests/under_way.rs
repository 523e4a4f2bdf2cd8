//! Files that are on their way: they come, or the user is told.

use super::given::{Given, NOW, STAGES, sender, stage, user_said};
use crate::{
    Author, Content, Effect, Event, FileRefusal, Notice, Said, UNDER_WAY_FOR, UNDER_WAY_MAX,
    UnderWay, Wake, Way, What,
    id::{Number, Timestamp},
};

fn file(name: &str, way: Way) -> UnderWay {
    UnderWay { key: sender(name), name: name.to_owned(), way }
}

fn link() -> Way {
    Way::ToUser { address: "https://chat.example/files/x".to_owned() }
}

/// When a file counts as lost that was said to be on its way now.
fn overdue() -> Timestamp {
    NOW.after(UNDER_WAY_FOR)
}

/// The user said something with files that come after it.
fn announced(name: &str, way: Way) -> Given {
    let coming = vec![file("a.txt", way)];
    stage(name).then(user_said(Said { coming, ..Said::words("here it is") }, Some("k")))
}

/// The clock comes round.
fn clock(given: Given) -> (Given, Event) {
    let (due, why) = given.conversation.deadline(&given.policy).expect("there is a deadline");
    assert_eq!((due, why), (overdue(), Wake::FileOverdue));
    (given.at(due), Event::Deadline { due })
}

#[test]
fn a_file_that_nobody_brings_any_more_is_told_of_once() {
    for name in ["queued", "active", "completed"] {
        let (given, due) = clock(announced(name, Way::ToDesk));
        let step = given.after(due.clone());
        assert_eq!(step.messages.len(), 1, "{name}");
        assert_eq!(step.remember.len(), 1, "{name}");
        assert!(step.conversation.under_way.is_empty(), "{name}");
        let given = given.then(due.clone());
        assert_eq!(given.after(due).messages, vec![], "{name}");
        let late = user_said(Said::words(""), Some("a.txt"));
        assert_eq!(given.after(late).messages, vec![], "what was told is the last word: {name}");
    }
}

#[test]
fn what_is_told_names_the_file() {
    let (given, due) = clock(announced("active", Way::ToDesk));
    let told = &given.after(due).messages[0].content;
    let why = FileRefusal::NotNow;
    let expected = Notice::FileNotTaken { name: Some("a.txt".to_owned()), why };
    assert_eq!(*told, Content::Notice(expected));
}

#[test]
fn a_file_that_comes_is_expected_no_longer() {
    let given = announced("active", Way::ToDesk).then(user_said(Said::words(""), Some("a.txt")));
    assert!(given.conversation.under_way.is_empty());
    let lost = Event::FileLost {
        name: "a.txt".to_owned(),
        why: FileRefusal::NotNow,
        key: Some(sender("a.txt")),
    };
    assert_eq!(given.after(lost).messages, vec![], "it is there");
    let again = Event::FileUnderWay { file: file("a.txt", Way::ToDesk) };
    assert!(given.after(again).conversation.under_way.is_empty(), "it is there");
}

#[test]
fn a_file_that_is_given_up_is_told_of_at_once_and_not_again() {
    let lost = Event::FileLost {
        name: "a.txt".to_owned(),
        why: FileRefusal::NotNow,
        key: Some(sender("a.txt")),
    };
    let given = announced("active", Way::ToDesk);
    assert_eq!(given.after(lost.clone()).messages.len(), 1);
    let given = given.then(lost);
    assert!(given.conversation.under_way.is_empty());
}

#[test]
fn a_file_that_is_still_on_its_way_has_as_long_again() {
    let given = announced("active", Way::ToDesk);
    let later = Timestamp(NOW.0 + 10_000);
    let given = given.at(later).then(Event::FileUnderWay { file: file("a.txt", Way::ToDesk) });
    let until: Vec<_> = given.conversation.under_way.iter().map(|one| one.until).collect();
    assert_eq!(until, [later.after(UNDER_WAY_FOR)]);
}

#[test]
fn a_file_for_a_person_who_was_not_asked_for_is_not_missed() {
    let (given, due) = clock(announced("bot", Way::ToDeskIfLive));
    let step = given.after(due);
    assert_eq!(step.messages, vec![]);
    assert!(step.conversation.under_way.is_empty());
    let (given, due) = clock(announced("active", Way::ToDeskIfLive));
    assert_eq!(given.after(due).messages.len(), 1);
}

#[test]
fn a_file_that_did_not_get_to_where_its_user_wanted_it_opens_at_an_address() {
    for name in ["active", "completed"] {
        let given = stage(name).then(Event::FileUnderWay { file: file("plan", link()) });
        let there = given.after(Event::FileThere { key: sender("plan") });
        assert!(there.conversation.under_way.is_empty() && there.messages.is_empty(), "{name}");
        let (given, due) = clock(given);
        let told = format!("{:?}", given.after(due).messages);
        assert!(told.contains("file_linked"), "{name}: {told}");
    }
}

#[test]
fn more_files_than_can_be_expected_are_told_of_at_once() {
    let mut given = stage("active");
    for n in 0..UNDER_WAY_MAX {
        given = given.then(Event::FileUnderWay { file: file(&n.to_string(), Way::ToDesk) });
    }
    assert_eq!(given.conversation.under_way.len(), UNDER_WAY_MAX);
    let step = given.after(Event::FileUnderWay { file: file("more", Way::ToDesk) });
    assert_eq!(step.messages.len(), 1);
    assert_eq!(step.conversation.under_way.len(), UNDER_WAY_MAX);
}

#[test]
fn the_name_of_a_file_is_cut() {
    let long = UnderWay { name: "é".repeat(1_000), ..file("a", Way::ToDesk) };
    let given = stage("active").then(Event::FileUnderWay { file: long });
    assert_eq!(given.conversation.under_way[0].file.name.chars().count(), 200);
}

fn not_passed_on(by_agent: bool, shown_in: u64) -> Event {
    Event::FileNotPassedOn {
        shown_in: Number(shown_in),
        by_agent,
        name: Some("form.txt".to_owned()),
        why: FileRefusal::Infected,
        key: Some(sender("form")),
    }
}

#[test]
fn a_file_of_the_desks_that_does_not_come_is_told_to_its_user_once() {
    for name in STAGES {
        let step = stage(name).after(not_passed_on(false, 9));
        let [message] = &step.messages[..] else { panic!("{name}: {:?}", step.messages) };
        let (told, why) = (Some("form.txt".to_owned()), FileRefusal::Infected);
        let expected = Content::Notice(Notice::FileNotPassedOn { name: told, why });
        assert_eq!((&message.author, &message.content), (&Author::Gateway, &expected), "{name}");
        assert_eq!(step.effects, vec![], "the desk itself reads nothing: {name}");
        let again = stage(name).then(not_passed_on(false, 9)).after(not_passed_on(true, 9));
        assert_eq!((again.messages, again.effects), (vec![], vec![]), "{name}");
    }
}

#[test]
fn an_agent_who_sent_it_reads_what_the_user_reads() {
    for (name, shown_in, reads) in [
        ("connected", 9, true),
        ("active", 9, true),
        // Of the chat before.
        ("active", 8, false),
        ("transferring", 9, false),
        ("queued", 9, false),
        ("completed", 9, false),
        ("bot", 9, false),
    ] {
        let step = stage(name).after(not_passed_on(true, shown_in));
        let number = step.messages[0].number;
        let said = |effect: &Effect| match &effect.what {
            What::Say { message, part: None, words: None, .. } => *message == number,
            other => panic!("{name}: {other:?}"),
        };
        assert_eq!(
            step.effects.iter().map(said).collect::<Vec<_>>(),
            [true][..usize::from(reads)],
            "{name}"
        );
    }
}
