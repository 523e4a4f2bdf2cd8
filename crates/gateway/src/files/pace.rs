//! How quickly the bytes of a file have to come, and to be taken.
//!
//! Whoever brings one or takes one holds a turn. Where nobody else waits for it they may take their time, within
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

/// How long whoever is given a file may take for its next bytes while somebody waits for a turn. The
/// system holds a megabyte or two for each: what a slow line takes of that comes in bursts.
const TAKEN_WITHIN_IN_A_CROWD: Duration = Duration::from_secs(15);

/// The least that is taken in as long a time, in bytes.
const TAKEN_BYTES_MIN_IN_A_CROWD: usize = 256 * 1024;

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

/// Watches how quickly a file is taken.
#[derive(Debug)]
pub(crate) struct Taking {
    crowd: Crowd,
    /// Since when so much was taken, which is less than must be.
    since: Instant,
    taken: usize,
}

impl Taking {
    pub(super) fn new(crowd: Crowd) -> Self {
        Self { crowd, since: Instant::now(), taken: 0 }
    }

    /// So many bytes were taken.
    pub(super) fn took(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken >= TAKEN_BYTES_MIN_IN_A_CROWD {
            (self.since, self.taken) = (Instant::now(), 0);
        }
    }

    /// Whether somebody waits for whoever is slow. Those who were slow before anybody waited are found
    /// out at once.
    pub(crate) fn holds_up(&self) -> bool {
        self.crowd.is_there() && self.since.elapsed() >= TAKEN_WITHIN_IN_A_CROWD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_little_of_a_file_holds_up_those_who_wait_and_nobody_else() {
        let crowd = Crowd::default();
        let (mut slow, mut quick) = (Taking::new(crowd.clone()), Taking::new(crowd.clone()));
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            slow.took(1);
            quick.took(32 * 1024);
        }
        assert!(!slow.holds_up(), "nobody waits");
        let waits = crowd.join();
        assert_eq!((slow.holds_up(), quick.holds_up()), (true, false));
        drop(waits);
        assert!(!slow.holds_up());
    }

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
