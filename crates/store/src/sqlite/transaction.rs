//! One write transaction, as the engine sees it.
//!
//! A step that failed may have written half of what it should. So a transaction with a failed step
//! never commits, whatever its owner makes of the error.

use rusqlite::Connection;
use session::id::{SessionId, Timestamp};

use super::column::damaged;
use super::{conversations, dead_letters, outbox, repeats, sessions, standing};
use crate::{
    Answer, BootId, Changes, Claim, ConversationId, LaneKey, Person, RepeatKey, Resolved,
    SessionRow, StoreError, Target, Transaction,
};

#[derive(Debug, thiserror::Error)]
#[error("a step of this transaction failed, so all of it is undone")]
struct StepFailed;

pub(super) struct SqliteTransaction<'c> {
    connection: &'c Connection,
    failed: bool,
}

impl<'c> SqliteTransaction<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, failed: false }
    }

    /// Refuses to go on to the commit if a step failed.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        if self.failed { Err(StoreError::Database(Box::new(StepFailed))) } else { Ok(()) }
    }

    fn step<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let done = work(self.connection);
        self.failed |= done.is_err();
        done
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn resolve(&mut self, targets: &[Target]) -> Result<Vec<Option<Resolved>>, StoreError> {
        self.step(|connection| targets.iter().map(|target| resolve(connection, target)).collect())
    }

    fn repeats(
        &mut self,
        keys: &[(ConversationId, RepeatKey)],
    ) -> Result<Vec<Option<Answer>>, StoreError> {
        self.step(|connection| repeats::find(connection, keys))
    }

    fn holder(&mut self, person: &Person) -> Result<Option<SessionId>, StoreError> {
        self.step(|connection| sessions::holder(connection, person))
    }

    fn waiting(&mut self, lane: &LaneKey, limit: usize) -> Result<usize, StoreError> {
        self.step(|connection| outbox::waiting(connection, lane, limit))
    }

    fn save(&mut self, changes: &Changes) -> Result<(), StoreError> {
        self.step(|connection| save(connection, changes))
    }

    fn claim(
        &mut self,
        lanes: &[LaneKey],
        boot: BootId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Claim>, StoreError> {
        self.step(|connection| {
            lanes.iter().map(|lane| outbox::claim(connection, lane, boot, now, until)).collect()
        })
    }
}

/// Nothing is locked here: there is one writer, and it is this transaction.
fn resolve(connection: &Connection, target: &Target) -> Result<Option<Resolved>, StoreError> {
    let conversation = match target {
        Target::Key(key) => Some(conversations::found_or_made(connection, key)?),
        Target::Existing(key) => conversations::by_key(connection, key)?,
        Target::Conversation(id) => conversations::by_id(connection, *id)?,
        Target::Session { tenant, desk, session } => {
            let found = sessions::by_id(connection, session)?
                .filter(|row| row.person.tenant == *tenant && row.person.desk == *desk);
            return found.map(|session| with_conversation(connection, session)).transpose();
        }
        Target::Person(person) => {
            let Some(holder) = sessions::holder(connection, person)? else { return Ok(None) };
            let Some(session) = sessions::by_id(connection, &holder)? else {
                return Err(damaged("hold", &person.desk, format!("there is no session {holder}")));
            };
            return with_conversation(connection, session).map(Some);
        }
    };
    Ok(conversation.map(|conversation| Resolved { conversation, session: None }))
}

fn with_conversation(connection: &Connection, session: SessionRow) -> Result<Resolved, StoreError> {
    match conversations::by_id(connection, session.conversation)? {
        Some(conversation) => Ok(Resolved { conversation, session: Some(session) }),
        None => Err(damaged("session", &session.id, "its conversation is not there")),
    }
}

fn save(connection: &Connection, changes: &Changes) -> Result<(), StoreError> {
    standing::save(connection, changes)?;
    changes.sessions.iter().try_for_each(|session| sessions::save(connection, session))?;
    // Before the holds: the end of a session that ended just now keeps its hold from being void.
    outbox::put(connection, &changes.effects)?;
    changes.holds.iter().try_for_each(|hold| sessions::apply(connection, hold))?;
    outbox::strike(connection, &changes.strikes)?;
    outbox::settle(connection, &changes.settled)?;
    dead_letters::keep(connection, &changes.dead)?;
    dead_letters::remove(connection, &changes.buried)?;
    dead_letters::resend(connection, &changes.resent)?;
    outbox::reschedule(connection, &changes.reschedules)?;
    conversations::set_aside(connection, &changes.set_aside)
}
