//! Files that belong to conversations: what users, agents and bots show each other.
//!
//! Each is one object in a folder or a bucket ([`place`]), sealed in chunks under a data key of its own
//! ([`sealed`]) as it comes in ([`intake`]), and there for good before anybody is told of it. It is read
//! as it is asked for, whole or in part ([`reading`]); no more than a few chunks of it are ever in
//! memory. What it is is judged by its first bytes ([`kind`]), and a scanner may see it before it is kept
//! ([`scan`]). Its name says whose it is, since when, and how long it is kept ([`id`]), so that nothing else
//! has to be kept about it; when that is over it is removed, or before by order ([`removal`]). When root keys
//! are rotated, what wraps its data key is, too ([`anew`]).
//! The place that they lie in is known again by its mark ([`mark`]); what was damaged there is remembered
//! ([`damaged`]).
//! How much there is in all is counted ([`ledger`]), and how many come and go at a time ([`turns`]). Whoever is
//! shown a file gets an address that opens it and nothing else, for a while ([`pass`]).
//!
//! It deliberately does not know: HTTP, activities, and who may bring a file.

mod anew;
mod bucket;
mod damaged;
mod error;
#[cfg(test)]
mod faulty;
mod id;
mod intake;
mod kind;
mod ledger;
mod mark;
mod out;
mod pace;
mod pass;
mod place;
mod reading;
mod removal;
mod scan;
mod sealed;
mod setup;
mod staged;
mod turns;

use std::{
    collections::{HashMap, HashSet},
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::TryStreamExt;
use session::id::{TenantId, Timestamp};
use store::{ConversationId, Store, StoreError};
use vault::{MacKey, Signing, Vault};

pub(crate) use anew::Looked;
pub use bucket::BucketSetup;
pub(crate) use error::FileError;
pub(crate) use id::{FileId, Keep};
pub(crate) use intake::{Bringer, Intake, Kept, NewFile};
pub(crate) use kind::{clean_name, essence};
pub(crate) use mark::PlaceSeen;
pub use mark::{Elsewhere, PlaceExamined, examine_files};
pub(crate) use pass::{Pass, PassError};
pub(crate) use reading::{Chunks, Reading};
pub(crate) use removal::Which;
pub use scan::ScannerAddress;
pub(crate) use sealed::{Head, Side};
pub use setup::{FileRules, FileSetup, REFUSED, Scanning, WithoutScanner};

use crate::{clock::Clock, observe::Observer};
pub(crate) use ledger::Fill;
use ledger::Ledger;
pub(crate) use pace::{PIECE_WITHIN, Pace, Taking, TooSlow};
use place::Place;
use turns::AllTurns;
pub(crate) use turns::Reader;

/// How long a file that a bot shows is kept: as long as Azure keeps those of Direct Line.
const KEPT_FOR: Duration = Duration::from_hours(24);

/// All files of this gateway, which nobody else has open.
pub(crate) struct Files {
    place: Place,
    setup: FileSetup,
    store: Arc<dyn Store>,
    vault: Arc<Vault>,
    clock: Clock,
    observer: Arc<Observer>,
    passes: Signing<MacKey>,
    /// What proves that a place is ours.
    marks: MacKey,
    /// Whoever looks at the place: one at a time.
    looking: tokio::sync::Mutex<mark::Looking>,
    /// What the newest look showed.
    newest: Mutex<Option<mark::Newest>>,
    /// The ledger has what is there.
    counted: AtomicBool,
    ledger: Arc<Mutex<Ledger>>,
    turns: AllTurns,
    /// Of all who remove, one at a time: no room is given back twice. Who puts a file in place anew is one
    /// of them: what was removed does not come back.
    removing: Arc<tokio::sync::Mutex<()>>,
    /// Which are under which root key, as far as it is known.
    known: Mutex<anew::Known>,
    /// Which were found damaged.
    damaged: Mutex<damaged::Damaged>,
}

impl Files {
    /// Opens the files, wherever they lie; nothing is looked at there yet. Blocks.
    pub(crate) fn open(
        data_dir: &Path,
        setup: FileSetup,
        store: &Arc<dyn Store>,
        vault: &Arc<Vault>,
        clock: &Clock,
        observer: &Arc<Observer>,
    ) -> Result<Self, FileError> {
        let place = Place::of(data_dir, &setup)?;
        let looking = mark::Looking::open(&**store);
        let looking = looking.map_err(|error| FileError::Disk(io::Error::other(error)))?;
        Ok(Self {
            place,
            passes: vault.signing_texts("file passes")?,
            marks: vault.mac_key(mark::REMEMBERED)?,
            looking: tokio::sync::Mutex::new(looking),
            newest: Mutex::default(),
            counted: AtomicBool::new(false),
            damaged: Mutex::default(),
            store: Arc::clone(store),
            vault: Arc::clone(vault),
            clock: clock.clone(),
            observer: Arc::clone(observer),
            ledger: Arc::new(Mutex::new(Ledger::new(&setup.rules))),
            setup,
            turns: AllTurns::new(),
            removing: Arc::default(),
            known: Mutex::default(),
        })
    }

    /// Counts what is there, while others come and go; the store knows whose it is.
    async fn count(&self) -> Result<(), FileError> {
        ledger::locked(&self.ledger).begins_to_count();
        let mut all = self.place.all().await?;
        let mut of = HashMap::<ConversationId, Vec<_>>::new();
        while let Some(there) = all.try_next().await? {
            if let Ok(id) = there.name.parse::<FileId>() {
                of.entry(id.conversation).or_default().push((id, there.size));
            }
        }
        let read = move |store: &dyn Store| {
            let owned = |(id, theirs)| {
                let row = store.conversation_by_id(id)?;
                Ok((row.map(|row| row.key.tenant.clone()), theirs))
            };
            of.into_iter().map(owned).collect::<Result<Vec<_>, StoreError>>()
        };
        let owned = crate::blocking(&self.store, read).await;
        let owned = owned.map_err(|error| FileError::Disk(io::Error::other(error)))?;
        ledger::locked(&self.ledger).counts(owned);
        self.counted.store(true, Ordering::SeqCst);
        self.told();
        Ok(())
    }

    fn is_counted(&self) -> bool {
        self.counted.load(Ordering::SeqCst)
    }

    fn is_not_counted(&self) {
        self.counted.store(false, Ordering::SeqCst);
    }

    /// How long one may be kept, at most.
    pub(crate) fn kept_for_at_most(&self) -> Duration {
        KEPT_FOR.max(self.setup.rules.kept_for)
    }

    /// Tells the metrics how much there is.
    fn told(&self) {
        let all = ledger::locked(&self.ledger).all();
        self.observer.files().keeps(all.bytes, all.strangers);
    }

    /// Who counts them.
    pub(crate) fn observer(&self) -> &Observer {
        &self.observer
    }

    /// What holds for files of users and desks.
    pub(crate) fn rules(&self) -> &FileRules {
        &self.setup.rules
    }

    /// How quickly a file has to come that somebody brings.
    pub(crate) fn pace(&self, by: Bringer) -> Pace {
        self.turns.pace(by)
    }

    /// Until when a file is kept.
    pub(crate) fn kept_until(&self, file: FileId) -> Timestamp {
        let kept = match file.keep {
            Keep::Day => KEPT_FOR,
            Keep::Chat => self.setup.rules.kept_for,
            Keep::Stranger => self.setup.rules.strangers_kept_for.min(self.setup.rules.kept_for),
        };
        let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        Timestamp(file.since().0.saturating_add(kept))
    }

    /// Those of these conversations, oldest first.
    pub(crate) async fn all_of(
        &self,
        conversations: &HashSet<ConversationId>,
    ) -> Result<Vec<FileId>, FileError> {
        self.look().await?;
        let (mut all, mut theirs) = (self.place.all().await?, Vec::new());
        while let Some(there) = all.try_next().await? {
            let id = there.name.parse::<FileId>().ok();
            theirs.extend(id.filter(|id| conversations.contains(&id.conversation)));
        }
        theirs.sort_by_key(|id| id.number);
        Ok(theirs)
    }

    /// Whether there is any of this conversation, or may be: nobody knows while they are away.
    pub(crate) fn may_have_some(&self, conversation: ConversationId) -> bool {
        !self.is_counted() || ledger::locked(&self.ledger).has_some(conversation)
    }

    /// How much all of them take, and each tenant's.
    pub(crate) fn fill(&self) -> (Fill, Vec<(TenantId, Fill)>) {
        let ledger = ledger::locked(&self.ledger);
        let tenants = ledger.tenants().map(|(tenant, fill)| (tenant.clone(), fill));
        (ledger.all(), tenants.collect())
    }

    /// Whether a tenant has some.
    pub(crate) fn has(&self, tenant: &TenantId) -> bool {
        ledger::locked(&self.ledger).tenants().any(|(one, _)| one == tenant)
    }
}

#[cfg(test)]
mod tests;
