//! `warmline simulator`: a simulated ServiceNow instance to connect to.

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Args, ValueEnum};
use secrecy::ExposeSecret;
use simulator::{AgentMode, Config, Dialect, Script, Simulator, Webhook};
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
        default_value = "http://127.0.0.1:8080/api/v1/snowBot/receiveMessage",
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
    let credentials = config.credentials.clone();
    let running = Simulator::start(config, listener);
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    println!("simulated ServiceNow on http://{0}, its desk on http://{0}/desk", running.address);
    if without_secret {
        println!("its callbacks carry no secret: set WEBHOOK_SECRET as for the gateway");
    }
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
