//! Who is served while others stand still, and while the gateway stops.

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    task::JoinSet,
};

use super::*;
use crate::control::{
    conversation::{ERASURES_MAX, EXPORTS_MAX, Places, WALKS_MAX},
    wire::OneLine,
};

/// An export whose reader has taken one line.
async fn exports(served: &Served, user: &str) -> (Value, Lines<BufReader<UnixStream>>) {
    let tenant = crate::bed::tenant().as_str().to_owned();
    let mut stream = served.connect().await;
    let order = ExportPerson { tenant, user: user.to_owned() };
    stream.write_all(&order.to_line()).await.unwrap();
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    (serde_json::from_str(&first).unwrap(), lines)
}

/// Somebody of whom more is kept than the system buffers of what nobody reads.
async fn says_much(served: &Served, user: &str) {
    let words = "kolibri ".repeat(4_000);
    for _ in 0..30 {
        served.bed.says(user, &words).await;
    }
}

#[tokio::test]
async fn exports_that_nobody_reads_hold_up_no_other_order_and_end() {
    let served = Served::new();
    says_much(&served, "c").await;
    served.bed.says("d", "hi").await;
    let mut standing = Vec::new();
    for _ in 0..EXPORTS_MAX {
        let (first, lines) = exports(&served, "c").await;
        assert!(first["conversation"].is_object(), "{first}");
        standing.push(lines);
    }
    let (refused, mut rest) = exports(&served, "d").await;
    assert_eq!(refused["error"]["code"], "busy", "{refused}");
    assert_eq!(rest.next_line().await.unwrap(), None);
    for _ in 0..2 * ORDERS_MAX {
        assert_eq!(served.ask(&ListLetters { limit: 1 }).await, Ok(Vec::new()));
    }
    let tenant = crate::bed::tenant().as_str().to_owned();
    let erased = served.ask(&ErasePerson { tenant, user: "d".to_owned() }).await;
    assert_eq!(erased.unwrap().conversations, 1);
    // Whoever takes nothing for long is left, and others have the place.
    tokio::time::pause();
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while exports(&served, "c").await.0["error"]["code"] == "busy" {
        assert!(std::time::Instant::now() < deadline, "they hold their places");
        tokio::time::sleep(LINE_WITHIN).await;
    }
    drop(standing);
    let gone = trail(&served).await.into_iter().filter(|(_, _, outcome)| outcome == "gone");
    assert!(gone.count() >= 1);
}

#[tokio::test]
async fn erasures_wait_for_each_other_in_places_of_their_own() {
    let served = Arc::new(Served::new());
    let held = Arc::clone(&served.persons.erasing).lock_owned().await;
    let mut asked = JoinSet::new();
    for _ in 0..=ERASURES_MAX {
        let served = Arc::clone(&served);
        asked.spawn(async move {
            let tenant = crate::bed::tenant().as_str().to_owned();
            served.ask(&ErasePerson { tenant, user: "nobody".to_owned() }).await
        });
    }
    let first = asked.join_next().await.unwrap().unwrap();
    assert_eq!(code(first), "busy");
    for _ in 0..2 * ORDERS_MAX {
        assert_eq!(served.ask(&ListLetters { limit: 1 }).await, Ok(Vec::new()));
    }
    drop(held);
    while let Some(erased) = asked.join_next().await {
        assert_eq!(erased.unwrap().unwrap().conversations, 0);
    }
}

#[tokio::test]
async fn orders_that_go_through_everything_leave_the_short_places() {
    let places = Places::new();
    let fit = async |order: OneLine| places.fit(&order).await;
    let retire = || OneLine::Keys(KeysOrder::RetireKey { root: "1f2e3d4c".to_owned() });
    let mut walking = Vec::new();
    for _ in 0..WALKS_MAX {
        walking.push(fit(retire()).await.unwrap());
    }
    let refused = fit(OneLine::Keys(KeysOrder::KeysStatus)).await;
    assert_eq!(refused.map(drop).unwrap_err().code, "busy");
    assert_eq!(places.orders.available_permits(), ORDERS_MAX);
    let short = fit(OneLine::Keys(KeysOrder::RotateKeys)).await.unwrap();
    assert_eq!(places.orders.available_permits(), ORDERS_MAX - 1);
    drop((walking, short));
    assert!(fit(retire()).await.is_ok());
}

#[tokio::test]
async fn a_gateway_that_stops_answers_what_is_under_way_and_refuses_who_has_not_ordered_yet() {
    let served = Arc::new(Served::new());
    served.bed.says("c", "agent").await;
    let id = buried(&served.bed, "c", "unreadable").await;
    let mut late = served.connect().await;
    served.bed.store.hold();
    let ordered = tokio::spawn({
        let served = Arc::clone(&served);
        async move { served.ask(&OneLetter::Drop { id }).await }
    });
    served.bed.store.stands_before_commit().await;
    served.stop.cancel();
    let mut answer = Vec::new();
    late.read_to_end(&mut answer).await.unwrap();
    assert_eq!(code(read_answer::<Letter>(&answer).unwrap()), "stopping");
    assert!(!served.folder.path().join(SOCKET).exists(), "nobody else comes");
    assert!(!served.serving.is_finished(), "it waits for what is under way");
    served.bed.store.release();
    assert_eq!(ordered.await.unwrap().unwrap().id, id);
    let mut served = Arc::into_inner(served).unwrap();
    (&mut served.serving).await.unwrap();
}

#[tokio::test]
async fn an_order_that_fails_in_the_gateway_is_answered() {
    let failed = UnderWay::default().carried_out::<()>(async { panic!("in the gateway") }).await;
    assert_eq!(code(failed), "failed");
}
