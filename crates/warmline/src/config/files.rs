//! How files are kept, of the file and the environment.

use gateway::{BucketSetup, FileRules, FileSetup, ScannerAddress, Scanning, WithoutScanner};

use super::{
    ConfigError,
    draft::{Draft, Owner},
    network::checked_public_url,
    reference::References,
    value::Value,
};

/// Which part of a tenant's room strangers may fill unless somebody says otherwise: a quarter.
const STRANGERS_PART: u64 = 4;

/// What files are kept by.
pub(super) fn setup(draft: &Draft, references: &References<'_>) -> Result<FileSetup, ConfigError> {
    Ok(FileSetup {
        bucket: bucket(draft, references)?,
        rules: rules(draft)?,
        scanning: scanning(draft)?,
    })
}

fn rules(draft: &Draft) -> Result<FileRules, ConfigError> {
    let defaults = FileRules::default();
    let size = |id: &str, default| match draft.value(&Owner::House, id) {
        Some(Value::Size(bytes)) => bytes,
        _ => default,
    };
    let texts = |id: &str| match draft.value(&Owner::House, id) {
        Some(Value::Texts(texts)) => Some(texts),
        _ => None,
    };
    let span = |id: &str, default| match draft.value(&Owner::House, id) {
        Some(Value::Span(span)) => span,
        _ => default,
    };
    let file_bytes = size("files.largest", defaults.file_bytes);
    let tenant_bytes = size("files.of_tenant", defaults.tenant_bytes);
    // Room for one such file there is always.
    let strangers_bytes = (tenant_bytes / STRANGERS_PART).max(file_bytes);
    let rules = FileRules {
        file_bytes,
        in_message: match draft.value(&Owner::House, "files.in_message") {
            Some(Value::Count(count)) => count,
            _ => defaults.in_message,
        },
        conversation_bytes: size("files.of_conversation", defaults.conversation_bytes),
        tenant_bytes,
        strangers_bytes: size("files.of_strangers", strangers_bytes),
        all_bytes: size("files.of_all", defaults.all_bytes),
        kept_for: span("files.keep", defaults.kept_for),
        strangers_kept_for: span("files.keep_strangers", defaults.strangers_kept_for),
        only: texts("files.only"),
        never: texts("files.never").unwrap_or(defaults.never),
    };
    for (id, patterns) in [("files.only", rules.only.as_ref()), ("files.never", Some(&rules.never))]
    {
        for pattern in patterns.into_iter().flatten() {
            if !is_pattern(pattern) {
                return Err(wrong(
                    draft,
                    id,
                    "holds something that is neither an ending (.pdf) nor a type (image/png, image/*)",
                ));
            }
        }
    }
    for (id, room) in [
        ("files.of_conversation", rules.conversation_bytes),
        ("files.of_tenant", rules.tenant_bytes),
        ("files.of_strangers", rules.strangers_bytes),
        ("files.of_all", rules.all_bytes),
    ] {
        if room < rules.file_bytes {
            return Err(wrong(draft, id, "is less than `largest`, so that no such file would fit"));
        }
    }
    Ok(rules)
}

fn is_pattern(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && !part.contains(['/', '*', ' ']);
    match text.strip_prefix('.') {
        Some(ending) => plain(ending),
        None => text
            .split_once('/')
            .is_some_and(|(group, kind)| plain(group) && (kind == "*" || plain(kind))),
    }
}

fn scanning(draft: &Draft) -> Result<Option<Scanning>, ConfigError> {
    const CLAMD: &str = "files.clamd";
    let Some(text) = draft.text(&Owner::House, CLAMD) else { return Ok(None) };
    let text = text.trim();
    let clamd = if text.starts_with('/') {
        ScannerAddress::Unix(text.into())
    } else {
        let address = text.strip_prefix("tcp://").unwrap_or(text);
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(wrong(
                draft,
                CLAMD,
                "must be the path of clamd's socket, or its host and port, for instance 127.0.0.1:3310",
            ));
        }
        ScannerAddress::Tcp(address.to_owned())
    };
    let without = match draft.text(&Owner::House, "files.without_clamd").as_deref() {
        Some("take") => WithoutScanner::Take,
        Some(_) | None => WithoutScanner::Refuse,
    };
    Ok(Some(Scanning { clamd, without }))
}

fn bucket(draft: &Draft, references: &References<'_>) -> Result<Option<BucketSetup>, ConfigError> {
    const ENDPOINT: &str = "files.endpoint";
    const KEY_ID: &str = "files.access_key_id";
    const KEY: &str = "files.secret_access_key";
    let text = |id: &str| draft.text(&Owner::House, id).map(|text| text.trim().to_owned());
    let Some(bucket) = text("files.bucket") else { return Ok(None) };
    let endpoint = text(ENDPOINT).map(|url| checked_public_url(&url)).transpose();
    let endpoint = endpoint.map_err(|problem| wrong(draft, ENDPOINT, problem))?;
    let key = match (text(KEY_ID), references.secret(&Owner::House, KEY)?) {
        (Some(id), Some(key)) => Some((id, key)),
        (None, None) => None,
        (Some(_), None) => return Err(wrong(draft, KEY, "is missing beside `access_key_id`")),
        (None, Some(_)) => {
            return Err(wrong(draft, KEY_ID, "is missing beside `secret_access_key`"));
        }
    };
    Ok(Some(BucketSetup {
        bucket,
        prefix: text("files.prefix").unwrap_or_default().trim_matches('/').to_owned(),
        region: text("files.region").unwrap_or_default(),
        endpoint,
        key,
        in_host_name: text("files.bucket_in").as_deref() == Some("host"),
    }))
}

fn wrong(draft: &Draft, id: &str, problem: &str) -> ConfigError {
    ConfigError::Wrong { name: draft.name(&Owner::House, id), problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use gateway::REFUSED;

    use super::*;
    use crate::config::{draft::default_of, table::setting};

    #[test]
    fn the_table_has_the_defaults_that_the_gateway_has() {
        let rules = rules(&Draft::default()).unwrap();
        assert_eq!(rules, FileRules::default());
        let never = default_of(setting("files.never").unwrap());
        let Some(Value::Texts(never)) = never else { panic!("{never:?}") };
        assert_eq!(never, REFUSED);
    }

    #[test]
    fn a_pattern_is_an_ending_or_a_type() {
        for good in [".pdf", ".tar.gz", "image/png", "image/*", "application/vnd.ms-excel"] {
            assert!(is_pattern(good), "{good}");
        }
        for bad in ["", ".", "pdf", "*", "*/*", "*.pdf", "image/", "/png", "image/p*", "a b/c"] {
            assert!(!is_pattern(bad), "{bad}");
        }
    }
}
