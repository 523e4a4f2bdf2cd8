//! Who may use the console: from settings to operators.

use gateway::{
    TenantId,
    console::{ADMIN, OperatorSetup, PasswordHash, Role},
};
use secrecy::ExposeSecret;

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    reference::References,
};

/// All operators that the file names. The one of `console.password_hash` is not among them.
pub(super) fn setups(
    draft: &Draft,
    references: &References<'_>,
) -> Result<Vec<OperatorSetup>, ConfigError> {
    draft.operators().map(|owner| setup(draft, references, owner)).collect()
}

fn setup(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
) -> Result<OperatorSetup, ConfigError> {
    let wrong =
        |id: &str, problem: String| ConfigError::Wrong { name: draft.name(owner, id), problem };
    let name = match owner {
        Owner::Operator { name } => name.clone(),
        Owner::House | Owner::Tenant { .. } | Owner::Desk { .. } | Owner::Bot { .. } => {
            String::new()
        }
    };
    let id = "operator.password_hash";
    if name == ADMIN && draft.found(&Owner::House, "console.password_hash").is_some() {
        let problem = format!(
            "is of the operator `{ADMIN}`, and so is the console's own password; keep one of them"
        );
        return Err(wrong(id, problem));
    }
    let hash = references.secret(owner, id)?;
    let hash = hash.ok_or_else(|| ConfigError::Missing(vec![draft.ways(owner, id)]))?;
    PasswordHash::parse(hash.expose_secret()).map_err(|error| wrong(id, error.to_string()))?;
    let role = match draft.text(owner, "operator.role").as_deref() {
        Some("operator") => Role::Operator,
        Some("admin") => Role::Admin,
        Some(_) | None => Role::Viewer,
    };
    let tenants = tenants(draft, owner).map_err(|problem| wrong("operator.tenants", problem))?;
    Ok(OperatorSetup { name: name.into(), password_hash: hash, role, tenants })
}

/// The tenants an operator is bound to; each must be one that there is, or a slip of the pen would
/// show somebody nothing and nobody would know why.
fn tenants(draft: &Draft, owner: &Owner) -> Result<Option<Vec<TenantId>>, String> {
    if draft.found(owner, "operator.tenants").is_none() {
        return Ok(None);
    }
    let named = texts(draft, owner, "operator.tenants");
    if named.is_empty() {
        return Err("names no tenant, so they would see nothing; leave it out for all".to_owned());
    }
    let there = |name: &str| draft.desks().chain(draft.bots()).any(|o| o.tenant() == Some(name));
    let read = |name: String| match TenantId::new(&name) {
        Ok(tenant) if there(&name) => Ok(tenant),
        Ok(_) | Err(_) => Err("names a tenant that has neither desk nor bot here".to_owned()),
    };
    named.into_iter().map(read).collect::<Result<Vec<_>, _>>().map(Some)
}
