//! Under which ids channels show what is in the log.

use session::id::{Number, Timestamp};

use super::{Bed, conversation, save};
use crate::{Changes, ConversationId, Placed, Store};

fn place(store: &dyn Store, conversation: ConversationId, placed: &[(u64, &str, i64)]) {
    let placed = placed.iter().map(|(number, placed_as, at)| Placed {
        conversation,
        number: Number(*number),
        placed_as: (*placed_as).into(),
        at: Timestamp(*at),
    });
    save(store, &Changes { placed: placed.collect(), ..Changes::default() });
}

pub(super) fn what_a_channel_shows_is_found_by_its_entry_and_by_its_id(bed: &mut impl Bed) {
    let [one, other] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    place(bed.store(), one, &[(3, "1:a", 10), (4, "1:b", 10)]);
    place(bed.store(), other, &[(3, "1:a", 10)]);
    bed.reopen();
    let store = bed.store();
    assert_eq!(store.placed_as(one, Number(4)).unwrap().as_deref(), Some("1:b"));
    assert_eq!(store.placed_as(one, Number(5)).unwrap(), None);
    assert_eq!(store.placed_entry(one, "1:a").unwrap(), Some(Number(3)));
    assert_eq!(store.placed_entry(other, "1:b").unwrap(), None, "of another conversation");
}

pub(super) fn an_entry_that_was_placed_twice_has_its_newest_id(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    place(bed.store(), id, &[(3, "first", 10), (3, "second", 11)]);
    assert_eq!(bed.store().placed_as(id, Number(3)).unwrap().as_deref(), Some("second"));
    assert_eq!(bed.store().placed_entry(id, "first").unwrap(), None);
    // A channel that counts anew gives an id again.
    place(bed.store(), id, &[(9, "second", 12)]);
    assert_eq!(bed.store().placed_entry(id, "second").unwrap(), Some(Number(9)));
}

pub(super) fn ids_that_are_too_old_are_forgotten_oldest_first(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    place(bed.store(), id, &[(1, "a", 10), (2, "b", 11), (3, "c", 12), (4, "d", 20)]);
    let forget = |before| bed.store().forget_placed(Timestamp(before), 2).unwrap();
    assert_eq!([forget(15), forget(15), forget(15)], [2, 1, 0]);
    assert_eq!(bed.store().placed_as(id, Number(3)).unwrap(), None);
    assert_eq!(bed.store().placed_as(id, Number(4)).unwrap().as_deref(), Some("d"));
}
