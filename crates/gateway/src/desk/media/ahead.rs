//! What agents send is fetched before anybody asks for it: it is at the instance only as long as that
//! lets us, and a user should not wait for it.
//!
//! A commit tells of entries that may show a file. Told or not, fetched or not: what a user opens is
//! fetched then at the latest, so nothing of this has to be durable.

use std::{cell::RefCell, sync::Arc};

use session::{
    Author, Content, Message,
    id::{ConversationKey, Number},
};
use store::ConversationId;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::{DeskMedia, pass::BEGIN};
use crate::{
    keeping::Keeping,
    notices::Language,
    rich::{self, Look, Surface},
};

/// Entries whose files are fetched ahead at a time: pages that ask for files have the rest of the room.
const AHEAD_AT_ONCE_MAX: usize = 8;

/// The most files of one entry that are fetched ahead: a page of pictures is rare, and can wait.
const AHEAD_OF_ENTRY_MAX: usize = 16;

/// What stands in every address of a file at an instance, so that entries without one are not looked at.
/// Some write a slash as `\/`.
const MARKS: [&str; 4] = ["/api/now/", "\\/api\\/now\\/", "sys_attachment", ".iix"];

/// An entry that may show files of the desk's.
#[derive(Debug, Clone)]
pub(crate) struct MayShow {
    pub(crate) key: ConversationKey,
    pub(crate) conversation: ConversationId,
    pub(crate) entry: Number,
}

impl MayShow {
    /// Those among the messages of a step.
    pub(crate) fn of<'a>(
        key: &'a ConversationKey,
        conversation: ConversationId,
        messages: &'a [Message],
    ) -> impl Iterator<Item = Self> + 'a {
        messages.iter().filter_map(move |message| {
            let (Author::Agent(_) | Author::Desk, Content::Said(said)) =
                (&message.author, &message.content)
            else {
                return None;
            };
            let payload = &said.payload.as_ref()?.0;
            MARKS.iter().any(|mark| payload.contains(mark)).then(|| Self {
                key: key.clone(),
                conversation,
                entry: message.number,
            })
        })
    }
}

impl DeskMedia {
    /// Fetches ahead until the gateway stops.
    pub(crate) async fn run_ahead(
        self: Arc<Self>,
        mut told: mpsc::Receiver<MayShow>,
        stop: CancellationToken,
    ) {
        let turns = Arc::new(Semaphore::new(AHEAD_AT_ONCE_MAX));
        loop {
            let next = async {
                let turn = Arc::clone(&turns).acquire_owned().await.ok()?;
                Some((turn, told.recv().await?))
            };
            let next = tokio::select! {
                next = next => next,
                () = stop.cancelled() => None,
            };
            let Some((turn, entry)) = next else { break };
            let this = Arc::clone(&self);
            tokio::spawn(async move {
                this.fetch_ahead(entry).await;
                drop(turn);
            });
        }
        // Whoever tells lives as long as the gateway.
        stop.cancelled().await;
    }

    /// Fetches what an entry shows.
    pub(crate) async fn fetch_ahead(self: &Arc<Self>, of: MayShow) {
        for pass in self.passes_in(&of).await.unwrap_or_default() {
            // Why it did not come was said, and is told where it never will.
            if self.fetched(&pass).await.is_err() {
                tracing::debug!("a file of the desk's was not fetched ahead");
            }
        }
    }

    /// The passes that its user is shown with an entry; nothing if it cannot be read.
    async fn passes_in(self: &Arc<Self>, of: &MayShow) -> Option<Vec<String>> {
        let links = self.links(&of.key, of.conversation)?;
        let (id, number) = (of.conversation, of.entry);
        let read = crate::blocking(&self.store, move |store| store.entries_upto(id, number, 1));
        let rows = read.await.ok()?;
        let keeping = Keeping::new(&self.vault, &of.key).ok()?;
        let entries = keeping.read_entries(&self.vault, &rows).ok()?;
        let entry = entries.into_iter().find(|entry| entry.number == number)?;
        let found = RefCell::new(Vec::new());
        let open = |address: &str| {
            let opened = links.open("", number, address)?;
            let pass = opened.strip_prefix("/files/").filter(|pass| pass.starts_with(BEGIN));
            let mut found = found.borrow_mut();
            if let Some(pass) = pass.map(str::to_owned)
                && found.len() < AHEAD_OF_ENTRY_MAX
                && !found.contains(&pass)
            {
                found.push(pass);
            }
            Some(opened)
        };
        // As a page shows it; what else there is in it nobody opens.
        let look = Look {
            surface: Surface::Page,
            language: Language::default(),
            entry: number,
            prefix: "",
            open: &open,
            pictures: &rich::NO_PICTURES,
        };
        drop(rich::shown(entry.content.said()?, &look));
        Some(found.into_inner())
    }
}
