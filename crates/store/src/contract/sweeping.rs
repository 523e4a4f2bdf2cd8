//! Forgetting repeats.

use session::id::{Number, Timestamp};

use super::{Bed, conversation, save, transact};
use crate::{Answer, Changes, ConversationId, NewRepeat, RepeatKey, Store};

pub(super) fn old_repeats_are_forgotten_and_young_ones_kept(bed: &impl Bed) {
    let [one, other] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    remember(bed.store(), one, &[(-7, 100), (1, 199), (2, 200)]);
    remember(bed.store(), other, &[(1, 300), (5, 0)]);
    assert_eq!(bed.store().sweep(Timestamp(200), 100).unwrap(), 3);
    assert_eq!(known(bed.store(), one, &[-7, 1, 2]), [2]);
    assert_eq!(known(bed.store(), other, &[1, 5]), [1]);
    assert_eq!(bed.store().sweep(Timestamp(200), 100).unwrap(), 0);
}

pub(super) fn a_sweep_is_bounded_and_goes_round(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let keys: Vec<i64> = (0..10).collect();
    remember(bed.store(), id, &keys.iter().map(|key| (*key, key % 2)).collect::<Vec<_>>());
    let sweep = || bed.store().sweep(Timestamp(1), 3).unwrap();
    assert_eq!([sweep(), sweep()], [3, 2]);
    assert_eq!(known(bed.store(), id, &keys), [1, 3, 5, 7, 9]);
    // What became old behind the round is found by the next one.
    remember(bed.store(), id, &[(0, 0)]);
    assert_eq!([sweep(), sweep()], [1, 0]);
    assert_eq!(bed.store().sweep(Timestamp(2), 0).unwrap(), 0);
    assert_eq!(known(bed.store(), id, &keys).len(), 5);
}

fn remember(store: &dyn Store, conversation: ConversationId, keys: &[(i64, i64)]) {
    let repeat = |(key, at): &(i64, i64)| NewRepeat {
        conversation,
        key: RepeatKey(*key),
        answer: Answer(Number(1)),
        at: Timestamp(*at),
    };
    let repeats = keys.iter().map(repeat).collect();
    save(store, &Changes { repeats, ..Changes::default() });
}

/// Which of these keys are remembered.
fn known(store: &dyn Store, conversation: ConversationId, keys: &[i64]) -> Vec<i64> {
    let asked: Vec<_> = keys.iter().map(|key| (conversation, RepeatKey(*key))).collect();
    let answers = transact(store, |transaction| transaction.repeats(&asked)).unwrap();
    keys.iter().zip(answers).filter(|(_, answer)| answer.is_some()).map(|(key, _)| *key).collect()
}
