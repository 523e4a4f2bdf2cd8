//! `warmline simulator`: a simulated ServiceNow instance to connect to.

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Args, ValueEnum};
use gateway::WEBHOOK_PATH;
use secrecy::{ExposeSecret, SecretString};
use simulator::{AgentMode, AppVersion, Config, Dialect, Script, Simulator, User, Webhook};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Where its callbacks go.
    #[arg(
        long,
        default_value_t = format!("http://127.0.0.1:8080{WEBHOOK_PATH}"),
        value_name = "URL"
    )]
    webhook: String,
    /// What it presents there, as a bearer credential.
    #[arg(long, env = "WEBHOOK_SECRET", hide_env_values = true, default_value = "")]
    webhook_secret: String,
    /// The language of its callbacks.
    #[arg(long, value_enum, default_value_t = Language::Servicenow)]
    dialect: Language,
    /// Who sits at its desk.
    #[arg(long, value_enum, default_value_t = Sitting::Person)]
    agent: Sitting,
    #[command(flatten)]
    wire: Wire,
}

/// What kind of instance it is, on the wire. All of it can be changed later, below /admin/api.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Wire {
    /// The version of its app: 3.x, 4.0, 4.1, or three numbers such as 3.14.1.
    #[arg(long, default_value_t = AppVersion::V4_0, value_name = "VERSION")]
    profile: AppVersion,
    /// It grants tokens for client credentials alone.
    #[arg(long)]
    client_credentials: bool,
    /// Its callbacks overtake each other: "Maintain message ordering" is off.
    #[arg(long)]
    unordered: bool,
    /// Its channel is synchronous: what a request leads to is the answer.
    #[arg(long)]
    synchronous: bool,
    /// "Agent names and avatars" is off.
    #[arg(long)]
    no_names: bool,
    /// It drops in silence what it refuses otherwise, as a teaching aid: unknown actions, and
    /// attachments that are null.
    #[arg(long)]
    lenient: bool,
    /// The static token of its message authentication; with it, users can be linked.
    #[arg(long, env = "SERVICENOW_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    message_token: Option<SecretString>,
    /// The secret of its message authentication by hash (x-b2b-signature).
    #[arg(long, env = "SIMULATOR_HASH_SECRET", hide_env_values = true, value_name = "SECRET")]
    message_hash: Option<SecretString>,
    /// A user whom it knows, such as "Kim Example <kim@example.org>". May be given often; two are
    /// there if none is.
    #[arg(long = "user", value_name = "NAME <EMAIL>", value_parser = read_user)]
    users: Vec<User>,
    /// A host that it fetches files from, with what is below it. May be given often; this machine
    /// if none is.
    #[arg(long = "trusted-domain", value_name = "DOMAIN")]
    trusted_domains: Vec<String>,
}

fn read_user(text: &str) -> Result<User, String> {
    let read = || {
        let (name, rest) = text.split_once('<')?;
        let email = rest.strip_suffix('>').filter(|email| email.contains('@'))?;
        Some(User::new(name.trim(), email.trim()))
    };
    read().ok_or_else(|| "a user is written as: Kim Example <kim@example.org>".to_owned())
}

impl Wire {
    /// Sets what was asked for.
    fn shape(self, mut config: Config) -> Config {
        let profile = &mut config.profile;
        profile.version = self.profile;
        profile.synchronous = self.synchronous;
        profile.strict = !self.lenient;
        if !self.trusted_domains.is_empty() {
            profile.trusted_media_domains = self.trusted_domains;
        }
        if !self.users.is_empty() {
            config.users = self.users;
        }
        config.names_shown = !self.no_names;
        config.maintain_ordering = !self.unordered;
        config.client_credentials = self.client_credentials;
        config.message_token = self.message_token;
        config.message_hash = self.message_hash;
        config
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Language {
    /// As the product's documentation describes them.
    Servicenow,
    /// As the vendor's specification describes them.
    Spec,
    /// A mixture.
    Both,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sitting {
    /// You, on its desk page.
    Person,
    /// A scripted agent.
    Scripted,
    /// Nobody: every request is refused.
    Nobody,
}

impl From<Language> for Dialect {
    fn from(language: Language) -> Self {
        match language {
            Language::Servicenow => Self::ServiceNow,
            Language::Spec => Self::Spec,
            Language::Both => Self::Both,
        }
    }
}

impl From<Sitting> for AgentMode {
    fn from(sitting: Sitting) -> Self {
        match sitting {
            Sitting::Person => Self::Person,
            Sitting::Scripted => Self::Scripted(Script::default()),
            Sitting::Nobody => Self::Nobody,
        }
    }
}

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    anyhow::ensure!(
        options.listen.ip().is_loopback(),
        "the simulator has no log-in; it listens on this machine only (127.0.0.1)"
    );
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("--listen {} cannot be used", options.listen))?;
    let without_secret = options.webhook_secret.is_empty();
    let config = Config {
        dialect: options.dialect.into(),
        agent: options.agent.into(),
        webhook: Webhook {
            url: options.webhook,
            authorization: format!("Bearer {}", options.webhook_secret).into(),
        },
        // So that nothing is missed while the gateway is away.
        may_read_messages: true,
        ..Config::default()
    };
    let config = options.wire.shape(config);
    let credentials = config.credentials.clone();
    let running = Simulator::start(config, listener);
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("simulated ServiceNow on http://{0}, its desk on http://{0}/desk", running.address);
    if without_secret {
        println!("its callbacks carry no secret: set WEBHOOK_SECRET as for the gateway");
    }
    println!("what can be set, broken and watched: http://{}/admin/api/settings", running.address);
    println!("connect a gateway to it with:");
    println!("  export SERVICENOW_INSTANCE=http://{}", running.address);
    println!("  export SERVICENOW_CLIENT_ID={}", credentials.client_id);
    println!("  export SERVICENOW_CLIENT_SECRET={}", credentials.client_secret.expose_secret());
    println!("  export SERVICENOW_GRANT_TYPE=password");
    println!("  export SERVICENOW_USERNAME={}", credentials.username);
    println!("  export SERVICENOW_PASSWORD={}", credentials.password.expose_secret());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    running.shutdown().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn config(arguments: &[&str]) -> Config {
        let line = Line::try_parse_from([&["x"][..], arguments].concat()).unwrap();
        line.options.wire.shape(Config::default())
    }

    #[test]
    fn without_options_it_is_the_stock_instance() {
        let (plain, stock) = (config(&[]), Config::default());
        assert_eq!((plain.profile, plain.users), (stock.profile, stock.users));
        assert!(plain.names_shown && plain.maintain_ordering && !plain.client_credentials);
    }

    #[test]
    fn options_shape_it() {
        let shaped = config(&[
            "--profile",
            "3.14.1",
            "--lenient",
            "--unordered",
            "--no-names",
            "--client-credentials",
            "--user",
            "Jo <jo@example.org>",
            "--trusted-domain",
            "example.org",
            "--message-token",
            "t",
        ]);
        assert_eq!(shaped.profile.version, AppVersion::new(3, 14, 1));
        assert!(!shaped.profile.strict && !shaped.maintain_ordering && !shaped.names_shown);
        assert!(shaped.client_credentials && shaped.message_token.is_some());
        assert_eq!(shaped.users, [User::new("Jo", "jo@example.org")]);
        assert_eq!(shaped.profile.trusted_media_domains, ["example.org"]);
    }

    #[test]
    fn what_is_no_user_or_version_is_refused() {
        for wrong in [["--user", "Jo"], ["--user", "<jo>"], ["--profile", "new"]] {
            assert!(Line::try_parse_from(["x", wrong[0], wrong[1]]).is_err(), "{wrong:?}");
        }
    }
}
