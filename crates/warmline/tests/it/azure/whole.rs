//! A live chat between somebody in Teams and an agent, and what is seen at both ends.

use simulator::azure::Azure;

use super::rig::{Rig, User};
use crate::process::WITHIN;

/// What one side says as its n-th.
pub(super) fn line(who: &str, n: usize) -> String {
    format!("{who} {n:03} kolibri")
}

pub(crate) struct Talk {
    pub(crate) user: User,
    pub(crate) chat: String,
}

impl Talk {
    pub(crate) async fn connect(rig: &mut Rig) -> Self {
        Self::connect_as(rig, "Kim Example").await
    }

    pub(super) async fn connect_as(rig: &mut Rig, name: &str) -> Self {
        let mut user = rig.stranger(name);
        user.says("agent").await;
        let chat = rig.offered(&user.id()).await;
        rig.desk.accept(&chat).unwrap();
        user.comes_to_see("You are now talking to a person.").await;
        rig.settles().await;
        Self { user, chat }
    }

    /// The agent's lines as the user sees them, without the name.
    pub(super) fn agents_lines(&self) -> Vec<String> {
        let seen = self.user.sees().into_iter();
        let own = seen.filter_map(|text| Some(text.strip_prefix("Dana: ")?.to_owned()));
        own.filter(|text| text.starts_with("agent ")).collect()
    }

    /// Waits until the user sees this line; the limits of Teams may hold it up.
    pub(super) async fn sees_last(&self, text: &str) {
        let seen = |_: &Azure| self.agents_lines().last().is_some_and(|last| last == text);
        let there = self.user.azure.wait_until(seen, WITHIN * 3).await;
        assert!(there, "in vain: {text:?}, seen {:#?}", self.user.sees());
    }
}
