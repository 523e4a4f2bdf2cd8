//! `azure-stand-in`: the stand-in for Azure as a program, and a chat with a bot in a terminal.

use std::{error::Error, net::SocketAddr, process::ExitCode};

use clap::Parser;
use simulator::azure::{
    APP_ID, APP_SECRET, Azure, AzureConfig, Person, Registration, TENANT, converse,
};
use tokio::{io::BufReader, net::TcpListener};

/// A stand-in for Azure on this machine: Entra's and the Bot Framework's keys and tokens, and a
/// Connector that records what bots send and checks who sends it.
///
/// A gateway is pointed at it by the settings that it prints. With --bot you are a user in Teams: each
/// line that you type is sent to the bot, and what the bot sends is printed.
///
///     azure-stand-in --bot http://127.0.0.1:8080/api/messages
///
/// Everything else is done over HTTP, below /admin/api: tokens right and forged, chats, throttling,
/// refusals, resets, and the list of all requests.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Options {
    /// Where it listens; on this machine only, because it gives tokens to anybody.
    #[arg(long, default_value = "127.0.0.1:8091")]
    listen: SocketAddr,
    /// The bot's app id.
    #[arg(long, env = "MicrosoftAppId", default_value = APP_ID)]
    app_id: String,
    /// Its secret.
    #[arg(
        long,
        env = "MicrosoftAppPassword",
        hide_env_values = true,
        default_value = APP_SECRET
    )]
    app_secret: String,
    /// The tenant of the app and of its users.
    #[arg(long, env = "MicrosoftAppTenantId", default_value = TENANT)]
    tenant: String,
    /// The app is a multi-tenant one, and asks for its tokens at botframework.com.
    #[arg(long)]
    multi_tenant: bool,
    /// The Connector does not count, and so never answers 429 by itself.
    #[arg(long)]
    no_limits: bool,
    /// The bot's messaging endpoint: opens a chat with it in this terminal.
    #[arg(long, value_name = "URL")]
    bot: Option<String>,
    /// Who writes there.
    #[arg(long, default_value = "Kim Example <kim@example.org>", value_name = "NAME <EMAIL>")]
    user: String,
}

fn person(text: &str, tenant: &str) -> Result<Person, String> {
    let read = || {
        let (name, rest) = text.split_once('<')?;
        let email = rest.strip_suffix('>').filter(|email| email.contains('@'))?;
        Some(Person::new(name.trim(), email.trim()))
    };
    let person = read().ok_or("a user is written as: Kim Example <kim@example.org>")?;
    Ok(Person { tenant: tenant.to_owned(), ..person })
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("azure-stand-in: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    if !options.listen.ip().is_loopback() {
        return Err("it listens on this machine only, such as 127.0.0.1:8091".into());
    }
    let user = person(&options.user, &options.tenant)?;
    let registration = Registration {
        tenant: (!options.multi_tenant).then(|| options.tenant.clone()),
        endpoint: options.bot.clone(),
        ..Registration::new(&options.app_id, &options.app_secret)
    };
    let config = AzureConfig {
        registrations: vec![registration.clone()],
        tenants: vec![options.tenant.clone()],
        limits: !options.no_limits,
        ..AzureConfig::default()
    };
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| format!("--listen {} cannot be used: {error}", options.listen))?;
    let azure = Azure::serve(config, listener);
    println!("azure-stand-in listens on {}", azure.origin());
    println!("connect a gateway to it with:");
    for (name, value) in azure.settings(&registration) {
        println!("  export {name}={value}");
    }
    if options.app_secret == APP_SECRET {
        println!("  export MicrosoftAppPassword={APP_SECRET}");
    } else {
        // Somebody's own may be good elsewhere.
        println!("and with the MicrosoftAppPassword that it was started with");
    }
    if options.bot.is_none() {
        tokio::signal::ctrl_c().await?;
        return Ok(());
    }
    let chat = azure.personal_chat(&options.app_id, &user);
    let input = BufReader::new(tokio::io::stdin());
    tokio::select! {
        ended = converse(&azure, &chat, input, tokio::io::stdout()) => ended?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    // A read of standard input cannot be given up otherwise.
    std::process::exit(0)
}
