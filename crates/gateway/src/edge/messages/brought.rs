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

mod late;
mod there;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bot_framework::Activity;
use session::{Event, FileRefusal, id::SenderKey};
use store::{ConversationId, Target};
use tokio::{
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
use late::LATE_WITHIN;
use there::{Held, There};

/// How long a message waits for its files. The channel waits some fifteen seconds for an answer and then
/// delivers the message again; an agent should not wait for words either.
const FILES_WITHIN: Duration = Duration::from_secs(5);

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
        activity: (Activity, bool),
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
        (activity, masked): (Activity, bool),
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
        let arrival = Arrival::event(Target::Key(whose.key.clone()), *event).masked(masked);
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
