//! A callback that cannot wait for what was missed before it is shown after it all the same.

use serde_json::json;
use session::{BEHIND_GAP_WITHIN, Event, News};
use store::Target;

use super::{
    catching_up::{key, rows, said},
    *,
};
use crate::{
    bed::{START, agent_said, news_for},
    engine::Arrival,
};

impl Desk {
    /// A callback waited for the gap of this chat in vain.
    async fn hears_in_vain(&self, name: &str, news: Vec<News>) {
        let outcome = self.bed.take(news_for(name, news).behind_gap(true)).await;
        let gaps = &self.dispatcher.gaps;
        gaps.stands_behind((&tenant(), &desk()), &session(name), outcome.conversation);
    }

    /// A chat of this name that missed something.
    async fn with_gap() -> Self {
        let desk = Self::new().await;
        desk.talking("a").await;
        desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
        desk
    }

    /// Fills gaps until none is left.
    async fn fills(&self) {
        let gaps = &self.dispatcher.gaps;
        while let Ok(gap) = tokio::time::timeout(Duration::from_millis(20), gaps.next(&key())).await
        {
            self.dispatcher.fill(&key(), &gap).await;
        }
    }

    /// The same, and this callback comes while the first fetch is under way.
    async fn fills_while_in_vain(&self, news: Vec<News>) {
        let go_on = self.instance.holds_table();
        let meanwhile = async {
            self.instance.queried().await;
            self.hears_in_vain("a", news).await;
            go_on.send(()).unwrap();
        };
        tokio::join!(self.fills(), meanwhile);
    }

    fn queries(&self) -> usize {
        self.instance.queries().len()
    }
}

#[tokio::test]
async fn a_callback_that_waited_in_vain_is_shown_after_what_was_missed() {
    for news in [said("two", "m2"), agent_said("two")] {
        let desk = Desk::with_gap().await;
        desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two")]))]);
        desk.hears_in_vain("a", vec![news.clone()]).await;
        assert_eq!(desk.shown("a"), [""; 0], "not ahead of it");
        desk.fills().await;
        assert_eq!(desk.shown("a"), ["one", "two"]);
        assert_eq!(desk.queries(), 1);
        // And the chat goes on.
        desk.bed.hears("a", vec![agent_said("three")]).await;
        assert_eq!(desk.shown("a"), ["one", "two", "three"]);
    }
}

#[tokio::test]
async fn a_callback_that_comes_in_vain_during_the_fetch_is_shown_after_what_was_missed() {
    for news in [said("two", "m2"), agent_said("two")] {
        let desk = Desk::with_gap().await;
        // It was not written yet when the instance read its table.
        desk.instance.table_answers(&[(200, rows(&[("m1", "one")]))]);
        desk.fills_while_in_vain(vec![news]).await;
        assert_eq!(desk.shown("a"), ["one", "two"]);
        assert_eq!(desk.queries(), 1, "all of it is accounted for");
    }
}

#[tokio::test]
async fn words_without_an_id_that_the_fetch_may_have_are_fetched_again() {
    // The fetch has them.
    let desk = Desk::with_gap().await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "ok")]))]);
    desk.fills_while_in_vain(vec![agent_said("ok")]).await;
    assert_eq!(desk.shown("a"), ["one", "ok"]);
    assert_eq!(desk.queries(), 2);
    // It has others that say the same, and were missed.
    let desk = Desk::with_gap().await;
    let first = (200, rows(&[("m1", "ok")]));
    let second = (200, rows(&[("m1", "ok"), ("m2", "well"), ("m3", "ok")]));
    desk.instance.table_answers(&[first, second]);
    desk.fills_while_in_vain(vec![agent_said("ok")]).await;
    assert_eq!(desk.shown("a"), ["ok", "well", "ok"]);
    assert_eq!(desk.queries(), 2);
}

#[tokio::test]
async fn words_without_an_id_that_a_fetch_has_shown_are_not_shown_when_their_callback_comes() {
    let desk = Desk::with_gap().await;
    desk.bed.hears("a", vec![agent_said("hello")]).await;
    let table = [("m0", "hello"), ("m1", "ok"), ("m2", "well")];
    desk.instance.table_answers(&[(200, rows(&table[..2])), (200, rows(&table))]);
    desk.fills().await;
    assert_eq!(desk.shown("a"), ["hello", "ok"]);
    // Their own callback, late, and one of words that are new.
    desk.hears_in_vain("a", vec![agent_said("ok")]).await;
    desk.hears_in_vain("a", vec![agent_said("well")]).await;
    desk.fills().await;
    assert_eq!(desk.shown("a"), ["hello", "ok", "well"]);
}

#[tokio::test]
async fn a_late_callback_of_words_that_a_fetch_has_shown_may_come_during_the_next() {
    let desk = Desk::with_gap().await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "ok"), ("m2", "well")]))]);
    desk.fills().await;
    assert_eq!(desk.shown("a"), ["ok", "well"]);
    desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
    // The queries so far are over.
    desk.instance.queried().await;
    desk.fills_while_in_vain(vec![agent_said("ok")]).await;
    assert_eq!(desk.shown("a"), ["ok", "well"]);
    assert_eq!(desk.queries(), 3, "the second cannot tell");
    desk.instance.queried().await;
    // One that merely says the same is shown.
    let table = [("m1", "ok"), ("m2", "well"), ("m3", "ok")];
    desk.instance.table_answers(&[(200, rows(&table[..2])), (200, rows(&table))]);
    desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
    desk.fills_while_in_vain(vec![agent_said("ok")]).await;
    assert_eq!(desk.shown("a"), ["ok", "well", "ok"]);
}

#[tokio::test]
async fn an_agent_who_speaks_during_every_fetch_is_shown_once_and_whole() {
    let desk = Desk::with_gap().await;
    let all = [("m1", "one"), ("m2", "two"), ("m3", "three"), ("m4", "three")];
    let tables = [1, 2, 3, 4].map(|lines| (200, rows(&all[..lines])));
    desk.instance.table_answers(&tables);
    let during = async {
        // Each is written before the instance reads its table, and the last once more after it.
        for (_, text) in &all[..3] {
            let go_on = desk.instance.holds_table();
            desk.instance.queried().await;
            desk.hears_in_vain("a", vec![agent_said(text)]).await;
            if *text == "three" {
                desk.hears_in_vain("a", vec![agent_said(text)]).await;
            }
            go_on.send(()).unwrap();
        }
    };
    tokio::join!(desk.fills(), during);
    assert_eq!(desk.shown("a"), ["one", "two", "three", "three"]);
    assert_eq!(desk.queries(), 4);
}

#[tokio::test]
async fn what_stands_behind_a_gap_survives_a_kill_and_stays_in_its_place() {
    for with_ids in [true, false] {
        let word = |text: &str, id: &str| if with_ids { said(text, id) } else { agent_said(text) };
        let desk = Desk::with_gap().await;
        desk.hears_in_vain("a", vec![word("two", "m2")]).await;
        // Killed before the fetch; the next line meets nobody.
        let desk = desk.restarted().await;
        desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
        desk.hears_in_vain("a", vec![word("four", "m4")]).await;
        let table = [("m1", "one"), ("m2", "two"), ("m3", "three"), ("m4", "four")];
        desk.instance.table_answers(&[(200, rows(&table))]);
        desk.fills().await;
        assert_eq!(desk.shown("a"), ["one", "two", "three", "four"], "with ids: {with_ids}");
        // Repeats of all of it are known.
        if with_ids {
            let again = table.iter().map(|(id, text)| said(text, id)).collect();
            desk.bed.hears("a", again).await;
        }
        desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
        desk.fills().await;
        assert_eq!(desk.shown("a").len(), 4);
    }
}

#[tokio::test]
async fn after_a_start_there_is_time_to_fetch_before_what_stands_behind_a_gap_goes_on() {
    let desk = Desk::with_gap().await;
    desk.hears_in_vain("a", vec![agent_said("two")]).await;
    desk.bed.advance(BEHIND_GAP_WITHIN * 2);
    let desk = desk.restarted().await;
    // The alarm sees that it is overdue before anything is fetched.
    let due = desk.bed.store.next_deadline().unwrap().expect("the alarm is set");
    let target = Target::Conversation(desk.bed.row("a").id);
    desk.bed.take(Arrival::event(target, Event::Deadline { due })).await;
    assert_eq!(desk.shown("a"), [""; 0]);
    let anew = desk.bed.store.next_deadline().unwrap();
    assert_eq!(anew, Some(desk.bed.clock.now().after(BEHIND_GAP_WITHIN)));
    desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two")]))]);
    desk.fills().await;
    assert_eq!(desk.shown("a"), ["one", "two"]);
}

#[tokio::test]
async fn what_comes_in_vain_right_after_the_gap_was_filled_makes_it_be_looked_at_again() {
    let desk = Desk::with_gap().await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two")]))]);
    desk.fills().await;
    for (at, news) in
        [said("two", "m2"), said("three", "m3"), agent_said("four")].iter().enumerate()
    {
        desk.hears_in_vain("a", vec![news.clone()]).await;
        desk.fills().await;
        assert_eq!(desk.shown("a"), ["one", "two", "three", "four"][..(at + 2).max(2)]);
    }
}

#[tokio::test]
async fn a_gap_that_cannot_be_filled_lets_go_of_what_stands_behind_it() {
    let answers = [(403, json!({})), (200, json!({"result": 7})), (404, json!({}))];
    for (status, answer) in answers {
        let desk = Desk::with_gap().await;
        desk.instance.table_answers(&[(status, answer)]);
        desk.hears_in_vain("a", vec![agent_said("one")]).await;
        desk.fills_while_in_vain(vec![said("two", "m2")]).await;
        assert_eq!(desk.shown("a"), ["one", "two"], "{status}");
    }
    // The instance's own id of the chat is not known.
    let desk = Desk::new().await;
    desk.connected("a").await;
    desk.hears_in_vain("a", vec![agent_said("one")]).await;
    desk.fills().await;
    assert_eq!((desk.shown("a"), desk.queries()), (vec!["one".to_owned()], 0));
}

#[tokio::test]
async fn at_a_desk_that_refuses_what_stands_behind_every_gap_goes_on() {
    let desk = Desk::new().await;
    for name in ["a", "b"] {
        desk.talking(name).await;
    }
    desk.instance.table_answers(&[(403, json!({}))]);
    desk.dispatcher.gaps.open_all(&*desk.bed.store, None).unwrap();
    desk.hears_in_vain("a", vec![agent_said("one")]).await;
    desk.fills().await;
    assert!(desk.dispatcher.gaps.is_refused(&key()));
    // It could not know yet.
    desk.hears_in_vain("b", vec![agent_said("one")]).await;
    desk.fills().await;
    for name in ["a", "b"] {
        assert_eq!(desk.shown(name), ["one"]);
    }
    assert_eq!(desk.queries(), 1, "it is not asked again");
}

#[tokio::test]
async fn what_stands_behind_a_gap_for_too_long_goes_on() {
    let desk = Desk::with_gap().await;
    desk.hears_in_vain("a", vec![agent_said("two")]).await;
    let due = desk.bed.store.next_deadline().unwrap().expect("the alarm is set");
    assert_eq!(due, START.after(BEHIND_GAP_WITHIN));
    desk.bed.advance(BEHIND_GAP_WITHIN);
    let target = Target::Conversation(desk.bed.row("a").id);
    desk.bed.take(Arrival::event(target, Event::Deadline { due })).await;
    assert_eq!(desk.shown("a"), ["two"]);
    // What was missed is shown late, rather than never.
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two")]))]);
    desk.fills().await;
    assert_eq!(desk.shown("a"), ["two", "one"]);
}

#[tokio::test]
async fn what_stood_behind_a_gap_and_went_on_during_the_fetch_is_not_fetched_again() {
    let desk = Desk::with_gap().await;
    desk.hears_in_vain("a", vec![agent_said("two")]).await;
    desk.instance.table_answers(&[(200, rows(&[("m1", "one"), ("m2", "two")]))]);
    let go_on = desk.instance.holds_table();
    let meanwhile = async {
        desk.instance.queried().await;
        desk.bed.advance(BEHIND_GAP_WITHIN);
        let due = desk.bed.store.next_deadline().unwrap().expect("the alarm is set");
        let target = Target::Conversation(desk.bed.row("a").id);
        desk.bed.take(Arrival::event(target, Event::Deadline { due })).await;
        go_on.send(()).unwrap();
    };
    tokio::join!(desk.fills(), meanwhile);
    assert_eq!(desk.shown("a"), ["two", "one"]);
    assert_eq!(desk.queries(), 1);
}

#[tokio::test]
async fn what_stands_behind_a_gap_is_shown_before_the_user_ends_the_chat() {
    let desk = Desk::with_gap().await;
    desk.hears_in_vain("a", vec![agent_said("two")]).await;
    desk.bed.says("a", "end chat").await;
    assert_eq!(desk.shown("a"), ["end chat", "two", "<ended>", "<back_with_bot>"]);
    desk.instance.table_answers(&[(200, rows(&[("m1", "one")]))]);
    desk.fills().await;
    assert_eq!(desk.queries(), 0, "it is over");
}
