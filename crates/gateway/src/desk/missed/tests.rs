//! Which rows of the instance's table were missed.

use session::{
    Agent, AskedBy, BehindGap, News, Phase, Stage, Waiting,
    id::{DeskId, SessionId, Timestamp, UserId},
};

use super::*;

fn row(from: MissedFrom, text: &str, id: usize) -> MissedMessage {
    MissedMessage { id: format!("m{id}"), from, text: text.to_owned(), sent_at_ms: None }
}

fn said(texts: &[&str]) -> Vec<MissedMessage> {
    texts.iter().enumerate().map(|(id, text)| row(MissedFrom::Agent, text, id)).collect()
}

fn entry(number: u64, author: Author, text: &str) -> Entry {
    let content = Content::Said(Said::words(text));
    Entry { number: Number(number), at: Timestamp(1), author, content }
}

/// A chat behind whose gap these words of an agent stand.
fn chat(behind: &[&str]) -> Session {
    let said = |text: &&str| News::AgentSaid {
        agent: Agent::default(),
        said: Said::words(*text),
        key: None,
    };
    // Not only words stand there.
    let mut news = vec![News::Queued];
    news.extend(behind.iter().map(said));
    let phase = Phase::Queued;
    Session {
        id: SessionId::new("ses_1").unwrap(),
        desk: DeskId::new("default").unwrap(),
        user: UserId::new("kim").unwrap(),
        asked_at: Timestamp(0),
        asked_after: Number(0),
        away: false,
        desk_conversation: None,
        without_ids: true,
        user_away_since: None,
        met_at: None,
        agent_spoke: false,
        asked_by: AskedBy::User,
        changing: Vec::new(),
        behind_gap: Some(BehindGap { since: Timestamp(0), news }),
        stage: Stage::Waiting(Waiting { phase, held: Vec::new(), estimate: None, asked: None }),
    }
}

/// What was shown and what stood behind the gap before a fetch, and what came since.
fn known(shown: [&[&str]; 2], behind: [&[&str]; 2]) -> Known {
    let mut known = Known::new(&chat(behind[0]), &chat(behind[1]));
    for (number, texts) in [(5, shown[0]), (6, shown[1])] {
        for text in texts {
            // The user's own words stand for nothing an agent said.
            let agent = Author::Agent(Agent::default());
            let entries = [entry(number, agent, text), entry(number, Author::User, text)];
            known.count(&entries, Number(5));
        }
    }
    known
}

fn words(missed: Vec<Missed>) -> Vec<String> {
    let word = |missed| match missed {
        Missed::AgentSaid { said, key } => format!("{key} {}", said.text),
        Missed::BehindGap { left } => format!("all but {left}"),
        Missed::Ended => "ended".to_owned(),
    };
    missed.into_iter().map(word).collect()
}

fn read(rows: &[&str], known: Known) -> Reading {
    super::read(&said(rows), &Wording::default(), Some(known))
}

#[test]
fn each_shown_line_stands_for_one_row_with_the_same_words() {
    for (rows, log, expected) in [
        (&["ok", "well"][..], &[][..], &["sn:m0 ok", "sn:m1 well"][..]),
        (&["ok", "well"], &["ok"], &["sn:m1 well"]),
        (&["ok", "ok"], &["ok"], &["sn:m1 ok"]),
        (&["ok", "ok"], &["ok", "ok"], &[]),
        (&["ok", "ok", "ok"], &["ok"], &["sn:m1 ok", "sn:m2 ok"]),
        (&["a", "b", "a", "c"], &["a", "b"], &["sn:m2 a", "sn:m3 c"]),
        (&[" ok\n"], &["ok"], &[]),
        (&["ok"], &["OK", "other"], &["sn:m0 ok"]),
    ] {
        let reading = read(rows, known([log, &[]], [&[], &[]]));
        assert_eq!(words(reading.missed), expected, "{rows:?} {log:?}");
        assert!(!reading.unclear && reading.shown.is_empty());
    }
}

#[test]
fn each_line_behind_the_gap_stands_for_the_last_row_with_the_same_words() {
    for (rows, behind, expected) in [
        (&["a", "b"][..], &["b"][..], &["sn:m0 a", "all but 0"][..]),
        (&["a", "b", "c"], &["b"], &["sn:m0 a", "all but 0", "sn:m2 c"]),
        (&["a", "b", "c", "d"], &["b", "d"], &["sn:m0 a", "all but 1", "sn:m2 c", "all but 0"]),
        (&["ok", "a", "ok"], &["ok"], &["sn:m0 ok", "sn:m1 a", "all but 0"]),
        // Its words are written otherwise there: better twice than never.
        (&["a"], &["b"], &["sn:m0 a"]),
        (&["a", "c"], &["b", "c"], &["sn:m0 a", "all but 0"]),
        // They overtook each other.
        (&["a", "b"], &["b", "a"], &["all but 0", "all but 1"]),
    ] {
        let reading = read(rows, known([&[], &[]], [behind, behind]));
        assert_eq!(words(reading.missed), expected, "{rows:?} {behind:?}");
        assert!(!reading.unclear && reading.shown.is_empty());
    }
    let reading = read(&["ok", "a", "ok"], known([&["ok"], &[]], [&["ok"], &["ok"]]));
    assert_eq!(words(reading.missed), ["sn:m1 a", "all but 0"], "one is shown, one stands there");
}

#[test]
fn a_line_behind_the_gap_that_was_shown_since_it_was_written_is_not_shown_again() {
    // An earlier fetch had both; their callbacks came after it.
    let behind: &[&str] = &["ok", "well", "new"];
    let reading = read(&["ok", "well", "new"], known([&["ok", "well"], &[]], [behind, behind]));
    assert_eq!(words(reading.missed), ["all but 0"]);
    assert_eq!(reading.shown, [1, 0]);
    // Of two that say the same one was shown.
    let reading = read(&["ok", "ok"], known([&["ok"], &[]], [&["ok", "ok"], &["ok", "ok"]]));
    assert_eq!((words(reading.missed), reading.shown), (vec!["all but 0".to_owned()], vec![0]));
}

#[test]
fn words_that_came_during_the_fetch_are_unclear_only_if_it_has_them() {
    let came = |rows: &[&str], shown, behind| read(rows, known(shown, behind));
    for reading in [
        came(&["a", "ok"], [&[], &[]], [&[], &["ok"]]),
        came(&["a", "ok"], [&[], &["ok"]], [&[], &[]]),
        came(&["ok", "a", "ok"], [&["ok"], &[]], [&[], &["ok"]]),
        // An earlier fetch may have shown them, so that this is their own callback.
        came(&["a", "ok"], [&["ok"], &[]], [&[], &["ok"]]),
    ] {
        assert!(reading.unclear, "the fetch has them, or others that say the same");
    }
    for (reading, expected) in [
        (came(&["a"], [&[], &[]], [&[], &["ok"]]), &["sn:m0 a"][..]),
        (came(&["a", "ok"], [&[], &[]], [&["ok"], &["ok", "ok"]]), &["sn:m0 a", "all but 1"]),
        // It stood behind the gap before the fetch, and went on since.
        (came(&["a", "ok"], [&[], &["ok"]], [&["ok"], &[]]), &["sn:m0 a"]),
    ] {
        assert!(!reading.unclear, "all that the fetch has is accounted for: they are new");
        assert_eq!(words(reading.missed), expected);
    }
}

#[test]
fn what_is_unclear_can_be_taken_as_fetched() {
    let taken = |rows: &[&str], shown, behind| read(rows, known(shown, behind).taken_as_fetched());
    for (reading, expected, shown) in [
        (taken(&["a", "ok"], [&[], &[]], [&[], &["ok"]]), &["sn:m0 a", "all but 0"][..], &[][..]),
        (taken(&["a", "ok"], [&[], &["ok"]], [&[], &[]]), &["sn:m0 a"], &[]),
        (taken(&["a", "ok"], [&["ok"], &[]], [&[], &["ok"]]), &["sn:m0 a"], &[0]),
        (taken(&["a"], [&[], &[]], [&[], &["ok"]]), &["sn:m0 a"], &[]),
    ] {
        assert!(!reading.unclear);
        assert_eq!(
            (words(reading.missed), reading.shown),
            (expected.iter().map(|&line| line.to_owned()).collect(), shown.to_vec())
        );
    }
}

#[test]
fn with_ids_all_words_come_and_the_keys_decide() {
    let reading = super::read(&said(&["ok", "ok", " "]), &Wording::default(), None);
    assert_eq!(words(reading.missed), ["sn:m0 ok", "sn:m1 ok"]);
}

#[test]
fn of_the_instances_own_texts_only_an_end_counts() {
    let rows = [
        row(MissedFrom::System, "Dana has entered the chat.", 1),
        row(MissedFrom::Unclear, "Dana has closed the support session.", 2),
        row(MissedFrom::System, "Dana has closed the support session.", 3),
    ];
    assert_eq!(words(super::read(&rows, &Wording::default(), None).missed), ["ended"]);
}
