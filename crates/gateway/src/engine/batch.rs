//! One batch: resolve, step, save, commit, answer, wake.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use session::{
    Event, Facts, News, Step, What,
    id::{ConversationKey, Number, SenderKey, SessionId, Timestamp},
    step, wants_holder,
};
use store::{
    Answer, Changes, Claim, ConversationChange, ConversationId, ConversationRow, DeadLetter, Hold,
    LaneKey, NewEffect, NewEntry, NewRepeat, Person, RepeatKey, Reschedule, Resolved, SessionRow,
    StoreError, Strike, Transaction, Work,
};
use vault::DataKey;

use crate::{
    engine::{
        Arrival, BatchError, EngineError, Happening, Job, Outcome, Reply, Settled, Tools, event_of,
    },
    keeping::{Keeping, Kept, OpenSegment},
    wakes::Hint,
};

/// A data key seals entries for this long at most, so that shredding has a grain.
const SEGMENT_FOR: Duration = Duration::from_hours(24);

/// Runs jobs in one transaction and answers them; if that fails, one by one.
pub(super) fn run(tools: &Tools, jobs: Vec<Job>) {
    match attempt(tools, &jobs) {
        Ok(done) => answer(tools, jobs, done),
        Err(error) if jobs.len() == 1 => {
            set_aside(tools, &jobs);
            refuse(jobs, error);
        }
        Err(error) => {
            tracing::warn!(
                jobs = jobs.len(),
                error = &error as &dyn std::error::Error,
                "a batch failed; its jobs run one by one"
            );
            for job in jobs {
                run(tools, vec![job]);
            }
        }
    }
}

/// What a committed batch leads to, parallel to its jobs.
struct Done {
    events: Vec<Option<Result<Outcome, EngineError>>>,
    claims: Vec<Option<Claim>>,
    logged: Vec<ConversationId>,
    lanes: Vec<LaneKey>,
    deadlines: bool,
}

fn attempt(tools: &Tools, jobs: &[Job]) -> Result<Done, BatchError> {
    let mut result = None;
    let now = tools.clock.now();
    let committed = catch_unwind(AssertUnwindSafe(|| {
        tools.store.transact(&mut |tx| match in_transaction(tools, jobs, now, tx) {
            Ok(done) => {
                result = Some(Ok(done));
                Ok(())
            }
            Err(BatchError::Store(error)) => Err(error),
            Err(error) => {
                let undone = StoreError::Database("the batch was given up".into());
                result = Some(Err(error));
                Err(undone)
            }
        })
    }));
    match (committed, result) {
        (Err(_), _) => Err(BatchError::Panicked),
        (Ok(Err(_)), Some(Err(error))) => Err(error),
        (Ok(Err(error)), _) => Err(error.into()),
        (Ok(Ok(())), Some(done)) => done,
        (Ok(Ok(())), None) => Err(BatchError::Panicked),
    }
}

fn in_transaction(
    tools: &Tools,
    jobs: &[Job],
    now: Timestamp,
    tx: &mut dyn Transaction,
) -> Result<Done, BatchError> {
    let targets: Vec<_> = jobs
        .iter()
        .filter_map(|job| match job {
            Job::Event(arrival, _) => Some(arrival.target.clone()),
            Job::Claim(..) | Job::Reschedule(..) | Job::Bury(..) => None,
        })
        .collect();
    let mut resolved = tx.resolve(&targets)?.into_iter();
    let mut batch = Batch::new(tools, now);
    let mut events = Vec::with_capacity(jobs.len());
    let mut work = Vec::with_capacity(targets.len());
    for (at, job) in jobs.iter().enumerate() {
        events.push(None);
        match job {
            Job::Event(arrival, _) => match resolved.next().flatten() {
                Some(found) => work.push((at, arrival, found)),
                None => {
                    // A report whose conversation is gone still leaves the outbox.
                    if let Some(settled) = &arrival.settles {
                        batch.settle(settled);
                    }
                    events[at] = Some(Err(EngineError::NotFound));
                }
            },
            Job::Reschedule(effect, not_before, _) => {
                let (effect, not_before) = (*effect, *not_before);
                batch.changes.reschedules.push(Reschedule { effect, not_before });
            }
            Job::Bury(settled, _) => batch.settle(settled),
            Job::Claim(..) => {}
        }
    }
    batch.load(work.iter().map(|(_, arrival, found)| (&arrival.happening, found)), tx)?;
    for (at, arrival, found) in work {
        events[at] = Some(batch.step(arrival, found, tx)?);
    }
    batch.finish()?;
    tx.save(&batch.changes)?;
    let claims = claim(tools, jobs, now, tx)?;
    Ok(Done {
        events,
        claims,
        logged: batch.logged,
        lanes: batch.changes.effects.iter().map(|effect| effect.lane.clone()).collect(),
        deadlines: batch.changes.conversations.iter().any(|change| change.deadline.is_some()),
    })
}

fn claim(
    tools: &Tools,
    jobs: &[Job],
    now: Timestamp,
    tx: &mut dyn Transaction,
) -> Result<Vec<Option<Claim>>, BatchError> {
    let lanes: Vec<_> = jobs
        .iter()
        .filter_map(|job| match job {
            Job::Claim(lane, _) => Some(lane.clone()),
            Job::Event(..) | Job::Reschedule(..) | Job::Bury(..) => None,
        })
        .collect();
    if lanes.is_empty() {
        return Ok(jobs.iter().map(|_| None).collect());
    }
    let mut claims = tx.claim(&lanes, tools.boot, now, now.after(tools.lease))?.into_iter();
    Ok(jobs
        .iter()
        .map(|job| match job {
            Job::Claim(..) => claims.next(),
            Job::Event(..) | Job::Reschedule(..) | Job::Bury(..) => None,
        })
        .collect())
}

/// A conversation being worked on.
struct Working {
    row: ConversationRow,
    keeping: Keeping,
    kept: Kept,
    before: Option<Kept>,
    key: Option<DataKey>,
    seen: BTreeMap<SenderKey, Number>,
    entries: Vec<NewEntry>,
    new_segment: Option<Vec<u8>>,
    pieces: Vec<ConversationChange>,
}

struct Batch<'a> {
    tools: &'a Tools,
    now: Timestamp,
    working: BTreeMap<ConversationId, Working>,
    changes: Changes,
    logged: Vec<ConversationId>,
}

impl<'a> Batch<'a> {
    fn new(tools: &'a Tools, now: Timestamp) -> Self {
        let (working, changes, logged) = (BTreeMap::new(), Changes::default(), Vec::new());
        Self { tools, now, working, changes, logged }
    }

    /// Opens the conversations and asks which of the senders' keys were seen before.
    fn load<'b>(
        &mut self,
        work: impl Iterator<Item = (&'b Happening, &'b Resolved)>,
        tx: &mut dyn Transaction,
    ) -> Result<(), BatchError> {
        let mut asked = Vec::new();
        for (happening, found) in work {
            let id = found.conversation.id;
            if !self.working.contains_key(&id) {
                self.working.insert(id, self.open(&found.conversation)?);
            }
            for key in sender_keys(happening) {
                asked.push((id, key));
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let hashed: Vec<_> = asked.iter().map(|(id, key)| (*id, repeat_key(self.tools, key))).collect();
        for ((id, key), answer) in asked.into_iter().zip(tx.repeats(&hashed)?) {
            if let (Some(working), Some(Answer(number))) = (self.working.get_mut(&id), answer) {
                working.seen.insert(key.clone(), number);
            }
        }
        Ok(())
    }

    fn open(&self, row: &ConversationRow) -> Result<Working, BatchError> {
        let keeping = Keeping::new(&self.tools.vault, &row.key)?;
        let before = row.state.as_deref().map(|state| keeping.read_state(state)).transpose()?;
        let mut kept = before.clone().unwrap_or_default();
        let key = match &row.segment {
            Some(segment) => Some(keeping.open_segment(&self.tools.vault, &segment.wrapped_key)?),
            // Shredded, or none yet: the next entry opens a new one.
            None => {
                kept.segment = None;
                None
            }
        };
        Ok(Working {
            row: row.clone(),
            keeping,
            kept,
            before,
            key,
            seen: BTreeMap::new(),
            entries: Vec::new(),
            new_segment: None,
            pieces: Vec::new(),
        })
    }

    fn step(
        &mut self,
        arrival: &Arrival,
        found: Resolved,
        tx: &mut dyn Transaction,
    ) -> Result<Result<Outcome, EngineError>, BatchError> {
        let id = found.conversation.id;
        let key = found.conversation.key;
        let session = found.session.map(|row| row.id);
        let Some(event) = event_of(arrival.happening.clone(), session.clone()) else {
            return Ok(Err(EngineError::NotFound));
        };
        let policy = self.tools.policies.of(&key.tenant, &key.bot).ok_or_else(|| {
            BatchError::NoPolicy { tenant: key.tenant.clone(), bot: key.bot.clone() }
        })?;
        let holder = self.holder(id, &key, &event, tx)?;
        let Some(working) = self.working.get_mut(&id) else {
            return Ok(Err(EngineError::NotFound));
        };
        let facts = Facts { key: &key, policy, seen: &working.seen, holder: holder.as_ref() };
        let stepped = match step(&working.kept.conversation, event, &facts, self.now) {
            Ok(stepped) => stepped,
            Err(rejected) => return Ok(Err(rejected.into())),
        };
        let number = stepped.answer;
        self.take(id, &key, stepped)?;
        if let Some(settled) = &arrival.settles {
            self.settle(settled);
        }
        let live = self.working.get(&id).and_then(|working| working.kept.conversation.live());
        let open = live.is_some_and(|live| session.as_ref() == Some(&live.id));
        Ok(Ok(Outcome { conversation: id, number, open }))
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
        let Some(policy) = self.tools.policies.of(&key.tenant, &key.bot) else { return Ok(None) };
        let Some(working) = self.working.get(&id) else { return Ok(None) };
        let Some(user) = wants_holder(&working.kept.conversation, event, policy) else {
            return Ok(None);
        };
        let person =
            Person { tenant: key.tenant.clone(), desk: policy.desk.clone(), user: user.clone() };
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

    /// Takes over what a step decided.
    fn take(
        &mut self,
        id: ConversationId,
        key: &ConversationKey,
        stepped: Step,
    ) -> Result<(), BatchError> {
        let Some(working) = self.working.get_mut(&id) else { return Ok(()) };
        if !stepped.messages.is_empty() {
            self.logged.push(id);
        }
        for message in &stepped.messages {
            working.append(self.tools, self.now, message)?;
        }
        let live = |conversation: &session::Conversation| {
            conversation.live().map(|session| session.id.clone())
        };
        if live(&working.kept.conversation) != live(&stepped.conversation) {
            // A live chat has segments of its own; the next entry opens one.
            working.close_segment();
        }
        for effect in &stepped.effects {
            self.changes.effects.push(NewEffect {
                conversation: id,
                number: effect.number,
                lane: lane_of(key, id, &effect.what),
                session: effect.what.session().cloned(),
                body: working.keeping.write_effect(effect)?,
                at: self.now,
                expires_at: effect.expires_at,
            });
        }
        for (sender, number) in stepped.remember {
            let hashed = repeat_key(self.tools, &sender);
            let answer = Answer(number);
            self.changes.repeats.push(NewRepeat {
                conversation: id,
                key: hashed,
                answer,
                at: self.now,
            });
            working.seen.insert(sender, number);
        }
        for strike in stepped.strikes {
            let (session, below) = (strike.session, strike.below);
            self.changes.strikes.push(Strike { conversation: id, session, below });
        }
        working.kept.conversation = stepped.conversation;
        self.take_records(id, key, stepped.records, stepped.holds);
        Ok(())
    }

    fn take_records(
        &mut self,
        id: ConversationId,
        key: &ConversationKey,
        records: Vec<session::Record>,
        holds: Vec<session::Hold>,
    ) {
        let tenant = &key.tenant;
        for record in records {
            let row = SessionRow {
                id: record.session,
                conversation: id,
                person: Person { tenant: tenant.clone(), desk: record.desk, user: record.user },
                status: record.status.as_str().into(),
                reason: record.reason.map_or("", session::EndReason::code).into(),
                opened_at: record.opened_at,
                ended_at: record.ended_at,
            };
            // Only the last word of a batch about a session is written.
            self.changes.sessions.retain(|earlier| earlier.id != row.id);
            self.changes.sessions.push(row);
        }
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

    fn settle(&mut self, settled: &Settled) {
        let work = &settled.work;
        match settled.dead {
            None => self.changes.settled.push(work.effect),
            Some(reason) => self.changes.dead.push(dead_letter(work, reason, self.now)),
        }
    }

    /// Seals what changed and hands it to the changes.
    fn finish(&mut self) -> Result<(), BatchError> {
        for (id, mut working) in std::mem::take(&mut self.working) {
            let changed = working.before.as_ref() != Some(&working.kept);
            if changed || !working.entries.is_empty() {
                let policy = self.tools.policies.of(&working.row.key.tenant, &working.row.key.bot);
                let state = working.keeping.write_state(&working.kept)?;
                let deadline = policy
                    .and_then(|policy| working.kept.conversation.deadline(policy))
                    .map(|(at, _)| at);
                working.pieces.push(ConversationChange {
                    id,
                    state: Some(state),
                    deadline,
                    new_segment: working.new_segment,
                    entries: working.entries,
                });
            }
            self.changes.conversations.append(&mut working.pieces);
        }
        Ok(())
    }
}

impl Working {
    fn append(
        &mut self,
        tools: &Tools,
        now: Timestamp,
        message: &session::Message,
    ) -> Result<(), BatchError> {
        let at = now.max(Timestamp(self.kept.newest_at.0 + 1));
        let too_old = |segment: &OpenSegment| at.since(segment.since) >= SEGMENT_FOR;
        if self.kept.segment.as_ref().is_some_and(too_old) {
            self.close_segment();
        }
        let key = match &self.key {
            Some(key) => key,
            None => {
                let (key, wrapped) = self.keeping.new_segment(&tools.vault)?;
                self.new_segment = Some(wrapped);
                let of = self.kept.conversation.live().map(|session| session.id.clone());
                self.kept.segment = Some(OpenSegment { since: at, of });
                self.key.insert(key)
            }
        };
        let (number, author, content) = (message.number, &message.author, &message.content);
        let sealed = self.keeping.write_entry(key, number, author, content)?;
        self.entries.push(NewEntry { number, at, sealed });
        self.kept.newest_at = at;
        Ok(())
    }

    /// What was appended so far belongs to the old segment; a piece of its own keeps it there.
    fn close_segment(&mut self) {
        self.key = None;
        self.kept.segment = None;
        if !self.entries.is_empty() {
            self.pieces.push(ConversationChange {
                id: self.row.id,
                state: None,
                deadline: None,
                new_segment: self.new_segment.take(),
                entries: std::mem::take(&mut self.entries),
            });
        }
    }
}

/// Eight bytes of a keyed hash: within one conversation they do not collide by accident, and
/// strangers cannot make them.
fn repeat_key(tools: &Tools, key: &SenderKey) -> RepeatKey {
    let tag = tools.repeats.tag(&[key.as_str().as_bytes()]);
    let mut first = [0; 8];
    first.copy_from_slice(&tag[..8]);
    RepeatKey(i64::from_be_bytes(first))
}

fn sender_keys(happening: &Happening) -> Vec<&SenderKey> {
    match happening {
        Happening::Event(
            Event::UserSaid { key, .. } | Event::BotSaid { key, .. } | Event::BotAsked { key, .. },
        ) => key.iter().collect(),
        Happening::Event(
            Event::Opened { .. }
            | Event::UserEnds
            | Event::Desk(_)
            | Event::Sent { .. }
            | Event::NotSent { .. }
            | Event::Deadline { .. },
        ) => Vec::new(),
        Happening::Callback { news, .. } => news
            .iter()
            .filter_map(|news| match news {
                News::AgentSaid { key, .. } | News::DeskSaid { key, .. } => key.as_ref(),
                News::Queued
                | News::Estimate(_)
                | News::AgentHere(_)
                | News::Active
                | News::Nobody { .. }
                | News::Ended
                | News::LetGo
                | News::Failed
                | News::Cancelled => None,
            })
            .collect(),
    }
}

/// The lane an effect waits in: the person's at the desk, or the conversation's to its bot.
fn lane_of(key: &ConversationKey, id: ConversationId, what: &What) -> LaneKey {
    // Ids hold no control characters, so the separator cannot be forged.
    LaneKey(match what.desk_lane() {
        Some((desk, user)) => format!("desk\u{1f}{}\u{1f}{desk}\u{1f}{user}", key.tenant).into(),
        None => format!("bot\u{1f}{}", id.0).into(),
    })
}

fn answer(tools: &Tools, jobs: Vec<Job>, done: Done) {
    let Done { events, claims, mut logged, lanes, deadlines } = done;
    for ((job, event), claim) in jobs.into_iter().zip(events).zip(claims) {
        // A caller that went away does not need its answer.
        match job {
            Job::Event(_, reply) => drop(event.map(|result| reply.send(result))),
            Job::Claim(_, reply) => drop(claim.map(|claim| reply.send(Ok(claim)))),
            Job::Reschedule(.., reply) | Job::Bury(_, reply) => drop(reply.send(Ok(()))),
        }
    }
    logged.sort_unstable();
    logged.dedup();
    for conversation in logged {
        tools.wakes.wake(conversation, Hint::Logged);
    }
    for lane in lanes {
        // A full channel loses the hint; the dispatcher looks at the store regularly.
        drop(tools.lanes.try_send(lane));
    }
    if deadlines {
        tools.alarm.notify_one();
    }
}

fn refuse(jobs: Vec<Job>, error: BatchError) {
    tracing::error!(error = &error as &dyn std::error::Error, "an event could not be carried out");
    let error = Arc::new(error);
    fn send<T>(reply: Reply<T>, error: &Arc<BatchError>) {
        drop(reply.send(Err(EngineError::Failed(Arc::clone(error)))));
    }
    for job in jobs {
        match job {
            Job::Event(_, reply) => send(reply, &error),
            Job::Claim(_, reply) => send(reply, &error),
            Job::Reschedule(.., reply) | Job::Bury(_, reply) => send(reply, &error),
        }
    }
}

/// What cannot be stepped must not come up for ever. A deadline sleeps until a later step works; a
/// delivery that cannot be reported becomes a dead letter.
fn set_aside(tools: &Tools, jobs: &[Job]) {
    let mut changes = Changes::default();
    for job in jobs {
        let Job::Event(arrival, _) = job else { continue };
        if let Some(Settled { work, .. }) = &arrival.settles {
            changes.dead.push(dead_letter(work, "not_reported", tools.clock.now()));
        }
        if let (Happening::Event(Event::Deadline { .. }), store::Target::Conversation(id)) =
            (&arrival.happening, &arrival.target)
        {
            changes.set_aside.push(*id);
        }
    }
    if changes.dead.is_empty() && changes.set_aside.is_empty() {
        return;
    }
    match tools.store.transact(&mut |tx| tx.save(&changes)) {
        Ok(()) => tracing::error!(
            conversations = changes.set_aside.len(),
            dead_letters = changes.dead.len(),
            "what could not be carried out was set aside"
        ),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "what could not be carried out could not be set aside either"
        ),
    }
}

fn dead_letter(work: &Work, reason: &'static str, at: Timestamp) -> DeadLetter {
    DeadLetter {
        effect: work.effect,
        conversation: work.conversation,
        number: work.number,
        lane: work.lane.clone(),
        session: work.session.clone(),
        body: work.body.clone(),
        attempts: work.attempts,
        reason: reason.into(),
        at,
    }
}
