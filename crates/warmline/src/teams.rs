//! The Teams app package: what a Teams admin uploads so that users find the bot.
//!
//! A zip file with a manifest and two icons, made from this installation's own values. It holds no
//! secret: the app id and the public host are known to everybody who uses the app.
//!
//! | module | owns |
//! | --- | --- |
//! | [`manifest`] | what the app says of itself, within Microsoft's limits |
//! | [`icons`] | the two pictures, drawn here |
//! | [`archive`] | the zip file |
//! | [`command`] | `warmline teams-package`, for a configuration that is there already |

mod archive;
pub(crate) mod command;
mod icons;
mod manifest;

use gateway::{Language, Phrases};
use url::{Host, Url};

/// The package's name beside the configuration.
pub(crate) const PACKAGE_FILE: &str = "teams-app.zip";

/// What the manifest's names are in the package.
const MANIFEST_FILE: &str = "manifest.json";
const COLOR_FILE: &str = "color.png";
const OUTLINE_FILE: &str = "outline.png";

/// How the app presents itself to users and admins.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Looks {
    /// What the app is called in Teams, 30 characters at most.
    #[arg(long, value_name = "NAME")]
    app_name: Option<String>,
    /// Who publishes it, 32 characters at most.
    #[arg(long, value_name = "NAME")]
    publisher: Option<String>,
    /// The page about the app; without it the public URL.
    #[arg(long, value_name = "URL")]
    website: Option<String>,
    /// What is done with people's data; without it the page about the app.
    #[arg(long, value_name = "URL")]
    privacy_url: Option<String>,
    /// The terms of use; without it the page about the app.
    #[arg(long, value_name = "URL")]
    terms_url: Option<String>,
    /// The version of the package: raise it for each upload, or Teams keeps the one before.
    #[arg(long, value_name = "VERSION", default_value = FIRST_VERSION)]
    app_version: String,
}

impl Looks {
    /// What a package takes where nobody said anything, as the options would say it.
    pub(crate) fn assumed(&self, language: Language, public_url: &str) -> Vec<String> {
        manifest::assumed(self, language, public_url)
    }
}

/// The version of a package that nobody numbered.
const FIRST_VERSION: &str = "1.0.0";

/// What a package is made from.
pub(crate) struct App<'a> {
    /// The registration of the Azure Bot.
    pub(crate) id: &'a str,
    /// How everybody reaches this gateway.
    pub(crate) public_url: &'a str,
    pub(crate) language: Language,
    /// What users can type.
    pub(crate) phrases: &'a Phrases,
    /// Nobody's own bot is behind: a phrase for a person is understood from the first word.
    pub(crate) built_in: bool,
    pub(crate) looks: &'a Looks,
}

/// Why there is no package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    #[error("the app id must be a GUID, as the Azure Bot shows it; set MicrosoftAppId")]
    NotAnAppId,
    #[error(
        "Teams reaches https addresses with a name only; set WARMLINE_PUBLIC_URL (public_url) to \
         the one that leads to this gateway"
    )]
    NotPublic,
    #[error("{option} must have 1 to {max} characters")]
    Length { option: &'static str, max: usize },
    #[error("{option} must be an https address of at most {max} characters")]
    NotAnAddress { option: &'static str, max: usize },
    #[error("--app-version must be three numbers, for instance 1.0.1")]
    NotAVersion,
    #[error("an icon cannot be drawn")]
    Icon(#[from] png::EncodingError),
    #[error("the package cannot be put together")]
    Archive(#[from] zip::result::ZipError),
    #[error("the manifest cannot be written")]
    Manifest(#[from] serde_json::Error),
    #[error("the package cannot be put together")]
    Written(#[from] std::io::Error),
}

/// The package's bytes.
pub(crate) fn package(app: &App<'_>) -> Result<Vec<u8>, PackageError> {
    let manifest = serde_json::to_vec_pretty(&manifest::of(app)?)?;
    archive::of(&[
        (MANIFEST_FILE, &manifest),
        (COLOR_FILE, &icons::color()?),
        (OUTLINE_FILE, &icons::outline()?),
    ])
}

/// The host of an address that Teams can reach: https, and by a name.
fn public_host(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    match url.host()? {
        Host::Domain(name) if url.scheme() == "https" && name.contains('.') => {
            Some(name.to_owned())
        }
        Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests;
