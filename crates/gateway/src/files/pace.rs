//! How quickly the bytes of a file have to come.
//!
//! Whoever brings one holds a turn. Where nobody else waits for it they may take their time, within
//! reason; where somebody does, those who trickle on purpose must not keep them out.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use std::time::Duration;
use tokio::time::Instant;

/// How long the next bytes may take to come.
pub(crate) const PIECE_WITHIN: Duration = Duration::from_secs(15);

/// The least that comes in as long a time, in bytes: seventy kilobits a second.
const PIECE_BYTES_MIN: usize = 128 * 1024;

/// The same while somebody waits for a turn: a bit more than half a megabit a second.
const PIECE_BYTES_MIN_IN_A_CROWD: usize = 1024 * 1024;

/// How many wait for a turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd(Arc<AtomicUsize>);

/// One that waits for a turn, until it is dropped.
pub(super) struct Waits(Crowd);

impl Crowd {
    pub(super) fn join(&self) -> Waits {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waits(self.clone())
    }

    fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The bytes come too slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooSlow;

/// Watches how quickly a file comes.
#[derive(Debug)]
pub(crate) struct Pace {
    crowd: Crowd,
    since: Instant,
    came: usize,
}

impl Pace {
    pub(super) fn new(crowd: Crowd) -> Self {
        Self { crowd, since: Instant::now(), came: 0 }
    }

    /// Where nobody else waits.
    #[cfg(test)]
    pub(crate) fn of_nobody_else() -> Self {
        Self::new(Crowd::default())
    }

    /// So many bytes came.
    pub(crate) fn came(&mut self, bytes: usize) -> Result<(), TooSlow> {
        self.came = self.came.saturating_add(bytes);
        if self.since.elapsed() < PIECE_WITHIN {
            return Ok(());
        }
        let least =
            if self.crowd.is_there() { PIECE_BYTES_MIN_IN_A_CROWD } else { PIECE_BYTES_MIN };
        if self.came < least {
            return Err(TooSlow);
        }
        (self.since, self.came) = (Instant::now(), 0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_their_time_may_until_somebody_waits() {
        let crowd = Crowd::default();
        let mut pace = Pace::new(crowd.clone());
        let mut minute = async |waits: bool| {
            let _waits = waits.then(|| crowd.join());
            for _ in 0..60 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                pace.came(20_000)?;
            }
            Ok(())
        };
        assert_eq!(minute(false).await, Ok(()));
        assert_eq!(minute(true).await, Err(TooSlow));
    }
}
