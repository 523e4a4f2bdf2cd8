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

impl Sent {
    /// The HTTP status the receiver answered, if it answered.
    pub fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered(status) => Some(status),
            Outcome::TimedOut | Outcome::Unreachable | Outcome::Dropped | Outcome::Lost => None,
        }
    }
}

/// Both records.
#[derive(Default)]
pub(crate) struct Ledger {
    received: VecDeque<Received>,
    forgotten: u64,
    sent: VecDeque<Sent>,
}

impl Ledger {
    /// Adds a request and returns the number by which its fate can be told later.
    pub(crate) fn receive(&mut self, entry: Received) -> u64 {
        if self.received.len() == ENTRIES_MAX {
            self.received.pop_front();
            self.forgotten += 1;
        }
        self.received.push_back(entry);
        self.forgotten + self.received.len() as u64 - 1
    }

    /// Records what the worker made of a request; one that was dropped meanwhile is let go.
    pub(crate) fn decide(&mut self, number: u64, fate: Fate) {
        if let Some(entry) = self.entry(number) {
            entry.fate = fate;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Received {
        let fate = Fate::Pending;
        Received { at: 0, body: Value::Null, status: 200, answer: Value::Null, fate }
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
