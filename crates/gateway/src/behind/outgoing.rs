//! What the bot is sent: the user's activities as it would get them from a channel, with Warmline's
//! own ids and addresses in them.

use bot_framework::{
    Activity,
    activity::{ChannelAccount, ConversationAccount, Role, kinds},
};
use serde_json::json;
use session::{
    BotNews, Content, Payload,
    id::{ConversationKey, EffectNumber, Number, Timestamp},
};

use super::{Answers, BotLink, handles, handoff};
use crate::{
    channel::{self, Reference},
    clock::rfc3339,
    keeping::Entry,
    render::activity_id,
};

/// The entries that a channel's own ids in an activity of its user's name, as far as they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names {
    /// What it answers.
    pub(crate) answers: Option<Number>,
    /// What it changes or takes back.
    pub(crate) about: Option<Number>,
}

/// One conversation, as its bot is told of it.
pub(crate) struct Outgoing<'a> {
    pub(crate) link: &'a BotLink,
    pub(crate) key: &'a ConversationKey,
    /// The conversation's id for this bot.
    pub(crate) conversation: &'a str,
    /// How its channel knows it, where that is one that proves people.
    pub(crate) reference: Option<&'a Reference>,
    /// What the user of a page is called, by whoever may say so; a channel that proves people says it
    /// itself.
    pub(crate) name: Option<&'a str>,
}

impl Outgoing<'_> {
    /// The user is there: the bot may greet (reference 3.4). Both newcomers in one, so that whoever
    /// greets everybody but itself greets once.
    pub(crate) fn greeting(&self, effect: EffectNumber, at: Timestamp) -> Activity {
        let mut activity = Activity::of_kind(kinds::CONVERSATION_UPDATE);
        activity.set("membersAdded", [self.bot(), self.user()]);
        activity.set("from", self.user());
        self.place(activity, &self.effect_id(effect), at)
    }

    /// What became of a live chat.
    pub(crate) fn status(
        &self,
        (effect, at): (EffectNumber, Timestamp),
        news: &BotNews,
        meanwhile: &[Entry],
    ) -> Activity {
        let mut activity = handoff::status(news, meanwhile);
        activity.set("from", self.user());
        self.place(activity, &self.effect_id(effect), at)
    }

    /// What the user said or did; `None` for entries that are nothing of a user's.
    /// `names` are the entries that its channel's ids in it name.
    pub(crate) fn activity(&self, entry: &Entry, names: Names) -> Option<Activity> {
        let mut activity = match &entry.content {
            Content::Said(said) => {
                original(said.payload.as_ref()).unwrap_or_else(|| Activity::message(&said.text))
            }
            Content::Done(payload) => original(Some(payload))?,
            Content::Revised { .. }
            | Content::Withdrawn { .. }
            | Content::Notice(_)
            | Content::Context(_)
            | Content::Transcript(_) => return None,
        };
        self.prove(&mut activity);
        let answered = activity.reply_to_id().map(std::borrow::Cow::into_owned);
        let answered = match (answered, self.reference) {
            // Its channel's own id, which the bot has never seen.
            (Some(_), Some(_)) => names.answers.map(|entry| activity_id(self.conversation, entry)),
            (Some(id), None) => handles::renamed(&id, self.conversation, entry.number),
            (None, _) => None,
        };
        match answered {
            Some(id) => activity.set("replyToId", id),
            None => drop(activity.remove("replyToId")),
        }
        let id = activity_id(self.conversation, names.about.unwrap_or(entry.number));
        Some(self.place(activity, &id, entry.at))
    }

    /// An activity that is relayed on the spot and written nowhere; `answers` as above.
    pub(crate) fn relayed(
        &self,
        mut activity: Activity,
        answers: Option<Number>,
        (id, at): (&str, Timestamp),
    ) -> Activity {
        self.prove(&mut activity);
        let answered = activity.reply_to_id().map(std::borrow::Cow::into_owned);
        let renamed = answered
            .filter(|_| self.reference.is_none())
            .and_then(|id| handles::renamed(&id, self.conversation, Number(u64::MAX)));
        let named = answers.map(|entry| activity_id(self.conversation, entry));
        match renamed.or(named) {
            Some(id) => activity.set("replyToId", id),
            // Its channel's own id, by which the bot can change nothing here.
            None if self.reference.is_some() => drop(activity.remove("replyToId")),
            None => {}
        }
        let mut activity = self.place(activity, id, at);
        // Never with buffered answers: the answer is the answer (reference 3.4).
        activity.remove("deliveryMode");
        activity
    }

    /// Whoever it is from is who the channel proved them to be. What else a page claims about a person,
    /// a bot might believe.
    fn prove(&self, activity: &mut Activity) {
        if self.reference.is_some() {
            // Its channel has proven all of it.
            return;
        }
        activity.retain(|name| !is_other_spelling(name, &OURS));
        activity.retain_within("from", |name| {
            !PERSONS.contains(&name)
                && !is_other_spelling(name, &PERSONS)
                && !is_other_spelling(name, &["id", "name", "role"])
        });
        activity.set_within("from", "id", self.user_id());
        activity.set_within("from", "role", Role::User);
        // What the site's server bound goes before what the page says.
        let claimed = activity.from().and_then(|from| from.name);
        match self.name {
            Some(name) => activity.set_within("from", "name", name),
            None if claimed.is_none_or(|name| name.trim().is_empty()) => {
                activity.remove_within("from", "name");
            }
            None => {}
        }
    }

    /// Everything that is Warmline's to say, and nothing that the strict readers refuse.
    fn place(&self, mut activity: Activity, id: &str, at: Timestamp) -> Activity {
        activity.set("id", id);
        activity.set("timestamp", rfc3339(at));
        activity.set("channelId", channel::on_the_wire(self.key.channel.as_str()));
        activity.set("serviceUrl", self.link.service_url());
        if let Some(reference) = self.reference {
            // What kind of conversation it is, and whose, the bot may want to know.
            activity.set("conversation", reference.conversation());
            activity.set_within("conversation", "id", self.conversation);
        } else {
            activity.set("conversation", ConversationAccount::new(self.conversation));
        }
        // On a channel its account there, by which the bot finds where it is mentioned.
        activity.set("recipient", self.bot());
        // Given by whoever has proven the sender, never by the sender (reference 1.1); and where else
        // the conversation is, only a parent says.
        activity.remove("callerId");
        activity.remove("relatesTo");
        match self.link.setup.answers {
            Answers::WithAnswer => activity.set("deliveryMode", "expectReplies"),
            Answers::ByCall => drop(activity.remove("deliveryMode")),
        }
        if self.link.app_id().is_some() {
            activity.set(
                "relatesTo",
                json!({
                    "activityId": id,
                    "channelId": channel::on_the_wire(self.key.channel.as_str()),
                    "serviceUrl": self.link.service_url(),
                    "conversation": { "id": &*self.key.conversation },
                }),
            );
        }
        activity.omit_blanks();
        activity
    }

    /// What has no entry goes by its effect, told apart by a letter: the two count separately.
    fn effect_id(&self, effect: EffectNumber) -> String {
        format!("{}-e{effect}", self.conversation)
    }

    fn bot(&self) -> ChannelAccount {
        match self.reference {
            Some(reference) => reference.bot.as_role(self.bot_role()),
            None => ChannelAccount::new(self.link.bot.as_str(), self.bot_role()),
        }
    }

    fn bot_role(&self) -> Role {
        if self.link.app_id().is_some() { Role::Skill } else { Role::Bot }
    }

    fn user(&self) -> ChannelAccount {
        if let Some(reference) = self.reference {
            return reference.user.as_role(Role::User);
        }
        let account = ChannelAccount::new(self.user_id(), Role::User);
        match self.name {
            Some(name) => account.named(name),
            None => account,
        }
    }

    fn user_id(&self) -> &str {
        user_id(self.key)
    }
}

/// What only the channel says of an activity.
const OURS: [&str; 13] = [
    "type",
    "id",
    "timestamp",
    "channelId",
    "serviceUrl",
    "from",
    "recipient",
    "conversation",
    "replyToId",
    "relatesTo",
    "callerId",
    "deliveryMode",
    "text",
];

/// What only a channel that proves people says of them.
const PERSONS: [&str; 9] = [
    "aadObjectId",
    "tenantId",
    "email",
    "userPrincipalName",
    "userRole",
    "agenticUserId",
    "agenticAppId",
    "agenticAppBlueprintId",
    "membershipSources",
];

/// Whether a lenient reader takes this name for one of these, though it is not: some pass over case,
/// the Agents SDK for Python reads `service_url` too.
fn is_other_spelling(name: &str, of: &[&str]) -> bool {
    let letters = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let spelt = letters(name);
    of.iter().any(|known| *known != name && letters(known) == spelt)
}

/// The user as a bot knows them: the id that the channel binds, else the conversation's own. Never one
/// that a page merely claims.
pub(crate) fn user_id(key: &ConversationKey) -> &str {
    if key.user.is_empty() { &key.conversation } else { &key.user }
}

fn original(payload: Option<&Payload>) -> Option<Activity> {
    Activity::parse(payload?.0.as_bytes()).ok()
}
