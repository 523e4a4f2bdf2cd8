//! Time for the whole gateway. Nothing else reads the wall clock.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use session::id::{SessionId, Timestamp};
use uuid::{NoContext, Uuid};

/// Where the time comes from.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The system's wall clock.
    System,
    /// A clock that tests move by hand.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at` until it is moved.
    pub fn manual(at: Timestamp) -> Self {
        Self::Manual(Arc::new(AtomicI64::new(at.0)))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp(i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)),
            Self::Manual(at) => Timestamp(at.load(Ordering::SeqCst)),
        }
    }

    /// The time now in nanoseconds since 1970, for spans.
    pub(crate) fn nanos(&self) -> u64 {
        match self {
            Self::System => u64::try_from(since_1970().as_nanos()).unwrap_or(u64::MAX),
            Self::Manual(_) => u64::try_from(self.now().0).unwrap_or(0).saturating_mul(1_000_000),
        }
    }

    /// A fresh id: version 7, so that ids sort by this clock's time; the rest is random.
    pub(crate) fn fresh_id(&self) -> Uuid {
        let ms = u64::try_from(self.now().0).unwrap_or(0);
        let nanos = u32::try_from(ms % 1_000).unwrap_or(0) * 1_000_000;
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, ms / 1_000, nanos))
    }

    /// The id of a session that may begin.
    pub(crate) fn fresh_session(&self) -> SessionId {
        let id = format!("ses_{}", self.fresh_id().simple());
        SessionId::new(&id).expect("a prefix and 32 hexadecimal digits are an id")
    }

    /// Moves a manual clock; the system's clock cannot be moved.
    pub fn advance(&self, by: std::time::Duration) {
        if let Self::Manual(at) = self {
            at.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

fn since_1970() -> std::time::Duration {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let now = std::time::SystemTime::now();
    // A clock before 1970 is broken; zero keeps everything in order all the same.
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// Seconds since 1970, for wires that count in seconds.
pub(crate) fn unix_seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000)
}

/// RFC 3339 with milliseconds and `Z`, as activities carry it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned(), |moment| format!("{moment:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ids_carry_the_clocks_time_and_differ() {
        let clock = Clock::manual(Timestamp(1_767_225_600_007));
        let (one, two) = (clock.fresh_id(), clock.fresh_id());
        assert_ne!(one, two);
        assert_eq!(one.get_version_num(), 7);
        assert_eq!(one.get_timestamp().map(|at| at.to_unix()), Some((1_767_225_600, 7_000_000)));
    }

    #[test]
    fn activities_carry_milliseconds_and_utc() {
        assert_eq!(rfc3339(Timestamp(1_767_225_600_007)), "2026-01-01T00:00:00.007Z");
        assert_eq!(rfc3339(Timestamp(0)), "1970-01-01T00:00:00.000Z");
    }
}
