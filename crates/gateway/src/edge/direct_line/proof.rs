//! Who calls: a site's server by its secret, a page by the token of its conversation.

use axum::http::HeaderMap;
use bot_framework::direct_line::{
    ErrorCode,
    token::{Claims, Purpose, TokenError},
};
use session::id::{ChannelId, ConversationKey};
use tokio::time::Instant;

use crate::{
    clock::unix_seconds,
    edge::{
        Edge,
        callers::bearer,
        direct_line::{CHANNEL, Refused, bad_id},
        doors::{Doors, Site},
    },
};

/// Whoever calls, proven.
pub(super) enum Caller {
    /// A site's own server.
    Site(Site),
    /// A page, for one conversation.
    Page(Claims),
}

impl Edge {
    /// Proves who calls, and that browsers call from a page that may.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Refused> {
        let doors = self.doors.get();
        if doors.sites.is_empty() {
            return Err(Refused::new(
                ErrorCode::Forbidden,
                "Direct Line is closed on this gateway; its operator opens it with DIRECT_LINE_SECRET",
            ));
        }
        let credential = bearer(headers).ok_or_else(|| {
            Refused::new(
                ErrorCode::NotAuthorized,
                "send «Authorization: Bearer» and a Direct Line secret or token",
            )
        })?;
        if let Some(site) = doors.site_of_secret(credential) {
            self.direct_line.may_call(site, &[], headers, doors.public_url.as_deref())?;
            return Ok(Caller::Site(site.clone()));
        }
        let claims = self.token(&doors, credential, Purpose::Token)?;
        self.token_may_call(&doors, &claims, headers)?;
        Ok(Caller::Page(claims))
    }

    /// The page that calls about this conversation.
    pub(super) fn page(&self, headers: &HeaderMap, conversation: &str) -> Result<Claims, Refused> {
        match self.caller(headers)? {
            Caller::Page(claims) if claims.conversation == conversation => {
                self.may_call_so_fast(&claims)?;
                Ok(claims)
            }
            Caller::Page(_) => {
                Err(Refused::new(ErrorCode::Forbidden, "the token is for another conversation"))
            }
            Caller::Site(_) => Err(Refused::new(
                ErrorCode::Forbidden,
                "this needs a token of the conversation, not the secret",
            )),
        }
    }

    /// Refuses a page that calls faster than its conversation, its user or its tenant may.
    pub(super) fn may_call_so_fast(&self, claims: &Claims) -> Result<(), Refused> {
        let doors = self.doors.get();
        let site = site_of(&doors, claims)?;
        let whose = (claims.conversation.as_str(), claims.user.as_deref());
        let rates = doors.rates(&site.tenant);
        self.measures.take(&rates, &site.tenant, whose, Instant::now()).map_err(|_| {
            Refused::new(
                ErrorCode::TooManyRequests,
                "these are more calls than a conversation, a user or a tenant may make in a second; \
                 nothing was taken, send it again",
            )
            .of(&site.tenant)
        })
    }

    /// Refuses a site's secret that begins conversations faster than it may: whoever reads a page that holds it
    /// could fill the store with them.
    pub(super) fn may_begin_so_fast(&self, site: &Site) -> Result<(), Refused> {
        let rates = self.doors.get().rates(&site.tenant);
        let whose = (&site.tenant, &site.bot);
        self.measures.take_start(&rates, whose, Instant::now()).map_err(|_| {
            Refused::new(
                ErrorCode::TooManyRequests,
                "this secret begins more conversations in a second than it may; nothing was begun, send it again",
            )
            .of(&site.tenant)
        })
    }

    /// The page that opens its stream.
    pub(super) fn ticket(
        &self,
        ticket: &str,
        conversation: &str,
        headers: &HeaderMap,
    ) -> Result<Claims, Refused> {
        let doors = self.doors.get();
        let claims = self.token(&doors, ticket, Purpose::Stream)?;
        if claims.conversation != conversation {
            return Err(Refused::new(
                ErrorCode::Forbidden,
                "the ticket is for another conversation",
            ));
        }
        self.token_may_call(&doors, &claims, headers)?;
        Ok(claims)
    }

    fn token_may_call(
        &self,
        doors: &Doors,
        claims: &Claims,
        headers: &HeaderMap,
    ) -> Result<(), Refused> {
        let (site, public_url) = (site_of(doors, claims)?, doors.public_url.as_deref());
        self.direct_line.may_call(site, &claims.origins, headers, public_url)
    }

    /// Whether a key that is still on the ring signed this, however long ago.
    pub(super) fn is_signed(&self, token: &str, purpose: Purpose) -> bool {
        !matches!(self.verified(token, purpose), Err(TokenError::BadSignature))
    }

    /// What the key says that signed it.
    fn verified(&self, token: &str, purpose: Purpose) -> Result<Claims, TokenError> {
        let now = self.now_s();
        // One of another root key says that the signature does not match.
        let verified = self.direct_line.keys.find(|key| match key.verify(token, purpose, now) {
            Err(TokenError::BadSignature) => None,
            verified => Some(verified),
        });
        verified.unwrap_or(Err(TokenError::BadSignature))
    }

    fn token(&self, doors: &Doors, token: &str, purpose: Purpose) -> Result<Claims, Refused> {
        match self.verified(token, purpose) {
            Ok(claims) => Ok(claims),
            Err(TokenError::Expired { claims }) if in_grace(doors, &claims, self.now_s()) => {
                Ok(*claims)
            }
            Err(error @ TokenError::Expired { .. }) => {
                Err(Refused::new(ErrorCode::TokenExpired, error.to_string()))
            }
            Err(
                error @ (TokenError::Malformed
                | TokenError::BadSignature
                | TokenError::WrongPurpose),
            ) => Err(Refused::new(ErrorCode::Forbidden, error.to_string())),
        }
    }

    /// A fresh token or ticket with the same binding.
    pub(super) fn mint(&self, claims: &Claims, purpose: Purpose, lifetime_s: u64) -> String {
        let now = self.now_s();
        let claims = Claims {
            purpose,
            issued_at: now,
            expires_at: now.saturating_add(lifetime_s),
            id: self.clock.fresh_id().simple().to_string(),
            ..claims.clone()
        };
        self.direct_line.keys.newest(|key| key.mint(&claims))
    }

    /// What the conversation of a token is found by.
    pub(super) fn key_of(&self, claims: &Claims) -> Result<ConversationKey, Refused> {
        let doors = self.doors.get();
        let site = site_of(&doors, claims)?;
        Ok(ConversationKey {
            tenant: site.tenant.clone(),
            channel: ChannelId::new(CHANNEL).map_err(bad_id)?,
            bot: site.bot.clone(),
            conversation: claims.conversation.as_str().into(),
            user: claims.user.as_deref().unwrap_or_default().into(),
        })
    }

    /// Seconds since 1970.
    pub(super) fn now_s(&self) -> u64 {
        u64::try_from(unix_seconds(self.clock.now())).unwrap_or(0)
    }
}

/// A laptop that slept comes back with a token past its end; for a while it goes on opening its own
/// conversation. A ticket does not: a stream's address is asked for anew with the token.
fn in_grace(doors: &Doors, claims: &Claims, now: u64) -> bool {
    let grace = match claims.purpose {
        Purpose::Token => doors.site(&claims.site).map(|site| site.pages.token_grace.as_secs()),
        Purpose::Stream => None,
    };
    grace.is_some_and(|grace| now < claims.expires_at.saturating_add(grace))
}

fn site_of<'d>(doors: &'d Doors, claims: &Claims) -> Result<&'d Site, Refused> {
    doors.site(&claims.site).ok_or_else(|| {
        Refused::new(
            ErrorCode::Forbidden,
            "the token belongs to a site that is no longer configured",
        )
    })
}
