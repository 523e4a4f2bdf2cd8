//! A log entry as the Connector is sent it (reference 2.4, 6).
//!
//! People's words go out plain, under the name of who says them; what a bot behind says goes out whole,
//! with the ids and accounts by which the channel knows them in place of ours. What a channel refuses,
//! above all the events of a handoff, is not sent at all, and what Teams shows in a smaller form is made
//! to fit.

mod buttons;

use std::{borrow::Cow, fmt};

use bot_framework::{Activity, activity::kinds};
use serde_json::value::RawValue;
use session::{Author, Content, Payload, Said, id::Number, parts};

use super::{
    AZURE_DIRECT_LINE, TEAMS, on_the_wire,
    reference::{Account, Reference},
};
use crate::{
    behind::{Links, handles},
    keeping::Entry,
    notices::{self, Language},
    plain,
    rich::{self, Look, Pictures, Surface},
};

/// Where and for whom an entry is sent.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) reference: &'a Reference,
    /// The channel as its conversations are kept.
    pub(crate) channel: &'a str,
    /// What notices are in.
    pub(crate) language: Language,
    /// What the addresses of a bot's attachments and of the desk's files become; `None` leaves them as they
    /// are.
    pub(crate) links: Option<&'a dyn Addresses>,
    /// What is known of the pictures that the entry shows.
    pub(crate) pictures: &'a Pictures,
}

/// What addresses become that a user can open.
pub(crate) trait Addresses: Sync {
    /// Under what address the user may open what an entry of the desk's shows; nothing if they cannot.
    fn open(&self, entry: Number, address: &str) -> Option<String>;

    /// A bot's activity as it is shown.
    fn shown<'j>(&self, json: &'j str) -> Cow<'j, str>;
}

impl Addresses for Links {
    fn open(&self, entry: Number, address: &str) -> Option<String> {
        self.open(entry, address)
    }

    fn shown<'j>(&self, json: &'j str) -> Cow<'j, str> {
        self.shown(json)
    }
}

/// What is to be sent. The debug form shows no content.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Sending {
    /// A message of its own.
    Send(String),
    /// An answer to the activity that the channel calls `to`.
    Reply { to: String, activity: String },
    /// An earlier activity says something else from now on.
    Update { id: String, activity: String },
    /// An earlier activity is taken back.
    Delete { id: String },
    /// Nothing: it is nothing that the channel takes, or nothing for the user to see.
    Nothing,
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(_) => f.write_str("Send"),
            Self::Reply { to, .. } => {
                f.debug_struct("Reply").field("to", to).finish_non_exhaustive()
            }
            Self::Update { id, .. } => {
                f.debug_struct("Update").field("id", id).finish_non_exhaustive()
            }
            Self::Delete { id } => f.debug_struct("Delete").field("id", id).finish(),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

/// Members that only whoever sends an activity says of it.
const OURS: [&str; 12] = [
    "id",
    "timestamp",
    "localTimestamp",
    "localTimezone",
    "from",
    "recipient",
    "conversation",
    "relatesTo",
    "callerId",
    "deliveryMode",
    "_channelId",
    "replyToId",
];

/// Where a text that a bot lets grow stands in its stream: its parts are not sent, so that the whole is
/// a message like any other.
const STREAM_DATA: [&str; 3] = ["streamId", "streamSequence", "streamType"];

impl Place<'_> {
    /// What is sent for a part of an entry. `known` tells by which id the channel knows an earlier entry,
    /// the user's or ours.
    pub(crate) fn sending(
        &self,
        entry: &Entry,
        part: u16,
        known: impl Fn(Number) -> Option<String>,
    ) -> Sending {
        match (&entry.author, &entry.content) {
            (Author::User, _)
            | (_, Content::Context(_) | Content::Transcript(_))
            | (Author::Agent(_) | Author::Desk | Author::Gateway, Content::Done(_)) => {
                Sending::Nothing
            }
            (_, Content::Withdrawn { of, .. }) => {
                known(*of).map_or(Sending::Nothing, |id| Sending::Delete { id })
            }
            (author, Content::Revised { of, said, .. }) => {
                let revised = match author {
                    Author::Bot | Author::User => self.revised(said, entry.number, part, &known),
                    // Their originals are the desk's.
                    Author::Agent(agent) => self
                        .worded(said, &prefix_of(agent.name.as_deref()), entry.number, part)
                        .map(|activity| (activity, None)),
                    Author::Desk | Author::Gateway => {
                        self.worded(said, "", entry.number, part).map(|activity| (activity, None))
                    }
                };
                match (revised, known(*of)) {
                    (Some((mut activity, _)), Some(id)) => {
                        activity.set("id", &id);
                        Sending::Update { id, activity: activity.to_json() }
                    }
                    // What was never seen is a new message.
                    (Some((activity, to)), None) => sent(&activity, to),
                    (None, _) => Sending::Nothing,
                }
            }
            (Author::Bot, Content::Done(payload)) => {
                let activity = self.parsed(&payload.0).filter(|activity| self.takes(activity));
                let fitted = activity.map(|activity| self.of_bot(activity, entry.number, &known));
                fitted.map_or(Sending::Nothing, |(activity, to)| sent(&activity, to))
            }
            (Author::Bot, Content::Said(said)) => {
                let piece = self.of_bots_words(said, entry.number, part, &known);
                piece.map_or(Sending::Nothing, |(activity, to)| sent(&activity, to))
            }
            (Author::Agent(agent), Content::Said(said)) => {
                self.of_person(said, agent.name.as_deref(), entry.number, part)
            }
            (Author::Desk | Author::Gateway, Content::Said(said)) => {
                self.of_person(said, None, entry.number, part)
            }
            (_, Content::Notice(_)) if part > 0 => Sending::Nothing,
            (_, Content::Notice(notice)) => {
                let mut activity = self.words(&notices::words(self.language, notice), false);
                activity.set("locale", self.language.code());
                Sending::Send(activity.to_json())
            }
        }
    }

    /// The sign that the bot or the agent types; channels show whose it is by the account, and that is
    /// the bot's.
    pub(crate) fn typing(&self) -> String {
        self.placed(Activity::typing()).to_json()
    }

    /// A message of the bot's or a part of it, and what it answers.
    fn of_bots_words(
        &self,
        said: &Said,
        number: Number,
        part: u16,
        known: &impl Fn(Number) -> Option<String>,
    ) -> Option<(Activity, Option<String>)> {
        if said.payload.is_none() || parts::is_whole(said) {
            return self.revised(said, number, part, known);
        }
        let (mut activity, to) = self.whole(said.payload.as_ref()?, number, known)?;
        let text = activity.text().unwrap_or_default().into_owned();
        let pieces = parts::parts(&text);
        let told = usize::from(parts::of(&Author::Bot, said));
        let (index, last) = (usize::from(part), pieces.len().min(told).saturating_sub(1));
        if index > last {
            return None;
        }
        if index == last {
            // Words that a reader is not shown count for the pieces alone.
            activity.set("text", pieces[index..].join("\n"));
        } else {
            activity.set("text", pieces[index]);
            for name in ["attachments", "attachmentLayout", "suggestedActions"] {
                activity.remove(name);
            }
        }
        if index == 0 {
            return Some((activity, to));
        }
        for name in ["replyToId", "speak", "summary"] {
            activity.remove(name);
        }
        Some((activity, None))
    }

    /// A message of the bot's that is not cut, and what it answers.
    fn revised(
        &self,
        said: &Said,
        number: Number,
        part: u16,
        known: &impl Fn(Number) -> Option<String>,
    ) -> Option<(Activity, Option<String>)> {
        match &said.payload {
            Some(payload) if part == 0 => self.whole(payload, number, known),
            Some(_) => None,
            None => self.worded(said, "", number, part).map(|activity| (activity, None)),
        }
    }

    fn whole(
        &self,
        payload: &Payload,
        number: Number,
        known: &impl Fn(Number) -> Option<String>,
    ) -> Option<(Activity, Option<String>)> {
        let (activity, to) = self.of_bot(self.parsed(&payload.0)?, number, known);
        let is_blank = activity.text().is_none_or(|text| text.trim().is_empty());
        // Teams refuses a message in which there is nothing to see.
        (!is_blank || activity.attachment_count() > 0 || self.channel != TEAMS)
            .then_some((activity, to))
    }

    /// What a bot sent, whole, with the ids and accounts that the channel knows.
    fn of_bot(
        &self,
        mut activity: Activity,
        number: Number,
        known: &impl Fn(Number) -> Option<String>,
    ) -> (Activity, Option<String>) {
        let answered = activity.reply_to_id().and_then(|id| handles::number_in(&id, number));
        let answered = answered.and_then(known);
        // Pages go by it to tell notices from words; a channel does not know it.
        activity.remove_within("channelData", "warmline");
        without_stream(&mut activity);
        activity.retain(|name| !OURS.contains(&name));
        let mut activity = self.placed(activity);
        if let Some(id) = &answered {
            activity.set("replyToId", id);
        }
        buttons::fit(&mut activity, self.channel, self.reference);
        (activity, answered)
    }

    fn of_person(&self, said: &Said, name: Option<&str>, entry: Number, part: u16) -> Sending {
        let prefix = prefix_of(name);
        let activity = match self.rich(said, &prefix, entry) {
            // However many parts the words have, this is all of it.
            Some(activity) => (part == 0).then_some(activity),
            None => self.worded(said, &prefix, entry, part),
        };
        activity.map_or(Sending::Nothing, |activity| Sending::Send(activity.to_json()))
    }

    /// What comes from the desk with more than words, where the channel shows more.
    fn rich(&self, said: &Said, prefix: &str, entry: Number) -> Option<Activity> {
        let surface = match self.channel {
            TEAMS => Surface::Teams,
            _ if self.is_web() => Surface::Page,
            _ => return None,
        };
        if !self.reference.is_personal() {
            return None;
        }
        let open = |address: &str| self.open(entry, address);
        let (language, pictures) = (self.language, self.pictures);
        let look = Look { surface, language, entry, prefix, open: &open, pictures };
        let mut activity = Activity::of_kind(kinds::MESSAGE);
        rich::shown(said, &look)?.put_into(&mut activity, &[&self.reference.user.id]);
        Some(self.placed(activity))
    }

    /// Under what address the user may open what the desk names.
    fn open(&self, entry: Number, address: &str) -> Option<String> {
        match self.links {
            Some(links) => links.open(entry, address),
            None => rich::public(address),
        }
    }

    /// A part of words; the first says whose they are, the last has the buttons.
    fn worded(&self, said: &Said, prefix: &str, entry: Number, part: u16) -> Option<Activity> {
        let as_buttons = buttons::can_show(&said.options, self.reference);
        let open = |address: &str| self.open(entry, address);
        let told = rich::Words::of(said, self.language, &open);
        let text = if as_buttons { told.prompt().to_owned() } else { told.all() };
        let parts = parts::parts(&text);
        let index = usize::from(part);
        // There are as many as the log's words have: with the user's addresses they may be longer.
        let last = parts.len().min(parts::parts(&said.text).len()).saturating_sub(1);
        let words = match parts.get(index..) {
            Some(rest) if !rest.is_empty() && index == last => rest.join("\n"),
            Some([words, ..]) if index < last => (*words).to_owned(),
            // A question may be all options.
            _ if index == 0 && as_buttons => String::new(),
            _ => return None,
        };
        let words = if index == 0 { format!("{prefix}{words}") } else { words };
        let mut activity = self.words(&words, said.markdown);
        if as_buttons && index >= last {
            buttons::add(&mut activity, &said.options, self.reference);
        }
        Some(activity)
    }

    /// A message. Plain, Teams shows every character as it was typed.
    fn words(&self, text: &str, markdown: bool) -> Activity {
        let mut activity = Activity::message(&plain::words(text));
        activity.set("textFormat", if markdown { "markdown" } else { "plain" });
        self.placed(activity)
    }

    pub(crate) fn placed(&self, mut activity: Activity) -> Activity {
        activity.set("channelId", on_the_wire(self.channel));
        activity.set("serviceUrl", &self.reference.service_url);
        activity.set("conversation", self.reference.conversation());
        activity.set("from", Account { aad_object_id: None, ..self.reference.bot.clone() });
        activity.set("recipient", &self.reference.user);
        activity
    }

    /// Whether its users read on a page.
    fn is_web(&self) -> bool {
        [AZURE_DIRECT_LINE, "webchat", "emulator"].contains(&self.channel)
    }

    /// Whether the channel takes this kind of thing from a bot. Teams answers events with 400, and what
    /// is between a bot and its caller is no channel's.
    fn takes(&self, activity: &Activity) -> bool {
        let is_web = self.is_web();
        match &*activity.kind() {
            kinds::MESSAGE => true,
            kinds::TYPING
            | kinds::TRACE
            | kinds::INVOKE
            | kinds::END_OF_CONVERSATION
            | kinds::CONVERSATION_UPDATE
            | kinds::INSTALLATION_UPDATE
            | "invokeResponse"
            | "delay"
            | "handoff" => false,
            kinds::EVENT => {
                is_web && activity.name().is_none_or(|name| !name.starts_with("handoff."))
            }
            _ => is_web,
        }
    }

    /// An activity as it came, with addresses that the user can open.
    fn parsed(&self, json: &str) -> Option<Activity> {
        let shown = match self.links {
            Some(links) => links.shown(json),
            None => json.into(),
        };
        Activity::parse(shown.as_bytes()).ok()
    }
}

/// How an agent's words begin.
fn prefix_of(name: Option<&str>) -> String {
    name.map(|name| format!("{name}: ")).unwrap_or_default()
}

fn sent(activity: &Activity, to: Option<String>) -> Sending {
    let activity = activity.to_json();
    match to {
        Some(to) => Sending::Reply { to, activity },
        None => Sending::Send(activity),
    }
}

/// Removes what says that a message ends a stream.
fn without_stream(activity: &mut Activity) {
    for name in STREAM_DATA {
        activity.remove_within("channelData", name);
    }
    let is_stream = |raw: &RawValue| {
        let entity: Option<serde_json::Value> = serde_json::from_str(raw.get()).ok();
        entity.is_some_and(|entity| entity.get("type").is_some_and(|kind| kind == "streaminfo"))
    };
    let entities = activity.entities();
    if entities.iter().any(|raw| is_stream(raw)) {
        let kept: Vec<Box<RawValue>> =
            entities.into_iter().filter(|raw| !is_stream(raw)).map(ToOwned::to_owned).collect();
        activity.set("entities", kept);
    }
}

#[cfg(test)]
mod tests;
