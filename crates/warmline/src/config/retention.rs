//! How long tenants keep what was said.

use std::time::Duration;

use gateway::{KEPT_MIN, Retention, TenantId};

use super::{
    ConfigError,
    draft::{Draft, Owner},
    tenant_id,
    value::Value,
};

/// The rules of every tenant that has a desk or a bot.
pub(super) fn setup(draft: &Draft) -> Result<Vec<(TenantId, Retention)>, ConfigError> {
    let of_tenant = |owner: Owner| {
        let tenant = tenant_id(owner.tenant().unwrap_or_default())?;
        let retention = Retention {
            keep_chats: kept(draft, &owner, "tenant.keep_chats")?,
            keep_bot_talk: kept(draft, &owner, "tenant.keep_bot_talk")?,
        };
        Ok((tenant, retention))
    };
    draft.tenants().map(of_tenant).collect()
}

fn kept(draft: &Draft, owner: &Owner, id: &str) -> Result<Option<Duration>, ConfigError> {
    match draft.value(owner, id) {
        Some(Value::Span(span)) if span >= KEPT_MIN => Ok(Some(span)),
        Some(Value::Span(_)) => Err(ConfigError::Wrong {
            name: draft.name(owner, id),
            problem: "is less than an hour; what was said only just may still be read by a page \
                      that comes back"
                .to_owned(),
        }),
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_has_the_defaults_that_the_gateway_has() {
        let draft = Draft::of_text("[tenants.acme.desks.it]\n", Path::new("w.toml")).unwrap();
        let rules = setup(&draft).unwrap();
        assert_eq!(rules, [(TenantId::new("acme").unwrap(), Retention::default())]);
    }

    #[test]
    fn each_tenant_has_its_own_and_may_keep_words_for_ever() {
        let text = "[tenants.a]\nkeep_chats = \"off\"\n[tenants.a.bots.b]\n\
                    [tenants.b]\nkeep_bot_talk = \"1h\"\n[tenants.b.bots.b]\n";
        let rules = setup(&Draft::of_text(text, Path::new("w.toml")).unwrap()).unwrap();
        let kept: Vec<_> =
            rules.into_iter().map(|(_, it)| (it.keep_chats, it.keep_bot_talk)).collect();
        let usual = Retention::default();
        let hour = Some(Duration::from_hours(1));
        assert_eq!(kept, [(None, usual.keep_bot_talk), (usual.keep_chats, hour)]);
    }

    #[test]
    fn less_than_an_hour_is_refused_by_name() {
        let text = "[tenants.a]\nkeep_chats = \"59min\"\n[tenants.a.bots.b]\n";
        let refused = setup(&Draft::of_text(text, Path::new("w.toml")).unwrap()).unwrap_err();
        let told = refused.to_string();
        assert!(told.contains("tenants.a.keep_chats") && told.contains("an hour"), "{told}");
    }
}
