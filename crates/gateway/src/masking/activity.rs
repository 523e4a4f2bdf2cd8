//! Masks in an activity: in everything that a person may have written into it, at any depth, and in
//! nothing by which programs know each other.

use bot_framework::{Activity, activity::kinds};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Masks, number};
use crate::{channel::words, notices::Language};

/// Members of an activity that are the protocol's, not the user's.
const OF_THE_PROTOCOL: [&str; 22] = [
    "type",
    "id",
    "timestamp",
    "localTimestamp",
    "localTimezone",
    "expiration",
    "callerId",
    "serviceUrl",
    "channelId",
    "conversation",
    "recipient",
    "relatesTo",
    "replyToId",
    "textFormat",
    "attachmentLayout",
    "inputHint",
    "importance",
    "deliveryMode",
    "locale",
    "valueType",
    "membersAdded",
    "membersRemoved",
];

/// Members at any depth that name a thing to programs: ids, addresses, types.
const NAMES: [&str; 6] =
    ["id", "type", "contentType", "clientActivityID", "clientTimestamp", "etag"];

/// How the names of such members end.
const ENDINGS: [&str; 6] = ["Id", "ID", "Url", "URL", "Uri", "_id"];

/// Calls between a channel's program and ours: what they carry nobody typed, and a code in it opens a
/// door.
const NOT_OF_USERS: [&str; 2] = ["signin/", "fileConsent/"];

/// Attachments that say the words of a message again, as HTML, or what it answers.
const WORDS_AGAIN: [&str; 2] = ["text/html", "messageReference"];

impl Masks {
    /// Takes out what may not go on. Says whether anything was.
    pub(crate) fn apply(&self, activity: &mut Activity, language: Language) -> bool {
        if self.is_empty() {
            return false;
        }
        let call = activity.name().filter(|_| activity.kind() == kinds::INVOKE);
        if call.is_some_and(|call| NOT_OF_USERS.iter().any(|begin| call.starts_with(begin))) {
            return false;
        }
        // What is taken out is looked for in what came, and never in a mask: that would be masked again.
        let words = own_words(activity, language);
        let words = words.and_then(|words| self.masked(&words, language));
        let by_parts = activity.rewrite(|member, name, text| {
            let untouched = OF_THE_PROTOCOL.contains(&member)
                || member == "from" && name != "name"
                // What a user gave as a value is the user's whatever a form calls it.
                || member != "value" && is_of_programs(name);
            if untouched { None } else { self.masked_scalar(text, language) }
        });
        by_parts | self.apply_to_words(activity, words, language)
    }

    /// A text or a number of JSON with masks in it. A whole number that is written with a point or an exponent is
    /// looked at as people write it, and a mask stands for all of it.
    fn masked_scalar(&self, scalar: &str, language: Language) -> Option<String> {
        let plain = number::written_out(scalar);
        plain
            .and_then(|plain| self.masked(&plain, language))
            .or_else(|| self.masked(scalar, language))
    }

    /// The same for words as they are read: HTML may hide what they say between tags and entities.
    fn apply_to_words(
        &self,
        activity: &mut Activity,
        masked: Option<String>,
        language: Language,
    ) -> bool {
        let Some(heard) = words::heard(activity, language) else { return false };
        let left = heard.own_words.unwrap_or(heard.text);
        let quoted = heard.quoted.is_some_and(|quoted| self.masked(&quoted, language).is_some());
        if masked.is_none() && !quoted {
            return false;
        }
        let words = masked.unwrap_or_else(|| left.clone());
        if quoted || words != left {
            activity.set("text", words);
            activity.set("textFormat", "plain");
        }
        let listed = activity.raw("attachments").map(RawValue::get);
        let listed: Vec<Box<RawValue>> =
            listed.and_then(|listed| serde_json::from_str(listed).ok()).unwrap_or_default();
        if listed.iter().any(|attachment| says_again(attachment)) {
            let rest: Vec<_> =
                listed.into_iter().filter(|attachment| !says_again(attachment)).collect();
            activity.set("attachments", rest);
        }
        true
    }
}

/// What a message says in words of its own.
fn own_words(activity: &Activity, language: Language) -> Option<String> {
    let heard = words::heard(activity, language)?;
    Some(heard.own_words.unwrap_or(heard.text))
}

fn says_again(attachment: &RawValue) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind {
        content_type: String,
    }
    let kind: Result<Kind, _> = serde_json::from_str(attachment.get());
    kind.is_ok_and(|kind| WORDS_AGAIN.contains(&kind.content_type.as_str()))
}

fn is_of_programs(name: &str) -> bool {
    NAMES.contains(&name) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}
