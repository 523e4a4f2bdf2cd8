//! What pages read, sealed to a key of each reader's own.
//!
//! A page presents its key once, and gets a token that has the key in it: nothing is kept here, whoever
//! reloads presents another, and every tab reads with its own. All of a stream is one context, of which
//! the costly part is done when it opens; so is all of one answer to a page that polls.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
};
use bot_framework::direct_line::{ActivitySet, Conversation, ErrorCode, token::Claims};
use serde::Deserialize;
use serde_json::json;
use vault::{ReaderKey, ReaderSealing};

use super::{
    envelope::{PADDED_BYTES, SUITE, Sealed, Suite, TO_READER, bound_to, decoded, encoded},
    ring::RingError,
};
use crate::{
    app::MessageEncryption,
    edge::{
        Edge,
        body::read_body,
        direct_line::{CHANNEL, PARAMETERS_BYTES_MAX, Refused},
    },
};

/// The name of the event that a sealed activity looks like; no client draws it.
const EVENT: &str = "warmline.sealed";

/// A page's key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Presented {
    suite: Suite,
    public_key: String,
}

/// Takes a reader's key, and gives a token for the same conversation with which everything that is
/// read is sealed to it.
pub(in crate::edge::direct_line) async fn present(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Conversation>, Refused> {
    let Path(id) = id?;
    let claims = edge.page(&headers, &id)?;
    let body = read_body(body, PARAMETERS_BYTES_MAX).await?;
    let presented: Presented = serde_json::from_slice(&body).map_err(|error| {
        let message = format!("send `suite` and `publicKey` of the reader: {error}");
        Refused::new(ErrorCode::BadArgument, message)
    })?;
    if presented.suite != SUITE {
        let message =
            "this gateway seals with the suite of its own keys, see /.well-known/warmline-keys";
        return Err(Refused::new(ErrorCode::UnknownSuite, message));
    }
    let key = decoded(&presented.public_key).and_then(|key| ReaderKey::new(&key).ok());
    let key = key.ok_or_else(|| {
        let message = "`publicKey` is no X25519 public key: 32 bytes in base64url without `=`";
        Refused::new(ErrorCode::BadArgument, message)
    })?;
    let claims = Claims { reader: Some(encoded(&key.to_bytes())), ..claims };
    Ok(Json(edge.described(&claims, None)))
}

/// How one reader reads: sealed to its key, or in the clear if it presented none and need not.
pub(in crate::edge::direct_line) struct Reading(Option<ToReader>);

struct ToReader {
    sealing: ReaderSealing,
    kid: String,
    enc: String,
    conversation: String,
    bound: Vec<u8>,
}

impl Edge {
    /// How whoever holds this token reads.
    pub(in crate::edge::direct_line) async fn reading(
        &self,
        claims: &Claims,
    ) -> Result<Reading, Refused> {
        self.lets_read(claims)?;
        let Some(key) = claims.reader.as_deref() else { return Ok(Reading(None)) };
        // It was proven when it was presented, and the token is ours.
        let key = decoded(key).and_then(|key| ReaderKey::proven(&key).ok()).ok_or_else(unsealed)?;
        let keys = self.direct_line.private.ring.keys().await.map_err(|e| unavailable(&e))?;
        let newest = keys.first().ok_or_else(unsealed)?;
        let sealing = newest.key.sealing(&key, TO_READER.as_bytes()).map_err(|_| unsealed())?;
        let user = claims.user.as_deref().unwrap_or_default();
        Ok(Reading(Some(ToReader {
            enc: encoded(sealing.encapsulated()),
            sealing,
            kid: newest.id.clone(),
            conversation: claims.conversation.clone(),
            bound: bound_to(&[TO_READER, &claims.conversation, user]),
        })))
    }

    /// Refuses to show anything in the clear where the bot requires keys.
    pub(in crate::edge::direct_line) fn lets_read(&self, claims: &Claims) -> Result<(), Refused> {
        if claims.reader.is_some() || !self.requires_sealed(claims) {
            return Ok(());
        }
        Err(Refused::new(
            ErrorCode::EncryptionRequired,
            "this bot's messages are read sealed only: post the page's public key to \
             conversations/{id}/reader, and go on with the token from there",
        ))
    }

    /// Refuses what came in the clear where the bot requires envelopes.
    pub(super) fn lets_plain(&self, claims: &Claims) -> Result<(), Refused> {
        if !self.requires_sealed(claims) {
            return Ok(());
        }
        Err(Refused::new(
            ErrorCode::EncryptionRequired,
            "this bot takes sealed activities only: seal it to a key of /.well-known/warmline-keys",
        ))
    }

    fn requires_sealed(&self, claims: &Claims) -> bool {
        let doors = self.doors.get();
        doors
            .site(&claims.site)
            .is_some_and(|site| site.pages.message_encryption == MessageEncryption::Required)
    }
}

impl Reading {
    /// The set as the reader gets it.
    pub(in crate::edge::direct_line) fn set(
        &mut self,
        set: ActivitySet<String>,
    ) -> Result<ActivitySet<String>, Refused> {
        let Some(to) = &mut self.0 else { return Ok(set) };
        let ActivitySet { activities, watermark } = set;
        let activities = activities.into_iter().map(|activity| to.activity(activity));
        Ok(ActivitySet { activities: activities.collect::<Result<_, _>>()?, watermark })
    }

    /// JSON that goes beside activities; `None` if it may go in the clear.
    pub(in crate::edge::direct_line) fn json(
        &mut self,
        json: String,
    ) -> Result<Option<Sealed>, Refused> {
        self.0.as_mut().map(|to| to.sealed(json)).transpose()
    }
}

impl ToReader {
    fn activity(&mut self, json: String) -> Result<String, Refused> {
        let sealed = self.sealed(json)?;
        let around = json!({
            "type": "event",
            "name": EVENT,
            "channelId": CHANNEL,
            "conversation": {"id": self.conversation},
            "from": {"id": "warmline", "role": "channel"},
            "channelData": {"warmline": {"sealed": sealed}},
        });
        Ok(around.to_string())
    }

    fn sealed(&mut self, mut json: String) -> Result<Sealed, Refused> {
        let padded = json.len().next_multiple_of(PADDED_BYTES);
        json.extend(std::iter::repeat_n(' ', padded.saturating_sub(json.len())));
        let plain = zeroize::Zeroizing::new(json);
        let sealed = self.sealing.seal(&self.bound, plain.as_bytes());
        let (seq, sealed) = sealed.map_err(|_| unsealed())?;
        Ok(Sealed::new(&self.kid, &self.enc, seq, &sealed))
    }
}

/// There are no keys at the moment.
pub(super) fn unavailable(error: &RingError) -> Refused {
    tracing::error!(error = error as &dyn std::error::Error, "there are no keys for messages");
    Refused::new(
        ErrorCode::ServiceUnavailable,
        "the keys for messages cannot be had at the moment; try again",
    )
}

fn unsealed() -> Refused {
    Refused::new(ErrorCode::ServiceError, "what there is to read could not be sealed")
}
