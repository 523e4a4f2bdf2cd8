//! What is seen of a running gateway: metrics, the feed, and a line in the log for each request and
//! each delivery.
//!
//! Edges, engine and dispatcher tell one [`Observer`] what happened, each with one call; what is made
//! of it is decided here and nowhere else. Telling is cheap: counters are found once at start and are
//! atomics, and while nobody listens to the feed nothing is made for it.
//!
//! Nothing in here knows or shows what a person wrote, who they are, or a secret. Labels come from
//! closed lists (`words`) and from the names of tenants, desks and bots in the configuration.

mod answered;
mod attempted;
mod batch;
mod breakers;
mod codes;
mod credentials;
mod feed;
mod histogram;
mod metrics;
mod scrape;
#[cfg(test)]
mod tests;
mod words;

use std::{sync::Arc, time::Duration};

use session::id::{DeskId, TenantId, Timestamp};
use store::{Numbers, Store};

pub(crate) use answered::Answered;
pub(crate) use attempted::Attempted;
pub(crate) use batch::{Committed, Noted, Notes};
pub use feed::{Feed, Heard, Passage};
pub(crate) use words::{BreakerState, CatchUp, EffectName, EventName, RouteName, Unnamed};
pub use words::{Outcome, PassageKind};

pub(crate) use histogram::Spread;
pub(crate) use metrics::{BotNamed, FileNumbers, Totals};

use crate::{
    clock::Clock,
    lane::Destination,
    observe::{
        feed::Speaker,
        metrics::Metrics,
        scrape::{Newest, Standing},
    },
};

/// Whoever is told what happens.
#[derive(Debug)]
pub struct Observer {
    clock: Clock,
    speaker: Speaker,
    metrics: Metrics,
    newest: Newest,
}

impl Observer {
    /// Of a gateway with this clock and these desks.
    pub(crate) fn new(clock: Clock, desks: &[(TenantId, DeskId)]) -> Arc<Self> {
        let metrics = Metrics::new(desks, clock.now());
        Arc::new(Self { clock, speaker: Speaker::new(), metrics, newest: Newest::default() })
    }

    /// These bots are configured from now on.
    pub(crate) fn bots(&self, bots: &[BotNamed]) {
        self.metrics.bots.set(bots);
        self.metrics.channels.set(bots);
    }

    /// Listens to the feed from now on.
    pub fn listen(&self) -> Feed {
        self.speaker.listen()
    }

    /// Listens to what has greater numbers than `seq`, also where it has passed already.
    pub fn listen_after(&self, seq: u64) -> Feed {
        self.speaker.listen_after(seq)
    }

    /// What a batch that begins now may have to tell, should it be committed.
    pub(crate) fn notes(&self) -> Notes {
        Notes::new(self.speaker.is_heard())
    }

    /// The engine committed a batch. To be told before anybody is answered: who was answered finds
    /// it here.
    pub(crate) fn committed(&self, batch: Committed) {
        let took = batch.ended.duration_since(batch.began);
        self.metrics.committed(batch.jobs, took, batch.notes.events());
        for (tenant, milestone) in batch.notes.milestones() {
            self.metrics.reached(tenant, milestone);
        }
        if batch.notes.is_heard() {
            self.pass(batch.notes.into_passages(millis(took)));
        }
    }

    /// A transaction failed; its halves run again.
    pub(crate) fn batch_failed(&self) {
        self.metrics.batch_failed();
    }

    /// A frame with an entry that was committed then has left for an open stream.
    pub(crate) fn streamed(&self, committed_at: Timestamp) {
        self.metrics.streamed.took(self.clock.now().since(committed_at));
    }

    /// What a chat missed was looked for.
    pub(crate) fn caught_up(&self, tenant: &TenantId, desk: &DeskId, came: CatchUp, rows: usize) {
        self.metrics.desk(tenant, desk).caught_up(came, rows);
    }

    /// Callbacks had things that have no name here.
    pub(crate) fn unnamed(&self, things: impl IntoIterator<Item = Unnamed>) {
        things.into_iter().for_each(|what| self.metrics.unnamed(what));
    }

    /// The numbers of files.
    pub(crate) fn files(&self) -> &FileNumbers {
        &self.metrics.files
    }

    /// So many old repeats were forgotten.
    pub(crate) fn swept(&self, repeats: usize) {
        self.metrics.swept.inc_by(u64::try_from(repeats).unwrap_or(u64::MAX));
    }

    /// So many segments were shredded.
    pub(crate) fn shredded(&self, segments: usize) {
        self.metrics.shredded.inc_by(u64::try_from(segments).unwrap_or(u64::MAX));
    }

    /// The room of a shredded segment could not be given back.
    pub(crate) fn stuck(&self) {
        self.metrics.stuck.inc();
    }

    /// So many conversations were forgotten.
    pub(crate) fn forgotten(&self, conversations: u64) {
        self.metrics.forgotten.inc_by(conversations);
    }

    /// So much is sealed under old root keys.
    pub(crate) fn under_old_keys(&self, left: u64) {
        self.metrics.under_old_keys.set(i64::try_from(left).unwrap_or(i64::MAX));
    }

    /// What the store says of itself, and whether that is new enough. Read every two seconds at most,
    /// and once at a time, however many ask.
    pub(crate) async fn numbers(&self, store: &Arc<dyn Store>) -> (Option<Arc<Numbers>>, bool) {
        self.newest.of(store).await
    }

    /// Everything that was counted so far, summed up.
    pub(crate) fn totals(&self) -> Totals {
        self.metrics.totals()
    }

    /// How long attempts at a desk or a bot took.
    pub(crate) fn took(&self, to: &Destination) -> Spread {
        match to {
            Destination::Desk(tenant, desk) => self.metrics.desk(tenant, desk).took(),
            Destination::Channel(tenant, bot) => self.metrics.channels.took(tenant, bot),
            Destination::Bot(tenant, bot) => self.metrics.bots.took(tenant, bot),
        }
    }

    /// Everything in Prometheus' text form. Reads the store, every two seconds at most.
    pub(crate) async fn metrics(
        &self,
        store: &Arc<dyn Store>,
        streams: usize,
        queue: usize,
    ) -> String {
        let (store, store_read) = self.numbers(store).await;
        let standing = Standing { streams, queue, store, store_read };
        self.metrics.text(&standing, self.clock.now())
    }

    fn pass(&self, passages: impl IntoIterator<Item = Passage>) {
        self.speaker.pass(self.clock.now(), passages);
    }
}

/// Milliseconds to the microsecond.
fn millis(span: Duration) -> f64 {
    // Exact below 285 years.
    #[expect(clippy::cast_precision_loss, reason = "a span, not a sum of money")]
    let micros = span.as_micros() as f64;
    micros / 1_000.0
}
