//! What tests run on: a real store in a temporary directory ([`watched`], and made to fail on demand), an
//! engine on it, and a clock that is moved by hand. Who talks in them: [`names`].

mod names;
mod watched;

use std::{collections::HashMap, sync::Arc, time::Duration};

use session::{
    Agent, Content, News, Notice, Policy,
    id::{BotId, Number, Timestamp},
};
use store::{BootId, Changes, ConversationChange, ConversationRow, LaneKey, SessionRow, Store};
use tempfile::TempDir;
use tokio::sync::mpsc;
use vault::{MasterKey, Vault};

pub(crate) use names::{
    agent_said, bot, desk, key, news_for, other_bot, other_desk, policy, says, says_again, session,
    tenant, visitor,
};
pub(crate) use watched::{Fault, Watched};

use crate::{
    alarm::Wakeup,
    audit::Audit,
    clock::Clock,
    current::Current,
    desk::media::{DeskMedia, With},
    dispatcher::Reach,
    edge::direct_line::private::ring::Ring as MessageKeys,
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

/// The master key of every bed.
pub(crate) fn master_key() -> MasterKey {
    MasterKey::from_hex("5f2c1a90e7d34b68a1c0ff4e9d7b3a25c8e6f10b2d4a69873e5c7b9a1f0d2e48").unwrap()
}

impl Bed {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Watched::open(&dir));
        let vault = Arc::new(Vault::new(&master_key()).unwrap());
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
        self.keys_of(self.files())
    }

    /// The same with these files.
    pub(crate) fn keys_of(&self, files: Arc<Files>) -> Arc<Keys> {
        let (store, vault) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::clone(&self.vault));
        Arc::new(Keys::new(
            Arc::new(Ring::new(store, vault, self.clock.clone())),
            files,
            self.engine.clone(),
            self.clock.clone(),
            Arc::clone(&self.observer),
            self.audit(),
            Box::new(|| Duration::from_hours(1)),
        ))
    }

    /// The keys that pages seal to.
    pub(crate) fn message_keys(&self) -> Arc<MessageKeys> {
        let (store, vault) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::clone(&self.vault));
        Arc::new(MessageKeys::new(store, vault, self.clock.clone(), self.audit()))
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
            Files::open(
                self.dir.path(),
                setup,
                &(Arc::clone(&self.store) as Arc<dyn Store>),
                &self.vault,
                &self.clock,
                &self.observer,
            )
            .unwrap(),
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
        self.store.session(&session(name), &store::Sight::ALL).unwrap()
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

/// The same, and until the batch is over that the engine is committing by then: a disk that takes its time
/// takes it while the paused clock stands.
pub(crate) async fn breath_of(bed: &Bed) {
    breath().await;
    let store = Arc::clone(&bed.store);
    let turn = move || store.inner.transact(&mut |_| Ok(()));
    tokio::task::spawn_blocking(turn).await.unwrap().unwrap();
}

/// Ends an engine from within a runtime.
pub(crate) async fn finish(engine: Engine) {
    tokio::task::spawn_blocking(|| engine.finish()).await.unwrap();
}
