//! What pages post, taken out of its envelope: in memory only, and from there on an activity as any.

use std::time::Duration;

use bot_framework::{
    Activity,
    activity::kinds,
    direct_line::{ErrorCode, token::Claims},
};
use serde::Deserialize;
use session::id::Timestamp;
use vault::MESSAGE_MORE_BYTES;

use super::{
    envelope::{Posted, TO_GATEWAY, VERSION, bound_to, decoded, decoded_key},
    sealing::unavailable,
};
use crate::edge::{
    Edge,
    direct_line::{
        Refused,
        activities::{ACTIVITY_BYTES_MAX, is_too_long, too_long},
    },
};

/// What an envelope has besides the activity that is sealed in it, in bytes: its other members, and
/// the activity around it.
const AROUND_BYTES_MAX: usize = 8 * 1024;

/// The largest activity, sealed and written in base64, in bytes.
const SEALED_BYTES: usize = (ACTIVITY_BYTES_MAX + MESSAGE_MORE_BYTES).div_ceil(3) * 4;

/// The largest body of a post, in bytes.
pub(in crate::edge::direct_line) const BODY_BYTES_MAX: usize = SEALED_BYTES + AROUND_BYTES_MAX;

/// How old an envelope may be: as long as a page tries to post one, and less than repeats are
/// recognised for.
const ENVELOPE_MAX: Duration = Duration::from_mins(15);

/// How far a page's idea of this clock may be ahead: the moment that it takes to ask for it.
const AHEAD_MAX: Duration = Duration::from_secs(30);

/// As much of `channelData` as tells whether there is an envelope.
#[derive(Deserialize)]
struct Data {
    warmline: Option<Own>,
}

#[derive(Deserialize)]
struct Own {
    sealed: Option<Posted>,
}

impl Edge {
    /// The activity that a page posts, opened if it is sealed.
    pub(in crate::edge::direct_line) async fn posted(
        &self,
        claims: &Claims,
        body: &[u8],
    ) -> Result<Activity, Refused> {
        let around = activity(body)?;
        let Some(envelope) = envelope(&around)? else {
            self.lets_plain(claims)?;
            if is_too_long(body) {
                return Err(too_long());
            }
            return Ok(around);
        };
        let own_id = around.client_activity_id().ok_or_else(|| {
            let message = "a sealed activity needs its `channelData.clientActivityID` outside, too";
            Refused::new(ErrorCode::MissingProperty, message)
        })?;
        let at = self.in_time(&envelope)?;
        let plain = {
            let keys = self.direct_line.private.ring.keys().await.map_err(|e| unavailable(&e))?;
            let kept = keys.iter().find(|kept| kept.id == envelope.kid).ok_or_else(|| {
                let message = "the activity is sealed to a key that this gateway does not have (any more); \
                     fetch /.well-known/warmline-keys again and seal it anew";
                Refused::new(ErrorCode::UnknownKey, message)
            })?;
            let (enc, sealed) = parts(&envelope).ok_or_else(does_not_open)?;
            let user = claims.user.as_deref().unwrap_or_default();
            let bound = bound_to(&[TO_GATEWAY, &claims.conversation, user, &own_id, &envelope.at]);
            kept.key
                .open_message(&enc, TO_GATEWAY.as_bytes(), &bound, &sealed)
                .map_err(|_| does_not_open())?
        };
        if is_too_long(plain.trim_ascii_end()) {
            return Err(too_long());
        }
        let opened = activity(&plain)?;
        if opened.client_activity_id().is_none_or(|id| id != own_id) {
            let message = "`channelData.clientActivityID` is not the same inside and outside";
            return Err(Refused::new(ErrorCode::BadArgument, message));
        }
        let remembers_nothing =
            matches!(&*opened.kind(), kinds::END_OF_CONVERSATION | kinds::INVOKE);
        if remembers_nothing {
            let mark = decoded_key(&envelope.enc).ok_or_else(does_not_open)?;
            let tenant = self.key_of(claims)?.tenant;
            if !self.direct_line.private.seen.is_first(&tenant, mark, at) {
                return Err(replayed("this envelope was taken already, or may have been"));
            }
        }
        Ok(opened)
    }

    /// When it was sealed, if that is not too long ago.
    fn in_time(&self, envelope: &Posted) -> Result<Timestamp, Refused> {
        let at: jiff::Timestamp = envelope.at.parse().map_err(|_| {
            let message = "`sealed.at` is a time as RFC 3339 has it, with `Z` or an offset";
            Refused::new(ErrorCode::BadArgument, message)
        })?;
        let (at, now) = (Timestamp(at.as_millisecond()), self.clock.now());
        let is_within = |from: i64, to: i64, most: Duration| {
            to.saturating_sub(from) <= i64::try_from(most.as_millis()).unwrap_or(i64::MAX)
        };
        if is_within(at.0, now.0, ENVELOPE_MAX) && is_within(now.0, at.0, AHEAD_MAX) {
            return Ok(at);
        }
        Err(replayed(
            "this envelope was not sealed just now; take the time from `now` of \
             /.well-known/warmline-keys",
        ))
    }
}

fn activity(json: &[u8]) -> Result<Activity, Refused> {
    Activity::parse(json).map_err(|error| Refused::new(ErrorCode::BadArgument, error.to_string()))
}

/// The envelope in an activity; `None` if it came in the clear.
fn envelope(around: &Activity) -> Result<Option<Posted>, Refused> {
    let Some(data) = around.channel_data() else { return Ok(None) };
    // Channel data may be anything; only what names an envelope must be one.
    let names = |name: &[u8]| memchr::memmem::find(data.get().as_bytes(), name).is_some();
    if !(names(b"\"warmline\"") && names(b"\"sealed\"")) {
        return Ok(None);
    }
    match serde_json::from_str::<Data>(data.get()) {
        Ok(Data { warmline: Some(Own { sealed: Some(sealed) }) }) if sealed.v == VERSION => {
            Ok(Some(sealed))
        }
        Ok(Data { warmline: Some(Own { sealed: Some(sealed) }) }) => {
            let version = sealed.v;
            let message =
                format!("this gateway opens envelopes of version {VERSION}, not {version}");
            Err(Refused::new(ErrorCode::UnknownSuite, message))
        }
        Ok(Data { warmline: None | Some(Own { sealed: None }) }) => Ok(None),
        Err(error) => {
            let message = format!("`channelData.warmline.sealed` is no envelope: {error}");
            Err(Refused::new(ErrorCode::BadArgument, message))
        }
    }
}

fn parts(envelope: &Posted) -> Option<([u8; 32], Vec<u8>)> {
    Some((decoded_key(&envelope.enc)?, decoded(&envelope.ct)?))
}

fn does_not_open() -> Refused {
    let message = "the sealed activity does not open: it was sealed to another key, with another suite, \
         for another conversation, user, time or clientActivityID, or changed on the way";
    Refused::new(ErrorCode::DoesNotOpen, message)
}

fn replayed(message: &str) -> Refused {
    Refused::new(ErrorCode::Replayed, format!("{message}; seal it anew"))
}
