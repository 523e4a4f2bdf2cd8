//! How much Teams takes (reference 2.5): so many operations per conversation within each window, and
//! so many per app and tenant within a second.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Messages and new conversations.
    Send,
    /// Looks into the roster.
    Read,
}

impl Kind {
    /// Seconds, and how many within them.
    fn windows(self) -> [(u64, usize); 4] {
        match self {
            Self::Send => [(1, 7), (2, 8), (30, 60), (3_600, 1_800)],
            Self::Read => [(1, 14), (2, 16), (30, 120), (3_600, 3_600)],
        }
    }
}

/// Per app and tenant within a second.
const OF_TENANT: (u64, usize) = (1, 50);

/// When operations were taken, in milliseconds, oldest first.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    of_conversation: BTreeMap<(Kind, String), VecDeque<u64>>,
    of_tenant: BTreeMap<(String, String), VecDeque<u64>>,
}

impl Budgets {
    /// Counts an operation, or tells in how long it may come again.
    pub(super) fn take(
        &mut self,
        kind: Kind,
        conversation: &str,
        app: &str,
        tenant: &str,
        now_ms: u64,
    ) -> Result<(), Duration> {
        let own = self.of_conversation.entry((kind, conversation.to_owned())).or_default();
        let shared = self.of_tenant.entry((app.to_owned(), tenant.to_owned())).or_default();
        let windows = kind.windows();
        let waits = windows.iter().map(|window| wait(own, *window, now_ms));
        let longest = waits.chain([wait(shared, OF_TENANT, now_ms)]).max().unwrap_or_default();
        if longest > 0 {
            return Err(Duration::from_millis(longest));
        }
        for (taken, seconds) in [(own, windows[3].0), (shared, OF_TENANT.0)] {
            taken.push_back(now_ms);
            while taken.front().is_some_and(|at| at + seconds * 1_000 <= now_ms) {
                taken.pop_front();
            }
        }
        Ok(())
    }
}

/// How long until one more fits into the window, in milliseconds.
fn wait(taken: &VecDeque<u64>, (seconds, most): (u64, usize), now_ms: u64) -> u64 {
    let Some(index) = taken.len().checked_sub(most) else { return 0 };
    (taken[index] + seconds * 1_000).saturating_sub(now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(budgets: &mut Budgets, conversation: &str, now: u64) -> Result<(), Duration> {
        budgets.take(Kind::Send, conversation, "app", "tenant", now)
    }

    #[test]
    fn seven_in_a_second_eight_in_two_sixty_in_thirty() {
        let mut budgets = Budgets::default();
        let ms = Duration::from_millis;
        for n in 0..7 {
            assert_eq!(take(&mut budgets, "a", n), Ok(()));
        }
        assert_eq!(take(&mut budgets, "a", 7), Err(ms(993)));
        assert_eq!(take(&mut budgets, "a", 1_000), Ok(()), "the eighth");
        assert_eq!(take(&mut budgets, "a", 1_100), Err(ms(900)));
        let mut now = 2_000;
        for n in 8..60 {
            now = 2_000 + n * 260;
            assert_eq!(take(&mut budgets, "a", now), Ok(()), "{n}");
        }
        assert_eq!(take(&mut budgets, "a", now + 1_000), Err(ms(30_000 - now - 1_000)));
        assert_eq!(take(&mut budgets, "b", now + 1_000), Ok(()), "each conversation by itself");
    }

    #[test]
    fn fifty_a_second_for_all_conversations_of_a_tenant() {
        let mut budgets = Budgets::default();
        for n in 0..50 {
            assert_eq!(take(&mut budgets, &format!("c{n}"), 0), Ok(()));
        }
        assert_eq!(take(&mut budgets, "another", 999), Err(Duration::from_millis(1)));
        assert_eq!(take(&mut budgets, "another", 1_000), Ok(()));
    }
}
