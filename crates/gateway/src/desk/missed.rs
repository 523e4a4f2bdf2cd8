//! From the rows of the instance's table of messages to what was missed.

use std::collections::HashMap;

use servicenow::client::{MissedFrom, MissedMessage};
use session::{Author, Content, Missed, Said};

use crate::{
    desk::news::{Wording, message_key},
    keeping::Entry,
};

/// The words of agents in a log, each as often as it was shown.
#[derive(Debug, Default)]
pub(crate) struct Shown(HashMap<String, usize>);

impl Shown {
    /// Counts what agents said in these entries.
    pub(crate) fn count(&mut self, entries: &[Entry]) {
        for entry in entries {
            if let (Author::Agent(_), Content::Said(said)) = (&entry.author, &entry.content) {
                *self.0.entry(said.text.trim().to_owned()).or_default() += 1;
            }
        }
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

/// What these rows say that was missed, in their order.
///
/// Where the desk gives ids, all agents' words come and the session knows the repeats by their
/// keys. Where it gives none, `shown` has what the whole chat showed so far: each line stands for
/// one row with the same words, so that two messages that merely say the same stay two.
pub(crate) fn read(
    rows: &[MissedMessage],
    wording: &Wording,
    mut shown: Option<Shown>,
) -> Vec<Missed> {
    let missed = |row: &MissedMessage| match row.from {
        MissedFrom::Agent if row.text.trim().is_empty() => None,
        MissedFrom::Agent if shown.as_mut().is_some_and(|shown| shown.take(&row.text)) => None,
        MissedFrom::Agent => {
            let said = Said::words(row.text.clone());
            message_key(&row.id).map(|key| Missed::AgentSaid { said, key })
        }
        MissedFrom::System => wording.says_ended(&row.text).then_some(Missed::Ended),
        MissedFrom::Unclear => None,
    };
    rows.iter().filter_map(missed).collect()
}

/// All that agents said in these rows.
pub(crate) fn agents_words(rows: &[MissedMessage]) -> impl Iterator<Item = &str> {
    rows.iter().filter(|row| row.from == MissedFrom::Agent).map(|row| row.text.as_str())
}

#[cfg(test)]
mod tests {
    use session::{
        Agent,
        id::{Number, Timestamp},
    };

    use super::*;

    fn row(from: MissedFrom, text: &str, id: usize) -> MissedMessage {
        MissedMessage { id: format!("m{id}"), from, text: text.to_owned(), sent_at_ms: None }
    }

    fn said(texts: &[&str]) -> Vec<MissedMessage> {
        texts.iter().enumerate().map(|(id, text)| row(MissedFrom::Agent, text, id)).collect()
    }

    fn shown(texts: &[&str]) -> Shown {
        let entry = |author: Author, text: &str| Entry {
            number: Number(1),
            at: Timestamp(1),
            author,
            content: Content::Said(Said::words(text)),
        };
        let mut shown = Shown::default();
        for text in texts {
            // The user's own words stand for nothing an agent said.
            shown.count(&[entry(Author::Agent(Agent::default()), text), entry(Author::User, text)]);
        }
        shown
    }

    fn words(missed: Vec<Missed>) -> Vec<String> {
        let word = |missed| match missed {
            Missed::AgentSaid { said, key } => format!("{key} {}", said.text),
            Missed::Ended => "ended".to_owned(),
        };
        missed.into_iter().map(word).collect()
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
            let missed = read(&said(rows), &Wording::default(), Some(shown(log)));
            assert_eq!(words(missed), expected, "{rows:?} {log:?}");
        }
    }

    #[test]
    fn with_ids_all_words_come_and_the_keys_decide() {
        let missed = read(&said(&["ok", "ok", " "]), &Wording::default(), None);
        assert_eq!(words(missed), ["sn:m0 ok", "sn:m1 ok"]);
    }

    #[test]
    fn of_the_instances_own_texts_only_an_end_counts() {
        let rows = [
            row(MissedFrom::System, "Dana has entered the chat.", 1),
            row(MissedFrom::Unclear, "Dana has closed the support session.", 2),
            row(MissedFrom::System, "Dana has closed the support session.", 3),
        ];
        assert_eq!(words(read(&rows, &Wording::default(), None)), ["ended"]);
    }
}
