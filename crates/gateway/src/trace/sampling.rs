//! Which traces are recorded.

use crate::trace::span::TraceId;

/// The part of a trace's id that is random by its standard: the lowest 56 bits.
const RANDOM: u128 = (1 << 56) - 1;

/// Which traces are recorded. Decided once for each, by its id, so that whoever else goes by the id
/// comes to the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    follows_callers: bool,
    /// Ids below this are left out.
    from: u128,
}

/// A share of traces is between nothing and all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 1")]
pub struct WrongShare;

impl Sampling {
    /// Records this share of the traces that begin here.
    pub fn share(share: f64) -> Result<Self, WrongShare> {
        if !(0.0..=1.0).contains(&share) {
            return Err(WrongShare);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "between 0 and 2^56, and no share needs to be exact to the last trace"
        )]
        let from = ((1.0 - share) * (RANDOM + 1) as f64) as u128;
        Ok(Self { follows_callers: true, from })
    }

    /// Decides by the id alone, whatever a caller says of its trace.
    #[must_use]
    pub fn deaf_to_callers(self) -> Self {
        Self { follows_callers: false, ..self }
    }

    pub(super) fn follows_callers(self) -> bool {
        self.follows_callers
    }

    pub(super) fn takes(self, trace: TraceId) -> bool {
        trace.get() & RANDOM >= self.from
    }
}

impl Default for Sampling {
    /// All of them, unless their caller does not record them.
    fn default() -> Self {
        Self { follows_callers: true, from: 0 }
    }
}
