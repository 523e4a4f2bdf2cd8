//! The ids by which a channel knows what is in the log.
//!
//! What a user said carries its channel's id in the activity itself; of what they were brought, the
//! store knows it. A bot behind knows entries by ids of Warmline's own ([`handles`]).

use std::collections::HashMap;

use bot_framework::{Activity, activity::kinds};
use session::{Author, Content, id::Number};

use super::words;
use crate::{behind::handles, keeping::Entry, notices::Language};

/// The entry that this one changes, takes back or answers, if it does.
pub(crate) fn refers_to(entry: &Entry) -> Option<Number> {
    match &entry.content {
        Content::Revised { of, .. } | Content::Withdrawn { of, .. } => Some(*of),
        Content::Said(_) | Content::Done(_) if entry.author == Author::Bot => {
            let answered = activity(entry)?.reply_to_id().map(std::borrow::Cow::into_owned)?;
            handles::number_in(&answered, entry.number)
        }
        Content::Said(_)
        | Content::Done(_)
        | Content::Notice(_)
        | Content::Context(_)
        | Content::Transcript(_) => None,
    }
}

/// Its channel's id of something that a user said or did.
pub(crate) fn own_id(entry: &Entry) -> Option<String> {
    activity(entry)?.id().map(std::borrow::Cow::into_owned)
}

/// Its channel's id of the message that a user changed or took back.
pub(crate) fn own_about(entry: &Entry) -> Option<String> {
    let activity = activity(entry)?;
    let is_about = [kinds::MESSAGE_UPDATE, kinds::MESSAGE_DELETE].contains(&&*activity.kind());
    activity.id().filter(|_| is_about).map(std::borrow::Cow::into_owned)
}

/// Its channel's id of what a user answered.
pub(crate) fn own_reply_to(entry: &Entry) -> Option<String> {
    activity(entry)?.reply_to_id().map(std::borrow::Cow::into_owned)
}

/// What users changed and took back later than they said it. Whoever reads what was said, and not when,
/// is to read it as it is now: what was taken back is nobody's to read.
#[derive(Default)]
pub(crate) struct Later(HashMap<String, Option<String>>);

impl Later {
    /// Learns what this entry changes. The newest must come first.
    pub(crate) fn learn(&mut self, entry: &Entry, language: Language) {
        let Some(id) = own_about(entry) else { return };
        let now = activity(entry).filter(|activity| activity.kind() == kinds::MESSAGE_UPDATE);
        let now = now.map(|activity| {
            words::heard(&activity, language).map(|said| said.text).unwrap_or_default()
        });
        self.0.entry(id).or_insert(now);
    }

    /// Makes an earlier entry say what it says now; whether it still says anything.
    pub(crate) fn apply(&self, entry: &mut Entry) -> bool {
        if self.0.is_empty() || entry.author != Author::User {
            return true;
        }
        let is_message = activity(entry).is_some_and(|activity| activity.kind() == kinds::MESSAGE);
        let Some(now) = own_id(entry).filter(|_| is_message).and_then(|id| self.0.get(&id)) else {
            return true;
        };
        if let (Some(now), Content::Said(said)) = (now, &mut entry.content) {
            said.text.clone_from(now);
        }
        now.is_some()
    }
}

fn activity(entry: &Entry) -> Option<Activity> {
    Activity::parse(entry.content.payload()?.0.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use session::{Payload, Said, id::Timestamp};

    use super::*;

    fn entry(number: u64, json: &str) -> Entry {
        let payload = Some(Payload(json.to_owned()));
        let text =
            Activity::parse(json.as_bytes()).unwrap().text().unwrap_or_default().into_owned();
        let content = Content::Said(Said { payload, ..Said::words(text) });
        Entry { number: Number(number), at: Timestamp(1), author: Author::User, content }
    }

    #[test]
    fn what_was_said_is_read_as_it_is_now() {
        let mut said = [
            entry(1, r#"{"type":"message","id":"1","text":"my password is kolibri"}"#),
            entry(2, r#"{"type":"message","id":"2","text":"the printr is down"}"#),
            entry(3, r#"{"type":"message","id":"3","text":"please help"}"#),
            entry(4, r#"{"type":"messageUpdate","id":"2","text":"the print is down"}"#),
            entry(5, r#"{"type":"messageUpdate","id":"2","text":"the printer is down"}"#),
            entry(6, r#"{"type":"messageDelete","id":"1"}"#),
        ];
        let mut later = Later::default();
        for entry in said.iter().rev() {
            later.learn(entry, Language::English);
        }
        let kept: Vec<_> = said.iter_mut().map(|entry| later.apply(entry)).collect();
        assert_eq!(kept, [false, true, true, true, true, true]);
        let text = |entry: &Entry| entry.content.said().map(|said| said.text.clone()).unwrap();
        assert_eq!([text(&said[1]), text(&said[2])], ["the printer is down", "please help"]);
    }
}
