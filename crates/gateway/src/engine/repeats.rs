//! By what a repeat is recognised.

use session::{Event, Missed, News, id::SenderKey};
use store::RepeatKey;
use vault::MacKey;

use crate::engine::Happening;

/// Eight bytes of a keyed hash: within one conversation they do not collide by accident, and
/// strangers cannot make them.
pub(super) fn hashed(hashing: &MacKey, key: &SenderKey) -> RepeatKey {
    let tag = hashing.tag(&[key.as_str().as_bytes()]);
    let mut first = [0; 8];
    first.copy_from_slice(&tag[..8]);
    RepeatKey(i64::from_be_bytes(first))
}

/// The keys that senders gave what they said.
pub(super) fn sender_keys(happening: &Happening) -> Vec<&SenderKey> {
    match happening {
        Happening::Event(Event::Desk(callback)) => {
            callback.news.iter().filter_map(News::key).collect()
        }
        Happening::Callback { news, .. } => news.iter().filter_map(News::key).collect(),
        Happening::Event(Event::CaughtUp { missed, .. }) => {
            missed.iter().filter_map(Missed::key).collect()
        }
        Happening::Event(
            Event::UserSaid { key, .. } | Event::BotSaid { key, .. } | Event::BotAsked { key, .. },
        ) => key.iter().collect(),
        Happening::Event(
            Event::Opened { .. }
            | Event::UserEnds
            | Event::Sent { .. }
            | Event::Delayed { .. }
            | Event::NotSent { .. }
            | Event::Deadline { .. }
            | Event::UserAway
            | Event::UserBack
            | Event::OperatorEnds { .. },
        ) => Vec::new(),
    }
}
