//! Transactions, states, sessions, holds, settings.

use std::panic::{AssertUnwindSafe, catch_unwind};

use session::id::{Number, Timestamp};

use super::claiming::leased;
use super::outbox::of_session;
use super::repeats::{answers, repeat};
use super::{
    Bed, assert_damaged, change, conversation, desk, effect, entry, key, person, put, resolve,
    save, save_change, segment, session_id, session_row, transact, try_save,
};
use crate::{
    Answer, Changes, ConversationChange, ConversationId, Hold, LaneReady, Person, RepeatKey,
    SessionRow, Sight, Store, StoreError, Target, Transaction,
};

/// Changes something in every table.
fn everything(id: ConversationId) -> Changes {
    Changes {
        conversations: vec![ConversationChange {
            id,
            state: Some(b"state 1".as_slice().into()),
            deadline: Some(Timestamp(7_000)),
            new_segment: Some(segment(b"key 1")),
            entries: vec![entry(1, "c1"), entry(2, "c1")],
        }],
        sessions: vec![session_row("ses_1", id, person("zoe"))],
        holds: vec![Hold::Take(person("zoe"), session_id("ses_1"))],
        repeats: vec![repeat(id, 77, 2)],
        effects: vec![effect(id, 1, "desk")],
        ..Changes::default()
    }
}

/// Checks that [`everything`] is there.
fn assert_everything(store: &dyn Store) {
    let row = store.conversation(&key("c1")).unwrap().unwrap();
    assert_eq!(row.state.as_deref(), Some(b"state 1".as_slice()));
    assert_eq!(row.segment.as_ref().unwrap().wrapped_key[..], *b"key 1");
    let entries = store.entries_after(row.id, Number(0), 10).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1].sealed, entry(2, "c1").sealed);
    assert_eq!(entries[1].at, entry(2, "c1").at);
    assert_eq!(entries[1].segment, row.segment);
    assert_eq!(
        store.session(&session_id("ses_1"), &Sight::ALL).unwrap(),
        Some(session_row("ses_1", row.id, person("zoe")))
    );
    assert_eq!(holder(store, &person("zoe")), Some(session_row("ses_1", row.id, person("zoe")).id));
    assert_eq!(answers(store, &[(row.id, RepeatKey(77))]), [Some(Answer(Number(2)))]);
    assert_eq!(lane_names(store), ["desk"]);
    assert_eq!(store.next_deadline().unwrap(), Some(Timestamp(7_000)));
}

/// Checks that nothing of [`everything`] is there, not even the conversation.
fn assert_nothing(store: &dyn Store) {
    assert_eq!(store.conversation(&key("c1")).unwrap(), None);
    assert_eq!(store.session(&session_id("ses_1"), &Sight::ALL).unwrap(), None);
    assert_eq!(holder(store, &person("zoe")), None);
    assert_eq!(lane_names(store), [""; 0]);
    assert_eq!(store.next_deadline().unwrap(), None);
}

/// Makes the conversation and saves [`everything`] in one transaction.
fn make_and_save(transaction: &mut dyn Transaction) -> Result<(), StoreError> {
    let made = transaction.resolve(&[&Target::Key(key("c1"))])?.remove(0).unwrap();
    transaction.save(&everything(made.conversation.id))
}

pub(super) fn a_commit_is_seen_as_a_whole(bed: &impl Bed) {
    let store = bed.store();
    store
        .transact(&mut |transaction| {
            make_and_save(transaction)?;
            // Nothing can be seen before the commit.
            assert_eq!(store.conversation(&key("c1"))?, None);
            Ok(())
        })
        .unwrap();
    assert_everything(store);
}

pub(super) fn an_error_in_the_work_undoes_everything(bed: &impl Bed) {
    let refused = bed.store().transact(&mut |transaction| {
        make_and_save(transaction)?;
        Err(StoreError::InUse { path: "as good as any".into() })
    });
    assert!(matches!(refused, Err(StoreError::InUse { .. })));
    assert_nothing(bed.store());
}

pub(super) fn a_panic_in_the_work_undoes_everything(bed: &impl Bed) {
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        bed.store().transact(&mut |transaction| {
            make_and_save(transaction)?;
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_nothing(bed.store());
    bed.store().transact(&mut |transaction| make_and_save(transaction)).unwrap();
    assert_everything(bed.store());
}

pub(super) fn a_failed_step_cannot_be_committed(bed: &impl Bed) {
    let committed = bed.store().transact(&mut |transaction| {
        make_and_save(transaction)?;
        let nobody = change(ConversationId(-1));
        let changes = Changes {
            conversations: vec![ConversationChange { state: Some([].into()), ..nobody }],
            ..Changes::default()
        };
        // Whoever forgets about an error does not get half of what was wanted.
        assert!(transaction.save(&changes).is_err());
        Ok(())
    });
    assert!(matches!(committed, Err(StoreError::Database(_))));
    assert_nothing(bed.store());
}

pub(super) fn a_change_of_an_unknown_conversation_is_refused(bed: &impl Bed) {
    let nobody = change(ConversationId(conversation(bed.store(), "c1").id.0 + 1));
    for change in [
        ConversationChange { state: Some(b"state".as_slice().into()), ..nobody.clone() },
        ConversationChange { new_segment: Some(segment(b"key")), ..nobody.clone() },
        ConversationChange { entries: vec![entry(1, "c1")], ..nobody },
    ] {
        let changes = Changes { conversations: vec![change], ..Changes::default() };
        assert_damaged(try_save(bed.store(), &changes), "conversation");
    }
}

pub(super) fn a_change_without_a_state_leaves_the_state(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    save(bed.store(), &everything(id));
    save_change(bed.store(), ConversationChange { entries: vec![entry(3, "c1")], ..change(id) });
    let row = bed.store().conversation_by_id(id).unwrap().unwrap();
    assert_eq!(row.state.as_deref(), Some(b"state 1".as_slice()));
    assert_eq!(bed.store().entries_after(id, Number(2), 10).unwrap().len(), 1);
}

pub(super) fn a_session_row_is_replaced(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let first = session_row("ses_1", id, person("zoe"));
    let second = SessionRow {
        status: "fail".into(),
        reason: "queue_timeout".into(),
        opened_at: Timestamp(1_001),
        ended_at: Some(Timestamp(9_000)),
        ..first.clone()
    };
    for row in [first, second] {
        save(bed.store(), &Changes { sessions: vec![row.clone()], ..Changes::default() });
        assert_eq!(bed.store().session(&row.id, &Sight::ALL).unwrap(), Some(row));
    }
}

pub(super) fn a_session_never_moves_to_another_conversation(bed: &impl Bed) {
    let here = session_row("ses_1", conversation(bed.store(), "c1").id, person("zoe"));
    let there = SessionRow { conversation: conversation(bed.store(), "c2").id, ..here.clone() };
    save(bed.store(), &Changes { sessions: vec![here.clone()], ..Changes::default() });
    let moved = Changes { sessions: vec![there], ..Changes::default() };
    assert_damaged(try_save(bed.store(), &moved), "session");
    assert_eq!(bed.store().session(&here.id, &Sight::ALL).unwrap(), Some(here));
}

pub(super) fn a_hold_refuses_a_second_taker(bed: &impl Bed) {
    let sessions = two_sessions(bed.store());
    let [first, second] = sessions.map(|row| row.id);
    let take = |session| holds(vec![Hold::Take(person("zoe"), session)]);
    save(bed.store(), &take(first.clone()));
    assert_damaged(try_save(bed.store(), &take(second)), "hold");
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first.clone()));
    // Taking again what one holds changes nothing.
    save(bed.store(), &take(first.clone()));
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first));
}

pub(super) fn a_hold_is_freed_by_its_holder_only(bed: &impl Bed) {
    let [first, second] = two_sessions(bed.store()).map(|row| row.id);
    save(bed.store(), &holds(vec![Hold::Take(person("zoe"), first.clone())]));
    save(bed.store(), &holds(vec![Hold::Free(person("zoe"), second.clone())]));
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first.clone()));
    // In order: freed by the one and taken by the other in the same batch.
    let handed_on =
        vec![Hold::Free(person("zoe"), first), Hold::Take(person("zoe"), second.clone())];
    save(bed.store(), &holds(handed_on));
    assert_eq!(holder(bed.store(), &person("zoe")), Some(second));
}

pub(super) fn the_same_user_at_another_desk_is_another_person(bed: &impl Bed) {
    let [first, second] = two_sessions(bed.store()).map(|row| row.id);
    let elsewhere = Person { desk: desk("dev2"), ..person("zoe") };
    save(
        bed.store(),
        &holds(vec![
            Hold::Take(person("zoe"), first.clone()),
            Hold::Take(elsewhere.clone(), second.clone()),
        ]),
    );
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first));
    assert_eq!(holder(bed.store(), &elsewhere), Some(second));
}

pub(super) fn a_hold_is_void_once_its_session_has_nothing_left_to_do(bed: &impl Bed) {
    let [first, second] = two_sessions(bed.store());
    let take = |row: &SessionRow| holds(vec![Hold::Take(person("zoe"), row.id.clone())]);
    save(bed.store(), &take(&first));
    put(
        bed.store(),
        vec![
            of_session(first.conversation, 1, "ses_1"),
            effect(first.conversation, 2, "bot"),
            of_session(second.conversation, 1, "ses_2"),
        ],
    );
    let settle_one = |lane_name| {
        let settled = vec![leased(bed.store(), lane_name, 5_000).effect];
        save(bed.store(), &Changes { settled, ..Changes::default() });
    };
    let ended = SessionRow { ended_at: Some(Timestamp(3_000)), ..first.clone() };
    save(bed.store(), &Changes { sessions: vec![ended], ..Changes::default() });
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first.id.clone()), "its end waits");
    assert_damaged(try_save(bed.store(), &take(&second)), "hold");
    settle_one("desk");
    // What is left is another session's, or nothing the desk hears of.
    assert_eq!(holder(bed.store(), &person("zoe")), None);
    assert_eq!(resolve(bed.store(), &[Target::Person(person("zoe"))]), [None]);
    save(bed.store(), &take(&second));
    assert_eq!(holder(bed.store(), &person("zoe")), Some(second.id.clone()));
    // An open session holds, whether or not anything waits.
    settle_one("desk");
    assert_eq!(holder(bed.store(), &person("zoe")), Some(second.id));
    assert_damaged(try_save(bed.store(), &take(&first)), "hold");
}

pub(super) fn the_end_of_a_session_keeps_its_hold_within_a_batch(bed: &impl Bed) {
    let [first, second] = two_sessions(bed.store());
    save(bed.store(), &holds(vec![Hold::Take(person("zoe"), first.id.clone())]));
    let ended = SessionRow { ended_at: Some(Timestamp(3_000)), ..first.clone() };
    let batch = Changes {
        sessions: vec![ended],
        effects: vec![of_session(first.conversation, 1, "ses_1")],
        holds: vec![Hold::Take(person("zoe"), second.id)],
        ..Changes::default()
    };
    assert_damaged(try_save(bed.store(), &batch), "hold");
    assert_eq!(holder(bed.store(), &person("zoe")), Some(first.id));
}

pub(super) fn settings_are_replaced(bed: &impl Bed) {
    assert_eq!(bed.store().setting("check value").unwrap(), None);
    for value in [b"first".as_slice(), b"", b"\x00\xff"] {
        bed.store().keep_setting("check value", value).unwrap();
        assert_eq!(bed.store().setting("check value").unwrap().as_deref(), Some(value));
    }
    assert_eq!(bed.store().setting("another").unwrap(), None);
}

pub(super) fn a_store_answers(bed: &impl Bed) {
    bed.store().ping().unwrap();
}

pub(super) fn everything_survives_a_restart(bed: &mut impl Bed) {
    bed.store().transact(&mut |transaction| make_and_save(transaction)).unwrap();
    bed.store().keep_setting("check value", b"kept").unwrap();
    bed.reopen();
    assert_everything(bed.store());
    assert_eq!(bed.store().setting("check value").unwrap().as_deref(), Some(b"kept".as_slice()));
    let found = resolve(bed.store(), &[Target::Person(person("zoe"))]).remove(0).unwrap();
    assert_eq!(*found.conversation.key, key("c1"));
}

fn holds(holds: Vec<Hold>) -> Changes {
    Changes { holds, ..Changes::default() }
}

fn two_sessions(store: &dyn Store) -> [SessionRow; 2] {
    let rows = ["ses_1", "ses_2"]
        .map(|name| session_row(name, conversation(store, name).id, person("zoe")));
    save(store, &Changes { sessions: rows.to_vec(), ..Changes::default() });
    rows
}

fn holder(store: &dyn Store, person: &Person) -> Option<session::id::SessionId> {
    transact(store, |transaction| transaction.holder(person)).unwrap()
}

fn lane_names(store: &dyn Store) -> Vec<String> {
    let lanes: Vec<LaneReady> = store.lanes(10).unwrap();
    lanes.into_iter().map(|ready| ready.lane.0.into()).collect()
}
