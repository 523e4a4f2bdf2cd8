//! Hints that something new is in the store: for open streams, by conversation.
//!
//! A hint may be lost or doubled; whoever waits reads the log from its watermark and is never wrong
//! for it. Typing is the exception that proves the rule: it is nowhere but in the hint.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use store::ConversationId;
use tokio::sync::{broadcast, mpsc};

use crate::{
    desk::{media::MayShow, signal::ToDesk},
    trace::Context,
};

/// Hints a stream may fall behind before it is told so; then it reads the log once for all.
const HINTS_HELD_MAX: usize = 32;

/// What passes and waits to be brought to users, over all conversations; more is dropped.
const PASSING_MAX: usize = 256;

/// What desks are to be told besides and nobody has told them yet; more is dropped. A burst of agents'
/// lines in one batch fits in.
const TO_DESKS_MAX: usize = 4_096;

/// Entries that may show files of desks', which nobody has fetched yet; more is dropped, and fetched when
/// it is opened.
const MAY_SHOW_MAX: usize = 1_024;

/// Who types at the desk. A page ends the typing of whoever speaks, so they must be told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typist {
    /// An agent, by name where known.
    Agent(Option<String>),
    /// The desk itself: its virtual agent.
    Desk,
}

/// Something new in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Entries were logged; where the trace of what led to them goes on, if there is one.
    Logged(Option<Context>),
    /// Somebody at the desk types, or stopped.
    Typing {
        /// Who.
        who: Typist,
        /// Whether they type.
        on: bool,
    },
    /// The bot types, perhaps with a text that grows: its activity, as JSON.
    Passing(Arc<str>),
}

/// Who waits for which conversation.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    waiting: Mutex<HashMap<ConversationId, broadcast::Sender<Hint>>>,
    /// Whoever brings users what passes and is nowhere else.
    carrier: OnceLock<mpsc::Sender<ConversationId>>,
    /// Whoever tells desks what is written down nowhere.
    teller: OnceLock<mpsc::Sender<ToDesk>>,
    /// Whoever fetches what agents send.
    fetcher: OnceLock<mpsc::Sender<MayShow>>,
}

impl Wakes {
    /// Waits for a conversation's hints from now on. Subscribe before reading the log.
    pub(crate) fn subscribe(&self, conversation: ConversationId) -> broadcast::Receiver<Hint> {
        let mut waiting = self.lock();
        // Forgotten here rather than on every closing stream: keeps the table near what is open.
        if waiting.len() > 1_024 && waiting.len().is_power_of_two() {
            waiting.retain(|_, sender| sender.receiver_count() > 0);
        }
        waiting
            .entry(conversation)
            .or_insert_with(|| broadcast::channel(HINTS_HELD_MAX).0)
            .subscribe()
    }

    /// Hears in which conversation something passes that nobody waits for there: a user whose page is
    /// open sees it there. For one listener, once.
    pub(crate) fn carry(&self) -> mpsc::Receiver<ConversationId> {
        let (told, passing) = mpsc::channel(PASSING_MAX);
        self.carrier.set(told).ok();
        passing
    }

    /// Hears what desks are to be told besides. For one listener, once.
    pub(crate) fn desks(&self) -> mpsc::Receiver<ToDesk> {
        let (told, telling) = mpsc::channel(TO_DESKS_MAX);
        self.teller.set(told).ok();
        telling
    }

    /// Has a desk told something besides, soon or not at all.
    pub(crate) fn tell_desk(&self, what: ToDesk) {
        if let Some(teller) = self.teller.get() {
            // It passes, or costs an agent a tick: where there is no room, nothing is lost.
            teller.try_send(what).ok();
        }
    }

    /// Hears of entries that may show files of desks'. For one listener, once.
    pub(crate) fn shows(&self) -> mpsc::Receiver<MayShow> {
        let (told, shows) = mpsc::channel(MAY_SHOW_MAX);
        self.fetcher.set(told).ok();
        shows
    }

    /// Has the files of an entry fetched soon, or when somebody opens them.
    pub(crate) fn may_show(&self, entry: MayShow) {
        if let Some(fetcher) = self.fetcher.get() {
            fetcher.try_send(entry).ok();
        }
    }

    /// Tells those who wait; nobody may.
    pub(crate) fn wake(&self, conversation: ConversationId, hint: Hint) {
        let passes = matches!(hint, Hint::Typing { on: true, .. } | Hint::Passing(_));
        if !self.tell(conversation, hint)
            && passes
            && let Some(carrier) = self.carrier.get()
        {
            // It passes: where there is no room, nothing is lost that anybody would look for.
            carrier.try_send(conversation).ok();
        }
    }

    /// Ends the waiting for conversations that are no more: whoever waits comes back, and begins another.
    pub(crate) fn end(&self, conversations: &[ConversationId]) {
        let mut waiting = self.lock();
        for conversation in conversations {
            waiting.remove(conversation);
        }
    }

    /// Whether anybody waited.
    fn tell(&self, conversation: ConversationId, hint: Hint) -> bool {
        let mut waiting = self.lock();
        let Some(sender) = waiting.get(&conversation) else { return false };
        let is_heard = sender.send(hint).is_ok();
        if !is_heard {
            waiting.remove(&conversation);
        }
        is_heard
    }

    #[cfg(test)]
    fn watched(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ConversationId, broadcast::Sender<Hint>>> {
        // Nothing in here can be left half done.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_reaches_those_who_wait_for_that_conversation_only() {
        let wakes = Wakes::default();
        let mut one = wakes.subscribe(ConversationId(1));
        let mut two = wakes.subscribe(ConversationId(2));
        wakes.wake(ConversationId(1), Hint::Logged(None));
        assert_eq!(one.try_recv().unwrap(), Hint::Logged(None));
        assert!(two.try_recv().is_err());
    }

    #[test]
    fn who_waits_for_what_is_no_more_is_told_so() {
        let wakes = Wakes::default();
        let mut gone = wakes.subscribe(ConversationId(1));
        let mut other = wakes.subscribe(ConversationId(2));
        wakes.end(&[ConversationId(1), ConversationId(3)]);
        assert_eq!(gone.try_recv(), Err(broadcast::error::TryRecvError::Closed));
        assert_eq!(other.try_recv(), Err(broadcast::error::TryRecvError::Empty));
    }

    #[test]
    fn nobody_waiting_leaves_nothing_behind() {
        let wakes = Wakes::default();
        drop(wakes.subscribe(ConversationId(1)));
        wakes.wake(ConversationId(1), Hint::Logged(None));
        assert_eq!(wakes.watched(), 0);
    }

    #[test]
    fn what_passes_is_carried_where_nobody_waits_for_it() {
        let wakes = Wakes::default();
        let mut carried = wakes.carry();
        let (typing, stopped) = (true, false);
        let types = |on| Hint::Typing { who: Typist::Agent(None), on };
        let mut page = wakes.subscribe(ConversationId(1));
        wakes.wake(ConversationId(1), types(typing));
        assert_eq!(page.try_recv().unwrap(), types(typing));
        wakes.wake(ConversationId(2), types(stopped));
        wakes.wake(ConversationId(2), Hint::Logged(None));
        assert!(carried.try_recv().is_err());
        drop(page);
        for id in [1, 2] {
            wakes.wake(ConversationId(id), types(typing));
            assert_eq!(carried.try_recv().unwrap(), ConversationId(id));
        }
    }
}
