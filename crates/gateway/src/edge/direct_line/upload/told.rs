//! Which refusals a conversation's user was told of lately. Each that is told is kept in the log for
//! good, and a page may be refused as often as it likes. Pure: time is an argument.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use session::FileRefusal;
use store::ConversationId;
use tokio::time::Instant;

/// How long the same is not told again.
const TOLD_WITHIN: Duration = Duration::from_mins(1);

/// Different refusals that one conversation is told of in that time: a handful of files that are dropped
/// on a page together.
const TOLD_MAX: usize = 5;

/// Conversations that are remembered. Beyond it all are forgotten, which only tells something twice.
const CONVERSATIONS_MAX: usize = 1_024;

/// What was told: of which file, and why it was not taken.
type Refusal = (Option<String>, FileRefusal);

/// What each conversation was told, and when.
#[derive(Default)]
pub(in crate::edge::direct_line) struct Told(
    Mutex<HashMap<ConversationId, Vec<(Instant, Refusal)>>>,
);

impl Told {
    /// Whether this is to be told, and notes that it is.
    pub(super) fn is_news(&self, of: ConversationId, refusal: &Refusal, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= CONVERSATIONS_MAX && !told.contains_key(&of) {
            told.retain(|_, theirs| theirs.iter().any(|(at, _)| is_recent(*at, now)));
            if told.len() >= CONVERSATIONS_MAX {
                told.clear();
            }
        }
        let theirs = told.entry(of).or_default();
        theirs.retain(|(at, _)| is_recent(*at, now));
        if theirs.len() >= TOLD_MAX || theirs.iter().any(|(_, before)| before == refusal) {
            return false;
        }
        theirs.push((now, refusal.clone()));
        true
    }
}

fn is_recent(at: Instant, now: Instant) -> bool {
    now.duration_since(at) < TOLD_WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ConversationId = ConversationId(1);

    fn named(name: &str) -> Refusal {
        (Some(name.to_owned()), FileRefusal::NotAllowed)
    }

    #[test]
    fn the_same_is_told_once_in_a_while_and_different_things_a_few_times() {
        let (told, now) = (Told::default(), Instant::now());
        assert!(told.is_news(ONE, &named("a.exe"), now));
        assert!(!told.is_news(ONE, &named("a.exe"), now), "the same");
        assert!(told.is_news(ONE, &(Some("a.exe".to_owned()), FileRefusal::TooLarge), now));
        assert!(told.is_news(ConversationId(2), &named("a.exe"), now), "somebody else's");
        let more = (0..100).filter(|n| told.is_news(ONE, &named(&n.to_string()), now)).count();
        assert_eq!(more, TOLD_MAX - 2);
        assert!(told.is_news(ONE, &named("a.exe"), now + TOLD_WITHIN), "after a while again");
    }

    #[test]
    fn no_more_conversations_are_remembered_than_that() {
        let (told, now) = (Told::default(), Instant::now());
        for of in 0..5_000 {
            assert!(told.is_news(ConversationId(of), &named("a.exe"), now));
            assert!(told.0.lock().unwrap().len() <= CONVERSATIONS_MAX);
        }
    }
}
