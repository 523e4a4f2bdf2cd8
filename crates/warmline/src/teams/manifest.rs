//! The manifest (Microsoft's *app manifest schema*): what the app says of itself.
//!
//! Every limit here is Microsoft's; what is longer is refused at the upload, in words that name no
//! setting of ours, so it is refused here first.

use gateway::Language;
use serde::Serialize;
use url::Url;

use super::{App, COLOR_FILE, Looks, OUTLINE_FILE, PackageError, public_host};
use crate::config::is_guid;

/// The version of the schema. All of its members that are used here have been there since 1.17, and
/// every version since is taken; the newest of all may not be known yet where clouds lag behind.
pub(super) const SCHEMA: &str = "1.25";

/// The longest name of an app, in characters.
pub(super) const NAME_CHARS_MAX: usize = 30;

/// The longest name of a publisher, in characters.
pub(super) const PUBLISHER_CHARS_MAX: usize = 32;

/// The longest address, in characters.
pub(super) const ADDRESS_CHARS_MAX: usize = 2_048;

/// The longest title of a command, in characters: what older versions of the schema take, too.
pub(super) const COMMAND_CHARS_MAX: usize = 32;

/// The publisher, unless another is said.
const PUBLISHER: &str = "Warmline";

/// The bar behind the outline.
const ACCENT: &str = "#24506B";

/// Where people find the bot: a person of the desk is to be had in a personal chat only.
const PERSONAL: &str = "personal";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    #[serde(rename = "$schema")]
    schema: String,
    #[serde(rename = "manifestVersion")]
    schema_version: &'static str,
    version: String,
    id: String,
    developer: Developer,
    name: Name,
    description: Description,
    icons: Icons,
    accent_color: &'static str,
    bots: [Bot; 1],
    permissions: [&'static str; 1],
    valid_domains: [String; 1],
    default_install_scope: &'static str,
    localization_info: Localization,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Developer {
    name: String,
    website_url: String,
    privacy_url: String,
    terms_of_use_url: String,
}

#[derive(Debug, Serialize)]
struct Name {
    short: String,
    full: String,
}

#[derive(Debug, Serialize)]
struct Description {
    short: &'static str,
    full: &'static str,
}

#[derive(Debug, Serialize)]
struct Icons {
    color: &'static str,
    outline: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Bot {
    #[serde(rename = "botId")]
    id: String,
    scopes: [&'static str; 3],
    supports_files: bool,
    is_notification_only: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    command_lists: Vec<CommandList>,
}

#[derive(Debug, Serialize)]
struct CommandList {
    scopes: [&'static str; 1],
    commands: Vec<Command>,
}

#[derive(Debug, Serialize)]
struct Command {
    title: String,
    description: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Localization {
    default_language_tag: &'static str,
}

/// What the app is called and says in one language.
struct Words {
    tag: &'static str,
    name: &'static str,
    /// Behind the name.
    what: &'static str,
    short: &'static str,
    full: &'static str,
    escalate: &'static str,
    cancel: &'static str,
    end: &'static str,
}

const ENGLISH: Words = Words {
    tag: "en-us",
    name: "Help desk",
    what: "answers, and people when they are needed",
    short: "Ask your question, and talk to a person when you need one.",
    full: "Write what you need and get an answer at once. Whenever you would rather talk to \
           somebody, you are put through to an agent of the help desk, here in the same chat, and \
           afterwards the bot is back. An agent is to be had in a personal chat with this app; in a \
           team or a group chat mention the app by its name, and it answers there.",
    escalate: "Talk to a person",
    cancel: "Stop waiting for a person",
    end: "End the chat with the person",
};

const GERMAN: Words = Words {
    tag: "de-de",
    name: "Helpdesk",
    what: "Antworten, und Menschen, wenn man sie braucht",
    short: "Fragen stellen und, wenn nötig, mit einem Menschen sprechen.",
    full: "Schreiben Sie, was Sie brauchen, und Sie bekommen gleich eine Antwort. Wenn Sie lieber mit \
           jemandem sprechen, werden Sie mit dem Helpdesk verbunden, hier im selben Chat, und danach \
           ist der Bot wieder da. Einen Menschen erreichen Sie im persönlichen Chat mit dieser App; in \
           einem Team oder Gruppenchat erwähnen Sie die App mit ihrem Namen, dann antwortet sie dort.",
    escalate: "Mit einem Menschen sprechen",
    cancel: "Nicht länger warten",
    end: "Den Chat mit dem Menschen beenden",
};

fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// What is taken where nobody said anything, each with the option that says it.
pub(super) fn assumed(looks: &Looks, language: Language, public_url: &str) -> Vec<String> {
    let page = looks.website.as_deref().unwrap_or(public_url);
    [
        (&looks.app_name, "--app-name", words(language).name),
        (&looks.publisher, "--publisher", PUBLISHER),
        (&looks.website, "--website", public_url),
        (&looks.privacy_url, "--privacy-url", page),
        (&looks.terms_url, "--terms-url", page),
    ]
    .into_iter()
    .filter(|(said, ..)| said.is_none())
    .map(|(_, option, taken)| format!("{option} \"{taken}\""))
    .collect()
}

/// The manifest of an app.
pub(super) fn of(app: &App<'_>) -> Result<Manifest, PackageError> {
    let words = words(app.language);
    if !is_guid(app.id) {
        return Err(PackageError::NotAnAppId);
    }
    let host = public_host(app.public_url).ok_or(PackageError::NotPublic)?;
    let id = app.id.to_ascii_lowercase();
    let short = named("--app-name", app.looks.app_name.as_deref(), words.name, NAME_CHARS_MAX)?;
    Ok(Manifest {
        schema: format!(
            "https://developer.microsoft.com/json-schemas/teams/v{SCHEMA}/MicrosoftTeams.schema.json"
        ),
        schema_version: SCHEMA,
        version: version(&app.looks.app_version)?,
        id: id.clone(),
        developer: developer(app.looks, app.public_url)?,
        name: Name { full: format!("{short} – {}", words.what), short },
        description: Description { short: words.short, full: words.full },
        icons: Icons { color: COLOR_FILE, outline: OUTLINE_FILE },
        accent_color: ACCENT,
        bots: [Bot {
            id,
            scopes: [PERSONAL, "team", "groupChat"],
            supports_files: true,
            is_notification_only: false,
            command_lists: commands(app, words),
        }],
        permissions: ["identity"],
        valid_domains: [host],
        default_install_scope: PERSONAL,
        localization_info: Localization { default_language_tag: words.tag },
    })
}

/// What Teams offers to type: the phrases as they are in force. Asking for a person is a bot's own
/// business where there is one.
fn commands(app: &App<'_>, words: &'static Words) -> Vec<CommandList> {
    let escalate = app.built_in.then_some((&app.phrases.escalate, words.escalate));
    let all = escalate
        .into_iter()
        .chain([(&app.phrases.cancel, words.cancel), (&app.phrases.end, words.end)]);
    let english = Language::English.phrases();
    let english = [english.escalate, english.cancel, english.end].concat();
    // The English ones are understood in every language, and the language's own stand behind them.
    let is_own = |phrase: &&&String| app.language == Language::English || !english.contains(phrase);
    let command = |(phrases, description): (&Vec<String>, &'static str)| {
        let fit = || phrases.iter().filter(|text| text.chars().count() <= COMMAND_CHARS_MAX);
        let title = fit().find(|phrase| is_own(&phrase)).or_else(|| fit().next())?.clone();
        Some(Command { title, description })
    };
    let commands: Vec<_> = all.filter_map(command).collect();
    if commands.is_empty() {
        return Vec::new();
    }
    vec![CommandList { scopes: [PERSONAL], commands }]
}

fn developer(looks: &Looks, public_url: &str) -> Result<Developer, PackageError> {
    let name = named("--publisher", looks.publisher.as_deref(), PUBLISHER, PUBLISHER_CHARS_MAX)?;
    let website = address("--website", looks.website.as_deref().unwrap_or(public_url))?;
    let other = |option, given: Option<&str>| match given {
        Some(given) => address(option, given),
        None => Ok(website.clone()),
    };
    Ok(Developer {
        name,
        privacy_url: other("--privacy-url", looks.privacy_url.as_deref())?,
        terms_of_use_url: other("--terms-url", looks.terms_url.as_deref())?,
        website_url: website,
    })
}

fn named(
    option: &'static str,
    given: Option<&str>,
    usual: &str,
    max: usize,
) -> Result<String, PackageError> {
    let name = given.unwrap_or(usual).trim();
    if (1..=max).contains(&name.chars().count()) {
        Ok(name.to_owned())
    } else {
        Err(PackageError::Length { option, max })
    }
}

fn address(option: &'static str, text: &str) -> Result<String, PackageError> {
    let wrong = PackageError::NotAnAddress { option, max: ADDRESS_CHARS_MAX };
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && text.chars().count() <= ADDRESS_CHARS_MAX => {
            Ok(text.to_owned())
        }
        Ok(_) | Err(_) => Err(wrong),
    }
}

/// Three numbers without leading zeros, as semantic versioning has them.
fn version(text: &str) -> Result<String, PackageError> {
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits && part.len() <= 9 && (part == "0" || !part.starts_with('0'))
    };
    let parts: Vec<_> = text.split('.').collect();
    if parts.len() == 3 && parts.into_iter().all(number) {
        Ok(text.to_owned())
    } else {
        Err(PackageError::NotAVersion)
    }
}
