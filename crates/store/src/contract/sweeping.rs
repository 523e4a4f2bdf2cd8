//! Forgetting repeats. A store may keep the newest ones longer, so these tests remember many more.

use session::id::Timestamp;

use super::repeats::{known, remember, remember_many_more};
use super::{Bed, conversation};

pub(super) fn old_repeats_are_forgotten_and_young_ones_kept(bed: &impl Bed) {
    let [one, other] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    remember(bed.store(), one, &[(-7, 100), (1, 199), (2, 200)]);
    remember(bed.store(), other, &[(1, 300), (5, 0)]);
    for id in [one, other] {
        remember_many_more(bed.store(), id);
    }
    assert_eq!(bed.store().sweep(Timestamp(200), 100).unwrap(), 3);
    assert_eq!(known(bed.store(), one, &[-7, 1, 2]), [2]);
    assert_eq!(known(bed.store(), other, &[1, 5]), [1]);
    assert_eq!(bed.store().sweep(Timestamp(200), 100).unwrap(), 0);
}

pub(super) fn a_sweep_is_bounded_and_goes_round(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let keys: Vec<i64> = (0..10).collect();
    remember(bed.store(), id, &keys.iter().map(|key| (*key, key % 2)).collect::<Vec<_>>());
    remember_many_more(bed.store(), id);
    let sweep = || bed.store().sweep(Timestamp(1), 3).unwrap();
    assert_eq!([sweep(), sweep()], [3, 2]);
    assert_eq!(known(bed.store(), id, &keys), [1, 3, 5, 7, 9]);
    // What became old behind the round is found by the next one.
    remember(bed.store(), id, &[(0, 0)]);
    remember_many_more(bed.store(), id);
    assert_eq!([sweep(), sweep()], [1, 0]);
    assert_eq!(bed.store().sweep(Timestamp(2), 0).unwrap(), 0);
    assert_eq!(known(bed.store(), id, &keys).len(), 5);
}
