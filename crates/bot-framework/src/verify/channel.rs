//! Which channels' tokens are accepted: issuer, audience, time, where to answer, and for which
//! channel (reference 2.2).
//!
//! The Bot Framework signs for all bots and all channels, so the audience decides whose the token is,
//! and the `serviceurl` claim where the answer may go: without it, whoever got hold of one token could
//! have our own sent to an address of his. What an activity says of itself is compared with its token
//! each time; only what the token says is remembered.

use http::Uri;
use outbound::{PrivateHosts, Reach};

use super::keys::{Keys, is_safe};
use super::known::{Ends, Known};
use super::token::{Claims, Token};
use super::{Verifier, VerifyConfig, VerifyConfigError, VerifyError, seconds};
use crate::service_url::Parts;

/// What tokens are accepted from channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelVerifyConfig {
    /// Where the channels' keys are named; [`Cloud::channel_metadata`](crate::cloud::Cloud). Http on
    /// this machine only.
    pub metadata: Uri,
    /// Whom tokens are from, exactly; [`Cloud::channel_issuer`](crate::cloud::Cloud).
    pub issuer: String,
    /// Whom tokens have to be made out for: our own app ids. One is enough.
    pub audiences: Vec<String>,
    /// Whether tokens of Entra, which our own app got for itself, are accepted too, as the Emulator
    /// and the Agents Playground present them. Its `audiences` are not looked at: ours are.
    pub emulator: Option<VerifyConfig>,
    /// Hosts that may be in a private network, should the metadata name them for the keys.
    pub private_hosts: PrivateHosts,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChannelVerifyConfigError {
    /// Something that bots' tokens need as well.
    #[error(transparent)]
    Verify(#[from] VerifyConfigError),
    /// Keys from anywhere else could be anybody's.
    #[error(
        "the address of the channels' metadata must be an https URL; http is for this machine only"
    )]
    NotAnAddress,
    /// Without an issuer, tokens of anybody's would pass.
    #[error("the issuer of the channels' tokens must not be empty")]
    NoIssuer,
}

impl ChannelVerifyConfigError {
    /// The stable machine code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.code(),
            Self::NotAnAddress => "not_an_address",
            Self::NoIssuer => "no_issuer",
        }
    }
}

impl ChannelVerifyConfig {
    /// Whether it can be used at all. Connects to nothing.
    pub fn check(&self) -> Result<(), ChannelVerifyConfigError> {
        if !is_safe(&self.metadata, Reach::ThisMachine) {
            return Err(ChannelVerifyConfigError::NotAnAddress);
        }
        if self.issuer.trim().is_empty() {
            return Err(ChannelVerifyConfigError::NoIssuer);
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|name| name.trim().is_empty()) {
            return Err(VerifyConfigError::NoAudience.into());
        }
        Ok(self.of_emulator().map_or(Ok(()), |emulator| emulator.check())?)
    }

    /// The Emulator's rules with our own audiences, whatever was written there: the SDKs' hazard is a
    /// token that was made out for somebody else.
    fn of_emulator(&self) -> Option<VerifyConfig> {
        let emulator = self.emulator.clone()?;
        Some(VerifyConfig { audiences: self.audiences.clone(), ..emulator })
    }
}

/// What an activity says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChannelClaims<'a> {
    /// Its `serviceUrl`.
    pub service_url: Option<&'a str>,
    /// Its `channelId`.
    pub channel_id: Option<&'a str>,
}

/// Who presented a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenChannel {
    /// Whom the token is for: which of our app ids, in lower case.
    pub app_id: String,
    /// What kind of caller it is.
    pub kind: Kind,
    /// When the token ends, in seconds since 1970.
    pub expires_at: u64,
}

/// What kind of caller presented a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A channel of the Bot Framework.
    Channel,
    /// Somebody who has our own credentials, as a developer with the Emulator.
    Emulator,
}

/// Verifies channels' tokens. Share it: keys and what was proven are kept inside.
#[derive(Debug)]
pub struct ChannelVerifier {
    config: ChannelVerifyConfig,
    /// In lower case.
    audiences: Vec<String>,
    keys: Keys,
    known: Known<Said>,
    emulator: Option<Verifier>,
}

/// What a token says, and what its key may.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Said {
    app_id: String,
    service_url: String,
    endorsements: Vec<String>,
    expires_at: u64,
}

impl Ends for Said {
    fn ends_at(&self) -> u64 {
        self.expires_at
    }
}

impl Said {
    /// Whether the activity is the one that the token is about.
    fn allows(&self, about: ChannelClaims<'_>) -> Result<(), VerifyError> {
        self.is_at(about)?;
        // Empty lists endorse everything, as they do in the SDKs.
        if self.endorsements.is_empty() {
            return Ok(());
        }
        // A sub-channel (`msteams:COPILOT`) is endorsed with its channel.
        let channel = about.channel_id.unwrap_or_default().split(':').next().unwrap_or_default();
        if self.endorsements.iter().any(|endorsed| endorsed == channel) {
            Ok(())
        } else {
            Err(VerifyError::NotEndorsed)
        }
    }

    fn is_at(&self, about: ChannelClaims<'_>) -> Result<(), VerifyError> {
        let claimed = Parts::read(&self.service_url).ok_or(VerifyError::WrongServiceUrl)?;
        match about.service_url.and_then(Parts::read) {
            Some(said) if said == claimed => Ok(()),
            Some(_) | None => Err(VerifyError::WrongServiceUrl),
        }
    }

    fn proven(self) -> ProvenChannel {
        let Self { app_id, expires_at, .. } = self;
        ProvenChannel { app_id, kind: Kind::Channel, expires_at }
    }
}

impl ChannelVerifier {
    /// Prepares a verifier; fetches nothing yet.
    pub fn new(config: ChannelVerifyConfig) -> Result<Self, ChannelVerifyConfigError> {
        config.check()?;
        let keys = Keys::new(config.metadata.clone(), &config.private_hosts)?;
        let lower = |audience: &String| audience.trim().to_ascii_lowercase();
        let audiences = config.audiences.iter().map(lower).collect();
        let emulator = config.of_emulator().map(Verifier::new).transpose()?;
        Ok(Self { config, audiences, keys, known: Known::default(), emulator })
    }

    /// Whether a verifier of this configuration would be the same: then this one, with its keys, can
    /// stay.
    pub fn is_as(&self, config: &ChannelVerifyConfig) -> bool {
        self.config == *config
    }

    /// Fetches the channels' keys and tells how many there are, or why they cannot be had.
    pub async fn examine_keys(&self) -> Result<usize, String> {
        self.keys.examine().await
    }

    /// Proves a token, the part after `Bearer`, for the activity that it came with, at a moment in
    /// seconds since 1970.
    ///
    /// Waits for keys only if there are none for it, and only for a token that would be accepted if
    /// it were genuine; so strangers cannot have us ask for keys more often than once a minute.
    pub async fn verify(
        &self,
        token: &str,
        about: ChannelClaims<'_>,
        now_unix_s: u64,
    ) -> Result<ProvenChannel, VerifyError> {
        let read = Token::read(token)?;
        if read.claims().iss.as_deref() != Some(self.config.issuer.as_str()) {
            return self.verify_emulator(token, now_unix_s).await;
        }
        let digest = read.digest();
        if let Some(said) = self.known.find(&digest, self.keys.edition(), now_unix_s) {
            said.allows(about)?;
            return Ok(said.proven());
        }
        let kid = read.kid();
        let accepted = self.accept(read.claims(), now_unix_s);
        let found = if let Some(found) = self.keys.find(kid).await {
            found
        } else {
            accepted.as_ref().map_err(Clone::clone)?.is_at(about)?;
            self.keys.find_new(kid).await?
        };
        read.prove(&found.key.decoding)?;
        let said = Said { endorsements: found.key.endorsements.clone(), ..accepted? };
        self.known.keep(digest, found.edition, said.clone());
        said.allows(about)?;
        Ok(said.proven())
    }

    /// A token that our own app got for itself, from Entra: where that is switched on.
    async fn verify_emulator(
        &self,
        token: &str,
        now_unix_s: u64,
    ) -> Result<ProvenChannel, VerifyError> {
        let emulator = self.emulator.as_ref().ok_or(VerifyError::NotAChannel)?;
        let proven = emulator.verify(token, now_unix_s).await?;
        if !self.audiences.contains(&proven.app_id) {
            return Err(VerifyError::NotAChannel);
        }
        let (app_id, expires_at) = (proven.app_id, proven.expires_at);
        Ok(ProvenChannel { app_id, kind: Kind::Emulator, expires_at })
    }

    /// Whether a token that says so is accepted, if it is genuine. Which key has signed it is still
    /// to be seen.
    fn accept(&self, claims: &Claims, now_unix_s: u64) -> Result<Said, VerifyError> {
        let exp = claims.exp.ok_or(VerifyError::Malformed)?;
        let audience = claims.aud.as_ref().map_or(&[] as &[String], |aud| aud.as_slice());
        let mut audience = audience.iter().map(|said| said.to_ascii_lowercase());
        let app_id = audience.find(|said| self.audiences.contains(said));
        let app_id = app_id.ok_or(VerifyError::ForAnotherBot)?;
        let expires_at = seconds::check(exp, claims.nbf, now_unix_s)?;
        let service_url = claims.serviceurl.clone().ok_or(VerifyError::WrongServiceUrl)?;
        Ok(Said { app_id, service_url, endorsements: Vec::new(), expires_at })
    }
}

#[cfg(test)]
mod tests;
