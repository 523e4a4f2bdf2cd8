use session::id::{BotId, ChannelId, TenantId};

use super::*;
use crate::desk::signal::Chat;

const SECOND: Duration = Duration::from_secs(1);

fn key(name: &str) -> ConversationKey {
    ConversationKey {
        tenant: TenantId::new("t").unwrap(),
        channel: ChannelId::new("directline").unwrap(),
        bot: BotId::new("b").unwrap(),
        conversation: name.into(),
        user: "".into(),
    }
}

fn receipt(chat: &str, message: u32) -> Receipt {
    let chat = Chat::some(key(chat), SessionId::new(chat).unwrap());
    Receipt { chat, message: message.to_string(), got: true }
}

fn gathered() -> (Gathered, Instant) {
    (Gathered::default(), Instant::now())
}

/// Who is said to type, or to have stopped.
fn typing(due: impl IntoIterator<Item = Due>) -> Vec<(String, bool)> {
    let typing = due.into_iter().map(|due| match due {
        Due::Typing { key, on, .. } => (key.conversation.to_string(), on),
        Due::Receipts(waiting) => panic!("{} receipts", waiting.len()),
    });
    typing.collect()
}

fn messages(due: Due) -> Vec<String> {
    match due {
        Due::Receipts(waiting) => waiting.into_iter().map(|one| one.receipt.message).collect(),
        Due::Typing { .. } => panic!("{due:?}"),
    }
}

#[test]
fn who_types_on_is_told_of_now_and_then_and_once_that_they_stopped() {
    let (mut gathered, began) = gathered();
    let mut told = Vec::new();
    for seconds in 0..40 {
        let now = began + SECOND * seconds;
        let mut due = gathered.due(now);
        if seconds % 3 == 0 && seconds < 24 {
            due.extend(gathered.types(key("c"), now));
        }
        told.extend(typing(due).into_iter().map(|(_, on)| (seconds, on)));
    }
    assert_eq!(told, [(0, true), (12, true), (27, false)]);
    assert!(gathered.is_empty());
}

#[test]
fn what_is_sent_is_typed_no_more() {
    let (mut gathered, now) = gathered();
    assert_eq!(gathered.spoke(key("c"), now), None, "nobody was told that they type");
    gathered.types(key("c"), now);
    assert_eq!(typing(gathered.spoke(key("c"), now)), [("c".to_owned(), false)]);
    assert_eq!(gathered.due(now + SECOND * 60), []);
    assert!(gathered.types(key("c"), now).is_some(), "they begin anew");
}

#[test]
fn who_types_to_a_bot_is_looked_up_every_two_seconds_so_that_an_agent_who_comes_hears_of_it() {
    let (mut gathered, began) = gathered();
    let mut looked_up = Vec::new();
    for seconds in 0..9 {
        let now = began + SECOND * seconds;
        if gathered.types(key("c"), now).is_some() {
            looked_up.push(seconds);
            gathered.not_talking(&key("c"), now);
        }
        assert_eq!(gathered.due(now), []);
    }
    assert_eq!(looked_up, [0, 2, 4, 6, 8]);
    assert_eq!(gathered.due(began + SECOND * 60), [], "nobody heard that they began");
    assert!(gathered.is_empty());
}

#[test]
fn what_a_desk_did_not_take_is_told_again_soon_and_what_it_took_is_not() {
    let (mut gathered, began) = gathered();
    assert!(gathered.types(key("c"), began).is_some());
    gathered.untold(&key("c"), began);
    assert!(gathered.types(key("c"), began + SECOND).is_none());
    assert!(gathered.types(key("c"), began + SECOND * 3).is_some());
    assert!(gathered.types(key("c"), began + SECOND * 6).is_none());
    assert_eq!(typing(gathered.spoke(key("c"), began + SECOND * 7)), [("c".to_owned(), false)]);
}

#[test]
fn that_somebody_stopped_is_tried_again_unless_they_go_on() {
    let (mut gathered, now) = gathered();
    let until = now + SECOND * 10;
    for name in ["stays", "goes on"] {
        gathered.stopped_untold(key(name), until, now);
    }
    assert!(gathered.types(key("goes on"), now + SECOND).is_some());
    assert_eq!(typing(gathered.due(now + SECOND * 4)), [("stays".to_owned(), false)]);
    gathered.stopped_untold(key("stays"), until, now + SECOND * 8);
    assert_eq!(typing(gathered.due(now + SECOND * 20)), [("goes on".to_owned(), false)]);
}

#[test]
fn receipts_of_a_chat_go_together_and_in_order() {
    let (mut gathered, now) = gathered();
    for message in 0..60 {
        gathered.receipt(receipt("one", message), now);
    }
    gathered.receipt(receipt("two", 99), now);
    assert_eq!(gathered.due(now), []);
    let mut due: Vec<_> = gathered.due(now + SECOND).into_iter().map(messages).collect();
    due.sort_by_key(Vec::len);
    let numbers = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(due, [numbers(99..100), numbers(50..60), numbers(0..50)]);
    assert!(gathered.is_empty());
}

#[test]
fn each_receipt_is_tried_for_half_a_minute_of_its_own() {
    let (mut gathered, began) = gathered();
    let mut tried = std::collections::BTreeMap::<String, Vec<u32>>::new();
    for seconds in 0..90 {
        let now = began + SECOND * seconds;
        if seconds == 0 || seconds == 20 {
            gathered.receipt(receipt("one", seconds), now);
        }
        for due in gathered.due(now) {
            let Due::Receipts(waiting) = due else { panic!("{due:?}") };
            for one in &waiting {
                tried.entry(one.receipt.message.clone()).or_default().push(seconds);
            }
            gathered.again(waiting, now);
        }
    }
    for (message, tried) in &tried {
        let (began, last) = (message.parse::<u32>().unwrap(), *tried.last().unwrap());
        assert!((began + 25..began + 30).contains(&last), "{message}: {tried:?}");
    }
    assert_eq!(tried.len(), 2);
    assert!(gathered.is_empty());
}

#[test]
fn what_failed_at_last_is_not_said_to_be_shown_before() {
    let (mut gathered, now) = gathered();
    gathered.receipt(receipt("one", 1), now);
    gathered.receipt(receipt("one", 2), now);
    gathered.receipt(Receipt { got: false, ..receipt("one", 1) }, now);
    let due = gathered.due(now + SECOND);
    let told = due.into_iter().flat_map(|due| match due {
        Due::Receipts(waiting) => waiting.into_iter().map(|one| one.receipt),
        Due::Typing { .. } => panic!("{due:?}"),
    });
    let told: Vec<_> = told.map(|one| (one.message, one.got)).collect();
    assert_eq!(told, [("2".to_owned(), true), ("1".to_owned(), false)]);
}

#[test]
fn a_message_of_which_a_part_failed_is_never_said_to_be_shown() {
    let (mut gathered, now) = gathered();
    gathered.receipt(Receipt { got: false, ..receipt("one", 1) }, now);
    gathered.receipt(receipt("one", 1), now);
    let due = gathered.due(now + SECOND);
    gathered.receipt(receipt("one", 1), now + SECOND);
    assert_eq!(due.len(), 1);
    for due in due {
        let Due::Receipts(waiting) = due else { panic!("{due:?}") };
        assert_eq!(waiting.iter().map(|one| one.receipt.got).collect::<Vec<_>>(), [false]);
    }
    assert!(gathered.is_empty());
}
