//! A desk that is away while many wait for it: through the running dispatcher.

use std::future::Future;

use futures_util::future::join_all;
use session::{Event, Said};
use store::Target;
use tokio::task::JoinHandle;

use super::*;
use crate::{
    bed::{key, other_bot, other_desk, policy, says, visitor},
    engine::Arrival,
};

/// Lanes at the desk that is away.
const MANY: usize = 1_000;

/// A dispatcher that runs, with a second desk that is there.
struct Running {
    bed: Bed,
    away: Instance,
    there: Instance,
    stop: CancellationToken,
    dispatcher: JoinHandle<()>,
    /// Wakes the dispatcher: it looks at the clock, which is moved by hand.
    hints: mpsc::Sender<LaneKey>,
}

impl Running {
    /// The first desk is down, and this many people ask for an agent there.
    async fn with(people: usize) -> Self {
        let Desk { mut bed, instance: away, mut dispatcher } = Desk::new().await;
        let there = Instance::start().await;
        let link = DeskLink {
            desk: other_desk(),
            reach: Current::new(Reach {
                client: Arc::new(Client::new(there.config()).unwrap()),
                dress: Dress { token: None, commands: Vec::new(), receipts: true },
                wording: Wording::default(),
                handing: Handing::Upload,
            }),
            gate: Gate::new(Destination::Desk(tenant(), other_desk()), &dispatcher.observer),
        };
        dispatcher.desks.insert((tenant(), other_desk()), link);
        away.is_down(true);
        join_all((0..people).map(|n| bed.submit(says(&format!("p{n}"), "agent")))).await;
        let stop = CancellationToken::new();
        let (hints, receiver) = mpsc::channel(10_000);
        let mut committed = std::mem::replace(&mut bed.lanes, mpsc::channel(1).1);
        let forward = hints.clone();
        tokio::spawn(async move {
            while let Some(lane) = committed.recv().await {
                forward.send(lane).await.ok();
            }
        });
        let dispatcher =
            tokio::spawn(Dispatcher { stop: stop.clone(), ..dispatcher }.run(receiver));
        Self { bed, away, there, stop, dispatcher, hints }
    }

    /// Waits until nothing is under way at the desk that is away: what waits is parked, or waits
    /// for its back-off.
    async fn is_quiet(&self) {
        let soon = self.bed.clock.now().after(Duration::from_secs(11));
        until("everything waits", || async {
            // In this order: a lease that is over was one of these requests, and its failure counts.
            let opened = self.away.requests().len() >= 10;
            let lanes = self.bed.store.lanes(10_000).unwrap();
            let leased = lanes.iter().any(|ready| ready.at > soon);
            (opened && !leased).then_some(())
        })
        .await;
    }

    /// Moves the clock, and has the dispatcher look at it.
    async fn advance(&self, by: Duration) {
        self.bed.advance(by);
        self.hints.send(lane::bot_lane(&tenant(), &bot(), store::ConversationId(0))).await.unwrap();
    }

    async fn ends(self) {
        self.stop.cancel();
        self.dispatcher.await.unwrap();
    }
}

async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// Somebody asks for an agent at the desk that is there.
fn asks_elsewhere(name: &str) -> Arrival {
    let mut owner = key(name);
    owner.bot = other_bot();
    let (visitor, fresh) = (visitor(name), crate::bed::session(name));
    let event = Event::UserSaid { visitor, said: Said::words("agent"), key: None, fresh };
    Arrival::event(Target::Key(owner), event)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_lanes_at_a_desk_that_is_away_cost_no_commit_and_delay_nobody() {
    let desk = Running::with(MANY).await;
    desk.is_quiet().await;
    let attempts = desk.away.requests().len();
    assert!(attempts <= 2 * ATTEMPTS_MAX, "{attempts} attempts until the breaker opened");
    let (commits, looks) = (desk.bed.store.commits(), desk.bed.store.looks());
    // Everybody says more; and every lane comes up again at the next look.
    for n in 0..MANY {
        desk.hints.send(lane_to(&crate::bed::desk(), &format!("p{n}"))).await.unwrap();
    }
    until("two looks at the store", || async {
        (desk.bed.store.looks() >= looks + 2).then_some(())
    })
    .await;
    assert_eq!(desk.bed.store.commits(), commits, "parked lanes cost nothing");
    // Two seconds later one lane probes, and another desk's words go out at once.
    desk.advance(Duration::from_secs(2)).await;
    desk.is_quiet().await;
    until("a probe", || async { (desk.away.requests().len() > attempts).then_some(()) }).await;
    desk.bed.take(asks_elsewhere("q")).await;
    desk.there.called().await;
    desk.is_quiet().await;
    assert!(desk.away.requests().len() <= attempts + 2, "one probe at a time");
    let cost = desk.bed.store.commits() - commits;
    assert!(cost <= 12, "{cost} commits for a probe and for one who asked elsewhere");
    desk.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_words_are_told_to_wait_once_fail_in_time_and_go_out_when_the_desk_is_back() {
    let desk = Running::with(300).await;
    desk.is_quiet().await;
    desk.advance(Duration::from_secs(4)).await;
    let told = |what: &'static str| {
        let count =
            |n: usize| desk.bed.told(&format!("p{n}")).iter().filter(|t| *t == what).count();
        (0..300).map(count).collect::<Vec<_>>()
    };
    let all = vec![1; 300];
    until("everybody knows that it takes time", || async { (told("<held>") == all).then_some(()) })
        .await;
    // One who comes later is there when the budget of the others ends.
    desk.advance(policy().ask_within.saturating_sub(Duration::from_secs(10))).await;
    desk.bed.take(says("late", "agent")).await;
    desk.advance(Duration::from_secs(10)).await;
    until("their requests fail", || async {
        let failed = |n: usize| desk.bed.status(&format!("p{n}")) == "fail unreachable";
        (0..300).all(failed).then_some(())
    })
    .await;
    assert_eq!(told("<held>"), all, "told once");
    assert_eq!(desk.bed.status("late"), "waiting");
    desk.away.is_down(false);
    desk.away.forget();
    until("the end of every one, and the one who still waits", || async {
        desk.advance(Duration::from_secs(2)).await;
        let texts = desk.away.texts();
        let of = |what: &str| texts.iter().filter(|text| *text == what).count();
        (of("END_CONVERSATION") == 300 && of("AGENT") == 1).then_some(())
    })
    .await;
    assert_eq!(desk.bed.status("late"), "waiting");
    desk.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_withdrawn_while_its_desk_is_away_is_reported_and_never_sent() {
    let desk = Running::with(20).await;
    desk.is_quiet().await;
    desk.bed.take(says("q", "agent")).await;
    let head = {
        let lanes = desk.bed.store.lanes(100).unwrap();
        lanes.iter().find(|ready| ready.lane.0.ends_with('q')).unwrap().head
    };
    // From here on the dispatcher runs ahead of the test: it may have reported at the first look.
    desk.bed.take(says("q", "cancel")).await;
    until("it is reported", || async {
        let lanes = desk.bed.store.lanes(100).unwrap();
        let mine = lanes.into_iter().find(|ready| ready.lane.0.ends_with('q'))?;
        (mine.head != head).then_some(())
    })
    .await;
    // The end that follows may be the next probe.
    let asked =
        |request: &serde_json::Value| request["userId"] == "q" && request["action"] == "AGENT";
    assert!(!desk.away.requests().iter().any(asked), "nobody was asked for");
    desk.ends().await;
}
