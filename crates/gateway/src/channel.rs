//! A channel of Azure Bot Service: Teams, Slack, a Direct Line that Azure hosts, and so on.
//!
//! Here is what such a channel's activities say and what it is told, without doing either:
//! [`reference`] is what is needed to speak into a conversation at any later time, [`words`] what an
//! activity of a user's says, [`outgoing`] how a log entry goes out, [`pace`] when one may.
//!
//! It deliberately does not know: tokens, HTTP, the outbox, and the rules of a session.

mod html;
mod ids;
mod link;
pub(crate) mod outgoing;
pub(crate) mod pace;
pub(crate) mod reference;
pub(crate) mod timezone;
pub(crate) mod words;

use session::id::ChannelId;

use crate::edge::direct_line;

#[cfg(any(test, feature = "fuzz"))]
pub(crate) use html::text as html_text;
pub(crate) use ids::{Later, own_about, own_id, own_reply_to, refers_to};
pub use link::ChannelSetup;
pub(crate) use link::{ChannelLink, Channels, Homes, People};
pub(crate) use outgoing::{Place, Sending};
pub(crate) use pace::Pace;
pub(crate) use reference::{Account, Reference, tenants_named};

/// What Teams calls itself in `channelId`.
pub(crate) const TEAMS: &str = "msteams";

/// By what member a card that asks for a user's consent, and their answer, name a file of ours.
pub(crate) const CONSENT_MEMBER: &str = "warmlineFile";

/// What a Direct Line that Azure hosts calls itself, which is what the embedded one does.
pub(crate) const DIRECT_LINE: &str = "directline";

/// By which name its conversations are kept, so that they never meet those of the embedded one.
pub(crate) const AZURE_DIRECT_LINE: &str = "azure-directline";

/// The channel as its conversations are kept: without the sub-channel that newer senders append
/// (`msteams:COPILOT`, reference 1.1).
pub(crate) fn kept_as(channel_id: &str) -> &str {
    let channel = channel_id.split(':').next().unwrap_or_default();
    if channel == DIRECT_LINE { AZURE_DIRECT_LINE } else { channel }
}

/// The channel as the wire knows it.
pub(crate) fn on_the_wire(kept: &str) -> &str {
    if kept == AZURE_DIRECT_LINE { DIRECT_LINE } else { kept }
}

/// Whether users of this channel are brought what is in the log, because it does not read there.
pub(crate) fn is_carried(channel: &ChannelId) -> bool {
    channel.as_str() != direct_line::CHANNEL
}

/// Whether it is Microsoft Teams.
pub(crate) fn is_teams(channel: &ChannelId) -> bool {
    channel.as_str() == TEAMS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direct_line_of_azures_never_meets_the_embedded_one() {
        for (given, kept, wire) in [
            ("msteams", TEAMS, "msteams"),
            ("msteams:COPILOT", TEAMS, "msteams"),
            ("directline", AZURE_DIRECT_LINE, "directline"),
            ("slack", "slack", "slack"),
        ] {
            assert_eq!(kept_as(given), kept);
            assert_eq!(on_the_wire(kept), wire);
        }
    }
}
