//! The ids by which a channel knows what is in the log.
//!
//! What a user said carries its channel's id in the activity itself; of what they were brought, the
//! store knows it. A bot behind knows entries by ids of Warmline's own ([`handles`]).

use bot_framework::{Activity, activity::kinds};
use session::{Author, Content, id::Number};

use crate::{behind::handles, keeping::Entry};

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

fn activity(entry: &Entry) -> Option<Activity> {
    let payload = match &entry.content {
        Content::Said(said) => said.payload.as_ref(),
        Content::Done(payload) => Some(payload),
        Content::Revised { .. }
        | Content::Withdrawn { .. }
        | Content::Notice(_)
        | Content::Context(_)
        | Content::Transcript(_) => None,
    };
    Activity::parse(payload?.0.as_bytes()).ok()
}
