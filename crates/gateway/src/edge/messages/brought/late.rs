//! The files of a message that was taken: they come after it as messages of their own, and until then the
//! conversation expects them.

use std::{sync::Arc, time::Duration};

use session::{Event, FileRefusal, Said, UnderWay, Way};
use store::{ConversationId, Target};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast::error::RecvError},
    time::{Instant, timeout_at},
};

use super::{Coming, Message, Standing, there::Held};
use crate::engine::Arrival;

/// How long the files of a message that was taken may still take to come: a gigabyte at two megabytes a
/// second. The addresses are good for longer.
pub(super) const LATE_WITHIN: Duration = Duration::from_mins(10);

/// How often it is said of a file that it is still on its way: three times in the time that it counts so.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// How long after a message its user may still get a person, for whom its files are then fetched: a bot
/// hands a conversation over by its answer to the message.
const ESCALATES_WITHIN: Duration = Duration::from_secs(20);

impl Message {
    /// What comes after the message, or may.
    pub(super) fn expected(&self, standing: &Standing, coming: &Coming) -> Vec<UnderWay> {
        let expected = |way: Way, at: usize| {
            let name = self.there.get(at)?.name.clone();
            Some(UnderWay { key: self.key(at)?, name, way })
        };
        match standing {
            Standing::Taken => Vec::new(),
            Standing::Live(..) => {
                coming.open.iter().filter_map(|at| expected(Way::ToDesk, *at)).collect()
            }
            Standing::Bot => {
                let all = 0..self.there.len();
                all.filter_map(|at| expected(Way::ToDeskIfLive, at)).collect()
            }
        }
    }

    /// These are still on their way. What cannot be said now is said the next time.
    async fn still_come(&self, open: &[usize]) {
        for &at in open {
            let (Some(there), Some(key)) = (self.there.get(at), self.key(at)) else { continue };
            let file = UnderWay { key, name: there.name.clone(), way: Way::ToDesk };
            let event = Event::FileUnderWay { file };
            let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
            if let Err(error) = self.edge.engine.submit(arrival).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "it was not written down that a file is still on its way"
                );
            }
        }
    }

    /// What comes after the message, does so beside it.
    pub(super) async fn goes_on(
        self: Arc<Self>,
        coming: Coming,
        id: ConversationId,
        may_escalate: bool,
    ) {
        if coming.open.is_empty() && !may_escalate {
            return;
        }
        let tasks = self.edge.open_streams.clone();
        match self.edge.besides.late() {
            Some(turn) if may_escalate => drop(tasks.spawn(self.when_escalated(id, turn))),
            Some(turn) => drop(tasks.spawn(self.rest(coming, turn))),
            None => {
                for at in coming.open {
                    self.tell_lost(at, FileRefusal::NotNow).await;
                }
            }
        }
    }

    /// Brings files after their message.
    async fn rest(self: Arc<Self>, mut coming: Coming, turn: OwnedSemaphorePermit) {
        let (deadline, stopping) = (Instant::now() + LATE_WITHIN, self.edge.stopping.clone());
        let mut say = tokio::time::interval(SAID_EVERY);
        loop {
            let next = tokio::select! {
                next = coming.next(deadline) => next,
                _ = say.tick() => {
                    self.still_come(&coming.open).await;
                    continue;
                }
                () = stopping.cancelled() => None,
            };
            match next {
                Some((at, Ok(file))) => self.says(at, file).await,
                Some((at, Err(why))) => self.tell_lost(at, why).await,
                None => break,
            }
        }
        for at in coming.open {
            self.tell_lost(at, FileRefusal::NotNow).await;
        }
        drop(turn);
    }

    /// If a message leads to a person, its files are for them.
    async fn when_escalated(self: Arc<Self>, id: ConversationId, turn: OwnedSemaphorePermit) {
        let mut hints = self.edge.wakes.subscribe(id);
        let (deadline, stopping) = (Instant::now() + ESCALATES_WITHIN, self.edge.stopping.clone());
        loop {
            match self.live().await {
                Ok(Some((id, keeping))) => {
                    let coming = self.begin(id, &keeping);
                    return self.rest(coming, turn).await;
                }
                Ok(None) => {}
                Err(_) => return,
            }
            tokio::select! {
                hint = timeout_at(deadline, hints.recv()) => match hint {
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                    Ok(Err(RecvError::Closed)) | Err(_) => return,
                },
                () = stopping.cancelled() => return,
            }
        }
    }

    /// A file that comes after its message is a message of its own.
    async fn says(&self, at: usize, file: Held) {
        if !matches!(self.live().await, Ok(Some(_))) {
            return self.tell_lost(at, FileRefusal::NotNow).await;
        }
        let said = Said { files: vec![file.file().clone()], ..Said::default() };
        let event = Event::UserSaid {
            visitor: self.whose.visitor.clone(),
            said,
            key: self.key(at),
            fresh: self.edge.clock.fresh_session(),
        };
        let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
        match self.edge.engine.submit_at_last(arrival, &self.edge.stopping).await {
            Ok(outcome) if outcome.repeat => {}
            Ok(_) => file.keep(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a file that came after its message was not taken"
                );
                self.tell_lost(at, FileRefusal::NotNow).await;
            }
        }
    }
}
