//! How much there is of what waits.

use session::id::Timestamp;

use super::claiming::leased;
use super::{Bed, conversation, effect, person, put, save, session_row};
use crate::{Changes, DeadLetter, NewEffect, Numbers, Store};

/// The numbers but for the size on disk, which is no business of the contract.
fn numbers(store: &dyn Store) -> Numbers {
    let numbers = store.numbers().unwrap();
    assert!(numbers.bytes > 0, "an open store takes some room");
    Numbers { bytes: 0, ..numbers }
}

pub(super) fn an_empty_store_has_nothing_waiting(bed: &impl Bed) {
    assert_eq!(numbers(bed.store()), Numbers::default());
}

/// Three effects in two lanes and one dead letter.
fn some_waiting(store: &dyn Store) {
    let id = conversation(store, "c1").id;
    let later = |number, lane| NewEffect { at: Timestamp(7_000), ..effect(id, number, lane) };
    put(store, vec![effect(id, 1, "a"), later(2, "a"), later(3, "b"), later(4, "c")]);
    let work = leased(store, "c", 8_000);
    let letter = DeadLetter {
        effect: work.effect,
        conversation: work.conversation,
        number: work.number,
        lane: work.lane,
        session: None,
        body: work.body,
        attempts: 1,
        reason: "expired".into(),
        at: Timestamp(8_000),
    };
    save(store, &Changes { dead: vec![letter], ..Changes::default() });
}

pub(super) fn what_waits_is_counted(bed: &impl Bed) {
    some_waiting(bed.store());
    let expected = Numbers {
        waiting: 3,
        lanes: 2,
        oldest: Some(Timestamp(2_000)),
        dead_letters: 1,
        ..Numbers::default()
    };
    assert_eq!(numbers(bed.store()), expected);
    let oldest = leased(bed.store(), "a", 8_000).effect;
    assert_eq!(numbers(bed.store()), expected, "what is being attempted waits still");
    save(bed.store(), &Changes { settled: vec![oldest], ..Changes::default() });
    let oldest = Some(Timestamp(7_000));
    assert_eq!(numbers(bed.store()), Numbers { waiting: 2, oldest, ..expected });
}

pub(super) fn what_waits_is_counted_the_same_after_a_restart(bed: &mut impl Bed) {
    some_waiting(bed.store());
    let open = session_row("s1", conversation(bed.store(), "c1").id, person("zoe"));
    save(bed.store(), &Changes { sessions: vec![open], ..Changes::default() });
    let before = numbers(bed.store());
    assert_eq!(before.sessions.len(), 1);
    bed.reopen();
    assert_eq!(numbers(bed.store()), before);
}
