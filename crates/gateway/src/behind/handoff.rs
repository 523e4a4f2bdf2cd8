//! The handoff protocol (reference 5): how a bot asks for a person, in each of its dialects, and how
//! it is told what became of it.

use bot_framework::{
    Activity,
    activity::{ChannelAccount, Role, kinds},
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use session::{Author, BotNews, Context, Line};

use super::links::hidden;
use crate::{clock::rfc3339, keeping::Entry, render::agent_account};

/// The event by which a bot asks for a person.
const INITIATE: &str = "handoff.initiate";

/// The event by which it hears what became of that.
const STATUS: &str = "handoff.status";

/// The most values that a bot may hand over; the desk shows them to a person.
const VALUES_MAX: usize = 100;

/// The longest name of a value, in characters.
const NAME_CHARS_MAX: usize = 100;

/// The longest value, in characters.
const VALUE_CHARS_MAX: usize = 4_000;

/// The most lines of a transcript, either way: the newest ones.
const TRANSCRIPT_LINES_MAX: usize = 200;

/// The longest line of a transcript that a bot brings, in characters.
const LINE_CHARS_MAX: usize = 4_000;

/// The most bytes of words in a transcript, either way.
const TRANSCRIPT_BYTES_MAX: usize = 64 * 1_024;

/// A bot asks for a person.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) context: Context,
    pub(super) transcript: Vec<Line>,
}

/// Whether this asks for a person, and with what: `handoff.initiate`, an event of another name that
/// the configuration knows, or a message with Omnichannel's tag `Escalate`.
pub(super) fn asks(activity: &Activity, further: &[String]) -> Option<Asked> {
    if activity.kind() == kinds::EVENT {
        let name = activity.name()?;
        if name != INITIATE && !further.iter().any(|known| *known == name) {
            return None;
        }
        let context = activity.value().map(context_of).unwrap_or_default();
        return Some(Asked { context, transcript: transcript_of(activity) });
    }
    let tags = tags(activity)?;
    if tags.kind != "Escalate" {
        return None;
    }
    let context = tags.context.as_deref().map(context_of).unwrap_or_default();
    Some(Asked { context, transcript: Vec::new() })
}

/// Whether this ends the live chat: Omnichannel's tag `EndConversation`. The end of a conversation with
/// the bot itself (`endOfConversation`) is not that: a bot called by others ends each call with it.
pub(super) fn ends(activity: &Activity) -> bool {
    tags(activity).is_some_and(|tags| tags.kind == "EndConversation")
}

/// Omnichannel's `channelData.tags`: JSON inside a string (reference 5.3).
struct Tags {
    kind: String,
    context: Option<Box<RawValue>>,
}

fn tags(activity: &Activity) -> Option<Tags> {
    #[derive(Deserialize)]
    struct Data {
        tags: Option<String>,
    }
    #[derive(Deserialize)]
    struct Written {
        r#type: String,
        context: Option<Box<RawValue>>,
    }
    if activity.kind() != kinds::MESSAGE {
        return None;
    }
    let data: Data = serde_json::from_str(activity.channel_data()?.get()).ok()?;
    let text = data.tags?;
    match serde_json::from_str::<Written>(&text) {
        Ok(Written { r#type, context }) => Some(Tags { kind: r#type, context }),
        Err(_) => Some(Tags { kind: text.trim().to_owned(), context: None }),
    }
}

/// What a bot hands over, as named texts: members of an object under their own names, whatever else as
/// one value. What is no text goes as its JSON.
fn context_of(raw: &RawValue) -> Context {
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    };
    match serde_json::from_str(raw.get()) {
        Ok(Value::Object(members)) => members
            .into_iter()
            .filter(|(name, _)| !name.trim().is_empty())
            .filter_map(|(name, value)| Some((name, text(value)?)))
            .take(VALUES_MAX)
            .map(|(name, value)| {
                (shortened(&name, NAME_CHARS_MAX), shortened(&hidden(&value), VALUE_CHARS_MAX))
            })
            .collect(),
        Ok(other) => {
            let value = text(other).filter(|text| !text.trim().is_empty());
            value
                .map(|text| ("summary".to_owned(), shortened(&hidden(&text), VALUE_CHARS_MAX)))
                .into_iter()
                .collect()
        }
        Err(_) => Context::new(),
    }
}

/// The transcript that came along, in any of its three shapes: `{"activities":[…]}`,
/// `{"transcript":[…]}`, or the bare list (reference 5.1). Its name does not matter; a sample of the
/// vendor misspells it.
fn transcript_of(activity: &Activity) -> Vec<Line> {
    let user = activity.recipient().and_then(|user| user.id);
    let mut lists = activity.attachments().into_iter().filter_map(|attachment| {
        let kind = attachment.content_type()?;
        entries_of(attachment.content().filter(|_| kind.starts_with("application/json"))?)
    });
    let Some(entries) = lists.next() else { return Vec::new() };
    let lines = entries.iter().filter_map(|raw| Activity::from_raw(raw).ok());
    let lines = lines.filter(|entry| entry.kind() == kinds::MESSAGE).filter_map(|entry| {
        let text = entry.text().filter(|text| !text.trim().is_empty())?;
        let by_user = is_by_user(&entry, user.as_deref());
        Some(Line { by_user, text: shortened(&hidden(&text), LINE_CHARS_MAX) })
    });
    newest(lines.collect(), |line| line.text.len())
}

fn entries_of(content: &RawValue) -> Option<Vec<Box<RawValue>>> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(alias = "transcript")]
        activities: Vec<Box<RawValue>>,
    }
    if content.get().trim_start().starts_with('[') {
        return serde_json::from_str(content.get()).ok();
    }
    serde_json::from_str(content.get()).ok().map(|Named { activities }| activities)
}

/// Whether the user said it. Entries of a transcript may lack roles; then their ids tell.
pub(super) fn is_by_user(entry: &Activity, user: Option<&str>) -> bool {
    let Some(from) = entry.from() else { return false };
    match from.role {
        Some(role) => role == Role::User,
        None => from.id.as_deref().zip(user).is_some_and(|(id, user)| id == user),
    }
}

/// The newest that fit, in order.
fn newest<T>(mut lines: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<T> {
    let mut room = TRANSCRIPT_BYTES_MAX;
    let fitting = lines.iter().rev().take(TRANSCRIPT_LINES_MAX).take_while(|line| {
        let fits = bytes(line) <= room;
        room = room.saturating_sub(bytes(line));
        fits
    });
    let fitting = fitting.count();
    lines.drain(..lines.len() - fitting);
    lines
}

/// What became of the live chat, for the bot: `handoff.status`. Beside what the protocol knows, `value`
/// carries the agent's name, the reason, and what was said meanwhile.
pub(super) fn status(news: &BotNews, meanwhile: &[Entry]) -> Activity {
    let (state, agent, reason) = match news {
        BotNews::Accepted { agent } => ("accepted", agent.as_deref(), None),
        BotNews::Completed { agent, reason } => ("completed", agent.as_deref(), Some(*reason)),
        BotNews::Failed { reason } => ("failed", None, Some(*reason)),
    };
    let reason = reason.map(session::EndReason::code);
    let mut value = json!({ "state": state });
    // What samples look at: the agent's name when one is there, why when there is none.
    if let Some(message) = agent.filter(|_| state != "failed").or(reason) {
        value["message"] = message.into();
    }
    if let Some(agent) = agent {
        value["agent"] = json!({ "name": agent });
    }
    if let Some(reason) = reason {
        value["reason"] = reason.into();
    }
    if !matches!(news, BotNews::Accepted { .. }) {
        let lines = meanwhile.iter().filter_map(line).collect();
        value["transcript"] = newest(lines, |line: &Value| line.to_string().len()).into();
    }
    Activity::event(STATUS, value)
}

/// One line of the live chat, as an activity of a transcript.
fn line(entry: &Entry) -> Option<Value> {
    let from = match &entry.author {
        Author::User => ChannelAccount { role: Some(Role::User), ..ChannelAccount::default() },
        Author::Bot => ChannelAccount { role: Some(Role::Bot), ..ChannelAccount::default() },
        Author::Agent(agent) => agent_account(agent.name.as_deref()),
        Author::Desk => ChannelAccount::new("desk", Role::Bot),
        // What Warmline tells the user is no part of what people said.
        Author::Gateway => return None,
    };
    let text = &entry.content.said()?.text;
    Some(json!({
        "type": "message",
        "timestamp": rfc3339(entry.at),
        "from": from,
        "text": shortened(text, LINE_CHARS_MAX),
    }))
}

fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use session::{
        Agent, Content, EndReason, Notice, Said,
        id::{Number, Timestamp},
    };

    use super::*;

    fn asked(json: &str) -> Option<Asked> {
        asks(&Activity::parse(json.as_bytes()).unwrap(), &["GenesysHandoff".to_owned()])
    }

    fn context(pairs: &[(&str, &str)]) -> Context {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_bot_asks_in_each_dialect() {
        let initiate = r#"{"type":"event","name":"handoff.initiate","value":{"skill":"billing","priority":2,"deep":{"a":[1]},"none":null,"":"x"}}"#;
        let handed = context(&[("skill", "billing"), ("priority", "2"), ("deep", r#"{"a":[1]}"#)]);
        assert_eq!(asked(initiate).unwrap().context, handed);
        let genesys = r#"{"type":"event","name":"GenesysHandoff","value":"wants a refund"}"#;
        assert_eq!(asked(genesys).unwrap().context, context(&[("summary", "wants a refund")]));
        let tags = r#"{"type":"message","text":"one moment","channelData":{"tags":"{\"type\":\"Escalate\",\"context\":{\"topic\":\"pay\"}}"}}"#;
        assert_eq!(asked(tags).unwrap().context, context(&[("topic", "pay")]));
        let copilot = r#"{"type":"event","name":"handoff.initiate","value":{"va_LastTopic":"Pay","va_Topics":["A","B"],"va_AgentMessage":"be kind"}}"#;
        assert_eq!(asked(copilot).unwrap().context["va_Topics"], r#"["A","B"]"#);
        assert_eq!(asked(r#"{"type":"event","name":"handoff.initiate"}"#), Some(Asked::default()));
        for other in [
            r#"{"type":"event","name":"handoff.status","value":{"state":"accepted"}}"#,
            r#"{"type":"event","name":"Handoff.Initiate"}"#,
            r#"{"type":"event"}"#,
            r#"{"type":"message","text":"handoff.initiate"}"#,
            r#"{"type":"message","channelData":{"tags":"{\"type\":\"Other\"}"}}"#,
            r#"{"type":"message","channelData":"tags"}"#,
            r#"{"type":"message","channelData":{"tags":7}}"#,
            r#"{"type":"handoff"}"#,
        ] {
            assert_eq!(asked(other), None, "{other}");
        }
    }

    #[test]
    fn a_transcript_is_read_in_all_three_shapes() {
        let entries = r#"[{"type":"message","text":"my bill is wrong","from":{"id":"dl_77"}},{"type":"message","text":"Which one?","from":{"id":"bot","role":"bot"}},{"type":"event","name":"x"},{"type":"message","text":" "},{"text":"no type"},7]"#;
        let lines = vec![
            Line { by_user: true, text: "my bill is wrong".to_owned() },
            Line { by_user: false, text: "Which one?".to_owned() },
        ];
        for content in [
            entries.to_owned(),
            format!(r#"{{"activities":{entries}}}"#),
            format!(r#"{{"transcript":{entries}}}"#),
        ] {
            let json = format!(
                r#"{{"type":"event","name":"handoff.initiate","recipient":{{"id":"dl_77"}},"attachments":[{{"contentType":"image/png"}},{{"contentType":"application/json","name":"Trasnscript","content":{content}}}]}}"#
            );
            assert_eq!(asked(&json).unwrap().transcript, lines, "{content}");
        }
        for content in ["null", "7", "{}", r#"{"activities":7}"#] {
            let json = format!(
                r#"{{"type":"event","name":"handoff.initiate","attachments":[{{"contentType":"application/json","content":{content}}}]}}"#
            );
            assert_eq!(asked(&json).unwrap().transcript, [], "{content}");
        }
    }

    #[test]
    fn what_a_bot_hands_over_is_bounded() {
        let members: Vec<_> =
            (0..500).map(|n| format!(r#""n{n}":"{}""#, "x".repeat(9_000))).collect();
        let json = format!(
            r#"{{"type":"event","name":"handoff.initiate","value":{{{}}}}}"#,
            members.join(",")
        );
        let context = asked(&json).unwrap().context;
        assert_eq!(context.len(), VALUES_MAX);
        assert!(context.values().all(|value| value.chars().count() == VALUE_CHARS_MAX + 1));
        let entry = format!(r#"{{"type":"message","text":"{}"}}"#, "x".repeat(1_000));
        let json = format!(
            r#"{{"type":"event","name":"handoff.initiate","attachments":[{{"contentType":"application/json","content":[{}]}}]}}"#,
            vec![entry; 150].join(",")
        );
        assert_eq!(asked(&json).unwrap().transcript.len(), TRANSCRIPT_BYTES_MAX / 1_000);
    }

    #[test]
    fn the_bot_hears_how_it_ended_who_it_was_and_what_was_said() {
        let dana = Agent { name: Some("Dana".to_owned()), id: None, avatar: None };
        let entry =
            |author, content| Entry { number: Number(1), at: Timestamp(0), author, content };
        let meanwhile = [
            entry(Author::Bot, Content::Context(Context::new())),
            entry(Author::Gateway, Content::Notice(Notice::Asked)),
            entry(Author::User, Content::Said(Said::words("hello"))),
            entry(Author::Agent(dana), Content::Said(Said::words("hi"))),
        ];
        let told = |news| {
            let status = status(&news, &meanwhile);
            assert_eq!(status.name().as_deref(), Some("handoff.status"));
            serde_json::from_str::<Value>(status.value().unwrap().get()).unwrap()
        };
        let dana = Some("Dana".to_owned());
        let accepted = told(BotNews::Accepted { agent: dana.clone() });
        assert_eq!(accepted, json!({"state":"accepted","message":"Dana","agent":{"name":"Dana"}}));
        let done = told(BotNews::Completed { agent: dana, reason: EndReason::AgentEnded });
        assert_eq!((&done["state"], &done["reason"]), (&json!("completed"), &json!("agent_ended")));
        let texts: Vec<_> =
            done["transcript"].as_array().unwrap().iter().map(|line| &line["text"]).collect();
        assert_eq!(texts, [&json!("hello"), &json!("hi")]);
        assert_eq!(done["transcript"][1]["from"]["name"], "Dana");
        let failed = told(BotNews::Failed { reason: EndReason::NoAgent });
        assert_eq!((&failed["state"], &failed["message"]), (&json!("failed"), &json!("no_agent")));
    }
}
