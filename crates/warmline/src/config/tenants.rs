//! Tenants: what holds for all of their desks and bots.

use std::collections::HashMap;

use gateway::{
    RATE_MIN, Rates, TenantId,
    masking::{BuiltIn, Masks},
};

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    file::nearest,
    value::Value,
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

/// How fast each tenant's callers may be.
pub(super) fn rates(draft: &Draft) -> Result<HashMap<TenantId, Rates>, ConfigError> {
    let mut all = HashMap::new();
    for owner in draft.tenants() {
        let Some(tenant) = owner.tenant() else { continue };
        let default = Rates::default();
        let of_page = |id| rate(draft, &owner, id, (RATE_MIN, "a page needs as many"));
        let rates = Rates {
            conversation: of_page("tenant.conversation_rate")?.unwrap_or(default.conversation),
            user: of_page("tenant.user_rate")?.unwrap_or(default.user),
            tenant: of_page("tenant.rate")?,
            starts: rate(draft, &owner, "tenant.start_rate", (1, "none could begin"))?
                .unwrap_or(default.starts),
        };
        all.insert(super::tenant_id(tenant)?, rates);
    }
    Ok(all)
}

/// A rate of so many at least, for this reason.
fn rate(
    draft: &Draft,
    owner: &Owner,
    id: &str,
    (least, why): (u32, &str),
) -> Result<Option<u32>, ConfigError> {
    let Some(Value::Count(rate)) = draft.value(owner, id) else { return Ok(None) };
    let rate = u32::try_from(rate).ok().filter(|rate| *rate >= least);
    rate.map(Some).ok_or_else(|| ConfigError::Wrong {
        name: draft.name(owner, id),
        problem: format!("must be {least} at least: {why}"),
    })
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
