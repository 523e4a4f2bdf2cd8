//! What is seen of the credentials between a desk's instance and the gateway: the secret that its callbacks
//! present, from where, and the tokens that it grants.

use std::{net::IpAddr, sync::Arc};

use session::id::{DeskId, TenantId};

use crate::{clock::unix_seconds, edge::callers::SecretAge, observe::Observer};

impl Observer {
    /// An instance presented this secret of its desk. Of the previous one the log is told now and then:
    /// whoever changes a secret wants to know when nobody needs the old one any more.
    pub(crate) fn presented(&self, tenant: &TenantId, desk: &DeskId, age: SecretAge) {
        let now_s = unix_seconds(self.clock.now());
        let is_told = self.metrics.desk(tenant, desk).presented(age, now_s);
        if is_told && age == SecretAge::Previous {
            tracing::info!(
                tenant.id = tenant.as_str(),
                desk.id = desk.as_str(),
                "ServiceNow still presents the previous webhook secret"
            );
        }
    }

    /// A callback with a secret that is right came from an address that is not on the desk's list.
    pub(crate) fn called_from_elsewhere(
        &self,
        tenant: &TenantId,
        desk: &DeskId,
        source: Option<IpAddr>,
    ) {
        let now_s = unix_seconds(self.clock.now());
        if self.metrics.desk(tenant, desk).called_from_elsewhere(now_s) {
            let source = source.map(|source| source.to_string());
            tracing::warn!(
                tenant.id = tenant.as_str(),
                desk.id = desk.as_str(),
                client.address = source.as_deref().unwrap_or("unknown"),
                "a callback with the right webhook secret came from an address that is not allowed"
            );
        }
    }

    /// Whoever is to be told of a desk's tokens.
    pub(crate) fn tokens(self: &Arc<Self>, tenant: &TenantId, desk: &DeskId) -> TokensOf {
        TokensOf { observer: Arc::clone(self), tenant: tenant.clone(), desk: desk.clone() }
    }
}

/// Told of one desk's tokens.
#[derive(Debug)]
pub(crate) struct TokensOf {
    observer: Arc<Observer>,
    tenant: TenantId,
    desk: DeskId,
}

impl servicenow::TokenWatch for TokensOf {
    fn granted(&self) {
        self.observer.metrics.desk(&self.tenant, &self.desk).token(None);
    }

    fn failed(&self, code: &'static str) {
        self.observer.metrics.desk(&self.tenant, &self.desk).token(Some(code));
    }
}
