//! What shares a transaction, and what the events of one batch see of each other.

use std::time::Duration;

use session::{
    Claims, News, Rejected, Said,
    id::{EffectNumber, SenderKey, Timestamp},
};

use super::*;
use crate::{
    bed::{self, agent_said, desk, news_for, policy, says, says_again, session, tenant},
    keeping::Keeping,
    lane,
};

#[tokio::test]
async fn what_queues_during_a_commit_shares_the_next_transaction() {
    let bed = Bed::new();
    let arrivals = (0..60).map(|n| says(&format!("c{n}"), "hi")).collect();
    let answers = all_at_once(&bed, arrivals).await;
    assert_eq!(bed.store.commits(), 2, "one in front, one for all that queued");
    assert!(answers.iter().all(|answer| number(answer) == 1));
    for n in 0..60 {
        assert_eq!(bed.told(&format!("c{n}")), ["hi"]);
    }
}

#[tokio::test]
async fn nothing_is_answered_before_it_is_committed() {
    let bed = Bed::new();
    bed.store.hold();
    let mut answer = pin!(bed.engine.submit(says("c", "hi")));
    let mut is_pending =
        async || poll_fn(|context| Poll::Ready(answer.as_mut().poll(context).is_pending())).await;
    assert!(is_pending().await);
    bed.store.stands_before_commit().await;
    assert!(is_pending().await, "stepped and saved, but not committed");
    assert!(bed.told("c").is_empty());
    bed.store.release();
    assert_eq!(number(&answer.await), 1);
    assert_eq!(bed.told("c"), ["hi"]);
}

#[tokio::test]
async fn words_of_one_conversation_keep_their_order_within_a_batch() {
    let bed = Bed::new();
    let words: Vec<_> = (1..=40).map(|n| format!("word {n}")).collect();
    let arrivals = words.iter().map(|word| says("c", word)).collect();
    let answers = all_at_once(&bed, arrivals).await;
    let numbers: Vec<_> = answers.iter().map(number).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    assert_eq!(bed.told("c"), words);
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_within_a_batch_and_across_batches() {
    let bed = Bed::new();
    let again = || says_again("c", "hi", "dl:1");
    let arrivals = vec![says("c", "before"), again(), again(), says("c", "after"), again()];
    let answers = all_at_once(&bed, arrivals).await;
    assert_eq!(answers.iter().map(number).collect::<Vec<_>>(), [1, 2, 2, 3, 2]);
    assert_eq!(bed.take(again()).await.number.0, 2);
    let bed = bed.restarted(policy()).await;
    assert_eq!(bed.take(again()).await.number.0, 2);
    assert_eq!(bed.told("c"), ["before", "hi", "after"]);
    assert_eq!(bed.take(says_again("other", "hi", "dl:1")).await.number.0, 1, "a key is one's own");
}

#[tokio::test]
async fn an_agents_redelivered_words_are_shown_once() {
    let bed = Bed::new();
    bed.connected("c").await;
    let words = || {
        let mut news = agent_said("hello");
        if let News::AgentSaid { key, .. } = &mut news {
            *key = Some(SenderKey::new("sn:1").unwrap());
        }
        news_for("c", vec![news])
    };
    all_at_once(&bed, vec![words(), words()]).await;
    bed.take(words()).await;
    let shown = bed.told("c").into_iter().filter(|told| told == "hello").count();
    assert_eq!(shown, 1);
}

#[tokio::test]
async fn of_two_escalations_of_one_person_in_a_batch_one_wins() {
    let bed = Bed::new();
    let answers = all_at_once(&bed, vec![says("kim/a", "agent"), says("kim/b", "agent")]).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(bed.told("kim/a"), ["agent", "<asked>"]);
    assert_eq!(bed.told("kim/b"), ["agent", "<busy_elsewhere>"]);
    assert_eq!(bed.status("kim/a"), "waiting");
    assert_eq!(bed.session("kim/b"), None);
}

#[tokio::test]
async fn a_person_freed_in_a_batch_can_be_taken_later_in_it() {
    let bed = Bed::new();
    bed.says("kim/a", "agent").await;
    let arrivals = vec![news_for("kim/a", vec![News::Cancelled]), says("kim/b", "agent")];
    all_at_once(&bed, arrivals).await;
    assert_eq!(bed.status("kim/a"), "cancelled desk_cancelled");
    assert_eq!(bed.status("kim/b"), "waiting");
}

#[tokio::test]
async fn a_person_whose_end_was_buried_is_free_again() {
    let bed = Bed::new();
    bed.connected("kim/a").await;
    bed.says("kim/a", "end chat").await;
    bed.says("kim/b", "agent").await;
    assert_eq!(bed.session("kim/b"), None, "the end is still on its way");
    // Nobody can read them any more, so no event reports them.
    while let Claim::Leased(work) = bed.engine.claim(desk_lane("kim")).await.unwrap() {
        let dead = Some("unreadable");
        bed.engine.bury(Settled { work: *work, dead, placed: None }).await.unwrap();
    }
    bed.says("kim/b", "agent").await;
    assert_eq!(bed.status("kim/b"), "waiting");
}

#[tokio::test]
async fn words_for_a_full_lane_are_refused_until_something_is_delivered() {
    let bed = Bed::new();
    let max = policy().lane_max;
    assert_eq!(max, 1_000);
    for word in 0..max - 10 {
        bed.says("c", &format!("word {word}")).await;
    }
    // What a batch adds counts for the rest of it.
    let answers = all_at_once(&bed, (0..12).map(|_| says("c", "and")).collect()).await;
    let taken = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert_eq!(taken, 10);
    let is_full =
        |answer: &Answered| matches!(answer, Err(EngineError::Rejected(Rejected::TooManyWaiting)));
    assert!(answers[10..].iter().all(is_full));
    let before = bed.row("c");
    assert!(is_full(&bed.submit(says("c", "one more")).await));
    assert_eq!(bed.row("c"), before);
    assert_eq!(bed.log("c").len(), max);
    assert_eq!(bed.says("other", "hi").await.number.0, 1, "a lane is one's own");
    deliver_one(&bed, lane::bot_lane(&bed::tenant(), &bed::bot(), before.id)).await;
    assert_eq!(bed.says("c", "one more").await.number.0, 1_001);
    assert!(is_full(&bed.submit(says("c", "and another")).await));
}

#[tokio::test]
async fn a_live_chat_with_a_full_lane_can_still_be_ended() {
    let bed = Bed::new().restarted(Policy { lane_max: 3, ..policy() }).await;
    bed.connected("c").await;
    bed.says("c", "one").await;
    bed.says("c", "two").await;
    let refused = bed.submit(says("c", "three")).await;
    assert!(matches!(refused, Err(EngineError::Rejected(Rejected::TooManyWaiting))));
    deliver_one(&bed, desk_lane("c")).await;
    bed.says("c", "three").await;
    bed.says("c", "end chat").await;
    assert_eq!(bed.status("c"), "completed user_ended");
}

#[tokio::test]
async fn the_chats_of_a_bot_that_was_renamed_go_on_and_end() {
    let bed = Bed::new();
    for name in ["told", "late", "sent"] {
        bed.says(name, "agent").await;
    }
    let bed = bed.renamed("another name").await;
    bed.hears("told", vec![News::Active]).await;
    bed.hears("told", vec![News::Ended]).await;
    assert_eq!(bed.status("told"), "completed agent_ended");
    deliver_one(&bed, desk_lane("sent")).await;
    assert!(!bed.waiting().contains(&desk_lane("sent")));
    bed.advance(policy().longest_wait);
    for (id, due) in bed.store.due(bed.clock.now(), 9).unwrap() {
        bed.take(Arrival::event(Target::Conversation(id), Event::Deadline { due })).await;
    }
    assert_eq!(bed.status("sent"), "fail silence");
    assert_eq!(bed.status("late"), "fail waited_too_long");
}

fn desk_lane(user: &str) -> LaneKey {
    LaneKey(format!("desk\u{1f}t\u{1f}d\u{1f}{user}").into())
}

/// Leases the head of a lane and reports it as sent.
async fn deliver_one(bed: &Bed, lane: LaneKey) {
    let Claim::Leased(work) = bed.engine.claim(lane).await.unwrap() else {
        panic!("there is an effect")
    };
    let row = bed.store.conversation_by_id(work.conversation).unwrap().unwrap();
    let keeping = Keeping::new(&bed.vault, &row.key).unwrap();
    let effect = keeping.read_effect(work.number, &work.body).unwrap();
    bed.take(Arrival {
        target: Target::Conversation(work.conversation),
        happening: Happening::Event(settled_event(effect, None)),
        settles: Some(Settled { work: *work, dead: None, placed: None }),
        placed_as: None,
        masked: false,
        trace: None,
    })
    .await;
}

#[tokio::test]
async fn a_rejected_event_changes_nothing_and_disturbs_nobody() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let target = || Target::Session { tenant: tenant(), desk: desk(), session: session("c") };
    let foreign = Claims { tenant: Some("somebody else".to_owned()), ..Claims::default() };
    let never = Some(EffectNumber(99));
    let answers = all_at_once(
        &bed,
        vec![
            Arrival::callback(target(), None, foreign, vec![News::Ended]),
            says("other", "hi"),
            Arrival::callback(target(), never, Claims::default(), vec![News::Ended]),
        ],
    )
    .await;
    assert!(matches!(answers[0], Err(EngineError::Rejected(Rejected::ForeignVariables))));
    assert_eq!(number(&answers[1]), 1);
    assert!(matches!(answers[2], Err(EngineError::Rejected(Rejected::UnknownRequest))));
    assert_eq!(bed.status("c"), "waiting");
    assert_eq!(bed.store.commits(), 3, "a rejection is no failure of the batch");
}

#[tokio::test]
async fn a_callback_for_a_session_that_never_was_finds_nothing() {
    let bed = Bed::new();
    let answer = bed.submit(news_for("nobody", vec![News::Ended])).await;
    assert!(matches!(answer, Err(EngineError::NotFound)));
}

#[tokio::test]
async fn a_commit_wakes_its_readers_its_lanes_and_the_alarm() {
    let mut bed = Bed::new();
    let outcome = bed.take(opened("c")).await;
    let mut hints = bed.wakes.subscribe(outcome.conversation);
    assert_eq!(bed.lanes.recv().await.unwrap(), bed.waiting()[0]);
    bed.says("c", "agent").await;
    assert_eq!(hints.recv().await.unwrap(), crate::wakes::Hint::Logged(None));
    assert!(&*bed.lanes.recv().await.unwrap().0 == "desk\u{1f}t\u{1f}d\u{1f}c");
    bed.alarm.earlier_than(Timestamp(i64::MAX)).await;
}

#[tokio::test]
async fn a_deadline_that_the_rules_have_moved_does_not_fire_for_ever() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let stored = bed::START.after(policy().longest_wait);
    assert_eq!(bed.store.next_deadline().unwrap(), Some(stored));
    let patient = Policy { longest_wait: Duration::from_hours(1), ..policy() };
    let bed = bed.restarted(patient).await;
    bed.advance(policy().longest_wait);
    let target = Target::Conversation(bed.row("c").id);
    bed.take(Arrival::event(target, Event::Deadline { due: stored })).await;
    assert_eq!(bed.status("c"), "waiting");
    assert_eq!(bed.store.next_deadline().unwrap(), Some(bed::START.after(Duration::from_hours(1))));
}

#[tokio::test]
async fn the_same_words_without_a_key_are_two_messages() {
    let bed = Bed::new();
    all_at_once(&bed, vec![says("c", "yes"), says("c", "yes")]).await;
    assert_eq!(bed.told("c"), ["yes", "yes"]);
    let said = Event::BotSaid { said: Said::words("ok"), answers: None, key: None };
    let target = Target::Conversation(bed.row("c").id);
    bed.take(Arrival::event(target, said)).await;
    assert_eq!(bed.told("c").len(), 3);
}

#[test]
fn half_of_what_waits_is_taken_but_no_fewer_than_are_worth_it() {
    for (waiting, taken) in [(0, 64), (64, 64), (128, 64), (1_000, 500), (QUEUE_MAX, 1_024)] {
        assert_eq!(share(waiting), taken, "{waiting}");
    }
}
