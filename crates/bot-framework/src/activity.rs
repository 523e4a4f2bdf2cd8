//! The activity: one JSON object of the Activity Protocol, kept whole, with typed accessors over
//! it.
//!
//! It owns what the members are called and which JSON they must be. What it does not know it keeps:
//! unknown members at any depth survive with the text they came in, numbers included (reference
//! 1.3).
//!
//! It never judges what an activity should do, and never trusts what one claims about itself.
//!
//! Accessors read leniently: a member that is absent, `null` or of another shape is `None`. Where
//! the protocol's own receivers treat an empty string as an error (ids, names, locales), an empty
//! one is `None` as well; an empty `text` is a text.

mod account;
mod build;

use std::{borrow::Cow, fmt};

use serde::Serialize;
use serde_json::value::RawValue;

pub use account::{Attachment, ChannelAccount, ConversationAccount, Role};
pub use build::kinds;

use crate::json::{DEPTH_MAX, Fault, Object};

/// One activity.
///
/// Equality compares members, their order and the text of their values. The debug form shows no
/// content.
#[derive(Clone, PartialEq)]
pub struct Activity(Object);

/// Why something is not an activity that we accept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActivityError {
    /// Not UTF-8, or not one JSON value.
    #[error("the body is not JSON")]
    NotJson,
    /// JSON, but an array, a string or the like.
    #[error("an activity is a JSON object")]
    NotAnObject,
    /// The one member that every activity must have (rule A2010) is absent, empty or no string.
    #[error("an activity needs a `type`, a string that is not empty")]
    MissingType,
    /// A name occurs twice in one object, which is forbidden (rule A2001): two readers would see
    /// two activities.
    #[error("the member `{name}` occurs twice in one object")]
    DuplicateMember {
        /// The name, shortened to 64 characters.
        name: String,
    },
    /// More objects and arrays inside one another than any card needs.
    #[error("objects and arrays may be nested at most {DEPTH_MAX} deep")]
    TooDeep,
    /// A member of the protocol has the wrong shape.
    #[error("the member `{name}` must be {expected}")]
    BadMember {
        /// Which member.
        name: &'static str,
        /// What it must be, to be read after "must be".
        expected: &'static str,
    },
}

impl ActivityError {
    /// A stable code for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ActivityError::NotJson => "not_json",
            ActivityError::NotAnObject => "not_an_object",
            ActivityError::MissingType => "missing_type",
            ActivityError::DuplicateMember { .. } => "duplicate_member",
            ActivityError::TooDeep => "too_deep",
            ActivityError::BadMember { .. } => "bad_member",
        }
    }
}

impl From<Fault> for ActivityError {
    fn from(fault: Fault) -> ActivityError {
        match fault {
            Fault::NotJson => ActivityError::NotJson,
            Fault::NotAnObject => ActivityError::NotAnObject,
            Fault::Duplicate { name } => ActivityError::DuplicateMember { name },
            Fault::TooDeep => ActivityError::TooDeep,
        }
    }
}

impl Activity {
    /// Reads an activity. The size is the caller's to bound; depth and doubled names are checked
    /// here, and that the members which the protocol declares have their shape or are `null`.
    pub fn parse(bytes: &[u8]) -> Result<Activity, ActivityError> {
        Activity::accept(Object::parse(bytes)?)
    }

    /// Reads an activity that lies inside other JSON, such as one of a buffered reply's
    /// `activities`.
    pub fn from_raw(raw: &RawValue) -> Result<Activity, ActivityError> {
        Activity::accept(Object::from_raw(raw)?)
    }

    fn accept(object: Object) -> Result<Activity, ActivityError> {
        if object.string("type").is_none_or(|kind| kind.is_empty()) {
            return Err(ActivityError::MissingType);
        }
        for (name, value) in object.iter() {
            if let Some((name, shape)) = declared(&name)
                && !shape.holds(value)
            {
                return Err(ActivityError::BadMember { name, expected: shape.expected() });
            }
        }
        Ok(Activity(object))
    }

    /// The activity's JSON, on one line if it came on one: members in their order, values as they
    /// came.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    /// Appends what [`to_json`](Activity::to_json) gives.
    pub fn write_to(&self, out: &mut String) {
        self.0.write_to(out);
    }

    /// `type`, to be compared ordinally with [`kinds`]; unknown ones are legal (reference 1.2).
    pub fn kind(&self) -> Cow<'_, str> {
        self.0.string("type").unwrap_or_default()
    }

    /// `id`, given by the channel. What a bot or a client sends here is to be ignored (rule A2031).
    pub fn id(&self) -> Option<Cow<'_, str>> {
        self.word("id")
    }

    /// `text`; may be empty.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.0.string("text")
    }

    /// `textFormat`: `plain`, `markdown`, `xml`. What absence means differs by channel (reference
    /// 1.1, 4.6).
    pub fn text_format(&self) -> Option<Cow<'_, str>> {
        self.word("textFormat")
    }

    /// `name` of an event, invoke, trace or command.
    pub fn name(&self) -> Option<Cow<'_, str>> {
        self.word("name")
    }

    /// `code` of an `endOfConversation`.
    pub fn code(&self) -> Option<Cow<'_, str>> {
        self.word("code")
    }

    /// `replyToId`, the id of an activity of the same conversation.
    pub fn reply_to_id(&self) -> Option<Cow<'_, str>> {
        self.word("replyToId")
    }

    /// `localTimezone`, where the sender is.
    pub fn local_timezone(&self) -> Option<Cow<'_, str>> {
        self.word("localTimezone")
    }

    /// `locale`, a BCP 47 tag.
    pub fn locale(&self) -> Option<Cow<'_, str>> {
        self.word("locale")
    }

    /// `channelId`, or the `_channelId` that JavaScript agents put into buffered replies (reference
    /// 1.3).
    pub fn channel_id(&self) -> Option<Cow<'_, str>> {
        self.word("channelId").or_else(|| self.word("_channelId"))
    }

    /// `serviceUrl`; meaningless in anything that a bot or a client sends (rule A2302).
    pub fn service_url(&self) -> Option<Cow<'_, str>> {
        self.word("serviceUrl")
    }

    /// `deliveryMode`; unknown values mean `normal` (reference 1.1).
    pub fn delivery_mode(&self) -> Option<Cow<'_, str>> {
        self.word("deliveryMode")
    }

    /// `timestamp` as the sender wrote it. Never a ground for order or refusal (rule A2042).
    pub fn timestamp(&self) -> Option<Cow<'_, str>> {
        self.word("timestamp")
    }

    /// `action` of an `installationUpdate`.
    pub fn action(&self) -> Option<Cow<'_, str>> {
        self.word("action")
    }

    /// A list of accounts, such as `membersAdded`.
    pub fn accounts(&self, list: &str) -> Vec<ChannelAccount> {
        let raw = self.elements(list);
        let objects = raw.into_iter().filter_map(|raw| Object::from_raw(raw).ok());
        objects.map(|object| ChannelAccount::read(&object)).collect()
    }

    /// `from`.
    pub fn from(&self) -> Option<ChannelAccount> {
        self.0.object("from").map(|object| ChannelAccount::read(&object))
    }

    /// `recipient`.
    pub fn recipient(&self) -> Option<ChannelAccount> {
        self.0.object("recipient").map(|object| ChannelAccount::read(&object))
    }

    /// `conversation`.
    pub fn conversation(&self) -> Option<ConversationAccount> {
        self.0.object("conversation").map(|object| ConversationAccount::read(&object))
    }

    /// `value`, anything; `null` counts as absent.
    pub fn value(&self) -> Option<&RawValue> {
        self.raw("value").filter(|raw| raw.get() != "null")
    }

    /// `channelData`, usually an object but possibly a primitive (rule A2200); `null` counts as
    /// absent.
    pub fn channel_data(&self) -> Option<&RawValue> {
        self.raw("channelData").filter(|raw| raw.get() != "null")
    }

    /// `channelData.clientActivityID`, unique to one attempt of a Direct Line client to post
    /// (reference 4.6).
    pub fn client_activity_id(&self) -> Option<String> {
        let data = self.0.object("channelData")?;
        data.string("clientActivityID").filter(|id| !id.is_empty()).map(Cow::into_owned)
    }

    /// How many `attachments` there are, whatever they are.
    pub fn attachment_count(&self) -> usize {
        self.elements("attachments").len()
    }

    /// The `attachments` that are objects, in order.
    pub fn attachments(&self) -> Vec<Attachment> {
        let raw = self.elements("attachments");
        raw.into_iter().filter_map(|raw| Object::from_raw(raw).ok()).map(Attachment::read).collect()
    }

    /// `entities`: mentions, client capabilities, stream positions and anything else.
    pub fn entities(&self) -> Vec<&RawValue> {
        self.elements("entities")
    }

    /// Any member as it stands, `null` included.
    pub fn raw(&self, name: &str) -> Option<&RawValue> {
        self.0.raw(name)
    }

    /// Changes texts and numbers at any depth: `change` is given the activity's member, the name of the
    /// nearest member inside it, and the text, or the digits; what it answers stands there as a text.
    /// Says whether anything was changed. All else keeps its text.
    pub fn rewrite(&mut self, change: impl FnMut(&str, &str, &str) -> Option<String>) -> bool {
        self.0.rewrite(change)
    }

    /// Replaces a member in its place, or appends it. Nothing is checked: a wrong shape reads as
    /// absent.
    ///
    /// # Panics
    ///
    /// When `value` cannot be JSON, as a map whose keys are not strings: a mistake in the program.
    pub fn set(&mut self, name: &str, value: impl Serialize) {
        self.0.set(name, &value);
    }

    /// Like [`set`](Activity::set), one level down: `set_within("from", "id", …)` changes the id
    /// and leaves the account's other members as they came. Whatever else stood under `object` than
    /// an object is replaced by one.
    pub fn set_within(&mut self, object: &str, name: &str, value: impl Serialize) {
        let mut inner = self.0.object(object).unwrap_or_else(Object::empty);
        inner.set(name, &value);
        self.0.set(object, &inner);
    }

    /// Removes a member and says whether it was there. `type` stays: without it, it would be no
    /// activity.
    pub fn remove(&mut self, name: &str) -> bool {
        name != "type" && self.0.remove(name)
    }

    /// Like [`remove`](Activity::remove), one level down.
    pub fn remove_within(&mut self, object: &str, name: &str) -> bool {
        let Some(mut inner) = self.0.object(object) else { return false };
        let removed = inner.remove(name);
        if removed {
            self.0.set(object, &inner);
        }
        removed
    }

    /// Keeps the members for whose names this holds, `type` always.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| name == "type" || keep(name));
    }

    /// Like [`retain`](Activity::retain), one level down.
    pub fn retain_within(&mut self, object: &str, keep: impl Fn(&str) -> bool) {
        if let Some(mut inner) = self.0.object(object) {
            inner.retain(|name, _| keep(name));
            self.0.set(object, &inner);
        }
    }

    /// Removes declared members that are `null`, and declared strings that are empty, because both
    /// Agents SDKs answer them with 500 (reference 1.3). `value` and `channelData` may be anything,
    /// so `null` stays there.
    pub fn omit_blanks(&mut self) {
        self.0.retain(|name, value| match declared(name) {
            Some((_, Shape::Text)) => value != "null" && value != "\"\"",
            Some(_) => value != "null",
            None => true,
        });
    }

    /// A string that says something.
    fn word(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.string(name).filter(|word| !word.is_empty())
    }

    fn elements(&self, name: &str) -> Vec<&RawValue> {
        let array = self.0.get(name).filter(|value| value.starts_with('['));
        array.and_then(|value| serde_json::from_str(value).ok()).unwrap_or_default()
    }
}

/// Message text must not reach a log by way of `{:?}`.
impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity")
            .field("kind", &self.kind())
            .field("members", &self.0.len())
            .finish_non_exhaustive()
    }
}

impl Serialize for Activity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What JSON a declared member may be, apart from `null`.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Object,
    Array,
}

impl Shape {
    fn holds(self, value: &str) -> bool {
        let first = match self {
            Shape::Text => '"',
            Shape::Object => '{',
            Shape::Array => '[',
        };
        value.starts_with(first) || value == "null"
    }

    fn expected(self) -> &'static str {
        match self {
            Shape::Text => "a string",
            Shape::Object => "an object",
            Shape::Array => "an array",
        }
    }
}

/// The members of reference 1.1 that have one shape. `value` and `channelData` have none.
const DECLARED: [(&str, Shape); 40] = [
    ("type", Shape::Text),
    ("id", Shape::Text),
    ("timestamp", Shape::Text),
    ("localTimestamp", Shape::Text),
    ("localTimezone", Shape::Text),
    ("channelId", Shape::Text),
    ("serviceUrl", Shape::Text),
    ("from", Shape::Object),
    ("recipient", Shape::Object),
    ("conversation", Shape::Object),
    ("replyToId", Shape::Text),
    ("relatesTo", Shape::Object),
    ("entities", Shape::Array),
    ("callerId", Shape::Text),
    ("deliveryMode", Shape::Text),
    ("locale", Shape::Text),
    ("text", Shape::Text),
    ("textFormat", Shape::Text),
    ("speak", Shape::Text),
    ("inputHint", Shape::Text),
    ("attachments", Shape::Array),
    ("attachmentLayout", Shape::Text),
    ("summary", Shape::Text),
    ("suggestedActions", Shape::Object),
    ("valueType", Shape::Text),
    ("name", Shape::Text),
    ("label", Shape::Text),
    ("code", Shape::Text),
    ("expiration", Shape::Text),
    ("importance", Shape::Text),
    ("listenFor", Shape::Array),
    ("semanticAction", Shape::Object),
    ("textHighlights", Shape::Array),
    ("membersAdded", Shape::Array),
    ("membersRemoved", Shape::Array),
    ("reactionsAdded", Shape::Array),
    ("reactionsRemoved", Shape::Array),
    ("topicName", Shape::Text),
    ("action", Shape::Text),
    ("_channelId", Shape::Text),
];

fn declared(name: &str) -> Option<(&'static str, Shape)> {
    DECLARED.iter().find(|(known, _)| *known == name).copied()
}

#[cfg(test)]
mod tests;
