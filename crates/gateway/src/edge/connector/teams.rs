//! Conversations in Teams that a bot begins: Teams makes them, and what is said in them goes the way
//! of everything that is said (reference 2.4).
//!
//! Teams gives the same conversation again whenever it is begun with the same person, and so do we: a
//! request that failed half-way is sent again.

use std::time::{Duration, Instant};

use axum::{Json, http::StatusCode};
use bot_framework::{
    Activity,
    connector::{ConnectorError, Created as Begun, Member as Known, ServiceUrl},
};
use serde_json::{Value, json};
use session::{Event, id::UserId};
use store::Target;

use super::{
    conversations::{Created, Parameters},
    refused::Refused,
    roster,
};
use crate::{
    behind::{BotLink, Intake, Move},
    channel::{ChannelLink, TEAMS},
    edge::{Edge, messages::meaning::Whose},
    engine::Arrival,
    render::activity_id,
};

/// How long Teams may take to make a conversation, while the bot waits.
const BEGINS_WITHIN: Duration = Duration::from_secs(8);

/// How long it may then take to say who that is.
const KNOWN_WITHIN: Duration = Duration::from_secs(4);

/// What Teams puts before the id of a bot, and of a person.
const BOT_PREFIX: &str = "28:";
const PERSON_PREFIX: &str = "29:";

/// Whether a conversation in Teams is asked for: only there are tenants and such ids.
pub(super) fn is_meant(parameters: &Parameters) -> bool {
    let Parameters { members, bot, tenant_id, channel_data, .. } = parameters;
    let is_of_teams = |name| channel_data.as_ref().is_some_and(|data| data.get(name).is_some());
    tenant_id.is_some()
        || ["tenant", "channel", "team"].into_iter().any(is_of_teams)
        || members.iter().any(|member| member.id.starts_with(PERSON_PREFIX))
        || bot.as_ref().is_some_and(|bot| bot.id.starts_with(BOT_PREFIX))
}

pub(super) async fn create(
    edge: &Edge,
    link: &BotLink,
    channel: &ChannelLink,
    parameters: Parameters,
) -> Result<(StatusCode, Json<Created>), Refused> {
    let (member, tenant) = whom(channel, &parameters)?;
    let first = parameters.activity.as_deref().map(Activity::from_raw).transpose()?;
    let to = home(channel, &tenant)?;
    let bot = format!("{BOT_PREFIX}{}", channel.setup.connector.registration.app_id);
    let body = json!({
        "bot": { "id": bot },
        "isGroup": false,
        "members": [{ "id": member }],
        "tenantId": tenant,
        "channelData": { "tenant": { "id": tenant } },
    });
    let connector = &channel.connector;
    let begun = connector.create(&to, body.to_string(), BEGINS_WITHIN).await;
    let begun = begun.map_err(|error| refusal(&error))?;
    let told = begun.service_url.as_deref().and_then(|url| connector.may_call(url).ok());
    let home = told.unwrap_or(to);
    // The person writes under the id of their directory, which a bot need not know.
    let known = connector.member(&home, &begun.id, &member, KNOWN_WITHIN).await;
    let known = known.map_err(|error| refusal(&error))?;
    let Whose { key, visitor, .. } = whose(channel, (&home, &bot), &begun, &known, &tenant)?;
    let arrival = Arrival::event(Target::Key(key), Event::BotBegan { visitor });
    let conversation = edge.engine.submit(arrival).await?.conversation;
    let id = edge.handles.conversation(&link.tenant, &link.bot, conversation);
    let fresh = edge.clock.fresh_session();
    let intake = Intake { setup: &link.setup, answers: None, key: None, fresh };
    let activity_id = match first.map(|first| intake.read(first)) {
        Some(Move::Event(event)) => {
            let says = Arrival::event(Target::Conversation(conversation), *event);
            Some(activity_id(&id, edge.engine.submit(says).await?.number))
        }
        Some(Move::Passing(_) | Move::Nothing) | None => None,
    };
    let service_url = link.service_url();
    let created = Created { id, activity_id, service_url, channel_data: None };
    Ok((StatusCode::CREATED, Json(created)))
}

/// With whom, and in which Entra tenant.
fn whom(channel: &ChannelLink, parameters: &Parameters) -> Result<(String, String), Refused> {
    let bad = |message: &str| Refused::new(StatusCode::BAD_REQUEST, "BadArgument", message);
    let data = parameters.channel_data.as_ref();
    let names = |name| data.is_some_and(|data| data.get(name).is_some_and(|it| !it.is_null()));
    if parameters.is_group == Some(true) || names("channel") || names("team") {
        return Err(Refused::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotSupported",
            "Warmline begins personal chats only; group chats and channels begin when somebody \
             writes there",
        ));
    }
    let [member] = &parameters.members[..] else {
        return Err(bad("a conversation is begun with one member, the user; name exactly one"));
    };
    UserId::new(&member.id).map_err(|error| bad(&format!("the member cannot be used: {error}")))?;
    let own = format!("{BOT_PREFIX}{}", channel.setup.connector.registration.app_id);
    let is_ours = |bot: &str| bot.is_empty() || bot.eq_ignore_ascii_case(&own);
    let is_stranger = |bot: &str| bot.starts_with(BOT_PREFIX) && !is_ours(bot);
    if parameters.bot.as_ref().is_some_and(|bot| is_stranger(&bot.id)) {
        return Err(bad(&format!(
            "to Teams the bot is this gateway's registration: leave `bot` out, or name {own}"
        )));
    }
    let in_data = data.and_then(|data| data.get("tenant")?.get("id")?.as_str());
    let tenant = match (parameters.tenant_id.as_deref(), in_data, &channel.setup.tenants[..]) {
        (Some(one), Some(other), _) if !one.eq_ignore_ascii_case(other) => {
            return Err(bad("`tenantId` and `channelData.tenant.id` are two tenants; name one"));
        }
        (Some(tenant), ..) | (None, Some(tenant), _) => tenant,
        (None, None, [only]) => only,
        (None, None, _) => {
            return Err(bad("`tenantId` is missing: the Entra tenant of the user, as in \
                            channelData.tenant.id of what Teams brings"));
        }
    };
    if !channel.takes(true, &[tenant.to_owned()]) {
        return Err(Refused::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "users of this Entra tenant may not come; see WARMLINE_USER_TENANTS (`user_tenants`)",
        ));
    }
    Ok((member.id.clone(), tenant.to_owned()))
}

/// Where the tenant's people were last heard from, else where the cloud begins conversations.
fn home(channel: &ChannelLink, tenant: &str) -> Result<ServiceUrl, Refused> {
    let heard = channel.homes.of(tenant, Instant::now());
    let heard = heard.and_then(|url| channel.connector.may_call(&url).ok());
    let of_cloud = || {
        let url = channel.setup.connector.cloud.teams.as_ref()?.to_string();
        channel.connector.may_call(&url).ok()
    };
    heard.or_else(of_cloud).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_IMPLEMENTED,
            "NotSupported",
            "nobody of this tenant was heard yet, and the cloud has no address where conversations \
             are begun; it works once somebody of the tenant has written",
        )
    })
}

/// Whose it is, as the first activity of the person's would tell it: what they write later is to come
/// into the same conversation.
fn whose(
    channel: &ChannelLink,
    (home, bot): (&ServiceUrl, &str),
    begun: &Begun,
    known: &Known,
    tenant: &str,
) -> Result<Whose, Refused> {
    let mut from = json!({ "id": known.id });
    for (name, value) in [("aadObjectId", &known.aad_object_id), ("name", &known.name)] {
        if let Some(value) = value {
            from[name] = Value::from(value.as_str());
        }
    }
    let told = json!({
        "type": "conversationUpdate",
        "channelId": TEAMS,
        "serviceUrl": format!("{}/", home.as_str()),
        "from": from,
        "recipient": { "id": bot },
        "conversation":
            { "id": begun.id, "conversationType": "personal", "tenantId": tenant },
        "channelData": { "tenant": { "id": tenant } },
    });
    let told = Activity::parse(told.to_string().as_bytes())?;
    Whose::read(channel, &told).map_err(|_| {
        Refused::new(
            StatusCode::BAD_GATEWAY,
            "ServiceError",
            "what Teams answered cannot be used: an id or a name in it is none",
        )
    })
}

/// What Teams refuses here is mostly the bot's to mend.
fn refusal(error: &ConnectorError) -> Refused {
    let (status, code) = match error {
        ConnectorError::Refused { status: 400 | 404, .. } => {
            (StatusCode::BAD_REQUEST, "BadArgument")
        }
        ConnectorError::Refused { status: 403, .. } => (StatusCode::FORBIDDEN, "Forbidden"),
        other => return roster::refusal(other),
    };
    Refused::new(status, code, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_in_teams_is_meant_by_what_only_teams_has() {
        for (json, expected) in [
            (r#"{"members":[{"id":"dl_kim"}]}"#, false),
            (r#"{"members":[{"id":"dl_kim"}],"bot":{"id":"helper"},"isGroup":false}"#, false),
            (r#"{"members":[{"id":"dl_kim"}],"channelData":{"x":1}}"#, false),
            (r#"{"members":[{"id":"dl_kim"}],"tenantId":"t"}"#, true),
            (r#"{"members":[{"id":"dl_kim"}],"channelData":{"tenant":{"id":"t"}}}"#, true),
            (r#"{"members":[{"id":"29:kim"}]}"#, true),
            (r#"{"members":[{"id":"x"}],"bot":{"id":"28:app"}}"#, true),
            (r#"{"isGroup":true,"channelData":{"channel":{"id":"19:x"}}}"#, true),
        ] {
            assert_eq!(is_meant(&serde_json::from_str(json).unwrap()), expected, "{json}");
        }
    }
}
