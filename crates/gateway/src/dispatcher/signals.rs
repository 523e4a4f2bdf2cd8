//! What desks are told beside the lanes, and nobody wrote down: who types, and receipts.
//!
//! ```text
//!   pages, channels: "types" ─┐                 ┌─► TYPING / VIEWING, once
//!   commits: "shown" ─────────┼─► gathered ─────┤
//!   channel lanes: "shown" ───┘                 └─► UPDATE_MESSAGES, for half a minute
//! ```

mod gathered;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use servicenow::SendError;
use session::{
    Content, Conversation, Failure, What,
    id::{ConversationKey, DeskId, TenantId},
};
use store::Work;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    desk::signal::{Chat, Receipt, ToDesk},
    dispatcher::{
        Dispatcher, Opened,
        signals::gathered::{Due, Gathered, Waiting},
    },
    keeping::Keeping,
};

/// Of them sent at a time. Typing beyond it is not told, receipts wait.
const SIGNALS_AT_ONCE_MAX: usize = 32;

/// How often what was gathered is looked at, while there is anything.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a desk that refused receipts gets none. An app before 4.0, or one without `third_party_chat`,
/// knows none (reference 9.4).
const REFUSED_FOR: Duration = Duration::from_hours(1);

/// What became of one.
enum Told {
    Done,
    Typing { key: ConversationKey, on: bool, until: Instant, came: Typed },
    NotTaken(Vec<Waiting>),
    Refused { tenant: TenantId, desk: DeskId },
}

/// What became of it that a user types, or stopped.
enum Typed {
    Told,
    /// Not now: the desk did not take it.
    NotTold,
    /// No agent is there to be told.
    NotTalking,
}

/// The teller's work.
#[derive(Default)]
struct Telling {
    gathered: Gathered,
    on_their_way: JoinSet<Told>,
    /// Until when desks get no receipts.
    refusing: HashMap<(TenantId, DeskId), Instant>,
    /// Whose typing is just being told, and what is to be told then: an agent who hears that somebody
    /// stopped before they began sees them type for good.
    typing: HashMap<ConversationKey, Option<(bool, Instant)>>,
}

impl Telling {
    fn hears(&mut self, what: ToDesk, now: Instant) -> Option<Due> {
        match what {
            ToDesk::Types(key) => self.gathered.types(key, now),
            ToDesk::Spoke(key) => self.gathered.spoke(key, now),
            ToDesk::Receipt(receipt) => {
                let of = (receipt.chat.key.tenant.clone(), receipt.chat.desk.clone());
                if self.refusing.get(&of).is_none_or(|until| now >= *until) {
                    self.gathered.receipt(receipt, now);
                }
                None
            }
        }
    }

    fn came_back(&mut self, told: Result<Told, JoinError>, now: Instant) -> Option<Due> {
        match told {
            Ok(Told::Done) => None,
            Ok(Told::Typing { key, on, until, came }) => {
                let next = self.typing.remove(&key).flatten();
                match came {
                    Typed::NotTalking => {
                        self.gathered.not_talking(&key, now);
                        return None;
                    }
                    Typed::NotTold if !on && next.is_none() => {
                        self.gathered.stopped_untold(key, until, now);
                        return None;
                    }
                    Typed::NotTold if on => self.gathered.untold(&key, now),
                    Typed::Told | Typed::NotTold => {}
                }
                next.map(|(on, until)| Due::Typing { key, on, until })
            }
            Ok(Told::NotTaken(receipts)) => {
                self.gathered.again(receipts, now);
                None
            }
            Ok(Told::Refused { tenant, desk }) => {
                self.refusing.insert((tenant, desk), now + REFUSED_FOR);
                None
            }
            // It panicked, and nobody knows whose it was: what is on its way may overtake once.
            Err(_) => {
                self.typing.clear();
                None
            }
        }
    }

    fn start(&mut self, dispatcher: &Arc<Dispatcher>, due: Due) {
        let this = Arc::clone(dispatcher);
        let is_full = self.on_their_way.len() >= SIGNALS_AT_ONCE_MAX;
        match due {
            Due::Typing { key, on, until } => match self.typing.get_mut(&key) {
                Some(next) => *next = Some((on, until)),
                None if is_full && on => self.gathered.untold(&key, Instant::now()),
                None if is_full => self.gathered.stopped_untold(key, until, Instant::now()),
                None => {
                    self.typing.insert(key.clone(), None);
                    self.on_their_way.spawn(async move {
                        let came = this.tell_typing(&key, on).await;
                        Told::Typing { key, on, until, came }
                    });
                }
            },
            Due::Receipts(receipts) if is_full => self.gathered.again(receipts, Instant::now()),
            Due::Receipts(receipts) => {
                self.on_their_way.spawn(async move { this.give(receipts).await });
            }
        }
    }
}

impl Dispatcher {
    /// Tells desks what they are to be told besides, until told to stop.
    pub(super) async fn tell_desks(
        self: Arc<Self>,
        mut heard: mpsc::Receiver<ToDesk>,
        stop: CancellationToken,
    ) {
        let mut telling = Telling::default();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                () = stop.cancelled() => break,
                Some(told) = telling.on_their_way.join_next() => {
                    telling.came_back(told, Instant::now()).into_iter().collect()
                }
                what = heard.recv() => match what {
                    Some(what) => telling.hears(what, Instant::now()).into_iter().collect(),
                    None => break,
                },
                _ = look.tick(), if !telling.gathered.is_empty() => {
                    telling.gathered.due(Instant::now())
                }
            };
            for due in due {
                telling.start(&self, due);
            }
        }
    }

    async fn tell_typing(&self, key: &ConversationKey, on: bool) -> Typed {
        let Some(chat) = self.chat_of(key).await else { return Typed::NotTalking };
        let Some(link) = self.desks.get(&(key.tenant.clone(), chat.desk.clone())) else {
            return Typed::NotTalking;
        };
        // It does not count against the desk.
        let Ok(permit) = link.gate.breaker.admit(self.clock.now()) else { return Typed::NotTold };
        let reach = link.reach.get();
        let request = chat.typing(on, &reach.dress).to_bytes();
        if reach.client.send(&request).await.is_err() {
            return Typed::NotTold;
        }
        permit.answered();
        Typed::Told
    }

    /// Whether the chat is not over.
    async fn is_open(&self, chat: &Chat) -> bool {
        let state = self.state_of(&chat.key).await;
        state.is_some_and(|state| state.live().is_some_and(|live| live.id == chat.session))
    }

    async fn state_of(&self, key: &ConversationKey) -> Option<Conversation> {
        let of = key.clone();
        let row = crate::blocking(&self.store, move |store| store.conversation(&of)).await;
        let state = row.ok()??.state?;
        Some(Keeping::new(&self.vault, key).ok()?.read_state(&state).ok()?.conversation)
    }

    /// The chat of a conversation, if user and agent can talk in it now.
    async fn chat_of(&self, key: &ConversationKey) -> Option<Chat> {
        let state = self.state_of(key).await?;
        let session = state.talk()?;
        Some(Chat::of(key, &state, session))
    }

    async fn give(&self, waiting: Vec<Waiting>) -> Told {
        let Some(chat) = waiting.first().map(|waiting| waiting.receipt.chat.clone()) else {
            return Told::Done;
        };
        let (tenant, desk) = (chat.key.tenant.clone(), chat.desk.clone());
        let Some(link) = self.desks.get(&(tenant.clone(), desk.clone())) else {
            return Told::Done;
        };
        let reach = link.reach.get();
        // After its end the desk might take them for the beginning of another chat (reference 9.6).
        if !reach.dress.receipts || !self.is_open(&chat).await {
            return Told::Done;
        }
        let Ok(permit) = link.gate.breaker.admit(self.clock.now()) else {
            return Told::NotTaken(waiting);
        };
        let receipts = waiting.iter().map(|waiting| &waiting.receipt);
        let request = chat.receipts(receipts, &reach.dress).to_bytes();
        match reach.client.send(&request).await {
            Ok(_) => {
                permit.answered();
                Told::Done
            }
            Err(SendError::Retry { .. }) => Told::NotTaken(waiting),
            Err(error @ SendError::Refused { .. }) => {
                permit.answered();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    desk = desk.as_str(),
                    "the desk refuses receipts and gets none for an hour; agents do not see what \
                     became of their messages. It takes the Virtual Agent API app 4.0 with \
                     third_party_chat, or `receipts = \"off\"` for this desk"
                );
                Told::Refused { tenant, desk }
            }
        }
    }

    /// Has the agent know what became of their words, where those were brought to the user's channel in
    /// full, or not at all.
    pub(super) async fn acknowledge(
        &self,
        work: &Work,
        opened: &Opened,
        what: &What,
        failure: Option<&Failure>,
    ) {
        let What::Show { message, part, of_agent: Some(session) } = what else { return };
        let of_tenant = |(tenant, _): &&(TenantId, DeskId)| *tenant == opened.key.tenant;
        let wanted = |key| self.desks.get(key).is_some_and(|link| link.reach.get().dress.receipts);
        if failure == Some(&Failure::Struck) || !self.desks.keys().filter(of_tenant).any(wanted) {
            return;
        }
        let Ok(Some(entry)) = self.entry(work, opened, *message).await else { return };
        let is_last = part + 1 >= session::parts::count(&entry.author, &entry.content);
        let Content::Said(said) = entry.content else { return };
        let Some(id) = said.desk_id.filter(|_| is_last || failure.is_some()) else { return };
        let Ok(Some(state)) = self.conversation(work).await else { return };
        if let Some(session) = state.live().filter(|live| live.id == *session) {
            let chat = Chat::of(&opened.key, &state, session);
            let receipt = Receipt { chat, message: id, got: failure.is_none() };
            self.wakes.tell_desk(ToDesk::Receipt(receipt));
        }
    }
}
