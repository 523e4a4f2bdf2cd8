//! How targets lead to conversations.

use super::{Bed, conversation, desk, key, person, resolve, save, session_id, session_row, tenant};
use crate::{Changes, ConversationId, Hold, SessionRow, Sight, Store, Target};
use session::id::{BotId, ChannelId, ConversationKey, DeskId, TenantId, Timestamp};

pub(super) fn a_key_makes_its_conversation_once(bed: &impl Bed) {
    let made = conversation(bed.store(), "c1");
    assert_eq!(*made.key, key("c1"));
    assert_eq!((&made.state, &made.segment), (&None, &None));
    assert_eq!(conversation(bed.store(), "c1"), made);
    assert_eq!(bed.store().conversation(&key("c1")).unwrap(), Some(made));
}

pub(super) fn a_key_twice_in_one_batch_is_one_conversation(bed: &impl Bed) {
    let found = resolve(bed.store(), &[Target::Key(key("c1")), Target::Key(key("c1"))]);
    assert!(found[0].is_some());
    assert_eq!(found[0], found[1]);
}

pub(super) fn every_part_of_a_key_tells_conversations_apart(bed: &impl Bed) {
    let mut keys = vec![key("c1"); 6];
    keys[1].tenant = tenant("other");
    keys[2].channel = ChannelId::new("msteams").unwrap();
    keys[3].bot = BotId::new("other").unwrap();
    keys[4].conversation = "c2".into();
    keys[5].user = "".into();
    let targets: Vec<Target> = keys.iter().cloned().map(Target::Key).collect();
    let mut ids = Vec::new();
    for (found, key) in resolve(bed.store(), &targets).into_iter().zip(keys) {
        let made = found.unwrap().conversation;
        assert_eq!(*made.key, key);
        assert_eq!(bed.store().conversation(&key).unwrap(), Some(made.clone()));
        ids.push(made.id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

pub(super) fn a_conversation_is_taken_whoever_its_user_is(bed: &impl Bed) {
    assert!(!bed.store().is_taken(&key("c1")).unwrap());
    conversation(bed.store(), "c1");
    for user in [&*key("c1").user, "somebody else", ""] {
        let key = ConversationKey { user: user.into(), ..key("c1") };
        assert!(bed.store().is_taken(&key).unwrap(), "{user:?}");
    }
    let mut keys = vec![key("c1"); 4];
    keys[0].tenant = tenant("other");
    keys[1].channel = ChannelId::new("msteams").unwrap();
    keys[2].bot = BotId::new("other").unwrap();
    keys[3].conversation = "c2".into();
    for key in keys {
        assert!(!bed.store().is_taken(&key).unwrap(), "{key:?}");
    }
}

pub(super) fn an_existing_target_is_not_made(bed: &impl Bed) {
    assert_eq!(resolve(bed.store(), &[Target::Existing(key("c1"))]), [None]);
    assert_eq!(bed.store().conversation(&key("c1")).unwrap(), None);
    let made = conversation(bed.store(), "c1");
    let found = resolve(bed.store(), &[Target::Existing(key("c1"))]).remove(0).unwrap();
    assert_eq!((found.conversation, found.session), (made, None));
}

pub(super) fn a_conversation_is_found_by_its_row(bed: &impl Bed) {
    let made = conversation(bed.store(), "c1");
    let nobody = ConversationId(made.id.0 + 1);
    let found =
        resolve(bed.store(), &[Target::Conversation(made.id), Target::Conversation(nobody)]);
    assert_eq!(found[0].as_ref().unwrap().conversation, made);
    assert_eq!(found[1], None);
    assert_eq!(bed.store().conversation_by_id(made.id).unwrap(), Some(made));
    assert_eq!(bed.store().conversation_by_id(nobody).unwrap(), None);
}

pub(super) fn a_session_leads_to_its_conversation(bed: &impl Bed) {
    let row = opened(bed.store(), "ses_1", "zoe");
    let found = resolve(bed.store(), &[named("acme", "dev1", "ses_1")]).remove(0).unwrap();
    assert_eq!(found.conversation.id, row.conversation);
    assert_eq!(found.session.as_deref(), Some(&row));
    assert_eq!(resolve(bed.store(), &[named("acme", "dev1", "ses_2")]), [None]);
}

pub(super) fn an_ended_session_is_still_found(bed: &impl Bed) {
    let mut row = opened(bed.store(), "ses_1", "zoe");
    row.status = "completed".into();
    row.reason = "ended_by_agent".into();
    row.ended_at = Some(Timestamp(5_000));
    let freed = Hold::Free(row.person.clone(), row.id.clone());
    save(
        bed.store(),
        &Changes { sessions: vec![row.clone()], holds: vec![freed], ..Changes::default() },
    );
    let found = resolve(bed.store(), &[named("acme", "dev1", "ses_1")]).remove(0).unwrap();
    assert_eq!(found.session.as_deref(), Some(&row));
}

pub(super) fn a_session_is_hidden_from_another_tenant_or_desk(bed: &impl Bed) {
    opened(bed.store(), "ses_1", "zoe");
    let strangers = [named("other", "dev1", "ses_1"), named("acme", "dev2", "ses_1")];
    assert_eq!(resolve(bed.store(), &strangers), [None, None]);
}

pub(super) fn a_person_leads_to_the_session_that_holds_them(bed: &impl Bed) {
    let row = opened(bed.store(), "ses_1", "zoe");
    let found = resolve(
        bed.store(),
        &[Target::Person(person("zoe")), Target::Person(person("somebody else"))],
    );
    let held = found[0].clone().unwrap();
    assert_eq!(held.conversation.id, row.conversation);
    assert_eq!(held.session.as_deref(), Some(&row));
    assert_eq!(found[1], None);

    let freed = Hold::Free(row.person, row.id);
    save(bed.store(), &Changes { holds: vec![freed], ..Changes::default() });
    assert_eq!(resolve(bed.store(), &[Target::Person(person("zoe"))]), [None]);
}

pub(super) fn results_are_parallel_to_targets(bed: &impl Bed) {
    let second = conversation(bed.store(), "b");
    let found = resolve(
        bed.store(),
        &[
            Target::Key(key("c")),
            Target::Existing(key("nobody")),
            Target::Key(key("a")),
            Target::Conversation(second.id),
        ],
    );
    let names: Vec<Option<String>> = found
        .into_iter()
        .map(|found| found.map(|found| found.conversation.key.conversation.to_string()))
        .collect();
    assert_eq!(names, [Some("c".into()), None, Some("a".into()), Some("b".into())]);
}

pub(super) fn open_sessions_are_listed_page_by_page(bed: &impl Bed) {
    let store = bed.store();
    assert_eq!(store.open_sessions(&Sight::ALL, None, 10).unwrap(), []);
    let rows = ["ses_1", "ses_2", "ses_3", "ses_4", "ses_5"].map(|id| opened(store, id, id));
    assert_eq!(store.open_sessions(&Sight::ALL, None, 10).unwrap(), rows);
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = store.open_sessions(&Sight::ALL, after.as_ref(), 2).unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        listed.extend(page);
    }
    assert_eq!(listed, rows);
}

pub(super) fn a_session_that_ends_is_listed_no_more(bed: &mut impl Bed) {
    let first = opened(bed.store(), "ses_1", "zoe");
    let second = opened(bed.store(), "ses_2", "kim");
    let live = SessionRow { status: "active".into(), ..second.clone() };
    let over = SessionRow { ended_at: Some(Timestamp(5_000)), ..first };
    save(bed.store(), &Changes { sessions: vec![live.clone(), over], ..Changes::default() });
    let expected = [live];
    assert_eq!(bed.store().open_sessions(&Sight::ALL, None, 10).unwrap(), expected);
    bed.reopen();
    assert_eq!(bed.store().open_sessions(&Sight::ALL, None, 10).unwrap(), expected);
}

fn open_counts(store: &dyn Store) -> Vec<crate::OpenCount> {
    store.numbers().unwrap().sessions
}

pub(super) fn open_sessions_are_counted_by_desk_and_status(bed: &mut impl Bed) {
    assert_eq!(open_counts(bed.store()), []);
    let first = opened(bed.store(), "ses_1", "zoe");
    let second = opened(bed.store(), "ses_2", "kim");
    let third = opened(bed.store(), "ses_3", "lou");
    let later = SessionRow { opened_at: Timestamp(3_000), ..second };
    let live = SessionRow { status: "active".into(), ..third };
    save(bed.store(), &Changes { sessions: vec![later, live.clone()], ..Changes::default() });
    let count = |status: &str, sessions| crate::OpenCount {
        tenant: tenant("acme"),
        desk: desk("dev1"),
        status: status.into(),
        sessions,
        oldest: Timestamp(1_000),
    };
    assert_eq!(open_counts(bed.store()), [count("active", 1), count("waiting", 2)]);
    let over = [first, live].map(|row| SessionRow { ended_at: Some(Timestamp(5_000)), ..row });
    save(bed.store(), &Changes { sessions: over.into(), ..Changes::default() });
    let rest = [crate::OpenCount { oldest: Timestamp(3_000), ..count("waiting", 1) }];
    assert_eq!(open_counts(bed.store()), rest);
    bed.reopen();
    assert_eq!(open_counts(bed.store()), rest);
}

/// A session that holds its person, in a conversation of its own.
fn opened(store: &dyn Store, name: &str, user: &str) -> SessionRow {
    let row = session_row(name, conversation(store, name).id, person(user));
    let taken = Hold::Take(row.person.clone(), row.id.clone());
    save(store, &Changes { sessions: vec![row.clone()], holds: vec![taken], ..Changes::default() });
    row
}

fn named(of_tenant: &str, at_desk: &str, session: &str) -> Target {
    let (tenant, desk): (TenantId, DeskId) = (tenant(of_tenant), desk(at_desk));
    Target::Session { tenant, desk, session: session_id(session) }
}
