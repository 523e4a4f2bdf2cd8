//! One write transaction, as the engine sees it.
//!
//! A step that failed may have written half of what it should. So a transaction with a failed step
//! never commits, whatever its owner makes of the error.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, RwLockReadGuard};

use rusqlite::Connection;
use session::id::{ConversationKey, SessionId, Timestamp};

use super::column::damaged;
use super::hot::{Handover, Hot, Leaving};
use super::journal::{self, Answers, Page};
use super::keys::{Keys, KeysInUse};
use super::standing::{Standing, absent};
use super::{conversations, dead_letters, log, outbox, placed, sessions};
use crate::{
    Answer, BootId, Changes, Claim, ConversationId, LaneKey, Person, RepeatKey, Resealed, Resolved,
    SegmentId, SessionRow, StoreError, Target, Transaction,
};

#[derive(Debug, thiserror::Error)]
#[error("a step of this transaction failed, so all of it is undone")]
struct StepFailed;

pub(super) struct SqliteTransaction<'c> {
    connection: &'c Connection,
    keys: KeysInUse<'c>,
    /// What earlier transactions committed.
    hot: RwLockReadGuard<'c, Hot>,
    /// What this one looked up or changed.
    conversations: HashMap<ConversationId, Touched>,
    sessions: HashMap<SessionId, Arc<SessionRow>>,
    /// When what happens happens; nothing does where conversations are not looked for.
    now: Option<Timestamp>,
    failed: bool,
}

/// A conversation in this transaction.
struct Touched {
    standing: Standing,
    /// What changed among its answers; `None` while nothing at all has changed.
    changed: Option<Answers>,
    /// Keys that were asked for and have no answer: whoever remembers one needs not look again.
    unanswered: Vec<RepeatKey>,
}

impl Touched {
    fn unchanged(standing: Standing) -> Self {
        Self { standing, changed: None, unanswered: Vec::new() }
    }
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn new(
        connection: &'c Connection,
        keys: &'c Keys,
        hot: RwLockReadGuard<'c, Hot>,
    ) -> Self {
        let (conversations, sessions) = (HashMap::new(), HashMap::new());
        let keys = KeysInUse::new(keys);
        Self { connection, keys, hot, conversations, sessions, now: None, failed: false }
    }

    /// Writes what is left to write before the commit, and gives what memory takes over after it. New
    /// keys are durable then, before the entries that need them are; their segments come along.
    /// Refuses if a step failed.
    pub(super) fn finish(self) -> Result<(Handover, Vec<SegmentId>), StoreError> {
        if self.failed {
            return Err(StoreError::Database(Box::new(StepFailed)));
        }
        let (mut changed, mut seen) = (BTreeMap::new(), Vec::new());
        for (id, Touched { mut standing, changed: answers, .. }) in self.conversations {
            match answers {
                Some(answers) => {
                    standing.touch(self.now);
                    changed.insert(id, (standing, answers));
                }
                None => seen.push(standing),
            }
        }
        let mut page = Page::default();
        for (id, (standing, answers)) in &changed {
            page.add(*id, standing, answers);
        }
        let (mut journal, mut leaving) = (None, Leaving::default());
        if page.records > 0 {
            leaving = self.hot.leaving(page.records);
            let newest = page.append(self.connection)?;
            for id in &leaving.conversations {
                let here = changed.get(id).map(|(standing, _)| standing);
                let standing =
                    here.or_else(|| self.hot.standing(*id)).ok_or_else(|| absent(*id))?;
                standing.fold(self.connection, newest)?;
            }
            journal::forget_before(self.connection, leaving.before.min(newest))?;
            journal = Some(newest);
        }
        let handover = Handover {
            journal,
            changed: changed.into_values().map(|(standing, _)| standing).collect(),
            seen,
            sessions: self.sessions.into_values().collect(),
            leaving,
        };
        Ok((handover, self.keys.commit()?))
    }

    fn step<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(self);
        self.failed |= done.is_err();
        done
    }

    /// Where a conversation stands within this transaction.
    fn touch(&mut self, id: ConversationId) -> Result<Option<&mut Touched>, StoreError> {
        use std::collections::hash_map::Entry;

        match self.conversations.entry(id) {
            Entry::Occupied(touched) => Ok(Some(touched.into_mut())),
            Entry::Vacant(free) => {
                let standing = match self.hot.standing(id) {
                    Some(standing) => Some(standing.clone()),
                    None => Standing::load(self.connection, self.keys.connection(), id)?,
                };
                Ok(standing.map(|standing| free.insert(Touched::unchanged(standing))))
            }
        }
    }

    /// Replaces a conversation's state by the same under another key, if it still is what it was; says
    /// whether it was.
    pub(super) fn reseal(&mut self, resealed: &Resealed) -> Result<bool, StoreError> {
        self.step(|this| {
            let Some(touched) = this.touch(resealed.conversation)? else { return Ok(false) };
            if touched.standing.state.as_deref() != Some(&resealed.before[..]) {
                return Ok(false);
            }
            touched.standing.state = Some(Arc::from(resealed.after.as_slice()));
            touched.changed.get_or_insert_default();
            Ok(true)
        })
    }

    fn by_key(&mut self, key: &ConversationKey) -> Result<Option<&mut Touched>, StoreError> {
        match conversations::id_of(self.connection, key)? {
            Some(id) => self.touch(id),
            None => Ok(None),
        }
    }

    /// The conversation of this key; made if it does not exist. The one writer needs no "on
    /// conflict": nobody can make it between the two statements.
    fn found_or_made(&mut self, key: &ConversationKey) -> Result<&mut Touched, StoreError> {
        let id = if let Some(id) = conversations::id_of(self.connection, key)? {
            id
        } else {
            let id = conversations::make(self.connection, key)?;
            let standing = Standing::new(id, key.clone());
            // Also if nothing else becomes of it: since when it is there stands in the journal alone.
            let made =
                Touched { changed: Some(Answers::default()), ..Touched::unchanged(standing) };
            self.conversations.insert(id, made);
            id
        };
        self.touch(id)?.ok_or_else(|| absent(id))
    }

    fn session(&mut self, id: &SessionId) -> Result<Option<Arc<SessionRow>>, StoreError> {
        if let Some(known) = self.sessions.get(id).or_else(|| self.hot.session(id)) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(found) = sessions::by_id(self.connection, id)?.map(Arc::new) else {
            return Ok(None);
        };
        self.sessions.insert(id.clone(), Arc::clone(&found));
        Ok(Some(found))
    }

    /// Nothing is locked here: there is one writer, and it is this transaction.
    fn resolve(&mut self, target: &Target) -> Result<Option<Resolved>, StoreError> {
        let touched = match target {
            Target::Key(key) => Some(self.found_or_made(key)?),
            Target::Existing(key) => self.by_key(key)?,
            Target::Conversation(id) => self.touch(*id)?,
            Target::Session { tenant, desk, session } => {
                let found = self
                    .session(session)?
                    .filter(|row| row.person.tenant == *tenant && row.person.desk == *desk);
                return found.map(|session| self.with_conversation(session)).transpose();
            }
            Target::Person(person) => {
                let Some(holder) = sessions::holder(self.connection, person)? else {
                    return Ok(None);
                };
                let Some(session) = self.session(&holder)? else {
                    let what = format!("there is no session {holder}");
                    return Err(damaged("hold", &person.desk, what));
                };
                return self.with_conversation(session).map(Some);
            }
        };
        let conversation = touched.map(|touched| touched.standing.row());
        Ok(conversation.map(|conversation| Resolved { conversation, session: None }))
    }

    fn with_conversation(&mut self, session: Arc<SessionRow>) -> Result<Resolved, StoreError> {
        match self.touch(session.conversation)? {
            Some(touched) => {
                Ok(Resolved { conversation: touched.standing.row(), session: Some(session) })
            }
            None => Err(damaged("session", &session.id, "its conversation is not there")),
        }
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.save_conversations(changes)?;
        for session in &changes.sessions {
            sessions::save(self.connection, session)?;
            self.sessions.insert(session.id.clone(), Arc::new(session.clone()));
        }
        // Before the holds: the end of a session that ended just now keeps its hold from being void.
        outbox::put(self.connection, &changes.effects)?;
        changes.holds.iter().try_for_each(|hold| sessions::apply(self.connection, hold))?;
        outbox::strike(self.connection, &changes.strikes)?;
        outbox::settle(self.connection, &changes.settled)?;
        dead_letters::keep(self.connection, &changes.dead)?;
        dead_letters::remove(self.connection, &changes.buried)?;
        dead_letters::resend(self.connection, &changes.resent)?;
        outbox::reschedule(self.connection, &changes.reschedules)?;
        placed::keep(self.connection, &changes.placed)?;
        changes.set_aside.iter().try_for_each(|id| {
            self.change(*id)?.0.clock.set_aside = true;
            Ok(())
        })
    }

    /// Saves states, segments, entries and repeats, in each conversation in the order given.
    fn save_conversations(&mut self, changes: &Changes) -> Result<(), StoreError> {
        let connection = self.connection;
        let mut appender = log::Appender::new(connection)?;
        for change in &changes.conversations {
            let new = change.new_segment.as_ref();
            let segment = new.map(|new| self.keys.add(&new.wrapped_key)).transpose()?;
            let (standing, _) = self.change(change.id)?;
            appender.append(standing, change, segment)?;
            standing.take_state(change);
        }
        for repeat in &changes.repeats {
            let touched = self.touched(repeat.conversation)?;
            if touched.unanswered.contains(&repeat.key) {
                touched.unanswered.retain(|key| *key != repeat.key);
            } else {
                touched.standing.repeats.refuse_known(connection, repeat.key)?;
            }
            let answers = touched.changed.get_or_insert_default();
            touched.standing.repeats.remember(connection, repeat, answers)?;
        }
        Ok(())
    }

    /// A conversation that is being changed; it was resolved, so it must be there.
    fn change(&mut self, id: ConversationId) -> Result<(&mut Standing, &mut Answers), StoreError> {
        let touched = self.touched(id)?;
        Ok((&mut touched.standing, touched.changed.get_or_insert_default()))
    }

    fn touched(&mut self, id: ConversationId) -> Result<&mut Touched, StoreError> {
        self.touch(id)?.ok_or_else(|| absent(id))
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn resolve(
        &mut self,
        targets: &[&Target],
        now: Timestamp,
    ) -> Result<Vec<Option<Resolved>>, StoreError> {
        self.now = Some(now);
        self.step(|this| targets.iter().map(|target| this.resolve(target)).collect())
    }

    fn repeats(
        &mut self,
        keys: &[(ConversationId, RepeatKey)],
    ) -> Result<Vec<Option<Answer>>, StoreError> {
        self.step(|this| {
            let connection = this.connection;
            let answers = keys.iter().map(|(conversation, key)| {
                let Some(touched) = this.touch(*conversation)? else { return Ok(None) };
                let answer = touched.standing.repeats.find(connection, *key)?;
                if answer.is_none() {
                    touched.unanswered.push(*key);
                }
                Ok(answer)
            });
            answers.collect()
        })
    }

    fn holder(&mut self, person: &Person) -> Result<Option<SessionId>, StoreError> {
        self.step(|this| sessions::holder(this.connection, person))
    }

    fn waiting(&mut self, lane: &LaneKey, limit: usize) -> Result<usize, StoreError> {
        self.step(|this| outbox::waiting(this.connection, lane, limit))
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.step(|this| this.save(changes))
    }

    fn claim(
        &mut self,
        lanes: &[LaneKey],
        boot: BootId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        self.step(|this| {
            let leased =
                lanes.iter().map(|lane| outbox::claim(this.connection, lane, boot, now, until));
            leased.collect()
        })
    }
}
