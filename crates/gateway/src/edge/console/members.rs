//! Who may use the console, and what each of them may see and do.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use session::id::TenantId;

use crate::{
    console::{PasswordHash, Role},
    edge::answer::Refusal,
};

/// The longest name that is looked for, in bytes; longer ones are nobody's.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// Somebody who may sign in.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) hash: PasswordHash,
    pub(crate) role: Role,
    /// Whose affairs they see; `None` for everybody's.
    pub(crate) tenants: Option<Arc<[TenantId]>>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Members {
    members: Vec<Member>,
    /// What a password is compared with that comes with nobody's name: as much work as the most
    /// that anybody's is. Whose hash is less work is answered sooner, and so known to be somebody:
    /// nobody's name tells nothing only where all hashes ask for the same, as those of `warmline
    /// console-password` do.
    decoy: PasswordHash,
}

impl Members {
    /// At least one; `None` without.
    pub(crate) fn new(members: Vec<Member>) -> Option<Self> {
        let most = members.iter().max_by_key(|member| member.hash.work())?;
        Some(Self { decoy: most.hash.clone(), members })
    }

    /// Who has this name.
    pub(super) fn of(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| *member.name == *name)
    }

    /// What the password is compared with.
    pub(super) fn hash(&self, member: Option<&Member>) -> PasswordHash {
        member.map_or(&self.decoy, |member| &member.hash).clone()
    }
}

/// The role that a request takes. Whoever adds an order finds it closed to all but admins until it
/// has a line here.
pub(super) fn takes(method: &Method, path: &str) -> (Role, &'static str) {
    let path = path.trim_end_matches('/');
    let looks = matches!(*method, Method::GET | Method::HEAD);
    if path.ends_with("/audit") {
        (Role::Admin, "audit")
    } else if looks {
        (Role::Viewer, "look")
    } else if path.ends_with("/logout") {
        (Role::Viewer, "logout")
    } else if path.ends_with("/end") {
        (Role::Operator, "sessions/{id}/end")
    } else if path.ends_with("/resend") {
        (Role::Operator, "dead-letters/{id}/resend")
    } else if path.ends_with("/drop") {
        (Role::Operator, "dead-letters/{id}/drop")
    } else if path.ends_with("/persons/export") {
        (Role::Admin, "persons/export")
    } else if path.ends_with("/persons/erase") {
        (Role::Admin, "persons/erase")
    } else {
        (Role::Admin, "other")
    }
}

/// For who wants what their role does not have.
pub(super) fn forbidden(has: Role, takes: Role) -> Refusal {
    let (has, takes) = (has.as_str(), takes.as_str());
    Refusal::new(
        StatusCode::FORBIDDEN,
        "role_forbids",
        format!("you are signed in as {has}, and this takes the role {takes}; nothing was done"),
    )
}

/// For what concerns all tenants together, to somebody who is bound to some.
pub(super) fn not_of_tenants() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "other_tenants",
        "this is about all tenants together, and you see only your own",
    )
}

/// For what is of a tenant that is not theirs, whether or not there is such a tenant.
pub(super) fn not_yours() -> Refusal {
    Refusal::new(
        StatusCode::FORBIDDEN,
        "other_tenants",
        "this is about a tenant that is not yours; nothing was done",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_thought_of_is_closed_to_all_but_admins() {
        for (method, path, role) in [
            (Method::GET, "/console/api/overview", Role::Viewer),
            (Method::POST, "/console/api/logout", Role::Viewer),
            (Method::POST, "/console/api/sessions/x/end", Role::Operator),
            (Method::POST, "/console/api/sessions/x/end/", Role::Operator),
            (Method::POST, "/console/api/dead-letters/1/resend", Role::Operator),
            (Method::POST, "/console/api/dead-letters/1/drop", Role::Operator),
            (Method::GET, "/console/api/audit", Role::Admin),
            (Method::HEAD, "/console/api/audit/", Role::Admin),
            (Method::POST, "/console/api/persons/export", Role::Admin),
            (Method::POST, "/console/api/persons/erase", Role::Admin),
            (Method::POST, "/console/api/something/new", Role::Admin),
            (Method::DELETE, "/console/api/sessions/x", Role::Admin),
        ] {
            assert_eq!(takes(&method, path).0, role, "{method} {path}");
        }
    }
}
