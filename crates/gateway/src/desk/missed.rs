//! From the rows of the instance's table of messages to what was missed.

use std::collections::HashMap;

use servicenow::client::{MissedFrom, MissedMessage};
use session::{Author, Content, Missed, Said, Session, id::Number};

use crate::{
    desk::news::{Wording, message_key},
    keeping::Entry,
};

/// Words, each as often as it was said.
#[derive(Debug, Default)]
struct Words(HashMap<String, usize>);

impl Words {
    fn add(&mut self, words: &str) {
        *self.0.entry(words.trim().to_owned()).or_default() += 1;
    }

    fn has(&self, words: &str) -> bool {
        self.0.get(words.trim()).is_some_and(|left| *left > 0)
    }

    /// Takes one line with these words away, if there is one.
    fn take(&mut self, words: &str) -> bool {
        match self.0.get_mut(words.trim()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}

/// What agents said in a chat whose desk gives no ids, as far as it was shown or stands behind the gap.
///
/// What was there before the fetch began is in the rows, because the instance writes a message down
/// before it calls back. What came later is in them, or not.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Shown, and in the rows.
    shown: Words,
    /// What stood behind the gap before the fetch and was not met again yet.
    stood: Words,
    /// What came since.
    later: Words,
    /// What stands behind the gap, in order; whether it was there before the fetch.
    behind: Vec<(String, bool)>,
}

impl Known {
    /// What stands behind the gap of this chat, as it stood before the fetch and as it stands now.
    pub(crate) fn new(before: &Session, now: &Session) -> Self {
        let mut known = Self::default();
        before.said_behind_gap().for_each(|said| known.stood.add(&said.text));
        for said in now.said_behind_gap() {
            let words = said.text.trim().to_owned();
            let stood = known.stood.take(&words);
            if !stood {
                known.later.add(&words);
            }
            known.behind.push((words, stood));
        }
        known
    }

    /// Counts what agents said in these entries; those up to `before` were there before the fetch.
    pub(crate) fn count(&mut self, entries: &[Entry], before: Number) {
        for entry in entries {
            if let (Author::Agent(_), Content::Said(said)) = (&entry.author, &entry.content) {
                // What stood behind the gap then may have gone on since.
                if entry.number <= before || self.stood.take(&said.text) {
                    self.shown.add(&said.text);
                } else {
                    self.later.add(&said.text);
                }
            }
        }
    }
}

/// What rows say.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What was missed, in order, and where what stands behind the gap belongs.
    pub(crate) missed: Vec<Missed>,
    /// What stands behind the gap and was shown already, by its place.
    pub(crate) shown: Vec<usize>,
    /// Words that were missed or came during the fetch: only another one tells.
    pub(crate) unclear: bool,
}

/// What these rows say that was missed, in their order.
///
/// Where the desk gives ids, all agents' words come and the session knows the repeats by their
/// keys. Where it gives none, each line that is shown or stands behind the gap stands for one row with
/// the same words, so that two messages that merely say the same stay two: what is shown for the
/// first of them, what stands behind the gap for the last.
pub(crate) fn read(rows: &[MissedMessage], wording: &Wording, known: Option<Known>) -> Reading {
    let mut reading = Reading::default();
    let mut places = match known {
        Some(known) => compare(rows, known, &mut reading),
        None => rows.iter().map(|_| Place::Missed).collect(),
    };
    let missed = |(row, place): (&MissedMessage, Place)| match (row.from, place) {
        (MissedFrom::Agent, _) if row.text.trim().is_empty() => None,
        (MissedFrom::Agent, Place::Shown) => None,
        (MissedFrom::Agent, Place::Behind { left }) => Some(Missed::BehindGap { left }),
        (MissedFrom::Agent, Place::Missed) => {
            let said = Said::words(row.text.clone());
            message_key(&row.id).map(|key| Missed::AgentSaid { said, key })
        }
        (MissedFrom::System, _) => wording.says_ended(&row.text).then_some(Missed::Ended),
        (MissedFrom::Unclear, _) => None,
    };
    reading.missed = rows.iter().zip(places.drain(..)).filter_map(missed).collect();
    reading
}

/// What stands for a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Missed,
    /// A line that was shown.
    Shown,
    /// A line behind the gap, which so many others follow there.
    Behind {
        left: usize,
    },
}

fn compare(rows: &[MissedMessage], known: Known, reading: &mut Reading) -> Vec<Place> {
    let Known { mut shown, later, behind, .. } = known;
    let is_agents = |row: &MissedMessage| row.from == MissedFrom::Agent;
    let mut places: Vec<Place> = rows
        .iter()
        .map(|row| match is_agents(row) && shown.take(&row.text) {
            true => Place::Shown,
            false => Place::Missed,
        })
        .collect();
    let mut left = 0;
    for (at, (words, stood)) in behind.iter().enumerate().rev() {
        let says_so = |row: &MissedMessage| is_agents(row) && row.text.trim() == words;
        let free =
            |(row, place): &(&MissedMessage, &mut Place)| says_so(row) && **place == Place::Missed;
        if *stood && rows.iter().any(says_so) {
            match rows.iter().zip(&mut places).rev().find(free) {
                Some((_, place)) => *place = Place::Behind { left },
                // A fetch that began after it was written has shown it already.
                None => {
                    reading.shown.push(at);
                    continue;
                }
            }
        }
        left += 1;
    }
    let is_unclear = |(row, place): (&MissedMessage, &Place)| {
        is_agents(row) && *place == Place::Missed && later.has(&row.text)
    };
    reading.unclear = rows.iter().zip(&places).any(is_unclear);
    places
}

/// All that agents said in these rows.
pub(crate) fn agents_words(rows: &[MissedMessage]) -> impl Iterator<Item = &str> {
    rows.iter().filter(|row| row.from == MissedFrom::Agent).map(|row| row.text.as_str())
}

#[cfg(test)]
mod tests {
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
            behind_gap: Some(BehindGap { since: Timestamp(0), news }),
            stage: Stage::Waiting(Waiting { phase, held: Vec::new(), estimate: None }),
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
        assert_eq!(
            words(reading.missed),
            ["sn:m1 a", "all but 0"],
            "one is shown, one stands there"
        );
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
        ] {
            assert!(reading.unclear, "the fetch has them, or others that say the same");
        }
        for (reading, expected) in [
            (came(&["a"], [&[], &[]], [&[], &["ok"]]), &["sn:m0 a"][..]),
            (came(&["a", "ok"], [&["ok"], &[]], [&[], &["ok"]]), &["sn:m0 a"]),
            (came(&["a", "ok"], [&[], &[]], [&["ok"], &["ok", "ok"]]), &["sn:m0 a", "all but 1"]),
            // It stood behind the gap before the fetch, and went on since.
            (came(&["a", "ok"], [&[], &["ok"]], [&["ok"], &[]]), &["sn:m0 a"]),
        ] {
            assert!(!reading.unclear, "all that the fetch has is accounted for: they are new");
            assert_eq!(words(reading.missed), expected);
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
}
