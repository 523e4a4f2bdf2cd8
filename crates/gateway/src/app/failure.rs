//! Why a gateway does not start, or does not go on.

use bot_framework::{
    client::BotConfigError,
    connector::ConnectorConfigError,
    verify::{ChannelVerifyConfigError, VerifyConfigError},
};
use session::id::{BotId, DeskId, TenantId};
use store::StoreError;
use vault::SealError;

use crate::{console::PasswordHashError, edge::callers::SharedSecret, secrets::SecretError};

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be used.
    #[error("the store cannot be used")]
    Store(#[from] StoreError),
    /// The master key is not the one the data was sealed with.
    #[error(
        "the master key is not the one this data was sealed with; put back the key that was used \
         before, or use another data directory"
    )]
    WrongMasterKey,
    /// The files of conversations cannot be used.
    #[error("the files of conversations cannot be used")]
    Files(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The keys cannot be made.
    #[error("the keys cannot be derived")]
    Keys(#[from] SealError),
    /// The audit trail cannot be used.
    #[error(transparent)]
    Audit(#[from] crate::audit::AuditError),
    /// A secret of the configuration cannot be kept.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Two owners share a secret.
    #[error(transparent)]
    SharedSecret(#[from] SharedSecret),
    /// The console's password hash is none.
    #[error("the console's password hash cannot be used: it {0}")]
    ConsolePassword(PasswordHashError),
    /// A desk's settings do not make a client.
    #[error("desk {desk} of tenant {tenant} cannot be reached with these settings")]
    Desk {
        /// Whose.
        tenant: TenantId,
        /// Which.
        desk: DeskId,
        /// Why.
        #[source]
        source: servicenow::ConfigError,
    },
    /// A bot's settings do not make a client.
    #[error("bot {bot} of tenant {tenant} cannot be reached with these settings")]
    Bot {
        /// Whose.
        tenant: TenantId,
        /// Which.
        bot: BotId,
        /// Why.
        #[source]
        source: BotFault,
    },
    /// A bot's channels cannot be had with these settings.
    #[error("the channels of bot {bot} of tenant {tenant} cannot be had with these settings")]
    Channel {
        /// Whose.
        tenant: TenantId,
        /// Which.
        bot: BotId,
        /// Why.
        #[source]
        source: ChannelFault,
    },
    /// The system refused a thread or a socket.
    #[error("the system refused a thread or a socket")]
    System(#[from] std::io::Error),
}

/// What is wrong with the settings of a bot.
#[derive(Debug, thiserror::Error)]
pub enum BotFault {
    /// Where it is, or as whom we come.
    #[error(transparent)]
    Reach(BotConfigError),
    /// How its own calls are proven.
    #[error(transparent)]
    Verify(VerifyConfigError),
}

/// What is wrong with the settings of a bot's channels.
#[derive(Debug, thiserror::Error)]
pub enum ChannelFault {
    /// How the Connector is reached.
    #[error(transparent)]
    Reach(ConnectorConfigError),
    /// How calls are proven.
    #[error(transparent)]
    Verify(ChannelVerifyConfigError),
}

impl StartError {
    /// Another process has the data open; when it ends, this goes away.
    pub fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(StoreError::InUse { .. }))
    }
}

/// Why a gateway did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Something ended by itself.
    #[error("the {part} ended by itself")]
    Ended {
        /// What.
        part: &'static str,
    },
}
