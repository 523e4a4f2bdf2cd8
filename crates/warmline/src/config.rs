//! The configuration: a file for many tenants, desks and bots, and the environment over it. Wrong or
//! missing settings stop the start with one sentence that names them; nothing is guessed.
//!
//! ```text
//!   warmline.toml ──► file ──┐ by the table of settings
//!   environment ─────────────┴► draft ──► references (env:, file:, vault:) ──► Config
//! ```
//!
//! `table` has every setting once; `document` writes the default file and the reference from it.

mod behind;
mod bots;
mod called;
mod channel;
mod desks;
pub(crate) mod document;
mod door;
pub(crate) mod draft;
mod environment;
mod file;
mod files;
mod look;
mod master;
mod network;
mod operators;
mod presented;
mod reference;
mod registration;
mod remarks;
mod retention;
pub(crate) mod table;
mod telemetry;
mod tenants;
pub(crate) mod value;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use gateway::{
    BotSetup, BuiltInBot, DeskId, DeskSetup, FileSetup, Language, Settings, TenantId,
    console::PasswordHash, secrets::SecretError, trace::Tracing,
};
use secrecy::{ExposeSecret, SecretString};
use vault::{MasterKey, MasterKeyError};

pub(crate) use called::Called;
pub(crate) use door::may_be_kept;
use draft::{Draft, Owner};
pub(crate) use environment::{ConfigFile, DEFAULT_FILE, Environment};
pub(crate) use look::Look;
pub(crate) use network::{checked_public_url, listen_alone};
pub(crate) use presented::{Presented, PresentedBot};
use reference::References;
pub(crate) use registration::is_guid;
pub(crate) use remarks::{Kind as RemarkKind, Remark};
pub(crate) use telemetry::Telemetry;
use value::Value;

/// Why the configuration cannot be used. Never holds a value that may be secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{} must be set: see docs/configuration.md", .0.join(", "))]
    Missing(Vec<String>),
    #[error(
        "{} set to nothing: fill in the value, or do without by not setting the variable at all (unset {}; for a \
         service or a container, delete the line)",
        are(.0), .0.join(" ")
    )]
    Empty(Vec<&'static str>),
    #[error("{name} {problem}")]
    Wrong { name: String, problem: String },
    #[error("{}: {problems}", path.display())]
    File { path: PathBuf, problems: String },
    #[error(
        "the configuration file {} cannot be read; see WARMLINE_CONFIG and --config",
        path.display()
    )]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "`{name}` on line {line} of {} is a secret and others can read the file; run: chmod 600 {}, \
         or say env:NAME, file:PATH or vault:NAME there",
        path.display(), path.display()
    )]
    Exposed { path: PathBuf, name: String, line: usize },
    #[error("{name} refers to {}, which cannot be read", path.display())]
    SecretFile {
        name: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{name} refers to a sealed secret that cannot be had")]
    Sealed {
        name: String,
        #[source]
        source: SecretError,
    },
    #[error(
        "the data directory {} holds a database but not its master key; put the file master.key \
         back, or set `master_key` (WARMLINE_MASTER_KEY) to the key it was sealed with",
        path.display()
    )]
    KeyLost { path: PathBuf },
    #[error(
        "there is no data in {}; say --config with the gateway's file (or set WARMLINE_DATA_DIR to its), or run this \
         where the gateway was started",
        path.display()
    )]
    NoData { path: PathBuf },
    #[error(
        "this user may not look into the data directory {}; run this as the user that runs the gateway",
        path.display()
    )]
    Closed { path: PathBuf, source: std::io::Error },
    #[error(
        "the data in {} belong to the user with the id {uid}, and what this command makes there would be \
         root's, which that user's gateway cannot open; run it as that user: sudo -u '#{uid}' …",
        path.display()
    )]
    OtherUser { path: PathBuf, uid: u32 },
    #[error("{name} is not UTF-8 text")]
    NotText { name: String },
    #[error("{name} cannot be used")]
    Instance {
        name: String,
        #[source]
        source: gateway::ConfigError,
    },
    #[error("{name} cannot be used")]
    Behind {
        name: String,
        #[source]
        source: gateway::BotConfigError,
    },
    #[error("{name} cannot be used")]
    BotTokens {
        name: String,
        #[source]
        source: gateway::VerifyConfigError,
    },
    #[error("{name} cannot be used")]
    Certificate {
        name: String,
        #[source]
        source: gateway::CertificateError,
    },
    #[error("{name} cannot be used")]
    MasterKey {
        name: String,
        #[source]
        source: MasterKeyError,
    },
    #[error(
        "{name} is no master key but zeros, as if nobody had filled it in. Where nothing is kept yet, \
         make one with: openssl rand -hex 32. Where there are data, change it with the gateway stopped: \
         warmline keys rotate-master, and warmline keys rotate after it (docs/keys.md)"
    )]
    WeakMasterKey { name: String },
    #[error("the built-in bot's file cannot be read")]
    Bot(#[from] serde_json::Error),
    #[error("{name} refers to {}, which holds no answers", path.display())]
    Answers {
        name: String,
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("the data directory {} cannot be made", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Several names before what they are.
fn are(names: &[&str]) -> String {
    let is = if names.len() == 1 { "is" } else { "are" };
    format!("{} {is}", names.join(", "))
}

/// Everything `warmline serve` needs.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) settings: Settings,
    pub(crate) master_key: MasterKey,
    pub(crate) telemetry: Telemetry,
    /// What is closed and how to open it, and other things an operator should know.
    pub(crate) remarks: Vec<Remark>,
    /// Something is set by variables, which a process cannot read again.
    pub(crate) has_variables: bool,
}

/// Everything but the master key of a first start: what can be read again and again.
struct Read<'a> {
    listen: SocketAddr,
    settings: Settings,
    telemetry: Telemetry,
    remarks: Vec<Remark>,
    references: References<'a>,
    has_variables: bool,
}

impl Config {
    /// Reads the configuration. Makes the data directory and, at the first start, the master key.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let draft = Draft::read(environment)?;
        let mut read = Read::from(&draft, environment, None)?;
        read.remarks.extend(master::alone(&draft, &read.settings.data_dir));
        // Last: everything else is right, so now files may be made.
        let master_key =
            master::existing_or_new(&draft, &read.references, &read.settings.data_dir)?;
        read.remarks.extend(master::remark(&draft, &master_key));
        Ok(read.with(master_key))
    }

    /// Reads the configuration of a gateway that runs on the data in `data_dir`: the same, and makes
    /// nothing. Keys and sealed secrets are those of the running one, whatever the file says now; and
    /// so are the phrases that go with its language, which waits for a restart: users are told them.
    pub(crate) fn read_again(
        environment: &Environment,
        data_dir: &Path,
        spoken: Language,
    ) -> Result<Self, ConfigError> {
        let mut draft = Draft::read(environment)?;
        let (wanted, has_variables) = (language(&draft), draft.has_variables());
        draft.assume("language", Value::Text(spoken.code().to_owned()));
        let mut read = Read::from(&draft, environment, Some(data_dir))?;
        read.settings.language = wanted;
        read.has_variables = has_variables;
        let master_key = master::existing(&draft, &read.references, data_dir)?;
        let none = || ConfigError::NoData { path: data_dir.to_owned() };
        let master_key = master_key.ok_or_else(none)?;
        Ok(read.with(master_key))
    }
}

impl<'a> Read<'a> {
    /// Sealed secrets are looked up in `sealed_in`, else in the data directory.
    fn from(
        draft: &'a Draft,
        environment: &'a Environment,
        sealed_in: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let missing = desks::missing(draft);
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        refuse_unsupported(environment)?;
        let public_url = network::public_url(draft)?;
        let listen = network::listen(draft, public_url.as_deref())?;
        let data_dir = master::data_dir(draft);
        let sealed_in = sealed_in.map_or_else(|| data_dir.clone(), Path::to_owned);
        let references = References::new(draft, environment, sealed_in);
        let desks = draft.desks().map(|owner| {
            let Owner::Desk { tenant, name } = owner else { return Ok(None) };
            let ids = (tenant_id(tenant)?, desk_id(name)?);
            desks::setup(draft, &references, owner, ids).map(Some)
        });
        let desks: Vec<Option<DeskSetup>> = desks.collect::<Result<_, _>>()?;
        let bots: Vec<BotSetup> = draft
            .bots()
            .map(|owner| bots::setup(draft, Some(&references), owner))
            .collect::<Result<_, _>>()?;
        bots::refuse_doubles(&bots)?;
        let secret = |id: &str| references.secret(&Owner::House, id);
        let metrics_token = secret("metrics.token")?;
        if let Some(token) = &metrics_token {
            door::fits(draft, &Owner::House, door::Door::Metrics, token)?;
        }
        let console_password_hash = console_password_hash(draft, secret("console.password_hash")?)?;
        let operators = operators::setups(draft, &references)?;
        let settings = Settings {
            operators,
            data_dir,
            masks: tenants::masks(draft)?,
            rates: tenants::rates(draft)?,
            desks: desks.into_iter().flatten().collect(),
            bots,
            public_url,
            proxies: network::proxies(draft)?,
            built_in_bot: BuiltInBot::help_desk()?,
            console_password_hash,
            metrics_token,
            audit_keep: match draft.value(&Owner::House, "audit_keep") {
                Some(Value::Span(span)) => span,
                _ => gateway::audit::KEEP_FOR,
            },
            language: language(draft),
            files: files::setup(draft, &references)?,
            retention: retention::setup(draft)?,
            tracing: Tracing::default(),
        };
        refuse_shared(&settings)?;
        let remarks = remarks::of(draft, environment, &settings);
        let (telemetry, has_variables) = (Telemetry::of(draft)?, draft.has_variables());
        Ok(Self { listen, settings, telemetry, remarks, references, has_variables })
    }

    fn with(self, master_key: MasterKey) -> Config {
        let Self { listen, settings, telemetry, mut remarks, references, has_variables } = self;
        remarks.extend(references.remarks.into_inner());
        Config { listen, settings, master_key, telemetry, remarks, has_variables }
    }
}

pub(crate) use master::{Source as MasterSource, data_dir_alone};

/// What is needed to open the data of a gateway that does not run.
pub(crate) struct Kept {
    pub(crate) data_dir: PathBuf,
    pub(crate) master_key: MasterKey,
    pub(crate) master_source: MasterSource,
    pub(crate) bots: Vec<BotSetup>,
}

impl Kept {
    /// Where the data is, or would be.
    pub(crate) fn data_dir(environment: &Environment) -> Result<PathBuf, ConfigError> {
        Ok(master::data_dir(&Draft::read(environment)?))
    }

    /// The tenants that the settings name.
    pub(crate) fn tenants(environment: &Environment) -> Result<Vec<String>, ConfigError> {
        let draft = Draft::read(environment)?;
        Ok(draft.tenants().filter_map(|owner| owner.tenant().map(str::to_owned)).collect())
    }

    /// Whether there is a store in it. One that this user may not see is not taken for none.
    pub(crate) fn has_data(data_dir: &Path) -> Result<bool, ConfigError> {
        let there = data_dir.join(master::DATABASE_FILE).try_exists();
        there.map_err(|source| ConfigError::Closed { path: data_dir.to_owned(), source })
    }

    /// Reads what is needed, and makes nothing: neither a directory nor a key.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let draft = Draft::read(environment)?;
        let data_dir = master::data_dir(&draft);
        if !Self::has_data(&data_dir)? {
            return Err(ConfigError::NoData { path: data_dir });
        }
        Self::refuse_others(&data_dir)?;
        let bots = draft.bots().map(|owner| bots::setup(&draft, None, owner));
        let bots = bots.collect::<Result<_, _>>()?;
        let references = References::new(&draft, environment, data_dir.clone());
        let master_key = master::existing(&draft, &references, &data_dir)?;
        let master_key = master_key.ok_or(ConfigError::NoData { path: data_dir.clone() })?;
        let master_source = master::source(&draft, &data_dir);
        Ok(Self { data_dir, master_key, master_source, bots })
    }

    /// What a command makes beside the store belongs to whoever runs it, and a gateway of another user could not
    /// open it any more. Nobody but root could make something there. Before there is a store, nobody knows whose
    /// gateway it will be.
    fn refuse_others(data_dir: &Path) -> Result<(), ConfigError> {
        let own = rustix::process::geteuid().as_raw();
        let store = data_dir.join(master::DATABASE_FILE).metadata().ok();
        match store.map(|found| std::os::unix::fs::MetadataExt::uid(&found)) {
            Some(uid) if own == 0 && uid != own => {
                Err(ConfigError::OtherUser { path: data_dir.to_owned(), uid })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// How its files are kept.
    pub(crate) fn files(environment: &Environment) -> Result<FileSetup, ConfigError> {
        let draft = Draft::read(environment)?;
        let references = References::new(&draft, environment, master::data_dir(&draft));
        files::setup(&draft, &references)
    }

    /// The same before there is data: makes the directory and the key, as the first start would.
    pub(crate) fn read_or_make(environment: &Environment) -> Result<Self, ConfigError> {
        let draft = Draft::read(environment)?;
        let data_dir = master::data_dir(&draft);
        Self::refuse_others(&data_dir)?;
        let references = References::new(&draft, environment, data_dir.clone());
        let master_key = master::existing_or_new(&draft, &references, &data_dir)?;
        let master_source = master::source(&draft, &data_dir);
        Ok(Self { data_dir, master_key, master_source, bots: Vec::new() })
    }
}

/// A hash that opens nothing would leave a console that nobody can enter.
fn console_password_hash(
    draft: &Draft,
    hash: Option<SecretString>,
) -> Result<Option<SecretString>, ConfigError> {
    let refused = hash.as_ref().and_then(|hash| PasswordHash::parse(hash.expose_secret()).err());
    match refused {
        Some(error) => Err(ConfigError::Wrong {
            name: draft.name(&Owner::House, "console.password_hash"),
            problem: error.to_string(),
        }),
        None => Ok(hash),
    }
}

fn language(draft: &Draft) -> Language {
    let code = draft.text(&Owner::House, "language");
    code.and_then(|code| Language::of_code(&code)).unwrap_or_default()
}

/// What the design promises and this version does not have yet is refused rather than ignored.
fn refuse_unsupported(environment: &Environment) -> Result<(), ConfigError> {
    let wrong = |name: &str, problem: &str| {
        Err(ConfigError::Wrong { name: name.to_owned(), problem: problem.to_owned() })
    };
    if environment.get("DATABASE_URL").is_some() {
        return wrong(
            "DATABASE_URL",
            "is set, but this version keeps everything in SQLite; remove it and use WARMLINE_DATA_DIR",
        );
    }
    Ok(())
}

/// The credential decides whose call it is, so each opens one door.
fn refuse_shared(settings: &Settings) -> Result<(), ConfigError> {
    let mut doors: Vec<(String, &SecretString)> = Vec::new();
    doors.extend(settings.desks.iter().map(|desk| {
        (
            format!("the webhook secret of desk {} of tenant {}", desk.desk, desk.tenant),
            &desk.webhook_secret,
        )
    }));
    doors.extend(settings.desks.iter().filter_map(|desk| {
        let previous = desk.webhook.previous.as_ref()?;
        Some((
            format!("the previous webhook secret of desk {} of tenant {}", desk.desk, desk.tenant),
            previous,
        ))
    }));
    doors.extend(settings.bots.iter().filter_map(|bot| {
        let secret = bot.direct_line_secret.as_ref()?;
        Some((
            format!("the Direct Line secret of bot {} of tenant {}", bot.bot, bot.tenant),
            secret,
        ))
    }));
    doors.extend(
        settings.metrics_token.iter().map(|token| ("the token of /metrics".to_owned(), token)),
    );
    for (at, (name, secret)) in doors.iter().enumerate() {
        let same =
            |(_, other): &&(String, &SecretString)| other.expose_secret() == secret.expose_secret();
        if let Some((other, _)) = doors[..at].iter().find(same) {
            return Err(ConfigError::Wrong {
                name: name.clone(),
                problem: format!("is the same as {other}; every one needs a secret of its own"),
            });
        }
    }
    Ok(())
}

fn tenant_id(text: &str) -> Result<TenantId, ConfigError> {
    TenantId::new(text).map_err(|error| bad_name("tenant", error))
}

fn desk_id(text: &str) -> Result<DeskId, ConfigError> {
    DeskId::new(text).map_err(|error| bad_name("desk", error))
}

fn bad_name(name: &str, error: gateway::IdError) -> ConfigError {
    ConfigError::Wrong {
        name: name.to_owned(),
        problem: format!("cannot be used as a name: {error}"),
    }
}

/// Whether this text would do as a configuration file, apart from what its references lead to.
pub(crate) fn check_text(text: &str, path: &Path) -> Result<(), ConfigError> {
    Draft::of_text(text, path).map(drop)
}

#[cfg(test)]
mod tests;
