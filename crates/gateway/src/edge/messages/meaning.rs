//! Whose an activity of a channel is, and what it amounts to.

use std::borrow::Cow;

use axum::http::StatusCode;
use bot_framework::{
    Activity,
    activity::{ChannelAccount, kinds},
};
use session::{
    Event, Payload, Visitor,
    id::{ChannelId, ConversationKey, SenderKey, SessionId, UserId},
};

use crate::{
    channel::{self, Account, ChannelLink, Reference, timezone, words},
    edge::answer::Refusal,
    notices::Language,
};

/// Whose conversation it is, and how it is reached.
#[derive(Clone)]
pub(in crate::edge) struct Whose {
    pub(in crate::edge) key: ConversationKey,
    pub(in crate::edge) reference: Reference,
    pub(in crate::edge) visitor: Visitor,
}

/// What an activity amounts to.
pub(super) enum Meaning {
    Event(Box<Event>),
    /// The bot is not there any more.
    Leaves,
    /// Nothing that anybody waits for.
    Nothing,
}

impl Whose {
    pub(in crate::edge) fn read(link: &ChannelLink, activity: &Activity) -> Result<Self, Refusal> {
        let bad = |code, message: String| Refusal::new(StatusCode::BAD_REQUEST, code, message);
        let channel = activity.channel_id().unwrap_or_default();
        let channel = ChannelId::new(channel::kept_as(&channel))
            .map_err(|error| bad("bad_member", format!("channelId: {error}")))?;
        let reference =
            Reference::of(activity).map_err(|error| bad(error.code(), error.to_string()))?;
        let named = channel::tenants_named(activity);
        if !link.takes(channel::is_teams(&channel), &named) {
            return Err(Refusal::new(
                StatusCode::FORBIDDEN,
                "foreign_tenant",
                "users of this Entra tenant may not come; see WARMLINE_USER_TENANTS (`user_tenants`)",
            ));
        }
        let conversation = reference.conversation_id();
        let user = UserId::new(known_as(&channel, &reference.user, &conversation))
            .map_err(|error| bad("bad_member", format!("from.id: {error}")))?;
        let is_personal = reference.is_personal();
        // Between two the conversation is theirs alone, whatever `from` says of itself; in Teams its id
        // is not promised to be.
        let of = channel::is_teams(&channel) && is_personal;
        let of = if of { reference.user.id.as_str() } else { "" };
        let key = ConversationKey {
            tenant: link.tenant.clone(),
            channel,
            bot: link.bot.clone(),
            conversation: conversation.into(),
            user: of.into(),
        };
        let visitor = Visitor {
            user,
            email: None,
            name: reference.user.name.clone(),
            timezone: timezone::of(activity),
            in_group: !is_personal,
            reference: Some(Payload(reference.to_json())),
        };
        Ok(Self { key, reference, visitor })
    }
}

/// How ids begin that only a token can give to a web page (reference 4.2).
const BOUND_PREFIX: &str = "dl_";

/// The person as the desk knows them: never by an id that a page merely claims.
fn known_as<'a>(channel: &ChannelId, user: &'a Account, conversation: &'a str) -> &'a str {
    match channel.as_str() {
        channel::TEAMS => user.aad_object_id.as_ref().unwrap_or(&user.id),
        channel::AZURE_DIRECT_LINE | "webchat" | "emulator" => {
            if user.id.starts_with(BOUND_PREFIX) { &user.id } else { conversation }
        }
        _ => &user.id,
    }
}

/// The activity with its user in `from`; nothing if it is nobody's: an echo of the bot's own, or news
/// of who came and went that names no one but the bot.
pub(super) fn with_its_user(mut activity: Activity) -> Option<Activity> {
    let id_of = |account: Option<ChannelAccount>| account.and_then(|account| account.id);
    let bot = id_of(activity.recipient());
    let conversation = activity.conversation().and_then(|conversation| conversation.id);
    let from = id_of(activity.from());
    if from.is_some() && from != bot && from != conversation {
        return Some(activity);
    }
    if activity.kind() != kinds::CONVERSATION_UPDATE {
        // Without `from` it is refused in words, further on.
        return from.is_none().then_some(activity);
    }
    let mut members = activity.accounts("membersAdded");
    members.extend(activity.accounts("membersRemoved"));
    let user = members.into_iter().find(|member| member.id.is_some() && member.id != bot)?;
    activity.set("from", user);
    Some(activity)
}

/// The channel's id of a message, by which it may be changed or reacted to.
pub(super) fn id_of_words(activity: &Activity) -> Option<Box<str>> {
    let is_message = activity.kind() == kinds::MESSAGE;
    activity.id().filter(|_| is_message).map(|id| id.into_owned().into())
}

/// The channel's id of the message that this is about: a reaction answers it, a change and a deletion
/// have its own.
pub(in crate::edge) fn is_about(activity: &Activity) -> Option<String> {
    match &*activity.kind() {
        kinds::MESSAGE_REACTION => activity.reply_to_id().map(Cow::into_owned),
        kinds::MESSAGE_UPDATE | kinds::MESSAGE_DELETE => activity.id().map(Cow::into_owned),
        _ => None,
    }
}

/// A change of a message that is masked, without what it says now: of the user's own words nothing stays,
/// wherever they stand.
pub(in crate::edge) fn masked(mut activity: Activity, mask: &str) -> Activity {
    for member in ["attachments", "value", "entities", "summary", "speak"] {
        activity.remove(member);
    }
    if activity.remove("text") {
        activity.set("text", mask);
        activity.set("textFormat", "plain");
    }
    activity
}

/// `about` is what the message said that it is about, if that is known.
pub(super) fn of(
    whose: &Whose,
    activity: Activity,
    about: Option<&str>,
    (language, fresh): (Language, SessionId),
) -> Meaning {
    let visitor = whose.visitor.clone();
    let key = sender_key(&activity);
    let did = |visitor, activity: Activity, key| did(visitor, &activity, about, language, key);
    match &*activity.kind() {
        kinds::MESSAGE => match words::heard(&activity, language) {
            Some(said) => Meaning::Event(Box::new(Event::UserSaid { visitor, said, key, fresh })),
            // A call by its name and nothing else is still the bot's to know.
            None => did(visitor, activity, key),
        },
        kinds::CONVERSATION_UPDATE | kinds::INSTALLATION_UPDATE => {
            match moved(&activity, &whose.reference) {
                // A bot in a group is told by its channel, with all that came along.
                Moved::In if visitor.in_group => did(visitor, activity, key),
                Moved::In => Meaning::Event(Box::new(Event::Opened { visitor })),
                Moved::Out => Meaning::Leaves,
                Moved::Otherwise => did(visitor, activity, key),
            }
        }
        kinds::END_OF_CONVERSATION => Meaning::Event(Box::new(Event::UserEnds)),
        // Only a bot asks for a person by an event, and only the gateway tells what became of it.
        kinds::EVENT if activity.name().is_some_and(|name| name.starts_with("handoff.")) => {
            Meaning::Nothing
        }
        kinds::TYPING | kinds::TRACE => Meaning::Nothing,
        _ => did(visitor, activity, key),
    }
}

/// A call to the bot: it is the first that is heard of some conversations, and always a sign of life.
pub(super) fn seen(whose: &Whose, activity: &Activity, language: Language) -> Event {
    let told = words::for_agent(activity, None, language);
    Event::UserSeen { visitor: whose.visitor.clone(), told }
}

fn did(
    visitor: Visitor,
    activity: &Activity,
    about: Option<&str>,
    language: Language,
    key: Option<SenderKey>,
) -> Meaning {
    Meaning::Event(Box::new(Event::UserDid {
        visitor,
        words: activity.kind() == kinds::MESSAGE_UPDATE,
        told: words::for_agent(activity, about, language),
        payload: Payload(activity.to_json()),
        key,
    }))
}

/// Whether somebody came or went.
enum Moved {
    In,
    Out,
    Otherwise,
}

/// Both ways of telling: `installationUpdate` (Teams) and the members of `conversationUpdate`.
fn moved(activity: &Activity, reference: &Reference) -> Moved {
    if activity.kind() == kinds::INSTALLATION_UPDATE {
        return match activity.action().as_deref() {
            Some(action) if action.starts_with("add") => Moved::In,
            Some(action) if action.starts_with("remove") => Moved::Out,
            Some(_) | None => Moved::Otherwise,
        };
    }
    let named = |list: &str, id: Option<&str>| {
        id.is_some_and(|id| {
            activity.accounts(list).iter().any(|member| member.id.as_deref() == Some(id))
        })
    };
    let bot = Some(reference.bot.id.as_str());
    if named("membersRemoved", bot) {
        Moved::Out
    } else if named("membersAdded", bot) || named("membersAdded", Some(&reference.user.id)) {
        Moved::In
    } else {
        Moved::Otherwise
    }
}

/// By which a redelivery is recognised (reference 2.1): a change, a deletion and a reaction carry the id
/// of the message that they are about, so their time belongs to it.
fn sender_key(activity: &Activity) -> Option<SenderKey> {
    let (kind, id) = (activity.kind(), activity.id()?);
    let text = if kind == kinds::MESSAGE {
        format!("ch:{id}")
    } else {
        format!("ch:{kind}:{id}:{}", activity.timestamp()?)
    };
    SenderKey::new(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, aad: Option<&str>) -> Account {
        Account { id: id.to_owned(), name: None, aad_object_id: aad.map(str::to_owned) }
    }

    #[test]
    fn nobody_is_known_to_the_desk_by_an_id_that_a_page_merely_claims() {
        for (channel, id, aad, known) in [
            ("msteams", "29:kim", Some("6f1b"), "6f1b"),
            ("msteams", "29:kim", None, "29:kim"),
            ("slack", "U1:T1", None, "U1:T1"),
            ("slack", "U1:T1", Some("6f1b"), "U1:T1"),
            ("azure-directline", "boss", Some("6f1b"), "c-1"),
            ("azure-directline", "dl_kim", None, "dl_kim"),
            ("webchat", "boss", None, "c-1"),
            ("emulator", "boss", None, "c-1"),
        ] {
            let channel_id = ChannelId::new(channel).unwrap();
            assert_eq!(known_as(&channel_id, &account(id, aad), "c-1"), known, "{channel} {id}");
        }
    }

    #[test]
    fn what_is_nobodys_is_no_users() {
        let user_of = |json: &str| {
            let activity = with_its_user(Activity::parse(json.as_bytes()).unwrap())?;
            activity.from().and_then(|from| from.id)
        };
        let of = |kind: &str, from: &str, more: &str| {
            format!(
                r#"{{"type":"{kind}","from":{{"id":"{from}"}},"recipient":{{"id":"bot"}},"conversation":{{"id":"c"}}{more}}}"#
            )
        };
        assert_eq!(user_of(&of("message", "kim", "")).as_deref(), Some("kim"));
        assert_eq!(user_of(&of("message", "bot", "")), None, "an echo");
        let came = r#","membersAdded":[{"id":"bot"},{"id":"kim"}]"#;
        for from in ["c", "bot", ""] {
            assert_eq!(user_of(&of("conversationUpdate", from, came)).as_deref(), Some("kim"));
        }
        let bot_came = r#","membersAdded":[{"id":"bot"}]"#;
        assert_eq!(user_of(&of("conversationUpdate", "c", bot_came)), None);
    }

    #[test]
    fn nothing_of_a_changed_secret_stays() {
        let json = br#"{"type":"messageUpdate","id":"7","text":"<b>0815</b>","textFormat":"xml",
            "attachments":[{"contentType":"text/html","content":"<p>0815</p>"}],
            "summary":"0815","value":{"a":"0815"},"channelData":{"eventType":"editMessage"}}"#;
        let hidden = masked(Activity::parse(json).unwrap(), "xxx");
        assert!(!hidden.to_json().contains("0815"), "{}", hidden.to_json());
        assert_eq!(hidden.text().as_deref(), Some("xxx"));
        let deleted =
            masked(Activity::parse(br#"{"type":"messageDelete","id":"7"}"#).unwrap(), "xxx");
        assert_eq!(deleted.text(), None);
    }
}
