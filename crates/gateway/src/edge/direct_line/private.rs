//! Messages that are sealed between the browser and this process (docs/message-encryption.md).
//!
//! Whoever ends TLS on the way, and writes down what passes, sees envelopes: what a page posts is sealed
//! to a public key of the gateway's, what it reads to a key of its own. They are opened here, in memory,
//! and go on as if they had come in the clear.
//!
//! | module | what |
//! | --- | --- |
//! | [`ring`] | the gateway's keys, which take turns |
//! | [`published`] | what everybody may know of them |
//! | [`envelope`] | how sealed activities are written |
//! | [`opening`] | what pages post |
//! | [`sealing`] | what they read, each with a key of its own |
//! | [`seen`] | envelopes that must not count twice |

mod envelope;
mod opening;
mod published;
pub(crate) mod ring;
mod sealing;
mod seen;

use std::sync::Arc;

use session::id::Timestamp;

pub(super) use envelope::Sealed;
pub(super) use opening::BODY_BYTES_MAX;
pub(crate) use published::routes;
pub(super) use sealing::{Reading, present};

use ring::Ring;
use seen::Seen;

/// What the gateway knows of sealed messages besides what tokens say.
pub(super) struct Private {
    ring: Arc<Ring>,
    seen: Seen,
}

impl Private {
    pub(super) fn new(ring: Arc<Ring>, now: Timestamp) -> Self {
        Self { ring, seen: Seen::since(now) }
    }
}
