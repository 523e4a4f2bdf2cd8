//! Who calls: secrets looked up by a keyed hash, so that neither the time it takes nor the table
//! itself tells anything about them.

use std::collections::{HashMap, hash_map::Entry};

use axum::http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use session::id::{BotId, DeskId, TenantId};
use vault::MacKey;

/// The longest credential looked at, in bytes.
const CREDENTIAL_BYTES_MAX: usize = 4_096;

/// Two owners may not share a secret, at whichever doors: the credential decides whose call it is.
#[derive(Debug, thiserror::Error)]
#[error("the {one} is the same as {another}; every one needs a secret of its own")]
pub struct SharedSecret {
    one: &'static str,
    another: &'static str,
}

/// Whose secret it is.
#[derive(Debug)]
pub(crate) enum Owner {
    /// A desk: what ServiceNow presents on the webhook.
    Desk(TenantId, DeskId),
    /// Whoever collects the metrics.
    Scraper,
    /// A bot's site: what its server presents to Direct Line.
    Site(TenantId, BotId),
}

/// The secrets that open the edges.
#[derive(Debug)]
pub(crate) struct Callers {
    key: MacKey,
    owners: HashMap<[u8; 32], Owner>,
}

impl Callers {
    pub(crate) fn new(key: MacKey) -> Self {
        Self { key, owners: HashMap::new() }
    }

    /// What this owner presents.
    pub(crate) fn add(&mut self, secret: &SecretString, owner: Owner) -> Result<(), SharedSecret> {
        match self.owners.entry(self.key.tag(&[secret.expose_secret().as_bytes()])) {
            Entry::Vacant(free) => {
                free.insert(owner);
                Ok(())
            }
            Entry::Occupied(taken) => {
                let one = match owner {
                    Owner::Desk(..) => "webhook secret",
                    Owner::Site(..) => "Direct Line secret",
                    Owner::Scraper => "metrics token",
                };
                let another = match taken.get() {
                    Owner::Desk(..) => "a webhook secret",
                    Owner::Site(..) => "a Direct Line secret",
                    Owner::Scraper => "the metrics token",
                };
                Err(SharedSecret { one, another })
            }
        }
    }

    /// The desk whose secret the caller presents.
    pub(crate) fn webhook(&self, headers: &HeaderMap) -> Option<(&TenantId, &DeskId)> {
        match self.owner(bearer(headers)?)? {
            Owner::Desk(tenant, desk) => Some((tenant, desk)),
            Owner::Site(..) | Owner::Scraper => None,
        }
    }

    /// Whether the caller may have the metrics; `None` if nobody may.
    pub(crate) fn may_scrape(&self, headers: &HeaderMap) -> Option<bool> {
        let open = self.owners.values().any(|owner| matches!(owner, Owner::Scraper));
        let owner = || self.owner(bearer(headers)?);
        open.then(|| matches!(owner(), Some(Owner::Scraper)))
    }

    /// The bot whose Direct Line secret this is.
    pub(crate) fn site(&self, secret: &str) -> Option<(&TenantId, &BotId)> {
        match self.owner(secret)? {
            Owner::Site(tenant, bot) => Some((tenant, bot)),
            Owner::Desk(..) | Owner::Scraper => None,
        }
    }

    fn owner(&self, secret: &str) -> Option<&Owner> {
        self.owners.get(&self.key.tag(&[secret.as_bytes()]))
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
            let owner = Owner::Desk(tenant, desk);
            callers.add(&format!("secret+{name}").into(), owner).unwrap();
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

    fn desk_of(tenant: &str) -> Owner {
        Owner::Desk(TenantId::new(tenant).unwrap(), DeskId::new("d").unwrap())
    }

    fn site_of(tenant: &str) -> Owner {
        Owner::Site(TenantId::new(tenant).unwrap(), BotId::new("b").unwrap())
    }

    #[test]
    fn a_shared_secret_is_refused_whatever_doors_it_opens() {
        for (first, second) in [
            (desk_of("one"), desk_of("two")),
            (desk_of("one"), site_of("two")),
            (site_of("one"), desk_of("two")),
            (site_of("one"), site_of("two")),
        ] {
            let mut callers = callers();
            callers.add(&"s".into(), first).unwrap();
            assert!(callers.add(&"s".into(), second).is_err());
            let owner = callers.webhook(&headers("Bearer s")).map(|(tenant, _)| tenant);
            let owner = owner.or(callers.site("s").map(|(tenant, _)| tenant)).unwrap();
            assert_eq!(owner.as_str(), "one", "the refused one changes nothing");
        }
    }

    #[test]
    fn a_secret_opens_its_own_door_only() {
        let mut callers = callers();
        callers.add(&"desk".into(), desk_of("t")).unwrap();
        callers.add(&"site".into(), site_of("t")).unwrap();
        assert!(callers.webhook(&headers("Bearer desk")).is_some());
        assert!(callers.site("desk").is_none());
        assert!(callers.site("site").is_some());
        assert!(callers.webhook(&headers("Bearer site")).is_none());
    }

    #[test]
    fn the_metrics_token_opens_the_metrics_only_and_nothing_else_does() {
        let mut callers = callers();
        callers.add(&"desk".into(), desk_of("t")).unwrap();
        assert_eq!(callers.may_scrape(&headers("Bearer desk")), None, "closed for everybody");
        callers.add(&"metrics".into(), Owner::Scraper).unwrap();
        assert_eq!(callers.may_scrape(&headers("Bearer metrics")), Some(true));
        assert_eq!(callers.may_scrape(&headers("Bearer desk")), Some(false));
        assert_eq!(callers.may_scrape(&HeaderMap::new()), Some(false));
        assert!(callers.webhook(&headers("Bearer metrics")).is_none());
        assert!(callers.site("metrics").is_none());
        assert!(callers.add(&"desk".into(), Owner::Scraper).is_err(), "a secret of its own");
    }

    #[test]
    fn two_authorization_headers_are_one_too_many() {
        let mut twice = headers("Bearer a");
        twice.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer b"));
        assert_eq!(bearer(&twice), None);
    }
}
