//! Who may come in, and how they are understood: what edges take from the settings. Settings that
//! are read anew replace all of it at once.

use std::{collections::HashMap, sync::Arc};

use session::id::{BotId, DeskId, TenantId};

use crate::{
    app::PageRules,
    desk::news::Wording,
    edge::{callers::Callers, rates::Rates},
    masking::Masks,
    network::Proxies,
};

/// The doors as the settings have them.
pub(crate) struct Doors {
    pub(crate) callers: Callers,
    /// How each desk tells things in words.
    pub(crate) wordings: Vec<(TenantId, DeskId, Arc<Wording>)>,
    /// Every bot that has a Direct Line secret.
    pub(crate) sites: Vec<Site>,
    /// How clients reach this service; `None` takes the request's own `Host`.
    pub(crate) public_url: Option<String>,
    /// What each tenant has taken out of what its users say.
    pub(crate) masks: HashMap<TenantId, Arc<Masks>>,
    /// How fast each tenant's callers may be.
    pub(crate) rates: HashMap<TenantId, Rates>,
    /// The proxies before this service.
    pub(crate) proxies: Proxies,
}

impl Doors {
    /// How this desk tells things in words; every desk with a secret has a wording.
    pub(crate) fn wording(&self, tenant: &TenantId, desk: &DeskId) -> Option<&Arc<Wording>> {
        let of = |(owner, whose, _): &&(TenantId, DeskId, Arc<Wording>)| {
            owner == tenant && whose == desk
        };
        self.wordings.iter().find(of).map(|(.., wording)| wording)
    }

    /// What this tenant has taken out; `None` for nothing.
    pub(crate) fn masks(&self, tenant: &TenantId) -> Option<&Arc<Masks>> {
        self.masks.get(tenant).filter(|masks| !masks.is_empty())
    }

    /// How fast this tenant's callers may be.
    pub(crate) fn rates(&self, tenant: &TenantId) -> Rates {
        self.rates.get(tenant).copied().unwrap_or_default()
    }

    /// The site that tokens call so.
    pub(crate) fn site(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site_name(&site.tenant, &site.bot) == name)
    }

    /// The site whose public key this is.
    pub(crate) fn site_of_key(&self, key: &str) -> Option<&Site> {
        let has_it =
            |site: &&Site| site.pages.widget_key.as_ref().is_some_and(|own| own.as_str() == key);
        self.sites.iter().find(has_it)
    }

    /// The site whose Direct Line secret this is.
    pub(crate) fn site_of_secret(&self, secret: &str) -> Option<&Site> {
        let (tenant, bot) = self.callers.site(secret)?;
        self.sites.iter().find(|site| site.tenant == *tenant && site.bot == *bot)
    }
}

/// A bot that web pages can talk to.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) tenant: TenantId,
    pub(crate) bot: BotId,
    /// What holds for its pages.
    pub(crate) pages: PageRules,
}

/// A site's name inside tokens. Names hold no slash; the configuration sees to that.
pub(crate) fn site_name(tenant: &TenantId, bot: &BotId) -> String {
    format!("{tenant}/{bot}")
}
