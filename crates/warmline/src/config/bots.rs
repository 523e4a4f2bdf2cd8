//! Bots: the rules of their conversations and what opens them.

use std::{io::Read, path::Path, time::Duration};

use gateway::{
    Behind, BotId, BotSetup, BuiltInBot, DeskId, MessageEncryption, Origin, PageRules, Phrases,
    Policy, Replay, WidgetKey, folded,
};

use super::{
    ConfigError, behind, channel,
    desks::texts,
    door::{self, Door},
    draft::{Draft, Owner},
    file::nearest,
    reference::{References, open_file},
    registration,
    value::Value,
};

/// The largest file of answers, in bytes.
const ANSWERS_BYTES_MAX: u64 = 1_024 * 1_024;

/// A bot from its settings; without references its secrets are left out.
pub(super) fn setup(
    draft: &Draft,
    references: Option<&References<'_>>,
    owner: &Owner,
) -> Result<BotSetup, ConfigError> {
    let Owner::Bot { tenant, name } = owner else {
        return Err(ConfigError::Wrong { name: owner.table(), problem: "is no bot".to_owned() });
    };
    let wrong =
        |id: &str, problem: String| ConfigError::Wrong { name: draft.name(owner, id), problem };
    let id = registration::app_id(draft, owner)?.unwrap_or_else(|| name.clone());
    let bot =
        BotId::new(&id).map_err(|error| wrong("bot.app_id", format!("cannot be used: {error}")))?;
    let direct_line_secret = match references {
        Some(references) => references.secret(owner, "bot.direct_line_secret")?,
        None => None,
    };
    if let Some(secret) = &direct_line_secret {
        door::fits(draft, owner, Door::DirectLine, secret)?;
    }
    let built_in_bot = match draft.path(owner, "bot.answers_file") {
        Some(path) if references.is_some() => Some(answers(draft, owner, &path)?),
        Some(_) | None => None,
    };
    Ok(BotSetup {
        tenant: super::tenant_id(tenant)?,
        bot,
        policy: policy(draft, owner, tenant)?,
        direct_line_secret,
        behind: behind::setup(draft, references, owner)?,
        channel: match references {
            Some(references) => channel::setup(draft, references, owner)?,
            None => None,
        },
        pages: pages(draft, owner)?,
        built_in_bot,
    })
}

/// What holds for its web pages.
fn pages(draft: &Draft, owner: &Owner) -> Result<PageRules, ConfigError> {
    let origin = |text: String| {
        Origin::parse(&text).map_err(|error| ConfigError::Wrong {
            name: draft.name(owner, "bot.trusted_origins"),
            problem: format!("holds a text that {error}"),
        })
    };
    let origins = texts(draft, owner, "bot.trusted_origins").into_iter().map(origin);
    let trusted_origins = origins.collect::<Result<Vec<_>, _>>()?;
    Ok(PageRules {
        widget_key: widget_key(draft, owner, &trusted_origins)?,
        trusted_origins,
        token_grace: match draft.value(owner, "bot.token_grace") {
            Some(Value::Span(span)) => span,
            _ => Duration::ZERO,
        },
        replay: match draft.text(owner, "bot.replay").as_deref() {
            Some("new") => Replay::New,
            Some(_) | None => Replay::All,
        },
        message_encryption: match draft.text(owner, "bot.message_encryption").as_deref() {
            Some("required") => MessageEncryption::Required,
            Some(_) | None => MessageEncryption::Offered,
        },
    })
}

/// The public key, which is worth something only where it is said from which pages.
fn widget_key(
    draft: &Draft,
    owner: &Owner,
    trusted: &[Origin],
) -> Result<Option<WidgetKey>, ConfigError> {
    let Some(text) = draft.text(owner, "bot.widget_key") else { return Ok(None) };
    let wrong =
        |problem: String| ConfigError::Wrong { name: draft.name(owner, "bot.widget_key"), problem };
    let key = WidgetKey::new(&text).map_err(|error| wrong(error.to_string()))?;
    if trusted.is_empty() {
        return Err(wrong(format!(
            "would open chats to every page there is; name yours in {}",
            draft.name(owner, "bot.trusted_origins")
        )));
    }
    Ok(Some(key))
}

/// No two bots of a tenant may have one name in the store.
pub(super) fn refuse_doubles(bots: &[BotSetup]) -> Result<(), ConfigError> {
    for (at, bot) in bots.iter().enumerate() {
        let double = |other: &BotSetup| other.tenant == bot.tenant && other.bot == bot.bot;
        if bots[..at].iter().any(double) {
            return Err(ConfigError::Wrong {
                name: format!("`app_id` of tenant {}", bot.tenant),
                problem: format!("makes two bots one, both called {}; each needs its own", bot.bot),
            });
        }
        // A key decides whose stranger it is, and it alone.
        let key = |bot: &BotSetup| bot.pages.widget_key.clone();
        if key(bot).is_some() && bots[..at].iter().any(|other| key(other) == key(bot)) {
            return Err(ConfigError::Wrong {
                name: format!("`widget_key` of bot {}", bot.bot),
                problem: "is that of another bot, too; each needs its own".to_owned(),
            });
        }
        // Whom a channel's token is made out for decides whose user writes.
        let app = |bot: &BotSetup| {
            bot.channel.as_ref().map(|of| of.connector.registration.app_id.to_ascii_lowercase())
        };
        let same = |other: &BotSetup| app(other).is_some() && app(other) == app(bot);
        if let Some(other) = bots[..at].iter().find(|other| same(other)) {
            return Err(ConfigError::Wrong {
                name: format!("`app_id` of tenant {}", bot.tenant),
                problem: format!(
                    "is that of a bot of tenant {}, too; at /api/messages it tells whose users \
                     write, so each needs its own registration",
                    other.tenant
                ),
            });
        }
    }
    Ok(())
}

fn policy(draft: &Draft, owner: &Owner, tenant: &str) -> Result<Policy, ConfigError> {
    let span = |id: &str| match draft.value(owner, id) {
        Some(Value::Span(span)) => span,
        _ => Duration::ZERO,
    };
    let usual = super::language(draft).phrases();
    // Whoever sets phrases sets all of them; otherwise they are those that the notices name.
    let phrases = |id: &str, usual: Vec<String>| -> Vec<String> {
        if draft.found(owner, id).is_none() {
            return usual;
        }
        let folded = texts(draft, owner, id).into_iter().map(|text| folded(&text));
        folded.filter(|text| !text.is_empty()).collect()
    };
    let policy = Policy {
        desk: desk_of(draft, owner, tenant)?,
        behind: match draft.found(owner, "bot.endpoint") {
            Some(_) => Behind::Bot,
            None => Behind::BuiltIn,
        },
        phrases: Phrases {
            escalate: phrases("bot.escalate_phrases", usual.escalate),
            cancel: phrases("bot.cancel_phrases", usual.cancel),
            end: phrases("bot.end_phrases", usual.end),
            // Nobody is told these: people answer so by themselves.
            yes: usual.yes,
            no: usual.no,
            skip: usual.skip,
        },
        silence: span("bot.silence"),
        longest_wait: span("bot.longest_wait"),
        idle_warning: span("bot.idle_warning"),
        agent_idle: Some(span("bot.agent_idle")).filter(|idle| !idle.is_zero()),
        away_grace: span("bot.away_grace"),
        quiet: span("bot.quiet"),
        ask_within: span("bot.ask_within"),
        say_within: span("bot.say_within"),
        end_within: span("bot.end_within"),
        bot_within: span("bot.bot_within"),
        lane_max: match draft.value(owner, "bot.lane_max") {
            Some(Value::Count(count)) => count,
            _ => 1,
        },
    };
    for (shorter, longer) in
        [("bot.silence", "bot.longest_wait"), ("bot.idle_warning", "bot.quiet")]
    {
        if span(shorter) >= span(longer) {
            return Err(ConfigError::Wrong {
                name: draft.name(owner, shorter),
                problem: format!("must be shorter than {}", draft.name(owner, longer)),
            });
        }
    }
    Ok(policy)
}

/// The desk it hands over to: the one it names, else the tenant's only one.
fn desk_of(draft: &Draft, owner: &Owner, tenant: &str) -> Result<DeskId, ConfigError> {
    let desks = || {
        draft.desks().filter_map(|desk| match desk {
            Owner::Desk { tenant: whose, name } if whose == tenant => Some(name.as_str()),
            Owner::Desk { .. }
            | Owner::Bot { .. }
            | Owner::Tenant { .. }
            | Owner::Operator { .. }
            | Owner::House => None,
        })
    };
    let wrong =
        |problem: String| ConfigError::Wrong { name: draft.name(owner, "bot.desk"), problem };
    let name = match (draft.text(owner, "bot.desk"), desks().count()) {
        (Some(name), _) if desks().any(|desk| desk == name) => name,
        (Some(name), _) => {
            let meant = nearest(&name, desks()).map(|desk| format!("; did you mean `{desk}`?"));
            let meant = meant.unwrap_or_default();
            return Err(wrong(format!("names no desk of tenant {tenant}{meant}")));
        }
        (None, 1) => desks().next().unwrap_or_default().to_owned(),
        (None, 0) => {
            return Err(wrong(format!(
                "cannot be chosen: tenant {tenant} has no desk; add [tenants.{tenant}.desks.NAME]"
            )));
        }
        (None, _) => {
            return Err(wrong(format!("must be set: tenant {tenant} has several desks")));
        }
    };
    DeskId::new(&name).map_err(|error| wrong(format!("cannot be used as a name: {error}")))
}

fn answers(draft: &Draft, owner: &Owner, path: &Path) -> Result<BuiltInBot, ConfigError> {
    let name = || draft.name(owner, "bot.answers_file");
    let mut text = String::new();
    open_file(path)
        .and_then(|file| file.take(ANSWERS_BYTES_MAX).read_to_string(&mut text))
        .map_err(|source| ConfigError::SecretFile {
            name: name(),
            path: path.to_owned(),
            source,
        })?;
    BuiltInBot::from_json(&text).map_err(|source| ConfigError::Answers {
        name: name(),
        path: path.to_owned(),
        source,
    })
}
