//! From settings to those who may come in, and how long what they are given is good.

use std::{sync::Arc, time::Duration};

use bot_framework::direct_line::TOKEN_LIFETIME_S;
use secrecy::{ExposeSecret, SecretString};
use vault::Vault;

use crate::{
    app::{Settings, StartError},
    console::{ADMIN, OperatorSetup, PasswordHash, Role},
    edge::{
        callers::{Callers, Owner},
        console::Member,
        doors::{Doors, Site},
    },
    files::Files,
};

/// Who may use the console.
pub(super) fn members(settings: &Settings) -> Result<Vec<Member>, StartError> {
    let parse = |hash: &SecretString| {
        PasswordHash::parse(hash.expose_secret()).map_err(StartError::ConsolePassword)
    };
    let mut members = Vec::new();
    if let Some(hash) = &settings.console_password_hash {
        let (name, role) = (ADMIN.into(), Role::Admin);
        members.push(Member { name, hash: parse(hash)?, role, tenants: None });
    }
    for OperatorSetup { name, password_hash, role, tenants } in &settings.operators {
        let tenants = tenants.clone().map(Into::into);
        let hash = parse(password_hash)?;
        members.push(Member { name: name.clone(), hash, role: *role, tenants });
    }
    Ok(members)
}

/// Who may come in.
pub(super) fn doors(vault: &Vault, settings: &Settings) -> Result<Doors, StartError> {
    let mut callers = Callers::new(vault.mac_key("callers")?);
    let (mut wordings, mut sites) = (Vec::new(), Vec::new());
    for desk in &settings.desks {
        callers.add_desk(desk)?;
        let wording = Arc::new(desk.wording.clone());
        wordings.push((desk.tenant.clone(), desk.desk.clone(), wording));
    }
    if let Some(token) = &settings.metrics_token {
        callers.add(token, Owner::Scraper)?;
    }
    for bot in &settings.bots {
        if let Some(secret) = &bot.direct_line_secret {
            callers.add(secret, Owner::Site(bot.tenant.clone(), bot.bot.clone()))?;
            let (tenant, of) = (bot.tenant.clone(), bot.bot.clone());
            sites.push(Site { tenant, bot: of, pages: bot.pages.clone() });
        }
    }
    let (public_url, proxies) = (settings.public_url.clone(), settings.proxies.clone());
    let masks =
        settings.masks.iter().map(|(tenant, masks)| (tenant.clone(), Arc::new(masks.clone())));
    let (masks, rates) = (masks.collect(), settings.rates.clone());
    Ok(Doors { callers, wordings, sites, public_url, masks, rates, proxies })
}

/// How long what a root key signs can be good: tokens with their grace, addresses of files, cookies.
pub(super) fn signed_for(doors: &Doors, files: &Files) -> Duration {
    let tokens = doors.sites.iter().map(|site| site.pages.token_grace).max().unwrap_or_default();
    let tokens = tokens.saturating_add(Duration::from_secs(TOKEN_LIFETIME_S.into()));
    // Cookies live for a day, and so does the shortest time of files.
    tokens.max(files.kept_for_at_most())
}
