//! Segments of the log and the times of its entries.

use std::{sync::atomic::Ordering, time::Duration};

use session::{News, id::Number};
use store::{Forgetting, SegmentId};

use super::*;
use crate::{
    bed::{START, agent_said, says},
    clock::Clock,
};

/// The segment of each entry.
fn segments(bed: &Bed, name: &str) -> Vec<SegmentId> {
    let rows = bed.store.entries_after(bed.row(name).id, Number(0), 1_000).unwrap();
    rows.into_iter().map(|row| row.segment.unwrap().id).collect()
}

fn times(bed: &Bed, name: &str) -> Vec<i64> {
    bed.log(name).into_iter().map(|entry| entry.at.0 - START.0).collect()
}

#[tokio::test]
async fn bot_talk_and_live_chat_have_segments_of_their_own() {
    let bed = Bed::new();
    bed.says("c", "hi").await;
    bed.connected("c").await;
    bed.hears("c", vec![agent_said("hello")]).await;
    bed.hears("c", vec![News::Ended]).await;
    bed.says("c", "back").await;
    let told = bed.told("c");
    let expected = [
        ("hi", 0),
        ("agent", 0),
        ("<asked>", 0),
        ("<connected>", 1),
        ("hello", 1),
        ("<ended>", 1),
        ("<back_with_bot>", 1),
        ("back", 2),
    ];
    assert_eq!(told, expected.map(|(told, _)| told));
    let segments = segments(&bed, "c");
    let mut distinct = segments.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
    assert_eq!(segments, expected.map(|(_, segment)| distinct[segment]));
}

#[tokio::test]
async fn a_whole_chat_in_one_batch_is_cut_into_the_same_segments() {
    let bed = Bed::new();
    bed.says("c", "agent").await;
    let news = |news| crate::bed::news_for("c", vec![news]);
    let arrivals =
        vec![news(agent_said("hello")), says("c", "bye now"), news(News::Ended), says("c", "back")];
    let answers = all_at_once(&bed, arrivals).await;
    assert!(answers.iter().all(Result::is_ok));
    let mut distinct = segments(&bed, "c");
    distinct.dedup();
    assert_eq!(distinct.len(), 3);
    assert_eq!(
        bed.told("c"),
        [
            "agent",
            "<asked>",
            "<connected>",
            "hello",
            "bye now",
            "<ended>",
            "<back_with_bot>",
            "back"
        ]
    );
}

#[tokio::test]
async fn a_segment_is_cut_after_a_day() {
    let bed = Bed::new();
    bed.says("c", "first").await;
    bed.advance(Duration::from_hours(24) - Duration::from_millis(1));
    bed.says("c", "same day").await;
    bed.advance(Duration::from_millis(1));
    bed.says("c", "next day").await;
    let segments = segments(&bed, "c");
    assert_eq!(segments[0], segments[1]);
    assert_ne!(segments[1], segments[2]);
    assert_eq!(bed.told("c"), ["first", "same day", "next day"]);
}

#[tokio::test]
async fn a_shredded_segment_is_a_gap_and_the_talk_goes_on() {
    let bed = Bed::new();
    bed.says("c", "secret").await;
    bed.store.shred(&[segments(&bed, "c")[0]]).unwrap();
    assert_eq!(bed.says("c", "next").await.number.0, 2);
    bed.says("c", "one more").await;
    assert_eq!(bed.told("c"), ["next", "one more"]);
}

#[tokio::test]
async fn times_rise_strictly_when_the_clock_stands_still_or_jumps_back() {
    let bed = Bed::new();
    all_at_once(&bed, vec![says("c", "1"), says("c", "2")]).await;
    bed.advance(Duration::from_secs(10));
    bed.says("c", "3").await;
    let Clock::Manual(clock) = &bed.clock else { unreachable!() };
    clock.fetch_sub(60_000, Ordering::SeqCst);
    bed.says("c", "4").await;
    bed.advance(Duration::from_mins(1));
    bed.says("c", "5").await;
    bed.advance(Duration::from_secs(1));
    bed.says("c", "6").await;
    assert_eq!(times(&bed, "c"), [0, 1, 10_000, 10_001, 10_002, 11_000]);
}
