//! Files between conversations and their desks, both ways.
//!
//! ```text
//!   user's file, kept ─┬─ an address that opens it for a while ─► the instance fetches it
//!                      └─ or brought there, piece by piece ─────► the instance's own address for it
//!
//!   an address at the instance ─► an address of ours, signed ─► soon, or when it is first asked for:
//!                                   fetched with the desk's token, scanned, sealed; then served as any
//! ```
//!
//! [`pass`] is what opens one address at one instance, and nothing else; [`fetched`] how what is behind
//! it comes here, [`ahead`] that it does so soon, [`untaken`] who hears that it never will; [`handed`] how
//! a user's file goes there.
//!
//! It deliberately does not know: how activities look, who may see a conversation, when a message is
//! sent, and what is in a file.

mod ahead;
mod fetched;
mod handed;
mod pass;
mod untaken;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use servicenow::client::media::Leads;
use session::id::{ConversationKey, DeskId, Number};
use store::{ConversationId, Store};
use tokio::sync::mpsc;
use vault::{MacKey, SealError, Signing, Vault};

use crate::{
    clock::Clock, current::Current, dispatcher::Reach, engine::Policies, files::Files,
    gaps::DeskKey, rich,
};

pub(crate) use ahead::MayShow;
pub(crate) use fetched::{FAILED_FOR, FetchError, Flights};
pub(crate) use handed::{Handed, Lost, Others, Owned, Uploads};
use pass::MediaPass;
use untaken::Untaken;

/// How a user's files come to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilesBy {
    /// By an address where the instance can reach us over https, else by upload.
    #[default]
    Either,
    /// It fetches them from us.
    Link,
    /// They are brought to it.
    Upload,
}

/// The same as it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Handing {
    /// Below this address of ours, without a trailing slash.
    Link {
        base: String,
    },
    Upload,
}

impl Handing {
    /// How it is done for a gateway that is reached at `base`.
    pub(crate) fn of(by: FilesBy, base: &str) -> Self {
        let base = base.trim_end_matches('/').to_owned();
        let is_reached = || {
            let url = url::Url::parse(&base).ok();
            url.is_some_and(|url| {
                let host = url.host_str().unwrap_or_default();
                url.scheme() == "https" && outbound::reach(host) == outbound::Reach::Public
            })
        };
        match by {
            FilesBy::Link => Self::Link { base },
            FilesBy::Either if is_reached() => Self::Link { base },
            FilesBy::Either | FilesBy::Upload => Self::Upload,
        }
    }
}

/// What moves files between conversations and desks.
pub(crate) struct DeskMedia {
    files: Arc<Files>,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Clock,
    reaches: HashMap<DeskKey, Arc<Current<Reach>>>,
    policies: Arc<Current<Policies>>,
    passes: Signing<MacKey>,
    /// Makes the numbers under which files are kept, which must stay.
    places: MacKey,
    flights: Flights,
    uploads: Uploads,
    /// Whoever tells of files that do not come.
    teller: OnceLock<mpsc::Sender<Untaken>>,
}

/// What it works with.
pub(crate) struct With {
    pub(crate) files: Arc<Files>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) reaches: HashMap<DeskKey, Arc<Current<Reach>>>,
    pub(crate) policies: Arc<Current<Policies>>,
}

impl fmt::Debug for DeskMedia {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeskMedia").finish_non_exhaustive()
    }
}

impl DeskMedia {
    pub(crate) fn new(with: With) -> Result<Arc<Self>, SealError> {
        let With { files, store, vault, clock, reaches, policies } = with;
        let passes = vault.signing_texts("desk media")?;
        let places = vault.mac_key("desk media")?;
        let (flights, uploads) = (Flights::default(), Uploads::default());
        Ok(Arc::new(Self {
            files,
            store,
            vault,
            clock,
            reaches,
            policies,
            passes,
            places,
            flights,
            uploads,
            teller: OnceLock::new(),
        }))
    }

    /// What addresses of its desk's become in this conversation; `None` if its bot has no desk that is
    /// running.
    pub(crate) fn links(
        self: &Arc<Self>,
        key: &ConversationKey,
        conversation: ConversationId,
    ) -> Option<DeskLinks> {
        let desk = self.policies.get().of(&key.tenant, &key.bot)?.desk.clone();
        let reach = self.reaches.get(&(key.tenant.clone(), desk.clone()))?.get();
        Some(DeskLinks { media: Arc::clone(self), conversation, desk, reach })
    }
}

/// What addresses of a desk's become in one conversation.
#[derive(Clone)]
pub(crate) struct DeskLinks {
    media: Arc<DeskMedia>,
    conversation: ConversationId,
    desk: DeskId,
    reach: Arc<Reach>,
}

impl DeskLinks {
    /// Under what address the user may open what this one leads to; `base` is where they reach us, without
    /// a trailing slash. `None`: nowhere. What is at the instance but no file is its own page, for those
    /// who may sign in there.
    pub(crate) fn open(&self, base: &str, entry: Number, address: &str) -> Option<String> {
        match self.reach.client.leads(address) {
            Some(Leads::File(file)) => {
                let (conversation, desk) = (self.conversation, self.desk.clone());
                let address = file.as_str().to_owned();
                let pass = MediaPass { conversation, entry, desk, address };
                Some(format!("{base}/files/{}", self.media.write_pass(&pass)))
            }
            leads => open_page(leads, address),
        }
    }

    /// The same for whoever is to have no file: an address that opens one needs no sign-in and is good for as
    /// long as the file is kept.
    pub(crate) fn open_without_files(&self, address: &str) -> Option<String> {
        open_page(self.reach.client.leads(address), address)
    }
}

/// Under what address anybody may open what is no file.
fn open_page(leads: Option<Leads>, address: &str) -> Option<String> {
    match leads {
        Some(Leads::File(_)) => None,
        Some(Leads::Page(url)) => Some(url),
        Some(Leads::Elsewhere(url)) => rich::public(&url),
        None => rich::public(address),
    }
}

#[cfg(test)]
mod tests;
