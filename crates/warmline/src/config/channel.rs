//! The channels of Azure Bot Service: what opens `/api/messages`, and where replies go.

use gateway::{
    ChannelSetup, ChannelVerifyConfig, ConnectorConfig, ConnectorConfigError, VerifyConfig,
};

use super::{
    ConfigError,
    desks::texts,
    draft::{Draft, Owner},
    network::private_hosts,
    reference::References,
    registration::{app_tenant, cloud, is_guid, only_tenant, registration, wrong},
};

/// Where tokens may go besides.
const HOSTS: &str = "bot.connector_hosts";

/// What is in force for the channels; `None` leaves `/api/messages` closed for this bot.
pub(super) fn setup(
    draft: &Draft,
    references: &References<'_>,
    owner: &Owner,
) -> Result<Option<ChannelSetup>, ConfigError> {
    let cloud = cloud(draft, owner)?;
    let tenants = user_tenants(draft, owner)?;
    let hosts = connector_hosts(draft, owner)?;
    let Some(registration) = registration(draft, references, owner, &cloud)? else {
        return Ok(None);
    };
    let private_hosts = private_hosts(draft)?;
    let emulator = match draft.text(owner, "bot.emulator").as_deref() {
        Some("on") => Some(VerifyConfig {
            metadata: cloud.entra_metadata.clone(),
            audiences: vec![registration.app_id.clone()],
            tenants: app_tenant(draft, owner)?.into_iter().collect(),
            issuers: Vec::new(),
            private_hosts: private_hosts.clone(),
        }),
        Some(_) | None => None,
    };
    let verify = ChannelVerifyConfig {
        metadata: cloud.channel_metadata.clone(),
        issuer: cloud.channel_issuer.clone(),
        audiences: vec![registration.app_id.clone()],
        emulator,
        private_hosts: private_hosts.clone(),
    };
    let connector = ConnectorConfig { registration, cloud, hosts, private_hosts };
    connector.check().map_err(|error| unusable(draft, owner, &error))?;
    verify.check().map_err(|error| {
        wrong(draft, owner, "bot.channel_metadata_url", format!("cannot be used: {error}"))
    })?;
    let consent = draft.text(owner, "bot.teams_files").as_deref() == Some("consent");
    Ok(Some(ChannelSetup { connector, verify, tenants, consent }))
}

/// Whose users may come; empty for everybody.
fn user_tenants(draft: &Draft, owner: &Owner) -> Result<Vec<String>, ConfigError> {
    const ID: &str = "bot.user_tenants";
    if draft.found(owner, ID).is_none() {
        return Ok(only_tenant_of_users(draft, owner)?.into_iter().collect());
    }
    let tenants = texts(draft, owner, ID);
    let problem = if tenants.is_empty() {
        Some("is empty, so nobody could come; name the tenants, or leave it away")
    } else if tenants.iter().all(|tenant| is_guid(tenant)) {
        None
    } else {
        Some("must hold ids of tenants, each like 00000000-0000-0000-0000-000000000000")
    };
    match problem {
        Some(problem) => Err(wrong(draft, owner, ID, problem)),
        None => Ok(tenants.iter().map(|tenant| tenant.to_ascii_lowercase()).collect()),
    }
}

/// Without an app id nothing is open, and nothing has to fit.
fn only_tenant_of_users(draft: &Draft, owner: &Owner) -> Result<Option<String>, ConfigError> {
    if draft.found(owner, "bot.app_id").is_none() {
        return Ok(None);
    }
    Ok(only_tenant(draft, owner)?.map(|tenant| tenant.to_ascii_lowercase()))
}

/// Where tokens may go besides the cloud's own hosts.
fn connector_hosts(draft: &Draft, owner: &Owner) -> Result<Vec<String>, ConfigError> {
    let hosts = texts(draft, owner, HOSTS);
    let hosts = hosts.iter().map(|host| host.trim().trim_start_matches("*.").to_ascii_lowercase());
    let hosts: Vec<_> = hosts.collect();
    // All of `com` would be everybody.
    let is_narrow = |host: &String| {
        host.contains('.') || host.starts_with('[') || host.split(':').next() == Some("localhost")
    };
    if hosts.iter().all(is_narrow) {
        return Ok(hosts);
    }
    Err(wrong(
        draft,
        owner,
        HOSTS,
        "must hold names of hosts, each with a dot and nothing but the name, for instance \
         smba.example.org",
    ))
}

fn unusable(draft: &Draft, owner: &Owner, error: &ConnectorConfigError) -> ConfigError {
    let id = match error {
        ConnectorConfigError::NotAHost { .. } => HOSTS,
        ConnectorConfigError::NoScope => "bot.connector_scope",
        _ => "bot.app_id",
    };
    wrong(draft, owner, id, format!("cannot be used: {error}"))
}
