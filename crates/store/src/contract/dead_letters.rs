//! Effects that finally failed: kept, buried, sent again.

use session::id::{ConversationKey, EffectNumber, Timestamp};

use super::claiming::{claim, leased};
use super::outbox::{of_session, settle, strike, waiting};
use super::{
    Bed, conversation, effect, key, lane, person, put, resolve, save, session_id, session_row,
    tenant,
};
use crate::{Changes, Claim, DeadLetter, NewEffect, OutboxId, Resend, Sight, Store, Target, Work};

pub(super) fn a_dead_letter_is_kept_and_leaves_the_lane(bed: &mut impl Bed) {
    waiting(bed.store(), 2);
    let work = leased(bed.store(), "desk", 5_000);
    let letter = DeadLetter { session: Some(session_id("ses_1")), ..dead(&work, "refused") };
    save(bed.store(), &Changes { dead: vec![letter.clone()], ..Changes::default() });
    assert_eq!(bed.store().dead_letters(&Sight::ALL, 10).unwrap(), std::slice::from_ref(&letter));
    assert_eq!(leased(bed.store(), "desk", 5_000).number, EffectNumber(2));
    bed.reopen();
    assert_eq!(bed.store().dead_letters(&Sight::ALL, 10).unwrap(), [letter]);
}

pub(super) fn dead_letters_come_newest_first(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![effect(id, 1, "a"), effect(id, 2, "b"), effect(id, 3, "c")]);
    for lane_name in ["c", "a", "b"] {
        let letter = dead(&leased(bed.store(), lane_name, 5_000), "expired");
        save(bed.store(), &Changes { dead: vec![letter], ..Changes::default() });
    }
    let numbers = |limit| -> Vec<u64> {
        let letters = bed.store().dead_letters(&Sight::ALL, limit).unwrap();
        letters.into_iter().map(|letter| letter.number.0).collect()
    };
    assert_eq!(numbers(10), [2, 1, 3]);
    assert_eq!(numbers(2), [2, 1]);
}

pub(super) fn dead_letters_are_counted(bed: &mut impl Bed) {
    let count = |store: &dyn Store| store.numbers().unwrap().dead_letters;
    assert_eq!(count(bed.store()), 0);
    let letters = three_dead(bed.store());
    assert_eq!(count(bed.store()), 3);
    let buried = vec![letters[0].effect];
    save(bed.store(), &Changes { buried, ..Changes::default() });
    bed.reopen();
    assert_eq!(count(bed.store()), 2);
}

pub(super) fn dead_letters_of_some_tenants_are_counted(bed: &impl Bed) {
    let of = |names: &[&str]| {
        let tenants: Vec<_> = names.iter().map(|name| tenant(name)).collect();
        bed.store().count_dead_letters(&Sight::of_tenants(Some(tenants.into()))).unwrap()
    };
    assert_eq!(of(&["acme"]), 0);
    let letters = three_dead(bed.store());
    let theirs = ConversationKey { tenant: tenant("other"), ..key("c1") };
    let theirs = resolve(bed.store(), &[Target::Key(theirs)]).remove(0).unwrap().conversation;
    put(bed.store(), vec![effect(theirs.id, 1, "desk")]);
    bury_alive(bed.store(), &leased(bed.store(), "desk", 5_000));
    assert_eq!((of(&["acme"]), of(&["other"]), of(&["nobody"]), of(&[])), (3, 1, 0, 0));
    assert_eq!(of(&["acme", "other", "acme"]), 4, "each letter once");
    let buried = vec![letters[0].effect];
    save(bed.store(), &Changes { buried, ..Changes::default() });
    assert_eq!(of(&["acme"]), 2);
}

pub(super) fn the_first_report_of_a_death_counts(bed: &impl Bed) {
    waiting(bed.store(), 1);
    let work = leased(bed.store(), "desk", 5_000);
    for reason in ["refused", "expired"] {
        let letter = dead(&work, reason);
        save(bed.store(), &Changes { dead: vec![letter], ..Changes::default() });
    }
    assert_eq!(bed.store().dead_letters(&Sight::ALL, 10).unwrap(), [dead(&work, "refused")]);
}

pub(super) fn a_late_report_of_a_death_is_no_death(bed: &impl Bed) {
    waiting(bed.store(), 1);
    let work = leased(bed.store(), "desk", 5_000);
    settle(bed.store(), work.effect);
    bury_alive(bed.store(), &work);
    assert_eq!(bed.store().dead_letters(&Sight::ALL, 10).unwrap(), []);
}

pub(super) fn a_dead_letter_is_found_by_its_effect(bed: &impl Bed) {
    let letters = three_dead(bed.store());
    for letter in &letters {
        assert_eq!(
            bed.store().dead_letter(letter.effect, &Sight::ALL).unwrap().as_ref(),
            Some(letter)
        );
    }
    let nobody = letters.iter().map(|letter| letter.effect.0).max().unwrap() + 1;
    assert_eq!(bed.store().dead_letter(OutboxId(nobody), &Sight::ALL).unwrap(), None);
}

pub(super) fn what_is_another_tenants_is_not_there(bed: &impl Bed) {
    let letters = three_dead(bed.store());
    let of =
        |names: &[&str]| Sight::of_tenants(Some(names.iter().map(|name| tenant(name)).collect()));
    let (own, both, other, nobody) =
        (of(&["acme"]), of(&["other", "acme"]), of(&["other"]), of(&[]));
    for letter in &letters {
        let found = |sight| bed.store().dead_letter(letter.effect, sight).unwrap();
        assert_eq!((found(&own).as_ref(), found(&both).as_ref()), (Some(letter), Some(letter)));
        assert_eq!((found(&other), found(&nobody)), (None, None));
    }
    let listed = |sight| bed.store().dead_letters(sight, 10).unwrap().len();
    assert_eq!([&own, &both, &other, &nobody].map(listed), [3, 3, 0, 0]);
    let id = conversation(bed.store(), "live").id;
    let row = session_row("ses_9", id, person("u"));
    save(bed.store(), &Changes { sessions: vec![row.clone()], ..Changes::default() });
    let found = |sight| bed.store().session(&row.id, sight).unwrap();
    assert_eq!((found(&own).as_ref(), found(&both).as_ref()), (Some(&row), Some(&row)));
    assert_eq!((found(&other), found(&nobody)), (None, None));
    let open = |sight| bed.store().open_sessions(sight, None, 10).unwrap().len();
    assert_eq!([&own, &both, &other, &nobody].map(open), [1, 1, 0, 0]);
}

pub(super) fn a_buried_letter_is_gone(bed: &impl Bed) {
    let [first, second, third] = three_dead(bed.store());
    for _ in 0..2 {
        let buried = vec![third.effect, first.effect];
        save(bed.store(), &Changes { buried, ..Changes::default() });
        assert_eq!(
            bed.store().dead_letters(&Sight::ALL, 10).unwrap(),
            std::slice::from_ref(&second)
        );
        assert_eq!(bed.store().dead_letter(first.effect, &Sight::ALL).unwrap(), None);
    }
    // Nobody hears of it again.
    assert_eq!(claim(bed.store(), "desk", 5_000), Claim::Empty);
}

pub(super) fn a_resent_letter_is_new_at_the_end_of_its_lane(bed: &mut impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    let trace = Some(Box::from([7]));
    let first = NewEffect { body: vec![0, 255], trace, ..of_session(id, 9, "ses_1") };
    put(bed.store(), vec![first, of_session(id, 10, "ses_1")]);
    let work = leased(bed.store(), "desk", 5_000);
    bury_alive(bed.store(), &work);
    resend(bed.store(), work.effect, 120_000);
    assert_eq!(bed.store().dead_letters(&Sight::ALL, 10).unwrap(), []);
    assert_eq!(bed.store().dead_letter(work.effect, &Sight::ALL).unwrap(), None);
    bed.reopen();
    let second = leased(bed.store(), "desk", 5_000);
    assert_eq!(second.number, EffectNumber(10));
    settle(bed.store(), second.effect);
    let again = leased(bed.store(), "desk", 5_000);
    assert!(again.effect > second.effect);
    // What its trace told is over; a person's order begins anew.
    let (effect, expires_at) = (again.effect, Timestamp(120_000));
    let expected = Work { effect, expires_at, trace: None, ..work };
    assert_eq!((again.attempts, again.at), (1, Timestamp(2_000)));
    assert_eq!(again, expected);
}

pub(super) fn a_letter_is_resent_once(bed: &impl Bed) {
    let [letter, ..] = three_dead(bed.store());
    resend(bed.store(), letter.effect, 120_000);
    resend(bed.store(), letter.effect, 130_000);
    let again = leased(bed.store(), "desk", 5_000);
    assert_eq!(again.expires_at, Timestamp(120_000));
    settle(bed.store(), again.effect);
    assert_eq!(claim(bed.store(), "desk", 5_000), Claim::Empty);
    // Nor does a late report of the first death bring the letter back.
    let dead = vec![letter.clone()];
    save(bed.store(), &Changes { dead, ..Changes::default() });
    assert_eq!(bed.store().dead_letter(letter.effect, &Sight::ALL).unwrap(), None);
}

pub(super) fn a_resent_letter_can_be_struck_and_die_again(bed: &impl Bed) {
    let id = conversation(bed.store(), "c1").id;
    put(bed.store(), vec![of_session(id, 1, "ses_1")]);
    bury_alive(bed.store(), &leased(bed.store(), "desk", 5_000));
    let effect = bed.store().dead_letters(&Sight::ALL, 1).unwrap()[0].effect;
    resend(bed.store(), effect, 120_000);
    strike(bed.store(), id, "ses_1", u64::MAX);
    let again = leased(bed.store(), "desk", 5_000);
    assert!(again.struck);
    bury_alive(bed.store(), &again);
    let letters = bed.store().dead_letters(&Sight::ALL, 10).unwrap();
    assert_eq!(
        letters,
        [DeadLetter { session: Some(session_id("ses_1")), ..dead(&again, "refused") }]
    );
}

pub(super) fn burying_wins_over_resending(bed: &impl Bed) {
    let [letter, ..] = three_dead(bed.store());
    let resent = vec![Resend { effect: letter.effect, expires_at: Timestamp(120_000) }];
    let buried = vec![letter.effect];
    save(bed.store(), &Changes { buried, resent, ..Changes::default() });
    assert_eq!(bed.store().dead_letter(letter.effect, &Sight::ALL).unwrap(), None);
    assert_eq!(claim(bed.store(), "desk", 5_000), Claim::Empty);
}

/// Three dead letters of the lane `desk`, which is empty then.
fn three_dead(store: &dyn Store) -> [DeadLetter; 3] {
    waiting(store, 3);
    [(); 3].map(|()| {
        let work = leased(store, "desk", 5_000);
        bury_alive(store, &work);
        dead(&work, "refused")
    })
}

fn bury_alive(store: &dyn Store, work: &Work) {
    let dead = vec![dead(work, "refused")];
    save(store, &Changes { dead, ..Changes::default() });
}

fn resend(store: &dyn Store, effect: OutboxId, expires_at: i64) {
    let resent = vec![Resend { effect, expires_at: Timestamp(expires_at) }];
    save(store, &Changes { resent, ..Changes::default() });
}

fn dead(work: &Work, reason: &str) -> DeadLetter {
    DeadLetter {
        effect: work.effect,
        conversation: work.conversation,
        number: work.number,
        lane: lane(&work.lane.0),
        session: work.session.clone(),
        body: work.body.clone(),
        attempts: work.attempts,
        reason: reason.into(),
        at: Timestamp(8_000),
    }
}
