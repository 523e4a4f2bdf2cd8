//! New rules for chats that are open: their next deadline is worked out again.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use session::{Event, id::Timestamp};
use store::{Store, Target};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{Arrival, Engine, EngineError};

/// Open chats that are told at a time.
const ROUND_MAX: usize = 256;

/// How long a store that cannot be read is asked again; the engine's own patience is as long.
const READ_FOR: Duration = Duration::from_mins(15);

/// And how often.
const READ_EVERY: Duration = Duration::from_secs(1);

/// Open chats have a deadline of the old rules. An event that names none which was ever set changes
/// nothing in them, and has their next one worked out again. The new rules must be in force already.
///
/// A busy engine or a full disk is waited for. Whoever is not told in the end keeps the deadline until
/// something happens in the chat.
pub(super) async fn set_anew(store: &Arc<dyn Store>, engine: &Engine, stop: &CancellationToken) {
    // A chat that began under the old rules may be about to be committed, and is read only then.
    while let Err(error) = engine.caught_up().await {
        if !error.passes() || stop.is_cancelled() {
            return;
        }
    }
    let mut after = None;
    loop {
        let read = || {
            let from = after.clone();
            crate::blocking(store, move |store| {
                store.open_sessions(&store::Sight::ALL, from.as_ref(), ROUND_MAX)
            })
        };
        let give_up_at = Instant::now() + READ_FOR;
        let page = loop {
            match read().await {
                Ok(page) => break page,
                Err(_) if !stop.is_cancelled() && Instant::now() < give_up_at => {
                    tokio::time::sleep(READ_EVERY).await;
                }
                Err(error) => {
                    return tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "open chats cannot be read; they keep a deadline of the old rules until \
                         something happens in them"
                    );
                }
            }
        };
        let told = page.iter().map(|row| {
            let event = Event::Deadline { due: Timestamp(i64::MIN) };
            let arrival = Arrival::event(Target::Conversation(row.conversation), event);
            engine.submit_at_last(arrival, stop)
        });
        let told = join_all(told).await;
        let missed = told.iter().filter_map(|told| told.as_ref().err());
        let missed = missed.filter(|error| !matches!(error, EngineError::NotFound)).count();
        if missed > 0 {
            tracing::warn!(
                chats = missed,
                "chats keep a deadline of the old rules until something happens in them"
            );
        }
        match page.last() {
            Some(last) if page.len() == ROUND_MAX => after = Some(last.id.clone()),
            Some(_) | None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use session::Policy;

    use super::*;
    use crate::{
        bed::{Bed, Fault, START, breath, other_bot, other_desk, policy, says, tenant},
        engine::Policies,
    };

    /// From now on nobody waits longer than this for an agent.
    fn new_rules(bed: &Bed, longest_wait: Duration) {
        let mut policies = Policies::default();
        let bot = session::id::BotId::new("b").unwrap();
        policies.add(tenant(), bot, Policy { longest_wait, ..policy() });
        policies.add(tenant(), other_bot(), Policy::new(other_desk()));
        bed.policies.replace(policies);
    }

    fn deadline(bed: &Bed) -> Option<Timestamp> {
        bed.store.next_deadline().unwrap()
    }

    const LONGEST_WAIT: Duration = Duration::from_secs(7);

    #[tokio::test(start_paused = true)]
    async fn a_store_that_refuses_is_waited_for() {
        let bed = Bed::new();
        bed.says("c", "agent").await;
        assert_ne!(deadline(&bed), Some(START.after(LONGEST_WAIT)));
        bed.store.set(Fault::Full);
        new_rules(&bed, LONGEST_WAIT);
        let store: Arc<dyn Store> = bed.store.clone();
        let (engine, stop) = (bed.engine.clone(), CancellationToken::new());
        let telling = tokio::spawn(async move { set_anew(&store, &engine, &stop).await });
        while bed.store.refusals() == 0 {
            breath().await;
        }
        bed.store.set(Fault::None);
        telling.await.unwrap();
        assert_eq!(deadline(&bed), Some(START.after(LONGEST_WAIT)));
    }

    #[tokio::test]
    async fn a_chat_that_begins_meanwhile_has_the_new_rules() {
        let bed = Bed::new();
        bed.store.hold();
        let engine = bed.engine.clone();
        let asking = tokio::spawn(async move { engine.submit(says("c", "agent")).await });
        bed.store.stands_before_commit().await;
        new_rules(&bed, LONGEST_WAIT);
        let store: Arc<dyn Store> = bed.store.clone();
        let (engine, stop) = (bed.engine.clone(), CancellationToken::new());
        let telling = tokio::spawn(async move { set_anew(&store, &engine, &stop).await });
        // Until it has had its turn.
        for _ in 0..100 {
            breath().await;
        }
        bed.store.release();
        asking.await.unwrap().unwrap();
        telling.await.unwrap();
        assert_eq!(deadline(&bed), Some(START.after(LONGEST_WAIT)));
    }
}
