//! The dispatcher against a small instance on this machine. Time is a clock moved by hand, so no
//! test waits for a back-off; lanes are drained by calling what a worker calls.

mod catching_up;
mod failing;
mod instance;
mod sending;

use std::sync::Arc;

use servicenow::Client;
use session::id::EffectNumber;
use store::{Claim, DeadLetter, Work};

use super::*;
use crate::{
    bed::{Bed, desk, session, tenant},
    dispatcher::tests::instance::Instance,
};

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
        let dress = Dress { token: None, commands: vec!["bye".to_owned()] };
        let client = Client::new(instance.config()).unwrap();
        let breaker = SharedBreaker::new(&tenant(), &desk());
        let link = DeskLink { client, dress, wording: Wording::default(), breaker };
        let dispatcher = Dispatcher {
            store: Arc::clone(&bed.store) as Arc<dyn Store>,
            vault: Arc::clone(&bed.vault),
            engine: bed.engine.clone(),
            clock: bed.clock.clone(),
            desks: HashMap::from([((tenant(), desk()), link)]),
            bot: BuiltInBot::from_json(r#"{"greeting":"hi","fallback":"what?","topics":[]}"#)
                .unwrap(),
            gaps: Arc::new(Gaps::new([(tenant(), desk())])),
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
        let person = name.split('/').next().unwrap();
        self.drain_lane(&LaneKey(format!("desk\u{1f}t\u{1f}d\u{1f}{person}").into())).await
    }

    /// What a worker does in the bot lane of this conversation.
    async fn drain_bot(&self, name: &str) -> LaneEnd {
        let id = self.bed.row(name).id.0;
        self.drain_lane(&LaneKey(format!("bot\u{1f}{id}").into())).await
    }

    async fn drain_lane(&self, lane: &LaneKey) -> LaneEnd {
        self.dispatcher.drain(lane, &Semaphore::new(1), &CancellationToken::new()).await
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
        self.bed.store.dead_letters(99).unwrap()
    }

    fn dead_reasons(&self) -> Vec<String> {
        self.dead().into_iter().map(|letter| letter.reason.into()).collect()
    }
}
