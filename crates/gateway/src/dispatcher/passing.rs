//! What passes and is nowhere written down, for users who are brought things: that somebody types.
//!
//! It is sent once and its answer means nothing to anybody; where there is no room, or the channel has
//! little room for messages, it is not sent at all.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use store::{ConversationId, ConversationRow};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::{self, Place, Reference, pace::Recent},
    dispatcher::Dispatcher,
    keeping::Keeping,
    rich,
};

/// Of them sent at a time. Others are not sent.
const PASSING_AT_ONCE_MAX: usize = 32;

/// How long one may take: it says that somebody types now.
const PASSES_WITHIN: Duration = Duration::from_secs(3);

/// How long a channel shows that somebody types, at least: until then nobody has to be told again.
const SHOWN_FOR: Duration = Duration::from_secs(3);

/// How many conversations are remembered, in each of two halves: more do not have somebody who types
/// within seconds. One that was forgotten is told again, or looked up once more.
const LATELY_MAX: usize = 10_000;

/// How long a conversation of which nothing was heard is remembered at least.
const LATELY_FOR: Duration = Duration::from_mins(10);

/// Where something passed lately.
struct Lately(Recent<ConversationId, Passed>);

#[derive(Default)]
struct Passed {
    at: Option<Instant>,
    /// Its user reads the log, and is brought nothing.
    reads_itself: bool,
}

impl Lately {
    fn new(now: Instant) -> Self {
        Self(Recent::new(LATELY_MAX, LATELY_FOR, now))
    }

    /// Whether its user may be told now, who then was.
    fn may_tell(&mut self, conversation: ConversationId, now: Instant) -> bool {
        let passed = self.0.entry(&conversation, now);
        let is_shown = passed.at.is_some_and(|at| now.saturating_duration_since(at) < SHOWN_FOR);
        let may_tell = !passed.reads_itself && !is_shown;
        if may_tell {
            passed.at = Some(now);
        }
        may_tell
    }

    fn reads_itself(&mut self, conversation: ConversationId, now: Instant) {
        self.0.entry(&conversation, now).reads_itself = true;
    }
}

impl Dispatcher {
    /// Brings users what passes, until told to stop; then lets what is on its way arrive.
    pub(super) async fn bring_passing(
        self: Arc<Self>,
        mut passing: mpsc::Receiver<ConversationId>,
        stop: CancellationToken,
    ) {
        let (mut lately, mut on_their_way) = (Lately::new(Instant::now()), JoinSet::new());
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => break,
                Some(arrived) = on_their_way.join_next() => {
                    if let Ok(Some(conversation)) = arrived {
                        lately.reads_itself(conversation, Instant::now());
                    }
                    continue;
                }
                next = passing.recv() => next,
            };
            let Some(conversation) = next else { break };
            if self.channels.get().links().next().is_none()
                || on_their_way.len() >= PASSING_AT_ONCE_MAX
                || !lately.may_tell(conversation, Instant::now())
            {
                continue;
            }
            let this = Arc::clone(&self);
            on_their_way.spawn(async move {
                let row = this.row_of(conversation).await?;
                if !channel::is_carried(&row.key.channel) {
                    return Some(conversation);
                }
                this.bring_typing(row).await;
                None
            });
        }
        while on_their_way.join_next().await.is_some() {}
    }

    async fn row_of(&self, id: ConversationId) -> Option<ConversationRow> {
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await;
        row.ok().flatten()
    }

    async fn bring_typing(&self, row: ConversationRow) -> Option<()> {
        let (id, key) = (row.id, row.key);
        let channels = self.channels.get();
        let link = channels.of(&key.tenant, &key.bot)?;
        let kept = Keeping::new(&self.vault, &key).ok()?.read_state(&row.state?).ok()?;
        if kept.conversation.unreachable {
            return None;
        }
        let reference = Reference::from_json(&kept.conversation.visitor?.reference?.0).ok()?;
        let to = link.connector.may_call(&reference.service_url).ok()?;
        let conversation = reference.conversation_id();
        if channel::is_teams(&key.channel) && !link.has_spare(id, reference.tenant.as_deref()) {
            return None;
        }
        let permit = link.gate.breaker.admit(self.clock.now()).ok()?;
        let place = Place {
            reference: &reference,
            channel: key.channel.as_str(),
            language: self.language,
            links: None,
            pictures: &rich::NO_PICTURES,
        };
        let sent = link.connector.send(&to, &conversation, place.typing(), PASSES_WITHIN).await;
        if sent.is_ok() {
            permit.answered();
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_that_somebody_types_once_in_three_seconds() {
        let now = Instant::now();
        let mut lately = Lately::new(now);
        let (one, other) = (ConversationId(1), ConversationId(2));
        let told = (0..10_000).step_by(100).filter(|ms| {
            let at = now + Duration::from_millis(*ms);
            lately.may_tell(one, at)
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 3_000, 6_000, 9_000]);
        assert!(lately.may_tell(other, now + Duration::from_secs(9)));
    }

    #[test]
    fn a_user_who_reads_the_log_is_looked_up_once() {
        let now = Instant::now();
        let mut lately = Lately::new(now);
        let page = ConversationId(1);
        assert!(lately.may_tell(page, now), "nobody knows yet");
        lately.reads_itself(page, now);
        for minutes in 1..60 {
            assert!(!lately.may_tell(page, now + Duration::from_mins(minutes)));
        }
    }
}
