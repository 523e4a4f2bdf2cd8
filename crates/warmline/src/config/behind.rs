//! A bot of the team's own: where it is, and as whom Warmline comes to it.

use std::time::Duration;

use gateway::{Answers, BehindSetup, BotConfig, Credential, Registration, Uri, VerifyConfig};

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    network::checked_public_url,
    reference::References,
    value::Value,
};

/// The longest that a bot may take an activity: leases, probes of the breaker and a stop are made for it.
const TURN_WITHIN_MAX: Duration = Duration::from_secs(25);

/// Where Entra's public cloud gives tokens.
const LOGIN: &str = "https://login.microsoftonline.com";

/// The tenant under which it gives them for a registration that is for all tenants.
const MULTI_TENANT: &str = "botframework.com";

/// The bot behind from its settings; `None` where the built-in one answers, and without references.
pub(super) fn setup(
    draft: &Draft,
    references: Option<&References<'_>>,
    owner: &Owner,
) -> Result<Option<BehindSetup>, ConfigError> {
    let (Some(endpoint), Some(references)) = (draft.text(owner, "bot.endpoint"), references) else {
        return Ok(None);
    };
    let wrong =
        |id: &str, problem: String| ConfigError::Wrong { name: draft.name(owner, id), problem };
    let endpoint = uri(draft, owner, "bot.endpoint", &endpoint)?;
    let (credential, verify) = match draft.text(owner, "bot.endpoint_app_id") {
        None => (Credential::Anonymous, None),
        Some(bot_app_id) => {
            let registration = registration(draft, references, owner)?;
            let verify = VerifyConfig {
                metadata: uri(
                    draft,
                    owner,
                    "bot.entra_metadata_url",
                    &draft.text(owner, "bot.entra_metadata_url").unwrap_or_default(),
                )?,
                audiences: vec![
                    registration.app_id.clone(),
                    format!("api://{}", registration.app_id),
                ],
                tenants: draft.text(owner, "bot.app_tenant").into_iter().collect(),
                issuers: texts(draft, owner, "bot.token_issuers"),
            };
            verify.check().map_err(|source| ConfigError::BotTokens {
                name: draft.name(owner, "bot.entra_metadata_url"),
                source,
            })?;
            (Credential::Skill { registration, bot_app_id }, Some(verify))
        }
    };
    let reach = BotConfig { endpoint, credential };
    reach.check().map_err(|source| ConfigError::Behind {
        name: draft.name(owner, "bot.endpoint"),
        source,
    })?;
    let service_url = draft.text(owner, "bot.service_url");
    let service_url = service_url
        .map(|text| service_base(&text, verify.is_none()))
        .transpose()
        .map_err(|problem| wrong("bot.service_url", problem.to_owned()))?;
    let within = match draft.value(owner, "bot.turn_within") {
        Some(Value::Span(span)) => span,
        _ => Duration::from_secs(15),
    };
    if within > TURN_WITHIN_MAX {
        return Err(wrong(
            "bot.turn_within",
            "must be 25s at most: a gateway that stops waits no longer, and a bot that needs more \
             can take the activity and answer later"
                .to_owned(),
        ));
    }
    Ok(Some(BehindSetup {
        reach,
        verify,
        service_url,
        answers: match draft.text(owner, "bot.delivery").as_deref() {
            Some("expectReplies") => Answers::WithAnswer,
            Some(_) | None => Answers::ByCall,
        },
        within,
        handoff_events: texts(draft, owner, "bot.handoff_events"),
    }))
}

/// How the bot reaches us. One without tokens may come over http on a private network, as it is
/// reached itself.
fn service_base(text: &str, without_tokens: bool) -> Result<String, &'static str> {
    match text.strip_prefix("http://") {
        Some(rest) if without_tokens && !rest.is_empty() => {
            // Checked as if it were https, for its form.
            checked_public_url(&format!("https://{rest}"))?;
            Ok(text.trim_end_matches('/').to_owned())
        }
        Some(_) | None => checked_public_url(text),
    }
}

/// Warmline's own registration.
fn registration(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
) -> Result<Registration, ConfigError> {
    let missing = |id: &str| ConfigError::Missing(vec![draft.ways(owner, id)]);
    let app_id = draft.text(owner, "bot.app_id").ok_or_else(|| missing("bot.app_id"))?;
    let secret = references.secret(owner, "bot.app_password")?;
    let secret = secret.ok_or_else(|| missing("bot.app_password"))?;
    let login = if let Some(login) = draft.text(owner, "bot.login_url") {
        login
    } else {
        let single = draft.text(owner, "bot.app_type").as_deref() == Some("SingleTenant");
        let tenant = match draft.text(owner, "bot.app_tenant") {
            Some(tenant) if single => tenant,
            None if single => return Err(missing("bot.app_tenant")),
            Some(_) | None => MULTI_TENANT.to_owned(),
        };
        format!("{LOGIN}/{tenant}")
    };
    let login = uri(draft, owner, "bot.login_url", login.trim_end_matches('/'))?;
    Ok(Registration { app_id, secret: secret.into(), login })
}

fn uri(draft: &Draft, owner: &Owner, id: &str, text: &str) -> Result<Uri, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::Wrong {
        name: draft.name(owner, id),
        problem: "must be a URL, for instance https://bot.example.org/api/messages".to_owned(),
    })
}
