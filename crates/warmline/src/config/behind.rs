//! A bot of the team's own: where it is, and as whom Warmline comes to it.

use std::time::Duration;

use gateway::{Answers, BehindSetup, BotConfig, Credential, Uri, VerifyConfig};

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    network::{checked_public_url, private_hosts},
    reference::References,
    registration::{app_tenant, cloud, guid, registration},
    value::Value,
};

/// The longest that a bot may take an activity: leases, probes of the breaker and a stop are made for it.
const TURN_WITHIN_MAX: Duration = Duration::from_secs(25);

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
            let bot_app_id = guid(draft, owner, "bot.endpoint_app_id", "the bot's app id")?
                .unwrap_or(bot_app_id);
            let cloud = cloud(draft, owner)?;
            let registration = registration(draft, references, owner, &cloud)?;
            let registration = registration.ok_or_else(|| incomplete(draft, owner))?;
            let verify = VerifyConfig {
                metadata: cloud.entra_metadata,
                audiences: vec![
                    registration.app_id.clone(),
                    format!("api://{}", registration.app_id),
                ],
                tenants: app_tenant(draft, owner)?.into_iter().collect(),
                issuers: texts(draft, owner, "bot.token_issuers"),
                private_hosts: private_hosts(draft)?,
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

/// What a bot with an app id needs of us and does not find.
fn incomplete(draft: &Draft, owner: &Owner) -> ConfigError {
    let needed = ["bot.app_id", "bot.app_password"];
    let missing = needed.into_iter().filter(|id| draft.found(owner, id).is_none());
    ConfigError::Missing(missing.map(|id| draft.ways(owner, id)).collect())
}

fn uri(draft: &Draft, owner: &Owner, id: &str, text: &str) -> Result<Uri, ConfigError> {
    text.trim().parse().map_err(|_| ConfigError::Wrong {
        name: draft.name(owner, id),
        problem: "must be a URL, for instance https://bot.example.org/api/messages".to_owned(),
    })
}
