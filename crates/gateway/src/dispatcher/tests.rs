//! The dispatcher against a small instance on this machine. Time is a clock moved by hand, so no
//! test waits for a back-off; lanes are drained by calling what a worker calls.

mod away;
mod behind_gap;
mod catching_up;
mod failing;
mod instance;
mod sending;
mod signals;
mod traced;

use std::sync::Arc;

use servicenow::Client;
use session::id::{EffectNumber, UserId};
use store::{Claim, DeadLetter, Work};

use super::*;
use crate::{
    bed::{Bed, bot, desk, session, tenant},
    bot::{BuiltInBot, BuiltInBots},
    dispatcher::tests::instance::Instance,
};

/// The lane of this conversation's person at a desk.
fn lane_to(desk: &DeskId, name: &str) -> LaneKey {
    let person = name.split('/').next().unwrap();
    lane::desk_lane(&tenant(), desk, &UserId::new(person).unwrap())
}

/// A bed, an instance, and a dispatcher between them.
struct Desk {
    bed: Bed,
    instance: Instance,
    dispatcher: Dispatcher,
}

impl Desk {
    async fn new() -> Self {
        let instance = Instance::start().await;
        Self::on(Bed::new(), instance)
    }

    fn on(bed: Bed, instance: Instance) -> Self {
        let dress = Dress { token: None, commands: vec!["bye".to_owned()], receipts: true };
        let client = Arc::new(Client::new(instance.config()).unwrap());
        let gate = Gate::new(Destination::Desk(tenant(), desk()), &bed.observer);
        let (desk, wording) = (desk(), Wording::default());
        let handing = Handing::Upload;
        let reach = Current::new(Reach { client, dress, wording, handing });
        let reaches = HashMap::from([((tenant(), desk.clone()), Arc::clone(&reach))]);
        let files = bed.files();
        let media = bed.media(&files, reaches);
        let link = DeskLink { desk: desk.clone(), reach, gate };
        let dispatcher = Dispatcher {
            store: Arc::clone(&bed.store) as Arc<dyn Store>,
            vault: Arc::clone(&bed.vault),
            engine: bed.engine.clone(),
            clock: bed.clock.clone(),
            gaps: Arc::new(Gaps::new([(tenant(), desk.clone())])),
            openings: Openings::default(),
            observer: Arc::clone(&bed.observer),
            stop: CancellationToken::new(),
            tracing: crate::trace::Tracing::default(),
            desks: HashMap::from([((tenant(), desk), link)]),
            channels: Current::new(crate::channel::Channels::default()),
            files,
            media,
            handles: Handles::of(&bed.vault).unwrap(),
            wakes: Arc::clone(&bed.wakes),
            bots: Current::new(Bots::new(BuiltInBots::new(
                BuiltInBot::from_json(r#"{"greeting":"hi","fallback":"what?","topics":[]}"#)
                    .unwrap(),
            ))),
            language: crate::notices::Language::English,
            places: Arc::new(Semaphore::new(ATTEMPTS_MAX)),
        };
        Self { bed, instance, dispatcher }
    }

    /// The next life of the process.
    async fn restarted(self) -> Self {
        let Self { bed, instance, dispatcher } = self;
        drop(dispatcher);
        Self::on(bed.restarted(crate::bed::policy()).await, instance)
    }

    /// What a worker does in the desk lane of this conversation's person.
    async fn drain(&self, name: &str) -> LaneEnd {
        self.drain_lane(&lane_to(&desk(), name)).await
    }

    /// What a worker does in the bot lane of this conversation.
    async fn drain_bot(&self, name: &str) -> LaneEnd {
        self.drain_lane(&lane::bot_lane(&tenant(), &bot(), self.bed.row(name).id)).await
    }

    async fn drain_lane(&self, lane: &LaneKey) -> LaneEnd {
        let to = lane::destination(lane).filter(|to| self.dispatcher.gate(to).is_some());
        let asked = to.map(|to| self.dispatcher.ask(&to));
        let (with, until) = match asked {
            None => (Start::in_turn(Leave::Free), None),
            Some(Ok(start)) => (start, None),
            Some(Err(until)) => (Start::in_turn(Leave::Errand), Some(until)),
        };
        let end = self.dispatcher.drain(lane, with, &CancellationToken::new()).await;
        match end {
            // Parked: it comes up again when its desk's breaker may give leave.
            LaneEnd::Away(_) => LaneEnd::At(until.unwrap_or_else(|| {
                self.dispatcher.ask(&Destination::Desk(tenant(), desk())).map_or_else(
                    |until| until,
                    |_| self.bed.clock.now().after(Duration::from_millis(1)),
                )
            })),
            LaneEnd::Idle | LaneEnd::At(_) => end,
        }
    }

    /// Drains this lane again and again until nothing waits there; gives the moments between.
    async fn drain_to_the_end(&self, name: &str) -> usize {
        let mut waits = 0;
        while let LaneEnd::At(at) = self.drain(name).await {
            let wait = at.since(self.bed.clock.now());
            assert!(wait > Duration::ZERO, "a worker comes back only when there is time to wait");
            self.bed.advance(wait);
            waits += 1;
        }
        waits
    }

    /// A chat with an agent whose request was delivered.
    async fn connected(&self, name: &str) {
        self.bed.connected(name).await;
        assert_eq!(self.drain(name).await, LaneEnd::Idle);
        self.instance.forget();
    }

    async fn lease(&self, lane: LaneKey) -> Work {
        match self.bed.engine.claim(lane).await.unwrap() {
            Claim::Leased(work) => *work,
            other => panic!("nothing to lease: {other:?}"),
        }
    }

    fn dead(&self) -> Vec<DeadLetter> {
        self.bed.store.dead_letters(&store::Sight::ALL, 99).unwrap()
    }

    fn dead_reasons(&self) -> Vec<String> {
        self.dead().into_iter().map(|letter| letter.reason.into()).collect()
    }
}
