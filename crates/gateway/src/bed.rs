//! What tests run on: a real store in a temporary directory, watched and made to fail on demand, an
//! engine on it, and a clock that is moved by hand.

use std::{
    collections::HashMap,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use session::{
    Agent, Claims, Content, Event, News, Notice, Policy, Said, Visitor,
    id::{
        BotId, ChannelId, ConversationKey, DeskId, Number, SenderKey, SessionId, TenantId,
        Timestamp, UserId,
    },
};
use store::{
    Answer, AuditMark, AuditRow, AuditSource, Began, BootId, Changes, Claim, ConversationChange,
    ConversationId, ConversationRow, DeadLetter, EntryRow, Forgetting, Forgotten, LaneKey,
    LaneReady, Numbers, OldSegment, Person, RepeatKey, Resealed, Resealing, Resolved, SealedKind,
    SealedPage, SegmentId, SessionRow, Store, StoreError, Target, Transaction, Waiting, Whose,
    Words, sqlite::SqliteStore,
};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use vault::{MasterKey, Vault};

use crate::{
    alarm::Wakeup,
    audit::Audit,
    clock::Clock,
    current::Current,
    desk::media::{DeskMedia, With},
    dispatcher::Reach,
    engine::{Arrival, Engine, EngineError, Outcome, Policies, Tools},
    files::{FileSetup, Files},
    gaps::DeskKey,
    keeping::{Entry, Keeping},
    keys::{Ring, resealing::Keys},
    observe::Observer,
    person::{Persons, Remembering},
    trace::Tracing,
    wakes::Wakes,
};

/// Where the clock of a bed begins.
pub(crate) const START: Timestamp = Timestamp(1_767_225_600_000);

/// What the watched store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Refuses every transaction, as on a full disk.
    Full,
    /// Panics where this conversation is saved.
    PanicsAt(ConversationId),
    /// Cannot read conversations and their logs.
    Unreadable,
    /// Whoever looks for lanes finds none.
    NoLanes,
    /// Keeps records of the audit trail and says that it did not.
    KeepsAndFails,
}

/// A store that counts what it commits, fails on demand and can be made to wait before a commit.
pub(crate) struct Watched {
    inner: SqliteStore,
    commits: AtomicUsize,
    refusals: AtomicUsize,
    looks: AtomicUsize,
    counts: AtomicUsize,
    fault: Mutex<Fault>,
    held: Mutex<bool>,
    released: Condvar,
    arrived: Notify,
}

impl Watched {
    pub(crate) fn open(dir: &TempDir) -> Self {
        Self {
            inner: SqliteStore::open(dir.path()).unwrap(),
            commits: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            looks: AtomicUsize::new(0),
            counts: AtomicUsize::new(0),
            fault: Mutex::new(Fault::None),
            held: Mutex::new(false),
            released: Condvar::new(),
            arrived: Notify::new(),
        }
    }

    pub(crate) fn commits(&self) -> usize {
        self.commits.load(Ordering::SeqCst)
    }

    /// How often somebody looked for lanes with work.
    pub(crate) fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// How often somebody counted what waits.
    pub(crate) fn counts(&self) -> usize {
        self.counts.load(Ordering::SeqCst)
    }

    /// How often a full disk refused a transaction.
    pub(crate) fn refusals(&self) -> usize {
        self.refusals.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn readable(&self) -> Result<(), StoreError> {
        match self.fault() {
            Fault::Unreadable => Err(StoreError::Database("disk error".into())),
            Fault::None
            | Fault::Full
            | Fault::PanicsAt(_)
            | Fault::NoLanes
            | Fault::KeepsAndFails => Ok(()),
        }
    }

    /// From now on commits wait until [`Watched::release`].
    pub(crate) fn hold(&self) {
        *self.held.lock().unwrap() = true;
    }

    /// Waits until a transaction stands before its commit.
    pub(crate) async fn stands_before_commit(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn release(&self) {
        *self.held.lock().unwrap() = false;
        self.released.notify_all();
    }

    fn before_commit(&self) {
        let held = self.held.lock().unwrap();
        if *held {
            self.arrived.notify_one();
            drop(self.released.wait_while(held, |held| *held).unwrap());
        }
    }
}

impl AuditSource for Watched {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.inner.audit_after(after, limit)
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.inner.audit_upto(upto, limit)
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.inner.audit_head()
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.inner.audit_cut()
    }
}

impl Store for Watched {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fault = self.fault();
        self.inner.transact(&mut |tx| {
            work(&mut WatchedTransaction { inner: tx, fault })?;
            self.before_commit();
            if fault == Fault::Full {
                self.refusals.fetch_add(1, Ordering::SeqCst);
                Err(StoreError::Database("disk full".into()))
            } else {
                Ok(())
            }
        })?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError> {
        self.before_commit();
        if self.fault() == Fault::Full {
            return Err(StoreError::Database("disk full".into()));
        }
        self.inner.append_audit(rows, head)?;
        match self.fault() {
            Fault::KeepsAndFails => Err(StoreError::Database("disk error".into())),
            Fault::None | Fault::Full | Fault::PanicsAt(_) | Fault::Unreadable | Fault::NoLanes => {
                Ok(())
            }
        }
    }

    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError> {
        self.inner.cut_audit(mark)
    }

    fn dead_letters_of(
        &self,
        tenants: &[TenantId],
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters_of(tenants, limit)
    }

    fn count_dead_letters_of(&self, tenants: &[TenantId]) -> Result<usize, StoreError> {
        self.inner.count_dead_letters_of(tenants)
    }

    fn take_over(&self, boot: BootId) -> Result<(), StoreError> {
        self.inner.take_over(boot)
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError> {
        self.inner.conversation(key)
    }

    fn is_taken(&self, key: &ConversationKey) -> Result<bool, StoreError> {
        self.inner.is_taken(key)
    }

    fn conversation_by_id(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.readable()?;
        self.inner.conversation_by_id(id)
    }

    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.readable()?;
        self.inner.entries_after(conversation, after, limit)
    }

    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        self.readable()?;
        self.inner.entries_upto(conversation, upto, limit)
    }

    fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.inner.session(id)
    }

    fn open_sessions(
        &self,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.inner.open_sessions(after, limit)
    }

    fn waiting_effects(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.inner.waiting_effects(conversation, session, limit)
    }

    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        if self.fault() == Fault::NoLanes { Ok(Vec::new()) } else { self.inner.lanes(limit) }
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
        self.inner.due(now, limit)
    }

    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        self.inner.next_deadline()
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.inner.dead_letters(limit)
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.setting(name)
    }

    fn keep_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.inner.keep_setting(name, value)
    }

    fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.inner.settings(prefix)
    }

    fn replace_setting(&self, name: &str, before: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        self.inner.replace_setting(name, before, value)
    }

    fn sweep(&self, repeats_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.sweep(repeats_before, limit)
    }

    fn placed_as(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Result<Option<Box<str>>, StoreError> {
        self.inner.placed_as(conversation, number)
    }

    fn placed_entry(
        &self,
        conversation: ConversationId,
        placed_as: &str,
    ) -> Result<Option<Number>, StoreError> {
        self.inner.placed_entry(conversation, placed_as)
    }

    fn forget_placed(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.inner.forget_placed(before, limit)
    }

    fn numbers(&self) -> Result<Numbers, StoreError> {
        self.counts.fetch_add(1, Ordering::SeqCst);
        self.readable()?;
        self.inner.numbers()
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping()
    }
}

impl Forgetting for Watched {
    fn old_segments(
        &self,
        tenant: &TenantId,
        words: Words,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<Vec<OldSegment>, StoreError> {
        self.inner.old_segments(tenant, words, before, after, limit)
    }

    fn shred(&self, segments: &[SegmentId]) -> Result<usize, StoreError> {
        self.inner.shred(segments)
    }

    fn empty_shredded(&self, limit: usize) -> Result<usize, StoreError> {
        self.inner.empty_shredded(limit)
    }

    fn forget_ended(
        &self,
        tenant: &TenantId,
        before: Timestamp,
        limit: usize,
    ) -> Result<usize, StoreError> {
        self.inner.forget_ended(tenant, before, limit)
    }

    fn dead_conversations(
        &self,
        before: Timestamp,
        after: Began,
        limit: usize,
    ) -> Result<(Vec<ConversationId>, Option<Began>), StoreError> {
        self.inner.dead_conversations(before, after, limit)
    }

    fn conversations_of(
        &self,
        whose: &Whose,
        after: ConversationId,
        limit: usize,
    ) -> Result<Vec<ConversationRow>, StoreError> {
        self.inner.conversations_of(whose, after, limit)
    }

    fn sessions_of(
        &self,
        id: ConversationId,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.inner.sessions_of(id, after, limit)
    }

    fn open_session_of(&self, id: ConversationId) -> Result<Option<SessionId>, StoreError> {
        self.inner.open_session_of(id)
    }

    fn forget(
        &self,
        conversations: &[ConversationId],
        dead_before: Option<Timestamp>,
    ) -> Result<Forgotten, StoreError> {
        self.inner.forget(conversations, dead_before)
    }

    fn forgetting(&self, limit: usize) -> Result<Vec<ConversationId>, StoreError> {
        self.inner.forgetting(limit)
    }

    fn forget_rest(&self, id: ConversationId, limit: usize) -> Result<(u64, bool), StoreError> {
        self.inner.forget_rest(id, limit)
    }

    fn scrub(&self) -> Result<bool, StoreError> {
        self.inner.scrub()
    }

    fn sweep_keys(&self, limit: usize) -> Result<(usize, bool), StoreError> {
        self.inner.sweep_keys(limit)
    }
}

impl Resealing for Watched {
    fn sealed_unlike(
        &self,
        kind: SealedKind,
        head: &[u8],
        after: i64,
        limit: usize,
    ) -> Result<SealedPage, StoreError> {
        self.inner.sealed_unlike(kind, head, after, limit)
    }

    fn count_unlike(&self, kind: SealedKind, head: &[u8]) -> Result<u64, StoreError> {
        self.inner.count_unlike(kind, head)
    }

    fn reseal(&self, kind: SealedKind, resealed: &[Resealed]) -> Result<usize, StoreError> {
        self.inner.reseal(kind, resealed)
    }
}

struct WatchedTransaction<'a> {
    inner: &'a mut dyn Transaction,
    fault: Fault,
}

impl Transaction for WatchedTransaction<'_> {
    fn resolve(&mut self, targets: &[&Target]) -> Result<Vec<Option<Resolved>>, StoreError> {
        self.inner.resolve(targets)
    }

    fn repeats(
        &mut self,
        keys: &[(ConversationId, RepeatKey)],
    ) -> Result<Vec<Option<Answer>>, StoreError> {
        self.inner.repeats(keys)
    }

    fn holder(&mut self, person: &Person) -> Result<Option<SessionId>, StoreError> {
        self.inner.holder(person)
    }

    fn waiting(&mut self, lane: &LaneKey, limit: usize) -> Result<usize, StoreError> {
        self.inner.waiting(lane, limit)
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        if let Fault::PanicsAt(id) = self.fault {
            let touched = changes.conversations.iter().any(|change| change.id == id);
            assert!(!touched, "the test's own panic");
        }
        self.inner.save(changes)
    }

    fn claim(
        &mut self,
        lanes: &[LaneKey],
        boot: BootId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        self.inner.claim(lanes, boot, now, until)
    }
}

/// Everything an engine needs, and the engine.
pub(crate) struct Bed {
    pub(crate) store: Arc<Watched>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Clock,
    pub(crate) engine: Engine,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) lanes: mpsc::Receiver<LaneKey>,
    pub(crate) alarm: Arc<Wakeup>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) policies: Arc<Current<Policies>>,
    audit: std::sync::OnceLock<Audit>,
    dir: TempDir,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Watched::open(&dir));
        let vault = Arc::new(Vault::new(&MasterKey::generate().unwrap()).unwrap());
        let rules = ("b", policy());
        Self::on(dir, store, vault, Clock::manual(START), rules, BootId(1))
    }

    fn on(
        dir: TempDir,
        store: Arc<Watched>,
        vault: Arc<Vault>,
        clock: Clock,
        (name, policy): (&str, Policy),
        boot: BootId,
    ) -> Self {
        store.take_over(boot).unwrap();
        let (wakes, alarm) = (Arc::new(Wakes::default()), Arc::new(Wakeup::new()));
        let (hints, lanes) = mpsc::channel(1_000);
        let observer =
            Observer::new(clock.clone(), &[(tenant(), desk()), (tenant(), other_desk())]);
        let mut policies = Policies::default();
        policies.add(tenant(), BotId::new(name).unwrap(), policy);
        policies.add(tenant(), other_bot(), Policy::new(other_desk()));
        let policies = Current::new(policies);
        let engine = Engine::start(Tools {
            store: Arc::clone(&store) as Arc<dyn Store>,
            vault: Arc::clone(&vault),
            repeats: vault.mac_key("repeats").unwrap(),
            started: clock.now(),
            clock: clock.clone(),
            policies: Arc::clone(&policies),
            wakes: Arc::clone(&wakes),
            lanes: hints,
            alarm: Arc::clone(&alarm),
            observer: Arc::clone(&observer),
            boot,
            lease: Duration::from_secs(30),
            tracing: Tracing::default(),
        });
        let engine = engine.unwrap();
        let audit = std::sync::OnceLock::new();
        Self { store, vault, clock, engine, wakes, lanes, alarm, observer, policies, audit, dir }
    }

    /// The next life of the process, with other rules, on the same files.
    pub(crate) async fn restarted(self, policy: Policy) -> Self {
        self.again("b", policy).await
    }

    /// The next life of the process, in which the bot has another name.
    pub(crate) async fn renamed(self, bot: &str) -> Self {
        self.again(bot, policy()).await
    }

    async fn again(self, bot: &str, policy: Policy) -> Self {
        let Self { store, vault, clock, engine, dir, .. } = self;
        finish(engine).await;
        Self::on(dir, store, vault, clock, (bot, policy), BootId(2))
    }

    /// The keys of this bed, as a gateway has them: what was signed is good for an hour.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        let (store, vault) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::clone(&self.vault));
        let setup = FileSetup::default();
        let files = Files::open(self.dir(), setup, &vault, &self.clock, &self.observer).unwrap();
        Arc::new(Keys::new(
            Arc::new(Ring::new(store, vault, self.clock.clone())),
            Arc::new(files),
            self.engine.clone(),
            self.clock.clone(),
            Arc::clone(&self.observer),
            Box::new(|| Duration::from_hours(1)),
        ))
    }

    /// Where it keeps everything.
    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// What deals with the data of this bed's persons.
    pub(crate) fn persons(&self) -> Persons {
        Persons {
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            vault: Arc::clone(&self.vault),
            files: self.files(),
            observer: Arc::clone(&self.observer),
            audit: self.audit(),
            erasing: Arc::default(),
            remembering: Some(Remembering {
                engine: self.engine.clone(),
                wakes: Arc::clone(&self.wakes),
            }),
        }
    }

    /// Settles everything that waits, as if it had been delivered to somebody who says nothing.
    pub(crate) fn settle_all(&self) {
        loop {
            let heads: Vec<_> =
                self.store.lanes(1_000).unwrap().iter().map(|lane| lane.head).collect();
            if heads.is_empty() {
                return;
            }
            self.save(&Changes { settled: heads, ..Changes::default() });
        }
    }

    /// The files of this bed's conversations.
    pub(crate) fn files(&self) -> Arc<Files> {
        self.files_with(FileSetup::default())
    }

    /// The same, kept in another way.
    pub(crate) fn files_with(&self, setup: FileSetup) -> Arc<Files> {
        Arc::new(
            Files::open(self.dir.path(), setup, &self.vault, &self.clock, &self.observer).unwrap(),
        )
    }

    /// What moves files between them and desks that are reached so.
    pub(crate) fn media(
        &self,
        files: &Arc<Files>,
        reaches: HashMap<DeskKey, Arc<Current<Reach>>>,
    ) -> Arc<DeskMedia> {
        let with = With {
            files: Arc::clone(files),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
            vault: Arc::clone(&self.vault),
            clock: self.clock.clone(),
            reaches,
            policies: Arc::clone(&self.policies),
        };
        DeskMedia::new(with).unwrap()
    }

    /// The audit trail of this bed's store.
    /// The one trail of this store: two would give the same numbers.
    pub(crate) fn audit(&self) -> Audit {
        let open = || {
            let store = Arc::clone(&self.store) as Arc<dyn Store>;
            Audit::open(store, &self.vault, self.clock.clone()).unwrap()
        };
        self.audit.get_or_init(open).clone()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) async fn submit(&self, arrival: Arrival) -> Result<Outcome, EngineError> {
        self.engine.submit(arrival).await
    }

    /// Submits something that must be taken in.
    pub(crate) async fn take(&self, arrival: Arrival) -> Outcome {
        self.submit(arrival).await.unwrap()
    }

    /// The user of this conversation says something.
    pub(crate) async fn says(&self, name: &str, text: &str) -> Outcome {
        self.take(says(name, text)).await
    }

    /// The desk tells the session of this conversation.
    pub(crate) async fn hears(&self, name: &str, news: Vec<News>) -> Outcome {
        self.take(news_for(name, news)).await
    }

    /// A live chat in which an agent is there.
    pub(crate) async fn connected(&self, name: &str) {
        self.says(name, "agent").await;
        let agent = Agent { name: Some("Ola".to_owned()), id: None, avatar: None };
        self.hears(name, vec![News::AgentHere(agent)]).await;
    }

    pub(crate) fn row(&self, name: &str) -> ConversationRow {
        self.store.conversation(&key(name)).unwrap().unwrap()
    }

    /// The conversation's log, opened.
    pub(crate) fn log(&self, name: &str) -> Vec<Entry> {
        let keeping = Keeping::new(&self.vault, &key(name)).unwrap();
        let Some(row) = self.store.conversation(&key(name)).unwrap() else { return Vec::new() };
        let rows = self.store.entries_after(row.id, Number(0), 1_000).unwrap();
        keeping.read_entries(&self.vault, &rows).unwrap()
    }

    /// The words in the log, and the keys of its notices.
    pub(crate) fn told(&self, name: &str) -> Vec<String> {
        let told = self.log(name).into_iter().map(|entry| match entry.content {
            Content::Said(said) => said.text,
            Content::Notice(notice) => format!("<{}>", Notice::key(&notice)),
            Content::Context(_) => "<context>".to_owned(),
            Content::Transcript(_) => "<transcript>".to_owned(),
            Content::Done(_) => "<done>".to_owned(),
            Content::Revised { of, said, .. } => format!("<{of}: {}>", said.text),
            Content::Withdrawn { of, .. } => format!("<{of} withdrawn>"),
        });
        told.collect()
    }

    pub(crate) fn session(&self, name: &str) -> Option<SessionRow> {
        self.store.session(&session(name)).unwrap()
    }

    pub(crate) fn status(&self, name: &str) -> String {
        let row = self.session(name).unwrap();
        format!("{} {}", row.status, row.reason).trim_end().to_owned()
    }

    /// Overwrites the state of a conversation.
    pub(crate) fn overwrite(&self, name: &str, state: Vec<u8>, deadline: Option<Timestamp>) {
        let id = self.row(name).id;
        let change = ConversationChange {
            id,
            state: Some(state.into()),
            deadline,
            new_segment: None,
            entries: vec![],
        };
        self.save(&Changes { conversations: vec![change], ..Changes::default() });
    }

    pub(crate) fn save(&self, changes: &Changes) {
        self.store.inner.transact(&mut |tx| tx.save(changes)).unwrap();
    }

    /// Lanes with waiting effects, whenever they are ready.
    pub(crate) fn waiting(&self) -> Vec<LaneKey> {
        self.store.lanes(1_000).unwrap().into_iter().map(|ready| ready.lane).collect()
    }
}

/// Lets a millisecond of real time pass, in which a paused clock stands: for what threads outside the
/// runtime do. For use between two looks at a condition.
pub(crate) async fn breath() {
    let nap = || std::thread::sleep(Duration::from_millis(1));
    tokio::task::spawn_blocking(nap).await.unwrap();
}

/// Ends an engine from within a runtime.
pub(crate) async fn finish(engine: Engine) {
    tokio::task::spawn_blocking(|| engine.finish()).await.unwrap();
}

pub(crate) fn policy() -> Policy {
    Policy::new(desk())
}

pub(crate) fn bot() -> BotId {
    BotId::new("b").unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

pub(crate) fn desk() -> DeskId {
    DeskId::new("d").unwrap()
}

/// A second bot, whose users are handed over to a desk of their own.
pub(crate) fn other_bot() -> BotId {
    BotId::new("other").unwrap()
}

pub(crate) fn other_desk() -> DeskId {
    DeskId::new("other").unwrap()
}

/// A conversation on Direct Line. The part of the name before a slash is the person.
pub(crate) fn key(name: &str) -> ConversationKey {
    ConversationKey {
        tenant: tenant(),
        channel: ChannelId::new("directline").unwrap(),
        bot: bot(),
        conversation: name.into(),
        user: person(name).into(),
    }
}

fn person(name: &str) -> &str {
    name.split('/').next().unwrap()
}

/// The session of this name.
pub(crate) fn session(name: &str) -> SessionId {
    SessionId::new(&format!("ses_{}", name.replace('/', "_"))).unwrap()
}

pub(crate) fn visitor(name: &str) -> Visitor {
    Visitor {
        user: UserId::new(person(name)).unwrap(),
        email: None,
        name: None,
        timezone: None,
        in_group: false,
        reference: None,
    }
}

/// The user says something; an escalation opens the session of the conversation's name.
pub(crate) fn says(name: &str, text: &str) -> Arrival {
    user_said(name, text, None)
}

/// The same with a key by which a repeat is recognised.
pub(crate) fn says_again(name: &str, text: &str, sender: &str) -> Arrival {
    user_said(name, text, Some(SenderKey::new(sender).unwrap()))
}

fn user_said(name: &str, text: &str, sender: Option<SenderKey>) -> Arrival {
    let (visitor, said, fresh) = (visitor(name), Said::words(text), session(name));
    let event = Event::UserSaid { visitor, said, key: sender, fresh };
    Arrival::event(Target::Key(key(name)), event)
}

pub(crate) fn news_for(name: &str, news: Vec<News>) -> Arrival {
    let target = Target::Session { tenant: tenant(), desk: desk(), session: session(name) };
    Arrival::callback(target, None, Claims::default(), news)
}

/// An agent's words.
pub(crate) fn agent_said(text: &str) -> News {
    let agent = Agent { name: Some("Ola".to_owned()), id: None, avatar: None };
    News::AgentSaid { agent, said: Said::words(text), key: None }
}
