//! By what a repeat is recognised.

use std::collections::BTreeMap;

use session::{
    Event, Missed, News,
    id::{Number, SenderKey},
};
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

/// Whether everything that somebody said in it was seen before.
pub(super) fn is_repeat(happening: &Happening, seen: &BTreeMap<SenderKey, Number>) -> bool {
    // The usual case of one key, without a list of them.
    if let Happening::Event(
        Event::UserSaid { key, .. } | Event::BotSaid { key, .. } | Event::BotAsked { key, .. },
    ) = happening
    {
        return key.as_ref().is_some_and(|key| seen.contains_key(key));
    }
    if seen.is_empty() {
        return false;
    }
    let keys = sender_keys(happening);
    !keys.is_empty() && keys.iter().all(|key| seen.contains_key(*key))
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
            Event::UserSaid { key, .. }
            | Event::UserDid { key, .. }
            | Event::BotSaid { key, .. }
            | Event::BotAsked { key, .. }
            | Event::FileLost { key, .. }
            | Event::FileNotPassedOn { key, .. }
            | Event::FileLinked { key, .. },
        ) => key.iter().collect(),
        // One that is there, or was given up, is not expected again.
        Happening::Event(Event::FileUnderWay { file }) => vec![&file.key],
        Happening::Event(
            Event::Opened { .. }
            | Event::UserEnds
            | Event::UserGone
            | Event::UserSeen { .. }
            | Event::FilesRefused { .. }
            | Event::BotBegan { .. }
            | Event::BotDid { .. }
            | Event::BotRevised { .. }
            | Event::BotWithdrew { .. }
            | Event::BotBrought { .. }
            | Event::BotEnds { .. }
            | Event::Sent { .. }
            | Event::Delayed { .. }
            | Event::NotSent { .. }
            | Event::Deadline { .. }
            | Event::FileThere { .. }
            | Event::UserAway
            | Event::UserBack
            | Event::OperatorEnds { .. },
        ) => Vec::new(),
    }
}
