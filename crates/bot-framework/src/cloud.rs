//! Microsoft's clouds: where each has its login, its keys and its channels (reference 2.2, 2.6).
//!
//! A [`Cloud`] is plain: whoever has another address for a part of it, a stand-in or a cloud that
//! came later, changes that field.

use http::Uri;

/// Where one of Microsoft's clouds has what channels need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Where the channels' keys are named (`openidconfiguration`).
    pub channel_metadata: Uri,
    /// Whom the channels' tokens are from, exactly.
    pub channel_issuer: String,
    /// What a token for the channels is asked for, with `/.default`.
    pub scope: String,
    /// Where Entra's keys are named, for tokens of bots and of the Emulator.
    pub entra_metadata: Uri,
    /// The login, without a tenant.
    pub login: Uri,
    /// The tenant in which multi-tenant registrations get their tokens; absent where each has its
    /// own.
    pub shared_tenant: Option<String>,
    /// Where its channels' `serviceUrl`s lead: these hosts and their subdomains, and nobody else, may
    /// be shown a token.
    pub hosts: Vec<String>,
    /// Where a conversation of Teams' is begun with somebody of whom nothing was heard yet; its answer
    /// tells where it is at home. Absent where no such address is known.
    pub teams: Option<Uri>,
    /// The host that a message is sent to once when the channel says that its conversation is at
    /// home in another part of the cloud (`InvalidBotApiHost`), as an address with a path.
    pub other_teams: Option<Uri>,
}

impl Cloud {
    /// The public one; GCC (not High) belongs to it as well.
    pub fn public() -> Self {
        let shared_tenant = "botframework.com";
        Self {
            channel_metadata: Uri::from_static(
                "https://login.botframework.com/v1/.well-known/openidconfiguration",
            ),
            channel_issuer: "https://api.botframework.com".to_owned(),
            scope: "https://api.botframework.com/.default".to_owned(),
            entra_metadata: Uri::from_static(
                "https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration",
            ),
            login: Uri::from_static("https://login.microsoftonline.com"),
            shared_tenant: Some(shared_tenant.to_owned()),
            hosts: owned(&["smba.trafficmanager.net", "botframework.com", "teams.microsoft.com"]),
            teams: Some(Uri::from_static("https://smba.trafficmanager.net/teams")),
            other_teams: Some(Uri::from_static("https://smba.infra.gcc.teams.microsoft.com/gcc")),
        }
    }

    /// The US government's: GCC High and `DoD`.
    pub fn us_gov() -> Self {
        Self {
            channel_metadata: Uri::from_static(
                "https://login.botframework.azure.us/v1/.well-known/openidconfiguration",
            ),
            channel_issuer: "https://api.botframework.us".to_owned(),
            scope: "https://api.botframework.us/.default".to_owned(),
            entra_metadata: Uri::from_static(
                "https://login.microsoftonline.us/cab8a31a-1906-4287-a0d8-4eef66b95f6e/v2.0/.well-known/openid-configuration",
            ),
            login: Uri::from_static("https://login.microsoftonline.us"),
            shared_tenant: Some("MicrosoftServices.onmicrosoft.us".to_owned()),
            hosts: owned(&["botframework.us", "botframework.azure.us", "teams.microsoft.us"]),
            teams: Some(Uri::from_static("https://smba.infra.gov.teams.microsoft.us/teams")),
            other_teams: None,
        }
    }

    /// China's, operated by 21Vianet. It has no tenant for multi-tenant registrations.
    pub fn china() -> Self {
        Self {
            channel_metadata: Uri::from_static(
                "https://login.botframework.azure.cn/v1/.well-known/openidconfiguration",
            ),
            channel_issuer: "https://api.botframework.azure.cn".to_owned(),
            scope: "https://api.botframework.azure.cn/.default".to_owned(),
            entra_metadata: Uri::from_static(
                "https://login.partner.microsoftonline.cn/a55a4d5b-9241-49b1-b4ff-befa8db00269/v2.0/.well-known/openid-configuration",
            ),
            login: Uri::from_static("https://login.partner.microsoftonline.cn"),
            shared_tenant: None,
            hosts: owned(&["botframework.azure.cn"]),
            teams: None,
            other_teams: None,
        }
    }

    /// A cloud by the name that settings use: `public`, `usgov` or `china`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "public" => Some(Self::public()),
            "usgov" => Some(Self::us_gov()),
            "china" => Some(Self::china()),
            _ => None,
        }
    }

    /// The login base with the tenant, for a [`Registration`](crate::login::Registration): its own
    /// for a single-tenant registration, the shared one (`None`) for a multi-tenant one. Nothing
    /// where the cloud has no shared one, or what is given is no tenant.
    pub fn login_of(&self, tenant: Option<&str>) -> Option<Uri> {
        let tenant = tenant.or(self.shared_tenant.as_deref())?.trim();
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        if tenant.is_empty() || !tenant.bytes().all(is_name) {
            return None;
        }
        let login = self.login.to_string();
        format!("{}/{tenant}", login.trim_end_matches('/')).parse().ok()
    }
}

impl Default for Cloud {
    fn default() -> Self {
        Self::public()
    }
}

fn owned(hosts: &[&str]) -> Vec<String> {
    hosts.iter().map(|host| (*host).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_of_many_tenants_logs_in_at_the_shared_one() {
        let login = |cloud: Cloud, tenant| cloud.login_of(tenant).map(|login| login.to_string());
        let at = |login: &str| Some(login.to_owned());
        for (cloud, shared) in [
            (Cloud::public(), at("https://login.microsoftonline.com/botframework.com")),
            (
                Cloud::us_gov(),
                at("https://login.microsoftonline.us/MicrosoftServices.onmicrosoft.us"),
            ),
            (Cloud::china(), None),
        ] {
            assert_eq!(login(cloud, None), shared);
        }
        let own = login(Cloud::china(), Some("11111111-2222-3333-4444-555555555555"));
        let expected =
            "https://login.partner.microsoftonline.cn/11111111-2222-3333-4444-555555555555";
        assert_eq!(own.as_deref(), Some(expected));
        for no_tenant in ["", " ", "a/b", "a?b", "a b", "../x", "ä"] {
            assert_eq!(login(Cloud::public(), Some(no_tenant)), None, "{no_tenant}");
        }
        let elsewhere = Cloud { login: "http://127.0.0.1:1/".parse().unwrap(), ..Cloud::public() };
        assert_eq!(login(elsewhere, Some("t")).as_deref(), Some("http://127.0.0.1:1/t"));
    }

    #[test]
    fn clouds_have_the_names_that_settings_use() {
        assert_eq!(Cloud::named("public"), Some(Cloud::default()));
        assert_eq!(Cloud::named("usgov"), Some(Cloud::us_gov()));
        assert_eq!(Cloud::named("china"), Some(Cloud::china()));
        for other in ["", "Public", "gcc"] {
            assert_eq!(Cloud::named(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_asked_for_belongs_to_whom_the_tokens_are_from() {
        for cloud in [Cloud::public(), Cloud::us_gov(), Cloud::china()] {
            assert_eq!(cloud.scope, format!("{}/.default", cloud.channel_issuer));
        }
    }
}
