//! Warmline's own registration in Entra and the cloud that it is in. A bot behind is reached with it
//! as well as the channels of Azure Bot Service.

use std::{io::Read, path::Path};

use gateway::{Certificate, Cloud, Registration, Secret, Uri};
use secrecy::SecretString;
use url::{Host, Url};

use super::{
    ConfigError,
    draft::{Draft, Owner},
    reference::{References, open_file},
};

/// The largest certificate file, in bytes: a chain of certificates has a few thousand.
const CERTIFICATE_BYTES_MAX: u64 = 64 * 1_024;

/// Settings that say something about a registration, and nothing without one.
pub(super) const OF_A_REGISTRATION: [&str; 14] = [
    "bot.app_password",
    "bot.app_certificate_file",
    "bot.app_certificate_key",
    "bot.app_type",
    "bot.app_tenant",
    "bot.user_tenants",
    "bot.cloud",
    "bot.login_url",
    "bot.channel_metadata_url",
    "bot.channel_token_issuer",
    "bot.connector_scope",
    "bot.connector_hosts",
    "bot.emulator",
    "bot.teams_files",
];

/// Whether a text is an id as Entra and Azure write them.
pub(crate) fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<_> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts.iter().zip(lengths).all(|(part, length)| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

pub(super) fn wrong(
    draft: &Draft,
    owner: &Owner,
    id: &str,
    problem: impl Into<String>,
) -> ConfigError {
    ConfigError::Wrong { name: draft.name(owner, id), problem: problem.into() }
}

/// The setting's text, which has to be an id.
pub(super) fn guid(
    draft: &Draft,
    owner: &Owner,
    id: &str,
    what: &str,
) -> Result<Option<String>, ConfigError> {
    match draft.text(owner, id) {
        Some(text) if !is_guid(&text) => Err(wrong(
            draft,
            owner,
            id,
            format!("must be {what}, which looks like 00000000-0000-0000-0000-000000000000"),
        )),
        found => Ok(found),
    }
}

pub(super) fn app_id(draft: &Draft, owner: &Owner) -> Result<Option<String>, ConfigError> {
    guid(draft, owner, "bot.app_id", "the application (client) id of the registration")
}

pub(super) fn app_tenant(draft: &Draft, owner: &Owner) -> Result<Option<String>, ConfigError> {
    guid(draft, owner, "bot.app_tenant", "the directory (tenant) id, not its name")
}

/// The one tenant that a registration is for.
pub(super) fn only_tenant(draft: &Draft, owner: &Owner) -> Result<Option<String>, ConfigError> {
    let tenant = app_tenant(draft, owner)?;
    match (draft.text(owner, "bot.app_type").as_deref(), tenant) {
        (Some("MultiTenant"), _) | (None, None) => Ok(None),
        (_, Some(tenant)) => Ok(Some(tenant)),
        (Some(_), None) => Err(wrong(
            draft,
            owner,
            "bot.app_type",
            format!(
                "says that the registration is for one tenant; set {} to that tenant's id",
                draft.ways(owner, "bot.app_tenant")
            ),
        )),
    }
}

/// The cloud, with the addresses that are set instead of its own.
pub(super) fn cloud(draft: &Draft, owner: &Owner) -> Result<Cloud, ConfigError> {
    let named = draft.text(owner, "bot.cloud");
    let mut cloud = named.and_then(|name| Cloud::named(&name)).unwrap_or_default();
    if let Some(address) = address(draft, owner, "bot.entra_metadata_url")? {
        cloud.entra_metadata = address;
    }
    if let Some(address) = address(draft, owner, "bot.channel_metadata_url")? {
        cloud.channel_metadata = address;
    }
    if let Some(issuer) = draft.text(owner, "bot.channel_token_issuer") {
        cloud.channel_issuer = issuer;
    }
    if let Some(scope) = draft.text(owner, "bot.connector_scope") {
        // The SDKs take it with and without.
        let scope = scope.trim_end_matches('/');
        let scope = scope.strip_suffix("/.default").unwrap_or(scope);
        cloud.scope = format!("{scope}/.default");
    }
    Ok(cloud)
}

/// An address that what is secret may go to, or that what is believed may come from.
fn address(draft: &Draft, owner: &Owner, id: &str) -> Result<Option<Uri>, ConfigError> {
    let Some(text) = draft.text(owner, id) else { return Ok(None) };
    let example = "for instance https://login.microsoftonline.us/…";
    let wrong = |problem: &str| wrong(draft, owner, id, format!("must be {problem}, {example}"));
    let url = Url::parse(text.trim()).map_err(|_| wrong("a URL"))?;
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if !(url.scheme() == "https" || (url.scheme() == "http" && here)) {
        return Err(wrong("https (http is for this machine only)"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("a URL without a user and a fragment"));
    }
    text.trim().parse().map(Some).map_err(|_| wrong("a URL"))
}

/// The registration, if it is whole: an id, and a secret or a certificate.
pub(super) fn registration(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
    cloud: &Cloud,
) -> Result<Option<Registration>, ConfigError> {
    let secret = credential(draft, references, owner)?;
    let Some(app_id) = app_id(draft, owner)? else { return Ok(None) };
    let tenant = only_tenant(draft, owner)?;
    let Some(secret) = secret else { return Ok(None) };
    let login = match address(draft, owner, "bot.login_url")? {
        Some(login) => login,
        None => cloud.login_of(tenant.as_deref()).ok_or_else(|| {
            let ways = draft.ways(owner, "bot.app_tenant");
            let problem =
                format!("has no login for many tenants; set {ways} to the registration's");
            wrong(draft, owner, "bot.cloud", problem)
        })?,
    };
    let registration = Registration { app_id, secret, login };
    registration.check().map_err(|error| {
        wrong(draft, owner, "bot.login_url", format!("cannot be used: {error}"))
    })?;
    Ok(Some(registration))
}

/// What proves that we are the registration's app.
fn credential(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
) -> Result<Option<Secret>, ConfigError> {
    const PASSWORD: &str = "bot.app_password";
    const CERTIFICATE: &str = "bot.app_certificate_file";
    const KEY: &str = "bot.app_certificate_key";
    let certificate = draft.path(owner, CERTIFICATE);
    let is_set = |id: &str| draft.found(owner, id).is_some();
    match certificate {
        None if is_set(KEY) => Err(wrong(
            draft,
            owner,
            KEY,
            format!("has no certificate; set {} to its file", draft.ways(owner, CERTIFICATE)),
        )),
        None => Ok(references.secret(owner, PASSWORD)?.map(Secret::Password)),
        Some(_) if is_set(PASSWORD) => Err(wrong(
            draft,
            owner,
            CERTIFICATE,
            format!("stands beside {}; keep one of the two", draft.name(owner, PASSWORD)),
        )),
        Some(path) => {
            let key = references.secret(owner, KEY)?.ok_or_else(|| {
                let ways = draft.ways(owner, KEY);
                wrong(draft, owner, CERTIFICATE, format!("has no private key; set {ways}"))
            })?;
            pair(draft, owner, &path, &key).map(|pair| Some(Secret::Certificate(pair)))
        }
    }
}

fn pair(
    draft: &Draft,
    owner: &Owner,
    path: &Path,
    key: &SecretString,
) -> Result<Certificate, ConfigError> {
    let name = || draft.name(owner, "bot.app_certificate_file");
    let mut text = String::new();
    open_file(path)
        .and_then(|file| file.take(CERTIFICATE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| ConfigError::SecretFile {
            name: name(),
            path: path.to_owned(),
            source,
        })?;
    Certificate::from_pem(&text, key)
        .map_err(|source| ConfigError::Certificate { name: name(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names() {
        for id in ["00000000-0000-0000-0000-000000000000", "0A1b2c3d-1111-2222-3333-44445555FFFF"] {
            assert!(is_guid(id), "{id}");
        }
        for other in [
            "",
            "contoso.onmicrosoft.com",
            "00000000000000000000000000000000",
            "{00000000-0000-0000-0000-000000000000}",
            "00000000-0000-0000-0000-00000000000g",
            "00000000-0000-0000-0000-000000000000-",
        ] {
            assert!(!is_guid(other), "{other}");
        }
    }
}
