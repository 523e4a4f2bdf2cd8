//! Whose tokens are accepted from another bot: issuer, tenant, audience, time, app (reference 2.2).
//!
//! Entra signs for all tenants of a cloud with the same keys, so the issuer decides: without it any
//! tenant's token that is made out for us would pass, also one that a stranger's administrator made
//! for the bot's app id in a tenant of his own.

use super::token::Claims;
use super::{Proven, VerifyConfig, VerifyError, seconds};

/// Microsoft's own tenants, in which multi-tenant bots get their tokens: `botframework.com`, and two
/// that the SDKs accept (reference 2.2). Nobody else can give tokens there.
const FIRST_PARTY: [&str; 3] = [
    "d6d49420-f39b-4df7-a1dc-d59a935871db",
    "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
    "69e9b82d-4842-4902-8d1e-abc5b98a55e8",
];

/// And in the US government's cloud.
const FIRST_PARTY_GOV: [&str; 1] = ["cab8a31a-1906-4287-a0d8-4eef66b95f6e"];

/// One of Entra's clouds, by how its issuers are spelt: v1 before and behind the tenant, v2 the same.
struct Cloud {
    v1: (&'static str, &'static str),
    v2: (&'static str, &'static str),
    first_party: &'static [&'static str],
}

const PUBLIC: Cloud = Cloud {
    v1: ("https://sts.windows.net/", "/"),
    v2: ("https://login.microsoftonline.com/", "/v2.0"),
    first_party: &FIRST_PARTY,
};

const GOV: Cloud = Cloud {
    v1: ("https://sts.windows.net/", "/"),
    v2: ("https://login.microsoftonline.us/", "/v2.0"),
    first_party: &FIRST_PARTY_GOV,
};

const CHINA: Cloud = Cloud {
    v1: ("https://sts.chinacloudapi.cn/", "/"),
    v2: ("https://login.partner.microsoftonline.cn/", "/v2.0"),
    first_party: &[],
};

impl Cloud {
    /// The cloud that a login's host belongs to. A stand-in's is the public one.
    fn of(host: &str) -> &'static Self {
        match host.to_ascii_lowercase() {
            host if host.ends_with(".microsoftonline.us") => &GOV,
            host if host.ends_with(".partner.microsoftonline.cn") => &CHINA,
            _ => &PUBLIC,
        }
    }
}

/// What a token must say.
#[derive(Debug)]
pub(super) struct Rules {
    /// In lower case.
    audiences: Vec<String>,
    issuers: Vec<Issuer>,
}

/// Somebody whose tokens are accepted.
#[derive(Debug)]
struct Issuer {
    name: String,
    /// In lower case; a token must name the same. Absent where the name has none in it.
    tenant: Option<String>,
}

impl Issuer {
    fn new(name: String) -> Self {
        let tenant = name.split('/').find(|part| is_guid(part)).map(str::to_ascii_lowercase);
        Self { name, tenant }
    }

    /// Ids compare without case (reference 2.2, rule 6), and nothing else of the name does.
    fn is_named(&self, name: &str) -> bool {
        let parts = || self.name.split('/').zip(name.split('/'));
        self.name.len() == name.len()
            && self.name.split('/').count() == name.split('/').count()
            && parts()
                .all(|(own, said)| own == said || (is_guid(own) && own.eq_ignore_ascii_case(said)))
    }
}

impl Rules {
    pub(super) fn new(config: &VerifyConfig) -> Self {
        let VerifyConfig { metadata, audiences, tenants, issuers, .. } = config;
        let audiences =
            audiences.iter().map(|audience| audience.trim().to_ascii_lowercase()).collect();
        let cloud = Cloud::of(metadata.host().unwrap_or_default());
        let tenants = tenants.iter().map(String::as_str).chain(cloud.first_party.iter().copied());
        let by_tenant = tenants.flat_map(|tenant| {
            [cloud.v1, cloud.v2].map(|(before, behind)| format!("{before}{tenant}{behind}"))
        });
        let issuers = by_tenant.chain(issuers.iter().cloned()).map(Issuer::new).collect();
        Self { audiences, issuers }
    }

    /// Whether a token that says so is accepted, if it is genuine.
    pub(super) fn check(&self, claims: &Claims, now_unix_s: u64) -> Result<Proven, VerifyError> {
        let exp = claims.exp.ok_or(VerifyError::Malformed)?;
        let name = claims.iss.as_deref().ok_or(VerifyError::WrongIssuer)?;
        let issuer = self.issuers.iter().find(|issuer| issuer.is_named(name));
        let issuer = issuer.ok_or(VerifyError::WrongIssuer)?;
        let tenant = claims.tid.as_deref().map(str::to_ascii_lowercase);
        if issuer.tenant.is_some() && issuer.tenant != tenant {
            return Err(VerifyError::WrongIssuer);
        }
        let audience = claims.aud.as_ref().map_or(&[] as &[String], |aud| aud.as_slice());
        let ours = |said: &String| self.audiences.contains(&said.to_ascii_lowercase());
        if !audience.iter().any(ours) {
            return Err(VerifyError::WrongAudience);
        }
        let expires_at = seconds::check(exp, claims.nbf, now_unix_s)?;
        if claims.scp {
            return Err(VerifyError::OfAUser);
        }
        let app_id = match claims.ver.as_deref() {
            None | Some("1.0") => claims.appid.as_deref(),
            Some("2.0") => claims.azp.as_deref(),
            Some(_) => None,
        };
        let app_id = app_id.filter(|app_id| !app_id.is_empty()).ok_or(VerifyError::NoApp)?;
        let app_id = app_id.to_ascii_lowercase();
        Ok(Proven { app_id, tenant, expires_at })
    }
}

/// Whether a text is an id such as `11111111-2222-3333-4444-555555555555`.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests;
