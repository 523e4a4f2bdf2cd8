//! Desks: how ServiceNow is reached and what it presents.

use gateway::{
    ClientConfig, Credentials, DeskId, DeskSetup, FilesBy, Grant, TenantId, Wording, instance_url,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    ConfigError,
    draft::{Draft, Owner},
    reference::References,
    value::Value,
};

/// The longest secret that travels in a header, in bytes.
const SECRET_BYTES_MAX: usize = 1_024;

/// The settings that a desk always needs.
const REQUIRED: [&str; 4] =
    ["desk.client_id", "desk.client_secret", "desk.instance", "desk.webhook_secret"];

/// The settings that the password grant needs besides.
pub(super) const REQUIRED_BY_PASSWORD: [&str; 2] = ["desk.username", "desk.password"];

pub(super) fn grant(draft: &Draft, desk: &Owner) -> Grant {
    match draft.text(desk, "desk.grant_type").as_deref() {
        Some("client_credentials") => Grant::ClientCredentials,
        Some(_) | None => Grant::Password,
    }
}

/// What is not set and must be, of all desks.
pub(super) fn missing(draft: &Draft) -> Vec<String> {
    let of_desk = |desk: &Owner| {
        let user = grant(draft, desk) == Grant::Password;
        let user = REQUIRED_BY_PASSWORD.into_iter().filter(move |_| user);
        let missing: Vec<_> = REQUIRED
            .into_iter()
            .chain(user)
            .filter(|id| draft.found(desk, id).is_none())
            .map(|id| draft.ways(desk, id))
            .collect();
        missing
    };
    draft.desks().flat_map(of_desk).collect()
}

/// A desk from its settings.
pub(super) fn setup(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
    (tenant, desk): (TenantId, DeskId),
) -> Result<DeskSetup, ConfigError> {
    let need = |id: &str| {
        draft.text(owner, id).ok_or_else(|| ConfigError::Missing(vec![draft.ways(owner, id)]))
    };
    let need_secret = |id: &str| {
        let secret = references.secret(owner, id)?;
        secret.ok_or_else(|| ConfigError::Missing(vec![draft.ways(owner, id)]))
    };
    let instance =
        |source| ConfigError::Instance { name: draft.name(owner, "desk.instance"), source };
    let url = instance_url(&need("desk.instance")?).map_err(instance)?;
    let (client_id, client_secret) = (need("desk.client_id")?, need_secret("desk.client_secret")?);
    let grant = grant(draft, owner);
    let credentials = match grant {
        Grant::Password => Credentials {
            client_id,
            client_secret,
            username: need("desk.username")?,
            password: need_secret("desk.password")?,
        },
        Grant::ClientCredentials => Credentials::of_client(client_id, client_secret),
    };
    let mut client = ClientConfig::new(url, credentials).map_err(instance)?;
    client.grant = grant;
    let webhook_secret = need_secret("desk.webhook_secret")?;
    sendable(draft, owner, "desk.webhook_secret", &webhook_secret)?;
    Ok(DeskSetup {
        tenant,
        desk,
        client,
        webhook_secret,
        message_token: references.secret(owner, "desk.message_token")?,
        command_words: texts(draft, owner, "desk.command_words")
            .into_iter()
            .map(|word| word.trim().to_lowercase())
            .collect(),
        receipts: draft.text(owner, "desk.receipts").as_deref() != Some("off"),
        files: match draft.text(owner, "desk.files").as_deref() {
            Some("link") => FilesBy::Link,
            Some("upload") => FilesBy::Upload,
            Some(_) | None => FilesBy::Either,
        },
        wording: Wording {
            nobody: texts(draft, owner, "desk.nobody_texts"),
            ended: texts(draft, owner, "desk.ended_texts"),
            joined: texts(draft, owner, "desk.joined_texts"),
        },
    })
}

pub(super) fn texts(draft: &Draft, owner: &Owner, id: &str) -> Vec<String> {
    match draft.value(owner, id) {
        Some(Value::Texts(texts)) => texts,
        _ => Vec::new(),
    }
}

/// A secret that travels in a header must be one that a header can carry; otherwise every caller
/// would be refused and nobody could see why.
pub(super) fn sendable(
    draft: &Draft,
    owner: &Owner,
    id: &str,
    secret: &SecretString,
) -> Result<(), ConfigError> {
    let wrong = |problem: &str| {
        Err(ConfigError::Wrong { name: draft.name(owner, id), problem: problem.to_owned() })
    };
    let secret = secret.expose_secret();
    if secret.len() > SECRET_BYTES_MAX {
        return wrong("is longer than 1,024 bytes");
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(
            "holds a blank, a line end or a character that no header can carry (a line end at the \
             end of a mounted file is the usual one)",
        );
    }
    Ok(())
}
