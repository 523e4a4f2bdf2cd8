//! The breaker of a destination, which opened or closed: a line in the log for each kind of destination, a count,
//! and a passage.

use crate::{
    lane::Destination,
    observe::{BreakerState, Observer, Outcome, Passage, PassageKind},
};

impl Observer {
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
