//! One batch: a transaction in which jobs are resolved, stepped, saved and committed. If it fails: its
//! halves.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use session::id::Timestamp;
use store::{Changes, Claim, LaneKey, SessionRow, Store, StoreError, Target, Transaction};
use tokio::runtime::Handle;

use crate::{
    engine::{
        BatchError, Job, Tools,
        answers::{Done, answer, refuse, set_aside},
        memo::Memos,
        stepping::Batch,
    },
    observe::{Committed, Notes},
};

/// Runs jobs in one transaction and answers them. If that fails, each half runs by itself, so that
/// one culprit among a thousand costs twenty more transactions and not a thousand.
pub(super) fn run(tools: &Tools, memos: &mut Memos, callers: Option<&Handle>, mut jobs: Vec<Job>) {
    let error = match attempt(tools, memos, &jobs) {
        Ok((done, committed)) => {
            tools.observer.committed(committed);
            return answer(tools, callers, jobs, done);
        }
        Err(error) => error,
    };
    tools.observer.batch_failed();
    if jobs.len() > 1 {
        tracing::warn!(
            jobs = jobs.len(),
            error = &error as &dyn std::error::Error,
            "a batch failed; its halves run by themselves"
        );
        let second = jobs.split_off(jobs.len() / 2);
        run(tools, memos, callers, jobs);
        run(tools, memos, callers, second);
    } else if let Some(culprit) = jobs.pop() {
        if error.is_lasting() {
            set_aside(tools, &culprit);
        }
        refuse(culprit, error);
    }
}

/// Does `work` in one transaction. A panic undoes it, as an error does.
pub(super) fn transact<T>(
    store: &dyn Store,
    mut work: impl FnMut(&mut dyn Transaction) -> Result<T, BatchError>,
) -> Result<T, BatchError> {
    let (mut done, mut refused) = (None, None);
    let committed = catch_unwind(AssertUnwindSafe(|| {
        store.transact(&mut |tx| match work(tx) {
            Ok(value) => {
                done = Some(value);
                Ok(())
            }
            Err(BatchError::Store(error)) => Err(error),
            Err(error) => {
                refused = Some(error);
                Err(StoreError::Database("the batch was given up".into()))
            }
        })
    }));
    match (committed, refused, done) {
        (Ok(Ok(())), None, Some(done)) => Ok(done),
        (Ok(Err(_)), Some(error), _) => Err(error),
        (Ok(Err(error)), None, _) => Err(error.into()),
        // The second: a store that commits what it did not run, or what failed.
        (Err(_) | Ok(Ok(())), ..) => Err(BatchError::Panicked),
    }
}

fn attempt(
    tools: &Tools,
    memos: &mut Memos,
    jobs: &[Job],
) -> Result<(Done, Committed), BatchError> {
    let (now, began) = (tools.clock.now(), Instant::now());
    let (done, notes) = transact(&*tools.store, |tx| in_transaction(tools, memos, jobs, now, tx))?;
    Ok((done, Committed { notes, jobs: jobs.len(), began, ended: Instant::now() }))
}

fn in_transaction(
    tools: &Tools,
    memos: &mut Memos,
    jobs: &[Job],
    now: Timestamp,
    tx: &mut dyn Transaction,
) -> Result<(Done, Notes), BatchError> {
    let targets: Vec<_> = jobs.iter().filter_map(target_of).collect();
    let resolved = tx.resolve(&targets, now)?;
    let mut batch = Batch::new(tools, memos, now);
    let (mut events, work) = batch.admit(jobs, resolved);
    batch.load(&work, tx)?;
    for (at, arrival, found) in work {
        events[at] = Some(batch.step(arrival, found, tx)?);
    }
    batch.finish()?;
    tx.save(&batch.changes)?;
    let claims = claim(tools, jobs, now, tx)?;
    let done = Done {
        events,
        claims,
        logged: batch.logged,
        receipts: batch.receipts,
        may_show: batch.may_show,
        ended: ended(tools, &batch.changes),
        lanes: batch.changes.effects.iter().map(|effect| effect.lane.clone()).collect(),
        deadline: batch.changes.conversations.iter().filter_map(|change| change.deadline).min(),
    };
    Ok((done, batch.notes))
}

/// The chats that this ends, for those who keep traces.
fn ended(tools: &Tools, changes: &Changes) -> Vec<SessionRow> {
    if !tools.tracing.is_on() {
        return Vec::new();
    }
    changes.sessions.iter().filter(|row| row.ended_at.is_some()).cloned().collect()
}

fn target_of(job: &Job) -> Option<&Target> {
    match job {
        Job::Event(arrival, _) => Some(&arrival.target),
        Job::Claim(..) | Job::Reschedule(..) | Job::Bury(..) => None,
    }
}

fn lane_claimed(job: &Job) -> Option<&LaneKey> {
    match job {
        Job::Claim(lane, _) => Some(lane),
        Job::Event(..) | Job::Reschedule(..) | Job::Bury(..) => None,
    }
}

fn claim(
    tools: &Tools,
    jobs: &[Job],
    now: Timestamp,
    tx: &mut dyn Transaction,
) -> Result<Vec<Option<Claim>>, BatchError> {
    let lanes: Vec<_> = jobs.iter().filter_map(lane_claimed).cloned().collect();
    let mut claims = Vec::new().into_iter();
    if !lanes.is_empty() {
        claims = tx.claim(&lanes, tools.boot, now, now.after(tools.lease))?.into_iter();
    }
    Ok(jobs.iter().map(|job| lane_claimed(job).and_then(|_| claims.next())).collect())
}
