//! The names of lanes: written and read here and nowhere else.

use session::id::{DeskId, TenantId, UserId};
use store::{ConversationId, LaneKey};

/// Ids hold no control characters, so the separator cannot be forged.
const SEPARATOR: char = '\u{1f}';

/// The lane of a person at a desk: the end of one chat must reach it before the next begins.
pub(crate) fn desk_lane(tenant: &TenantId, desk: &DeskId, user: &UserId) -> LaneKey {
    LaneKey(format!("desk{SEPARATOR}{tenant}{SEPARATOR}{desk}{SEPARATOR}{user}").into())
}

/// The lane of a conversation to its bot.
pub(crate) fn bot_lane(conversation: ConversationId) -> LaneKey {
    LaneKey(format!("bot{SEPARATOR}{}", conversation.0).into())
}

/// The desk a lane leads to; `None` for a bot's.
pub(crate) fn desk_of(lane: &LaneKey) -> Option<(TenantId, DeskId)> {
    let mut parts = lane.0.split(SEPARATOR);
    if parts.next() != Some("desk") {
        return None;
    }
    Some((TenantId::new(parts.next()?).ok()?, DeskId::new(parts.next()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_says_which_desk_it_leads_to() {
        let (tenant, desk) = (TenantId::new("t:1").unwrap(), DeskId::new("d 1").unwrap());
        let lane = desk_lane(&tenant, &desk, &UserId::new("desk").unwrap());
        assert_eq!(desk_of(&lane), Some((tenant, desk)));
        assert_eq!(desk_of(&bot_lane(ConversationId(7))), None);
    }
}
