//! From the rows of the instance's table of messages to what was missed.

use std::collections::HashMap;

use servicenow::client::{MissedFrom, MissedMessage};
use session::{Author, Content, Missed, Said, Session, id::Number};

use crate::{
    desk::news::{Wording, message_key},
    keeping::Entry,
};

/// Words, each as often as it was said.
#[derive(Debug, Default, Clone)]
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
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// Shown, and in the rows.
    shown: Words,
    /// What stood behind the gap before the fetch and was not met again yet.
    stood: Words,
    /// What came since.
    later: Words,
    /// As much of that as was shown.
    gone: Words,
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
                    self.gone.add(&said.text);
                }
            }
        }
    }

    /// The same, as if what came since were in the rows wherever these have its words: nearly always
    /// it is, and a fetch that begins after this was told shows what was not.
    pub(crate) fn taken_as_fetched(mut self) -> Self {
        for (words, times) in std::mem::take(&mut self.gone).0 {
            *self.shown.0.entry(words).or_default() += times;
        }
        self.later = Words::default();
        self.behind.iter_mut().for_each(|(_, stood)| *stood = true);
        self
    }
}

/// What rows say.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// What was missed, in order, and where what stands behind the gap belongs.
    pub(crate) missed: Vec<Missed>,
    /// What stands behind the gap and was shown already, by its place.
    pub(crate) shown: Vec<usize>,
    /// Words that came during the fetch and may be in it, as ones that were missed or were shown
    /// before: only another one tells.
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
    let places = match known {
        Some(known) => compare(rows, known, &mut reading),
        None => rows.iter().map(|_| Place::Missed).collect(),
    };
    let missed = |(row, place): (&MissedMessage, Place)| match (row.from, place) {
        (MissedFrom::Agent, _) if row.text.trim().is_empty() => None,
        (MissedFrom::Agent, Place::Behind { left }) => Some(Missed::BehindGap { left }),
        (MissedFrom::Agent, Place::Missed) => {
            let said = Said::words(row.text.clone());
            message_key(&row.id).map(|key| Missed::AgentSaid { said, key })
        }
        (MissedFrom::System, _) => wording.says_ended(&row.text).then_some(Missed::Ended),
        (MissedFrom::Agent, Place::Shown) | (MissedFrom::Unclear, _) => None,
    };
    reading.missed = rows.iter().zip(places).filter_map(missed).collect();
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
        .map(|row| {
            let is_shown = is_agents(row) && shown.take(&row.text);
            if is_shown { Place::Shown } else { Place::Missed }
        })
        .collect();
    let mut left = 0;
    for (at, (words, stood)) in behind.iter().enumerate().rev() {
        let says_so = |row: &MissedMessage| is_agents(row) && row.text.trim() == words;
        let free =
            |(row, place): &(&MissedMessage, &mut Place)| says_so(row) && **place == Place::Missed;
        if *stood && rows.iter().any(says_so) {
            let Some((_, place)) = rows.iter().zip(&mut places).rev().find(free) else {
                // A fetch that began after it was written has shown it already.
                reading.shown.push(at);
                continue;
            };
            *place = Place::Behind { left };
        }
        left += 1;
    }
    let is_unclear = |(row, place): (&MissedMessage, &Place)| {
        is_agents(row) && *place == Place::Missed && later.has(&row.text)
    };
    // What a fetch before this one has shown may still come by callback.
    let may_be_shown = |(words, stood): &(String, bool)| {
        let is_it = |(row, place): (&MissedMessage, &Place)| {
            is_agents(row) && *place == Place::Shown && row.text.trim() == words
        };
        !stood && rows.iter().zip(&places).any(is_it)
    };
    reading.unclear = rows.iter().zip(&places).any(is_unclear) || behind.iter().any(may_be_shown);
    places
}

/// All that agents said in these rows.
pub(crate) fn agents_words(rows: &[MissedMessage]) -> impl Iterator<Item = &str> {
    rows.iter().filter(|row| row.from == MissedFrom::Agent).map(|row| row.text.as_str())
}

#[cfg(test)]
mod tests;
