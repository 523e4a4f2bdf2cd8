//! The last part of an address that opens one file at one instance, in one conversation, and nothing
//! else. It is the same at every look, so that pages need not load a picture again.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use session::id::{DeskId, Number};
use store::ConversationId;
use vault::MacKey;

use super::DeskMedia;
use crate::behind::hex;

/// How such a pass begins, so that it is told from one to a file that is kept.
pub(super) const BEGIN: &str = "desk.";

/// How much of a keyed hash goes into it, in bytes: more than anybody can guess.
const TAG_BYTES: usize = 16;

/// The longest pass that is looked at, in bytes: an address of two kilobytes, in base64.
const PASS_BYTES_MAX: usize = 4 * 1024;

/// What a pass opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaPass {
    pub(super) conversation: ConversationId,
    /// The entry in which it was shown: when that is gone, the file is.
    pub(super) entry: Number,
    pub(super) desk: DeskId,
    /// The path and query at the instance.
    pub(super) address: String,
}

impl DeskMedia {
    /// Whether a pass is of this kind.
    pub(crate) fn is_pass(given: &str) -> bool {
        given.starts_with(BEGIN)
    }

    /// In which conversation a pass of this kind was given out; `None` if nobody gave it out.
    pub(crate) fn conversation_of(&self, given: &str) -> Option<ConversationId> {
        self.read_pass(given).map(|pass| pass.conversation)
    }

    pub(super) fn write_pass(&self, pass: &MediaPass) -> String {
        let MediaPass { conversation, entry, desk, address } = pass;
        // None of the first three has a line end in it.
        let what = format!("{}\n{}\n{}\n{address}", conversation.0, entry.0, desk.as_str());
        let what = URL_SAFE_NO_PAD.encode(what);
        let tag = self.passes.newest(|key| tag_of(key, &what));
        format!("{BEGIN}{what}.{tag}")
    }

    /// What this pass opens; `None` if nobody gave it out.
    pub(super) fn read_pass(&self, given: &str) -> Option<MediaPass> {
        if given.len() > PASS_BYTES_MAX {
            return None;
        }
        let (what, tag) = given.strip_prefix(BEGIN)?.split_once('.')?;
        self.passes.find(|key| {
            let right = tag_of(key, what);
            // Hashes are compared, so that the time it takes tells nothing.
            (key.tag(&[tag.as_bytes()]) == key.tag(&[right.as_bytes()])).then_some(())
        })?;
        let what = String::from_utf8(URL_SAFE_NO_PAD.decode(what).ok()?).ok()?;
        let mut parts = what.splitn(4, '\n');
        let conversation = ConversationId(parts.next()?.parse().ok()?);
        let entry = Number(parts.next()?.parse().ok()?);
        let desk = DeskId::new(parts.next()?).ok()?;
        Some(MediaPass { conversation, entry, desk, address: parts.next()?.to_owned() })
    }
}

fn tag_of(key: &MacKey, what: &str) -> String {
    hex(&key.tag(&[b"pass", what.as_bytes()])[..TAG_BYTES])
}
