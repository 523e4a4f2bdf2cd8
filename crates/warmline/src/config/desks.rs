//! Desks: how ServiceNow is reached and what it presents.

use std::io::Read;

use gateway::{
    ClientConfig, Credentials, DeskId, DeskSetup, FilesBy, Grant, SettingNames, TenantId,
    WebhookRules, Wording, instance_url,
};
use http::HeaderName;

use super::{
    Called, ConfigError,
    door::{self, Door},
    draft::{Draft, Owner},
    network::{networks, private_hosts},
    reference::{References, open_file},
    value::Value,
};

/// The largest file of authorities' certificates, in bytes: more than all that a system trusts.
const CA_FILE_BYTES_MAX: u64 = 1_024 * 1_024;

/// The settings that a desk always needs.
const REQUIRED: [&str; 2] = ["desk.instance", "desk.webhook_secret"];

/// The settings that a token is asked for with.
pub(super) const OF_A_CLIENT: [&str; 2] = ["desk.client_id", "desk.client_secret"];

/// The settings that name a user.
pub(super) const OF_A_USER: [&str; 2] = ["desk.username", "desk.password"];

/// Headers that callers and proxies set for purposes of their own, in which no secret is looked for.
const TAKEN_HEADERS: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "forwarded",
    "host",
    "traceparent",
    "transfer-encoding",
    "true-client-ip",
    "upgrade",
    "user-agent",
    "via",
    "x-real-ip",
];

/// How the headers begin that proxies write: what stands in them would be theirs, and not the caller's.
const PROXIES_HEADERS: [&str; 2] = ["cf-", "x-forwarded-"];

pub(super) fn grant(draft: &Draft, desk: &Owner) -> Grant {
    match draft.text(desk, "desk.grant_type").as_deref() {
        Some("client_credentials") => Grant::ClientCredentials,
        Some("basic") => Grant::Basic,
        Some(_) | None => Grant::Password,
    }
}

/// What is not set and must be, of all desks.
pub(super) fn missing(draft: &Draft) -> Vec<String> {
    let of_desk = |desk: &Owner| {
        let grant = grant(draft, desk);
        let client = OF_A_CLIENT.into_iter().filter(|_| grant != Grant::Basic);
        let user = OF_A_USER.into_iter().filter(|_| grant != Grant::ClientCredentials);
        let missing: Vec<_> = client
            .chain(REQUIRED)
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
    let grant = grant(draft, owner);
    let credentials = match grant {
        Grant::Password => Credentials {
            client_id: need("desk.client_id")?,
            client_secret: need_secret("desk.client_secret")?,
            username: need("desk.username")?,
            password: need_secret("desk.password")?,
        },
        Grant::ClientCredentials => {
            Credentials::of_client(need("desk.client_id")?, need_secret("desk.client_secret")?)
        }
        Grant::Basic if need("desk.username")?.contains(':') => {
            return Err(ConfigError::Wrong {
                name: draft.name(owner, "desk.username"),
                problem: "holds a colon, which Basic cannot carry".to_owned(),
            });
        }
        Grant::Basic => Credentials::of_user(need("desk.username")?, need_secret("desk.password")?),
    };
    let mut client = ClientConfig::new(url, credentials).map_err(instance)?;
    client.grant = grant;
    client.names = names(Called::new(draft, owner));
    client.signature_secret = references.secret(owner, "desk.signature_secret")?;
    client.authorities = authorities(draft, owner)?;
    client.private_hosts = private_hosts(draft)?;
    let webhook_secret = need_secret("desk.webhook_secret")?;
    door::fits(draft, owner, Door::Webhook, &webhook_secret)?;
    Ok(DeskSetup {
        tenant,
        desk,
        client,
        webhook_secret,
        webhook: webhook(draft, references, owner)?,
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
            language: super::language(draft),
        },
    })
}

/// What a desk's settings are called that its instance may find wrong.
fn names(called: Called<'_>) -> SettingNames {
    SettingNames {
        instance: called.setting("desk.instance"),
        client_id: called.setting("desk.client_id"),
        client_secret: called.setting("desk.client_secret"),
        username: called.setting("desk.username"),
        password: called.setting("desk.password"),
        grant_type: called.setting("desk.grant_type"),
    }
}

/// In which other ways the instance proves itself, and from where.
fn webhook(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
) -> Result<WebhookRules, ConfigError> {
    let wrong = |id: &str, problem: &str| ConfigError::Wrong {
        name: draft.name(owner, id),
        problem: problem.to_owned(),
    };
    let previous = references.secret(owner, "desk.webhook_secret_previous")?;
    if let Some(previous) = &previous {
        door::fits(draft, owner, Door::WebhookPrevious, previous)?;
    }
    let user = draft.text(owner, "desk.webhook_user");
    if user.as_ref().is_some_and(|user| user.contains(':') || user.chars().any(char::is_control)) {
        return Err(wrong("desk.webhook_user", "holds a colon or a control character"));
    }
    let header = draft.text(owner, "desk.webhook_header").map(|name| {
        let name: HeaderName = name
            .trim()
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| wrong("desk.webhook_header", "is no name of a header"))?;
        let of_proxies = PROXIES_HEADERS.iter().any(|begin| name.as_str().starts_with(begin));
        if of_proxies || TAKEN_HEADERS.contains(&name.as_str()) {
            let problem = "is a header with a meaning of its own; choose another, for instance \
                           x-warmline-secret";
            return Err(wrong("desk.webhook_header", problem));
        }
        Ok(name)
    });
    let (header, from) = (header.transpose()?, networks(draft, owner, "desk.webhook_from")?);
    Ok(WebhookRules { previous, user, header, from })
}

/// The certificates of authorities that this desk's instance may have its own from.
fn authorities(draft: &Draft, owner: &Owner) -> Result<Vec<Vec<u8>>, ConfigError> {
    const ID: &str = "desk.ca_file";
    let Some(path) = draft.path(owner, ID) else { return Ok(Vec::new()) };
    let unreadable = |source| ConfigError::SecretFile {
        name: draft.name(owner, ID),
        path: path.clone(),
        source,
    };
    let mut pem = Vec::new();
    let file = open_file(&path).map_err(unreadable)?;
    file.take(CA_FILE_BYTES_MAX + 1).read_to_end(&mut pem).map_err(unreadable)?;
    let wrong = |problem: &str| ConfigError::Wrong {
        name: draft.name(owner, ID),
        problem: format!("refers to {}, which {problem}", path.display()),
    };
    if pem.len() as u64 > CA_FILE_BYTES_MAX {
        return Err(wrong("is larger than 1 MiB"));
    }
    gateway::authorities_of(&pem)
        .map_err(|_| wrong("holds something that is no certificate of an authority in PEM form"))
}

pub(super) fn texts(draft: &Draft, owner: &Owner, id: &str) -> Vec<String> {
    match draft.value(owner, id) {
        Some(Value::Texts(texts)) => texts,
        _ => Vec::new(),
    }
}
