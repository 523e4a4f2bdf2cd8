//! Tenants: what holds for all of their desks and bots.

use std::collections::HashMap;

use gateway::{
    TenantId,
    masking::{BuiltIn, Masks},
};

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    file::nearest,
};

/// What each tenant has taken out of what its users say.
pub(super) fn masks(draft: &Draft) -> Result<HashMap<TenantId, Masks>, ConfigError> {
    if let Some(owner) = draft.tenant_without_desk() {
        return Err(ConfigError::Wrong {
            name: format!("`{}`", owner.table()),
            problem: "has settings and neither a desk nor a bot; is the tenant called otherwise?"
                .to_owned(),
        });
    }
    let mut all = HashMap::new();
    for owner in draft.tenants() {
        let Some(tenant) = owner.tenant() else { continue };
        let masks = of(draft, &owner)?;
        all.insert(super::tenant_id(tenant)?, masks);
    }
    Ok(all)
}

fn of(draft: &Draft, owner: &Owner) -> Result<Masks, ConfigError> {
    let mut masks = Masks::default();
    for name in texts(draft, owner, "tenant.mask") {
        let known = || BuiltIn::ALL.into_iter();
        let Some((_, kind)) = known().find(|(known, _)| *known == name.trim()) else {
            let names: Vec<_> = known().map(|(name, _)| name).collect();
            let meant = nearest(&name, names.iter().copied());
            let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
            let problem = format!("holds a text that is none of {}{meant}", names.join(", "));
            return Err(ConfigError::Wrong { name: draft.name(owner, "tenant.mask"), problem });
        };
        masks.add(kind);
    }
    for (at, pattern) in texts(draft, owner, "tenant.mask_patterns").iter().enumerate() {
        masks.add_pattern(pattern).map_err(|error| ConfigError::Wrong {
            name: draft.name(owner, "tenant.mask_patterns"),
            problem: format!("holds a pattern, the {}., that {error}", at + 1),
        })?;
    }
    Ok(masks)
}
