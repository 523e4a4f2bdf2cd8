//! A file that is shown from a desk and never comes: its user is told in the conversation, and the agent
//! who sent it hears it too, instead of believing it shown.
//!
//! Nothing of this is durable. A gateway that is killed in between tells it when the file is next asked
//! for.

use std::sync::Arc;

use servicenow::client::media::Leads;
use session::{
    Author, Content, Event, FileRefusal,
    id::{ConversationKey, Number, SenderKey},
};
use store::{ConversationId, Target};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{DeskMedia, MediaPass};
use crate::{
    desk::signal::{Chat, Receipt, ToDesk},
    engine::{Arrival, Engine},
    files::FileId,
    keeping::{Entry, Keeping},
    rich,
    wakes::Wakes,
};

/// Files that wait to be told of: more wait at their flights, none is forgotten.
const UNTAKEN_WAITING_MAX: usize = 64;

/// A file that never comes.
#[derive(Debug)]
pub(super) struct Untaken {
    key: Arc<ConversationKey>,
    conversation: ConversationId,
    /// The entry that shows it.
    entry: Number,
    by_agent: bool,
    /// The desk's id of that entry.
    message: Option<String>,
    event: Event,
}

impl DeskMedia {
    /// A file will never come: has it told.
    pub(super) async fn not_taken(
        &self,
        (key, pass): (Arc<ConversationKey>, MediaPass),
        shown: Entry,
        file: FileId,
        why: FileRefusal,
    ) {
        let (Content::Said(said) | Content::Revised { said, .. }) = shown.content else { return };
        let Some(file_shown) = rich::file_shown(&said, &|at| self.is_it(&key, &pass, at)) else {
            return;
        };
        let by_agent = matches!(shown.author, Author::Agent(_));
        let event = Event::FileNotPassedOn {
            shown_in: pass.entry,
            by_agent,
            name: file_shown.name,
            why,
            key: SenderKey::new(&format!("untaken:{}", file.number.simple())).ok(),
        };
        let (conversation, entry, message) = (pass.conversation, pass.entry, said.desk_id);
        let untaken = Untaken { key, conversation, entry, by_agent, message, event };
        if let Some(teller) = self.teller.get() {
            teller.send(untaken).await.ok();
        }
    }

    /// Whether an address that the desk wrote leads to what a pass opens.
    fn is_it(&self, key: &ConversationKey, pass: &MediaPass, address: &str) -> bool {
        let Some(reach) = self.reaches.get(&(key.tenant.clone(), pass.desk.clone())) else {
            return false;
        };
        let leads = reach.get().client.leads(address);
        matches!(leads, Some(Leads::File(file)) if file.as_str() == pass.address)
    }

    /// Tells users and agents of files that never come, until the gateway stops. It hears of them from
    /// now on.
    pub(crate) fn run_telling(
        self: Arc<Self>,
        engine: Engine,
        wakes: Arc<Wakes>,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (teller, mut told) = mpsc::channel(UNTAKEN_WAITING_MAX);
        self.teller.set(teller).ok();
        async move {
            loop {
                let next = tokio::select! {
                    next = told.recv() => next,
                    () = stop.cancelled() => None,
                };
                let Some(untaken) = next else { break };
                self.tell(untaken, &engine, &wakes, &stop).await;
            }
            stop.cancelled().await;
        }
    }

    async fn tell(
        &self,
        untaken: Untaken,
        engine: &Engine,
        wakes: &Wakes,
        stop: &CancellationToken,
    ) {
        let target = Target::Conversation(untaken.conversation);
        let arrival = Arrival::event(target, untaken.event.clone());
        match engine.submit_at_last(arrival, stop).await {
            Ok(outcome) if !outcome.repeat => {
                if let Some(receipt) = self.receipt(untaken).await {
                    wakes.tell_desk(ToDesk::Receipt(receipt));
                }
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a user was not told that a file of the desk's does not come"
            ),
        }
    }

    /// For the agent: what was said in that entry is not shown in full.
    async fn receipt(&self, untaken: Untaken) -> Option<Receipt> {
        let message = untaken.message.filter(|_| untaken.by_agent)?;
        let of = untaken.conversation;
        let row = crate::blocking(&self.store, move |store| store.conversation_by_id(of)).await;
        let state = row.ok()??.state?;
        let keeping = Keeping::new(&self.vault, &untaken.key).ok()?;
        let state = keeping.read_state(&state).ok()?.conversation;
        let live = state.live().filter(|live| live.asked_after < untaken.entry)?;
        Some(Receipt { chat: Chat::of(&untaken.key, &state, live), message, got: false })
    }
}
