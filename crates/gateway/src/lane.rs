//! The names of lanes: written and read here and nowhere else.

use session::id::{BotId, DeskId, TenantId, UserId};
use store::{ConversationId, LaneKey};

/// Ids hold no control characters, so the separator cannot be forged.
const SEPARATOR: char = '\u{1f}';

/// What a lane leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Destination {
    /// A desk of a tenant.
    Desk(TenantId, DeskId),
    /// A bot of a tenant.
    Bot(TenantId, BotId),
    /// The users of a bot on channels that are brought what is for them: their Connector.
    Channel(TenantId, BotId),
}

/// The lane of a person at a desk: the end of one chat must reach it before the next begins.
pub(crate) fn desk_lane(tenant: &TenantId, desk: &DeskId, user: &UserId) -> LaneKey {
    LaneKey(format!("desk{SEPARATOR}{tenant}{SEPARATOR}{desk}{SEPARATOR}{user}").into())
}

/// The lane of a conversation to its bot.
pub(crate) fn bot_lane(tenant: &TenantId, bot: &BotId, conversation: ConversationId) -> LaneKey {
    let conversation = conversation.0;
    LaneKey(format!("bot{SEPARATOR}{tenant}{SEPARATOR}{bot}{SEPARATOR}{conversation}").into())
}

/// The lane of a conversation to its user, on a channel that does not read the log.
pub(crate) fn channel_lane(
    tenant: &TenantId,
    bot: &BotId,
    conversation: ConversationId,
) -> LaneKey {
    let conversation = conversation.0;
    LaneKey(format!("channel{SEPARATOR}{tenant}{SEPARATOR}{bot}{SEPARATOR}{conversation}").into())
}

/// Where a lane leads; `None` for lanes to bots that were named before bots had destinations.
pub(crate) fn destination(lane: &LaneKey) -> Option<Destination> {
    let mut parts = lane.0.split(SEPARATOR);
    let (kind, tenant, whom) = (parts.next()?, parts.next()?, parts.next()?);
    let tenant = TenantId::new(tenant).ok()?;
    match kind {
        "desk" => Some(Destination::Desk(tenant, DeskId::new(whom).ok()?)),
        "bot" => Some(Destination::Bot(tenant, BotId::new(whom).ok()?)),
        "channel" => Some(Destination::Channel(tenant, BotId::new(whom).ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_says_where_it_leads() {
        let (tenant, desk) = (TenantId::new("t:1").unwrap(), DeskId::new("d 1").unwrap());
        let bot = BotId::new("desk").unwrap();
        let lane = desk_lane(&tenant, &desk, &UserId::new("desk").unwrap());
        assert_eq!(destination(&lane), Some(Destination::Desk(tenant.clone(), desk)));
        let lane = bot_lane(&tenant, &bot, ConversationId(7));
        assert_eq!(destination(&lane), Some(Destination::Bot(tenant.clone(), bot.clone())));
        let lane = channel_lane(&tenant, &bot, ConversationId(7));
        assert_eq!(destination(&lane), Some(Destination::Channel(tenant, bot)));
    }

    #[test]
    fn a_lane_that_an_earlier_version_named_leads_nowhere_in_particular() {
        assert_eq!(destination(&LaneKey("bot\u{1f}7".into())), None);
    }
}
