//! What the sweeper forgets and what it leaves.

use session::id::Number;
use store::{Answer, Changes, NewRepeat, Placed, RepeatKey};

use super::*;
use crate::bed::{Bed, says_again};

fn sweeper(bed: &Bed) -> Sweeper {
    Sweeper {
        store: Arc::clone(&bed.store) as Arc<dyn Store>,
        files: bed.files(),
        clock: bed.clock.clone(),
        observer: Arc::clone(&bed.observer),
    }
}

/// Has the user say something keyed, and after it so much more that a store which keeps the newest
/// repeats for longer does not keep this one.
async fn said_long_ago(bed: &Bed, more: i64) {
    let conversation = bed.take(says_again("c", "hi", "dl:1")).await.conversation;
    let at = bed.clock.now();
    let answer = Answer(session::id::Number(1));
    let repeats = (1..=more).map(|key| NewRepeat { conversation, key: RepeatKey(key), answer, at });
    bed.save(&Changes { repeats: repeats.collect(), ..Changes::default() });
}

#[tokio::test]
async fn repeats_are_forgotten_after_a_day_and_not_sooner() {
    let bed = Bed::new();
    said_long_ago(&bed, 900).await;
    bed.advance(REPEATS_FOR);
    assert_eq!(sweeper(&bed).slice().await.unwrap(), 0);
    assert_eq!(bed.take(says_again("c", "hi", "dl:1")).await.number.0, 1, "still a repeat");
    bed.advance(Duration::from_millis(1));
    assert!(sweeper(&bed).slice().await.unwrap() > 0);
    assert_eq!(bed.take(says_again("c", "hi", "dl:1")).await.number.0, 2);
}

#[tokio::test(start_paused = true)]
async fn a_round_takes_slice_after_slice_until_nothing_old_is_left() {
    let bed = Bed::new();
    said_long_ago(&bed, 2_500).await;
    bed.advance(REPEATS_FOR + Duration::from_secs(1));
    let stop = CancellationToken::new();
    let running = tokio::spawn(sweeper(&bed).run(stop.clone()));
    tokio::time::sleep(SWEEP_EVERY + Duration::from_secs(1)).await;
    stop.cancel();
    running.await.unwrap();
    let again = bed.take(says_again("c", "hi", "dl:1")).await;
    assert_eq!(again.number.0, 2, "the oldest is forgotten");
    assert_eq!(sweeper(&bed).slice().await.unwrap(), 0, "and so is the last");
}

#[tokio::test(start_paused = true)]
async fn a_round_goes_on_while_old_ids_of_channels_are_left() {
    let bed = Bed::new();
    let conversation = bed.says("c", "hi").await.conversation;
    let at = bed.clock.now();
    let placed = (1..=2_500).map(|number| Placed {
        conversation,
        number: Number(number),
        placed_as: number.to_string().into(),
        at,
    });
    bed.save(&Changes { placed: placed.collect(), ..Changes::default() });
    let as_placed = |number| bed.store.placed_as(conversation, Number(number)).unwrap();
    assert!(as_placed(1).is_some() && as_placed(2_500).is_some());
    bed.advance(PLACED_FOR + Duration::from_secs(1));
    let stop = CancellationToken::new();
    let running = tokio::spawn(sweeper(&bed).run(stop.clone()));
    tokio::time::sleep(SWEEP_EVERY + Duration::from_secs(1)).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!((as_placed(1), as_placed(2_500)), (None, None));
    assert_eq!(bed.store.forget_placed(bed.clock.now(), SLICE_MAX).unwrap(), 0);
}
