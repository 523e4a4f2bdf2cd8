//! Why a token, or a configuration, is not accepted.

/// Why a token is not accepted. Nothing of the token is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not a JSON Web Token, or one with more in it than any login gives.
    #[error("the token is malformed")]
    Malformed,
    /// Not one of RS256, RS384, RS512: `none` and keys that are shared prove nothing.
    #[error("the token is signed with an algorithm that is not accepted; use RS256")]
    BadAlgorithm,
    /// The login has published no such key.
    #[error("the token is signed with a key that the login does not publish")]
    UnknownKey,
    /// Changed, or signed by somebody else.
    #[error("the token's signature does not match")]
    BadSignature,
    /// Given by another login or tenant.
    #[error(
        "the token is from a login or tenant that is not accepted; the bot's registration must be in \
         MicrosoftAppTenantId, or for all tenants"
    )]
    WrongIssuer,
    /// Made out for somebody else.
    #[error(
        "the token is made out for another app: the bot must ask for the scope <our app id>/.default"
    )]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time is still to come.
    #[error("the token is not valid yet: compare this machine's clock")]
    NotYetValid,
    /// It names no app that it was given to.
    #[error("the token does not say which app it was given to")]
    NoApp,
    /// Given to a user who signed in, and not to an app that acts by itself.
    #[error("the token was given to a user; a bot has to ask for one with its own credentials")]
    OfAUser,
    /// Given by somebody else than the cloud's channels.
    #[error(
        "the token is from none of the Bot Framework's channels: check the cloud in the settings; \
         the Emulator's tokens have to be switched on"
    )]
    NotAChannel,
    /// Made out for another bot.
    #[error(
        "the token is made out for another bot: the Azure Bot's Microsoft App ID must be \
         MicrosoftAppId"
    )]
    ForAnotherBot,
    /// The activity would be answered elsewhere than the channel said.
    #[error("the activity's serviceUrl is not the one that its token was made out for")]
    WrongServiceUrl,
    /// The key may not speak for that channel.
    #[error("the token's key is not endorsed for the activity's channelId")]
    NotEndorsed,
    /// Whether it is good cannot be told: the login's keys cannot be fetched.
    #[error("the login's keys cannot be fetched now; try again soon")]
    KeysUnavailable,
}

impl VerifyError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed_token",
            Self::BadAlgorithm => "bad_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::WrongIssuer | Self::NotAChannel => "wrong_issuer",
            Self::WrongAudience | Self::ForAnotherBot => "wrong_audience",
            Self::Expired => "token_expired",
            Self::NotYetValid => "token_not_yet_valid",
            Self::NoApp => "no_app",
            Self::OfAUser => "token_of_a_user",
            Self::WrongServiceUrl => "service_url_mismatch",
            Self::NotEndorsed => "channel_not_endorsed",
            Self::KeysUnavailable => "keys_unavailable",
        }
    }

    /// The HTTP status to answer with: 401 for a token that proves nothing, 403 for one that proves
    /// too little, 503 if it may be good.
    pub fn status(&self) -> u16 {
        match self {
            Self::KeysUnavailable => 503,
            Self::NotEndorsed => 403,
            _ => 401,
        }
    }

    /// Whether the token may be good: then the answer is 503 and not 401.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::KeysUnavailable)
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VerifyConfigError {
    /// Keys from anywhere else could be anybody's.
    #[error(
        "the address of the login's metadata must be an https URL; http is for this machine only"
    )]
    NotAnAddress,
    /// Without an audience, tokens for others would pass.
    #[error("MicrosoftAppId must be set: it is what a bot's tokens have to be made out for")]
    NoAudience,
    /// A name in place of a tenant's id: tokens carry the id.
    #[error(
        "MicrosoftAppTenantId must be the tenant's id, such as \
         11111111-2222-3333-4444-555555555555, and not {tenant:?}: tokens carry the id"
    )]
    NotATenantId {
        /// What was configured.
        tenant: String,
    },
    /// TLS cannot work.
    #[error("this machine has no usable root certificates; install the ca-certificates package")]
    RootCertificates(#[source] std::io::Error),
}

impl VerifyConfigError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnAddress => "not_an_address",
            Self::NoAudience => "no_audience",
            Self::NotATenantId { .. } => "not_a_tenant_id",
            Self::RootCertificates(_) => "root_certificates",
        }
    }
}
