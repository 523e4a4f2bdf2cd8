//! Who calls: secrets looked up by a keyed hash, so that neither the time it takes nor the table
//! itself tells anything about them.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use session::id::{BotId, DeskId, TenantId};
use vault::MacKey;

/// The longest credential looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4_096;

/// Two owners may not share a secret: the credential decides whose call it is.
#[derive(Debug, thiserror::Error)]
#[error("the same {what} is configured twice; every one needs a secret of its own")]
pub struct SharedSecret {
    what: &'static str,
}

/// The secrets that open the edges.
#[derive(Debug)]
pub(crate) struct Callers {
    key: MacKey,
    webhooks: HashMap<[u8; 32], (TenantId, DeskId)>,
    sites: HashMap<[u8; 32], (TenantId, BotId)>,
}

impl Callers {
    pub(crate) fn new(key: MacKey) -> Self {
        Self { key, webhooks: HashMap::new(), sites: HashMap::new() }
    }

    /// What ServiceNow presents on the webhook for this desk.
    pub(crate) fn add_webhook(
        &mut self,
        secret: &SecretString,
        tenant: TenantId,
        desk: DeskId,
    ) -> Result<(), SharedSecret> {
        let tag = self.tag(secret.expose_secret());
        match self.webhooks.insert(tag, (tenant, desk)) {
            None => Ok(()),
            Some(_) => Err(SharedSecret { what: "webhook secret" }),
        }
    }

    /// What a site's server presents to Direct Line for this bot.
    pub(crate) fn add_site(
        &mut self,
        secret: &SecretString,
        tenant: TenantId,
        bot: BotId,
    ) -> Result<(), SharedSecret> {
        let tag = self.tag(secret.expose_secret());
        match self.sites.insert(tag, (tenant, bot)) {
            None => Ok(()),
            Some(_) => Err(SharedSecret { what: "Direct Line secret" }),
        }
    }

    /// The desk whose secret the caller presents.
    pub(crate) fn webhook(&self, headers: &HeaderMap) -> Option<&(TenantId, DeskId)> {
        self.webhooks.get(&self.tag(bearer(headers)?))
    }

    /// The bot whose Direct Line secret this is.
    pub(crate) fn site(&self, secret: &str) -> Option<&(TenantId, BotId)> {
        self.sites.get(&self.tag(secret))
    }

    /// Whether Direct Line is open at all.
    pub(crate) fn any_site(&self) -> bool {
        !self.sites.is_empty()
    }

    fn tag(&self, secret: &str) -> [u8; 32] {
        self.key.tag(&[secret.as_bytes()])
    }
}

/// The credential of `Authorization: Bearer …`; the scheme in any case (RFC 7235).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?;
    if values.next().is_some() || value.len() > CREDENTIAL_BYTES_MAX {
        return None;
    }
    let (scheme, credential) = value.to_str().ok()?.trim().split_once(' ')?;
    let credential = credential.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !credential.is_empty()).then_some(credential)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use vault::{MasterKey, Vault};

    use super::*;

    fn callers() -> Callers {
        let vault = Vault::new(&MasterKey::generate().unwrap()).unwrap();
        Callers::new(vault.mac_key("callers").unwrap())
    }

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn the_secret_decides_whose_call_it_is() {
        let mut callers = callers();
        for name in ["a", "b"] {
            let (tenant, desk) = (TenantId::new(name).unwrap(), DeskId::new("d").unwrap());
            callers.add_webhook(&format!("secret+{name}").into(), tenant, desk).unwrap();
        }
        let owner = |value| callers.webhook(&headers(value)).map(|(tenant, _)| tenant.as_str());
        assert_eq!(owner("Bearer secret+a"), Some("a"));
        assert_eq!(owner("bearer  secret+b "), Some("b"));
        for wrong in [
            "Bearer secret+",
            "Bearer secret+ab",
            "secret+a",
            "Basic secret+a",
            "Bearer",
            "Bearer ",
        ] {
            assert_eq!(owner(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_shared_secret_is_refused() {
        let mut callers = callers();
        let (tenant, desk) = (TenantId::new("t").unwrap(), DeskId::new("d").unwrap());
        callers.add_webhook(&"s".into(), tenant.clone(), desk.clone()).unwrap();
        assert!(callers.add_webhook(&"s".into(), tenant, desk).is_err());
    }

    #[test]
    fn two_authorization_headers_are_one_too_many() {
        let mut twice = headers("Bearer a");
        twice.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(bearer(&twice), None);
    }
}
