//! From a log entry to the activity a Direct Line client sees.

use bot_framework::Activity;
use bot_framework::activity::{ChannelAccount, ConversationAccount, Role, kinds};
use serde_json::json;
use session::{Agent, Author, Content, Notice, Payload, Said, id::Number};

use crate::{
    behind::{Links, handles},
    clock::rfc3339,
    edge::direct_line::activities,
    keeping::Entry,
    notices::{self, Language},
    plain,
    rich::{self, Look, Surface},
    wakes::Typist,
};

/// How ids begin that only a token can give.
const BOUND_PREFIX: &str = "dl_";

/// Whose conversation an entry is rendered for.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// The Direct Line conversation id.
    pub(crate) conversation: &'a str,
    /// The user bound by the token; empty where none is.
    pub(crate) user: &'a str,
    /// What notices are in.
    pub(crate) language: Language,
    /// What the addresses of a bot's attachments become; `None` leaves them as they are.
    pub(crate) links: Option<&'a Links>,
    /// The first entry of the set that is rendered; what is before it the page has been given.
    pub(crate) first: Number,
}

/// The bot's id for pages, whichever bot it is: what one page was shown under another id it would show
/// as somebody else.
const BOT: &str = "bot";

/// The id of an entry's activity: safe in a path, the same every time.
pub(crate) fn activity_id(conversation: &str, number: session::id::Number) -> String {
    format!("{conversation}-{number:07}")
}

impl View<'_> {
    /// The activity of an entry as JSON; `None` for entries the user is never shown.
    pub(crate) fn activity(&self, entry: &Entry) -> Option<String> {
        // An activity that says something of another keeps that one's id, time and place, so that
        // pages change what they show (reference 4.6).
        let (number, at) = match &entry.content {
            Content::Revised { of, at, .. } | Content::Withdrawn { of, at } => (*of, *at),
            Content::Said(_)
            | Content::Done(_)
            | Content::Notice(_)
            | Content::Context(_)
            | Content::Transcript(_) => (entry.number, entry.at),
        };
        let mut activity = match (&entry.author, &entry.content) {
            (_, Content::Context(_) | Content::Transcript(_))
            | (Author::Agent(_) | Author::Desk | Author::Gateway, Content::Done(_)) => return None,
            (_, Content::Notice(notice)) => self.of_notice(notice, entry.number),
            (_, Content::Withdrawn { .. }) => self.of_withdrawn(),
            (Author::User, Content::Said(said)) => self.said_by_user(said),
            (Author::User, Content::Done(payload)) => self.of_user(Some(payload), ""),
            (Author::Bot, Content::Done(payload)) => {
                self.of_bot(self.parsed(&payload.0)?, entry.number)
            }
            (Author::Bot | Author::User, Content::Revised { said, .. })
            | (Author::Bot, Content::Said(said)) => self.said_by_bot(said, entry.number),
            (Author::Agent(agent), Content::Said(said) | Content::Revised { said, .. }) => {
                self.of_agent(agent, said, number)
            }
            (
                Author::Desk | Author::Gateway,
                Content::Said(said) | Content::Revised { said, .. },
            ) => self.of_desk(said, number, "", desk_account()),
        };
        if number < entry.number && number < self.first && activity.raw("replyToId").is_none() {
            // Web Chat holds an answer back until it has what was answered; what changes that answer
            // must wait behind it, else the old words are shown over the new. So it answers them.
            activity.set("replyToId", activity_id(self.conversation, number));
        }
        activity.set("id", activity_id(self.conversation, number));
        activity.set("timestamp", rfc3339(at));
        activity.set("channelId", "directline");
        activity.set("conversation", ConversationAccount::new(self.conversation));
        // Web Chat sorts by this before it looks at times. Data that is no object has no room for it.
        if activity.channel_data().is_none_or(|data| data.get().starts_with('{')) {
            activity.set_within("channelData", "webchat:sequence-id", number.0);
        }
        Some(activity.to_json())
    }

    /// Something of the bot's for whoever looks at the moment: typing, also such as carries a text
    /// that grows. Its id is the one that the bot was told.
    pub(crate) fn passing(&self, json: &str) -> Option<String> {
        let activity = self.parsed(json)?;
        let mut activity = self.of_bot(activity, Number(u64::MAX));
        activity.set("channelId", "directline");
        activity.set("conversation", ConversationAccount::new(self.conversation));
        Some(activity.to_json())
    }

    /// The agent types. Only ever on a stream: it has no place in the log and no id.
    pub(crate) fn typing(&self, who: &Typist) -> String {
        let mut activity = Activity::typing();
        let from = match who {
            Typist::Agent(name) => agent_account(name.as_deref()),
            Typist::Desk => desk_account(),
        };
        activity.set("from", from);
        activity.set("channelId", "directline");
        activity.set("conversation", ConversationAccount::new(self.conversation));
        activity.to_json()
    }

    /// What the user said. Pages hide what a card sends; what was chosen there is shown in words, and
    /// what was for the desk alone comes back masked.
    fn said_by_user(&self, said: &Said) -> Activity {
        let mut activity = self.of_user(said.payload.as_ref(), &said.text);
        let own = said.masked.as_ref().and_then(|masked| masked.key.as_ref());
        if let Some(id) = own.and_then(|key| key.as_str().strip_prefix(activities::KEY_PREFIX)) {
            activity.set_within("channelData", "clientActivityID", id);
        }
        if said.masked.is_some() && !said.files.is_empty() {
            // The original is gone, in which they were.
            let files = said.files.iter().map(|file| {
                let address = self.links.and_then(|links| links.file(&file.id));
                json!({ "contentType": file.kind, "contentUrl": address, "name": file.name })
            });
            activity.set("attachments", files.collect::<Vec<_>>());
        }
        let is_blank = activity.text().is_none_or(|text| text.trim().is_empty());
        if said.answer.is_some() && is_blank {
            activity.set("text", &said.text);
            activity.remove_within("channelData", "postBack");
        }
        activity
    }

    /// What the user posted, whole, with the identity that the token proves.
    fn of_user(&self, payload: Option<&Payload>, text: &str) -> Activity {
        let activity = payload.and_then(|payload| self.parsed(&payload.0));
        let mut activity = activity.unwrap_or_else(|| Activity::message(text));
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

    fn said_by_bot(&self, said: &Said, number: Number) -> Activity {
        match said.payload.as_ref().and_then(|payload| self.parsed(&payload.0)) {
            Some(activity) => self.of_bot(activity, number),
            None => of_said(said, prompt(said), bot_account().named("Assistant")),
        }
    }

    /// What the bot sent, whole, with the ids and the people that the page knows (reference 3.2).
    fn of_bot(&self, mut activity: Activity, number: Number) -> Activity {
        let answered = activity.reply_to_id().map(std::borrow::Cow::into_owned);
        match answered.and_then(|id| handles::renamed(&id, self.conversation, number)) {
            Some(id) => activity.set("replyToId", id),
            // A page holds back what answers something that it has never seen.
            None => drop(activity.remove("replyToId")),
        }
        // Pages go by it to tell notices from words.
        activity.remove_within("channelData", "warmline");
        for ours in ["serviceUrl", "relatesTo", "callerId", "deliveryMode", "_channelId"] {
            activity.remove(ours);
        }
        activity.set_within("from", "id", BOT);
        activity.set_within("from", "role", Role::Bot);
        if self.user.is_empty() {
            activity.remove("recipient");
        } else {
            activity.set("recipient", ChannelAccount::new(self.user, Role::User));
        }
        if activity.raw("suggestedActions").is_some_and(|actions| actions.get() != "null") {
            // Only one person is here, and a page may know them by another id than the bot.
            activity.set_within("suggestedActions", "to", [""; 0]);
        }
        activity
    }

    /// An activity as it came, with addresses that the page can open.
    fn parsed(&self, json: &str) -> Option<Activity> {
        let shown = match self.links {
            Some(links) => links.shown(json),
            None => json.into(),
        };
        Activity::parse(shown.as_bytes()).ok()
    }

    fn of_notice(&self, notice: &Notice, number: Number) -> Activity {
        let mut activity = Activity::message(&notices::words(self.language, notice));
        activity.set("locale", self.language.code());
        activity.set("from", ChannelAccount::new("warmline", Role::Channel).named("Warmline"));
        activity.set("textFormat", "plain");
        let notice = self.with_picture(notice, number);
        // For pages that show more than words.
        activity.set_within("channelData", "warmline", json!({ "notice": notice }));
        activity
    }

    /// The same with an address of the agent's picture that the page can open, or without one.
    fn with_picture(&self, notice: &Notice, number: Number) -> Notice {
        let mut notice = notice.clone();
        if let Notice::Connected { avatar, .. } | Notice::Transferred { avatar, .. } = &mut notice {
            *avatar = avatar.take().and_then(|address| self.open(number, &address));
        }
        notice
    }

    /// An agent's words go out as they were typed; the name goes into the text, because chat pages do
    /// not show names beside bubbles.
    fn of_agent(&self, agent: &Agent, said: &Said, number: Number) -> Activity {
        let prefix = agent.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let mut activity =
            self.of_desk(said, number, &prefix, agent_account(agent.name.as_deref()));
        let avatar = agent.avatar.as_deref().and_then(|address| self.open(number, address));
        if let Some(avatar) = avatar {
            // The notice that they are there often comes before anybody knows their picture.
            activity.set_within(
                "channelData",
                "warmline",
                json!({ "agent": { "avatar": avatar } }),
            );
        }
        activity
    }

    /// What comes from the desk, as richly as a page shows it.
    fn of_desk(&self, said: &Said, entry: Number, prefix: &str, from: ChannelAccount) -> Activity {
        let open = |address: &str| self.open(entry, address);
        let look = Look {
            surface: Surface::Page,
            language: self.language,
            entry,
            prefix,
            open: &open,
            pictures: &rich::NO_PICTURES,
        };
        let Some(shown) = rich::shown(said, &look) else {
            let words = rich::Words::of(said, self.language, &open);
            if !rich::fit_on_buttons(Surface::Page, &said.options) {
                return of_words(said, &format!("{prefix}{}", words.all()), from);
            }
            return of_said(said, &format!("{prefix}{}", words.prompt()), from);
        };
        let mut activity = Activity::of_kind(kinds::MESSAGE);
        activity.set("from", from);
        // Only one person is here.
        shown.put_into(&mut activity, &[]);
        activity
    }

    /// Under what address the page may open what the desk names.
    fn open(&self, entry: Number, address: &str) -> Option<String> {
        match self.links {
            Some(links) => links.open(entry, address),
            None => rich::public(address),
        }
    }

    fn of_withdrawn(&self) -> Activity {
        let mut activity = Activity::message(notices::withdrawn(self.language));
        activity.set("from", bot_account());
        activity.set("textFormat", "plain");
        activity.set_within("channelData", "warmline", json!({ "deleted": true }));
        activity
    }
}

fn bot_account() -> ChannelAccount {
    ChannelAccount::new(BOT, Role::Bot)
}

fn desk_account() -> ChannelAccount {
    ChannelAccount::new("desk", Role::Bot).named("Service desk")
}

pub(crate) fn agent_account(name: Option<&str>) -> ChannelAccount {
    // Not the bot's id: a page ends the typing of whoever speaks.
    ChannelAccount::new("agent", Role::Bot).named(name.unwrap_or("Agent"))
}

/// Words, and buttons for what can be chosen.
fn of_said(said: &Said, words: &str, from: ChannelAccount) -> Activity {
    let activity = of_words(said, words, from);
    if said.options.is_empty() {
        return activity;
    }
    let labels: Vec<_> = said.options.iter().map(|choice| plain::words(&choice.label)).collect();
    let options: Vec<_> = labels
        .iter()
        .zip(&said.options)
        .map(|(label, choice)| (&**label, choice.value.as_str()))
        .collect();
    activity.with_suggested_actions(&options)
}

fn of_words(said: &Said, words: &str, from: ChannelAccount) -> Activity {
    let mut activity = Activity::message(&plain::words(words));
    activity.set("from", from);
    activity.set("textFormat", if said.markdown { "markdown" } else { "plain" });
    activity
}

/// The words without the list of options that ends them: buttons show the options already. The log
/// keeps the list for those who see no buttons.
pub(crate) fn prompt(said: &Said) -> &str {
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
mod tests;
