//! The agent's desk: a handle for programs and tests, and the HTTP API of the desk page.
//!
//! Owns how the instance is steered and watched. Every rule about what an action does is the
//! instance's.

mod edge;
pub(crate) mod fault_orders;
pub(crate) mod guard;
mod orders;
pub(crate) mod shows;
mod state;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

pub(crate) use self::edge::{Refusal, read, routes};
pub use self::guard::only_local;
use crate::{
    config::{AgentMode, Dialect, Schedule, Webhook},
    control::Control,
    fault::{Fault, Times},
    instance::{
        AgentView, Callback, ChatView, Conversation, DeskError, FileForm, Instance, QueueView,
        ShowOrder,
    },
    ledger::{Received, Sent},
    media::File,
    shared::{Shared, World},
};

/// A condition did not come true in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the condition did not come true in time")]
pub struct TimedOut;

/// Steers and watches a running instance. Clones steer the same one.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
}

/// What there is to see at one moment.
///
/// It borrows the instance while it is looked at, so calling the [`Desk`] from a closure that was
/// given one would wait for ever.
pub struct Snapshot<'a> {
    world: &'a World,
}

impl Snapshot<'_> {
    /// All chats, oldest first.
    pub fn chats(&self) -> Vec<ChatView> {
        self.world.instance.conversations().filter_map(Conversation::view).collect()
    }

    /// Requests to the Bot Integration endpoint, oldest first; the last 200,000.
    pub fn ledger(&self) -> &VecDeque<Received> {
        self.world.ledger.received()
    }

    /// Callbacks whose attempt is over, oldest first; the last 200,000.
    pub fn delivered(&self) -> &VecDeque<Sent> {
        self.world.ledger.sent()
    }

    /// Whether an attempt to deliver a callback is under way. While callbacks are held
    /// ([`Desk::hold_callbacks`]) it becomes false and stays so: then the receiver can be stopped
    /// without cutting one off.
    pub fn is_sending(&self) -> bool {
        self.world.lanes.is_sending()
    }
}

impl Desk {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// All chats, oldest first.
    pub fn chats(&self) -> Vec<ChatView> {
        Snapshot { world: &self.shared.lock() }.chats()
    }

    /// Every request to the Bot Integration endpoint and its answer, oldest first.
    pub fn ledger(&self) -> Vec<Received> {
        self.shared.lock().ledger.received().iter().cloned().collect()
    }

    /// Every callback whose attempt is over, oldest first.
    pub fn delivered(&self) -> Vec<Sent> {
        self.shared.lock().ledger.sent().iter().cloned().collect()
    }

    /// How many calls of the token endpoint were answered with a token.
    pub fn tokens_granted(&self) -> u64 {
        self.shared.lock().registry.granted()
    }

    /// Waits until a condition holds, looking again after each change.
    ///
    /// # Errors
    /// When it does not hold within `timeout`.
    pub async fn wait_until(
        &self,
        mut holds: impl FnMut(&Snapshot<'_>) -> bool,
        timeout: Duration,
    ) -> Result<(), TimedOut> {
        let deadline = Instant::now() + timeout;
        let mut changes = self.shared.changed.subscribe();
        loop {
            changes.borrow_and_update();
            let seen = holds(&Snapshot { world: &self.shared.lock() });
            if seen {
                return Ok(());
            }
            // The sender lives as long as this handle, so the only failure is the deadline.
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(TimedOut);
            }
        }
    }

    /// All agents, in their order.
    pub fn agents(&self) -> Vec<AgentView> {
        self.shared.lock().instance.agents().collect()
    }

    /// All queues, in their order.
    pub fn queues(&self) -> Vec<QueueView> {
        let now = self.shared.clock.now();
        self.shared.lock().instance.queues(now)
    }

    /// Takes a waiting chat, as the agent it is offered to; where it is offered to nobody, as the
    /// first one who is available.
    pub fn accept(&self, chat: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| instance.accept(number, None, now))
    }

    /// Takes a waiting chat as this agent, who was offered it or picks it from the queue while it
    /// is offered to nobody.
    pub fn accept_as(&self, chat: &str, agent: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| {
            let who = instance.agent(agent)?;
            instance.accept(number, Some(who), now)
        })
    }

    /// Takes a chat whose user has just left the queue, as an agent does who clicks at the same
    /// moment: the acceptance is told although the end was.
    pub fn accept_late(&self, chat: &str) -> Result<(), DeskError> {
        self.act(chat, Instance::accept_late)
    }

    /// Refuses a waiting chat as the agent it is offered to. It goes on to the next one; when
    /// nobody is left, the user is told that nobody is there.
    pub fn reject(&self, chat: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| instance.reject(number, None, now))
    }

    /// Refuses a waiting chat as this agent.
    pub fn reject_as(&self, chat: &str, agent: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| {
            let who = instance.agent(agent)?;
            instance.reject(number, Some(who), now)
        })
    }

    /// Begins or stops typing.
    pub fn typing(&self, chat: &str, on: bool) -> Result<(), DeskError> {
        self.act(chat, |instance, number, _| instance.typing(number, on))
    }

    /// Writes a line to the user.
    pub fn write(&self, chat: &str, text: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| instance.write(number, text, now))
    }

    /// Shows these controls in a live chat, one after the other; each that asks waits for its
    /// answer, and what stands behind it too.
    pub fn show(&self, chat: &str, controls: &[Control]) -> Result<(), DeskError> {
        self.show_in(chat, ShowOrder::Controls(controls.to_vec(), None))
    }

    /// Shows an item as it is, by the agent or by a topic that runs inside the chat.
    pub fn show_item(&self, chat: &str, item: Value, by_agent: bool) -> Result<(), DeskError> {
        self.show_in(chat, ShowOrder::Item(item, by_agent))
    }

    fn show_in(&self, chat: &str, order: ShowOrder) -> Result<(), DeskError> {
        let host = self.shared.media_host();
        self.act(chat, |instance, number, now| instance.show(number, order, &host, now))
    }

    /// Sends a file as the agent: a picture as an `OutputImage`, anything else as an `OutputLink`.
    /// It lies on the instance and needs the caller's bearer.
    pub fn send_file(
        &self,
        chat: &str,
        name: &str,
        content_type: &str,
        bytes: Vec<u8>,
    ) -> Result<(), DeskError> {
        let file = File::new(name, content_type, bytes.into());
        self.shared.send_file(chat, file, FileForm::default())
    }

    /// Hands a live chat to another agent, by id or display name: the transfer text and a wait
    /// spinner, then, after `Config::transfer_delay`, the other agent comes. Until then nobody can
    /// write in it. A name without letters is refused as an empty text.
    pub fn transfer(&self, chat: &str, to: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| instance.transfer(number, to, now))
    }

    /// Puts a live chat into a queue: the transfer text and a wait spinner each minute, until
    /// another agent accepts it there.
    pub fn transfer_to_queue(&self, chat: &str, queue: &str) -> Result<(), DeskError> {
        self.act(chat, |instance, number, now| instance.transfer_to_queue(number, queue, now))
    }

    /// Makes an agent available or away. Who goes keeps the chats at hand, and what was offered
    /// goes on to the next agent.
    pub fn set_available(&self, agent: &str, available: bool) -> Result<(), DeskError> {
        self.order(|instance, now| instance.set_available(agent, available, now))
    }

    /// Changes how many chats an agent has at once.
    pub fn set_capacity(&self, agent: &str, capacity: u32) -> Result<(), DeskError> {
        self.order(|instance, now| instance.set_capacity(agent, capacity, now))
    }

    /// Changes when a queue is open. What waits in it stays.
    pub fn set_schedule(&self, queue: &str, schedule: Schedule) -> Result<(), DeskError> {
        self.order(|instance, _| instance.set_schedule(queue, schedule))
    }

    /// Ends a live chat.
    pub fn end(&self, chat: &str) -> Result<(), DeskError> {
        self.act(chat, Instance::end)
    }

    /// Stops the instance's clock, or lets it go on.
    pub fn freeze(&self, frozen: bool) {
        self.shared.clock.freeze(frozen);
    }

    /// Winds the instance's clock on. What was due has happened when this returns; its callbacks
    /// may still be on their way.
    pub fn advance(&self, span: Duration) {
        self.shared.advance(crate::script::millis(span));
    }

    /// Queues callbacks instead of sending them, until released. What is already on its way
    /// arrives.
    pub fn hold_callbacks(&self, held: bool) {
        self.shared.hold(held);
    }

    /// Whoever reads the table of messages waits until they are no longer held.
    pub fn hold_messages(&self, held: bool) {
        self.set(|world| world.messages_held = held);
    }

    /// Changes who sits at the desk. A scripted agent also takes what is waiting.
    pub fn set_agent_mode(&self, mode: AgentMode) {
        self.shared.act(|world, now| {
            world.instance.set_agent(mode, now);
            ((), Vec::new())
        });
    }

    /// Changes the language of callbacks from the next one on.
    pub fn set_dialect(&self, dialect: Dialect) {
        self.set(|world| world.instance.setup.dialect = dialect);
    }

    /// Makes the API and the token endpoint answer 503, or stops that. The desk keeps working, and
    /// what an agent does there is still told.
    pub fn set_down(&self, down: bool) {
        self.set(|world| world.down = down);
    }

    /// Makes a fault strike this often. It takes the place of what was left of one of its kind.
    pub fn inject(&self, fault: Fault, times: Times) {
        self.set(|world| world.faults.inject(fault, times));
    }

    /// The faults that have not been used up, oldest first.
    pub fn faults(&self) -> Vec<(Fault, Times)> {
        self.shared.lock().faults.armed().collect()
    }

    /// Disarms all faults; a callback that waits to be overtaken is sent now.
    pub fn clear_faults(&self) {
        self.shared.clear_faults();
    }

    /// Makes `bye`, `hi`, `restart`, `logout` and `agent` commands, or mere words.
    pub fn set_command_words(&self, on: bool) {
        self.set(|world| world.instance.setup.command_words = on);
    }

    /// Changes where callbacks go, from the next one on.
    pub fn set_webhook(&self, webhook: Webhook) {
        self.set(|world| world.webhook = webhook);
    }

    /// Forgets every OAuth token, refresh tokens included, so that the next request is answered 401
    /// and so is the next refresh.
    pub fn revoke_tokens(&self) {
        self.set(|world| world.registry.revoke());
    }

    /// Restarts the instance in this moment: what waits for the worker and callbacks that wait for
    /// their turn are lost; open chats are kept, or lost without a word.
    pub fn restart(&self, keeps_chats: bool) {
        self.shared.restart(keeps_chats);
    }

    fn is_agent(&self, id: &str) -> Result<(), DeskError> {
        self.shared.lock().instance.agent(id).map(|_| ())
    }

    fn is_queue(&self, id: &str) -> Result<(), DeskError> {
        let known = self.queues().iter().any(|queue| queue.id == id);
        if known { Ok(()) } else { Err(DeskError::UnknownQueue) }
    }

    fn order(
        &self,
        what: impl FnOnce(&mut Instance, u64) -> Result<(), DeskError>,
    ) -> Result<(), DeskError> {
        self.shared.act(|world, now| (what(&mut world.instance, now), Vec::new()))
    }

    fn set(&self, change: impl FnOnce(&mut World)) {
        self.shared.act(|world, _| {
            change(world);
            ((), Vec::new())
        });
    }

    fn act(
        &self,
        chat: &str,
        what: impl FnOnce(&mut Instance, u64, u64) -> Result<Vec<Callback>, DeskError>,
    ) -> Result<(), DeskError> {
        let number = ChatView::number_of(chat).ok_or(DeskError::UnknownChat)?;
        self.shared.act(|world, now| match what(&mut world.instance, number, now) {
            Ok(told) => (Ok(()), told),
            Err(error) => (Err(error), Vec::new()),
        })
    }
}
