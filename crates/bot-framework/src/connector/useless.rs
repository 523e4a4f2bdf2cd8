//! Which hosts refused a new token as well, so that no other is fetched for them for a while. By host:
//! one that refuses everything says nothing about the token that the others take.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::ServiceUrl;

/// When a new token was refused as well, the next one is not fetched before this is over: a Connector
/// that refuses everything costs one token a minute, and not one a message.
const USELESS_FOR: Duration = Duration::from_mins(1);

/// How many hosts are remembered. A cloud has a handful; of more, those whose minute ends first are
/// asked again sooner.
const USELESS_HOSTS_MAX: usize = 64;

/// Until when another token is known to be useless, by host. Never held over an await.
#[derive(Debug, Default)]
pub(super) struct Useless(Mutex<HashMap<Box<str>, Instant>>);

impl Useless {
    /// For how long no new token is to be tried at this host; `None` if one may be.
    pub(super) fn wait(&self, at: &ServiceUrl) -> Option<Duration> {
        let until = self.lock().get(at.host()).copied()?;
        until.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }

    /// The host refused a new token as well.
    pub(super) fn mark(&self, at: &ServiceUrl) {
        let (mut marks, now) = (self.lock(), Instant::now());
        if marks.len() >= USELESS_HOSTS_MAX {
            marks.retain(|_, until| *until > now);
        }
        if marks.len() >= USELESS_HOSTS_MAX && !marks.contains_key(at.host()) {
            let first = marks.iter().min_by_key(|(_, until)| **until).map(|(host, _)| host.clone());
            first.and_then(|host| marks.remove(&host));
        }
        marks.insert(at.host().into(), now + USELESS_FOR);
    }

    /// The host took a token of ours.
    pub(super) fn clear(&self, at: &ServiceUrl) {
        self.lock().remove(at.host());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Instant>> {
        // Nothing in here can be left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::hosts::Hosts;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_hosts_are_remembered_than_there_is_room_for() {
        let hosts = Hosts::read(["example.org".to_owned()].iter()).unwrap();
        let url = |at: usize| hosts.allow(&format!("https://h{at}.example.org/x/")).unwrap();
        let useless = Useless::default();
        for at in 0..=USELESS_HOSTS_MAX {
            useless.mark(&url(at));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(useless.lock().len(), USELESS_HOSTS_MAX);
        assert_eq!(useless.wait(&url(0)), None, "the oldest made room");
        assert!(useless.wait(&url(USELESS_HOSTS_MAX)).is_some());
        useless.clear(&url(1));
        assert_eq!(useless.wait(&url(1)), None);
        tokio::time::advance(USELESS_FOR).await;
        assert_eq!(useless.wait(&url(2)), None);
    }
}
