//! `warmline init`: a few questions, then a configuration file (mode 0600) and the steps for the
//! ServiceNow admin with this installation's own values.
//!
//! Secrets that Warmline makes itself stand in the file, which only its owner can read; the admin's
//! page names them and does not hold them, so that it can be passed on. Secrets of others may be
//! typed, or given as references; on a command line only as references, because others see it.

mod ask;
mod behind;
mod steps;
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
};
use ask::Questions;
use behind::{Bot, BotOptions};

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
    /// Where the users are.
    #[arg(long, value_enum)]
    channel: Option<Channel>,
    #[command(flatten)]
    bot: BotOptions,
    /// The language of the notices to users.
    #[arg(long, value_parser = language::parser(), default_value = "en")]
    language: Language,
    /// The file to write; the admin's page is written beside it.
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
    /// Nowhere yet.
    None,
}

/// What the two files are written from.
struct Answers {
    instance: String,
    credentials: Credentials,
    message_token: Option<String>,
    public_url: Option<String>,
    listen: String,
    data_dir: String,
    web: bool,
    bot: Option<Bot>,
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
    if options.output == steps {
        bail!("{STEPS_FILE} is the page for the ServiceNow admin; give --output another name");
    }
    for path in [&options.output, &steps] {
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
    write(&options.output, &text, options.force)?;
    write(&steps, &page, options.force)?;
    let told = next(&answers, &options.output, &steps);
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(told.as_bytes()).ok();
    Ok(())
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
        options.public_url.as_deref(),
    )?;
    let message_token = ask.optional(
        "desk.message_token",
        "Are users known to ServiceNow by their e-mail address? Then where is the message-auth token \
         (a reference; empty: everybody is a guest)?",
        options.message_token.as_deref(),
    )?;
    let web = match options.channel {
        Some(channel) => channel == Channel::Web,
        None => ask.yes_or_no("Are users on web pages (Direct Line)?", true)?,
    };
    let bot = Bot::asked(&mut ask, options)?;
    Ok(Answers {
        instance,
        credentials,
        message_token,
        public_url,
        listen: ask::checked("listen", &options.listen).context("--listen")?,
        data_dir: ask::checked("data_dir", &options.data_dir).context("--data-dir")?,
        web,
        bot,
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

/// What to do now.
fn next(answers: &Answers, file: &Path, steps: &Path) -> String {
    let mut text = format!(
        "\nWritten: {} (with secrets; only you can read it) and {} (for the ServiceNow admin).\n\n\
         Next:\n",
        file.display(),
        steps.display()
    );
    let mut number = 0;
    let mut step = |what: String| {
        number += 1;
        text.extend(["  ", &number.to_string(), ". ", &what, "\n"]);
    };
    let secrets = [
        Some(&answers.credentials.client_secret),
        answers.credentials.password.as_ref(),
        answers.message_token.as_ref(),
    ];
    for secret in secrets.into_iter().flatten() {
        if let Some(name) = secret.strip_prefix("vault:") {
            step(format!("warmline secret set {name}"));
        } else if let Some(name) = secret.strip_prefix("env:") {
            step(format!("set the variable {name} for the gateway"));
        }
    }
    if answers.public_url.is_none() {
        step(format!("set public_url in {} when it is decided", file.display()));
    }
    step(format!("have the steps in {} done at ServiceNow", steps.display()));
    let with = if file == Path::new(DEFAULT_FILE) {
        String::new()
    } else {
        format!(" --config {}", file.display())
    };
    step(format!("warmline check{with}   looks whether everything works"));
    step(format!("warmline serve{with}   runs the gateway"));
    text
}

#[cfg(test)]
mod tests;
