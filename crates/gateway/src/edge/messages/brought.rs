//! The files that a user of Teams sends (reference 6). The addresses that Teams gives are good for a short
//! time, and for us only, so they come here.
//!
//! ```text
//!   message ─► taken before? ─► its files begin to come ─► those that are here soon go with it
//!                                                     └─► the others come after it, one by one
//! ```
//!
//! Only while the user talks to a person, or is about to: a bot gets Teams' own addresses, as it knows
//! them. What may not come, or does not, is told of; what was said with it is taken all the same. The
//! files are a task's own, so that nothing is left behind by a caller who goes away. Those that come after
//! their message are written down with it: should this process be killed, the conversation's deadline tells
//! the user.

mod there;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bot_framework::Activity;
use session::{Event, FileRefusal, Said, UnderWay, Way, id::SenderKey};
use store::{ConversationId, Target};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast::error::RecvError},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::{
    Whose,
    meaning::{self, Meaning},
    unreadable,
};
use crate::{
    channel::{ChannelLink, is_teams},
    edge::{Edge, answer::Refusal},
    engine::{Arrival, EngineError},
    keeping::Keeping,
    trace::Context,
};
use there::{Held, There};

/// How long a message waits for its files. The channel waits some fifteen seconds for an answer and then
/// delivers the message again; an agent should not wait for words either.
const FILES_WITHIN: Duration = Duration::from_secs(5);

/// How long the files of a message that was taken may still take to come: a gigabyte at two megabytes a
/// second. The addresses are good for longer.
const LATE_WITHIN: Duration = Duration::from_mins(10);

/// How often it is said of a file that it is still on its way: three times in the time that it counts so.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// How long after a message its user may still get a person, for whom its files are then fetched: a bot
/// hands a conversation over by its answer to the message.
const ESCALATES_WITHIN: Duration = Duration::from_secs(20);

/// Messages at a time whose files come after them. Each has a connection for each of its files.
pub(super) const LATE_MAX: usize = 64;

/// A message with files.
pub(super) struct Message {
    edge: Arc<Edge>,
    link: Arc<ChannelLink>,
    whose: Whose,
    /// The channel's id of it.
    id: Option<String>,
    there: Vec<There>,
}

/// How the conversation stands when a message of it comes.
enum Standing {
    /// The message was taken before.
    Taken,
    /// Nobody is there who wants files.
    Bot,
    /// A person is, or is asked for.
    Live(ConversationId, Arc<Keeping>),
}

/// What became of a file: which of the message, and either the file or why there is none.
type Came = (usize, Result<Held, FileRefusal>);

/// Files that are on their way.
#[derive(Default)]
struct Coming {
    tasks: JoinSet<Came>,
    /// Those of which nobody knows yet what becomes of them.
    open: Vec<usize>,
}

impl Coming {
    /// The next of which something is known; nothing when all are, or when it is too late.
    async fn next(&mut self, deadline: Instant) -> Option<Came> {
        loop {
            let came = timeout_at(deadline, self.tasks.join_next()).await.ok()??;
            // One that panicked stays open.
            let Ok((at, came)) = came else { continue };
            self.open.retain(|open| *open != at);
            return Some((at, came));
        }
    }
}

impl Message {
    /// A message whose files are to come here; nothing if there are none.
    pub(super) fn read(
        edge: &Arc<Edge>,
        link: &Arc<ChannelLink>,
        whose: &Whose,
        activity: &Activity,
    ) -> Option<Self> {
        if !is_teams(&whose.key.channel) {
            return None;
        }
        let there: Vec<_> = activity.attachments().iter().filter_map(There::read).collect();
        let id = activity.id().map(std::borrow::Cow::into_owned);
        let (edge, link, whose) = (Arc::clone(edge), Arc::clone(link), whose.clone());
        (!there.is_empty()).then_some(Self { edge, link, whose, id, there })
    }

    /// Takes it. What it leads to is done whether its caller waits for it or not.
    pub(super) async fn take(
        self,
        activity: Activity,
        trace: Option<Context>,
    ) -> Result<Response, Refusal> {
        let tasks = self.edge.open_streams.clone();
        let taking = tasks.spawn(Arc::new(self).taken(activity, trace));
        taking.await.unwrap_or_else(|_| {
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the message could not be taken; send it again",
            ))
        })
    }

    async fn taken(
        self: Arc<Self>,
        activity: Activity,
        trace: Option<Context>,
    ) -> Result<Response, Refusal> {
        let Self { edge, whose, .. } = &*self;
        let standing = self.standing(&activity).await?;
        let mut coming = match &standing {
            Standing::Live(id, keeping) => self.begin(*id, keeping),
            Standing::Taken | Standing::Bot => Coming::default(),
        };
        let (mut held, mut lost) = (BTreeMap::new(), Vec::new());
        let deadline = Instant::now() + FILES_WITHIN;
        while let Some((at, came)) = coming.next(deadline).await {
            match came {
                Ok(file) => drop(held.insert(at, file)),
                Err(why) => lost.push((at, why)),
            }
        }
        let placed_as = meaning::id_of_words(&activity);
        let fresh = (edge.language, edge.clock.fresh_session());
        // Nobody begins a conversation with an activity that says nothing: then nothing is kept of it.
        let Meaning::Event(mut event) = meaning::of(whose, activity, None, fresh) else {
            return Ok(StatusCode::OK.into_response());
        };
        if let Event::UserSaid { said, .. } = &mut *event {
            said.files = held.values().map(|held| held.file().clone()).collect();
            said.coming = self.expected(&standing, &coming);
        } else {
            held.clear();
        }
        let arrival = Arrival::event(Target::Key(whose.key.clone()), *event);
        let outcome = match edge.engine.submit(arrival.placed(placed_as).traced(trace)).await {
            Err(EngineError::NotFound) => return Ok(StatusCode::OK.into_response()),
            outcome => outcome?,
        };
        // What came with a repeat goes again, and of what did not nobody hears: the first had it.
        if outcome.repeat {
            return Ok(StatusCode::OK.into_response());
        }
        held.into_values().for_each(Held::keep);
        for (at, why) in lost {
            self.tell_lost(at, why).await;
        }
        self.goes_on(coming, outcome.conversation, matches!(standing, Standing::Bot)).await;
        Ok(StatusCode::OK.into_response())
    }

    /// What comes after the message, or may.
    fn expected(&self, standing: &Standing, coming: &Coming) -> Vec<UnderWay> {
        let expected = |way: Way, at: usize| {
            let name = self.there.get(at)?.name.clone();
            Some(UnderWay { key: self.key(at)?, name, way })
        };
        match standing {
            Standing::Taken => Vec::new(),
            Standing::Live(..) => {
                coming.open.iter().filter_map(|at| expected(Way::ToDesk, *at)).collect()
            }
            Standing::Bot => {
                let all = 0..self.there.len();
                all.filter_map(|at| expected(Way::ToDeskIfLive, at)).collect()
            }
        }
    }

    /// These are still on their way. What cannot be said now is said the next time.
    async fn still_come(&self, open: &[usize]) {
        for &at in open {
            let (Some(there), Some(key)) = (self.there.get(at), self.key(at)) else { continue };
            let file = UnderWay { key, name: there.name.clone(), way: Way::ToDesk };
            let event = Event::FileUnderWay { file };
            let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
            if let Err(error) = self.edge.engine.submit(arrival).await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "it was not written down that a file is still on its way"
                );
            }
        }
    }

    /// What comes after the message, does so beside it.
    async fn goes_on(self: Arc<Self>, coming: Coming, id: ConversationId, may_escalate: bool) {
        if coming.open.is_empty() && !may_escalate {
            return;
        }
        let tasks = self.edge.open_streams.clone();
        match self.edge.besides.late() {
            Some(turn) if may_escalate => drop(tasks.spawn(self.when_escalated(id, turn))),
            Some(turn) => drop(tasks.spawn(self.rest(coming, turn))),
            None => {
                for at in coming.open {
                    self.tell_lost(at, FileRefusal::NotNow).await;
                }
            }
        }
    }

    /// Brings files after their message.
    async fn rest(self: Arc<Self>, mut coming: Coming, turn: OwnedSemaphorePermit) {
        let (deadline, stopping) = (Instant::now() + LATE_WITHIN, self.edge.stopping.clone());
        let mut say = tokio::time::interval(SAID_EVERY);
        loop {
            let next = tokio::select! {
                next = coming.next(deadline) => next,
                _ = say.tick() => {
                    self.still_come(&coming.open).await;
                    continue;
                }
                () = stopping.cancelled() => None,
            };
            match next {
                Some((at, Ok(file))) => self.says(at, file).await,
                Some((at, Err(why))) => self.tell_lost(at, why).await,
                None => break,
            }
        }
        for at in coming.open {
            self.tell_lost(at, FileRefusal::NotNow).await;
        }
        drop(turn);
    }

    /// If a message leads to a person, its files are for them.
    async fn when_escalated(self: Arc<Self>, id: ConversationId, turn: OwnedSemaphorePermit) {
        let mut hints = self.edge.wakes.subscribe(id);
        let (deadline, stopping) = (Instant::now() + ESCALATES_WITHIN, self.edge.stopping.clone());
        loop {
            match self.live().await {
                Ok(Some((id, keeping))) => {
                    let coming = self.begin(id, &keeping);
                    return self.rest(coming, turn).await;
                }
                Ok(None) => {}
                Err(_) => return,
            }
            tokio::select! {
                hint = timeout_at(deadline, hints.recv()) => match hint {
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) => {}
                    Ok(Err(RecvError::Closed)) | Err(_) => return,
                },
                () = stopping.cancelled() => return,
            }
        }
    }

    /// A file that comes after its message is a message of its own.
    async fn says(&self, at: usize, file: Held) {
        if !matches!(self.live().await, Ok(Some(_))) {
            return self.tell_lost(at, FileRefusal::NotNow).await;
        }
        let said = Said { files: vec![file.file().clone()], ..Said::default() };
        let event = Event::UserSaid {
            visitor: self.whose.visitor.clone(),
            said,
            key: self.key(at),
            fresh: self.edge.clock.fresh_session(),
        };
        let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
        match self.edge.engine.submit_at_last(arrival, &self.edge.stopping).await {
            Ok(outcome) if outcome.repeat => {}
            Ok(_) => file.keep(),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a file that came after its message was not taken"
                );
                self.tell_lost(at, FileRefusal::NotNow).await;
            }
        }
    }

    /// Tells the user of a file that did not come. What was said with it is taken whatever becomes of
    /// that.
    async fn tell_lost(&self, at: usize, why: FileRefusal) {
        let Some(there) = self.there.get(at) else { return };
        let (name, key) = (there.name.clone(), self.key(at));
        let event = Event::FileLost { name, why, key };
        let arrival = Arrival::event(Target::Existing(self.whose.key.clone()), event);
        if let Err(error) = self.edge.engine.submit_at_last(arrival, &self.edge.stopping).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a user was not told that a file did not come"
            );
        }
    }

    /// The same whether it comes or not: what is told first of a file is the last word on it.
    fn key(&self, at: usize) -> Option<SenderKey> {
        SenderKey::new(&format!("ch:{}:file:{at}", self.id.as_ref()?)).ok()
    }

    /// Begins to fetch the files; of more than a message may have nothing is fetched.
    fn begin(self: &Arc<Self>, id: ConversationId, keeping: &Arc<Keeping>) -> Coming {
        let most = self.edge.files.rules().in_message;
        let mut coming = Coming::default();
        for at in 0..self.there.len() {
            coming.open.push(at);
            if at >= most {
                coming.tasks.spawn(async move { (at, Err(FileRefusal::NoRoom)) });
                continue;
            }
            let (this, keeping) = (Arc::clone(self), Arc::clone(keeping));
            coming.tasks.spawn(async move {
                let Some(there) = this.there.get(at) else {
                    return (at, Err(FileRefusal::NotNow));
                };
                let at_user = this.whose.reference.service_url.as_str();
                let place = (id, &*keeping);
                let came = there.fetched(&this.edge, (&this.link, at_user), place, LATE_WITHIN);
                (at, came.await)
            });
        }
        coming
    }

    async fn standing(&self, activity: &Activity) -> Result<Standing, Refusal> {
        let (key, id) = (self.whose.key.clone(), meaning::id_of_words(activity));
        let read = crate::blocking(&self.edge.store, move |store| {
            let Some(row) = store.conversation(&key)? else { return Ok(false) };
            let Some(id) = id else { return Ok(false) };
            Ok(store.placed_entry(row.id, &id)?.is_some())
        });
        if read.await.map_err(|error| unreadable(&error))? {
            return Ok(Standing::Taken);
        }
        Ok(match self.live().await? {
            Some((id, keeping)) => Standing::Live(id, keeping),
            None => Standing::Bot,
        })
    }

    /// The conversation and its keys, while the user talks to a person or asked for one.
    async fn live(&self) -> Result<Option<(ConversationId, Arc<Keeping>)>, Refusal> {
        let key = self.whose.key.clone();
        let row = crate::blocking(&self.edge.store, move |store| store.conversation(&key)).await;
        let row = row.map_err(|error| unreadable(&error))?;
        let Some((id, state)) = row.and_then(|row| Some((row.id, row.state?))) else {
            return Ok(None);
        };
        let keeping = Keeping::new(&self.edge.vault, &self.whose.key);
        let keeping = keeping.map_err(|error| super::unopened(&error))?;
        let state = keeping.read_state(&state).map_err(|error| super::unopened(&error))?;
        Ok(state.conversation.live().is_some().then(|| (id, Arc::new(keeping))))
    }
}
