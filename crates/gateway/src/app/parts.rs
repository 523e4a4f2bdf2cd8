//! The parts that run, and what each is given of the others.

use std::{collections::HashMap, sync::Arc};

use store::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use vault::Vault;

use crate::{
    app::{StartError, doors::signed_for, live::Live},
    audit::Audit,
    clock::Clock,
    control::{Letters, Orders, Sealed, Storeroom, UnderWay},
    current::Current,
    desk::media::{DeskMedia, With},
    dispatcher::{ATTEMPTS_MAX, DeskLink, Dispatcher, Gate, Openings, Reach},
    edge::{
        Edge,
        console::{Console, Destination, Destinations, Member, Members, Recorder},
        direct_line::{DirectLine, private::ring::Ring as MessageKeys},
        messages::{Besides, Complaints},
        rates::Measures,
    },
    engine::{Engine, Policies},
    files::Files,
    gaps::{DeskKey, Gaps},
    keys::{Ring, resealing::Keys},
    lane,
    observe::Observer,
    person::{Persons, Remembering},
    presence::Presence,
    retention::Shredder,
    sweeper::Sweeper,
    wakes::Wakes,
};

/// What the running parts share.
pub(super) struct Parts {
    pub(super) store: Arc<dyn Store>,
    pub(super) files: Arc<Files>,
    pub(super) vault: Arc<Vault>,
    pub(super) clock: Clock,
    pub(super) engine: Engine,
    pub(super) wakes: Arc<Wakes>,
    pub(super) gaps: Arc<Gaps>,
    pub(super) presence: Arc<Presence>,
    pub(super) observer: Arc<Observer>,
    pub(super) audit: Audit,
}

impl Parts {
    pub(super) fn sweeper(&self) -> Sweeper {
        Sweeper {
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.files),
            clock: self.clock.clone(),
            observer: Arc::clone(&self.observer),
        }
    }

    pub(super) fn shredder(&self, live: &Live) -> Shredder {
        Shredder {
            store: Arc::clone(&self.store),
            files: Arc::clone(&self.files),
            vault: Arc::clone(&self.vault),
            clock: self.clock.clone(),
            observer: Arc::clone(&self.observer),
            rules: live.retention(),
            erasing: Arc::default(),
        }
    }

    /// What carries out the orders of the control socket.
    pub(super) fn orders(
        &self,
        keys: &Arc<Keys>,
        messages: &Arc<MessageKeys>,
        persons: &Arc<Persons>,
        under_way: UnderWay,
    ) -> Orders {
        let audit = self.audit.clone();
        let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
        Orders {
            letters: Letters::new(self.engine.clone(), audit.clone()),
            sealed: Sealed { store, vault, audit: audit.clone() },
            keys: Arc::clone(keys),
            messages: Arc::clone(messages),
            persons: Arc::clone(persons),
            files: Storeroom { files: Arc::clone(&self.files), audit: audit.clone() },
            audit,
            under_way,
        }
    }

    /// The keys, for whoever rotates them.
    pub(super) fn keys(&self, live: &Live) -> Arc<Keys> {
        let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
        let ring = Ring::new(store, vault, self.clock.clone());
        let (doors, files) = (live.doors(), Arc::clone(&self.files));
        let grace = move || signed_for(&doors.get(), &files);
        Arc::new(Keys::new(
            Arc::new(ring),
            Arc::clone(&self.files),
            self.engine.clone(),
            self.clock.clone(),
            Arc::clone(&self.observer),
            self.audit.clone(),
            Box::new(grace),
        ))
    }

    /// The keys that pages seal to.
    pub(super) fn message_keys(&self) -> Arc<MessageKeys> {
        let (store, vault) = (Arc::clone(&self.store), Arc::clone(&self.vault));
        Arc::new(MessageKeys::new(store, vault, self.clock.clone(), self.audit.clone()))
    }

    /// What moves files between conversations and desks.
    pub(super) fn media(
        &self,
        policies: &Arc<Current<Policies>>,
        reaches: &HashMap<DeskKey, Arc<Current<Reach>>>,
    ) -> Result<Arc<DeskMedia>, StartError> {
        Ok(DeskMedia::new(With {
            files: Arc::clone(&self.files),
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            clock: self.clock.clone(),
            reaches: reaches.clone(),
            policies: Arc::clone(policies),
        })?)
    }

    pub(super) fn dispatcher(&self, live: &Live, stop: CancellationToken) -> Dispatcher {
        let link = |key: &DeskKey, reach| {
            let (tenant, desk) = key;
            let to = lane::Destination::Desk(tenant.clone(), desk.clone());
            let gate = Gate::new(to, &self.observer);
            (key.clone(), DeskLink { desk: desk.clone(), reach, gate })
        };
        let desks: HashMap<_, _> =
            live.reaches().map(|(key, reach)| link(key, Arc::clone(reach))).collect();
        Dispatcher {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            engine: self.engine.clone(),
            clock: self.clock.clone(),
            desks,
            bots: live.bots(),
            channels: live.channels(),
            handles: live.handles.clone(),
            files: Arc::clone(&self.files),
            media: live.media(),
            wakes: Arc::clone(&self.wakes),
            language: live.language,
            gaps: Arc::clone(&self.gaps),
            openings: Openings::default(),
            observer: Arc::clone(&self.observer),
            stop,
            tracing: live.tracing.clone(),
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        }
    }

    /// What deals with persons' data.
    pub(super) fn persons(&self, shredder: &Shredder) -> Arc<Persons> {
        let (engine, wakes) = (self.engine.clone(), Arc::clone(&self.wakes));
        Arc::new(Persons {
            store: Arc::clone(&self.store),
            vault: Arc::clone(&self.vault),
            files: Arc::clone(&self.files),
            observer: Arc::clone(&self.observer),
            audit: self.audit.clone(),
            erasing: Arc::clone(&shredder.erasing),
            remembering: Some(Remembering { engine, wakes }),
        })
    }

    /// The console, if it is open.
    pub(super) fn console(
        &self,
        members: Vec<Member>,
        dispatcher: &Dispatcher,
        persons: &Arc<Persons>,
        under_way: &UnderWay,
    ) -> Result<Option<Console>, StartError> {
        let Some(members) = Members::new(members) else { return Ok(None) };
        let desk = |((tenant, desk), link): (&DeskKey, &DeskLink)| Destination {
            to: lane::Destination::Desk(tenant.clone(), desk.clone()),
            gate: link.gate.clone(),
        };
        let mut desks: Vec<_> = dispatcher.desks.iter().map(desk).collect();
        desks.sort_by(|a, b| a.to.cmp(&b.to));
        let (bots, channels) = (Arc::clone(&dispatcher.bots), Arc::clone(&dispatcher.channels));
        let destinations = Destinations { desks, bots, channels };
        let (letters, now) =
            (Letters::new(self.engine.clone(), self.audit.clone()), self.clock.now());
        let recorder = Recorder::new(Arc::clone(&self.observer), self.clock.clone());
        let orders = (letters, Arc::clone(persons), under_way.clone());
        let console = Console::new(members, &self.vault, orders, destinations, recorder, now)?;
        Ok(Some(console))
    }

    pub(super) fn edge(
        self,
        live: &Live,
        messages: Arc<MessageKeys>,
        console: Option<Console>,
        stopping: CancellationToken,
    ) -> Result<Edge, StartError> {
        let direct_line = DirectLine::new(&self.vault, messages, self.clock.now())?;
        Ok(Edge {
            engine: self.engine,
            store: self.store,
            files: self.files,
            media: live.media(),
            vault: self.vault,
            clock: self.clock,
            wakes: self.wakes,
            gaps: self.gaps,
            doors: live.doors(),
            language: live.language,
            direct_line,
            bots: live.bots(),
            channels: live.channels(),
            handles: live.handles.clone(),
            presence: self.presence,
            measures: Measures::default(),
            complaints: Complaints::default(),
            besides: Besides::default(),
            console,
            audit: self.audit,
            observer: self.observer,
            tracing: live.tracing.clone(),
            stopping,
            open_streams: TaskTracker::new(),
        })
    }
}
