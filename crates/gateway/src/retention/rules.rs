//! How long each tenant keeps what was said.

use std::time::Duration;

use session::id::TenantId;

/// The shortest time that words are kept: long enough for any page to come back and read them.
pub const KEPT_MIN: Duration = Duration::from_hours(1);

/// How long a tenant's words are kept, from the newest of their segment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Words of live chats, with their files, sessions and dead letters; `None` for ever.
    pub keep_chats: Option<Duration>,
    /// What was said with the bot outside of live chats; `None` for ever.
    pub keep_bot_talk: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let (month, day) = (Duration::from_hours(30 * 24), Duration::from_hours(24));
        Self { keep_chats: Some(month), keep_bot_talk: Some(day) }
    }
}

impl Retention {
    /// Nothing goes.
    const KEEP: Self = Self { keep_chats: None, keep_bot_talk: None };
}

/// The rules of every tenant. What one has that is not configured any more is kept: a slip in the settings must
/// shred nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules(Vec<(TenantId, Retention)>);

impl Rules {
    pub(crate) fn new(rules: Vec<(TenantId, Retention)>) -> Self {
        Self(rules)
    }

    pub(super) fn of(&self, tenant: &TenantId) -> Retention {
        let own = self.0.iter().find(|(owner, _)| owner == tenant);
        own.map_or(Retention::KEEP, |(_, retention)| *retention)
    }

    pub(super) fn tenants(&self) -> impl Iterator<Item = &(TenantId, Retention)> {
        self.0.iter()
    }
}
