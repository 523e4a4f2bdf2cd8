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

fn types(key: ConversationKey, on: bool) -> Due {
    Due::Typing { key, on }
}

#[test]
fn who_types_on_is_told_of_now_and_then_and_once_that_they_stopped() {
    let (mut gathered, began) = (Gathered::default(), Instant::now());
    let mut told = Vec::new();
    for seconds in 0..40 {
        let now = began + SECOND * seconds;
        if seconds % 3 == 0 && seconds < 24 {
            told.extend(gathered.types(key("c"), now).map(|due| (seconds, due)));
        }
        told.extend(gathered.due(now).into_iter().map(|due| (seconds, due)));
    }
    let on = |at| (at, types(key("c"), true));
    assert_eq!(told, [on(0), on(12), (27, types(key("c"), false))]);
    assert!(gathered.is_empty());
}

#[test]
fn what_is_sent_is_typed_no_more() {
    let (mut gathered, now) = (Gathered::default(), Instant::now());
    assert_eq!(gathered.spoke(key("c")), None, "nobody was told that they type");
    gathered.types(key("c"), now);
    assert_eq!(gathered.spoke(key("c")), Some(types(key("c"), false)));
    assert_eq!(gathered.due(now + SECOND * 60), []);
    assert!(gathered.types(key("c"), now).is_some(), "they begin anew");
}

#[test]
fn receipts_of_a_chat_go_together_and_in_order() {
    let (mut gathered, now) = (Gathered::default(), Instant::now());
    for message in 0..60 {
        gathered.receipt(receipt("one", message), now);
    }
    gathered.receipt(receipt("two", 99), now);
    assert_eq!(gathered.due(now), []);
    let mut due: Vec<Vec<String>> = Vec::new();
    for told in gathered.due(now + SECOND) {
        let Due::Receipts { receipts, .. } = told else { panic!("{told:?}") };
        due.push(receipts.into_iter().map(|receipt| receipt.message).collect());
    }
    due.sort_by_key(Vec::len);
    let numbers = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    assert_eq!(due, [numbers(99..100), numbers(50..60), numbers(0..50)]);
    assert!(gathered.is_empty());
}

#[test]
fn receipts_are_tried_for_half_a_minute() {
    let (mut gathered, began) = (Gathered::default(), Instant::now());
    gathered.receipt(receipt("one", 1), began);
    let mut tried = Vec::new();
    for seconds in 1..60 {
        let now = began + SECOND * seconds;
        for told in gathered.due(now) {
            let Due::Receipts { receipts, until } = told else { panic!("{told:?}") };
            tried.push(seconds);
            gathered.again(receipts, until, now);
        }
    }
    assert_eq!(tried, [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]);
}
