//! The use cases of the store, each led to the SQL that does it.

use std::sync::PoisonError;

use rusqlite::TransactionBehavior;
use session::id::{ConversationKey, Number, SessionId, Timestamp};

use super::{
    SqliteStore, audit, conversations, dead_letters, files, keys, log, migrate, numbers, outbox,
    placed, repeats,
    scrubbing::{self, Overwriting},
    sessions, settings,
    transaction::SqliteTransaction,
};
use crate::{
    AuditMark, AuditRow, BootId, ConversationId, ConversationRow, DeadLetter, EntryRow, LaneReady,
    Leftovers, Numbers, OutboxId, SessionRow, Sight, Store, StoreError, Transaction, Waiting,
};

impl Store for SqliteStore {
    fn transact(
        &self,
        work: &mut dyn FnMut(&mut dyn Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut writer = self.writer();
        // Dropped without a commit, by an error or a panic, it rolls back.
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut steps = SqliteTransaction::new(&transaction, &self.keys, self.hot());
        work(&mut steps)?;
        let (handover, added) = steps.finish()?;
        transaction.commit().inspect_err(|_| keys::unused(&self.keys, &added))?;
        self.hot_mut().take(handover);
        self.checkpointer.committed();
        Ok(())
    }

    fn take_over(&self, _boot: BootId) -> Result<(), StoreError> {
        let mut writer = self.writer();
        self.fold(&mut writer)?;
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        outbox::void_leases(&transaction)?;
        conversations::take_up_again(&transaction)?;
        Ok(transaction.commit()?)
    }

    fn conversation(&self, key: &ConversationKey) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| match conversations::id_of(reader, key)? {
            Some(id) => self.standing(reader, id),
            None => Ok(None),
        })
    }

    fn is_taken(&self, key: &ConversationKey) -> Result<bool, StoreError> {
        self.read(|reader| conversations::is_taken(reader, key))
    }

    fn conversation_by_id(
        &self,
        id: ConversationId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.read(|reader| self.standing(reader, id))
    }

    fn entries_after(
        &self,
        conversation: ConversationId,
        after: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let end = self.end(conversation);
        self.read(|reader| log::entries_after(reader, conversation, end, after, limit))
    }

    fn entries_upto(
        &self,
        conversation: ConversationId,
        upto: Number,
        limit: usize,
    ) -> Result<Vec<EntryRow>, StoreError> {
        let end = self.end(conversation);
        self.read(|reader| log::entries_upto(reader, conversation, end, upto, limit))
    }

    fn session(&self, id: &SessionId, sight: &Sight) -> Result<Option<SessionRow>, StoreError> {
        let known = self.hot().session(id).map(|session| (**session).clone());
        let found = match known {
            Some(session) => Some(session),
            None => self.read(|reader| sessions::by_id(reader, id))?,
        };
        Ok(found.filter(|session| sight.of(session.person.tenant.as_str())))
    }

    fn open_sessions(
        &self,
        sight: &Sight,
        after: Option<&SessionId>,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.read(|reader| sessions::open(reader, sight, after, limit))
    }

    fn waiting_effects(
        &self,
        conversation: ConversationId,
        session: &SessionId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        self.read(|reader| outbox::of_session(reader, conversation, session, limit))
    }

    fn lanes(&self, limit: usize) -> Result<Vec<LaneReady>, StoreError> {
        self.read(|reader| outbox::lanes(reader, limit))
    }

    fn due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<(ConversationId, Timestamp)>, StoreError> {
        self.read(|reader| conversations::due(reader, &self.hot(), now, limit))
    }

    fn next_deadline(&self) -> Result<Option<Timestamp>, StoreError> {
        let earliest = Timestamp(i64::MAX);
        let next = self.read(|reader| conversations::due(reader, &self.hot(), earliest, 1))?;
        Ok(next.first().map(|(_, at)| *at))
    }

    fn dead_letters(&self, sight: &Sight, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(|reader| match sight.tenants() {
            None => dead_letters::newest(reader, limit),
            Some(own) => dead_letters::newest_of(reader, own, limit),
        })
    }

    fn count_dead_letters(&self, sight: &Sight) -> Result<usize, StoreError> {
        self.read(|reader| match sight.tenants() {
            None => dead_letters::count(reader),
            Some(own) => dead_letters::count_of(reader, own),
        })
    }

    fn dead_letter(
        &self,
        effect: OutboxId,
        sight: &Sight,
    ) -> Result<Option<DeadLetter>, StoreError> {
        self.read(|reader| dead_letters::by_effect(reader, effect, sight))
    }

    fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|reader| settings::find(reader, name))
    }

    fn keep_setting(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        let writer = self.writer();
        let _overwriting = Overwriting::begin(&writer)?;
        settings::keep(&writer, name, value)
    }

    fn supersede(&self, name: &str, value: &[u8], what: Leftovers) -> Result<(), StoreError> {
        let writer = self.writer();
        let _overwriting = Overwriting::begin(&writer)?;
        let transaction = writer.unchecked_transaction()?;
        settings::keep(&transaction, name, value)?;
        scrubbing::note(&transaction, what)?;
        Ok(transaction.commit()?)
    }

    fn settings(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.read(|reader| settings::beginning(reader, prefix))
    }

    fn replace_setting(&self, name: &str, before: &[u8], value: &[u8]) -> Result<bool, StoreError> {
        let writer = self.writer();
        let _overwriting = Overwriting::begin(&writer)?;
        settings::replace(&writer, name, before, value)
    }

    fn begin_audit(&self, key: (&str, &[u8]), head: &AuditMark) -> Result<(), StoreError> {
        audit::begin(&mut self.writer(), key, head)
    }

    fn append_audit(&self, rows: &[AuditRow], head: &AuditMark) -> Result<(), StoreError> {
        audit::append(&mut self.writer(), rows, head)
    }

    fn cut_audit(&self, mark: &AuditMark) -> Result<usize, StoreError> {
        audit::cut(&mut self.writer(), mark)
    }

    fn sweep(&self, repeats_before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let mut round = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let (old, next) = self.read(|reader| round.find(reader, repeats_before, limit))?;
        if !old.is_empty() {
            let mut writer = self.writer();
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            repeats::forget(&transaction, &old, repeats_before)?;
            transaction.commit()?;
        }
        *round = next;
        Ok(old.len())
    }

    fn placed_as(
        &self,
        conversation: ConversationId,
        number: Number,
    ) -> Result<Option<Box<str>>, StoreError> {
        self.read(|reader| placed::of(reader, conversation, number))
    }

    fn placed_entry(
        &self,
        conversation: ConversationId,
        placed_as: &str,
    ) -> Result<Option<Number>, StoreError> {
        self.read(|reader| placed::entry(reader, conversation, placed_as))
    }

    fn forget_placed(&self, before: Timestamp, limit: usize) -> Result<usize, StoreError> {
        placed::forget(&self.writer(), before, limit)
    }

    fn numbers(&self) -> Result<Numbers, StoreError> {
        let bytes = files::bytes(&self.files).map_err(StoreError::Files)?;
        self.read(|reader| numbers::of(reader, bytes))
    }

    fn ping(&self) -> Result<(), StoreError> {
        self.read(|reader| migrate::version(reader).map(|_| ()))
    }
}
