//! Who waits for a gap and who is next. Tokio's clock is paused: waiting costs no time.

use std::sync::Arc;

use session::{Agent, BEHIND_GAP_WITHIN, News, Said, id::SenderKey};

use super::{entry::HOLD_FOR, *};
use crate::bed::{Bed, agent_said, desk, session, tenant};

/// Closes a gap with nothing that could come again.
const NOTHING: Option<[&str; 0]> = None;

fn key() -> DeskKey {
    (tenant(), desk())
}

/// A bed with open chats of these names, and their gaps.
async fn opened(names: &[&str]) -> (Bed, Arc<Gaps>) {
    let bed = Bed::new();
    for name in names {
        bed.says(name, "agent").await;
    }
    let gaps = Arc::new(Gaps::new([key()]));
    gaps.open_all(&*bed.store, None).unwrap();
    (bed, gaps)
}

fn count(gaps: &Gaps) -> usize {
    gaps.count.load(Ordering::Relaxed)
}

/// The next gap, which must be there.
async fn next(gaps: &Gaps) -> Gap {
    tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await.expect("one is open")
}

/// A callback of this chat, on its way.
fn passes(gaps: &Arc<Gaps>, name: &str) -> tokio::task::JoinHandle<Passed> {
    let (gaps, session) = (Arc::clone(gaps), session(name));
    tokio::spawn(
        async move { gaps.pass((&tenant(), &desk()), &session, vec![agent_said("hi")]).await },
    )
}

/// The words that a callback goes on with; `behind` is one that stands behind the gap.
fn words(passed: &Passed) -> Vec<&str> {
    let mut words = Vec::new();
    words.extend(passed.behind_gap.then_some("behind"));
    for news in &passed.news {
        match news {
            News::AgentSaid { said, .. } => words.push(said.text.as_str()),
            // Who spoke, of words that are shown already.
            News::AgentHere(_) => {}
            other => panic!("{other:?}"),
        }
    }
    words
}

#[tokio::test]
async fn every_open_chat_has_a_gap_and_no_other_has() {
    let (bed, gaps) = opened(&["a", "b", "c"]).await;
    assert_eq!(count(&gaps), 3);
    bed.says("b", "cancel").await;
    let again = Gaps::new([key()]);
    again.open_all(&*bed.store, Some(&key())).unwrap();
    assert_eq!(count(&again), 2);
    let elsewhere = Gaps::new([(TenantId::new("other").unwrap(), desk())]);
    elsewhere.open_all(&*bed.store, None).unwrap();
    assert_eq!(count(&elsewhere), 0, "nobody would ever fill it");
}

#[tokio::test]
async fn gaps_come_in_turn_and_each_once() {
    let (bed, gaps) = opened(&["a", "b"]).await;
    gaps.open_all(&*bed.store, None).unwrap();
    let (first, second) = (next(&gaps).await, next(&gaps).await);
    assert_eq!([&first.session, &second.session], [&session("a"), &session("b")]);
    assert_eq!(first.conversation, bed.row("a").id);
    let third = tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await;
    assert!(third.is_err(), "there are no more");
    assert_eq!(gaps.close(&first, NOTHING), None, "nothing more is expected");
    gaps.open_all(&*bed.store, None).unwrap();
    assert_eq!(next(&gaps).await, first, "opened again; the other is still being filled");
    assert_eq!(count(&gaps), 2);
}

#[tokio::test(start_paused = true)]
async fn a_callback_waits_for_its_gap_and_moves_it_to_the_front() {
    let (_bed, gaps) = opened(&["a", "b", "c"]).await;
    let callback = passes(&gaps, "c");
    tokio::task::yield_now().await;
    let gap = next(&gaps).await;
    assert_eq!(gap.session, session("c"));
    assert!(!callback.is_finished());
    let began = Instant::now();
    gaps.close(&gap, NOTHING);
    assert_eq!(words(&callback.await.unwrap()), ["hi"]);
    assert_eq!(Instant::now(), began, "at once");
    assert_eq!(next(&gaps).await.session, session("a"));
    assert_eq!(next(&gaps).await.session, session("b"));
}

#[tokio::test(start_paused = true)]
async fn callbacks_of_one_chat_wait_a_second_in_all_and_then_stand_behind_the_gap() {
    let (_bed, gaps) = opened(&["a"]).await;
    assert_eq!(HOLD_FOR, Duration::from_secs(1));
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
        assert_eq!(began.elapsed(), HOLD_FOR);
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_desk_that_was_waited_for_in_vain_no_chat_waits_until_it_gives_messages() {
    let (_bed, gaps) = opened(&["a", "b", "c", "d"]).await;
    let began = Instant::now();
    for name in ["a", "b", "c"] {
        assert_eq!(words(&passes(&gaps, name).await.unwrap()), ["behind", "hi"]);
        assert_eq!(began.elapsed(), HOLD_FOR, "one after the other, and only the first waits");
    }
    // A failure is no news of it; messages are.
    for words in [None, Some(["hello"])] {
        gaps.close(&next(&gaps).await, words);
        let callback = passes(&gaps, "d");
        tokio::task::yield_now().await;
        assert_eq!(callback.is_finished(), words.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_callback_that_does_not_wait_moves_its_gap_to_the_front_too() {
    let (_bed, gaps) = opened(&["a", "b", "c", "d"]).await;
    assert_eq!(next(&gaps).await.session, session("a"), "it hangs");
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    for _ in 0..3 {
        assert_eq!(words(&passes(&gaps, "d").await.unwrap()), ["behind", "hi"]);
    }
    for name in ["d", "b", "c"] {
        assert_eq!(next(&gaps).await.session, session(name));
    }
}

#[tokio::test(start_paused = true)]
async fn at_a_desk_that_gives_no_messages_for_long_callbacks_go_ahead() {
    let (_bed, gaps) = opened(&["a", "b"]).await;
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    let almost = BEHIND_GAP_WITHIN.saturating_sub(Duration::from_millis(1));
    tokio::time::sleep(almost).await;
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    tokio::time::sleep(Duration::from_millis(1)).await;
    // Of this chat, and of others: their gaps wait for the same desk.
    for name in ["a", "b"] {
        assert_eq!(words(&passes(&gaps, name).await.unwrap()), ["hi"]);
    }
    // It gives some; what is missing is worth a wait again.
    gaps.close(&next(&gaps).await, Some(["hello"]));
    assert_eq!(words(&passes(&gaps, "b").await.unwrap()), ["behind", "hi"]);
}

#[tokio::test(start_paused = true)]
async fn a_gap_that_cannot_be_filled_for_long_lets_its_callbacks_go_ahead() {
    let (_bed, gaps) = opened(&["a", "b", "c"]).await;
    let (a, b) = (next(&gaps).await, next(&gaps).await);
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    tokio::time::sleep(BEHIND_GAP_WITHIN).await;
    // The desk is not slow for others.
    gaps.close(&b, Some(["hello"]));
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"]);
    assert_eq!(words(&passes(&gaps, "c").await.unwrap()), ["behind", "hi"]);
    gaps.close(&a, Some(["hello"]));
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"], "it is filled");
}

/// News of this chat stands behind its gap.
fn stands_behind(bed: &Bed, gaps: &Gaps, name: &str) {
    gaps.stands_behind((&tenant(), &desk()), &session(name), bed.row(name).id);
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_gap_since_it_was_looked_at_makes_it_the_next_again() {
    let (bed, gaps) = opened(&["a", "b", "c"]).await;
    let gap = next(&gaps).await;
    // Seen by the look.
    stands_behind(&bed, &gaps, "a");
    gaps.look(&gap);
    gaps.close(&gap, Some(["hello"])).expect("more may come");
    // Not seen: it came after the look, or after all.
    stands_behind(&bed, &gaps, "a");
    assert_eq!(next(&gaps).await, gap);
    gaps.look(&gap);
    stands_behind(&bed, &gaps, "a");
    let settled_at = gaps.close(&gap, Some(["hello"]));
    gaps.forget(&gap);
    assert_eq!(next(&gaps).await, gap, "it is not forgotten, nor settled");
    // Nor is it given up before.
    gaps.look(&gap);
    stands_behind(&bed, &gaps, "a");
    assert_eq!(gaps.close(&gap, NOTHING), None);
    assert_eq!(next(&gaps).await, gap);
    gaps.look(&gap);
    assert_eq!(gaps.close(&gap, Some(["hello"])), settled_at);
    assert_eq!(next(&gaps).await.session, session("b"));
    // What waits for its turn is looked at then.
    stands_behind(&bed, &gaps, "c");
    assert_eq!(next(&gaps).await.session, session("c"));
    let again = tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await;
    assert!(again.is_err(), "once");
}

#[tokio::test(start_paused = true)]
async fn what_stands_behind_a_gap_that_is_no_more_opens_it_again() {
    let (bed, gaps) = opened(&["a"]).await;
    gaps.close(&next(&gaps).await, NOTHING);
    assert_eq!(count(&gaps), 0);
    stands_behind(&bed, &gaps, "a");
    assert_eq!(count(&gaps), 1);
    assert_eq!(next(&gaps).await.session, session("a"));
}

#[tokio::test(start_paused = true)]
async fn gaps_with_something_behind_them_come_up_even_if_the_desk_refuses() {
    let (_bed, gaps) = opened(&["a", "b", "c"]).await;
    assert_eq!(next(&gaps).await.session, session("a"));
    assert_eq!(words(&passes(&gaps, "c").await.unwrap()), ["behind", "hi"]);
    assert!(gaps.refuse(&key()));
    assert_eq!(count(&gaps), 1);
    let gap = next(&gaps).await;
    assert_eq!(gap.session, session("c"), "what stands there is let go of");
    gaps.close(&gap, NOTHING);
    assert_eq!(count(&gaps), 0);
}

#[tokio::test(start_paused = true)]
async fn a_callback_of_a_chat_without_a_gap_does_not_wait() {
    let (_bed, gaps) = opened(&["a"]).await;
    let began = Instant::now();
    assert_eq!(words(&passes(&gaps, "b").await.unwrap()), ["hi"]);
    gaps.close(&next(&gaps).await, NOTHING);
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_refuses_closes_all_gaps_until_it_is_asked_again() {
    let (bed, gaps) = opened(&["a", "b"]).await;
    let callback = passes(&gaps, "b");
    tokio::task::yield_now().await;
    assert!(gaps.refuse(&key()), "it is new");
    assert!(!gaps.refuse(&key()), "it is known");
    callback.await.unwrap();
    assert_eq!(count(&gaps), 0);
    assert!(gaps.is_refused(&key()));
    gaps.open_all(&*bed.store, Some(&key())).unwrap();
    assert!(!gaps.is_refused(&key()));
    assert_eq!(count(&gaps), 2);
    // A fetch of before that ends only now closes nothing that was opened since.
    gaps.close(&Gap { session: session("a"), conversation: bed.row("a").id }, NOTHING);
    assert_eq!(next(&gaps).await.session, session("a"));
}

fn said(text: &str, id: Option<&str>) -> News {
    News::AgentSaid {
        agent: Agent::default(),
        said: Said::words(text),
        key: id.map(|id| SenderKey::new(id).unwrap()),
    }
}

#[tokio::test(start_paused = true)]
async fn words_without_an_id_are_not_shown_again_and_all_others_are() {
    let (_bed, gaps) = opened(&["a"]).await;
    let held = vec![said("ok", None), said("ok", Some("m1")), said("not in it", None)];
    let callback = {
        let gaps = Arc::clone(&gaps);
        tokio::spawn(async move { gaps.pass((&tenant(), &desk()), &session("a"), held).await })
    };
    tokio::task::yield_now().await;
    gaps.close(&next(&gaps).await, Some(["ok", "later"]));
    assert_eq!(words(&callback.await.unwrap()), ["ok", "not in it"]);
}

#[tokio::test(start_paused = true)]
async fn words_without_an_id_wait_for_a_fetch_that_began_after_they_came() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    // The fetch is under way; it may have missed these words, or others that say the same.
    let callback = passes(&gaps, "a");
    tokio::task::yield_now().await;
    let settled_at = gaps.close(&gap, Some(["hi"])).expect("more may come");
    tokio::task::yield_now().await;
    assert!(!callback.is_finished());
    assert_eq!(next(&gaps).await, gap, "at once again");
    gaps.close(&gap, Some(["hi", "hi"]));
    let passed = callback.await.unwrap();
    assert!(words(&passed).is_empty() && passed.news.len() == 1, "shown; who spoke is left");
    // Soon after, the same; later, and with ids, they go ahead.
    let began = Instant::now();
    let with_id =
        gaps.pass((&tenant(), &desk()), &session("a"), vec![said("hi", Some("m1"))]).await;
    assert_eq!((words(&with_id), began.elapsed()), (vec!["hi"], Duration::ZERO));
    let callback = passes(&gaps, "a");
    tokio::task::yield_now().await;
    assert_eq!(next(&gaps).await, gap);
    assert_eq!(gaps.close(&gap, Some(["hi"])), Some(settled_at), "no longer than that");
    assert!(words(&callback.await.unwrap()).is_empty());
    gaps.forget(&gap);
    assert_eq!(count(&gaps), 0);
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"]);
}

#[tokio::test(start_paused = true)]
async fn words_that_a_fetch_does_not_have_cost_no_other_fetch() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    let callback = passes(&gaps, "a");
    tokio::task::yield_now().await;
    assert!(!callback.is_finished(), "what was missed is shown first");
    gaps.close(&gap, Some(["hello"]));
    assert_eq!(words(&callback.await.unwrap()), ["hi"], "it began before them: they are new");
    let began = Instant::now();
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["hi"], "and so are the next");
    assert_eq!(began.elapsed(), Duration::ZERO);
    let again = tokio::time::timeout(Duration::from_millis(1), gaps.next(&key())).await;
    assert!(again.is_err(), "nothing is to be fetched");
}

#[tokio::test(start_paused = true)]
async fn a_callback_waits_a_second_whatever_it_waits_for() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    let began = Instant::now();
    let callback = passes(&gaps, "a");
    tokio::time::sleep(HOLD_FOR / 2).await;
    gaps.close(&gap, Some(["hi"]));
    let passed = callback.await.unwrap();
    assert_eq!(words(&passed), ["behind", "hi"], "the next fetch tells whether it was shown");
    assert_eq!(began.elapsed(), HOLD_FOR);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_fails_lets_everybody_go_ahead() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    let callback = passes(&gaps, "a");
    tokio::task::yield_now().await;
    let began = Instant::now();
    gaps.close(&gap, NOTHING);
    assert_eq!(words(&callback.await.unwrap()), ["hi"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(count(&gaps), 0);
}

/// Whether a comparison of this gap may begin.
async fn compares(gaps: &Gaps, gap: &Gap) -> bool {
    tokio::time::timeout(Duration::from_millis(1), gaps.compares(gap)).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_compared_while_words_that_were_let_go_are_not_committed() {
    let (bed, gaps) = opened(&["a", "b"]).await;
    gaps.close(&next(&gaps).await, NOTHING);
    // Let go without a gap, which is opened before they are committed.
    let (first, second) = (passes(&gaps, "a").await.unwrap(), passes(&gaps, "a").await.unwrap());
    gaps.open_all(&*bed.store, None).unwrap();
    let (other, gap) = (next(&gaps).await, next(&gaps).await);
    assert_eq!([&other.session, &gap.session], [&session("b"), &session("a")]);
    assert!(compares(&gaps, &other).await, "another chat's are no business of this");
    assert!(!compares(&gaps, &gap).await);
    drop(first);
    assert!(!compares(&gaps, &gap).await);
    drop(second);
    assert!(compares(&gaps, &gap).await);
    assert!(gaps.under_way.is_empty());
    // With an id it is known whenever it comes.
    gaps.close(&gap, NOTHING);
    let with_id = vec![said("hi", Some("m1"))];
    let passed = gaps.pass((&tenant(), &desk()), &session("a"), with_id).await;
    assert!(passed.let_go.is_none());
}

#[tokio::test(start_paused = true)]
async fn words_are_let_go_before_a_comparison_or_stand_behind_the_gap() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    tokio::time::sleep(BEHIND_GAP_WITHIN).await;
    let ahead = passes(&gaps, "a").await.unwrap();
    assert_eq!(words(&ahead), ["hi"]);
    assert!(!compares(&gaps, &gap).await);
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    drop(ahead);
    assert!(compares(&gaps, &gap).await);
    let with_id = vec![said("hi", Some("m1"))];
    let passed = gaps.pass((&tenant(), &desk()), &session("a"), with_id).await;
    assert_eq!(words(&passed), ["hi"], "with an id it goes ahead");
    // A desk that refuses is no reason to let go of what may be in it.
    gaps.refuse(&key());
    assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
}

#[tokio::test(start_paused = true)]
async fn words_whose_wait_ended_before_the_next_fetch_has_them_stand_behind_the_gap() {
    // The fetch after the one that was waited for is told, or about to be, before they go on.
    for told in [false, true] {
        let (bed, gaps) = opened(&["a"]).await;
        let callback = passes(&gaps, "a");
        tokio::task::yield_now().await;
        let gap = next(&gaps).await;
        gaps.close(&gap, Some(["hello"]));
        stands_behind(&bed, &gaps, "a");
        assert_eq!(next(&gaps).await, gap);
        assert!(compares(&gaps, &gap).await, "they are not under way");
        if told {
            gaps.close(&gap, Some(["hello", "hi"]));
        }
        let passed = callback.await.unwrap();
        assert_eq!(words(&passed), ["behind", "hi"], "told: {told}");
        assert!(passed.let_go.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_is_made_anew_is_waited_for_also_if_the_first_was_in_vain() {
    let (_bed, gaps) = opened(&["a"]).await;
    let gap = next(&gaps).await;
    for _ in 0..2 {
        assert_eq!(words(&passes(&gaps, "a").await.unwrap()), ["behind", "hi"]);
    }
    assert!(compares(&gaps, &gap).await);
    gaps.fetches_anew(&gap);
    let callback = passes(&gaps, "a");
    tokio::time::sleep(HOLD_FOR / 2).await;
    assert!(!callback.is_finished());
    gaps.close(&gap, Some(["hello"]));
    assert_eq!(words(&callback.await.unwrap()), ["hi"]);
}
