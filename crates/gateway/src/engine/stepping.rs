//! The steps of a batch: which conversation each event is for, what follows from it, and what that
//! changes (`taking`). Nothing here commits.

mod taking;

use std::{collections::BTreeMap, sync::Arc};

use session::{
    Event, Facts, Milestone, Policy, Reached,
    id::{ConversationKey, DeskId, SessionId, Timestamp, UserId},
    step, wants_holder,
};
use store::{
    Answer, Changes, ConversationId, Hold, LaneKey, Person, Placed, Resolved, Transaction,
};

use crate::{
    channel,
    desk::{media::MayShow, signal::Receipt},
    engine::{
        Arrival, BatchError, EngineError, Job, Outcome, Policies, Tools, arrival::event_of,
        memo::Memos, repeats, working::Working,
    },
    lane,
    observe::{EventName, Noted, Notes, Outcome as Seen},
    trace::Context,
};

/// An event with the conversation it is for, and its place among the jobs.
pub(super) type Found<'j> = (usize, &'j Arrival, Resolved);

/// What the jobs are answered, parallel to them; nothing yet where something is still to be done.
pub(super) type Answers = Vec<Option<Result<Outcome, EngineError>>>;

/// Everything a batch has worked out so far; nothing of it is saved yet.
pub(super) struct Batch<'a> {
    tools: &'a Tools,
    /// The rules, the same ones for the whole batch.
    policies: Arc<Policies>,
    now: Timestamp,
    memos: &'a mut Memos,
    working: BTreeMap<ConversationId, Working>,
    /// How many effects wait in the lanes that were asked about, those of this batch among them.
    waiting: BTreeMap<LaneKey, usize>,
    /// What will be saved.
    pub(super) changes: Changes,
    /// Conversations that got new entries, and where the traces of what led to them go on.
    pub(super) logged: Vec<(ConversationId, Option<Context>)>,
    /// What agents said that their users are shown once it is committed.
    pub(super) receipts: Vec<Receipt>,
    /// Entries that may show files of the desk's.
    pub(super) may_show: Vec<MayShow>,
    /// What is to be told of it once it is committed.
    pub(super) notes: Notes,
}

impl<'a> Batch<'a> {
    pub(super) fn new(tools: &'a Tools, memos: &'a mut Memos, now: Timestamp) -> Self {
        let (working, changes, logged) = (BTreeMap::new(), Changes::default(), Vec::new());
        let (policies, notes) = (tools.policies.get(), tools.observer.notes());
        let waiting = BTreeMap::new();
        let (receipts, may_show) = (Vec::new(), Vec::new());
        Self {
            tools,
            policies,
            now,
            memos,
            working,
            waiting,
            changes,
            logged,
            receipts,
            may_show,
            notes,
        }
    }

    /// Sorts the jobs: what needs no conversation is done at once, events are given theirs.
    pub(super) fn admit<'j>(
        &mut self,
        jobs: &'j [Job],
        resolved: Vec<Option<Resolved>>,
    ) -> (Answers, Vec<Found<'j>>) {
        let mut resolved = resolved.into_iter();
        let mut work = Vec::with_capacity(resolved.len());
        let mut answers: Answers = jobs.iter().map(|_| None).collect();
        for (at, job) in jobs.iter().enumerate() {
            match job {
                Job::Event(arrival, _) => {
                    if let Some(found) = resolved.next().flatten() {
                        work.push((at, &**arrival, found));
                    } else {
                        // A report whose conversation is gone still leaves the outbox.
                        arrival.settles.iter().for_each(|settled| self.settle(settled));
                        answers[at] = Some(Err(EngineError::NotFound));
                    }
                }
                Job::Reschedule(again, _) => self.changes.reschedules.push(*again),
                Job::Bury(settled, _) => self.settle(settled),
                Job::Claim(..) => {}
            }
        }
        (answers, work)
    }

    /// Opens the conversations and asks which of the senders' keys were seen before.
    pub(super) fn load(
        &mut self,
        work: &[Found<'_>],
        tx: &mut dyn Transaction,
    ) -> Result<(), BatchError> {
        let (mut asked, mut hashed) = (Vec::new(), Vec::new());
        for (_, arrival, found) in work {
            let id = found.conversation.id;
            if !self.working.contains_key(&id) {
                let memo = self.memos.take(id);
                let working = Working::open(&self.tools.vault, &found.conversation, memo)?;
                self.working.insert(id, working);
            }
            for key in repeats::sender_keys(&arrival.happening) {
                let hash = repeats::hashed(&self.tools.repeats, key);
                asked.push((id, key));
                hashed.push((id, hash));
                if let Some(working) = self.working.get_mut(&id) {
                    working.hashes.push((key.clone(), hash));
                }
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        for ((id, key), answer) in asked.into_iter().zip(tx.repeats(&hashed)?) {
            if let (Some(working), Some(Answer(number))) = (self.working.get_mut(&id), answer) {
                working.seen.insert(key.clone(), number);
            }
        }
        Ok(())
    }

    pub(super) fn step(
        &mut self,
        arrival: &Arrival,
        found: Resolved,
        tx: &mut dyn Transaction,
    ) -> Result<Result<Outcome, EngineError>, BatchError> {
        let Resolved { conversation, session } = found;
        let (id, key) = (conversation.id, conversation.key);
        let session = session.map(|row| row.id.clone());
        let Some(event) = event_of(arrival.happening.clone(), session.clone()) else {
            return Ok(Err(EngineError::NotFound));
        };
        let policies = Arc::clone(&self.policies);
        let policy = policies
            .of(&key.tenant, &key.bot)
            .ok_or_else(|| BatchError::NoPolicy { tenant: key.tenant.clone() })?;
        let holder = self.holder(id, &key, &event, tx)?;
        let waiting = self.waiting(id, &key, &event, policy, tx)?;
        let Some(working) = self.working.get_mut(&id) else {
            return Ok(Err(EngineError::NotFound));
        };
        working.fired |= matches!(event, Event::Deadline { .. });
        let (seen, holder) = (&working.seen, holder.as_ref());
        let (carried, started) = (channel::is_carried(&key.channel), self.tools.started);
        let masked = arrival.masked;
        let facts = Facts { key: &key, policy, seen, holder, carried, waiting, masked, started };
        let name = EventName::of(&event);
        let live_before = self.notes.is_heard().then(|| live_of(working)).flatten();
        let stepped = step(working.conversation(), event, &facts, self.now);
        let outcome = match &stepped {
            Err(_) => Seen::Refused,
            Ok(_) if repeats::is_repeat(&arrival.happening, seen) => Seen::Repeat,
            Ok(_) => Seen::Ok,
        };
        let mut noted = Noted {
            name,
            outcome,
            code: stepped.as_ref().err().map(|rejected| rejected.code()),
            conversation: id,
            tenant: &key.tenant,
            live: live_before,
            milestones: Vec::new(),
        };
        let mut stepped = match stepped {
            Ok(stepped) => stepped,
            Err(rejected) => {
                self.notes.note(noted);
                return Ok(Err(rejected.into()));
            }
        };
        noted.milestones = std::mem::take(&mut stepped.milestones);
        let is_end = |milestone: &Milestone| matches!(milestone.reached, Reached::Ended { .. });
        let ended = noted.milestones.iter().any(is_end);
        let number = stepped.answer;
        if let (Some(placed_as), Seen::Ok) = (&arrival.placed_as, outcome)
            && number.0 > 0
        {
            let (placed_as, at) = (placed_as.clone(), self.now);
            self.changes.placed.push(Placed { conversation: id, number, placed_as, at });
        }
        // What nobody began (a deadline) belongs to its chat's trace.
        let begun = arrival.trace.or_else(|| {
            let live = self.working.get(&id)?.conversation().live();
            self.tools.tracing.chat(session.as_ref().or(live.map(|live| &live.id)))
        });
        self.take(id, &key, stepped, begun)?;
        arrival.settles.iter().for_each(|settled| self.settle(settled));
        let working = self.working.get(&id);
        let live = working.and_then(|working| working.conversation().live());
        let open = live.is_some_and(|live| session.as_ref() == Some(&live.id));
        if self.notes.is_heard() && noted.live.is_none() {
            noted.live = working.and_then(live_of);
        }
        self.notes.note(noted);
        let repeat = matches!(outcome, Seen::Repeat);
        Ok(Ok(Outcome { conversation: id, number, repeat, open, ended }))
    }

    /// Who holds the person, if the event may begin a session: as this batch leaves it, or as the
    /// store has it.
    fn holder(
        &self,
        id: ConversationId,
        key: &ConversationKey,
        event: &Event,
        tx: &mut dyn Transaction,
    ) -> Result<Option<SessionId>, BatchError> {
        let Some(policy) = self.policies.of(&key.tenant, &key.bot) else { return Ok(None) };
        let Some(working) = self.working.get(&id) else { return Ok(None) };
        let Some(user) = wants_holder(working.conversation(), event, policy) else {
            return Ok(None);
        };
        let (tenant, desk, user) = (key.tenant.clone(), policy.desk.clone(), user.clone());
        let person = Person { tenant, desk, user };
        let mut holder = tx.holder(&person)?;
        for hold in &self.changes.holds {
            match hold {
                Hold::Take(taken, by) if *taken == person => holder = Some(by.clone()),
                Hold::Free(freed, by) if *freed == person && holder.as_ref() == Some(by) => {
                    holder = None;
                }
                Hold::Take(..) | Hold::Free(..) => {}
            }
        }
        Ok(holder)
    }

    /// How many effects wait where the user's words would go, those of this batch among them.
    fn waiting(
        &mut self,
        id: ConversationId,
        key: &ConversationKey,
        event: &Event,
        policy: &Policy,
        tx: &mut dyn Transaction,
    ) -> Result<usize, BatchError> {
        let Some(working) = self.working.get(&id) else { return Ok(0) };
        let live = || working.conversation().live().map(|live| (&live.desk, &live.user));
        let lane = match event {
            Event::UserSaid { .. } | Event::UserDid { told: Some(_), .. } => {
                lane_of(key, id, live())
            }
            // To the bot, whoever has the conversation.
            Event::UserDid { told: None, .. } => lane_of(key, id, None),
            Event::BotSaid { .. } | Event::BotDid { .. } | Event::BotRevised { .. }
                if channel::is_carried(&key.channel) =>
            {
                lane::channel_lane(&key.tenant, &key.bot, id)
            }
            _ => return Ok(0),
        };
        if let Some(waiting) = self.waiting.get(&lane) {
            return Ok(*waiting);
        }
        let added = self.changes.effects.iter().filter(|effect| effect.lane == lane).count();
        let waiting = added.saturating_add(tx.waiting(&lane, policy.lane_max)?);
        self.waiting.insert(lane, waiting);
        Ok(waiting)
    }

    /// Seals what changed and hands it to the changes.
    pub(super) fn finish(&mut self) -> Result<(), BatchError> {
        for (id, working) in std::mem::take(&mut self.working) {
            let (changes, memo) = working.finish(&self.policies)?;
            self.changes.conversations.extend(changes);
            self.memos.put(id, memo);
        }
        Ok(())
    }
}

fn live_of(working: &Working) -> Option<(SessionId, DeskId)> {
    working.conversation().live().map(|live| (live.id.clone(), live.desk.clone()))
}

/// The lane an effect waits in: the person's at the desk, or the conversation's to its bot.
fn lane_of(
    key: &ConversationKey,
    id: ConversationId,
    person: Option<(&DeskId, &UserId)>,
) -> LaneKey {
    match person {
        Some((desk, user)) => lane::desk_lane(&key.tenant, desk, user),
        None => lane::bot_lane(&key.tenant, &key.bot, id),
    }
}
