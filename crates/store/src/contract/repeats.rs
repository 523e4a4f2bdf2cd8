//! Repeats: the first answers, found again however many there are.

use session::id::{Number, Timestamp};

use super::{Bed, assert_damaged, change, conversation, save, save_change, transact, try_save};
use crate::{
    Answer, Changes, ConversationChange, ConversationId, NewRepeat, RepeatKey, Store, StoreError,
};

/// How many repeats of one conversation these tests go up to: past every place where a store may
/// move them from one home to another, more than once.
const MANY: i64 = 1_200;

pub(super) fn a_repeat_gets_the_first_answer(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let repeats = vec![repeat(id, i64::MAX, 3), repeat(id, i64::MIN, 0)];
    save(bed.store(), &Changes { repeats, ..Changes::default() });
    let keys = [i64::MIN, 5, i64::MAX].map(|key| (id, RepeatKey(key)));
    assert_eq!(
        answers(bed.store(), &keys),
        [Some(Answer(Number(0))), None, Some(Answer(Number(3)))]
    );
}

pub(super) fn a_repeat_counts_in_its_conversation_only(bed: &impl Bed) {
    let [here, there] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    save(bed.store(), &Changes { repeats: vec![repeat(here, 1, 3)], ..Changes::default() });
    assert_eq!(answers(bed.store(), &[(there, RepeatKey(1))]), [None]);
}

pub(super) fn a_second_answer_to_a_key_is_refused(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    save(bed.store(), &Changes { repeats: vec![repeat(id, 1, 3)], ..Changes::default() });
    let again = Changes { repeats: vec![repeat(id, 1, 4)], ..Changes::default() };
    assert!(matches!(try_save(bed.store(), &again), Err(StoreError::Database(_))));
    assert_eq!(answers(bed.store(), &[(id, RepeatKey(1))]), [Some(Answer(Number(3)))]);
}

/// One by one: after each message all earlier ones are known, and the next is not.
pub(super) fn every_repeat_of_a_long_conversation_is_known(bed: &mut impl Bed) {
    let [here, there] = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    for newest in 0..MANY {
        remember(bed.store(), here, &[(spread(newest), newest)]);
        if newest % 7 == 0 {
            remember(bed.store(), there, &[(spread(newest), newest)]);
        }
        // Not after every one, but always around where a store may move answers.
        if newest % 50 == 0 || newest % 256 < 2 {
            assert_known(bed.store(), here, newest);
        }
    }
    bed.reopen();
    assert_known(bed.store(), here, MANY - 1);
    let asked: Vec<i64> = (0..MANY).map(spread).collect();
    let of_there: Vec<i64> = (0..MANY).step_by(7).map(spread).collect();
    assert_eq!(known(bed.store(), there, &asked), of_there);
}

/// Each first answer stands, however long ago it was given; the refusal changes nothing.
pub(super) fn an_old_key_gets_no_second_answer(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    for newest in 0..MANY {
        remember(bed.store(), id, &[(spread(newest), newest)]);
        let asked = if newest % 20 == 0 { vec![0, newest / 2, newest] } else { vec![newest / 3] };
        for again in asked {
            let repeats = vec![repeat(id, spread(MANY), 1), repeat(id, spread(again), 1)];
            let refused = try_save(bed.store(), &Changes { repeats, ..Changes::default() });
            assert!(matches!(refused, Err(StoreError::Database(_))), "{again} of {newest}");
        }
    }
    assert_known(bed.store(), id, MANY - 1);
}

pub(super) fn a_key_twice_in_one_batch_is_refused(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let repeats = vec![repeat(id, 1, 3), repeat(id, 1, 3)];
    assert!(try_save(bed.store(), &Changes { repeats, ..Changes::default() }).is_err());
    assert_eq!(answers(bed.store(), &[(id, RepeatKey(1))]), [None]);
}

pub(super) fn an_answer_that_cannot_be_kept_is_refused_at_once(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let repeats = vec![repeat(id, 1, u64::MAX)];
    assert_damaged(try_save(bed.store(), &Changes { repeats, ..Changes::default() }), "repeat");
    assert_eq!(answers(bed.store(), &[(id, RepeatKey(1))]), [None]);
}

/// Batches of every size around those at which a store may move answers.
pub(super) fn many_repeats_of_one_batch_are_all_known(bed: &impl Bed) {
    for size in [1, 31, 32, 33, 64, 65, 511, 512, 513, 769, MANY] {
        let id = conversation(bed.store(), &format!("c{size}")).id;
        let keys: Vec<_> = (0..size).map(|nth| (spread(nth), nth)).collect();
        remember(bed.store(), id, &keys);
        assert_known(bed.store(), id, size - 1);
        remember(bed.store(), id, &[(spread(size), size)]);
        assert_known(bed.store(), id, size);
    }
}

pub(super) fn states_and_repeats_leave_each_other_alone(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let state =
        |text: &str| ConversationChange { state: Some(text.as_bytes().into()), ..change(id) };
    save_change(bed.store(), state("first"));
    remember(bed.store(), id, &[(1, 0)]);
    let stored = || bed.store().conversation_by_id(id).unwrap().unwrap().state;
    assert_eq!(stored().as_deref(), Some(b"first".as_slice()));
    save_change(bed.store(), state("second"));
    assert_eq!(stored().as_deref(), Some(b"second".as_slice()));
    assert_eq!(known(bed.store(), id, &[1]), [1]);
}

pub(super) fn a_repeat_of_an_unknown_conversation_is_refused(bed: &impl Bed) {
    let nobody = ConversationId(conversation(bed.store(), "c1").id.0 + 1);
    let repeats = vec![repeat(nobody, 1, 1)];
    assert!(try_save(bed.store(), &Changes { repeats, ..Changes::default() }).is_err());
    assert_eq!(answers(bed.store(), &[(nobody, RepeatKey(1))]), [None]);
}

pub(super) fn repeat(conversation: ConversationId, key: i64, number: u64) -> NewRepeat {
    let (key, answer) = (RepeatKey(key), Answer(Number(number)));
    NewRepeat { conversation, key, answer, at: Timestamp(3_000) }
}

pub(super) fn answers(
    store: &dyn Store,
    keys: &[(ConversationId, RepeatKey)],
) -> Vec<Option<Answer>> {
    transact(store, |transaction| transaction.repeats(keys)).unwrap()
}

/// Keys as a hash makes them: all over, in no order. Multiplying by an odd number maps no two to
/// the same.
fn spread(nth: i64) -> i64 {
    nth.wrapping_mul(0x5851_f42d_4c95_7f2d)
}

/// The keys up to this one have the answers that [`remember`] gave, the next one has none.
#[track_caller]
fn assert_known(store: &dyn Store, id: ConversationId, newest: i64) {
    let asked: Vec<_> = (0..=newest + 1).map(|nth| (id, RepeatKey(spread(nth)))).collect();
    let expected = (0..=newest).map(|nth| Some(answer_at(nth))).chain([None]);
    assert_eq!(answers(store, &asked), expected.collect::<Vec<_>>(), "up to {newest}");
}

fn answer_at(at: i64) -> Answer {
    Answer(Number(at.unsigned_abs() * 3))
}

/// Remembers these keys, each first seen at its moment, which also tells its answer.
pub(super) fn remember(store: &dyn Store, conversation: ConversationId, keys: &[(i64, i64)]) {
    let repeat = |(key, at): &(i64, i64)| NewRepeat {
        conversation,
        key: RepeatKey(*key),
        answer: answer_at(*at),
        at: Timestamp(*at),
    };
    let repeats = keys.iter().map(repeat).collect();
    save(store, &Changes { repeats, ..Changes::default() });
}

/// Remembers so many young keys that no earlier one is among the newest any more.
pub(super) fn remember_many_more(store: &dyn Store, conversation: ConversationId) {
    let taken = (1_000..)
        .step_by(1_000)
        .find(|first| answers(store, &[(conversation, RepeatKey(*first))]) == [None]);
    let first = taken.unwrap();
    let young: Vec<_> = (first..first + MANY).map(|key| (key, 1_000_000)).collect();
    remember(store, conversation, &young);
}

/// Which of these keys are remembered.
pub(super) fn known(store: &dyn Store, conversation: ConversationId, keys: &[i64]) -> Vec<i64> {
    let asked: Vec<_> = keys.iter().map(|key| (conversation, RepeatKey(*key))).collect();
    let answers = transact(store, |transaction| transaction.repeats(&asked)).unwrap();
    keys.iter().zip(answers).filter(|(_, answer)| answer.is_some()).map(|(key, _)| *key).collect()
}
