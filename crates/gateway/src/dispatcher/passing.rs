//! What passes and is nowhere written down, for users who are brought things: that somebody types.
//!
//! It is sent once and its answer means nothing to anybody; where there is no room, or the channel has
//! had enough, it is not sent at all.

use std::{sync::Arc, time::Duration};

use store::ConversationId;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    channel::{self, Place, Reference},
    dispatcher::Dispatcher,
    keeping::Keeping,
    wakes::Hint,
};

/// Of them sent at a time. Others are not sent.
const PASSING_AT_ONCE_MAX: usize = 32;

/// How long one may take: it says that somebody types now.
const PASSES_WITHIN: Duration = Duration::from_secs(3);

impl Dispatcher {
    /// Brings users what passes, until told to stop.
    pub(super) async fn bring_passing(
        self: Arc<Self>,
        mut passing: mpsc::Receiver<(ConversationId, Hint)>,
        stop: CancellationToken,
    ) {
        let places = Arc::new(Semaphore::new(PASSING_AT_ONCE_MAX));
        loop {
            let next = tokio::select! {
                () = stop.cancelled() => return,
                next = passing.recv() => next,
            };
            let Some((conversation, _)) = next else { return };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let this = Arc::clone(&self);
            tokio::spawn(async move {
                this.bring_typing(conversation).await;
                drop(place);
            });
        }
    }

    async fn bring_typing(&self, id: ConversationId) -> Option<()> {
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(id)).await;
        let row = row.ok()??;
        let key = row.key;
        if !channel::is_carried(&key.channel) {
            return None;
        }
        let channels = self.channels.get();
        let link = channels.of(&key.tenant, &key.bot)?;
        let kept = Keeping::new(&self.vault, &key).ok()?.read_state(&row.state?).ok()?;
        let reference = Reference::from_json(&kept.conversation.visitor?.reference?.0).ok()?;
        let to = link.connector.may_call(&reference.service_url).ok()?;
        let conversation = reference.conversation_id();
        if channel::is_teams(&key.channel) {
            link.may_leave(id, reference.tenant.as_deref()).ok()?;
        }
        let permit = link.gate.breaker.admit(self.clock.now()).ok()?;
        let place = Place {
            reference: &reference,
            channel: key.channel.as_str(),
            language: self.language,
            links: None,
        };
        let sent = link.connector.send(&to, &conversation, place.typing(), PASSES_WITHIN).await;
        if sent.is_ok() {
            permit.answered();
        }
        Some(())
    }
}
