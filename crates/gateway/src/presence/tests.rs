//! When somebody counts as there, by the table; and that sessions are told of it.

use session::id::Timestamp;
use store::Store as _;

use super::*;
use crate::bed::{Bed, Fault, START, breath_of};

const ONE: ConversationId = ConversationId(1);
const TWO: ConversationId = ConversationId(2);

fn table() -> (Table, Instant) {
    (Table::default(), Instant::now())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Table {
    fn all(&mut self, now: Instant) -> Vec<(ConversationId, Tell)> {
        self.take(now, usize::MAX)
    }

    /// Comes to each moment that the table names, up to `end`, and collects what it tells.
    fn over(&mut self, end: Instant) -> Vec<(Instant, ConversationId, Tell)> {
        let mut told = Vec::new();
        while let Some(at) = self.next().filter(|&at| at <= end) {
            told.extend(self.all(at).into_iter().map(|(id, tell)| (at, id, tell)));
        }
        told
    }
}

#[test]
fn the_first_sign_of_a_page_is_told_once_and_its_last_stream_five_seconds_after() {
    let (mut table, start) = table();
    assert!(table.opened(ONE, start));
    assert!(table.opened(ONE, start));
    assert_eq!(table.over(start + seconds(600)), [(start, ONE, Tell::Back)]);
    table.closed(ONE, start + seconds(5));
    assert_eq!(table.over(start + seconds(600)), [], "another stream is open");
    table.closed(ONE, start + seconds(25));
    assert_eq!(table.over(start + seconds(24)), []);
    assert_eq!(table.over(start + seconds(25)), [(start + seconds(25), ONE, Tell::Away)]);
    assert_eq!(table.len(), (0, 0), "nothing is left behind");
}

#[test]
fn a_page_that_is_loaded_anew_never_left() {
    let (mut table, start) = table();
    table.opened(ONE, start);
    table.all(start);
    table.closed(ONE, start + seconds(5));
    table.opened(ONE, start + seconds(4));
    assert_eq!(table.over(start + seconds(600)), []);
}

#[test]
fn a_call_counts_for_a_minute_and_so_does_the_next() {
    let (mut table, start) = table();
    table.called(ONE, start);
    table.called(ONE, start + seconds(50));
    let (back, gone) = (start, start + seconds(110));
    let expected = [(back, ONE, Tell::Back), (gone, ONE, Tell::Away)];
    assert_eq!(table.over(start + seconds(600)), expected);
}

#[test]
fn a_stream_that_closes_cuts_no_call_short() {
    let (mut table, start) = table();
    table.called(ONE, start);
    table.opened(ONE, start);
    table.all(start);
    table.closed(ONE, start + seconds(6));
    assert_eq!(table.over(start + seconds(59)), []);
    assert_eq!(table.all(start + seconds(60)), [(ONE, Tell::Away)]);
}

#[test]
fn who_was_told_to_be_away_is_told_to_be_back_with_the_next_sign() {
    let (mut table, start) = table();
    table.called(ONE, start);
    table.over(start + seconds(60));
    table.opened(ONE, start + seconds(70));
    assert_eq!(table.all(start + seconds(70)), [(ONE, Tell::Back)]);
}

#[test]
fn users_of_before_the_start_are_away_after_a_minute_unless_they_come() {
    let (mut table, start) = table();
    let by = start + BACK_WITHIN;
    table.forgotten(ONE, by);
    table.forgotten(TWO, by);
    table.opened(TWO, start + seconds(20));
    let expected = [(start + seconds(20), TWO, Tell::Back), (by, ONE, Tell::Away)];
    assert_eq!(table.over(start + seconds(600)), expected);
}

#[test]
fn a_forgotten_one_who_came_before_it_was_read_is_there() {
    let (mut table, start) = table();
    table.opened(ONE, start);
    table.forgotten(ONE, start + BACK_WITHIN);
    assert_eq!(table.over(start + seconds(600)), [(start, ONE, Tell::Back)]);
}

#[test]
fn what_could_not_be_told_is_told_later_and_in_order() {
    let (mut table, start) = table();
    let later = |count| start + seconds(count);
    table.opened(ONE, start);
    assert_eq!(table.all(start), [(ONE, Tell::Back)]);
    table.not_told(ONE, Tell::Back, later(1));
    table.closed(ONE, later(5));
    let expected = [(later(1), ONE, Tell::Back), (later(5), ONE, Tell::Away)];
    assert_eq!(table.over(later(5)), expected);
    table.not_told(ONE, Tell::Away, later(6));
    assert_eq!(table.over(later(6)), [(later(6), ONE, Tell::Away)]);
    table.opened(ONE, later(6));
    table.not_told(ONE, Tell::Away, later(7));
    assert_eq!(table.over(later(600)), [(later(6), ONE, Tell::Back)], "they came meanwhile");
}

#[test]
fn what_could_not_be_told_pauses_even_after_its_time() {
    let (mut table, start) = table();
    table.opened(ONE, start);
    table.closed(ONE, start + seconds(5));
    assert_eq!(table.all(start + seconds(6)), [(ONE, Tell::Back)]);
    table.not_told(ONE, Tell::Back, start + seconds(7));
    assert_eq!(table.all(start + seconds(6)), []);
    assert_eq!(table.next(), Some(start + seconds(7)));
    assert_eq!(table.all(start + seconds(7)), [(ONE, Tell::Back)]);
    assert_eq!(table.all(start + seconds(7)), [(ONE, Tell::Away)]);
}

#[test]
fn a_round_is_bounded_and_the_rest_comes_in_the_next() {
    let (mut table, start) = table();
    for id in 0..5 {
        table.called(ConversationId(id), start);
    }
    assert_eq!(table.take(start, 3).len(), 3);
    assert_eq!(table.next(), Some(start));
    assert_eq!(table.take(start, 3).len(), 2);
}

#[test]
fn beyond_the_limit_nobody_new_is_tracked_and_nobody_taken_for_gone() {
    let (mut table, start) = table();
    let limit = i64::try_from(TRACKED_MAX).unwrap();
    for id in 0..limit {
        table.called(ConversationId(id), start);
    }
    let newcomer = ConversationId(limit);
    assert!(!table.opened(newcomer, start));
    table.called(newcomer, start);
    table.forgotten(newcomer, start);
    assert_eq!(table.len(), (TRACKED_MAX, TRACKED_MAX));
    assert!(!table.over(start + seconds(600)).iter().any(|&(_, id, _)| id == newcomer));
}

/// Presence at work over a real engine.
struct Scene {
    bed: Bed,
    presence: Arc<Presence>,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl Scene {
    fn new(bed: Bed) -> Self {
        let (presence, stop) = (Arc::new(Presence::default()), CancellationToken::new());
        let store = Arc::clone(&bed.store) as Arc<dyn Store>;
        let run = Arc::clone(&presence).run(store, bed.engine.clone(), stop.clone());
        Self { bed, presence, stop, running: tokio::spawn(run) }
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Waits, at most ten minutes of the paused clock; the engine's thread lives in real time and gets
/// some of it.
async fn wait_for(bed: &Bed, what: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        breath_of(bed).await;
    }
    panic!("it never came");
}

fn next_deadline(bed: &Bed) -> Option<Timestamp> {
    bed.store.next_deadline().unwrap()
}

/// Whether the next deadline is so many minutes after the beginning.
fn due_after(bed: &Bed, minutes: u64) -> bool {
    next_deadline(bed) == Some(START.after(Duration::from_mins(minutes)))
}

async fn waiting(bed: &Bed) -> ConversationId {
    bed.says("c1", "agent").await;
    bed.hears("c1", vec![session::News::Queued]).await;
    assert!(due_after(bed, 30));
    bed.row("c1").id
}

#[tokio::test(start_paused = true)]
async fn an_open_session_whose_user_did_not_come_back_after_a_start_ends_after_its_grace() {
    let bed = Bed::new();
    let id = waiting(&bed).await;
    let scene = Scene::new(bed.restarted(crate::bed::policy()).await);
    let bed = &scene.bed;
    let began = Instant::now();
    wait_for(bed, || due_after(bed, 10)).await;
    assert!(began.elapsed() >= BACK_WITHIN);
    bed.advance(Duration::from_mins(10));
    let due = next_deadline(bed).unwrap();
    bed.take(Arrival::event(Target::Conversation(id), Event::Deadline { due })).await;
    assert_eq!(bed.status("c1"), "cancelled user_left");
    assert_eq!(bed.told("c1")[2..], ["<user_left>", "<back_with_bot>"]);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_open_session_whose_user_comes_back_after_a_start_goes_on() {
    let bed = Bed::new();
    let id = waiting(&bed).await;
    // Away when the gateway died.
    bed.take(Arrival::event(Target::Conversation(id), Event::UserAway)).await;
    let scene = Scene::new(bed.restarted(crate::bed::policy()).await);
    let stream = scene.presence.attend(id);
    wait_for(&scene.bed, || due_after(&scene.bed, 30)).await;
    tokio::time::sleep(BACK_WITHIN * 2).await;
    assert!(due_after(&scene.bed, 30));
    drop(stream);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn presence_that_changes_nothing_writes_nothing() {
    let bed = Bed::new();
    bed.says("c1", "hello").await;
    let id = waiting_nobody(&bed);
    for event in [Event::UserBack, Event::UserAway, Event::UserAway] {
        let before = bed.row("c1").state;
        bed.take(Arrival::event(Target::Conversation(id), event)).await;
        assert_eq!(bed.row("c1").state, before, "sealed anew, it would differ");
    }
    waiting(&bed).await;
    let before = bed.row("c1").state;
    bed.take(Arrival::event(Target::Conversation(id), Event::UserBack)).await;
    assert_eq!(bed.row("c1").state, before);
    bed.take(Arrival::event(Target::Conversation(id), Event::UserAway)).await;
    let away = bed.row("c1").state;
    assert_ne!(away, before, "the counter-proof");
    bed.take(Arrival::event(Target::Conversation(id), Event::UserAway)).await;
    assert_eq!(bed.row("c1").state, away);
}

fn waiting_nobody(bed: &Bed) -> ConversationId {
    assert_eq!(next_deadline(bed), None);
    bed.row("c1").id
}

#[tokio::test(start_paused = true)]
async fn what_a_full_disk_refused_is_told_when_there_is_room() {
    let bed = Bed::new();
    let id = waiting(&bed).await;
    let scene = Scene::new(bed);
    let stream = scene.presence.attend(id);
    scene.bed.store.set(Fault::Full);
    drop(stream);
    let gone_at = Instant::now() + STREAM_GONE_AFTER;
    wait_for(&scene.bed, || scene.presence.lock().next().is_some_and(|at| at > gone_at)).await;
    assert!(due_after(&scene.bed, 30), "it was refused");
    scene.bed.store.set(Fault::None);
    wait_for(&scene.bed, || due_after(&scene.bed, 10)).await;
    scene.end().await;
}
