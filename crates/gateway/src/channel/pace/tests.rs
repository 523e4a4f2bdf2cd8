use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What Teams documents: so many within so long, for one conversation and for all of one account's. The
/// short spans hold for what arrives as well, if one message gains as much on another as is foreseen.
const DOCUMENTED: [(usize, Duration); 4] = [
    (7, Duration::from_millis(1_200)),
    (8, Duration::from_millis(2_200)),
    (60, Duration::from_millis(30_200)),
    (1_800, Duration::from_hours(1)),
];
const OF_ACCOUNT: [(usize, Duration); 1] = [(50, Duration::from_millis(1_200))];

fn account(tenant: &str) -> Account {
    Account { registration: "app".into(), tenant: tenant.into() }
}

/// No window of these lengths that begins with a message holds more than it may.
fn holds(sent: &[Instant], limits: &[(usize, Duration)]) {
    for (most, span) in limits {
        for window in sent.windows(most + 1) {
            let [first, .., last] = window else { panic!("a window has two ends") };
            assert!(*last - *first >= *span, "{} within {:?}", most + 1, *last - *first);
        }
    }
}

/// Conversations with that many messages each, all asking from the start; every one asks again when it
/// was told to, `late` after that. When each message left.
fn story(messages: &[usize], late: impl Fn(usize) -> Duration) -> BTreeMap<usize, Vec<Instant>> {
    let now = Instant::now();
    let (mut pace, account) = (Pace::new(now), account("t"));
    let mut asking: BTreeMap<(Instant, usize), usize> =
        messages.iter().enumerate().map(|(whose, left)| ((now, whose), *left)).collect();
    let mut sent: BTreeMap<usize, Vec<Instant>> = BTreeMap::new();
    let mut asked = 0;
    while let Some(((now, whose), left)) = asking.pop_first() {
        if left == 0 {
            continue;
        }
        asked += 1;
        let id = ConversationId(i64::try_from(whose).unwrap());
        match pace.ask(id, &account, now) {
            Ok(()) => {
                sent.entry(whose).or_default().push(now);
                // The answer of the Connector takes a moment.
                asking.insert((now + Duration::from_micros(300), whose), left - 1);
            }
            Err(wait) => {
                assert!(!wait.is_zero());
                asking.entry((now + wait + late(asked), whose)).or_insert(left);
            }
        }
    }
    sent
}

fn check(messages: &[usize], sent: &BTreeMap<usize, Vec<Instant>>) {
    for (whose, count) in messages.iter().enumerate().filter(|(_, count)| **count > 0) {
        assert_eq!(sent[&whose].len(), *count, "all of them left");
        holds(&sent[&whose], &DOCUMENTED);
    }
    let mut all: Vec<_> = sent.values().flatten().copied().collect();
    all.sort();
    holds(&all, &OF_ACCOUNT);
}

#[test]
fn a_conversation_is_as_fast_as_teams_allows() {
    let sent = story(&[8], |_| Duration::ZERO);
    assert!(sent[&0][6] - sent[&0][0] < Duration::from_millis(10), "seven at once");
    assert!(sent[&0][7] - sent[&0][0] <= Duration::from_millis(1_202), "the eighth a second later");
    let sent = story(&[61], |_| Duration::ZERO);
    let took = sent[&0][60] - sent[&0][0];
    assert!(took >= Duration::from_secs(30) && took < Duration::from_secs(31), "{took:?}");
}

#[test]
fn an_hours_worth_is_not_passed_and_nearly_used() {
    let messages = [4_000];
    let sent = story(&messages, |_| Duration::ZERO);
    check(&messages, &sent);
    let took = sent[&0][3_999] - sent[&0][0];
    // 1,800 in the first half hour and 1,800 in the second hour's; each span begins with its first.
    assert!(took < Duration::from_mins(2 * 61 + 10), "{took:?}");
}

#[test]
fn many_conversations_of_one_tenant_share_its_second_in_turn() {
    let messages = vec![1; 1_000];
    let sent = story(&messages, |_| Duration::ZERO);
    check(&messages, &sent);
    let mut all: Vec<_> = sent.values().flatten().copied().collect();
    all.sort();
    let took = all[999] - all[0];
    assert!(took < Duration::from_secs(1_200 / 45 + 2), "{took:?}");
}

#[test]
fn a_quiet_conversation_is_not_kept_waiting_by_busy_ones() {
    let mut messages = vec![200; 60];
    messages.push(1);
    let sent = story(&messages, |_| Duration::ZERO);
    check(&messages, &sent);
    let began = sent.values().flatten().min().unwrap();
    let waited = sent[&60][0] - *began;
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

#[test]
fn another_tenant_or_registration_has_room_of_its_own() {
    let now = Instant::now();
    let mut pace = Pace::new(now);
    let mut count = 0;
    while pace.ask(ConversationId(count), &account("one"), now).is_ok() {
        count += 1;
    }
    assert_eq!(count, 45);
    pace.ask(ConversationId(900), &account("two"), now).unwrap();
    let other = Account { registration: "other".into(), tenant: "one".into() };
    pace.ask(ConversationId(901), &other, now).unwrap();
}

#[test]
fn whoever_gives_up_keeps_nobody_waiting() {
    let now = Instant::now();
    let (mut pace, account) = (Pace::new(now), account("t"));
    for id in 0..145 {
        let asked = pace.ask(ConversationId(id), &account, now);
        assert_eq!(asked.is_ok(), id < 45);
    }
    // None of the hundred who wait comes back.
    let late = pace.ask(ConversationId(500), &account, now + Duration::from_secs(2));
    assert!(late.is_err(), "their places are kept for a while");
    pace.ask(ConversationId(501), &account, now + Duration::from_secs(9)).unwrap();
}

#[test]
fn who_waits_is_told_when_and_may_then() {
    let now = Instant::now();
    let (mut pace, account) = (Pace::new(now), account("t"));
    for id in 0..45 {
        pace.ask(ConversationId(id), &account, now).unwrap();
    }
    let wait = pace.ask(ConversationId(100), &account, now).unwrap_err();
    assert_eq!(wait, Duration::from_millis(1_200));
    // A newcomer at that very moment has room as well, but does not take the place.
    for id in 200..245 {
        let asked = pace.ask(ConversationId(id), &account, now + wait);
        assert_eq!(asked.is_ok(), id < 244, "{id}");
    }
    pace.ask(ConversationId(100), &account, now + wait).unwrap();
}

#[test]
fn memory_is_bounded_whoever_talks() {
    let now = Instant::now();
    let mut pace = Pace::new(now);
    let most = i64::try_from(3 * CONVERSATIONS_MAX).unwrap();
    for id in 0..most {
        pace.ask(ConversationId(id), &account(&id.to_string()), now).unwrap();
    }
    assert!(pace.conversations.len() <= 2 * CONVERSATIONS_MAX);
    assert!(pace.tenants.len() <= 2 * TENANTS_MAX);
    let mut one = Conversation::default();
    for second in 0..20_000 {
        let now = now + Duration::from_secs(second);
        one.full_until(0, (now, second / 60), pace.began);
        one.count(now, second / 60);
    }
    assert!(one.left.len() <= REMEMBERED_MAX && one.slots.len() <= 61);
    pace.ask(ConversationId(0), &account("t"), now + Duration::from_hours(3)).unwrap();
    pace.ask(ConversationId(1), &account("t"), now + Duration::from_hours(6)).unwrap();
    assert_eq!(pace.conversations.len(), 2, "the silent are forgotten");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn no_window_is_ever_exceeded_and_every_message_leaves(
        messages in prop::collection::vec(0_usize..70, 1..40),
        late in prop::collection::vec(0_u64..3_000, 1..20),
    ) {
        let sent = story(&messages, |asked| Duration::from_millis(late[asked % late.len()]));
        check(&messages, &sent);
    }
}

#[test]
fn what_nobody_would_miss_leaves_only_where_messages_keep_their_room() {
    let now = Instant::now();
    let (mut pace, account) = (Pace::new(now), account("t"));
    let busy = ConversationId(1);
    let spared = (0..10).filter(|_| pace.spare(busy, &account, now)).count();
    assert_eq!(spared, SPANS[0].0 - KEPT_FREE, "it counts as sent");
    for _ in 0..KEPT_FREE {
        assert_eq!(pace.ask(busy, &account, now), Ok(()));
    }
    assert!(pace.ask(busy, &account, now).is_err(), "and so do messages");
    assert!(pace.spare(ConversationId(2), &account, now), "elsewhere there is room");
    let later = now + SPANS[1].1 + JITTER;
    assert!(pace.spare(busy, &account, later));
    // The tenant's room is kept as well.
    let spared = (3..100).filter(|id| pace.spare(ConversationId(*id), &account, later)).count();
    assert!((10..40).contains(&spared), "{spared}");
    assert_eq!(pace.ask(ConversationId(200), &account, later), Ok(()));
    assert!(!pace.spare(ConversationId(201), &account, later));
}
