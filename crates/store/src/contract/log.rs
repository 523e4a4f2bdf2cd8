//! The numbered log.

use session::id::{Number, Timestamp};

use super::{
    Bed, assert_damaged, change, conversation, entry, save, save_change, segment, try_save,
};
use crate::{
    Changes, ConversationChange, ConversationId, ENTRIES_PER_READ_MAX, EntryRow, SegmentId, Store,
};

/// Lengths and numbers where a walk could go wrong: the ends, pages, and the stride of skips.
const BOUNDARIES: [u64; 15] =
    [0, 1, 2, 62, 63, 64, 65, 127, 128, 129, 192, 999, 1_000, 1_001, 1_100];

/// The newest number of the logs that are walked at every boundary.
const NEWEST: [u64; 8] = [1, 63, 64, 65, 128, 129, 1_000, 1_100];

pub(super) fn a_new_conversation_has_an_empty_log(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    for id in [id, ConversationId(id.0 + 1)] {
        assert_eq!(bed.store().entries_after(id, Number(0), 10).unwrap(), []);
        assert_eq!(bed.store().entries_upto(id, Number(u64::MAX), 10).unwrap(), []);
    }
}

pub(super) fn a_walk_after_a_number_is_right_at_every_boundary(bed: &impl Bed) {
    for (id, newest) in logs(bed.store()) {
        for after in BOUNDARIES.into_iter().chain([u64::MAX]) {
            for limit in [0, 1, 2, 63, 64, 65, 1_000] {
                let read = bed.store().entries_after(id, Number(after), limit).unwrap();
                let last = newest.min(after.saturating_add(limit as u64));
                assert_run(&read, after, last, &format!("{newest}: {limit} after {after}"));
            }
        }
    }
}

pub(super) fn a_walk_up_to_a_number_is_right_at_every_boundary(bed: &impl Bed) {
    for (id, newest) in logs(bed.store()) {
        for upto in BOUNDARIES.into_iter().chain([u64::MAX]) {
            for limit in [0, 1, 2, 63, 64, 65, 1_000] {
                let read = bed.store().entries_upto(id, Number(upto), limit).unwrap();
                let last = newest.min(upto);
                let after = last.saturating_sub(limit as u64);
                assert_run(&read, after, last, &format!("{newest}: {limit} up to {upto}"));
            }
        }
    }
}

pub(super) fn the_newest_entry_at_a_moment_is_right_at_every_boundary(bed: &impl Bed) {
    let nothing = conversation(bed.store(), "empty").id;
    assert_eq!(bed.store().newest_at(nothing, Timestamp(i64::MAX)).unwrap(), Number(0));
    for (id, newest) in logs(bed.store()) {
        for number in BOUNDARIES {
            // Entry n was taken in at 10,000 + n.
            let at = 10_000 + i64::try_from(number).unwrap();
            let found = bed.store().newest_at(id, Timestamp(at)).unwrap();
            assert_eq!(found, Number(number.min(newest)), "{number} of {newest}");
        }
        assert_eq!(bed.store().newest_at(id, Timestamp(0)).unwrap(), Number(0));
    }
}

pub(super) fn a_read_is_never_longer_than_a_page(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let page = ENTRIES_PER_READ_MAX as u64;
    append(bed.store(), id, 1..=page + 10, "c1");
    let after = bed.store().entries_after(id, Number(3), usize::MAX).unwrap();
    assert_run(&after, 3, page + 3, "after");
    let upto = bed.store().entries_upto(id, Number(u64::MAX), usize::MAX).unwrap();
    assert_run(&upto, 10, page + 10, "up to");
}

pub(super) fn a_long_log_can_be_paged_from_the_beginning(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    for first in (1..=3_000).step_by(100) {
        append(bed.store(), id, first..=first + 99, "c1");
    }
    let mut read = Vec::new();
    loop {
        let after = read.last().map_or(Number(0), |entry: &EntryRow| entry.number);
        let page = bed.store().entries_after(id, after, 77).unwrap();
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_run(&read, 0, 3_000, "all pages");
}

pub(super) fn conversations_that_talk_in_turn_keep_their_own_logs(bed: &impl Bed) {
    let ids = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    for number in 1..=130 {
        let conversations = ids
            .iter()
            .zip(["c1", "c2"])
            .map(|(id, salt)| ConversationChange {
                new_segment: (number == 1).then(|| segment(salt.as_bytes())),
                entries: vec![entry(number, salt)],
                ..change(*id)
            })
            .collect();
        save(bed.store(), &Changes { conversations, ..Changes::default() });
    }
    for (id, salt) in ids.into_iter().zip(["c1", "c2"]) {
        let read = bed.store().entries_after(id, Number(0), 1_000).unwrap();
        let said: Vec<Vec<u8>> = (1..=130).map(|number| entry(number, salt).sealed).collect();
        assert_eq!(read.into_iter().map(|entry| entry.sealed).collect::<Vec<_>>(), said);
    }
}

pub(super) fn an_entry_out_of_turn_is_refused(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    append(bed.store(), id, 1..=5, "c1");
    for numbers in [vec![0], vec![1], vec![5], vec![7], vec![6, 8], vec![6, 6], vec![u64::MAX]] {
        let entries = numbers
            .iter()
            .map(|number| crate::NewEntry { number: Number(*number), ..entry(6, "c1") })
            .collect();
        let conversations = vec![ConversationChange { entries, ..change(id) }];
        let refused = try_save(bed.store(), &Changes { conversations, ..Changes::default() });
        assert_damaged(refused, "log");
    }
    assert_eq!(bed.store().entries_after(id, Number(0), 100).unwrap().len(), 5);
}

pub(super) fn an_entry_without_a_segment_is_refused(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let conversations = vec![ConversationChange { entries: vec![entry(1, "c1")], ..change(id) }];
    assert_damaged(try_save(bed.store(), &Changes { conversations, ..Changes::default() }), "log");
}

pub(super) fn entries_keep_the_segment_they_were_written_to(bed: &impl Bed) {
    let (id, [first, second]) = two_segments(bed.store());
    let read = bed.store().entries_after(id, Number(0), 10).unwrap();
    let segments: Vec<_> = read
        .into_iter()
        .map(|entry| entry.segment.unwrap())
        .map(|it| (it.id, it.wrapped_key.to_vec()))
        .collect();
    assert_ne!(first, second);
    let (old, new) = ((first, b"key 1".to_vec()), (second, b"key 2".to_vec()));
    assert_eq!(segments, [old.clone(), old, new.clone(), new]);
    let open = bed.store().conversation_by_id(id).unwrap().unwrap().segment.unwrap();
    assert_eq!(open.id, second);
}

pub(super) fn a_shredded_segment_leaves_gaps(bed: &impl Bed) {
    let (id, [first, second]) = two_segments(bed.store());
    bed.store().shred(&[first]).unwrap();
    bed.store().shred(&[first]).unwrap();
    let read = bed.store().entries_after(id, Number(0), 10).unwrap();
    let found: Vec<_> =
        read.iter().map(|entry| (entry.number.0, entry.segment.as_ref().map(|it| it.id))).collect();
    assert_eq!(found, [(1, None), (2, None), (3, Some(second)), (4, Some(second))]);
}

pub(super) fn a_shredded_segment_is_not_written_to(bed: &impl Bed) {
    let (id, [_, second]) = two_segments(bed.store());
    bed.store().shred(&[second]).unwrap();
    assert_eq!(bed.store().conversation_by_id(id).unwrap().unwrap().segment, None);
    let more = ConversationChange { entries: vec![entry(5, "c1")], ..change(id) };
    let changes = Changes { conversations: vec![more.clone()], ..Changes::default() };
    assert_damaged(try_save(bed.store(), &changes), "log");
    save_change(bed.store(), ConversationChange { new_segment: Some(segment(b"key 3")), ..more });
    let read = bed.store().entries_after(id, Number(4), 10).unwrap();
    assert_eq!(read[0].segment.as_ref().unwrap().wrapped_key[..], *b"key 3");
}

pub(super) fn shredding_an_unknown_segment_does_nothing(bed: &impl Bed) {
    let (id, [_, second]) = two_segments(bed.store());
    bed.store().shred(&[SegmentId(second.0 + 1)]).unwrap();
    let read = bed.store().entries_after(id, Number(0), 10).unwrap();
    assert!(read.iter().all(|entry| entry.segment.is_some()));
}

/// Logs of every interesting length, each written in one go.
fn logs(store: &dyn Store) -> Vec<(ConversationId, u64)> {
    let log = |newest: u64| {
        let id = conversation(store, &format!("of {newest}")).id;
        append(store, id, 1..=newest, "c1");
        (id, newest)
    };
    NEWEST.into_iter().map(log).collect()
}

fn append(
    store: &dyn Store,
    id: ConversationId,
    numbers: std::ops::RangeInclusive<u64>,
    salt: &str,
) {
    let new_segment = (*numbers.start() == 1).then(|| segment(b"key 1"));
    let entries = numbers.map(|number| entry(number, salt)).collect();
    save_change(store, ConversationChange { new_segment, entries, ..change(id) });
}

/// Entries 1 and 2 in one segment, 3 and 4 in the next.
fn two_segments(store: &dyn Store) -> (ConversationId, [SegmentId; 2]) {
    let id = conversation(store, "c1").id;
    let segments = [(b"key 1", [1, 2]), (b"key 2", [3, 4])].map(|(wrapped_key, numbers)| {
        let new_segment = Some(segment(wrapped_key));
        let entries = numbers.map(|number| entry(number, "c1")).to_vec();
        save_change(store, ConversationChange { new_segment, entries, ..change(id) });
        store.conversation_by_id(id).unwrap().unwrap().segment.unwrap().id
    });
    (id, segments)
}

/// Checks that these are the entries after one number and up to another, with what they said.
#[track_caller]
fn assert_run(read: &[EntryRow], after: u64, last: u64, what: &str) {
    let found: Vec<(u64, &[u8])> =
        read.iter().map(|entry| (entry.number.0, entry.sealed.as_slice())).collect();
    let said: Vec<(u64, Vec<u8>)> =
        (after..last).map(|number| (number + 1, entry(number + 1, "c1").sealed)).collect();
    let said: Vec<(u64, &[u8])> =
        said.iter().map(|(number, sealed)| (*number, sealed.as_slice())).collect();
    assert_eq!(found, said, "{what}");
}
