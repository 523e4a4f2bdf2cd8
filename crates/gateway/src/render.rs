//! From a log entry to the activity a Direct Line client sees.

use bot_framework::Activity;
use bot_framework::activity::{ChannelAccount, ConversationAccount, Role};
use serde_json::json;
use session::{Agent, Author, Content, Notice, Said};

use crate::{
    clock::rfc3339,
    keeping::Entry,
    notices::{self, Language},
};

/// How ids begin that only a token can give.
const BOUND_PREFIX: &str = "dl_";

/// Whose conversation an entry is rendered for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// The Direct Line conversation id.
    pub(crate) conversation: &'a str,
    /// The user bound by the token; empty where none is.
    pub(crate) user: &'a str,
    /// What notices are in.
    pub(crate) language: Language,
}

/// The id of an entry's activity: safe in a path, the same every time.
pub(crate) fn activity_id(conversation: &str, number: session::id::Number) -> String {
    format!("{conversation}-{number:07}")
}

impl View<'_> {
    /// The activity of an entry as JSON; `None` for entries the user is never shown.
    pub(crate) fn activity(&self, entry: &Entry) -> Option<String> {
        let mut activity = match (&entry.author, &entry.content) {
            (_, Content::Context(_)) => return None,
            (_, Content::Notice(notice)) => of_notice(self.language, notice),
            (Author::User, Content::Said(said)) => self.of_user(said),
            (Author::Bot, Content::Said(said)) => {
                of_said(said, "", ChannelAccount::new("bot", Role::Bot).named("Assistant"))
            }
            (Author::Agent(agent), Content::Said(said)) => of_agent(agent, said),
            (Author::Desk | Author::Gateway, Content::Said(said)) => {
                of_said(said, "", ChannelAccount::new("desk", Role::Bot).named("Service desk"))
            }
        };
        activity.set("id", activity_id(self.conversation, entry.number));
        activity.set("timestamp", rfc3339(entry.at));
        activity.set("channelId", "directline");
        activity.set("conversation", ConversationAccount::new(self.conversation));
        // Web Chat sorts by this before it looks at times. What a page sent there that is no object
        // comes back as it came.
        if activity.channel_data().is_none_or(|data| data.get().starts_with('{')) {
            activity.set_within("channelData", "webchat:sequence-id", entry.number.0);
        }
        Some(activity.to_json())
    }

    /// The agent types. Only ever on a stream: it has no place in the log and no id.
    pub(crate) fn typing(&self, agent: Option<&str>) -> String {
        let mut activity = Activity::typing();
        activity.set("from", agent_account(agent));
        activity.set("channelId", "directline");
        activity.set("conversation", ConversationAccount::new(self.conversation));
        activity.to_json()
    }

    /// What the user posted, whole, with the identity that the token proves.
    fn of_user(&self, said: &Said) -> Activity {
        let original =
            said.payload.as_ref().and_then(|payload| Activity::parse(payload.0.as_bytes()).ok());
        let mut activity = original.unwrap_or_else(|| Activity::message(&said.text));
        let claimed = activity.from().and_then(|from| from.id).unwrap_or_default();
        if !self.user.is_empty() {
            activity.set_within("from", "id", self.user);
        } else if claimed.starts_with(BOUND_PREFIX) {
            // Clients take such an id from a token and from nowhere else (reference 4.2); here it is
            // made up.
            activity.set_within("from", "id", self.conversation);
        }
        activity.set_within("from", "role", Role::User);
        activity
    }
}

fn of_notice(language: Language, notice: &Notice) -> Activity {
    let mut activity = Activity::message(&notices::words(language, notice));
    activity.set("locale", language.code());
    activity.set("from", ChannelAccount::new("warmline", Role::Channel).named("Warmline"));
    activity.set("textFormat", "plain");
    // For pages that show more than words.
    activity.set_within("channelData", "warmline", json!({ "notice": notice }));
    activity
}

/// An agent's words go out as they were typed; the name goes into the text, because chat pages do
/// not show names beside bubbles.
fn of_agent(agent: &Agent, said: &Said) -> Activity {
    let prefix = agent.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
    of_said(said, &prefix, agent_account(agent.name.as_deref()))
}

fn agent_account(name: Option<&str>) -> ChannelAccount {
    // Not the bot's id: a page ends the typing of whoever speaks.
    ChannelAccount::new("agent", Role::Bot).named(name.unwrap_or("Agent"))
}

fn of_said(said: &Said, prefix: &str, from: ChannelAccount) -> Activity {
    let mut activity = Activity::message(&format!("{prefix}{}", prompt(said)));
    activity.set("from", from);
    activity.set("textFormat", if said.markdown { "markdown" } else { "plain" });
    if said.options.is_empty() {
        return activity;
    }
    let options: Vec<_> =
        said.options.iter().map(|choice| (choice.label.as_str(), choice.value.as_str())).collect();
    activity.with_suggested_actions(&options)
}

/// The words without the list of options that ends them: buttons show the options already. The log
/// keeps the list for those who see no buttons.
fn prompt(said: &Said) -> &str {
    let mut text = said.text.as_str();
    for choice in said.options.iter().rev() {
        let line =
            text.strip_suffix(choice.label.as_str()).and_then(|rest| rest.strip_suffix("- "));
        match line {
            Some(rest) => text = rest.trim_end_matches('\n'),
            None => return &said.text,
        }
    }
    if text.is_empty() { &said.text } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use session::{
        Choice, Payload,
        id::{Number, Timestamp},
    };

    use super::*;

    fn shown(author: Author, content: Content) -> Option<Value> {
        let language = Language::German;
        let view = View { conversation: "c1", user: "dl_kim", language };
        let entry = Entry { number: Number(12), at: Timestamp(1_767_225_600_000), author, content };
        view.activity(&entry).map(|json| serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn every_activity_has_an_id_a_time_and_a_place() {
        let shown = shown(Author::Bot, Content::Said(Said::words("Hello"))).unwrap();
        assert_eq!(shown["id"], "c1-0000012");
        assert_eq!(shown["timestamp"], "2026-01-01T00:00:00.000Z");
        assert_eq!(shown["conversation"]["id"], "c1");
        assert_eq!(shown["channelData"]["webchat:sequence-id"], 12);
        assert_eq!(shown["from"]["role"], "bot");
    }

    #[test]
    fn what_the_user_posted_comes_back_whole_with_the_proven_identity() {
        let posted = r#"{"type":"message","text":"hi","from":{"id":"mallory","x":1},"n":1.0,"channelData":{"clientActivityID":"a1"}}"#;
        let said = Said { payload: Some(Payload(posted.to_owned())), ..Said::words("hi") };
        let shown = shown(Author::User, Content::Said(said)).unwrap();
        assert_eq!(shown["from"]["id"], "dl_kim");
        assert_eq!(shown["from"]["role"], "user");
        assert_eq!(shown["from"]["x"], 1);
        assert_eq!(shown["channelData"]["clientActivityID"], "a1");
    }

    #[test]
    fn an_id_that_only_a_token_can_give_is_not_taken_from_a_page() {
        let language = Language::English;
        let view = View { conversation: "c1", user: "", language };
        for (claimed, shown_as) in [("kim", "kim"), ("dl_kim", "c1"), ("r_77", "r_77")] {
            let posted = format!(r#"{{"type":"message","text":"hi","from":{{"id":"{claimed}"}}}}"#);
            let said = Said { payload: Some(Payload(posted)), ..Said::words("hi") };
            let shown: Value = serde_json::from_str(&view.of_user(&said).to_json()).unwrap();
            assert_eq!(shown["from"]["id"], shown_as);
        }
    }

    #[test]
    fn channel_data_comes_back_as_it_came() {
        for (sent, sequence) in [
            (r#"{"a":{"b":[1.0,12345678901234567890]},"c":null}"#, true),
            (r#""a text""#, false),
            ("7.50", false),
            ("[1,2]", false),
        ] {
            let posted = format!(r#"{{"type":"message","text":"hi","channelData":{sent}}}"#);
            let said = Said { payload: Some(Payload(posted)), ..Said::words("hi") };
            let view = View { conversation: "c1", user: "dl_kim", language: Language::English };
            let entry = Entry {
                number: Number(12),
                at: Timestamp(1_767_225_600_000),
                author: Author::User,
                content: Content::Said(said),
            };
            let shown = view.activity(&entry).unwrap();
            let kept = sent.strip_suffix('}').unwrap_or(sent);
            assert!(shown.contains(&format!("\"channelData\":{kept}")), "{shown}");
            assert_eq!(shown.contains("webchat:sequence-id"), sequence, "{shown}");
        }
    }

    #[test]
    fn an_agents_words_are_plain_and_carry_the_name() {
        let agent = Agent { name: Some("Dana".to_owned()), id: None };
        let shown = shown(Author::Agent(agent), Content::Said(Said::words("use *this*"))).unwrap();
        assert_eq!(shown["text"], "Dana: use *this*");
        assert_eq!(shown["textFormat"], "plain");
        assert_ne!(shown["from"]["id"], "bot");
    }

    #[test]
    fn options_become_suggested_actions() {
        let option = Choice { label: "Yes".to_owned(), value: "1".to_owned() };
        let said = Said { options: vec![option], ..Said::words("Sure?") };
        let shown = shown(Author::Desk, Content::Said(said)).unwrap();
        assert_eq!(shown["suggestedActions"]["actions"][0]["title"], "Yes");
        assert_eq!(shown["suggestedActions"]["actions"][0]["value"], "1");
    }

    #[test]
    fn what_buttons_show_is_not_listed_again() {
        let option = |label: &str| Choice { label: label.to_owned(), value: "v".to_owned() };
        let options = vec![option("Pay"), option("Something else")];
        for (text, shown_as) in [
            ("Which?\n- Pay\n- Something else", "Which?"),
            ("- Pay\n- Something else", "- Pay\n- Something else"),
            ("Which?\n- Pay", "Which?\n- Pay"),
            ("Which?", "Which?"),
        ] {
            let said = Said { options: options.clone(), ..Said::words(text) };
            let shown = shown(Author::Desk, Content::Said(said)).unwrap();
            assert_eq!(shown["text"], shown_as);
        }
    }

    #[test]
    fn what_the_bot_handed_over_is_never_shown() {
        assert_eq!(shown(Author::Bot, Content::Context(session::Context::new())), None);
    }

    #[test]
    fn a_notice_comes_from_the_channel_and_names_its_key() {
        let shown = shown(Author::Gateway, Content::Notice(Notice::Asked)).unwrap();
        assert_eq!(shown["from"]["role"], "channel");
        assert_eq!(shown["channelData"]["warmline"]["notice"]["key"], "asked");
        assert_eq!(shown["locale"], "de");
        assert!(shown["text"].as_str().unwrap().starts_with("Ich suche"), "{shown}");
    }
}
