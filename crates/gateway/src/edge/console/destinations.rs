//! Where things are delivered to, desks and bots of teams' own: whether they take them, how many are on
//! their way, how quick it is.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Extension, State},
};
use serde_json::{Value, json};

use store::Sight;

use super::{Recorder, closed, seats::Operator};
use crate::{
    behind::Bots,
    channel::{ChannelLink, Channels},
    clock::rfc3339,
    current::Current,
    dispatcher::{ATTEMPTS_MAX, BreakerSeen, Gate},
    edge::{Edge, answer::Refusal},
    lane,
};

/// All of them, as the dispatcher reaches them.
pub(crate) struct Destinations {
    /// In the order in which they are shown.
    pub(crate) desks: Vec<Destination>,
    /// Bots come and go with settings that are read anew.
    pub(crate) bots: Arc<Current<Bots>>,
    pub(crate) channels: Arc<Current<Channels>>,
}

/// A desk, a bot, or the channels of a bot.
#[derive(Clone)]
pub(crate) struct Destination {
    pub(crate) to: lane::Destination,
    pub(crate) gate: Gate,
}

/// How many are down.
pub(super) struct Down {
    pub(super) desks: usize,
    pub(super) bots: usize,
    pub(super) channels: usize,
}

impl Destinations {
    /// Those that there are now, the desks first.
    fn now(&self) -> Vec<Destination> {
        let bots = self.bots.get();
        let bot = |link: &Arc<crate::behind::BotLink>| Destination {
            to: lane::Destination::Bot(link.tenant.clone(), link.bot.clone()),
            gate: link.gate.clone(),
        };
        let mut bots: Vec<_> = bots.links().map(bot).collect();
        bots.sort_by(|a, b| a.to.cmp(&b.to));
        let channels = self.channels.get();
        let channel = |link: &Arc<ChannelLink>| Destination {
            to: lane::Destination::Channel(link.tenant.clone(), link.bot.clone()),
            gate: link.gate.clone(),
        };
        let mut channels: Vec<_> = channels.links().map(channel).collect();
        channels.sort_by(|a, b| a.to.cmp(&b.to));
        self.desks.iter().cloned().chain(bots).chain(channels).collect()
    }

    pub(super) fn down(&self, sight: &Sight) -> Down {
        let (mut desks, mut bots, mut channels) = (0, 0, 0);
        for one in self.now().iter().filter(|one| one.is_down() && one.is_in(sight)) {
            match one.to {
                lane::Destination::Desk(..) => desks += 1,
                lane::Destination::Bot(..) => bots += 1,
                lane::Destination::Channel(..) => channels += 1,
            }
        }
        Down { desks, bots, channels }
    }
}

impl Destination {
    fn is_in(&self, sight: &Sight) -> bool {
        let (lane::Destination::Desk(tenant, _)
        | lane::Destination::Bot(tenant, _)
        | lane::Destination::Channel(tenant, _)) = &self.to;
        sight.of(tenant.as_str())
    }

    /// Whether nothing but a probe goes there.
    fn is_down(&self) -> bool {
        matches!(self.gate.breaker.seen(), BreakerSeen::Open { .. })
    }

    fn shown(&self, recorder: &Recorder) -> Value {
        let (kind, tenant, name) = match &self.to {
            lane::Destination::Desk(tenant, desk) => ("desk", tenant, desk.as_str()),
            lane::Destination::Bot(tenant, bot) => ("bot", tenant, bot.as_str()),
            lane::Destination::Channel(tenant, bot) => ("channel", tenant, bot.as_str()),
        };
        let (state, failures, probe_at) = match self.gate.breaker.seen() {
            BreakerSeen::Closed { failures } => ("closed", Some(failures), None),
            BreakerSeen::Open { probe_at } => ("open", None, Some(rfc3339(probe_at))),
            BreakerSeen::Recovering => ("recovering", None, None),
        };
        let seen = recorder.destination(&self.to);
        json!({
            "kind": kind,
            "tenant": tenant.as_str(),
            "name": name,
            "breaker": state,
            "failures_in_a_row": failures,
            "probe_at": probe_at,
            "in_flight": ATTEMPTS_MAX.saturating_sub(self.gate.places.available_permits()),
            "in_flight_max": ATTEMPTS_MAX,
            "last_success_at": seen.last_success_at.map(rfc3339),
            "last_failure_at": seen.last_failure_at.map(rfc3339),
            "last_failure": seen.last_failure,
            "attempts": seen.attempts,
            "p50_ms": seen.p50_ms,
            "p99_ms": seen.p99_ms,
        })
    }
}

/// `GET /console/api/destinations`
pub(super) async fn destinations(
    State(edge): State<Arc<Edge>>,
    Extension(operator): Extension<Operator>,
) -> Result<Json<Value>, Refusal> {
    let console = edge.console.as_ref().ok_or_else(closed)?;
    let all = console.destinations.now();
    let shown: Vec<_> = all
        .iter()
        .filter(|one| one.is_in(&operator.sight))
        .map(|one| one.shown(&console.recorder))
        .collect();
    Ok(Json(json!({ "destinations": shown })))
}
