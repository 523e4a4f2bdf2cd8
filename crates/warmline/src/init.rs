//! `warmline init`: a few questions, then a configuration file (mode 0600), the steps for the
//! ServiceNow admin and the app package for the Teams admin, all with this installation's own values.
//!
//! Secrets that Warmline makes itself stand in the file, which only its owner can read; the admin's
//! page names them and does not hold them, so that it can be passed on. Secrets of others may be
//! typed, or given as references; on a command line only as references, because others see it.

mod ask;
mod behind;
mod registration;
mod steps;
mod told;
mod written;

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use gateway::Language;

use crate::{
    config::{DEFAULT_FILE, check_text},
    language,
    teams::{self, App, Looks, PACKAGE_FILE, PackageError},
};
use ask::Questions;
use behind::{Bot, BotOptions};
use registration::{Entra, RegistrationOptions};

/// The admin's page, beside the file.
const STEPS_FILE: &str = "servicenow-steps.md";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The ServiceNow instance: name, host or https URL.
    #[arg(long)]
    instance: Option<String>,
    /// How the integration user proves itself.
    #[arg(long, value_enum)]
    grant_type: Option<GrantType>,
    /// The client id of the OAuth entry.
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Where its secret is: `env:NAME`, `file:PATH` or `vault:NAME`.
    #[arg(long, value_name = "REFERENCE", value_parser = reference)]
    client_secret: Option<String>,
    /// The integration user.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Where their password is.
    #[arg(long, value_name = "REFERENCE", value_parser = reference)]
    password: Option<String>,
    /// Where the message-auth token is; without it every user is a guest at ServiceNow.
    #[arg(long, value_name = "REFERENCE", value_parser = reference)]
    message_token: Option<String>,
    /// How ServiceNow and browsers reach this gateway.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Where it listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Where it keeps its data; a relative path begins at the file's folder.
    #[arg(long, value_name = "PATH", default_value = "./data")]
    data_dir: String,
    /// Where the users are; several with commas between them.
    #[arg(long, value_enum, value_delimiter = ',')]
    channel: Vec<Channel>,
    #[command(flatten)]
    bot: BotOptions,
    #[command(flatten)]
    registration: RegistrationOptions,
    #[command(flatten)]
    looks: Looks,
    /// The language of the notices to users.
    #[arg(long, value_parser = language::parser(), default_value = "en")]
    language: Language,
    /// The file to write; what the admins need is written beside it.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_FILE)]
    output: PathBuf,
    /// Ask nothing: what no option says has its default.
    #[arg(long)]
    yes: bool,
    /// Replace the files if they are there.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GrantType {
    /// With a user name and a password.
    Password,
    /// With the client's id and secret alone, where the instance allows it.
    #[value(name = "client_credentials")]
    ClientCredentials,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Channel {
    /// On web pages (Direct Line).
    Web,
    /// In Microsoft Teams, or another channel of Azure Bot Service.
    Teams,
    /// Nowhere yet.
    None,
}

/// What the files are written from.
struct Answers {
    instance: String,
    credentials: Credentials,
    message_token: Option<String>,
    public_url: Option<String>,
    listen: String,
    data_dir: String,
    web: bool,
    bot: Option<Bot>,
    /// Needed for Teams, and for a bot with an app id.
    entra: Option<Entra>,
    language: Language,
}

/// How the gateway proves itself at the instance.
struct Credentials {
    grant: GrantType,
    client_id: String,
    client_secret: String,
    username: Option<String>,
    password: Option<String>,
}

fn reference(text: &str) -> Result<String, String> {
    let known = ["env:", "file:", "vault:"].iter().any(|prefix| text.starts_with(prefix));
    if known {
        Ok(text.to_owned())
    } else {
        Err("others can see a command line; give env:NAME, file:PATH or vault:NAME".to_owned())
    }
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let steps = options.output.with_file_name(STEPS_FILE);
    let package = options.output.with_file_name(PACKAGE_FILE);
    for path in [&steps, &package] {
        if options.output == *path {
            bail!("{} is written for an admin; give --output another name", path.display());
        }
    }
    for path in [&options.output, &steps, &package] {
        ensure!(
            options.force || !path.exists(),
            "{} is there already; --force replaces it",
            path.display()
        );
    }
    let answers = answers(options)?;
    let text = written::file(&answers)?;
    // What was asked for is right by itself; this is for what nobody thought of.
    check_text(&text, &options.output)?;
    let page = steps::page(&answers, &options.output)?;
    let app = app_package(&answers, &options.looks)?;
    write(&options.output, &text, options.force)?;
    write(&steps, &page, options.force)?;
    if let Some(app) = &app {
        teams::command::write(&package, app, options.force)?;
    }
    let package = app.is_some().then_some(package.as_path());
    let told = told::next(&answers, &options.looks, &options.output, &steps, package);
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(told.as_bytes()).ok();
    Ok(())
}

/// The app package for the Teams admin; nothing before Teams could reach the gateway.
fn app_package(answers: &Answers, looks: &Looks) -> anyhow::Result<Option<Vec<u8>>> {
    let (Some(entra), Some(public_url)) = (&answers.entra, &answers.public_url) else {
        return Ok(None);
    };
    let made = teams::package(&App {
        id: &entra.app_id,
        public_url,
        language: answers.language,
        phrases: &answers.language.phrases(),
        built_in: answers.bot.is_none(),
        looks,
    });
    match made {
        Ok(bytes) => Ok(Some(bytes)),
        Err(PackageError::NotPublic) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn answers(options: &Options) -> anyhow::Result<Answers> {
    let mut ask = Questions::new(options.yes);
    let instance = ask.required(
        "desk.instance",
        "Which ServiceNow instance (a name like dev12345, a host, or a URL)?",
        "--instance",
        options.instance.as_deref(),
    )?;
    let credentials = Credentials::asked(&mut ask, options)?;
    let public_url = ask.optional(
        "public_url",
        "How do ServiceNow and browsers reach this gateway (an https URL; empty: not decided yet)?",
        "--public-url",
        options.public_url.as_deref(),
    )?;
    let message_token = ask.optional(
        "desk.message_token",
        "Are users known to ServiceNow by their e-mail address? Then where is the message-auth token \
         (a reference; empty: everybody is a guest)?",
        "--message-token",
        options.message_token.as_deref(),
    )?;
    let asked = options.channel.is_empty();
    let web = if asked {
        ask.yes_or_no("Are users on web pages (Direct Line)?", true)?
    } else {
        options.channel.contains(&Channel::Web)
    };
    let teams = if asked {
        let question = "Are users in Microsoft Teams, or another channel of Azure Bot Service?";
        ask.yes_or_no(question, options.registration.app_id.is_some())?
    } else {
        options.channel.contains(&Channel::Teams)
    };
    let bot = Bot::asked(&mut ask, options)?;
    let needed = teams || bot.as_ref().is_some_and(|bot| bot.app_id.is_some());
    let entra = needed.then(|| Entra::asked(&mut ask, options, bot.as_ref())).transpose()?;
    if let Some(bot) = &bot {
        bot.check(entra.as_ref())?;
    }
    Ok(Answers {
        instance,
        credentials,
        message_token,
        public_url,
        listen: ask::checked("listen", &options.listen).context("--listen")?,
        data_dir: ask::checked("data_dir", &options.data_dir).context("--data-dir")?,
        web,
        bot,
        entra,
        language: options.language,
    })
}

impl Credentials {
    fn asked(ask: &mut Questions, options: &Options) -> anyhow::Result<Self> {
        let grant = match options.grant_type {
            Some(grant) => grant,
            None => ask.grant()?,
        };
        let client_id = ask.required(
            "desk.client_id",
            "The client id of its OAuth entry for external clients?",
            "--client-id",
            options.client_id.as_deref(),
        )?;
        let client_secret = ask.secret(
            "Its client secret (typed unseen, or env:NAME, file:PATH, vault:NAME)?",
            options.client_secret.as_deref(),
            "env:SERVICENOW_CLIENT_SECRET",
        )?;
        if grant == GrantType::ClientCredentials {
            return Ok(Self { grant, client_id, client_secret, username: None, password: None });
        }
        let username = ask.required(
            "desk.username",
            "The integration user's name?",
            "--username",
            options.username.as_deref(),
        )?;
        let password = ask.secret(
            "Their password (typed unseen, or a reference)?",
            options.password.as_deref(),
            "env:SERVICENOW_PASSWORD",
        )?;
        let (username, password) = (Some(username), Some(password));
        Ok(Self { grant, client_id, client_secret, username, password })
    }
}

/// Writes a file for its owner only. Without `force` never over another.
fn write(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    // A name of its own: what lies there otherwise is somebody's.
    let mut unfinished = path.file_name().unwrap_or_default().to_owned();
    unfinished.push(format!(".unfinished-{}", std::process::id()));
    let unfinished = path.with_file_name(unfinished);
    let (target, replaced) = if force { (unfinished.as_path(), true) } else { (path, false) };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(target).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    if let Err(error) = written {
        bail!("{} cannot be written: {error}", target.display());
    }
    if replaced && let Err(error) = std::fs::rename(target, path) {
        // It may hold secrets.
        std::fs::remove_file(target).ok();
        bail!("{} cannot be written: {error}", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
