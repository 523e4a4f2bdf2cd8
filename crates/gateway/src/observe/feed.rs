//! The feed: what passes through the gateway, as it passes, for whoever listens now.
//!
//! It is a window and no record: bounded, in memory, gone with the process. A listener who is too
//! slow is told how many it missed and goes on with the oldest that is still there; one who comes
//! late can have the newest that passed before. While nobody listens, nothing is made.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Serialize, Serializer};
use session::id::{BotId, DeskId, SessionId, TenantId, Timestamp};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    clock::rfc3339,
    observe::words::{Outcome, PassageKind},
};

/// Passages a listener may fall behind: seconds of a busy gateway, about a quarter of a megabyte.
const PASSAGES_MAX: usize = 1_024;

/// Passages held for a listener who comes late: what passes while somebody signs in to a gateway that
/// has just started.
const PASSAGES_HELD_MAX: usize = 256;

/// Something that passed. Holds no words that a person wrote and no secret. Its JSON is a contract:
/// docs/observability.md.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passage {
    /// Counts what was ever passed to a listener of this process; rises by one.
    pub seq: u64,
    /// When.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: PassageKind,
    /// Which: a route, an event, an effect, a state, a status.
    pub name: &'static str,
    /// The conversation's row, where there is one.
    pub conversation: Option<i64>,
    /// The live chat it belongs to.
    pub session: Option<SessionId>,
    /// The organisation.
    pub tenant: Option<TenantId>,
    /// The desk.
    pub desk: Option<DeskId>,
    /// The bot, where something was for it.
    pub bot: Option<BotId>,
    /// The HTTP status of a request's answer.
    pub status: Option<u16>,
    /// What came of it.
    pub outcome: Outcome,
    /// The machine code of a refusal, a failure or an end.
    pub code: Option<&'static str>,
    /// Which attempt at an effect it was.
    pub attempt: Option<u32>,
    /// How long it took, in milliseconds: the request, the transaction with the event, the attempt.
    pub ms: Option<f64>,
    /// How long it had waited, in milliseconds: an effect since it was decided, a session's user
    /// since they asked.
    pub waited_ms: Option<f64>,
}

impl Passage {
    /// With the least it can say.
    pub(super) fn new(kind: PassageKind, name: &'static str, outcome: Outcome) -> Self {
        Self {
            seq: 0,
            at: Timestamp::default(),
            kind,
            name,
            conversation: None,
            session: None,
            tenant: None,
            desk: None,
            bot: None,
            status: None,
            outcome,
            code: None,
            attempt: None,
            ms: None,
            waited_ms: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn as_rfc3339<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&rfc3339(*at))
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The next thing that passed.
    Passage(Passage),
    /// So many passed that the listener was too slow for.
    Missed(u64),
}

/// A listener's end.
#[derive(Debug)]
pub struct Feed {
    /// What passed before it listened, as far as it wanted that.
    before: VecDeque<Heard>,
    live: broadcast::Receiver<Passage>,
}

impl Feed {
    /// Waits for what passes next; `None` when the gateway is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(heard) = self.before.pop_front() {
            return Some(heard);
        }
        match self.live.recv().await {
            Ok(passage) => Some(Heard::Passage(passage)),
            Err(RecvError::Lagged(missed)) => Some(Heard::Missed(missed)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// The end that is spoken into.
#[derive(Debug)]
pub(super) struct Speaker {
    listeners: broadcast::Sender<Passage>,
    /// Locked over the passing on, so that the order is that of the numbers and who begins to listen
    /// misses nothing in between.
    passed: Mutex<Passed>,
}

#[derive(Debug, Default)]
struct Passed {
    /// The last number given.
    last: u64,
    /// The newest, oldest first.
    held: VecDeque<Passage>,
}

impl Speaker {
    pub(super) fn new() -> Self {
        Self { listeners: broadcast::channel(PASSAGES_MAX).0, passed: Mutex::default() }
    }

    pub(super) fn listen(&self) -> Feed {
        Feed { before: VecDeque::new(), live: self.listeners.subscribe() }
    }

    /// Listens to what has greater numbers than `seq`, also where it has passed already; of that the
    /// newest, and how many are gone.
    pub(super) fn listen_after(&self, seq: u64) -> Feed {
        let passed = self.lock();
        let held = passed.held.iter().filter(|passage| passage.seq > seq).cloned();
        let mut before: VecDeque<_> = held.map(Heard::Passage).collect();
        let wanted = passed.last.saturating_sub(seq);
        let gone = wanted.saturating_sub(u64::try_from(before.len()).unwrap_or(u64::MAX));
        if gone > 0 {
            before.push_front(Heard::Missed(gone));
        }
        Feed { before, live: self.listeners.subscribe() }
    }

    /// Whether it is worth making a passage.
    pub(super) fn is_heard(&self) -> bool {
        self.listeners.receiver_count() > 0
    }

    /// Numbers and passes on.
    pub(super) fn pass(&self, at: Timestamp, passages: impl IntoIterator<Item = Passage>) {
        let mut passed = self.lock();
        for passage in passages {
            passed.last += 1;
            let passage = Passage { seq: passed.last, at, ..passage };
            if passed.held.len() == PASSAGES_HELD_MAX {
                passed.held.pop_front();
            }
            passed.held.push_back(passage.clone());
            // Fails only if the last listener has just gone.
            self.listeners.send(passage).ok();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Passed> {
        // Nothing in here can be left half done.
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(name: &'static str) -> Passage {
        Passage::new(PassageKind::Event, name, Outcome::Ok)
    }

    #[tokio::test]
    async fn a_listener_hears_what_passes_from_then_on_in_order() {
        let speaker = Speaker::new();
        speaker.pass(Timestamp(1), [passage("before")]);
        let mut feed = speaker.listen();
        speaker.pass(Timestamp(2), [passage("one"), passage("two")]);
        for (seq, name) in [(2, "one"), (3, "two")] {
            let Some(Heard::Passage(heard)) = feed.next().await else { panic!("nothing missed") };
            assert_eq!((heard.seq, heard.name, heard.at), (seq, name, Timestamp(2)));
        }
        drop(speaker);
        assert_eq!(feed.next().await, None);
    }

    #[tokio::test]
    async fn who_comes_late_hears_what_passed_before_and_how_much_of_it_is_gone() {
        let speaker = Speaker::new();
        speaker.pass(Timestamp(1), ["one", "two", "three"].map(passage));
        let mut feed = speaker.listen_after(1);
        speaker.pass(Timestamp(2), [passage("four")]);
        for (seq, name) in [(2, "two"), (3, "three"), (4, "four")] {
            let Some(Heard::Passage(heard)) = feed.next().await else { panic!("nothing missed") };
            assert_eq!((heard.seq, heard.name), (seq, name));
        }
        speaker.pass(Timestamp(3), (0..PASSAGES_HELD_MAX).map(|_| passage("p")));
        let mut late = speaker.listen_after(0);
        assert_eq!(late.next().await, Some(Heard::Missed(4)));
        let Some(Heard::Passage(next)) = late.next().await else { panic!("the rest is there") };
        assert_eq!(next.seq, 5);
        assert_eq!(speaker.listen_after(9_999).before.len(), 0, "a number of another process");
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_how_many_it_missed() {
        let speaker = Speaker::new();
        let mut feed = speaker.listen();
        let too_many = PASSAGES_MAX + 7;
        speaker.pass(Timestamp(1), (0..too_many).map(|_| passage("p")));
        assert_eq!(feed.next().await, Some(Heard::Missed(7)));
        let Some(Heard::Passage(next)) = feed.next().await else { panic!("the rest is there") };
        assert_eq!(next.seq, 8);
    }

    #[test]
    fn a_passage_is_the_json_of_the_contract() {
        let passage = Passage {
            seq: 7,
            at: Timestamp(1_767_225_600_007),
            conversation: Some(17),
            session: SessionId::new("ses_1").ok(),
            desk: DeskId::new("default").ok(),
            tenant: TenantId::new("default").ok(),
            attempt: Some(1),
            ms: Some(1.25),
            waited_ms: Some(12.0),
            ..Passage::new(PassageKind::Effect, "say", Outcome::Done)
        };
        let json = r#"{"seq":7,"at":"2026-01-01T00:00:00.007Z","kind":"effect","name":"say","conversation":17,"session":"ses_1","tenant":"default","desk":"default","bot":null,"status":null,"outcome":"done","code":null,"attempt":1,"ms":1.25,"waited_ms":12.0}"#;
        assert_eq!(serde_json::to_string(&passage).unwrap(), json);
    }
}
