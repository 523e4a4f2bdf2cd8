//! Who the end user is to the instance: a row of `sys_user`, or a guest (reference 8).
//!
//! Owns the automatic linking and the rows that remember it. Nobody is told whether it worked.

use serde::{Deserialize, Serialize};

use super::{CONVERSATIONS_MAX, Instance, conversation::Key};

/// A row of `sys_user`, as far as linking looks at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The display name.
    pub name: String,
    /// Compared to the letter, upper and lower case included.
    pub email: String,
    /// Inactive users are not linked to.
    #[serde(default = "active")]
    pub active: bool,
    /// Users who are locked out are not linked to either.
    #[serde(default)]
    pub locked_out: bool,
}

fn active() -> bool {
    true
}

impl User {
    /// An active user.
    pub fn new(name: &str, email: &str) -> Self {
        let (name, email) = (name.to_owned(), email.to_owned());
        Self { name, email, active: true, locked_out: false }
    }
}

/// A row of `provider_user_map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// The name of the user behind it.
    Active(String),
    /// Left by `logout`. It blocks linking for good.
    Inactive,
}

impl Instance {
    /// Links a caller's user where the conditions are met: message auth is on, the address is that
    /// of exactly one user who may sign in, and no inactive row is in the way.
    pub(super) fn link(&mut self, key: &Key, email: Option<&str>) {
        if !self.setup.links_users || self.links.contains_key(key) {
            return;
        }
        let Some(email) = email.filter(|email| !email.is_empty()) else { return };
        let mut found =
            self.users.iter().filter(|user| user.active && !user.locked_out && user.email == email);
        let (Some(user), None) = (found.next(), found.next()) else { return };
        // As many rows as conversations; past that a newcomer stays a guest.
        if self.links.len() < CONVERSATIONS_MAX {
            self.links.insert(key.clone(), Link::Active(user.name.clone()));
        }
    }

    /// Writes down in the user's open conversation who it is with.
    pub(super) fn show_account(&mut self, key: &Key) {
        let account = match self.links.get(key) {
            Some(Link::Active(name)) => Some(name.clone()),
            Some(Link::Inactive) | None => None,
        };
        let open = self.open.get(key).and_then(|number| self.conversations.get_mut(number));
        if let Some(conversation) = open {
            conversation.account = account;
        }
    }

    /// The user is a guest from now on, in this conversation and in later ones.
    pub(super) fn unlink(&mut self, key: &Key) {
        if self.links.contains_key(key) || self.links.len() < CONVERSATIONS_MAX {
            self.links.insert(key.clone(), Link::Inactive);
        }
        self.show_account(key);
    }

    /// The `userId`s that are linked or blocked, with the name of the user behind them.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.links.iter().map(|(key, link)| {
            let name = match link {
                Link::Active(name) => Some(name.as_str()),
                Link::Inactive => None,
            };
            (key.user.as_str(), name)
        })
    }
}
