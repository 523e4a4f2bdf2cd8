//! The proof of what a bot presents: that a token is from Entra, for us, and who its bearer is; and of
//! what a channel presents: that an activity is from it, for us, and where it may be answered.
//!
//! Owns what is accepted and what is not (reference 2.2, rules 1 to 8).
//! Never reads the wall clock, never asks the bearer's own claims where keys are (`jku`, `x5u` and
//! `jwk` in a token are passed over), and leaves to its caller whether *this* bot may do what it
//! wants: [`Proven::app_id`] has to be compared with the bot that the conversation belongs to.
//!
//! | module | owns |
//! | --- | --- |
//! | `token` | the three parts, and the one algorithm family that is verified |
//! | `keys` | who signs: the metadata and keys that a login publishes, kept and renewed |
//! | `entra` | whose tokens are accepted: issuer, audience, time, app |
//! | `channel` | the same of channels' tokens, and `serviceurl` and endorsements |
//! | `known` | what was proven a moment ago, so that it need not be again |
//!
//! The first two and the last know nothing of either.
//!
//! The audience is always our own. The SDKs let a bot's own outbound token pass on their emulator
//! path (reference 2.2, hazard); here nothing does that was not made out for us.

use http::Uri;
use outbound::{PrivateHosts, Reach};

use entra::{Rules, is_guid};
use keys::{Keys, is_safe};
use known::{Ends, Known};
use token::Token;

mod channel;
mod entra;
mod error;
mod keys;
mod known;
mod seconds;
mod token;

pub use channel::{
    ChannelClaims, ChannelVerifier, ChannelVerifyConfig, ChannelVerifyConfigError, Kind,
    ProvenChannel,
};
pub use error::{VerifyConfigError, VerifyError};

/// What tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyConfig {
    /// Where the login publishes its keys, such as
    /// `https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration` (reference
    /// 2.2); http on this machine only. Its host tells which of Entra's clouds it is.
    pub metadata: Uri,
    /// Whom tokens have to be made out for: our own app id. One is enough.
    pub audiences: Vec<String>,
    /// Tenants whose tokens are accepted, by their ids. Those in which multi-tenant bots get their
    /// tokens are accepted as well.
    pub tenants: Vec<String>,
    /// Further issuers, exactly as tokens name them.
    pub issuers: Vec<String>,
    /// Hosts that may be in a private network, should the metadata name them for the keys.
    pub private_hosts: PrivateHosts,
}

impl VerifyConfig {
    /// Whether it can be used at all. Connects to nothing.
    pub fn check(&self) -> Result<(), VerifyConfigError> {
        if !is_safe(&self.metadata, Reach::ThisMachine) {
            return Err(VerifyConfigError::NotAnAddress);
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|name| name.trim().is_empty()) {
            return Err(VerifyConfigError::NoAudience);
        }
        match self.tenants.iter().find(|tenant| !is_guid(tenant)) {
            Some(tenant) => Err(VerifyConfigError::NotATenantId { tenant: tenant.clone() }),
            None => Ok(()),
        }
    }
}

/// Who presented a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// The app that the token was given to, in lower case.
    pub app_id: String,
    /// The tenant that gave it, in lower case.
    pub tenant: Option<String>,
    /// When it ends, in seconds since 1970.
    pub expires_at: u64,
}

impl Ends for Proven {
    fn ends_at(&self) -> u64 {
        self.expires_at
    }
}

/// Verifies tokens. Share it: keys and what was proven are kept inside.
#[derive(Debug)]
pub struct Verifier {
    config: VerifyConfig,
    rules: Rules,
    keys: Keys,
    known: Known<Proven>,
}

impl Verifier {
    /// Prepares a verifier; fetches nothing yet.
    pub fn new(config: VerifyConfig) -> Result<Self, VerifyConfigError> {
        config.check()?;
        let keys = Keys::new(config.metadata.clone(), &config.private_hosts)?;
        let rules = Rules::new(&config);
        Ok(Self { config, rules, keys, known: Known::default() })
    }

    /// Whether a verifier of this configuration would be the same: then this one, with its keys, can
    /// stay.
    pub fn is_as(&self, config: &VerifyConfig) -> bool {
        self.config == *config
    }

    /// Fetches the keys and tells how many there are, or why they cannot be had.
    pub async fn examine_keys(&self) -> Result<usize, String> {
        self.keys.examine().await
    }

    /// Proves a token, the part after `Bearer`, at a moment in seconds since 1970.
    ///
    /// Waits for keys only if there are none for it, and only for a token that would be accepted if
    /// it were genuine; so strangers cannot have us ask for keys more often than once a minute.
    pub async fn verify(&self, token: &str, now_unix_s: u64) -> Result<Proven, VerifyError> {
        let token = Token::read(token)?;
        let digest = token.digest();
        if let Some(proven) = self.known.find(&digest, self.keys.edition(), now_unix_s) {
            return Ok(proven);
        }
        let accepted = self.rules.check(token.claims(), now_unix_s);
        let kid = token.kid();
        let found = if let Some(found) = self.keys.find(kid).await {
            found
        } else {
            accepted.as_ref().map_err(Clone::clone)?;
            self.keys.find_new(kid).await?
        };
        token.prove(&found.key.decoding)?;
        let proven = accepted?;
        self.known.keep(digest, found.edition, proven.clone());
        Ok(proven)
    }
}

#[cfg(test)]
mod tests;
