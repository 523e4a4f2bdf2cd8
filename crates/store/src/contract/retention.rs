//! Shredding what is old, and forgetting conversations.

use session::id::{Number, SessionId, Timestamp};

use super::{
    Bed, change, conversation, effect, entry, key, person, put, save, save_change, segment,
    session_id, session_row, tenant,
};
use crate::{
    Began, Changes, ConversationChange, ConversationId, Forgotten, Leftovers, NewSegment,
    OldSegment, SegmentId, SessionRow, Sight, Store, Whose, Words,
};

const LATE: Timestamp = Timestamp(i64::MAX);

/// Says so much in a new segment; gives the segment.
fn says(
    store: &dyn Store,
    id: ConversationId,
    numbers: std::ops::RangeInclusive<u64>,
    session: Option<SessionId>,
) -> SegmentId {
    let since = Timestamp(10_000 + i64::try_from(*numbers.start()).unwrap());
    let new_segment = Some(NewSegment { wrapped_key: b"key".to_vec(), since, session });
    let last = Number(*numbers.end());
    let entries = numbers.map(|number| entry(number, "words")).collect();
    save_change(store, ConversationChange { new_segment, entries, ..change(id) });
    store.entries_upto(id, last, 1).unwrap().remove(0).segment.unwrap().id
}

fn of(store: &dyn Store, words: Words, before: Timestamp, after: Began) -> Vec<OldSegment> {
    store.old_segments(&tenant("acme"), words, before, after, 100).unwrap()
}

fn old(store: &dyn Store) -> Vec<SegmentId> {
    let mut all: Vec<_> = Words::ALL
        .into_iter()
        .flat_map(|words| of(store, words, LATE, Began::FIRST))
        .map(|it| it.id)
        .collect();
    all.sort_unstable();
    all
}

fn gaps(store: &dyn Store, id: ConversationId) -> Vec<u64> {
    let rows = store.entries_after(id, Number(0), 1_000).unwrap();
    rows.iter().filter(|row| row.segment.is_none()).map(|row| row.number.0).collect()
}

pub(super) fn old_segments_say_what_a_sweep_must_know(bed: &impl Bed) {
    let store = bed.store();
    let id = conversation(store, "c1").id;
    let talk = says(store, id, 1..=3, None);
    let chat = says(store, id, 4..=70, Some(session_id("s1")));
    let more = says(store, id, 71..=72, Some(session_id("s2")));
    let first = |words| of(store, words, LATE, Began::FIRST).remove(0);
    let found = [first(Words::BotTalk), first(Words::Chat)];
    assert_eq!([found[0].id, found[1].id], [talk, chat]);
    let last = |nth: usize| (found[nth].since.0, found[nth].newest.0, found[nth].last.0);
    assert_eq!([last(0), last(1)], [(10_001, 10_003, 3), (10_004, 10_070, 70)]);
    assert_eq!((&found[0].session, found[1].session.as_ref()), (&None, Some(&session_id("s1"))));
    assert_eq!(found.each_ref().map(OldSegment::words), [Words::BotTalk, Words::Chat]);
    assert!(found.iter().all(|it| it.tenant == tenant("acme") && !it.busy && it.letter.is_none()));
    let ids = |words, before, after| -> Vec<_> {
        of(store, words, Timestamp(before), after).iter().map(|it| it.id).collect()
    };
    assert_eq!(ids(Words::BotTalk, 10_001, Began::FIRST), []);
    assert_eq!(ids(Words::BotTalk, 10_002, Began::FIRST), [talk]);
    assert_eq!(ids(Words::Chat, 10_004, Began::FIRST), []);
    assert_eq!(ids(Words::Chat, 10_005, Began::FIRST), [chat]);
    assert_eq!(ids(Words::Chat, i64::MAX, Began::FIRST), [chat, more]);
    assert_eq!(ids(Words::Chat, i64::MAX, found[1].began()), [more]);
    let limited = store.old_segments(&tenant("acme"), Words::Chat, LATE, Began::FIRST, 1).unwrap();
    assert_eq!(limited.len(), 1);
    let others = store.old_segments(&tenant("other"), Words::Chat, LATE, Began::FIRST, 9).unwrap();
    assert_eq!(others, [], "another tenant's");
    let busy = || first(Words::BotTalk).busy;
    save(
        store,
        &Changes { sessions: vec![session_row("s1", id, person("u"))], ..Changes::default() },
    );
    assert!(busy(), "a chat is open");
    let ended = SessionRow { ended_at: Some(Timestamp(5)), ..session_row("s1", id, person("u")) };
    save(store, &Changes { sessions: vec![ended], ..Changes::default() });
    assert!(!busy());
    put(store, vec![effect(id, 1, "lane")]);
    assert!(busy(), "an effect waits");
}

/// A page ends among those that began at the same moment, and the next one goes on there.
pub(super) fn old_segments_that_began_together_are_each_seen_once(bed: &impl Bed) {
    let store = bed.store();
    let mut made = Vec::new();
    for nth in 0..5 {
        let id = conversation(store, &format!("c{nth}")).id;
        made.push(says(store, id, 1..=1, None));
    }
    let (mut seen, mut after) = (Vec::new(), Began::FIRST);
    loop {
        let page = store.old_segments(&tenant("acme"), Words::BotTalk, LATE, after, 2).unwrap();
        let Some(last) = page.last() else { break };
        after = last.began();
        seen.extend(page.iter().map(|it| it.id));
    }
    assert_eq!(seen, made);
}

pub(super) fn a_conversation_is_dead_when_nothing_of_it_is_left(bed: &mut impl Bed) {
    let ids = ["c1", "c2"].map(|name| conversation(bed.store(), name).id);
    let mut words = Vec::new();
    for id in ids {
        words.push(says(bed.store(), id, 1..=60, None));
    }
    bed.reopen();
    let dead = |store: &dyn Store, before: i64| {
        let found = store.dead_conversations(Timestamp(before), Began::FIRST, 9).unwrap();
        (found.0, found.1.is_some())
    };
    assert_eq!(dead(bed.store(), i64::MAX), (vec![], false), "what can be read is not looked at");
    bed.store().shred(&[words[0]]).unwrap();
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 50);
    assert_eq!(dead(bed.store(), i64::MAX), (vec![], false), "nor what has bytes left");
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 10);
    bed.reopen();
    assert_eq!(dead(bed.store(), 10_001), (vec![], false), "nor what began later");
    assert_eq!(dead(bed.store(), 10_060), (vec![], true), "its last words are younger");
    assert_eq!(dead(bed.store(), 10_061), (vec![ids[0]], true));
    let page = bed.store().dead_conversations(LATE, Began::FIRST, 9).unwrap();
    let next = bed.store().dead_conversations(LATE, page.1.unwrap(), 9).unwrap();
    assert_eq!(next, (vec![], None));
    let kept = bed.store().forget(&[ids[0]], Some(Timestamp(10_060))).unwrap();
    assert_eq!(kept.conversations, 0, "not dead by then");
    says(bed.store(), ids[0], 61..=61, None);
    bed.reopen();
    assert_eq!(dead(bed.store(), i64::MAX), (vec![], false), "its user came back");
    assert_eq!(bed.store().forget(&[ids[0]], Some(LATE)).unwrap().conversations, 0);
}

pub(super) fn shredded_entries_are_emptied_piece_by_piece(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let first = says(bed.store(), id, 1..=70, None);
    let second = says(bed.store(), id, 71..=75, None);
    assert_eq!(bed.store().shred(&[first]).unwrap(), 1);
    assert_eq!(bed.store().shred(&[first]).unwrap(), 0);
    assert_eq!(old(bed.store()), [second]);
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 50);
    bed.reopen();
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 20);
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 0);
    assert_eq!(gaps(bed.store(), id), (1..=70).collect::<Vec<_>>());
    let rows = bed.store().entries_after(id, Number(0), 1_000).unwrap();
    assert!(rows.iter().all(|row| row.sealed.is_empty() == (row.number.0 <= 70)));
    // The newest segment, too: what is said next opens another.
    assert_eq!(bed.store().shred(&[second]).unwrap(), 1);
    assert!(conversation(bed.store(), "c1").segment.is_none());
    says(bed.store(), id, 76..=77, None);
    assert_eq!(bed.store().empty_shredded(50).unwrap(), 5);
    bed.reopen();
    assert_eq!(gaps(bed.store(), id), (1..=75).collect::<Vec<_>>());
}

pub(super) fn an_id_of_a_segment_is_never_given_twice(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let first = says(bed.store(), id, 1..=1, None);
    bed.store().shred(&[first]).unwrap();
    bed.reopen();
    let second = says(bed.store(), id, 2..=2, None);
    assert!(second.0 > first.0);
    // One that was undone leaves its id behind.
    let lost = ConversationChange { new_segment: Some(segment(b"lost")), ..change(id) };
    let entries = vec![entry(9, "out of turn")];
    let lost = Changes {
        conversations: vec![ConversationChange { entries, ..lost }],
        ..Changes::default()
    };
    assert!(super::try_save(bed.store(), &lost).is_err());
    let third = says(bed.store(), id, 3..=3, None);
    assert!(third.0 > second.0);
    assert_eq!(gaps(bed.store(), id), [1]);
}

pub(super) fn ended_sessions_are_forgotten_when_nothing_of_theirs_is_left(bed: &impl Bed) {
    let store = bed.store();
    let id = conversation(store, "c1").id;
    let words = says(store, id, 1..=2, Some(session_id("s1")));
    let ended = SessionRow { ended_at: Some(Timestamp(5)), ..session_row("s1", id, person("u")) };
    let open = session_row("s2", id, person("u"));
    save(store, &Changes { sessions: vec![ended, open], ..Changes::default() });
    let forget = |before| store.forget_ended(&tenant("acme"), Timestamp(before), 10).unwrap();
    assert_eq!(forget(6), 0, "its words can be read");
    store.shred(&[words]).unwrap();
    assert_eq!(store.forget_ended(&tenant("other"), Timestamp(6), 10).unwrap(), 0);
    assert_eq!([forget(5), forget(6), forget(6)], [0, 1, 0]);
    assert!(store.session(&session_id("s1"), &Sight::ALL).unwrap().is_none());
    assert!(store.session(&session_id("s2"), &Sight::ALL).unwrap().is_some(), "an open one stays");
}

pub(super) fn a_forgotten_conversation_is_nowhere_and_its_neighbours_are_as_they_were(
    bed: &mut impl Bed,
) {
    let ids = ["gone", "stays"].map(|name| conversation(bed.store(), name).id);
    for id in ids {
        says(bed.store(), id, 1..=70, None);
        let name = format!("s{}", id.0);
        let ended =
            SessionRow { ended_at: Some(Timestamp(5)), ..session_row(&name, id, person("u")) };
        save(bed.store(), &Changes { sessions: vec![ended], ..Changes::default() });
        put(bed.store(), vec![effect(id, 1, "lane")]);
        let state = Some(b"state".as_slice().into());
        save_change(bed.store(), ConversationChange { state, ..change(id) });
    }
    let whose = Whose { tenant: tenant("acme"), user: "dl_zoe".into() };
    let found = |bed: &dyn Store, user: &str| -> Vec<ConversationId> {
        let whose = Whose { user: user.into(), ..whose.clone() };
        let rows = bed.conversations_of(&whose, ConversationId(0), 10).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    };
    assert_eq!(found(bed.store(), "dl_zoe"), ids, "by the channel's id");
    assert_eq!(found(bed.store(), "u"), ids, "by the desk's");
    assert_eq!(found(bed.store(), "nobody"), []);
    let gone = bed.store().forget(&[ids[0]], None).unwrap();
    let all = Forgotten { conversations: 1, sessions: 1, segments: 1, effects: 1, ..gone };
    assert_eq!(gone, all);
    assert_eq!(bed.store().forget(&[ids[0]], None).unwrap(), Forgotten::default());
    assert!(bed.store().conversation(&key("gone")).unwrap().is_none());
    assert_eq!(found(bed.store(), "u"), [ids[1]]);
    bed.reopen();
    assert_eq!(bed.store().forgetting(ConversationId(0), 10).unwrap(), [ids[0]]);
    assert_eq!(bed.store().forgetting(ids[0], 10).unwrap(), [], "the next page");
    assert_eq!(bed.store().forget_rest(ids[0], 50).unwrap(), (50, false));
    bed.reopen();
    assert_eq!(bed.store().forget_rest(ids[0], 50).unwrap(), (20, true));
    assert_eq!(bed.store().forgetting(ConversationId(0), 10).unwrap(), []);
    assert!(bed.store().scrub(Leftovers::All).unwrap());
    let stays = bed.store().conversation(&key("stays")).unwrap().unwrap();
    assert_eq!((stays.id, stays.state.as_deref()), (ids[1], Some(b"state".as_slice())));
    assert_eq!(bed.store().entries_after(ids[1], Number(0), 100).unwrap().len(), 70);
    assert_eq!(bed.store().sessions_of(ids[1], None, 10).unwrap().len(), 1);
    let again = conversation(bed.store(), "gone").id;
    assert!(!ids.contains(&again), "a conversation of its own");
}

/// Both go through the segments of a conversation that is forgotten, each in pieces of its own.
pub(super) fn emptying_and_forgetting_may_take_turns(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "gone").id;
    says(bed.store(), id, 1..=70, None);
    says(bed.store(), id, 71..=150, None);
    conversation(bed.store(), "stays");
    bed.store().forget(&[id], None).unwrap();
    let mut gone = 0;
    for turn in 1..=10 {
        bed.store().empty_shredded(3).unwrap();
        let (entries, over) = bed.store().forget_rest(id, 19).unwrap();
        gone += entries;
        if over {
            break;
        }
        assert!(turn < 10, "it comes to an end");
        bed.reopen();
    }
    assert_eq!(gone, 150);
    assert_eq!(bed.store().empty_shredded(3).unwrap(), 0);
    assert_eq!(bed.store().forgetting(ConversationId(0), 10).unwrap(), []);
}

pub(super) fn a_conversation_with_an_open_session_is_not_forgotten(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    says(bed.store(), id, 1..=2, None);
    let open = session_row("s1", id, person("u"));
    save(bed.store(), &Changes { sessions: vec![open], ..Changes::default() });
    assert_eq!(bed.store().open_session_of(id).unwrap(), Some(session_id("s1")));
    assert_eq!(bed.store().forget(&[id], None).unwrap(), Forgotten::default());
    assert_eq!(conversation(bed.store(), "c1").id, id);
    assert_eq!(gaps(bed.store(), id), []);
}
