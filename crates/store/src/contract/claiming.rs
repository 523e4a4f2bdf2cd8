//! Leases: who may attempt the head of a lane, and when.

use session::id::{EffectNumber, Timestamp};

use super::outbox::{of_session, settle, strike, waiting};
use super::{Bed, conversation, effect, lane, put, save, session_id, transact};
use crate::{BootId, Changes, Claim, NewEffect, OutboxId, Reschedule, Store, StoreError, Work};

const OURS: BootId = BootId(1);
const THEIRS: BootId = BootId(2);

/// How long the leases of these tests last, in milliseconds.
const LEASE: i64 = 1_000;

pub(super) fn nothing_waits_in_an_empty_lane(bed: &impl Bed) {
    waiting(bed.store(), 1);
    assert_eq!(claim(bed.store(), "another", 5_000), Claim::Empty);
}

pub(super) fn a_head_is_leased_with_all_it_says(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![NewEffect { body: vec![0, 255], ..of_session(id, 9, "ses_1") }]);
    let work = leased(bed.store(), "desk", 5_000);
    assert_eq!(
        work,
        Work {
            effect: work.effect,
            conversation: id,
            number: EffectNumber(9),
            lane: lane("desk"),
            session: Some(session_id("ses_1")),
            body: vec![0, 255],
            attempts: 1,
            at: Timestamp(2_000),
            expires_at: Timestamp(90_000),
            struck: false,
            trace: None,
        }
    );
}

pub(super) fn a_trace_goes_on_at_every_attempt_and_after_a_crash(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let trace: Box<[u8]> = Box::from([0, 255, 7]);
    let traced = NewEffect { trace: Some(trace.clone()), ..effect(id, 1, "desk") };
    put(bed.store(), vec![traced, effect(id, 2, "other")]);
    let first = leased(bed.store(), "desk", 5_000);
    assert_eq!(first.trace.as_ref(), Some(&trace));
    bed.reopen();
    bed.store().take_over(THEIRS).unwrap();
    let again = leased(bed.store(), "desk", 6_000);
    assert_eq!((again.attempts, again.trace), (2, Some(trace)));
    assert_eq!(leased(bed.store(), "other", 6_000).trace, None);
}

pub(super) fn a_leased_lane_is_elsewhere_for_everybody(bed: &impl Bed) {
    waiting(bed.store(), 2);
    leased(bed.store(), "desk", 5_000);
    for boot in [OURS, THEIRS] {
        for now in [5_000, 5_999] {
            let found = claim_as(bed.store(), boot, &["desk"], now).remove(0);
            assert_eq!(found, Claim::Elsewhere(Timestamp(6_000)));
        }
    }
}

pub(super) fn a_lane_named_twice_is_leased_once(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![effect(id, 1, "a"), effect(id, 2, "b")]);
    let claims = claim_as(bed.store(), OURS, &["b", "a", "b", "c"], 5_000);
    assert!(matches!(&claims[0], Claim::Leased(work) if work.number == EffectNumber(2)));
    assert!(matches!(&claims[1], Claim::Leased(work) if work.number == EffectNumber(1)));
    assert_eq!(claims[2..], [Claim::Elsewhere(Timestamp(6_000)), Claim::Empty]);
}

pub(super) fn an_expired_lease_is_taken_again(bed: &impl Bed) {
    waiting(bed.store(), 2);
    let first = leased(bed.store(), "desk", 5_000);
    let again = claim_as(bed.store(), THEIRS, &["desk"], 6_000).remove(0);
    assert_eq!(again, Claim::Leased(Box::new(Work { attempts: 2, ..first })));
    assert_eq!(claim(bed.store(), "desk", 6_000), Claim::Elsewhere(Timestamp(7_000)));
}

pub(super) fn a_clock_set_back_holds_up_neither_a_lease_nor_a_pause(bed: &impl Bed) {
    let hour = i64::try_from(crate::AHEAD_MAX.as_millis()).unwrap();
    let jumped = 10 * hour;
    waiting(bed.store(), 1);
    let first = leased(bed.store(), "desk", jumped);
    let still = jumped + LEASE - hour;
    let until = Timestamp(jumped + LEASE);
    assert_eq!(claim(bed.store(), "desk", still), Claim::Elsewhere(until), "an hour is possible");
    let again = leased(bed.store(), "desk", still - 1);
    assert_eq!((again.effect, again.attempts), (first.effect, 2));
    reschedule(bed.store(), first.effect, jumped);
    let at = Timestamp(jumped);
    assert_eq!(claim(bed.store(), "desk", jumped - hour), Claim::Later(at), "an hour is possible");
    assert_eq!(leased(bed.store(), "desk", jumped - hour - 1).attempts, 3);
}

pub(super) fn a_rescheduled_head_comes_later_and_before_the_rest(bed: &impl Bed) {
    waiting(bed.store(), 2);
    let first = leased(bed.store(), "desk", 5_000);
    reschedule(bed.store(), first.effect, 8_000);
    // The lease ended, but nothing overtakes.
    assert_eq!(claim(bed.store(), "desk", 7_999), Claim::Later(Timestamp(8_000)));
    let again = leased(bed.store(), "desk", 8_000);
    assert_eq!((again.effect, again.attempts), (first.effect, 2));
    settle(bed.store(), again.effect);
    let second = leased(bed.store(), "desk", 8_000);
    assert_eq!((second.number, second.attempts), (EffectNumber(2), 1));
}

pub(super) fn an_attempt_that_was_not_made_is_given_back(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1")]);
    for made in [true, false, true] {
        let work = leased(bed.store(), "desk", 5_000);
        reschedule_as(bed.store(), work.effect, 5_000, made);
    }
    // Two were made; this is the third.
    assert_eq!(leased(bed.store(), "desk", 5_000).attempts, 3);
}

pub(super) fn a_strike_hits_what_was_leased_and_not_attempted(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1")]);
    let work = leased(bed.store(), "desk", 5_000);
    reschedule_as(bed.store(), work.effect, 6_000, false);
    assert_eq!(claim(bed.store(), "desk", 5_999), Claim::Later(Timestamp(6_000)));
    strike(bed.store(), id, "ses_1", 2);
    let struck = leased(bed.store(), "desk", 6_000);
    assert_eq!((struck.struck, struck.attempts), (true, 0));
    // A struck effect had no attempt that could be given back.
    reschedule_as(bed.store(), struck.effect, 6_000, false);
    assert_eq!(leased(bed.store(), "desk", 6_000).attempts, 0);
}

pub(super) fn a_strike_during_a_lease_hits_if_no_attempt_is_made(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1")]);
    let work = leased(bed.store(), "desk", 5_000);
    strike(bed.store(), id, "ses_1", 2);
    reschedule_as(bed.store(), work.effect, 5_000, false);
    let struck = leased(bed.store(), "desk", 5_000);
    assert_eq!((struck.struck, struck.attempts), (true, 0));
}

pub(super) fn a_strike_during_a_lease_misses_an_attempt_that_may_have_been_made(bed: &impl Bed) {
    let ids = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    // One attempt is made; the other's owner dies, and nobody knows.
    for (id, made) in ids.into_iter().zip([true, false]) {
        put(bed.store(), vec![of_session(id, 1, "ses_1")]);
        let first = leased(bed.store(), "desk", 5_000);
        strike(bed.store(), id, "ses_1", 2);
        if made {
            reschedule_as(bed.store(), first.effect, 5_000, true);
        }
        // The second one was not made, which does not undo the first.
        let second = leased(bed.store(), "desk", 6_000);
        assert_eq!((second.struck, second.attempts), (false, 2));
        reschedule_as(bed.store(), first.effect, 6_000, false);
        let third = leased(bed.store(), "desk", 6_000);
        assert_eq!((third.struck, third.attempts), (false, 2));
        settle(bed.store(), third.effect);
    }
}

pub(super) fn a_struck_head_is_leased_without_an_attempt(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1"), of_session(id, 2, "ses_1")]);
    strike(bed.store(), id, "ses_1", 2);
    // Its owner may die before it reports: it comes again, still without an attempt.
    for now in [5_000, 6_000] {
        let struck = leased(bed.store(), "desk", now);
        assert_eq!((struck.number.0, struck.struck, struck.attempts), (1, true, 0));
        assert_eq!(claim(bed.store(), "desk", now), Claim::Elsewhere(Timestamp(now + LEASE)));
    }
}

pub(super) fn taking_over_voids_every_lease(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![effect(id, 1, "a"), effect(id, 2, "b"), effect(id, 3, "c")]);
    let late = leased(bed.store(), "a", 5_000);
    reschedule(bed.store(), late.effect, 7_000);
    claim_as(bed.store(), OURS, &["b"], 5_000);
    claim_as(bed.store(), THEIRS, &["c"], 5_000);
    bed.reopen();
    bed.store().take_over(BootId(3)).unwrap();
    let claims = claim_as(bed.store(), BootId(3), &["a", "b", "c"], 5_000);
    // Leases are void; what was to come later still does.
    assert_eq!(claims[0], Claim::Later(Timestamp(7_000)));
    for found in &claims[1..] {
        assert!(matches!(found, Claim::Leased(work) if work.attempts == 2), "{found:?}");
    }
}

pub(super) fn an_undone_claim_is_no_claim(bed: &impl Bed) {
    waiting(bed.store(), 1);
    let undone = bed.store().transact(&mut |transaction| {
        transaction.claim(&[lane("desk")], OURS, Timestamp(5_000), Timestamp(6_000))?;
        Err(StoreError::InUse { path: "as good as any".into() })
    });
    assert!(undone.is_err());
    assert_eq!(leased(bed.store(), "desk", 5_000).attempts, 1);
}

/// Leases the head of a lane, which must be free.
#[track_caller]
pub(super) fn leased(store: &dyn Store, lane_name: &str, now: i64) -> Work {
    match claim(store, lane_name, now) {
        Claim::Leased(work) => *work,
        other => panic!("expected a lease, got {other:?}"),
    }
}

pub(super) fn claim(store: &dyn Store, lane_name: &str, now: i64) -> Claim {
    claim_as(store, OURS, &[lane_name], now).remove(0)
}

fn claim_as(store: &dyn Store, boot: BootId, lanes: &[&str], now: i64) -> Vec<Claim> {
    let lanes: Vec<_> = lanes.iter().map(|name| lane(name)).collect();
    transact(store, |transaction| {
        transaction.claim(&lanes, boot, Timestamp(now), Timestamp(now + LEASE))
    })
    .unwrap()
}

fn reschedule(store: &dyn Store, effect: OutboxId, not_before: i64) {
    reschedule_as(store, effect, not_before, true);
}

fn reschedule_as(store: &dyn Store, effect: OutboxId, not_before: i64, made: bool) {
    let again = Reschedule { effect, not_before: Timestamp(not_before), made };
    save(store, &Changes { reschedules: vec![again], ..Changes::default() });
}
