//! What is asked about Warmline's own registration in Entra: the Azure Bot's, and the one by which a
//! bot with an app id knows Warmline.

use anyhow::ensure;
use clap::ValueEnum;

use super::{Options, ask::Questions, behind::Bot, reference};

/// The options about it.
#[derive(Debug, clap::Args)]
pub(super) struct RegistrationOptions {
    /// The app id of Warmline's own registration in Entra: the Azure Bot's.
    #[arg(long, value_name = "ID")]
    pub(super) app_id: Option<String>,
    /// Where its client secret is.
    #[arg(long, value_name = "REFERENCE", value_parser = reference, requires = "app_id")]
    app_password: Option<String>,
    /// Its certificate (PEM) instead of a secret.
    #[arg(
        long,
        value_name = "PATH",
        requires_all = ["app_id", "app_certificate_key"],
        conflicts_with = "app_password"
    )]
    app_certificate_file: Option<String>,
    /// Where the certificate's private key is.
    #[arg(
        long,
        value_name = "REFERENCE",
        value_parser = reference,
        requires = "app_certificate_file"
    )]
    app_certificate_key: Option<String>,
    /// The tenant of the registration.
    #[arg(long, value_name = "ID", requires = "app_id")]
    app_tenant: Option<String>,
    /// The registration is an older one for many tenants.
    #[arg(long, requires = "app_id")]
    multi_tenant: bool,
    /// The cloud that it is in.
    #[arg(long, value_enum, default_value = "public")]
    cloud: Cloud,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Cloud {
    /// Everybody's; GCC too.
    Public,
    /// GCC High and `DoD`.
    Usgov,
    /// 21Vianet's.
    China,
}

/// The registration.
pub(super) struct Entra {
    pub(super) app_id: String,
    pub(super) proof: Proof,
    /// `None` only for one of many tenants.
    pub(super) tenant: Option<String>,
    pub(super) is_multi_tenant: bool,
    /// As the setting names it; `None` for the public one.
    pub(super) cloud: Option<&'static str>,
}

/// What proves that the gateway is the registration's app.
pub(super) enum Proof {
    /// Where the client secret is, or itself.
    Password(String),
    Certificate {
        file: String,
        /// Where the private key is.
        key: String,
    },
}

impl Entra {
    pub(super) fn asked(
        ask: &mut Questions,
        options: &Options,
        bot: Option<&Bot>,
    ) -> anyhow::Result<Self> {
        let options = &options.registration;
        // The tenant of a bot behind is another matter: whose tokens are taken from it.
        let has_other_use = bot.is_some_and(|bot| bot.app_id.is_some());
        ensure!(
            !options.multi_tenant || options.app_tenant.is_none() || has_other_use,
            "--multi-tenant says that the registration is for many tenants, and --app-tenant that it \
             is for one; give --app-tenant alone, unless it is an older one for many"
        );
        let app_id = ask.required(
            "bot.app_id",
            "The app id of Warmline's own registration in Entra (the Azure Bot's; not that of a bot \
             behind)?",
            "--app-id",
            options.app_id.as_deref(),
        )?;
        let proof = match (&options.app_certificate_file, &options.app_certificate_key) {
            (Some(file), Some(key)) => Proof::Certificate { file: file.clone(), key: key.clone() },
            _ => Proof::Password(ask.secret(
                "Its client secret (typed unseen, or a reference)?",
                options.app_password.as_deref(),
                "env:MicrosoftAppPassword",
            )?),
        };
        let (question, given) =
            ("The id of the registration's tenant?", options.app_tenant.as_deref());
        let tenant = if options.multi_tenant {
            given.map(|given| ask.required("bot.app_tenant", question, "--app-tenant", Some(given)))
        } else {
            Some(ask.required("bot.app_tenant", question, "--app-tenant", given))
        };
        Ok(Self {
            app_id,
            proof,
            tenant: tenant.transpose()?,
            is_multi_tenant: options.multi_tenant,
            cloud: match options.cloud {
                Cloud::Public => None,
                Cloud::Usgov => Some("usgov"),
                Cloud::China => Some("china"),
            },
        })
    }

    /// Whether it is for one tenant or many, as the setting names it.
    pub(super) fn app_type(&self) -> &'static str {
        if self.is_multi_tenant { "MultiTenant" } else { "SingleTenant" }
    }

    /// Where its secret is, or itself.
    pub(super) fn secret(&self) -> &str {
        match &self.proof {
            Proof::Password(secret) | Proof::Certificate { key: secret, .. } => secret,
        }
    }
}
