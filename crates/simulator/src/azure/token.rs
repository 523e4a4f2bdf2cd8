//! Tokens: made as Azure makes them, made as it never would, and read as it reads them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::keys::{KeySet, b64};

/// The issuer of channels' tokens, and whom tokens for the Connector are made out for.
pub const BOT_FRAMEWORK: &str = "https://api.botframework.com";

/// The tenant of Microsoft's own in which multi-tenant bots get their tokens, under the name
/// `botframework.com`.
pub const BOT_FRAMEWORK_TENANT: &str = "d6d49420-f39b-4df7-a1dc-d59a935871db";

/// How far clocks may differ, in seconds.
const SKEW: u64 = 300;

/// Who signs a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// The Bot Framework: its tokens come with what users say.
    Channel,
    /// Entra: its tokens are asked for by apps.
    Entra,
}

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// By the issuer's newest key, RS256.
    Good,
    /// By the newest key of the *other* issuer, under the name of the right one.
    OtherKey,
    /// By HMAC with the public key for a secret.
    Confused,
    /// Not at all: the third part is empty.
    None,
    /// By the right key, and then one bit was changed.
    Changed,
}

/// A token before it is signed; everything about it can be changed.
#[derive(Debug, Clone)]
pub struct Token {
    /// Whose it is.
    pub issuer: Issuer,
    /// Its first part; `alg`, `kid` and `typ` are filled in where they are absent.
    pub header: Map<String, Value>,
    /// Its second part.
    pub claims: Map<String, Value>,
    /// How it is signed.
    pub signature: Signature,
}

impl Token {
    /// What the Bot Framework gives a channel for an app, at a moment in seconds since 1970.
    pub(super) fn of_channel(app_id: &str, service_url: &str, now: u64) -> Self {
        let claims = json!({
            "serviceurl": service_url, "nbf": now - SKEW, "exp": now + 3_600, "iss": BOT_FRAMEWORK,
            "aud": app_id,
        });
        Self::new(Issuer::Channel, claims)
    }

    /// What Entra gives an app for a resource: the first version, as bots get it.
    pub(super) fn of_app(app_id: &str, tenant: &str, audience: &str, life: u64, now: u64) -> Self {
        let claims = json!({
            "aud": audience, "iss": format!("https://sts.windows.net/{tenant}/"), "iat": now,
            "nbf": now, "exp": now + life, "appid": app_id, "appidacr": "1", "idtyp": "app",
            "idp": format!("https://sts.windows.net/{tenant}/"), "tid": tenant, "ver": "1.0",
        });
        Self::new(Issuer::Entra, claims)
    }

    fn new(issuer: Issuer, claims: Value) -> Self {
        let claims = match claims {
            Value::Object(claims) => claims,
            _ => Map::new(),
        };
        Self { issuer, header: Map::new(), claims, signature: Signature::Good }
    }

    /// Another claim, or none of this name with `null`.
    #[must_use]
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        change(&mut self.claims, name, value);
        self
    }

    /// Another entry in the header; `null` leaves out even what would be filled in.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header.insert(name.to_owned(), value);
        self
    }

    /// Signed otherwise.
    #[must_use]
    pub fn signed(mut self, signature: Signature) -> Self {
        self.signature = signature;
        self
    }

    /// Its three parts. `own` are the issuer's keys, `other` those of the other one.
    pub(super) fn sign(&self, own: &KeySet, other: &KeySet) -> String {
        let alg = match self.signature {
            Signature::None => "none",
            Signature::Confused => "HS256",
            Signature::Good | Signature::OtherKey | Signature::Changed => "RS256",
        };
        let key = own.newest();
        let mut header = Map::new();
        for (name, value) in [("alg", alg), ("kid", &key.kid), ("x5t", &key.kid), ("typ", "JWT")] {
            header.insert(name.to_owned(), value.into());
        }
        for (name, value) in &self.header {
            change(&mut header, name, value.clone());
        }
        let part = |of: &Map<String, Value>| b64(Value::Object(of.clone()).to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(&self.claims));
        let signature = match self.signature {
            Signature::Good => key.sign(message.as_bytes()),
            Signature::OtherKey => other.newest().sign(message.as_bytes()),
            Signature::Confused => key.confuse(message.as_bytes()),
            Signature::None => Vec::new(),
            Signature::Changed => {
                let mut signature = key.sign(message.as_bytes());
                signature[17] ^= 1;
                signature
            }
        };
        format!("{message}.{}", b64(&signature))
    }
}

fn change(map: &mut Map<String, Value>, name: &str, value: Value) {
    if value.is_null() {
        map.remove(name);
    } else {
        map.insert(name.to_owned(), value);
    }
}

/// A token in its parts, unverified.
pub(super) struct Parts {
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) message: String,
    pub(super) signature: Vec<u8>,
}

impl Parts {
    pub(super) fn read(token: &str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let part =
            |text: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        Some(Self {
            header: part(header)?,
            claims: part(claims)?,
            message: message.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Whether it is neither over nor to come, with the usual skew.
    pub(super) fn is_timely(&self, now: u64) -> bool {
        let number = |name: &str| self.claims[name].as_u64();
        number("exp").is_some_and(|exp| now < exp + SKEW)
            && number("nbf").is_none_or(|nbf| nbf <= now + SKEW)
    }
}

/// Which app presents this at the Connector, in lower case: what is not Entra's, not for the
/// Connector, over, or changed is nobody's.
pub(super) fn bearer_at_connector(token: &str, entra: &KeySet, now: u64) -> Option<String> {
    let parts = Parts::read(token)?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let right = parts.header["alg"] == "RS256"
        && entra.has_signed(
            parts.header["kid"].as_str()?,
            parts.message.as_bytes(),
            &parts.signature,
        )
        && parts.claims["aud"] == BOT_FRAMEWORK
        && parts.is_timely(now)
        && is_entras(&parts.claims);
    let app = match parts.claims["ver"].as_str() {
        Some("2.0") => text(&parts.claims["azp"]),
        _ => text(&parts.claims["appid"]),
    };
    app.filter(|_| right).map(|app| app.to_ascii_lowercase())
}

/// Whether the issuer is Entra's own for the tenant that the token names.
fn is_entras(claims: &Value) -> bool {
    let (Some(issuer), Some(tenant)) = (claims["iss"].as_str(), claims["tid"].as_str()) else {
        return false;
    };
    issuer == format!("https://sts.windows.net/{tenant}/")
        || issuer == format!("https://login.microsoftonline.com/{tenant}/v2.0")
}
