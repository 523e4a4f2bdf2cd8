//! Deadlines.

use session::id::Timestamp;

use super::{Bed, assert_damaged, change, conversation, save, save_change, try_save};
use crate::{BootId, Changes, ConversationChange, ConversationId, Store};

pub(super) fn due_conversations_come_earliest_first(bed: &impl Bed) {
    let ids = ["c1", "c2", "c3", "c4"].map(|name| conversation(bed.store(), name).id);
    for (id, deadline) in ids.into_iter().zip([300, 100, 200, 900]) {
        next(bed.store(), id, Some(deadline));
    }
    assert_eq!(due(bed.store(), 500, 10), [(ids[1], 100), (ids[2], 200), (ids[0], 300)]);
    assert_eq!(due(bed.store(), 500, 2), [(ids[1], 100), (ids[2], 200)]);
    assert_eq!(bed.store().next_deadline().unwrap(), Some(Timestamp(100)));
}

pub(super) fn the_moment_itself_is_due(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    next(bed.store(), id, Some(100));
    assert_eq!(due(bed.store(), 99, 10), []);
    assert_eq!(bed.store().next_deadline().unwrap(), Some(Timestamp(100)));
    assert_eq!(due(bed.store(), 100, 10), [(id, 100)]);
}

pub(super) fn a_state_without_a_deadline_is_never_due(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    next(bed.store(), id, Some(100));
    next(bed.store(), id, None);
    assert_eq!(due(bed.store(), i64::MAX, 10), []);
    assert_eq!(bed.store().next_deadline().unwrap(), None);
}

pub(super) fn a_change_without_a_state_leaves_the_deadline(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    next(bed.store(), id, Some(100));
    let ignored = ConversationChange { deadline: Some(Timestamp(50)), ..change(id) };
    save_change(bed.store(), ignored);
    assert_eq!(due(bed.store(), 500, 10), [(id, 100)]);
}

pub(super) fn a_deadline_moves_with_the_state(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    for deadline in [100, 100, 300, 200] {
        next(bed.store(), id, Some(deadline));
        assert_eq!(due(bed.store(), 500, 10), [(id, deadline)]);
    }
}

pub(super) fn a_state_with_the_same_deadline_ends_a_setting_aside(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    next(bed.store(), id, Some(100));
    save(bed.store(), &Changes { set_aside: vec![id], ..Changes::default() });
    next(bed.store(), id, Some(100));
    assert_eq!(due(bed.store(), 500, 10), [(id, 100)]);
}

pub(super) fn what_was_set_aside_waits_for_its_next_state(bed: &mut impl Bed) {
    let ids = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    next(bed.store(), ids[0], Some(100));
    next(bed.store(), ids[1], Some(200));
    save(bed.store(), &Changes { set_aside: vec![ids[0]], ..Changes::default() });
    bed.reopen();
    assert_eq!(due(bed.store(), 500, 10), [(ids[1], 200)]);
    assert_eq!(bed.store().next_deadline().unwrap(), Some(Timestamp(200)));
    next(bed.store(), ids[0], Some(150));
    assert_eq!(due(bed.store(), 500, 10), [(ids[0], 150), (ids[1], 200)]);
}

pub(super) fn a_start_gives_what_was_set_aside_another_try(bed: &mut impl Bed) {
    let ids = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    next(bed.store(), ids[0], Some(100));
    next(bed.store(), ids[1], None);
    save(bed.store(), &Changes { set_aside: ids.to_vec(), ..Changes::default() });
    bed.reopen();
    bed.store().take_over(BootId(2)).unwrap();
    assert_eq!(due(bed.store(), 500, 10), [(ids[0], 100)]);
    assert_eq!(bed.store().next_deadline().unwrap(), Some(Timestamp(100)));
}

pub(super) fn setting_aside_an_unknown_conversation_is_refused(bed: &impl Bed) {
    let set_aside = vec![ConversationId(conversation(bed.store(), "c1").id.0 + 1)];
    let refused = try_save(bed.store(), &Changes { set_aside, ..Changes::default() });
    assert_damaged(refused, "conversation");
}

fn next(store: &dyn Store, id: ConversationId, deadline: Option<i64>) {
    let deadline = deadline.map(Timestamp);
    save_change(
        store,
        ConversationChange { state: Some(b"state".as_slice().into()), deadline, ..change(id) },
    );
}

fn due(store: &dyn Store, now: i64, limit: usize) -> Vec<(ConversationId, i64)> {
    let due = store.due(Timestamp(now), limit).unwrap();
    due.into_iter().map(|(id, deadline)| (id, deadline.0)).collect()
}
