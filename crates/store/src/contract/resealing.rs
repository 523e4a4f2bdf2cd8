//! Blobs that were sealed under another key: found by how they begin, replaced where they are.

use session::id::Timestamp;

use super::claiming::leased;
use super::outbox::waiting;
use super::{Bed, change, conversation, save, save_change};
use crate::{
    Changes, ConversationChange, DeadLetter, NewSegment, Resealed, SealedKind, SealedRow, Sight,
    Store,
};

const NEW: &[u8] = b"new";

fn state(store: &dyn Store, name: &str, sealed: &[u8]) -> crate::ConversationRow {
    let row = conversation(store, name);
    let (state, deadline) = (Some(sealed.into()), Some(Timestamp(7_000)));
    save_change(store, ConversationChange { state, deadline, ..change(row.id) });
    row
}

/// All that begin otherwise, read in pages of this many.
fn unlike(store: &dyn Store, kind: SealedKind, limit: usize) -> Vec<SealedRow> {
    let (mut rows, mut after) = (Vec::new(), Some(i64::MIN));
    while let Some(row) = after {
        let page = store.sealed_unlike(kind, NEW, row, limit).unwrap();
        rows.extend(page.rows);
        after = page.upto;
    }
    rows
}

fn anew(row: &SealedRow) -> Resealed {
    let after = [NEW, &row.sealed].concat();
    let (row, conversation, before) = (row.row, row.conversation, row.sealed.clone());
    Resealed { row, conversation, before, after }
}

pub(super) fn states_are_found_page_by_page_and_replaced_with_all_else_as_it_was(
    bed: &mut impl Bed,
) {
    for (name, sealed) in [("c1", &b"old 1"[..]), ("c2", b"new 2"), ("c3", b"old 3")] {
        state(bed.store(), name, sealed);
    }
    conversation(bed.store(), "without a state");
    let found = unlike(bed.store(), SealedKind::State, 1);
    let seen: Vec<_> =
        found.iter().map(|row| (&*row.key.conversation, row.sealed.as_slice())).collect();
    assert_eq!(seen, [("c1", &b"old 1"[..]), ("c3", b"old 3")]);
    let resealed: Vec<_> = found.iter().map(anew).collect();
    assert_eq!(bed.store().reseal(SealedKind::State, &resealed).unwrap(), 2);
    for _ in 0..2 {
        assert!(unlike(bed.store(), SealedKind::State, 10).is_empty());
        let row = conversation(bed.store(), "c3");
        assert_eq!(row.state.as_deref(), Some(&b"newold 3"[..]));
        assert_eq!(bed.store().due(Timestamp(7_000), 10).unwrap().len(), 3, "the deadlines stay");
        bed.reopen();
    }
    assert_eq!(bed.store().count_unlike(SealedKind::State, NEW).unwrap(), 0);
}

pub(super) fn what_was_changed_meanwhile_is_left_alone(bed: &mut impl Bed) {
    state(bed.store(), "c1", b"old");
    let stale = anew(&unlike(bed.store(), SealedKind::State, 10)[0]);
    state(bed.store(), "c1", b"newer");
    assert_eq!(bed.store().reseal(SealedKind::State, &[stale]).unwrap(), 0);
    assert_eq!(conversation(bed.store(), "c1").state.as_deref(), Some(&b"newer"[..]));
    assert!(!bed.store().replace_setting("s", b"a", b"b").unwrap(), "there is none");
    bed.store().keep_setting("s", b"a").unwrap();
    assert!(!bed.store().replace_setting("s", b"other", b"b").unwrap());
    assert!(bed.store().replace_setting("s", b"a", b"b").unwrap());
    assert_eq!(bed.store().settings("s").unwrap(), [("s".to_owned(), b"b".to_vec())]);
}

pub(super) fn keys_of_segments_are_replaced_and_shredded_ones_stay_gone(bed: &mut impl Bed) {
    let mut ids = Vec::new();
    for name in ["c1", "c2"] {
        let row = conversation(bed.store(), name);
        let new_segment = Some(NewSegment {
            wrapped_key: b"old key".to_vec(),
            since: Timestamp(1_000),
            session: None,
        });
        save_change(bed.store(), ConversationChange { new_segment, ..change(row.id) });
        ids.push(conversation(bed.store(), name).segment.unwrap().id);
    }
    let found = unlike(bed.store(), SealedKind::SegmentKey, 1);
    assert_eq!(found.len(), 2);
    assert_eq!(bed.store().count_unlike(SealedKind::SegmentKey, NEW).unwrap(), 2);
    bed.store().shred(&ids[..1]).unwrap();
    let resealed: Vec<_> = found.iter().map(anew).collect();
    assert_eq!(bed.store().reseal(SealedKind::SegmentKey, &resealed).unwrap(), 1);
    for _ in 0..2 {
        assert!(conversation(bed.store(), "c1").segment.is_none());
        let segment = conversation(bed.store(), "c2").segment.unwrap();
        assert_eq!((segment.id, &*segment.wrapped_key), (ids[1], &b"newold key"[..]));
        assert_eq!(bed.store().count_unlike(SealedKind::SegmentKey, NEW).unwrap(), 0);
        bed.reopen();
    }
}

pub(super) fn an_effect_that_dies_is_kept_as_it_was_sealed_last(bed: &mut impl Bed) {
    waiting(bed.store(), 2);
    let work = leased(bed.store(), "desk", 5_000);
    let found = unlike(bed.store(), SealedKind::Effect, 10);
    assert_eq!(found.iter().map(|row| row.number).collect::<Vec<_>>(), [1, 2]);
    let resealed: Vec<_> = found.iter().map(anew).collect();
    assert_eq!(bed.store().reseal(SealedKind::Effect, &resealed).unwrap(), 2);
    let letter = DeadLetter {
        effect: work.effect,
        conversation: work.conversation,
        number: work.number,
        lane: work.lane.clone(),
        session: work.session.clone(),
        body: work.body.clone(),
        attempts: work.attempts,
        reason: "refused".into(),
        at: Timestamp(3_000),
    };
    save(bed.store(), &Changes { dead: vec![letter], ..Changes::default() });
    assert_eq!(
        bed.store().dead_letters(&Sight::ALL, 1).unwrap()[0].body,
        [NEW, &work.body].concat()
    );
    assert!(unlike(bed.store(), SealedKind::DeadLetter, 10).is_empty());
    assert!(unlike(bed.store(), SealedKind::Effect, 10).is_empty());
}
