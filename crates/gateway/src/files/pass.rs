//! The last part of an address that opens one side of one file, and nothing else, for a while. Whoever
//! has it needs no other proof, as a picture in a page has none.

use session::id::Timestamp;
use vault::MacKey;

use super::{FileId, Files, Side};
use crate::{behind::hex, clock::unix_seconds};

/// How much of a keyed hash goes into a pass, in bytes: more than anybody can guess.
const TAG_BYTES: usize = 16;

/// What a pass opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) file: FileId,
    pub(crate) side: Side,
    /// Until when, in seconds since 1970.
    pub(crate) until: i64,
}

/// Why a pass opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PassError {
    /// Nobody gave it out.
    #[error("there is no such file")]
    Unknown,
    /// It was good, until then.
    #[error("the file was kept for a while, which is over")]
    Expired,
}

impl Files {
    /// The pass to a file for as long as it is kept: the same one every time, so that pages need not
    /// load it again.
    pub(crate) fn pass(&self, file: FileId, side: Side) -> String {
        self.pass_until(file, side, self.kept_until(file))
    }

    /// A pass for less long than that: for a desk, which fetches at once.
    pub(crate) fn pass_until(&self, file: FileId, side: Side, until: Timestamp) -> String {
        let pass = Pass { file, side, until: unix_seconds(until) };
        self.passes.newest(|key| written(key, pass))
    }

    /// What this pass opens now.
    pub(crate) fn read_pass(&self, given: &str, now: Timestamp) -> Result<Pass, PassError> {
        let pass = parsed(given).ok_or(PassError::Unknown)?;
        let proves = |key: &MacKey| {
            let right = written(key, pass);
            // Hashes are compared, so that the time it takes tells nothing.
            (key.tag(&[given.as_bytes()]) == key.tag(&[right.as_bytes()])).then_some(())
        };
        self.passes.find(proves).ok_or(PassError::Unknown)?;
        if pass.until <= unix_seconds(now) { Err(PassError::Expired) } else { Ok(pass) }
    }
}

fn written(key: &MacKey, pass: Pass) -> String {
    let Pass { file, side, until } = pass;
    let what = format!("{}-{}-{until}", file, side.word());
    let tag = key.tag(&[b"pass", what.as_bytes()]);
    format!("{what}-{}", hex(&tag[..TAG_BYTES]))
}

fn parsed(given: &str) -> Option<Pass> {
    let mut parts = given.split('-');
    let file = format!("{}-{}", parts.next()?, parts.next()?).parse().ok()?;
    let side = Side::of_word(parts.next()?)?;
    let until = parts.next()?.parse().ok()?;
    Some(Pass { file, side, until })
}
