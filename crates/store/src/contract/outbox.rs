//! What waits in the outbox, how it leaves, what is struck.

use session::id::{EffectNumber, Timestamp};

use super::claiming::{claim, leased};
use super::{Bed, conversation, effect, lane, put, save, session_id, transact};
use crate::{Changes, Claim, ConversationId, NewEffect, OutboxId, Reschedule, Store, Strike};

pub(super) fn effects_of_a_lane_come_in_their_order(bed: &impl Bed) {
    let [one, other] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    put(bed.store(), vec![effect(other, 1, "desk"), effect(one, 1, "desk")]);
    put(bed.store(), vec![effect(one, 2, "desk"), effect(one, 3, "channel")]);
    let mut came = Vec::new();
    for _ in 0..3 {
        let work = leased(bed.store(), "desk", 5_000);
        came.push((work.conversation, work.number.0));
        settle(bed.store(), work.effect);
    }
    assert_eq!(came, [(other, 1), (one, 1), (one, 2)]);
    assert_eq!(claim(bed.store(), "desk", 5_000), Claim::Empty);
    assert_eq!(leased(bed.store(), "channel", 5_000).number, EffectNumber(3));
}

pub(super) fn a_settled_effect_leaves_and_the_lane_goes_on(bed: &impl Bed) {
    waiting(bed.store(), 2);
    let first = leased(bed.store(), "desk", 5_000);
    settle(bed.store(), first.effect);
    // The lease went with the effect: the next one is free at the same moment.
    assert_eq!(leased(bed.store(), "desk", 5_000).number, EffectNumber(2));
}

pub(super) fn what_waits_for_a_session_is_listed_with_how_it_stands(bed: &mut impl Bed) {
    let [here, there] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    put(
        bed.store(),
        vec![
            of_session(here, 1, "ses_1"),
            of_session(here, 2, "ses_1"),
            of_session(here, 3, "ses_2"),
            of_session(there, 1, "ses_1"),
            NewEffect { lane: lane("bot"), ..effect(here, 4, "bot") },
        ],
    );
    let listed = |store: &dyn Store, limit| {
        let waiting = store.waiting_effects(here, &session_id("ses_1"), limit).unwrap();
        waiting
            .into_iter()
            .map(|one| (one.number.0, one.attempts, one.leased, one.struck, one.not_before.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(bed.store(), 10), [(1, 0, false, false, 0), (2, 0, false, false, 0)]);
    let head = leased(bed.store(), "desk", 5_000);
    assert_eq!(listed(bed.store(), 1), [(1, 1, true, false, 0)]);
    strike(bed.store(), here, "ses_1", u64::MAX);
    let again = Reschedule { effect: head.effect, not_before: Timestamp(9_000), made: true };
    save(bed.store(), &Changes { reschedules: vec![again], ..Changes::default() });
    bed.reopen();
    assert_eq!(listed(bed.store(), 10), [(1, 1, false, false, 9_000), (2, 0, false, true, 0)]);
    let waits = bed.store().waiting_effects(here, &session_id("ses_1"), 1).unwrap().remove(0);
    assert_eq!((waits.effect, waits.body), (head.effect, head.body));
    assert_eq!((waits.at, waits.expires_at), (head.at, head.expires_at));
    settle(bed.store(), head.effect);
    assert_eq!(listed(bed.store(), 10), [(2, 0, false, true, 0)]);
}

pub(super) fn settling_twice_is_harmless(bed: &impl Bed) {
    waiting(bed.store(), 2);
    let first = leased(bed.store(), "desk", 5_000);
    settle(bed.store(), first.effect);
    settle(bed.store(), first.effect);
    let again = Reschedule { effect: first.effect, not_before: Timestamp(9_000), made: true };
    save(bed.store(), &Changes { reschedules: vec![again], ..Changes::default() });
    assert_eq!(leased(bed.store(), "desk", 5_000).number, EffectNumber(2));
}

pub(super) fn a_strike_hits_only_what_was_never_attempted(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1"), of_session(id, 2, "ses_1")]);
    let attempted = leased(bed.store(), "desk", 5_000);
    strike(bed.store(), id, "ses_1", u64::MAX);
    let again = Reschedule { effect: attempted.effect, not_before: Timestamp(5_000), made: true };
    save(bed.store(), &Changes { reschedules: vec![again], ..Changes::default() });
    assert!(!leased(bed.store(), "desk", 5_000).struck);
    settle(bed.store(), attempted.effect);
    assert!(leased(bed.store(), "desk", 5_000).struck);
}

pub(super) fn a_strike_hits_only_its_session_and_what_is_below(bed: &impl Bed) {
    let [here, there] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    put(
        bed.store(),
        vec![
            of_session(here, 1, "ses_1"),
            of_session(here, 2, "ses_2"),
            effect(here, 3, "desk"),
            of_session(there, 3, "ses_1"),
            of_session(here, 4, "ses_1"),
            of_session(here, 5, "ses_1"),
            of_session(here, 6, "ses_1"),
        ],
    );
    strike(bed.store(), here, "ses_1", 5);
    let mut struck = Vec::new();
    for _ in 0..7 {
        let work = leased(bed.store(), "desk", 5_000);
        struck.push((work.number.0, work.struck));
        settle(bed.store(), work.effect);
    }
    assert_eq!(
        struck,
        [(1, true), (2, false), (3, false), (3, false), (4, true), (5, false), (6, false)]
    );
}

pub(super) fn a_strike_hits_effects_of_the_same_batch(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let strikes =
        vec![Strike { conversation: id, session: session_id("ses_1"), below: EffectNumber(2) }];
    let effects = vec![of_session(id, 1, "ses_1"), of_session(id, 2, "ses_1")];
    save(bed.store(), &Changes { effects, strikes, ..Changes::default() });
    let first = leased(bed.store(), "desk", 5_000);
    settle(bed.store(), first.effect);
    assert_eq!((first.struck, leased(bed.store(), "desk", 5_000).struck), (true, false));
}

pub(super) fn lanes_are_listed_once_and_soonest_first(bed: &impl Bed) {
    assert_eq!(bed.store().lanes(10).unwrap(), []);
    let id = conversation(bed.store(), "c1").id;
    let names = ["c", "a", "b", "c", "a", "d"];
    let effects = (1..).zip(names).map(|(number, name)| effect(id, number, name)).collect();
    put(bed.store(), effects);
    // `a` comes again at 9,000, `b` is leased until 6,000, `d` could come again at 4,000.
    for (name, not_before) in [("a", 9_000), ("d", 4_000)] {
        let work = leased(bed.store(), name, 3_000);
        let again =
            Reschedule { effect: work.effect, not_before: Timestamp(not_before), made: true };
        save(bed.store(), &Changes { reschedules: vec![again], ..Changes::default() });
    }
    leased(bed.store(), "b", 5_000);
    let listed: Vec<_> = bed.store().lanes(10).unwrap();
    let names: Vec<&str> = listed.iter().map(|ready| &*ready.lane.0).collect();
    assert_eq!(names, ["c", "d", "b", "a"]);
    assert!(listed[0].at <= Timestamp(2_000), "nothing keeps the head of `c` waiting");
    assert_eq!(
        listed[1..].iter().map(|ready| ready.at.0).collect::<Vec<_>>(),
        [4_000, 6_000, 9_000]
    );
    assert_eq!(bed.store().lanes(2).unwrap(), listed[..2]);
}

pub(super) fn what_waits_in_a_lane_is_counted_up_to_a_limit(bed: &impl Bed) {
    let id = waiting(bed.store(), 3);
    put(bed.store(), vec![effect(id, 4, "another")]);
    let count = |lane_name, limit| {
        transact(bed.store(), |transaction| transaction.waiting(&lane(lane_name), limit)).unwrap()
    };
    assert_eq!([0, 2, 3, 4, usize::MAX].map(|limit| count("desk", limit)), [0, 2, 3, 3, 3]);
    assert_eq!((count("another", 9), count("empty", 9)), (1, 0));
    // What is being attempted still waits; what is settled does not.
    let first = leased(bed.store(), "desk", 5_000);
    assert_eq!(count("desk", 9), 3);
    settle(bed.store(), first.effect);
    assert_eq!(count("desk", 9), 2);
}

pub(super) fn a_row_id_is_never_used_twice(bed: &mut impl Bed) {
    let id = waiting(bed.store(), 1);
    let first = leased(bed.store(), "desk", 5_000);
    settle(bed.store(), first.effect);
    bed.reopen();
    put(bed.store(), vec![effect(id, 2, "desk")]);
    // A late report of the first must not hit the second.
    assert!(leased(bed.store(), "desk", 5_000).effect > first.effect);
}

/// This many effects in the lane `desk`, numbered from 1.
pub(super) fn waiting(store: &dyn Store, count: u64) -> ConversationId {
    let id = conversation(store, "c1").id;
    put(store, (1..=count).map(|number| effect(id, number, "desk")).collect());
    id
}

pub(super) fn settle(store: &dyn Store, effect: OutboxId) {
    save(store, &Changes { settled: vec![effect], ..Changes::default() });
}

pub(super) fn strike(store: &dyn Store, conversation: ConversationId, session: &str, below: u64) {
    let below = EffectNumber(below);
    let strikes = vec![Strike { conversation, session: session_id(session), below }];
    save(store, &Changes { strikes, ..Changes::default() });
}

pub(super) fn of_session(conversation: ConversationId, number: u64, session: &str) -> NewEffect {
    NewEffect { session: Some(session_id(session)), ..effect(conversation, number, "desk") }
}
