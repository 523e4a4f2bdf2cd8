//! How the state, the log and the effects of a conversation are written and sealed.
//!
//! The engine writes here, the streams and the dispatcher read. Everything is JSON under an AEAD:
//! the state and the effects under the conversation's record key, log entries under the data key of
//! their segment. Each blob is bound to its conversation and its number, so rows cannot be swapped.

use std::fmt;

use serde::{Deserialize, Serialize};
use session::{
    Author, Content, Conversation, Effect,
    id::{ConversationKey, EffectNumber, Number, SessionId, TenantId, Timestamp},
};
use store::EntryRow;
use vault::{DataKey, RecordKey, SealError, Vault};

/// The version of the stored state this program writes. It reads this one and the one before.
const STATE_VERSION: u32 = 2;

/// Room for a state of the usual size, so that writing one need not grow it.
const STATE_BYTES: usize = 1_024;

/// A conversation's state as stored: the pure state and the engine's own bookkeeping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    v: u32,
    /// The segment that new entries go to.
    #[serde(default)]
    pub(crate) segment: Option<OpenSegment>,
    /// The time of the newest entry; entries' times rise strictly, whatever the clock does.
    pub(crate) newest_at: Timestamp,
    /// The pure state.
    pub(crate) conversation: Conversation,
}

/// What is known of the open segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenSegment {
    /// Since when it is open.
    pub(crate) since: Timestamp,
    /// The live chat it holds; `None` for bot talk.
    pub(crate) of: Option<SessionId>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            v: STATE_VERSION,
            segment: None,
            newest_at: Timestamp::default(),
            conversation: Conversation::default(),
        }
    }
}

/// A log entry, opened. The debug form tells where it stands and what kind it is, never its words.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: Number,
    pub(crate) at: Timestamp,
    pub(crate) author: Author,
    pub(crate) content: Content,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("number", &self.number)
            .field("at", &self.at)
            .field("author", &self.author)
            .field("content", &self.content)
            .finish()
    }
}

#[derive(Serialize)]
struct StoredEntry<'a> {
    author: &'a Author,
    content: &'a Content,
}

#[derive(Deserialize)]
struct ReadEntry {
    author: Author,
    content: Content,
}

/// Why something stored cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepingError {
    /// It does not open.
    #[error("a stored {what} does not open")]
    Seal {
        what: &'static str,
        #[source]
        source: SealError,
    },
    /// It opens, but its text is not what it should be.
    #[error("a stored {what} cannot be read")]
    Text {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
    /// Written by a newer program.
    #[error("the stored state has version {found}, this Warmline knows up to {STATE_VERSION}")]
    FromTheFuture { found: u32 },
}

/// Writes and reads for one conversation.
pub(crate) struct Keeping {
    tenant: TenantId,
    place: Vec<u8>,
    record: RecordKey,
}

impl Keeping {
    pub(crate) fn new(vault: &Vault, key: &ConversationKey) -> Result<Self, KeepingError> {
        let place = place_of(key);
        let record = vault.record_key(&place).map_err(seal("key"))?;
        Ok(Self { tenant: key.tenant.clone(), place, record })
    }

    /// Whose conversation it is.
    pub(crate) fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Whether it seals under the root key that is current, without deriving a key each time.
    pub(crate) fn is_current(&self) -> bool {
        self.record.is_current()
    }

    /// A stored state, sealed anew under the current root key.
    pub(crate) fn state_anew(&self, sealed: &[u8]) -> Result<Vec<u8>, KeepingError> {
        self.anew("state", &self.at(b"state", 0), sealed)
    }

    /// The same for an effect.
    pub(crate) fn effect_anew(
        &self,
        number: EffectNumber,
        sealed: &[u8],
    ) -> Result<Vec<u8>, KeepingError> {
        self.anew("effect", &self.at(b"effect", number.0), sealed)
    }

    /// The same for the wrapped key of a segment.
    pub(crate) fn segment_anew(
        &self,
        vault: &Vault,
        wrapped: &[u8],
    ) -> Result<Vec<u8>, KeepingError> {
        vault.rewrapped(&self.at(b"segment", 0), wrapped).map_err(seal("segment key"))
    }

    fn anew(
        &self,
        what: &'static str,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, KeepingError> {
        let plain = self.record.open(place, sealed).map_err(seal(what))?;
        self.record.seal(place, &plain).map_err(seal(what))
    }

    fn at(&self, kind: &[u8], number: u64) -> Vec<u8> {
        let mut place = Vec::with_capacity(self.place.len() + kind.len() + 8);
        place.extend_from_slice(kind);
        place.extend_from_slice(&number.to_be_bytes());
        place.extend_from_slice(&self.place);
        place
    }

    /// What a file of this conversation is bound to.
    pub(crate) fn file_place(&self, file: u128) -> Vec<u8> {
        let mut place = self.at(b"file", 0);
        place.extend_from_slice(&file.to_be_bytes());
        place
    }

    pub(crate) fn write_state(&self, kept: &Kept) -> Result<Vec<u8>, KeepingError> {
        let mut plain = Vec::with_capacity(STATE_BYTES);
        serde_json::to_writer(&mut plain, kept).map_err(text("state"))?;
        self.record.seal(&self.at(b"state", 0), &plain).map_err(seal("state"))
    }

    pub(crate) fn read_state(&self, sealed: &[u8]) -> Result<Kept, KeepingError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let plain = self.record.open(&self.at(b"state", 0), sealed).map_err(seal("state"))?;
        let Version { v } = serde_json::from_slice(&plain).map_err(text("state"))?;
        if v > STATE_VERSION {
            return Err(KeepingError::FromTheFuture { found: v });
        }
        serde_json::from_slice(&plain).map_err(text("state"))
    }

    pub(crate) fn write_effect(&self, effect: &Effect) -> Result<Vec<u8>, KeepingError> {
        let text = serde_json::to_vec(effect).map_err(text("effect"))?;
        self.record.seal(&self.at(b"effect", effect.number.0), &text).map_err(seal("effect"))
    }

    pub(crate) fn read_effect(
        &self,
        number: EffectNumber,
        sealed: &[u8],
    ) -> Result<Effect, KeepingError> {
        let place = self.at(b"effect", number.0);
        let plain = self.record.open(&place, sealed).map_err(seal("effect"))?;
        serde_json::from_slice(&plain).map_err(text("effect"))
    }

    /// A fresh data key for a segment, and the same wrapped.
    pub(crate) fn new_segment(&self, vault: &Vault) -> Result<(DataKey, Vec<u8>), KeepingError> {
        vault.new_data_key(&self.at(b"segment", 0)).map_err(seal("segment key"))
    }

    /// Opens the data key of a segment; `None` where the ring has no root key for it: it is from another time than the ring, as
    /// after a restore of one file without the other. Nobody can read that segment; it reads as a gap.
    pub(crate) fn open_segment_or_gap(
        &self,
        vault: &Vault,
        wrapped: &[u8],
    ) -> Result<Option<DataKey>, KeepingError> {
        match vault.open_data_key(&self.at(b"segment", 0), wrapped) {
            Err(SealError::UnknownRoot) => {
                tracing::warn!(
                    "a segment's key is from another time than the key ring; it reads as a gap"
                );
                Ok(None)
            }
            opened => opened.map(Some).map_err(seal("segment key")),
        }
    }

    pub(crate) fn write_entry(
        &self,
        key: &DataKey,
        number: Number,
        author: &Author,
        content: &Content,
    ) -> Result<Vec<u8>, KeepingError> {
        let plain =
            serde_json::to_vec(&StoredEntry { author, content }).map_err(text("log entry"))?;
        key.seal(&self.at(b"entry", number.0), &plain).map_err(seal("log entry"))
    }

    /// Opens log entries; those whose segment was shredded are left out, they read as gaps.
    pub(crate) fn read_entries(
        &self,
        vault: &Vault,
        rows: &[EntryRow],
    ) -> Result<Vec<Entry>, KeepingError> {
        let mut entries = Vec::with_capacity(rows.len());
        let mut open: Option<(store::SegmentId, Option<DataKey>)> = None;
        for row in rows {
            let Some(segment) = &row.segment else { continue };
            let key = match open.take() {
                Some((id, key)) if id == segment.id => key,
                Some(_) | None => self.open_segment_or_gap(vault, &segment.wrapped_key)?,
            };
            let Some(key) = key else {
                open = Some((segment.id, None));
                continue;
            };
            let plain = key
                .open(&self.at(b"entry", row.number.0), &row.sealed)
                .map_err(seal("log entry"))?;
            let ReadEntry { author, content } =
                serde_json::from_slice(&plain).map_err(text("log entry"))?;
            entries.push(Entry { number: row.number, at: row.at, author, content });
            open = Some((segment.id, Some(key)));
        }
        Ok(entries)
    }
}

/// The bytes that stand for a conversation: its key, unambiguous, the same in every database.
fn place_of(key: &ConversationKey) -> Vec<u8> {
    let parts =
        [key.tenant.as_str(), key.channel.as_str(), key.bot.as_str(), &key.conversation, &key.user];
    let mut place = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        place.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}

fn seal(what: &'static str) -> impl Fn(SealError) -> KeepingError {
    move |source| KeepingError::Seal { what, source }
}

fn text(what: &'static str) -> impl Fn(serde_json::Error) -> KeepingError {
    move |source| KeepingError::Text { what, source }
}

#[cfg(test)]
mod tests {
    use session::{Agent, Said};

    use super::*;

    #[test]
    fn an_opened_entry_prints_neither_words_nor_names() {
        let entry = Entry {
            number: Number(7),
            at: Timestamp(1),
            author: Author::Agent(Agent {
                name: Some("canary".to_owned()),
                id: None,
                avatar: None,
            }),
            content: Content::Said(Said::words("canary")),
        };
        let shown = format!("{entry:?}");
        assert!(shown.contains('7') && !shown.contains("canary"), "{shown}");
    }
}
