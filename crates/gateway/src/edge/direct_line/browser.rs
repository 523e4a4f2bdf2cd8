//! Which browser it is: the session id that clients add to the address of a sign-in card.
//!
//! The card's page is opened in a window of its own; whoever runs the sign-in wants to know that the
//! browser which signs in is the one that shows the chat, and not one that was sent the address.
//! So the browser keeps a cookie, and the page learns an id that is made from the cookie and the
//! conversation:
//!
//! - the id can be shown, it leads back to no cookie, and it is another one in each conversation;
//! - the cookie is taken only if this gateway made it: nobody can give a browser one of their own;
//! - no route takes either for a proof of who somebody is: they open nothing.
//!
//! What this cannot do is tell a good page from a bad one: that takes trusted origins, without which
//! any page that has a token may learn the id of whoever visits it.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{AppendHeaders, IntoResponse, Response},
};
use bot_framework::direct_line::{ErrorCode, token::Claims};
use serde_json::json;
use vault::MacKey;

use crate::edge::{
    Edge,
    direct_line::{Refused, hex, proof::Caller},
};

/// The end of the route's path.
pub(super) const PATH: &str = "/session/getsessionid";

/// How long a browser keeps its cookie, in seconds: a sign-in takes minutes, and whoever signs in
/// again the same day need not be somebody new.
const COOKIE_FOR_S: u64 = 24 * 60 * 60;

/// The longest cookie looked at, in bytes.
const COOKIE_BYTES_MAX: usize = 128;

/// The cookie's name. Over https it has a prefix, with which browsers see to it that nobody but this
/// very host has set it.
const COOKIE: &str = "warmline_page";
const SECURE_COOKIE: &str = "__Host-warmline_page";

/// The id of the browser that asks, for the conversation of its token.
pub(super) async fn session_id(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let Caller::Page(claims) = edge.caller(&headers)? else {
        return Err(Refused::new(
            ErrorCode::Forbidden,
            "a session id is for a page; send the token, not the secret",
        ));
    };
    edge.may_call_so_fast(&claims)?;
    let secure = edge.base(&headers)?.starts_with("https:");
    let (keys, now) = (&edge.direct_line.browsers, edge.now_s());
    let known = Cookie::of(&headers, secure).and_then(|cookie| {
        let id = |key: &MacKey| id_of(key, &claims, &cookie);
        let id = keys.find(|key| cookie.is_ours(key, now).then(|| id(key)))?;
        Some((id, cookie))
    });
    let (id, cookie) = known.unwrap_or_else(|| {
        let unique = edge.fresh_conversation();
        keys.newest(|key| {
            let cookie = Cookie::new(key, &unique, now);
            (id_of(key, &claims, &cookie), cookie)
        })
    });
    let answer = Json(json!({ "sessionId": id }));
    let set = cookie.set(secure);
    Ok((AppendHeaders(set.map(|value| (header::SET_COOKIE, value))), answer).into_response())
}

/// What a page learns of the cookie.
fn id_of(key: &MacKey, claims: &Claims, cookie: &Cookie) -> String {
    let parts = ["id", &claims.site, &claims.conversation, &cookie.0];
    hex(&key.tag(&parts.map(str::as_bytes)))
}

/// A browser's cookie: when it was made, something that no other has, and a proof that we made it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cookie(String);

impl Cookie {
    fn new(key: &MacKey, unique: &str, now: u64) -> Self {
        let body = format!("{now:x}.{unique}");
        let proof = proof_of(key, &body);
        Self(format!("{body}.{proof}"))
    }

    /// The cookie as the browser sent it, whatever it is.
    fn of(headers: &HeaderMap, secure: bool) -> Option<Self> {
        let name = if secure { SECURE_COOKIE } else { COOKIE };
        let pairs = headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
        let first = ours.next().filter(|value| value.len() <= COOKIE_BYTES_MAX)?;
        // Two of one name: one of them is somebody else's.
        ours.next().is_none().then(|| Self(first.to_owned()))
    }

    fn is_ours(&self, key: &MacKey, now: u64) -> bool {
        let Some((body, proof)) = self.0.rsplit_once('.') else { return false };
        let made = body.split_once('.').and_then(|(at, _)| u64::from_str_radix(at, 16).ok());
        // A clock that was set back makes no cookie too young.
        let young = made.is_some_and(|made| now.saturating_sub(made) < COOKIE_FOR_S);
        // Digests are compared, so that the time it takes tells nothing.
        let same = key.tag(&[proof.as_bytes()]) == key.tag(&[proof_of(key, body).as_bytes()]);
        same && young
    }

    /// The header that sets it: to be sent from any page's frame or fetch, which takes https; over
    /// plain http, which is for this machine only, from the same site.
    fn set(&self, secure: bool) -> Option<HeaderValue> {
        let (name, rest) = if secure {
            (SECURE_COOKIE, "SameSite=None; Secure")
        } else {
            (COOKIE, "SameSite=Lax")
        };
        let Self(value) = self;
        let text = format!("{name}={value}; Path=/; Max-Age={COOKIE_FOR_S}; HttpOnly; {rest}");
        HeaderValue::from_str(&text).ok()
    }
}

fn proof_of(key: &MacKey, body: &str) -> String {
    hex(&key.tag(&[b"cookie", body.as_bytes()])[..16])
}

#[cfg(test)]
mod tests {
    use vault::{MasterKey, Vault};

    use super::*;

    const NOW: u64 = 1_767_225_600;

    fn key() -> MacKey {
        let vault = Vault::new(&MasterKey::from_hex(&"5f".repeat(32)).unwrap()).unwrap();
        vault.mac_key("browsers").unwrap()
    }

    fn sent(text: &str, secure: bool) -> Option<Cookie> {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(text).unwrap());
        Cookie::of(&headers, secure)
    }

    #[test]
    fn a_cookie_of_ours_is_taken_for_a_day_and_no_other() {
        let (key, cookie) = (key(), Cookie::new(&key(), "1", NOW));
        for (now, ours) in [
            (NOW, true),
            (NOW + COOKIE_FOR_S - 1, true),
            (NOW + COOKIE_FOR_S, false),
            // The clock was set back.
            (NOW - 10_000, true),
        ] {
            assert_eq!(cookie.is_ours(&key, now), ours, "{now}");
        }
        let mut forged = Cookie::new(&key, "2", NOW).0;
        forged.replace_range(.., &forged.replace(".2.", ".3."));
        let later = cookie.0.replacen(&format!("{NOW:x}"), &format!("{:x}", NOW + 9), 1);
        for text in [forged.as_str(), &later, "", ".", "a.b.c", "made up"] {
            assert!(!Cookie(text.to_owned()).is_ours(&key, NOW), "{text}");
        }
    }

    #[test]
    fn a_cookie_is_read_by_its_name_if_it_is_the_only_one() {
        let ours = Some(Cookie("v".to_owned()));
        assert_eq!(sent("a=b; warmline_page=v", false), ours);
        assert_eq!(sent("__Host-warmline_page=v", true), ours);
        // What a page over http set is not what counts over https.
        assert_eq!(sent("warmline_page=v", true), None);
        assert_eq!(sent("warmline_page=v; warmline_page=w", false), None);
        assert_eq!(
            sent(&format!("warmline_page={}", "v".repeat(COOKIE_BYTES_MAX + 1)), false),
            None
        );
    }

    #[test]
    fn over_https_it_is_secure_and_for_this_host_alone() {
        let cookie = Cookie("v".to_owned());
        assert_eq!(
            cookie.set(true).unwrap(),
            "__Host-warmline_page=v; Path=/; Max-Age=86400; HttpOnly; SameSite=None; Secure"
        );
        assert_eq!(
            cookie.set(false).unwrap(),
            "warmline_page=v; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
        );
    }
}
