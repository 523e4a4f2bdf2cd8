//! What is seen of a running gateway: metrics, the feed, and a line in the log for each request and
//! each delivery.
//!
//! Edges, engine and dispatcher tell one [`Observer`] what happened, each with one call; what is made
//! of it is decided here and nowhere else. Telling is cheap: counters are found once at start and are
//! atomics, and while nobody listens to the feed nothing is made for it.
//!
//! Nothing in here knows or shows what a person wrote, who they are, or a secret. Labels come from
//! closed lists (`words`) and from the names of tenants, desks and bots in the configuration.

mod batch;
mod codes;
mod feed;
mod histogram;
mod metrics;
mod scrape;
#[cfg(test)]
mod tests;
mod words;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::http::Method;
use session::{
    What,
    id::{BotId, DeskId, SessionId, TenantId, Timestamp},
};
use store::{Numbers, Store, Work};

pub(crate) use batch::{Committed, Noted, Notes};
pub use feed::{Feed, Heard, Passage};
pub(crate) use words::{BreakerState, CatchUp, EffectName, EventName, RouteName, Unnamed};
pub use words::{Outcome, PassageKind};

pub(crate) use histogram::Spread;
pub(crate) use metrics::{BotNamed, FileNumbers, Totals};

use crate::{
    clock::{Clock, unix_seconds},
    edge::callers::SecretAge,
    lane::Destination,
    observe::{
        feed::Speaker,
        metrics::{Counted, Metrics},
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

/// A request that was answered.
pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    /// The route's pattern, never the path or the query: they hold ids and tickets, and whatever
    /// strangers make up.
    pub(crate) route: Option<&'a str>,
    pub(crate) status: u16,
    /// The machine code, if it was refused.
    pub(crate) code: Option<&'static str>,
    pub(crate) took: Duration,
}

/// An attempt at an effect that has ended, also one that was not made.
pub(crate) struct Attempted<'a> {
    pub(crate) work: &'a Work,
    pub(crate) what: &'a What,
    pub(crate) tenant: &'a TenantId,
    /// Whose conversation it is.
    pub(crate) bot: &'a BotId,
    pub(crate) outcome: Outcome,
    /// `done`, or the machine code of what went wrong.
    pub(crate) code: &'static str,
    pub(crate) took: Duration,
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

    /// An edge answered a request.
    pub(crate) fn answered(&self, request: &Answered<'_>) {
        let Answered { method, route, status, code, took } = *request;
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    http.method = %method,
                    http.route = route.unwrap_or("(no route)"),
                    http.status = status,
                    error.code = code,
                    duration_ms = took.as_millis(),
                    "a request was answered"
                )
            };
        }
        let name = RouteName::of(method, route);
        // An open console asks again and again; orders have a line of their own.
        let looks = matches!(*method, Method::GET | Method::HEAD);
        if name == RouteName::Console && looks && status < 400 {
            line!(debug);
        } else {
            line!(info);
        }
        self.metrics.doors.answered(name, status, took);
        if self.speaker.is_heard() {
            let outcome = match status {
                ..400 => Outcome::Ok,
                400..500 => Outcome::Refused,
                500.. => Outcome::Failed,
            };
            self.pass([Passage {
                status: Some(status),
                code,
                ms: Some(millis(took)),
                ..Passage::new(PassageKind::Request, name.as_str(), outcome)
            }]);
        }
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

    /// The dispatcher made an attempt, or came to know that none is to be made.
    pub(crate) fn attempted(&self, attempt: &Attempted<'_>) {
        let Attempted { work, what, tenant, bot, outcome, code, took } = *attempt;
        let kind = EffectName::of(what);
        let session = work.session.as_ref().map(SessionId::as_str);
        tracing::info!(
            delivery.kind = kind.as_str(),
            delivery.outcome = code,
            delivery.row = work.effect.0,
            conversation.row = work.conversation.0,
            session.id = session,
            attempt = work.attempts,
            duration_ms = took.as_millis(),
            "an effect was attempted"
        );
        let desk = what.desk_lane().map(|(desk, _)| desk);
        let waited = self.clock.now().since(work.at);
        let counted = Counted { kind, outcome, code, took, waited };
        self.metrics.attempted(tenant, desk, bot, counted);
        if outcome == Outcome::Failed {
            tracing::warn!(
                delivery.row = work.effect.0,
                delivery.kind = kind.as_str(),
                delivery.outcome = code,
                session.id = session,
                "an effect was given up and is kept as a dead letter: see `warmline dead-letters`"
            );
        }
        if self.speaker.is_heard() {
            self.pass([Passage {
                conversation: Some(work.conversation.0),
                session: work.session.clone(),
                tenant: Some(tenant.clone()),
                desk: desk.cloned(),
                bot: desk.is_none().then(|| bot.clone()),
                code: (outcome != Outcome::Done).then_some(code),
                attempt: Some(work.attempts),
                ms: Some(millis(took)),
                waited_ms: Some(millis(waited)),
                ..Passage::new(PassageKind::Effect, kind.as_str(), outcome)
            }]);
        }
    }

    /// A destination's breaker came to another state.
    pub(crate) fn breaker(&self, whose: &Destination, state: BreakerState) {
        let (tenant, desk, bot) = match whose {
            Destination::Desk(tenant, desk) => {
                self.metrics.desk(tenant, desk).breaker(state);
                say_of_desk((tenant.as_str(), desk.as_str()), state);
                (tenant, Some(desk), None)
            }
            Destination::Channel(tenant, bot) => {
                self.metrics.channels.breaker(tenant, bot, state);
                say_of_channel((tenant.as_str(), bot.as_str()), state);
                (tenant, None, Some(bot))
            }
            Destination::Bot(tenant, bot) => {
                self.metrics.bots.breaker(tenant, bot, state);
                say_of_bot((tenant.as_str(), bot.as_str()), state);
                (tenant, None, Some(bot))
            }
        };
        if self.speaker.is_heard() {
            let outcome = match state {
                BreakerState::Open => Outcome::Failed,
                BreakerState::Recovering | BreakerState::Closed => Outcome::Ok,
            };
            self.pass([Passage {
                tenant: Some(tenant.clone()),
                desk: desk.cloned(),
                bot: bot.cloned(),
                ..Passage::new(PassageKind::Breaker, state.as_str(), outcome)
            }]);
        }
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

    /// An instance presented this secret of its desk. Of the previous one the log is told now and then:
    /// whoever changes a secret wants to know when nobody needs the old one any more.
    pub(crate) fn presented(&self, tenant: &TenantId, desk: &DeskId, age: SecretAge) {
        let now_s = unix_seconds(self.clock.now());
        let is_told = self.metrics.desk(tenant, desk).presented(age, now_s);
        if is_told && age == SecretAge::Previous {
            tracing::info!(
                tenant.id = tenant.as_str(),
                desk.id = desk.as_str(),
                "ServiceNow still presents the previous webhook secret"
            );
        }
    }

    /// A callback with a secret that is right came from an address that is not on the desk's list.
    pub(crate) fn called_from_elsewhere(
        &self,
        tenant: &TenantId,
        desk: &DeskId,
        source: Option<IpAddr>,
    ) {
        let now_s = unix_seconds(self.clock.now());
        if self.metrics.desk(tenant, desk).called_from_elsewhere(now_s) {
            let source = source.map(|source| source.to_string());
            tracing::warn!(
                tenant.id = tenant.as_str(),
                desk.id = desk.as_str(),
                client.address = source.as_deref().unwrap_or("unknown"),
                "a callback with the right webhook secret came from an address that is not allowed"
            );
        }
    }

    /// Whoever is to be told of a desk's tokens.
    pub(crate) fn tokens(self: &Arc<Self>, tenant: &TenantId, desk: &DeskId) -> TokensOf {
        TokensOf { observer: Arc::clone(self), tenant: tenant.clone(), desk: desk.clone() }
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

/// Told of one desk's tokens.
#[derive(Debug)]
pub(crate) struct TokensOf {
    observer: Arc<Observer>,
    tenant: TenantId,
    desk: DeskId,
}

impl servicenow::TokenWatch for TokensOf {
    fn granted(&self) {
        self.observer.metrics.desk(&self.tenant, &self.desk).token(None);
    }

    fn failed(&self, code: &'static str) {
        self.observer.metrics.desk(&self.tenant, &self.desk).token(Some(code));
    }
}

fn say_of_desk((tenant, desk): (&str, &str), state: BreakerState) {
    match state {
        BreakerState::Open => {
            tracing::warn!(
                tenant,
                desk,
                "the desk does not take requests; words wait until it does"
            );
        }
        BreakerState::Recovering => tracing::info!(tenant, desk, "the desk answers again"),
        BreakerState::Closed => tracing::info!(tenant, desk, "the desk has recovered"),
    }
}

fn say_of_bot((tenant, bot): (&str, &str), state: BreakerState) {
    match state {
        BreakerState::Open => tracing::warn!(
            tenant,
            bot,
            "the bot does not take activities; its users are told, and can ask for a person"
        ),
        BreakerState::Recovering => tracing::info!(tenant, bot, "the bot answers again"),
        BreakerState::Closed => tracing::info!(tenant, bot, "the bot has recovered"),
    }
}

fn say_of_channel((tenant, bot): (&str, &str), state: BreakerState) {
    match state {
        BreakerState::Open => tracing::warn!(
            tenant,
            bot,
            "the Connector takes nothing for users of this bot's channels; it waits"
        ),
        BreakerState::Recovering => tracing::info!(tenant, bot, "the Connector answers again"),
        BreakerState::Closed => tracing::info!(tenant, bot, "the Connector has recovered"),
    }
}

/// Milliseconds to the microsecond.
fn millis(span: Duration) -> f64 {
    // Exact below 285 years.
    #[expect(clippy::cast_precision_loss, reason = "a span, not a sum of money")]
    let micros = span.as_micros() as f64;
    micros / 1_000.0
}
