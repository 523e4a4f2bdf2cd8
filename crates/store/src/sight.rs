//! Whose rows a read may find.

use std::sync::Arc;

use session::id::TenantId;

/// Who looks: what belongs to a tenant that they may not see is not there for them. Every read by an id that
/// somebody outside names takes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight(Option<Arc<[TenantId]>>);

impl Sight {
    /// The gateway itself, and the administrator of its machine.
    pub const ALL: Self = Self(None);

    /// Somebody who is bound to tenants; `None` for somebody who is not.
    pub fn of_tenants(own: Option<Arc<[TenantId]>>) -> Self {
        Self(own)
    }

    /// Whether this tenant's affairs are theirs to see.
    pub fn of(&self, tenant: &str) -> bool {
        self.0.as_ref().is_none_or(|own| own.iter().any(|one| one.as_str() == tenant))
    }

    /// Whether they see everything.
    pub fn is_whole(&self) -> bool {
        self.0.is_none()
    }

    /// The tenants that they are bound to, if they are.
    pub fn tenants(&self) -> Option<&[TenantId]> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_bound_to_tenants_sees_those_and_who_is_not_sees_all() {
        let own = Sight::of_tenants(Some([TenantId::new("a").unwrap()].into()));
        assert!(own.of("a") && !own.of("b") && !own.of("") && !own.is_whole());
        assert!(Sight::ALL.of("a") && Sight::ALL.of("b") && Sight::ALL.is_whole());
        let nobody = Sight::of_tenants(Some([].into()));
        assert!(!nobody.of("a") && !nobody.is_whole());
    }
}
