//! Presence: which Direct Line conversations somebody reads, and telling their sessions when nobody
//! does any more.
//!
//! A page is there while a stream of it is open, and for a while after each of its calls. When the
//! last stream of a conversation closed and none came soon, the session is told that the user is
//! away; with the first sign of a page that was not known to be there, that they are back. What
//! follows is the session's business; where it changes nothing, nothing is written.
//!
//! All of it is in memory: after a start nobody is known to be there. Sessions that were open before
//! are handed to [`Presence::forgotten`]; their users have a minute to come back. When the gateway
//! stops it tells nothing: the streams close because of it, not because their users went.
//!
//! It deliberately does not know: sessions, tokens, and channels that cannot know who reads.

mod table;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use session::{Event, id::SessionId};
use store::{ConversationId, Store, StoreError, Target};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    edge::direct_line::CHANNEL,
    engine::{Arrival, Engine, EngineError},
    presence::table::{Table, Tell},
};

/// How long after their last stream closed a user still counts as there: a page that is loaded anew,
/// or changes from one network to another, opens the next within seconds.
const STREAM_GONE_AFTER: Duration = Duration::from_secs(5);

/// How long a page counts as there after a call: who polls does so every few seconds, in a hidden tab
/// once a minute.
const CALL_COUNTS_FOR: Duration = Duration::from_mins(1);

/// How long after the start the users of sessions that were open before may take to come back.
/// Clients wait up to fifteen seconds before they try again.
const BACK_WITHIN: Duration = Duration::from_mins(1);

/// The most conversations that are kept track of; some 100 bytes each. Ten times as many as streams
/// can be open. Beyond it newcomers are not tracked, so they are never taken for gone.
const TRACKED_MAX: usize = 200_000;

/// The most sessions of before the start that are kept track of, so that they leave room for those
/// who come. The others end by their other deadlines.
const FORGOTTEN_MAX: usize = 100_000;

/// The most sessions told at a time; the engine's queue is for others too.
const ROUND_MAX: usize = 256;

/// Sessions read from the store at a time.
const SESSIONS_PER_READ: usize = 1_000;

/// After the engine could not take it.
const PAUSE: Duration = Duration::from_secs(1);

/// Who is there.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    table: Mutex<Table>,
    /// Something is due earlier than before.
    sooner: Notify,
}

impl Presence {
    /// A stream of this conversation is open until the returned value is dropped.
    pub(crate) fn attend(self: &Arc<Self>, conversation: ConversationId) -> Attendance {
        let counted = self.change(|table| table.opened(conversation, Instant::now()));
        Attendance { presence: Arc::clone(self), conversation, counted }
    }

    /// A page of this conversation called.
    pub(crate) fn called(&self, conversation: ConversationId) {
        self.change(|table| table.called(conversation, Instant::now()));
    }

    /// Remembers whose sessions were open before the start; see [`Presence::forgotten`].
    async fn recall(
        &self,
        store: &Arc<dyn Store>,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let mut after: Option<SessionId> = None;
        let mut room = FORGOTTEN_MAX;
        while !stop.is_cancelled() {
            let from = after.take();
            let page = move |store: &dyn Store| {
                let rows =
                    store.open_sessions(&store::Sight::ALL, from.as_ref(), SESSIONS_PER_READ)?;
                let mut conversations = Vec::with_capacity(rows.len());
                for row in &rows {
                    let found = store.conversation_by_id(row.conversation)?;
                    let ours = found.filter(|found| found.key.channel.as_str() == CHANNEL);
                    conversations.extend(ours.map(|found| found.id));
                }
                let full = rows.len() == SESSIONS_PER_READ;
                let last = rows.into_iter().last().map(|row| row.id);
                Ok((conversations, last.filter(|_| full)))
            };
            let (conversations, last) = crate::blocking(store, page).await?;
            let found = conversations.len();
            self.forgotten(conversations.into_iter().take(room));
            room = room.saturating_sub(found);
            let Some(last) = last.filter(|_| room > 0) else { return Ok(()) };
            after = Some(last);
        }
        Ok(())
    }

    /// These conversations had an open session before the start. Whoever does not come back in time
    /// counts as away from then on. Only conversations of this channel may be given.
    pub(crate) fn forgotten(&self, conversations: impl IntoIterator<Item = ConversationId>) {
        let by = Instant::now() + BACK_WITHIN;
        for conversation in conversations {
            self.change(|table| table.forgotten(conversation, by));
        }
    }

    /// Tells the sessions, until told to stop; those of before the start included.
    pub(crate) async fn run(
        self: Arc<Self>,
        store: Arc<dyn Store>,
        engine: Engine,
        stop: CancellationToken,
    ) {
        if let Err(error) = self.recall(&store, &stop).await {
            // They end by their other deadlines.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "sessions of before the start cannot be read"
            );
        }
        while !stop.is_cancelled() {
            let round = self.lock().take(Instant::now(), ROUND_MAX);
            if round.is_empty() {
                let next = self.lock().next();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.sooner.notified() => {}
                    () = until(next) => {}
                }
                continue;
            }
            // All of a round are of different conversations, and the next round waits for it: what
            // is told of one conversation arrives in order.
            let told = join_all(round.iter().map(|(id, tell)| submit(&engine, *id, *tell))).await;
            let again = Instant::now() + PAUSE;
            for ((conversation, tell), told) in round.into_iter().zip(told) {
                if told == Told::NotYet {
                    self.lock().not_told(conversation, tell, again);
                }
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Table) -> T) -> T {
        let mut table = self.lock();
        let before = table.next();
        let changed = change(&mut table);
        if table.next() != before {
            self.sooner.notify_one();
        }
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing in here can be left half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody reads a conversation, until this is dropped.
#[derive(Debug)]
pub(crate) struct Attendance {
    presence: Arc<Presence>,
    conversation: ConversationId,
    counted: bool,
}

impl Drop for Attendance {
    fn drop(&mut self) {
        if self.counted {
            let gone_at = Instant::now() + STREAM_GONE_AFTER;
            self.presence.change(|table| table.closed(self.conversation, gone_at));
        }
    }
}

/// Comes back at `at`, or never.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether a session was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It was, or it never can be.
    Done,
    /// The engine did not take it.
    NotYet,
}

async fn submit(engine: &Engine, conversation: ConversationId, tell: Tell) -> Told {
    let event = match tell {
        Tell::Away => Event::UserAway,
        Tell::Back => Event::UserBack,
    };
    match engine.submit(Arrival::event(Target::Conversation(conversation), event)).await {
        Ok(_) => {
            let (conversation, there) = (conversation.0, tell == Tell::Back);
            tracing::debug!(conversation.row = conversation, there, "told whether a user is there");
            Told::Done
        }
        Err(EngineError::Busy | EngineError::Stopping) => Told::NotYet,
        Err(EngineError::Failed(error)) if !error.is_lasting() => Told::NotYet,
        // What failed for good was logged by the engine; who was erased meanwhile is told to nobody.
        Err(EngineError::Failed(_) | EngineError::NotFound) => Told::Done,
        Err(error @ EngineError::Rejected(_)) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                conversation.row = conversation.0,
                "whether a user is there could not be told"
            );
            Told::Done
        }
    }
}
