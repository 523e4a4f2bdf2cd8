//! What a step decided, taken over into the changes of its batch.

use session::{Author, Content, Conversation, Message, Step, What, id::ConversationKey};
use store::{
    Answer, ConversationId, Hold, NewEffect, NewRepeat, Person, Placed, SessionRow, Strike,
};

use super::{Batch, lane_of};
use crate::{
    channel,
    desk::{
        media::MayShow,
        signal::{Chat, Receipt},
    },
    engine::{BatchError, Settled, answers::dead_letter, repeats},
    lane,
    trace::Context,
};

impl Batch<'_> {
    /// Takes over what a step decided.
    pub(super) fn take(
        &mut self,
        id: ConversationId,
        key: &ConversationKey,
        stepped: Step,
        trace: Option<Context>,
    ) -> Result<(), BatchError> {
        let Some(working) = self.working.get_mut(&id) else { return Ok(()) };
        if !stepped.messages.is_empty() {
            self.logged.push((id, trace));
        }
        for effect in &stepped.effects {
            let lane = match effect.what {
                What::Show { .. } => lane::channel_lane(&key.tenant, &key.bot, id),
                _ => lane_of(key, id, effect.what.desk_lane()),
            };
            if let Some(waiting) = self.waiting.get_mut(&lane) {
                *waiting = waiting.saturating_add(1);
            }
            self.changes.effects.push(NewEffect {
                conversation: id,
                number: effect.number,
                lane,
                session: effect.what.session().cloned(),
                body: working.keeping.write_effect(effect)?,
                at: self.now,
                expires_at: effect.expires_at,
                trace: self.tools.tracing.note(trace),
            });
        }
        for (sender, number) in stepped.remember {
            let asked = working.hashes.iter().find(|(key, _)| *key == sender);
            let key = match asked {
                Some((_, hash)) => *hash,
                None => repeats::hashed(&self.tools.repeats, &sender),
            };
            let (answer, at) = (Answer(number), self.now);
            self.changes.repeats.push(NewRepeat { conversation: id, key, answer, at });
            working.seen.insert(sender, number);
        }
        for session::Strike { session, below } in stepped.strikes {
            self.changes.strikes.push(Strike { conversation: id, session, below });
        }
        if !channel::is_carried(&key.channel) {
            self.receipts.extend(receipts(key, &stepped.conversation, &stepped.messages));
        }
        self.may_show.extend(MayShow::of(key, id, &stepped.messages));
        let vault = &self.tools.vault;
        working.advance(vault, self.now, &stepped.messages, stepped.conversation)?;
        self.take_records(id, key, stepped.records);
        self.take_holds(key, stepped.holds);
        Ok(())
    }

    fn take_records(
        &mut self,
        id: ConversationId,
        key: &ConversationKey,
        records: Vec<session::Record>,
    ) {
        for record in records {
            let tenant = key.tenant.clone();
            let row = SessionRow {
                id: record.session,
                conversation: id,
                person: Person { tenant, desk: record.desk, user: record.user },
                status: record.status.as_str().into(),
                reason: record.reason.map_or("", session::EndReason::code).into(),
                opened_at: record.opened_at,
                ended_at: record.ended_at,
            };
            // Only the last word of a batch about a session is written.
            self.changes.sessions.retain(|earlier| earlier.id != row.id);
            self.changes.sessions.push(row);
        }
    }

    fn take_holds(&mut self, key: &ConversationKey, holds: Vec<session::Hold>) {
        let tenant = &key.tenant;
        for hold in holds {
            self.changes.holds.push(match hold {
                session::Hold::Take { desk, user, session } => {
                    Hold::Take(Person { tenant: tenant.clone(), desk, user }, session)
                }
                session::Hold::Free { desk, user, session } => {
                    Hold::Free(Person { tenant: tenant.clone(), desk, user }, session)
                }
            });
        }
    }

    pub(super) fn settle(&mut self, settled: &Settled) {
        let work = &settled.work;
        if let Some((number, placed_as)) = &settled.placed {
            self.changes.placed.push(Placed {
                conversation: work.conversation,
                number: *number,
                placed_as: placed_as.clone(),
                at: self.now,
            });
        }
        match settled.dead {
            None => self.changes.settled.push(work.effect),
            Some(reason) => self.changes.dead.push(dead_letter(work, reason, self.now)),
        }
    }
}

/// What agents said in these entries and their user, who reads the log, is there to see. Of what a user
/// who is away may see later, if they come back, the agent is told nothing.
fn receipts(
    key: &ConversationKey,
    state: &Conversation,
    messages: &[Message],
) -> impl Iterator<Item = Receipt> {
    let live = state.live().filter(|live| live.user_away_since.is_none());
    messages.iter().filter_map(move |message| match (&message.author, &message.content) {
        (Author::Agent(_), Content::Said(said)) => Some(Receipt {
            message: said.desk_id.clone()?,
            chat: Chat::of(key, state, live?),
            got: true,
        }),
        _ => None,
    })
}
