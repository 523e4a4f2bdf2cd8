//! What was missed is fetched and shown once.

use serde_json::{Value, json};
use servicenow::client::MISSED_MAX;
use session::{Agent, News, Said, id::SenderKey};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    bed::agent_said,
    engine::EngineError,
    gaps::{DeskKey, Passed},
};

const AT_DESK: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn key() -> DeskKey {
    (tenant(), desk())
}

/// Rows of these ids and words, written a minute before the bed's clock begins.
pub(super) fn rows(words: &[(&str, &str)]) -> Value {
    let row = |(id, words): &(&str, &str)| {
        json!({
            "sys_id": id, "conversation": AT_DESK, "payload": words, "send_time": "2025-12-31 23:59:00",
            "is_agent": "true", "q_data_message_type": "",
        })
    };
    json!({ "result": words.iter().map(row).collect::<Vec<_>>() })
}

fn closed(text: &str) -> Value {
    json!({ "result": [{
        "sys_id": "s1", "conversation": AT_DESK, "payload": text, "send_time": "2025-12-31 23:59:30",
        "is_agent": "false", "q_data_message_type": "systemTextMessage",
    }] })
}

pub(super) fn said(text: &str, id: &str) -> News {
    let (agent, said) = (Agent::default(), Said::words(text));
    News::AgentSaid { agent, said, key: Some(SenderKey::new(&format!("sn:{id}")).unwrap()) }
}

impl Desk {
    /// A chat with an agent, whose id at the instance is known.
    pub(super) async fn talking(&self, name: &str) {
        self.connected(name).await;
        self.bed.hears(name, vec![News::Started { conversation: AT_DESK.to_owned() }]).await;
    }

    /// Opens the gaps of all chats and fills them one by one.
    async fn catches_up(&self) {
        let gaps = &self.dispatcher.gaps;
        gaps.open_all(&*self.bed.store, None).unwrap();
        while let Ok(gap) = tokio::time::timeout(Duration::from_millis(20), gaps.next(&key())).await
        {
            self.dispatcher.fill(&key(), &gap).await;
        }
    }

    /// What was shown since the agent came.
    pub(super) fn shown(&self, name: &str) -> Vec<String> {
        let told = self.bed.told(name);
        let after = told.iter().position(|line| line == "<connected>").expect("somebody came");
        told[after + 1..].to_vec()
    }
}

#[tokio::test]
async fn missed_words_are_shown_once_and_in_their_order() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    desk.bed.hears("a", vec![said("one", "m1")]).await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two"), ("m3", "two")]))]);
    for _ in 0..2 {
        desk.catches_up().await;
        assert_eq!(desk.shown("a"), ["one", "two", "two"]);
    }
    desk.bed.hears("a", vec![said("two", "m3"), said("four", "m4")]).await;
    assert_eq!(desk.shown("a"), ["one", "two", "two", "four"], "the late callback is a repeat");
    let query = &desk.instance.queries()[0];
    assert!(query.contains(AT_DESK), "{query}");
    assert!(query.contains("send_time%3E2025-12-31+23%3A57%3A59"), "two minutes back: {query}");
}

#[tokio::test]
async fn without_ids_each_shown_line_stands_for_one_row() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    desk.bed.hears("a", vec![agent_said("ok"), agent_said("well")]).await;
    let table = [("m1", "ok"), ("m2", "well"), ("m3", "ok"), ("m4", "bye")];
    desk.instance.table_answers(&[(200, rows(&table))]);
    for _ in 0..2 {
        desk.catches_up().await;
        assert_eq!(desk.shown("a"), ["ok", "well", "ok", "bye"]);
    }
}

#[tokio::test]
async fn a_comparison_that_was_overtaken_is_made_again() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    desk.bed.hears("a", vec![agent_said("ok")]).await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "ok"), ("m2", "ok")]))]);
    desk.bed.store.hold();
    let engine = desk.bed.engine.clone();
    // The callback of the second line stands before its commit while the log is compared.
    let late = tokio::spawn(async move {
        let arrival = crate::bed::news_for("a", vec![agent_said("ok")]);
        engine.submit(arrival).await.map_err(|error: EngineError| error.to_string())
    });
    desk.bed.store.stands_before_commit().await;
    let release = async {
        while desk.instance.queries().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // By then the log is being read; whichever comes first, the words are shown once.
        tokio::time::sleep(Duration::from_millis(50)).await;
        desk.bed.store.release();
    };
    tokio::join!(desk.catches_up(), release);
    late.await.unwrap().unwrap();
    assert_eq!(desk.shown("a"), ["ok", "ok"]);
}

#[tokio::test]
async fn words_that_were_let_go_just_before_their_gap_was_opened_are_shown_once() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    // Without a gap: let go at once, and not in the log yet when the fetch has them.
    let (whose, session) = ((tenant(), crate::bed::desk()), session("a"));
    let passed = desk.dispatcher.gaps.pass((&whose.0, &whose.1), &session, vec![agent_said("ok")]);
    let Passed { news, behind_gap: false, let_go } = passed.await else { panic!("no gap is open") };
    desk.instance.table_answers(&[(200, rows(&[("m1", "ok"), ("m2", "well")]))]);
    let commit = async {
        while desk.instance.queries().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Time to compare and to tell, if it did not wait.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(desk.shown("a"), [""; 0]);
        desk.bed.hears("a", news).await;
        drop(let_go);
    };
    tokio::join!(desk.catches_up(), commit);
    assert_eq!(desk.shown("a"), ["ok", "well"]);
}

#[tokio::test]
async fn an_agent_who_came_and_spoke_unheard_is_there() {
    let desk = Desk::new().await;
    desk.bed.says("a", "agent").await;
    desk.bed.hears("a", vec![News::Started { conversation: AT_DESK.to_owned() }]).await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "hello")]))]);
    desk.catches_up().await;
    assert_eq!(desk.shown("a"), ["hello"]);
    assert_eq!(desk.bed.status("a"), "active");
}

#[tokio::test]
async fn a_missed_end_ends_the_chat() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    desk.instance.table_answers(&[(200, closed("Ola has entered the chat."))]);
    desk.catches_up().await;
    assert_eq!(desk.bed.status("a"), "connected");
    desk.instance.table_answers(&[(200, closed("Ola has closed the support session."))]);
    desk.catches_up().await;
    assert_eq!(desk.bed.status("a"), "completed agent_ended");
    assert_eq!(desk.shown("a"), ["<ended>", "<back_with_bot>"]);
}

#[tokio::test]
async fn nothing_is_asked_about_a_chat_whose_id_there_is_not_known() {
    let desk = Desk::new().await;
    desk.connected("a").await;
    desk.catches_up().await;
    assert_eq!(desk.instance.queries(), [""; 0]);
    assert_eq!(desk.shown("a"), [""; 0]);
}

#[tokio::test]
async fn a_desk_that_does_not_let_us_read_is_asked_once_until_there_is_a_reason() {
    let desk = Desk::new().await;
    for name in ["a", "b", "c"] {
        desk.talking(name).await;
    }
    desk.instance.table_answers(&[(403, json!({})), (200, rows(&[("m1", "hi")]))]);
    desk.catches_up().await;
    assert_eq!(desk.instance.queries().len(), 1);
    assert!(desk.dispatcher.gaps.is_refused(&key()));
    desk.catches_up().await;
    assert_eq!(desk.instance.queries().len(), 4, "asked anew");
    assert_eq!(desk.shown("c"), ["hi"]);
}

#[tokio::test]
async fn trouble_that_passes_is_waited_for() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    let table = [(503, json!({})), (500, json!({})), (200, rows(&[("m1", "hi")]))];
    desk.instance.table_answers(&table);
    desk.catches_up().await;
    assert_eq!(desk.instance.queries().len(), 3);
    assert_eq!(desk.shown("a"), ["hi"]);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_closes_the_gap() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    desk.instance.table_answers(&[(200, json!({"result": 7}))]);
    desk.catches_up().await;
    let session = session("a");
    let whose = (tenant(), crate::bed::desk());
    let passed =
        desk.dispatcher.gaps.pass((&whose.0, &whose.1), &session, vec![agent_said("on we go")]);
    let passed = tokio::time::timeout(Duration::from_millis(500), passed).await;
    assert_eq!(passed.expect("nothing is waited for").news.len(), 1);
    assert_eq!(desk.instance.queries().len(), 1);
}

#[tokio::test]
async fn of_an_answer_with_words_of_another_chat_nothing_is_shown() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    let mut answer = rows(&[("m1", "ours"), ("m2", "theirs")]);
    answer["result"][1]["conversation"] = "fedcba9876543210fedcba9876543210".into();
    desk.instance.table_answers(&[(200, answer)]);
    desk.catches_up().await;
    assert_eq!(desk.shown("a"), [""; 0]);
    assert_eq!(desk.instance.queries().len(), 1, "the next answer would be the same");
}

#[tokio::test]
async fn more_than_fits_an_answer_is_asked_for_page_by_page() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    let row = |n: usize| {
        let at = format!("2025-12-31 23:{:02}:{:02}", 58 + n / 150, n % 60);
        json!({"sys_id": format!("m{n}"), "conversation": AT_DESK, "payload": n.to_string(),
            "send_time": at, "is_agent": "true", "q_data_message_type": ""})
    };
    let page = |ids: std::ops::Range<usize>| json!({"result": ids.map(row).collect::<Vec<_>>()});
    let pages = [(200, page(0..MISSED_MAX)), (200, page(MISSED_MAX - 1..MISSED_MAX + 20))];
    desk.instance.table_answers(&pages);
    desk.catches_up().await;
    let expected: Vec<_> = (0..MISSED_MAX + 20).map(|n| n.to_string()).collect();
    assert_eq!(desk.shown("a"), expected);
    assert_eq!(desk.instance.queries().len(), 2);
}

#[tokio::test]
async fn a_desk_that_answers_again_is_asked_what_was_missed() {
    let desk = Desk::new().await;
    desk.talking("a").await;
    let breaker = &desk.dispatcher.desks[&key()].gate.breaker;
    let now = desk.bed.clock.now();
    while let Ok(permit) = breaker.admit(now) {
        permit.failed(now);
    }
    desk.bed.says("a", "are you there?").await;
    desk.bed.advance(Duration::from_secs(10));
    desk.instance.table_answers(&[(200, rows(&[("m1", "hi")]))]);
    let Desk { bed, instance, dispatcher } = desk;
    let stop = CancellationToken::new();
    let (_hints, hints) = mpsc::channel(1);
    let running = tokio::spawn(Dispatcher { stop: stop.clone(), ..dispatcher }.run(hints));
    let told = async {
        while !bed.told("a").contains(&"hi".to_owned()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), told).await.expect("it is shown");
    assert_eq!(instance.texts(), ["are you there?"]);
    stop.cancel();
    running.await.unwrap();
}
