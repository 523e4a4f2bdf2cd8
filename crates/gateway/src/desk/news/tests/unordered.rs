//! From callbacks to a session: the first one after a request is classified (reference 3.4), and
//! what comes in whatever order, and however often, leads to the same end.

use std::{collections::BTreeMap, time::Duration};

use session::{
    Content, Conversation, Effect, Event, Facts, News, Notice, Policy, Said, Session, Stage,
    Status, What, id::Timestamp, step,
};

use super::read_json;
use crate::bed;

/// A conversation whose user asked for a person, and what became of it.
#[derive(Clone)]
struct Chat {
    policy: Policy,
    now: Timestamp,
    conversation: Conversation,
    /// What was logged since: keys of notices in angle brackets, and words.
    told: Vec<String>,
    ordered: Vec<Effect>,
}

impl Chat {
    fn asked() -> Self {
        let mut chat = Self {
            policy: bed::policy(),
            now: bed::START,
            conversation: Conversation::default(),
            told: Vec::new(),
            ordered: Vec::new(),
        };
        let (visitor, fresh) = (bed::visitor("c1"), bed::session("c1"));
        let said = Said::words("agent");
        chat.happens(Event::UserSaid { visitor, said, key: None, fresh });
        chat.told.clear();
        chat
    }

    /// Ola is there and has been for a while.
    fn talking() -> Self {
        let mut chat = Self::asked();
        chat.hears(callback(&words("Ola", "hello")));
        chat.now = chat.now.after(Duration::from_mins(1));
        chat.told.clear();
        chat.ordered.clear();
        chat
    }

    fn happens(&mut self, event: Event) {
        let (key, seen) = (bed::key("c1"), BTreeMap::new());
        let facts = Facts {
            key: &key,
            policy: &self.policy,
            seen: &seen,
            holder: None,
            carried: false,
            waiting: 0,
            masked: false,
            started: bed::START,
        };
        let step = step(&self.conversation, event, &facts, self.now).unwrap();
        self.conversation = step.conversation;
        self.told.extend(step.messages.into_iter().map(|message| match message.content {
            Content::Said(said) => said.text,
            Content::Notice(notice) => format!("<{}>", Notice::key(&notice)),
            Content::Done(_)
            | Content::Revised { .. }
            | Content::Withdrawn { .. }
            | Content::Transcript(_)
            | Content::Context(_) => "<context>".to_owned(),
        }));
        self.ordered.extend(step.effects);
        self.now = self.now.after(Duration::from_secs(1));
    }

    fn hears(&mut self, news: Vec<News>) {
        self.happens(Event::Desk(session::Callback {
            session: bed::session("c1"),
            request: None,
            claims: session::Claims::default(),
            news,
            behind_gap: false,
        }));
    }

    /// The request was answered 200.
    fn accepted(&mut self) {
        let ask = self.ordered.iter().find(|effect| matches!(effect.what, What::Ask { .. }));
        let effect = ask.expect("a request was ordered").clone();
        self.happens(Event::Sent { effect });
    }

    fn standing(&self) -> String {
        match (self.conversation.live().map(Session::status), &self.conversation.past) {
            (Some(status), _) => status.as_str().to_owned(),
            (None, Some(past)) => format!("{} {}", past.status.as_str(), past.reason.code()),
            (None, None) => "bot".to_owned(),
        }
    }

    fn count(&self, told: &str) -> usize {
        self.told.iter().filter(|line| *line == told).count()
    }

    fn ends_at_desk(&self) -> usize {
        self.ordered.iter().filter(|effect| matches!(effect.what, What::End { .. })).count()
    }
}

/// A callback's news.
fn callback(json: &str) -> Vec<News> {
    read_json(json).0
}

/// Words of an agent.
fn words(agent: &str, text: &str) -> String {
    format!(
        r#"{{"agentChat":true,"body":[{{"uiType":"OutputText","value":"{text}",
            "agentInfo":{{"agentName":"{agent}","sentFromAgent":true}}}}]}}"#
    )
}

/// An action message.
fn action(name: &str) -> String {
    format!(r#"{{"body":[{{"uiType":"ActionMsg","actionType":"{name}"}}]}}"#)
}

/// What the system says.
fn system(text: &str) -> String {
    format!(
        r#"{{"agentChat":true,"body":[{{"uiType":"ActionMsg","actionType":"System","message":"{text}"}}]}}"#
    )
}

const SPINNER: &str = r#"{"agentChat":true,"body":[{"uiType":"ActionMsg","actionType":"StartSpinner",
    "spinnerType":"wait_time","waitTime":"8 Seconds"}]}"#;

/// All orders of `count` things (Heap's algorithm).
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut turns = vec![0; count];
    let mut all = vec![order.clone()];
    let mut at = 0;
    while at < count {
        if turns[at] < at {
            order.swap(if at.is_multiple_of(2) { 0 } else { turns[at] }, at);
            all.push(order.clone());
            turns[at] += 1;
            at = 0;
        } else {
            turns[at] = 0;
            at += 1;
        }
    }
    all
}

#[test]
fn the_first_callback_after_a_request_says_what_became_of_it() {
    let text = |text: &str| format!(r#"{{"body":[{{"uiType":"OutputText","value":"{text}"}}]}}"#);
    let picker =
        r#"{"body":[{"uiType":"TopicPickerControl","label":"What is it about?"}],"score":0}"#;
    let rows = [
        (r#"{"agentChat":true,"body":[]}"#.to_owned(), "waiting"),
        (action("SubscribeToSupportQueue"), "waiting"),
        (SPINNER.to_owned(), "waiting"),
        (action("SubscribeToChatPresence"), "waiting"),
        (action("SwitchToLiveAgent"), "connected"),
        (words("Ola", "hello"), "active"),
        (r#"{"takeControl":true,"agentChat":true}"#.to_owned(), "connected"),
        (r#"{"takeControl":true,"body":[],"score":0}"#.to_owned(), "fail refused"),
        (picker.to_owned(), "fail not_routed"),
        (text("I did not understand that."), "fail not_routed"),
        (text("No agents are available at the moment."), "fail no_agent"),
        (r#"{"completed":true,"body":[]}"#.to_owned(), "fail refused"),
        (action("SwitchToVirtualAgent"), "fail refused"),
        (r#"{"status":"waiting"}"#.to_owned(), "waiting"),
        (r#"{"status":"connected"}"#.to_owned(), "connected"),
        (r#"{"status":"active"}"#.to_owned(), "connected"),
        (r#"{"status":"fail","error_message":"nobody"}"#.to_owned(), "fail no_agent"),
        (r#"{"status":"completed"}"#.to_owned(), "fail refused"),
        (r#"{"status":"cancelled"}"#.to_owned(), "cancelled desk_cancelled"),
        // Proves nothing: the deadline of the silence decides.
        (action("StartConversation"), "waiting"),
        (action("EndSpinner"), "waiting"),
    ];
    for (json, expected) in rows {
        for answered_first in [true, false] {
            let mut chat = Chat::asked();
            if answered_first {
                chat.accepted();
            }
            chat.hears(callback(&json));
            if !answered_first {
                chat.accepted();
            }
            assert_eq!(chat.standing(), expected, "{json}");
            // A ghost at the desk is worse than an END too many.
            let hears_end = usize::from(expected.starts_with("fail"));
            assert_eq!(chat.ends_at_desk(), hears_end, "{json}");
        }
    }
}

#[test]
fn an_acceptance_is_told_once_in_whatever_order_its_callbacks_come() {
    let callbacks = [
        SPINNER.to_owned(),
        system("Please stand by while I connect you to a live agent."),
        action("SubscribeToChatPresence"),
        action("SwitchToLiveAgent"),
        system("Ola has entered the chat."),
        words("Ola", "how can I help?"),
    ]
    .map(|json| callback(&json));
    // One more: the answer to the request itself may come last of all.
    for order in orders(callbacks.len() + 1) {
        let mut chat = Chat::asked();
        for &at in &order {
            match callbacks.get(at) {
                Some(news) => chat.hears(news.clone()),
                None => chat.accepted(),
            }
        }
        assert_eq!(chat.standing(), "active", "{order:?}");
        assert_eq!(chat.count("<connected>"), 1, "{order:?} {:?}", chat.told);
        assert_eq!(chat.count("how can I help?"), 1, "{order:?} {:?}", chat.told);
        let strange = ["<transferring>", "<transferred>", "<failed>", "<nobody_there>"];
        assert!(strange.iter().all(|key| chat.count(key) == 0), "{order:?} {:?}", chat.told);
    }
}

#[test]
fn an_end_is_told_once_however_often_and_in_whatever_order_it_is_told() {
    let ends = [
        system("Ola has closed the support session."),
        action("SwitchToVirtualAgent"),
        r#"{"completed":true,"body":[{"uiType":"OutputText","value":"The conversation has ended."}]}"#
            .to_owned(),
    ];
    // Each alone, each two, all three; beside them the agent's last words.
    for picked in 1_usize..8 {
        let chosen = ends.iter().enumerate().filter(|(at, _)| picked & (1 << at) != 0);
        let mut callbacks: Vec<_> = chosen.map(|(_, json)| callback(json)).collect();
        callbacks.push(callback(&words("Ola", "bye")));
        for order in orders(callbacks.len()) {
            let mut chat = Chat::talking();
            for &at in &order {
                chat.hears(callbacks[at].clone());
            }
            assert_eq!(chat.standing(), "completed agent_ended", "{picked} {order:?}");
            let told: Vec<_> =
                ["bye", "<ended>", "<back_with_bot>"].map(|line| chat.count(line)).into();
            assert_eq!(told, [1, 1, 1], "{picked} {order:?} {:?}", chat.told);
            assert_eq!((chat.told.len(), chat.ends_at_desk()), (3, 0), "{picked} {order:?}");
        }
    }
}

#[test]
fn a_transfer_is_told_once_in_whatever_order_its_callbacks_come() {
    let callbacks = [
        SPINNER.to_owned(),
        words("Ola", "Bo knows more"),
        action("SwitchToLiveAgent"),
        system("Bo has entered the chat."),
        words("Bo", "hello"),
    ]
    .map(|json| callback(&json));
    for order in orders(callbacks.len()) {
        let mut chat = Chat::talking();
        for &at in &order {
            chat.hears(callbacks[at].clone());
        }
        let (told, shown) = (chat.count("<transferred>"), chat.count("<transferring>"));
        assert!((told, shown <= 1) == (1, true), "{order:?} {:?}", chat.told);
        assert_eq!((chat.count("Bo knows more"), chat.count("hello")), (1, 1), "{order:?}");
        let Some(Session { stage: Stage::Active(talk), .. }) = chat.conversation.live() else {
            panic!("{order:?}: {}", chat.standing());
        };
        assert_eq!(talk.agent.name.as_deref(), Some("Bo"), "{order:?}");
        assert!(!talk.transferring, "{order:?}");
    }
}

#[test]
fn nothing_that_comes_after_a_withdrawal_is_shown_and_the_desk_hears_of_it_in_any_case() {
    let late = [
        SPINNER.to_owned(),
        action("SwitchToLiveAgent"),
        words("Ola", "how can I help?"),
        r#"{"takeControl":true,"agentChat":true}"#.to_owned(),
        r#"{"body":[{"uiType":"OutputText","value":"I did not understand that."}]}"#.to_owned(),
        system("Ola has closed the support session."),
        r#"{"completed":true,"body":[]}"#.to_owned(),
    ];
    for answered in [true, false] {
        let mut chat = Chat::asked();
        if answered {
            chat.accepted();
        }
        chat.happens(Event::UserEnds);
        assert_eq!(chat.standing(), "cancelled user_cancelled");
        assert_eq!(chat.ends_at_desk(), 1);
        chat.told.clear();
        for json in &late {
            chat.hears(callback(json));
        }
        assert_eq!(chat.told, [""; 0]);
        assert_eq!(
            (chat.standing().as_str(), chat.ends_at_desk()),
            ("cancelled user_cancelled", 1)
        );
        assert!(chat.conversation.past.is_some_and(|past| past.status == Status::Cancelled));
    }
}
