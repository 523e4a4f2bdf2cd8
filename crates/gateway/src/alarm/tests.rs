//! Deadlines that come, that are stale, and that are many.

use std::{pin::pin, time::Duration};

use futures_util::FutureExt;
use session::{News, Policy};

use super::*;
use crate::bed::{Bed, Fault, policy, says};

fn alarm(bed: &Bed) -> Alarm {
    Alarm {
        store: Arc::clone(&bed.store) as Arc<dyn Store>,
        engine: bed.engine.clone(),
        clock: bed.clock.clone(),
        hint: Arc::clone(&bed.alarm),
    }
}

#[tokio::test]
async fn a_deadline_fires_when_it_comes_and_only_once() {
    let bed = Bed::new();
    let alarm = alarm(&bed);
    assert_eq!(alarm.fire().await.unwrap(), SLEEP_MAX, "nothing is due, ever");
    bed.says("c", "agent").await;
    bed.advance(policy().longest_wait.saturating_sub(Duration::from_secs(5)));
    assert_eq!(alarm.fire().await.unwrap(), Duration::from_secs(5), "it sleeps as long as needed");
    assert_eq!(bed.status("c"), "waiting");
    bed.advance(Duration::from_secs(5));
    alarm.fire().await.unwrap();
    assert_eq!(bed.status("c"), "fail waited_too_long");
    let (told, commits) = (bed.told("c"), bed.store.commits());
    assert_eq!(alarm.fire().await.unwrap(), SLEEP_MAX);
    assert_eq!(bed.told("c"), told);
    assert_eq!(bed.store.commits(), commits, "there is nothing left to fire");
}

#[tokio::test]
async fn a_stale_deadline_does_nothing() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let stale = bed.store.next_deadline().unwrap().unwrap();
    bed.hears("c", vec![News::Active]).await;
    bed.advance(policy().longest_wait);
    let told = bed.told("c");
    let fired = alarm(&bed).fire_one(bed.row("c").id, stale).await;
    assert_eq!(fired, Fired::Taken);
    assert_eq!(bed.told("c"), told);
    assert_eq!(bed.status("c"), "connected");
}

#[tokio::test]
async fn more_deadlines_than_one_look_takes_all_fire() {
    let bed = Bed::new();
    let many = DUE_MAX + 20;
    let names: Vec<_> = (0..many).map(|n| format!("c{n}")).collect();
    join_all(names.iter().map(|name| bed.submit(says(name, "agent")))).await;
    bed.advance(policy().longest_wait);
    let alarm = alarm(&bed);
    assert_eq!(alarm.fire().await.unwrap(), SLEEP_MIN, "there is more");
    assert_eq!(alarm.fire().await.unwrap(), SLEEP_MAX);
    for name in &names {
        assert_eq!(bed.status(name), "fail waited_too_long", "{name}");
    }
}

#[tokio::test]
async fn a_deadline_that_could_not_be_taken_comes_again_after_a_pause() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    bed.advance(policy().longest_wait);
    let alarm = alarm(&bed);
    bed.store.set(Fault::Full);
    assert_eq!(alarm.fire().await.unwrap(), PAUSE);
    bed.store.set(Fault::None);
    alarm.fire().await.unwrap();
    assert_eq!(bed.status("c"), "fail waited_too_long");
}

#[tokio::test]
async fn an_earlier_deadline_wakes_the_sleeping_alarm() {
    let bed = Bed::new().restarted(Policy { longest_wait: Duration::ZERO, ..policy() }).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(alarm(&bed).run(stop.clone()));
    let sleeps = async {
        while bed.alarm.until.load(Ordering::SeqCst) == i64::MAX {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SLEEP_MAX / 3, sleeps).await.unwrap();
    bed.says("c", "agent").await;
    let fired = async {
        while bed.status("c") == "waiting" {
            tokio::task::yield_now().await;
        }
    };
    // By itself it would sleep three times as long.
    tokio::time::timeout(SLEEP_MAX / 3, fired).await.unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[test]
fn only_an_earlier_deadline_or_one_of_the_waking_time_ends_the_sleep() {
    let wakeup = Wakeup::new();
    let mut sleep = pin!(wakeup.earlier_than(Timestamp(1_000)));
    assert_eq!(sleep.as_mut().now_or_never(), None);
    for later in [1_000, 1_001, i64::MAX] {
        wakeup.deadline(Timestamp(later));
        assert_eq!(sleep.as_mut().now_or_never(), None, "{later}");
    }
    wakeup.deadline(Timestamp(999));
    assert_eq!(sleep.as_mut().now_or_never(), Some(()));
    wakeup.awake();
    wakeup.deadline(Timestamp(5_000));
    let next = wakeup.earlier_than(Timestamp(2_000)).now_or_never();
    assert_eq!(next, Some(()), "it may have come after the look");
}
