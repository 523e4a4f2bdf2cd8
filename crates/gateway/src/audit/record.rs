//! Deeds as they are put down, and as they are shown.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use session::id::{TenantId, Timestamp};

use super::{Deed, Who};

/// A deed with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When; zero for the moment in which it is put down.
    pub(super) at: Timestamp,
    who: Who,
    pub(super) tenant: Option<TenantId>,
    pub(super) deed: Deed,
    outcome: Box<str>,
}

impl Entry {
    /// Somebody did something, and it was done.
    pub fn new(who: Who, deed: Deed) -> Self {
        Self { at: Timestamp::default(), who, tenant: None, deed, outcome: "done".into() }
    }

    /// The gateway did something by itself.
    pub fn of_gateway(deed: Deed) -> Self {
        Self::new(Who::Gateway, deed)
    }

    /// Whose affair it is.
    #[must_use]
    pub fn of(mut self, tenant: Option<TenantId>) -> Self {
        self.tenant = tenant;
        self
    }

    /// What came of it: `done`, or the machine code of a refusal.
    #[must_use]
    pub fn with(mut self, outcome: &str) -> Self {
        self.outcome = outcome.into();
        self
    }

    pub(super) fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    /// What of it is sealed.
    pub(super) fn inner(&self) -> Inner {
        let (who, name, session, address, uid) = match &self.who {
            Who::Gateway => ("gateway", None, None, None, None),
            Who::Command { uid } => ("command", None, None, None, *uid),
            Who::Operator { name, session, address } => {
                ("operator", name.clone(), session.clone(), *address, None)
            }
            Who::Callers => ("callers", None, None, None, None),
        };
        let (count, since) = match &self.deed {
            Deed::Refused { count, since, .. } => {
                (Some(*count), Some(crate::clock::rfc3339(*since)))
            }
            Deed::Lost { records } => (Some(*records), None),
            Deed::Started
            | Deed::Stopped
            | Deed::SettingsRead
            | Deed::SignIn
            | Deed::SignOut
            | Deed::Denied { .. }
            | Deed::SecretKept { .. }
            | Deed::SecretRotated { .. }
            | Deed::SecretForgotten { .. }
            | Deed::LetterResent { .. }
            | Deed::LetterDropped { .. }
            | Deed::SessionEnded { .. }
            | Deed::Exported { .. }
            | Deed::Erased { .. }
            | Deed::FilesDropped
            | Deed::KeyRotated { .. }
            | Deed::KeyRetired { .. }
            | Deed::BegunAnew
            | Deed::Cut { .. } => (None, None),
        };
        Inner {
            who: who.into(),
            name,
            session,
            address,
            uid,
            about: self.deed.about().map(Into::into),
            outcome: self.outcome.clone(),
            count,
            since: since.map(Into::into),
        }
    }
}

/// The sealed part of a record. What it does not know stays away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Inner {
    who: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<Box<str>>,
    outcome: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Box<str>>,
}

impl Inner {
    /// What is told of a record that cannot be read.
    pub(super) fn damaged() -> Self {
        Self {
            who: "?".into(),
            name: None,
            session: None,
            address: None,
            uid: None,
            about: None,
            outcome: "damaged".into(),
            count: None,
            since: None,
        }
    }
}

/// A record as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// From 1, without gaps.
    pub number: u64,
    /// When, RFC 3339.
    pub at: String,
    /// Whose affair it is; absent for the installation's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The deed's name.
    pub deed: String,
    /// It cannot be read: it was changed, or the one before it was or is gone. What is told of it is not proven.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
    #[serde(flatten)]
    pub(super) inner: Inner,
}

impl Record {
    /// Who did it, in a word or two.
    pub fn who(&self) -> String {
        let Inner { who, name, uid, address, .. } = &self.inner;
        let mut text = match (name, uid) {
            (Some(name), _) => format!("{who} {name}"),
            (None, Some(uid)) => format!("{who} uid={uid}"),
            (None, None) => who.to_string(),
        };
        if let Some(address) = address {
            text.extend([" from ", &address.to_string()]);
        }
        text
    }

    /// Which operator did it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.inner.name.as_deref()
    }

    /// Takes out of it where an operator was and how they had signed in.
    pub(crate) fn leave_the_name(&mut self) {
        self.inner.session = None;
        self.inner.address = None;
    }

    /// To what it was done.
    pub fn about(&self) -> Option<&str> {
        self.inner.about.as_deref()
    }

    /// What came of it.
    pub fn outcome(&self) -> &str {
        &self.inner.outcome
    }

    /// How many there were, where they are counted.
    pub fn count(&self) -> Option<u64> {
        self.inner.count
    }
}
