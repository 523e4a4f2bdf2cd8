//! Who calls: secrets looked up by a keyed hash, so that neither the time it takes nor the table
//! itself tells anything about them.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use session::id::{BotId, DeskId, TenantId};
use vault::MacKey;
use zeroize::Zeroizing;

use crate::{app::DeskSetup, network::Network};

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
    Desk(Box<Instance>),
    /// Whoever collects the metrics.
    Scraper,
    /// A bot's site: what its server presents to Direct Line.
    Site(TenantId, BotId),
}

/// An instance as a caller of the webhook.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) tenant: TenantId,
    pub(crate) desk: DeskId,
    pub(crate) age: SecretAge,
    /// The name that it presents beside the secret (Basic), as a tag; `None` if it may not.
    user: Option<[u8; 32]>,
    /// The header that it may present the secret alone in.
    header: Option<HeaderName>,
    /// Where it calls from; empty for anywhere.
    from: Arc<[Network]>,
}

/// While a secret is changed there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretAge {
    Current,
    Previous,
}

impl SecretAge {
    /// In the order of their counters.
    pub(crate) const ALL: [Self; 2] = [Self::Current, Self::Previous];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Previous => "previous",
        }
    }
}

impl Instance {
    /// Whether the instance calls from there. `None` is a caller whose address nobody can tell.
    pub(crate) fn may_call_from(&self, source: Option<IpAddr>) -> bool {
        let listed = |address| self.from.iter().any(|network| network.contains(address));
        self.from.is_empty() || source.is_some_and(listed)
    }
}

/// The secrets that open the edges.
#[derive(Debug)]
pub(crate) struct Callers {
    key: MacKey,
    owners: HashMap<[u8; 32], Owner>,
    /// The headers that instances present secrets in, each once.
    headers: Vec<HeaderName>,
}

impl Callers {
    pub(crate) fn new(key: MacKey) -> Self {
        Self { key, owners: HashMap::new(), headers: Vec::new() }
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

    /// What a desk's instance presents, both secrets while there are two.
    pub(crate) fn add_desk(&mut self, setup: &DeskSetup) -> Result<(), SharedSecret> {
        let way = &setup.webhook;
        let user = way.user.as_ref().map(|user| self.key.tag(&[user.as_bytes()]));
        let of = |age| {
            let (tenant, desk) = (setup.tenant.clone(), setup.desk.clone());
            let (header, from) = (way.header.clone(), Arc::from(way.from.as_slice()));
            Owner::Desk(Box::new(Instance { tenant, desk, age, user, header, from }))
        };
        self.add(&setup.webhook_secret, of(SecretAge::Current))?;
        if let Some(previous) = &way.previous {
            self.add(previous, of(SecretAge::Previous))?;
        }
        if let Some(header) = way.header.as_ref().filter(|name| !self.headers.contains(name)) {
            self.headers.push(header.clone());
        }
        Ok(())
    }

    /// The instance whose secret the caller presents, in whichever of the ways that are its own. One
    /// that presents those of two is neither.
    pub(crate) fn webhook(&self, headers: &HeaderMap) -> Option<&Instance> {
        let mut found = self.by_authorization(headers);
        for name in &self.headers {
            let Some(next) = self.by_header(headers, name) else { continue };
            let same = |one: &Instance| one.tenant == next.tenant && one.desk == next.desk;
            if found.is_some_and(|found| !same(found)) {
                return None;
            }
            found = found.or(Some(next));
        }
        found
    }

    fn by_authorization(&self, headers: &HeaderMap) -> Option<&Instance> {
        match authorization(headers)? {
            Authorization::Bearer(secret) => self.instance(secret),
            Authorization::Basic { user, secret } => {
                let user = self.key.tag(&[user.as_bytes()]);
                // Tags are compared: the time that takes tells nothing of the name.
                self.instance(secret.expose_secret()).filter(|found| found.user == Some(user))
            }
        }
    }

    fn by_header(&self, headers: &HeaderMap, name: &HeaderName) -> Option<&Instance> {
        let secret = sole(headers, name)?.to_str().ok()?;
        self.instance(secret.trim()).filter(|found| found.header.as_ref() == Some(name))
    }

    /// Whether a caller of the webhook presents anything that could be a credential.
    pub(crate) fn presents_any(&self, headers: &HeaderMap) -> bool {
        authorization(headers).is_some()
            || self.headers.iter().any(|name| headers.contains_key(name))
    }

    fn instance(&self, secret: &str) -> Option<&Instance> {
        match self.owner(secret)? {
            Owner::Desk(instance) => Some(instance),
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

/// A credential in the header `Authorization`.
enum Authorization<'a> {
    Bearer(&'a str),
    Basic { user: String, secret: SecretString },
}

/// What the caller presents in `Authorization`; the scheme in any case (RFC 7235).
fn authorization(headers: &HeaderMap) -> Option<Authorization<'_>> {
    let value = sole(headers, &header::AUTHORIZATION)?;
    let (scheme, credential) = value.to_str().ok()?.trim().split_once(' ')?;
    let credential = credential.trim();
    if credential.is_empty() {
        return None;
    }
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Authorization::Bearer(credential));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(credential).ok()?);
    // A user's name has no colon; the rest is the password (RFC 7617).
    let (user, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some(Authorization::Basic { user: user.to_owned(), secret: secret.into() })
}

/// The value of a header that stands there once, and is no longer than a credential is.
fn sole<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    (values.next().is_none() && value.len() <= CREDENTIAL_BYTES_MAX).then_some(value)
}

/// The credential of `Authorization: Bearer …`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    match authorization(headers)? {
        Authorization::Bearer(credential) => Some(credential),
        Authorization::Basic { .. } => None,
    }
}

#[cfg(test)]
mod tests;
