//! What came in and what went out, in order, for tests and for people who look over the shoulder.
//!
//! Owns the records and their limit; it never decides anything.

use std::collections::VecDeque;

use serde_json::Value;

use crate::instance::Fate;

/// How many entries each side keeps; the oldest go first.
pub(crate) const ENTRIES_MAX: usize = 200_000;

/// One request to the Bot Integration endpoint.
#[derive(Debug, Clone)]
pub struct Received {
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The body; null when it was not JSON. A `token` member is masked.
    pub body: Value,
    /// The HTTP status it was answered with.
    pub status: u16,
    /// The body it was answered with, or would have been if the connection had not been closed.
    pub answer: Value,
    /// What the worker made of it.
    pub fate: Fate,
    /// What became of the files that it named, in their order.
    pub files: Vec<FileFate>,
}

/// What became of a file that a message named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFate {
    /// It is being fetched.
    Pending,
    /// The agent has it.
    Shown,
    /// The agent does not, and the caller is not told; the sentence says why.
    Dropped(&'static str),
}

/// What became of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver answered with this status. 403 and 404 count as delivered, as they did before
    /// Australia (PRB1913443).
    Answered(u16),
    /// No answer within five seconds.
    TimedOut,
    /// No connection, or it broke, or there is no usable webhook URL.
    Unreachable,
    /// Not sent: the conversation had been faulted by then, or the queue was full.
    Dropped,
    /// Not sent because of [`crate::Fault::Lost`] or [`crate::Fault::EndMissing`].
    Lost,
}

/// One callback.
#[derive(Debug, Clone)]
pub struct Sent {
    /// When its attempt was over, in milliseconds since the epoch.
    pub at: u64,
    /// The body that was, or would have been, posted.
    pub body: Value,
    /// What became of its only attempt.
    pub outcome: Outcome,
}

impl Outcome {
    /// The HTTP status the receiver answered, if it answered.
    pub(crate) fn status(self) -> Option<u16> {
        match self {
            Self::Answered(status) => Some(status),
            Self::TimedOut | Self::Unreachable | Self::Dropped | Self::Lost => None,
        }
    }

    /// What the admin API calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answered(_) => "answered",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Dropped => "dropped",
            Self::Lost => "lost",
        }
    }
}

impl Sent {
    /// The HTTP status the receiver answered, if it answered.
    pub fn status(&self) -> Option<u16> {
        self.outcome.status()
    }
}

/// Both records.
#[derive(Default)]
pub(crate) struct Ledger {
    received: VecDeque<Received>,
    forgotten: u64,
    pending: usize,
    sent: VecDeque<Sent>,
    sent_forgotten: u64,
}

impl Ledger {
    /// Adds a request and returns the number by which its fate can be told later.
    pub(crate) fn receive(&mut self, entry: Received) -> u64 {
        if self.received.len() == ENTRIES_MAX {
            self.received.pop_front();
            self.forgotten += 1;
        }
        self.pending += usize::from(entry.fate == Fate::Pending);
        self.received.push_back(entry);
        self.forgotten + self.received.len() as u64 - 1
    }

    /// Records what the worker made of a request; one that was dropped meanwhile is let go.
    pub(crate) fn decide(&mut self, number: u64, fate: Fate) {
        self.pending = self.pending.saturating_sub(1);
        if let Some(entry) = self.entry(number) {
            entry.fate = fate;
        }
    }

    /// Records the files that a request names.
    pub(crate) fn name_files(&mut self, number: u64, files: Vec<FileFate>) {
        if let Some(entry) = self.entry(number) {
            entry.files = files;
        }
    }

    /// Records what became of one of them.
    pub(crate) fn decide_file(&mut self, number: u64, index: usize, fate: FileFate) {
        if let Some(file) = self.entry(number).and_then(|entry| entry.files.get_mut(index)) {
            *file = fate;
        }
    }

    /// Forgets all entries. Numbers go on.
    pub(crate) fn clear(&mut self) {
        self.forgotten += self.received.len() as u64;
        self.received.clear();
        self.sent_forgotten += self.sent.len() as u64;
        self.sent.clear();
    }

    /// Whether a request waits for the worker.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending > 0
    }

    /// Requests from this number on, with their numbers.
    pub(crate) fn received_from(&self, first: u64) -> impl Iterator<Item = (u64, &Received)> {
        numbered(&self.received, self.forgotten, first)
    }

    /// Callbacks from this number on, with their numbers.
    pub(crate) fn sent_from(&self, first: u64) -> impl Iterator<Item = (u64, &Sent)> {
        numbered(&self.sent, self.sent_forgotten, first)
    }

    /// Records what a request was answered with after all.
    pub(crate) fn answer(&mut self, number: u64, answer: Value) {
        if let Some(entry) = self.entry(number) {
            entry.answer = answer;
        }
    }

    fn entry(&mut self, number: u64) -> Option<&mut Received> {
        let index = number.checked_sub(self.forgotten).and_then(|i| usize::try_from(i).ok());
        self.received.get_mut(index?)
    }

    pub(crate) fn send(&mut self, entry: Sent) {
        if self.sent.len() == ENTRIES_MAX {
            self.sent.pop_front();
            self.sent_forgotten += 1;
        }
        self.sent.push_back(entry);
    }

    pub(crate) fn received(&self) -> &VecDeque<Received> {
        &self.received
    }

    pub(crate) fn sent(&self) -> &VecDeque<Sent> {
        &self.sent
    }
}

fn numbered<T>(
    entries: &VecDeque<T>,
    forgotten: u64,
    first: u64,
) -> impl Iterator<Item = (u64, &T)> {
    let skipped = usize::try_from(first.saturating_sub(forgotten)).unwrap_or(usize::MAX);
    (forgotten..).zip(entries).skip(skipped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Received {
        let fate = Fate::Pending;
        let (body, answer, files) = (Value::Null, Value::Null, Vec::new());
        Received { at: 0, body, status: 200, answer, fate, files }
    }

    #[test]
    fn the_oldest_entry_goes_first_and_fates_still_find_theirs() {
        let mut ledger = Ledger::default();
        for _ in 0..ENTRIES_MAX {
            ledger.receive(entry());
        }
        let last = ledger.receive(entry());
        ledger.decide(0, Fate::Taken);
        ledger.decide(last, Fate::Taken);
        assert_eq!(ledger.received().len(), ENTRIES_MAX);
        assert_eq!(ledger.received_from(0).next().unwrap().0, 1);
        assert_eq!(ledger.received_from(last).count(), 1);
        assert_eq!(ledger.received_from(last + 1).count(), 0);
        let taken: Vec<_> = ledger
            .received()
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.fate == Fate::Taken)
            .map(|(index, _)| index)
            .collect();
        assert_eq!(taken, [ENTRIES_MAX - 1]);
    }
}
