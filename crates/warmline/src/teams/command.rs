//! `warmline teams-package`: the app package of a configuration that is there already.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

use super::{App, Looks, PACKAGE_FILE, package};
use crate::config::{ConfigFile, Presented, PresentedBot};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// The bot, by its name in the configuration, where there are several.
    #[arg(long, value_name = "NAME")]
    bot: Option<String>,
    /// The tenant of that bot.
    #[arg(long, value_name = "NAME", requires = "bot")]
    tenant: Option<String>,
    /// The file to write.
    #[arg(long, value_name = "PATH", default_value = PACKAGE_FILE)]
    output: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    looks: Looks,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let environment = options.file.environment();
    let presented = Presented::read(&environment)?;
    let bot = chosen(&presented, options)?;
    let id = bot.app_id.as_deref().with_context(|| {
        format!(
            "bot {} has no app id; set MicrosoftAppId (app_id) to the Azure Bot's: see \
             docs/teams.md",
            bot.name
        )
    })?;
    let public_url = presented.public_url.as_deref().with_context(|| {
        format!("Teams must be told where this gateway is; set {}", presented.public_url_way)
    })?;
    let bytes = package(&App {
        id,
        public_url,
        language: presented.language,
        phrases: &bot.phrases,
        built_in: bot.built_in,
        looks: &options.looks,
    })?;
    write(&options.output, &bytes, options.force)?;
    let told =
        format!("Written: {}. Upload it to Teams: see docs/teams.md.\n", options.output.display());
    // A reader that goes away does not need the rest.
    std::io::stdout().write_all(told.as_bytes()).ok();
    Ok(())
}

/// The bot that is meant: the one that is named, else the only one with an app id, else the only one.
fn chosen<'p>(presented: &'p Presented, options: &Options) -> anyhow::Result<&'p PresentedBot> {
    let is_meant = |bot: &&PresentedBot| {
        options.bot.as_ref().is_none_or(|name| *name == bot.name)
            && options.tenant.as_ref().is_none_or(|tenant| *tenant == bot.tenant)
    };
    let found: Vec<_> = presented.bots.iter().filter(is_meant).collect();
    let with_app: Vec<_> = found.iter().copied().filter(|bot| bot.app_id.is_some()).collect();
    match (found.as_slice(), with_app.as_slice()) {
        ([], _) => bail!("there is no such bot in the configuration; see: warmline config show"),
        (_, [only]) | ([only], _) => Ok(only),
        (_, several) => {
            let names = if several.is_empty() { &found } else { &with_app };
            let names: Vec<_> =
                names.iter().map(|bot| format!("{} of tenant {}", bot.name, bot.tenant)).collect();
            bail!("say with --bot and --tenant which is meant: {}", names.join(", "))
        }
    }
}

/// Writes the package. It is for everybody to pass on; without `force` never over another file.
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool) -> anyhow::Result<()> {
    ensure!(force || !path.exists(), "{} is there already; --force replaces it", path.display());
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    options
        .open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .with_context(|| format!("{} cannot be written", path.display()))
}
