//! The channels of Azure Bot Service: Teams, and whatever else an Azure Bot is connected to.

use bot_framework::{connector::ConnectorConfig, verify::ChannelVerifyConfig};

/// How a bot is reached through Azure Bot Service, and how it answers there.
#[derive(Debug, Clone)]
pub struct ChannelSetup {
    /// As whom, and where, Warmline speaks to the channels.
    pub connector: ConnectorConfig,
    /// How what comes to `/api/messages` is proven.
    pub verify: ChannelVerifyConfig,
    /// The tenants of Entra whose users may come, by their ids in lower case; empty for all.
    pub tenants: Vec<String>,
}
