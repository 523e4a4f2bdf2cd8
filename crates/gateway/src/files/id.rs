//! What a file is called: in the store, in the log, and in what opens it.

use std::{fmt, str::FromStr};

use session::id::Timestamp;
use store::ConversationId;
use uuid::Uuid;

/// How long a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keep {
    /// For a day: what a bot shows.
    Day,
    /// As long as the setting says: what went through a chat.
    Chat,
    /// As long as the setting for them says: what strangers brought to a chat.
    Stranger,
}

/// Which file: whose, and its own number, which carries the time from which it is kept.
///
/// Its text form is what [`session::File`] has as its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileId {
    pub(crate) conversation: ConversationId,
    pub(crate) number: Uuid,
    pub(crate) keep: Keep,
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { conversation, number, keep } = self;
        write!(f, "{}-{}", conversation.0, number.simple())?;
        match keep {
            Keep::Day => Ok(()),
            Keep::Chat => f.write_str("c"),
            Keep::Stranger => f.write_str("s"),
        }
    }
}

/// A text is no file's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no file's id")]
pub(crate) struct NoFileId;

impl FromStr for FileId {
    type Err = NoFileId;

    fn from_str(text: &str) -> Result<Self, NoFileId> {
        let (row, number) = text.split_once('-').ok_or(NoFileId)?;
        let conversation = ConversationId(row.parse().map_err(|_| NoFileId)?);
        // A number has thirty-two digits; what follows says how long it is kept.
        let (number, keep) = match number.split_at_checked(32) {
            Some((number, "c")) => (number, Keep::Chat),
            Some((number, "s")) => (number, Keep::Stranger),
            Some(_) | None => (number, Keep::Day),
        };
        let number = Uuid::try_parse(number).map_err(|_| NoFileId)?;
        let id = Self { conversation, number, keep };
        // One file has one name.
        if id.to_string() == text { Ok(id) } else { Err(NoFileId) }
    }
}

impl FileId {
    /// Since when it is kept.
    pub(super) fn since(self) -> Timestamp {
        let (seconds, nanos) = self.number.get_timestamp().map_or((0, 0), |at| at.to_unix());
        let ms = seconds.saturating_mul(1_000).saturating_add(u64::from(nanos / 1_000_000));
        Timestamp(i64::try_from(ms).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name_and_no_other() {
        for keep in [Keep::Day, Keep::Chat, Keep::Stranger] {
            let number = Uuid::from_u128(0x0123_4567_89ab_7def_8123_4567_89ab_cdec);
            let id = FileId { conversation: ConversationId(7), number, keep };
            let name = id.to_string();
            assert_eq!(name.parse(), Ok(id), "{name}");
            let spellings = [
                name.to_uppercase(),
                format!("0{name}"),
                format!("{name}c"),
                format!("{name}s"),
                format!("+{name}"),
            ];
            for other in
                spellings.iter().map(String::as_str).chain(["", "7", "7-", "-", "a stranger"])
            {
                assert_ne!(other.parse(), Ok(id), "{other}");
            }
        }
    }
}
