//! What follows a batch: its callers are answered, its readers woken; what could not be carried out
//! is refused and, where it would fail for ever, set aside.

use std::sync::Arc;

use session::{Event, id::Timestamp};
use store::{Changes, Claim, ConversationId, DeadLetter, LaneKey, SessionRow, Target, Work};
use tokio::runtime::Handle;

use crate::{
    desk::{
        media::MayShow,
        signal::{Receipt, ToDesk},
    },
    engine::{
        BatchError, EngineError, Happening, Job, Judged, Outcome, Reply, Settled, Tools,
        batch::transact, letters::Found,
    },
    trace::Context,
    wakes::Hint,
};

/// What a committed batch leads to; `events` and `claims` are parallel to its jobs.
pub(super) struct Done {
    pub(super) events: Vec<Option<Result<Outcome, EngineError>>>,
    pub(super) claims: Vec<Option<Claim>>,
    /// Conversations that have new entries, and where the traces of what led to them go on.
    pub(super) logged: Vec<(ConversationId, Option<Context>)>,
    /// What agents said that their users are shown now.
    pub(super) receipts: Vec<Receipt>,
    /// Entries that may show files of the desk's.
    pub(super) may_show: Vec<MayShow>,
    /// Chats that are over, if anybody keeps traces.
    pub(super) ended: Vec<SessionRow>,
    /// Lanes that have new effects.
    pub(super) lanes: Vec<LaneKey>,
    /// The earliest deadline that was set.
    pub(super) deadline: Option<Timestamp>,
}

/// From so many callers on they are answered by a task of their own runtime. To wake a task from a
/// foreign thread costs as much as stepping its event; one wakes the others at home for a fraction.
const HANDED_OVER_FROM: usize = 4;

/// Answers the callers of a committed batch and wakes whoever waits for what it changed.
pub(super) fn answer(tools: &Tools, callers: Option<&Handle>, jobs: Vec<Job>, done: Done) {
    let Done { events, claims, mut logged, receipts, may_show, ended, lanes, deadline } = done;
    for chat in &ended {
        tools.tracing.chat_ended(chat);
    }
    let mut of_callers = Vec::new();
    for ((job, event), claim) in jobs.into_iter().zip(events).zip(claims) {
        // A caller that went away does not need its answer.
        match job {
            // The dispatcher has a runtime of its own, and does not wait for the callers'.
            Job::Event(arrival, reply) if arrival.settles.is_some() => {
                drop(event.map(|result| reply.send(result)));
            }
            Job::Event(_, reply) => of_callers.extend(event.map(|result| (reply, result))),
            Job::Claim(_, reply) => drop(claim.map(|claim| reply.send(Ok(claim)))),
            Job::Reschedule(.., reply) | Job::Bury(_, reply) => drop(reply.send(Ok(()))),
        }
    }
    for lane in lanes {
        // A full channel loses the hint; the dispatcher looks at the store regularly.
        drop(tools.lanes.try_send(lane));
    }
    if let Some(deadline) = deadline {
        tools.alarm.deadline(deadline);
    }
    let wakes = Arc::clone(&tools.wakes);
    let many = of_callers.len() >= HANDED_OVER_FROM;
    let tell = move || {
        for (reply, result) in of_callers {
            drop(reply.send(result));
        }
        logged.sort_unstable();
        logged.dedup();
        for (conversation, trace) in logged {
            wakes.wake(conversation, Hint::Logged(trace));
        }
        for receipt in receipts {
            wakes.tell_desk(ToDesk::Receipt(receipt));
        }
        for entry in may_show {
            wakes.may_show(entry);
        }
    };
    match callers.filter(|_| many) {
        Some(callers) => drop(callers.spawn(async { tell() })),
        None => tell(),
    }
}

/// Answers a person's order about dead letters.
pub(super) fn answer_letters(
    tools: &Tools,
    found: Result<Found, BatchError>,
    reply: Reply<Vec<Judged>>,
) {
    let answer = found.map(|Found { letters, lane }| {
        // A full channel loses the hint; the dispatcher looks at the store regularly.
        drop(lane.map(|lane| tools.lanes.try_send(lane)));
        letters
    });
    drop(reply.send(answer.map_err(|error| EngineError::Failed(Arc::new(error)))));
}

/// Tells the one caller of a job why it was not carried out.
pub(super) fn refuse(job: Job, error: BatchError) {
    fn send<T>(reply: Reply<T>, error: BatchError) {
        drop(reply.send(Err(EngineError::Failed(Arc::new(error)))));
    }
    tracing::error!(error = &error as &dyn std::error::Error, "an event could not be carried out");
    match job {
        Job::Event(_, reply) => send(reply, error),
        Job::Claim(_, reply) => send(reply, error),
        Job::Reschedule(.., reply) | Job::Bury(_, reply) => send(reply, error),
    }
}

/// What cannot be stepped must not come up for ever. A deadline sleeps until a later step works; a
/// delivery that cannot be reported becomes a dead letter.
pub(super) fn set_aside(tools: &Tools, job: &Job) {
    let Job::Event(arrival, _) = job else { return };
    let mut changes = Changes::default();
    if let Some(Settled { work, .. }) = &arrival.settles {
        changes.dead.push(dead_letter(work, "not_reported", tools.clock.now()));
    }
    if let (Happening::Event(Event::Deadline { .. }), Target::Conversation(id)) =
        (&arrival.happening, &arrival.target)
    {
        changes.set_aside.push(*id);
    }
    if changes.dead.is_empty() && changes.set_aside.is_empty() {
        return;
    }
    match transact(&*tools.store, |tx| Ok(tx.save(&changes)?)) {
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

/// An effect that is given up, as a person will see it.
pub(super) fn dead_letter(work: &Work, reason: &'static str, at: Timestamp) -> DeadLetter {
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
