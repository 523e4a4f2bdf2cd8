//! Configuration from the environment. Wrong or missing settings stop the start with one sentence
//! that names them; nothing is guessed.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use gateway::{
    BotId, BotSetup, BuiltInBot, ClientConfig, Credentials, DeskId, DeskSetup, Grant, Policy,
    Settings, TenantId, Wording, instance_url, trace::Tracing,
};
use secrecy::SecretString;
use url::{Host, Url};
use vault::{MasterKey, MasterKeyError};

/// What tenant, desk and bot are called when only the environment configures them.
const DEFAULT_NAME: &str = "default";

/// Where Warmline listens unless told otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// Where the store and the master key are kept unless told otherwise.
const DEFAULT_DATA_DIR: &str = "./data";

/// The master key's file inside the data directory.
const MASTER_KEY_FILE: &str = "master.key";

/// A secret shorter than this is accepted with a warning, in bytes.
const SECRET_BYTES_GOOD: usize = 16;

/// Secrets that callers present in a header.
const SECRETS: [&str; 2] = ["WEBHOOK_SECRET", "DIRECT_LINE_SECRET"];

/// The longest of them, in bytes.
const SECRET_BYTES_MAX: usize = 1_024;

/// The settings that are always needed.
const REQUIRED: [&str; 4] =
    ["SERVICENOW_CLIENT_ID", "SERVICENOW_CLIENT_SECRET", "SERVICENOW_INSTANCE", "WEBHOOK_SECRET"];

/// The settings that the password grant needs besides.
const REQUIRED_BY_PASSWORD: [&str; 2] = ["SERVICENOW_USERNAME", "SERVICENOW_PASSWORD"];

/// How the instance is asked for a token.
const GRANT_TYPE: &str = "SERVICENOW_GRANT_TYPE";

/// The settings of our own name that there are.
const KNOWN: [&str; 5] = [
    "WARMLINE_LISTEN",
    "WARMLINE_PUBLIC_URL",
    "WARMLINE_DATA_DIR",
    "WARMLINE_MASTER_KEY",
    "WARMLINE_MASTER_KEY_FILE",
];

/// Settings of a bot registration that this version has no use for.
const UNUSED: [&str; 4] =
    ["BOT_APP_ID", "MicrosoftAppPassword", "MicrosoftAppTenantId", "MicrosoftAppType"];

/// The store's file inside the data directory.
const DATABASE_FILE: &str = "warmline.db";

/// Why the configuration cannot be used. Never holds a value that may be secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{} must be set: see “Configuration” in the README", .0.join(", "))]
    Missing(Vec<&'static str>),
    #[error("{name} {problem}")]
    Wrong { name: &'static str, problem: String },
    #[error(
        "the data directory {} holds a database but not its master key; put the file master.key \
         back, or set WARMLINE_MASTER_KEY to the key it was sealed with",
        path.display()
    )]
    KeyLost { path: PathBuf },
    #[error(
        "there is no data in {}; set WARMLINE_DATA_DIR to the gateway's, or run this where the \
         gateway was started",
        path.display()
    )]
    NoData { path: PathBuf },
    #[error("{name} is not UTF-8 text")]
    NotText { name: String },
    #[error("{name} cannot be used")]
    Instance {
        name: &'static str,
        #[source]
        source: gateway::ConfigError,
    },
    #[error("{name} cannot be used")]
    MasterKey {
        name: &'static str,
        #[source]
        source: MasterKeyError,
    },
    #[error("the built-in bot's file cannot be read")]
    Bot(#[from] serde_json::Error),
    #[error("the data directory {} cannot be made", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

/// Everything `warmline serve` needs.
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) settings: Settings,
    pub(crate) master_key: MasterKey,
    /// What is closed and how to open it, and other things an operator should know.
    pub(crate) remarks: Vec<String>,
}

/// The environment, as far as it concerns us. An empty value counts as not set.
pub(crate) struct Environment {
    values: BTreeMap<String, String>,
    /// Names whose values are not UTF-8.
    unreadable: Vec<String>,
}

impl Environment {
    /// The process's own.
    pub(crate) fn of_process() -> Self {
        let (mut values, mut unreadable) = (BTreeMap::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(values.insert(name, value)),
                Err(_) => unreadable.push(name),
            }
        }
        Self { values, unreadable }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.get(name).map(SecretString::from)
    }
}

impl Config {
    /// Reads the configuration. Makes the data directory and, at the first start, the master key.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let ours = |name: &&String| {
            REQUIRED.contains(&name.as_str())
                || REQUIRED_BY_PASSWORD.contains(&name.as_str())
                || name.as_str() == GRANT_TYPE
                || KNOWN.contains(&name.as_str())
                || SECRETS.contains(&name.as_str())
        };
        if let Some(name) = environment.unreadable.iter().find(ours) {
            return Err(ConfigError::NotText { name: name.clone() });
        }
        let grant = grant(environment)?;
        let user = REQUIRED_BY_PASSWORD.into_iter().filter(|_| grant == Grant::Password);
        let required = REQUIRED.into_iter().chain(user);
        let missing: Vec<_> = required.filter(|name| environment.get(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(ConfigError::Missing(missing));
        }
        refuse_unsupported(environment)?;
        for name in SECRETS {
            sendable(name, environment)?;
        }
        let public_url = environment.get("WARMLINE_PUBLIC_URL").map(public_url).transpose()?;
        let listen = listen(environment, public_url.as_deref())?;
        let tenant = name("tenant", DEFAULT_NAME)?;
        let desk = desk(environment, &tenant, grant)?;
        let bot = bot(environment, &tenant, desk.desk.clone())?;
        let remarks = remarks(environment, public_url.as_deref());
        let data_dir = Kept::data_dir(environment);
        // Last: everything else is right, so now files may be made.
        let master_key = master_key(environment, &data_dir)?;
        let settings = Settings {
            data_dir,
            desks: vec![desk],
            bots: vec![bot],
            public_url,
            built_in_bot: BuiltInBot::help_desk()?,
            wording: Wording::default(),
            tracing: Tracing::default(),
        };
        Ok(Self { listen, settings, master_key, remarks })
    }
}

/// What is needed to open the data of a gateway that does not run.
pub(crate) struct Kept {
    pub(crate) data_dir: PathBuf,
    pub(crate) master_key: MasterKey,
    pub(crate) bots: Vec<BotSetup>,
}

impl Kept {
    /// Where the data is, or would be.
    pub(crate) fn data_dir(environment: &Environment) -> PathBuf {
        environment.get("WARMLINE_DATA_DIR").unwrap_or(DEFAULT_DATA_DIR).into()
    }

    /// Reads what is needed, and makes nothing: neither a directory nor a key.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let ours = |name: &&String| name.starts_with("WARMLINE_");
        if let Some(name) = environment.unreadable.iter().find(ours) {
            return Err(ConfigError::NotText { name: name.clone() });
        }
        let data_dir = Self::data_dir(environment);
        if !data_dir.join(DATABASE_FILE).exists() {
            return Err(ConfigError::NoData { path: data_dir });
        }
        let desk = DeskId::new(DEFAULT_NAME).map_err(|error| bad_name("desk", error))?;
        let bots = vec![bot(environment, &name("tenant", DEFAULT_NAME)?, desk)?];
        let master_key = master_key(environment, &data_dir)?;
        Ok(Self { data_dir, master_key, bots })
    }
}

/// A secret that travels in a header must be one that a header can carry; otherwise every caller
/// would be refused and nobody could see why.
fn sendable(name: &'static str, environment: &Environment) -> Result<(), ConfigError> {
    let Some(secret) = environment.get(name) else { return Ok(()) };
    let wrong = |problem: &str| Err(ConfigError::Wrong { name, problem: problem.to_owned() });
    if secret.len() > SECRET_BYTES_MAX {
        return wrong("is longer than 1,024 bytes");
    }
    if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(
            "holds a blank, a line end or a character that no header can carry (a line end at the \
             end of a mounted file is the usual one)",
        );
    }
    Ok(())
}

/// What the design promises and this version does not have yet is refused rather than ignored.
fn refuse_unsupported(environment: &Environment) -> Result<(), ConfigError> {
    let wrong = |name, problem: &str| Err(ConfigError::Wrong { name, problem: problem.to_owned() });
    if environment.get("DATABASE_URL").is_some() {
        return wrong(
            "DATABASE_URL",
            "is set, but this version keeps everything in SQLite; remove it and use WARMLINE_DATA_DIR",
        );
    }
    if environment.get("BOT_ENDPOINT").is_some() {
        return wrong(
            "BOT_ENDPOINT",
            "is set, but this version has only its built-in bot; remove it",
        );
    }
    Ok(())
}

fn listen(environment: &Environment, public_url: Option<&str>) -> Result<SocketAddr, ConfigError> {
    let text = environment.get("WARMLINE_LISTEN").unwrap_or(DEFAULT_LISTEN);
    let wrong = |problem: String| ConfigError::Wrong { name: "WARMLINE_LISTEN", problem };
    let listen: SocketAddr = text.parse().map_err(|_| {
        wrong("must be an address and a port, for instance 127.0.0.1:8080".to_owned())
    })?;
    let proxied = public_url.is_some_and(|url| url.starts_with("https:"));
    if !listen.ip().is_loopback() && !proxied {
        return Err(wrong(
            "opens plain http to the network; put a proxy that ends TLS in front and set \
             WARMLINE_PUBLIC_URL to its https address, or listen on 127.0.0.1"
                .to_owned(),
        ));
    }
    Ok(listen)
}

fn public_url(text: &str) -> Result<String, ConfigError> {
    let wrong = |problem: &str| ConfigError::Wrong {
        name: "WARMLINE_PUBLIC_URL",
        problem: problem.to_owned(),
    };
    let url = Url::parse(text)
        .map_err(|_| wrong("must be a URL, for instance https://chat.example.org"))?;
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let secure = url.scheme() == "https" || (url.scheme() == "http" && loopback);
    if !secure {
        return Err(wrong("must be https; http is for this machine only"));
    }
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(wrong("must end after the host and path"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn grant(environment: &Environment) -> Result<Grant, ConfigError> {
    match environment.get(GRANT_TYPE) {
        None | Some("password") => Ok(Grant::Password),
        Some("client_credentials") => Ok(Grant::ClientCredentials),
        Some(_) => Err(ConfigError::Wrong {
            name: GRANT_TYPE,
            problem: "must be password (the default) or client_credentials".to_owned(),
        }),
    }
}

fn desk(
    environment: &Environment,
    tenant: &TenantId,
    grant: Grant,
) -> Result<DeskSetup, ConfigError> {
    let need =
        |name: &'static str| environment.get(name).ok_or_else(|| ConfigError::Missing(vec![name]));
    let instance = |source| ConfigError::Instance { name: "SERVICENOW_INSTANCE", source };
    let url = instance_url(need("SERVICENOW_INSTANCE")?).map_err(instance)?;
    let client_id = need("SERVICENOW_CLIENT_ID")?.to_owned();
    let client_secret = need("SERVICENOW_CLIENT_SECRET")?.into();
    let credentials = match grant {
        Grant::Password => Credentials {
            client_id,
            client_secret,
            username: need("SERVICENOW_USERNAME")?.to_owned(),
            password: need("SERVICENOW_PASSWORD")?.into(),
        },
        Grant::ClientCredentials => Credentials::of_client(client_id, client_secret),
    };
    let mut client = ClientConfig::new(url, credentials).map_err(instance)?;
    client.grant = grant;
    Ok(DeskSetup {
        tenant: tenant.clone(),
        desk: DeskId::new(DEFAULT_NAME).map_err(|error| bad_name("desk", error))?,
        client,
        webhook_secret: need("WEBHOOK_SECRET")?.into(),
        message_token: environment.secret("SERVICENOW_TOKEN"),
    })
}

fn bot(
    environment: &Environment,
    tenant: &TenantId,
    desk: DeskId,
) -> Result<BotSetup, ConfigError> {
    let id = environment.get("MicrosoftAppId").unwrap_or(DEFAULT_NAME);
    if id.contains('/') {
        return Err(ConfigError::Wrong {
            name: "MicrosoftAppId",
            problem: "must not hold a slash".to_owned(),
        });
    }
    Ok(BotSetup {
        tenant: tenant.clone(),
        bot: BotId::new(id).map_err(|error| ConfigError::Wrong {
            name: "MicrosoftAppId",
            problem: format!("cannot be used: {error}"),
        })?,
        policy: Policy::new(desk),
        direct_line_secret: environment.secret("DIRECT_LINE_SECRET"),
    })
}

fn name(what: &'static str, text: &str) -> Result<TenantId, ConfigError> {
    TenantId::new(text).map_err(|error| bad_name(what, error))
}

fn bad_name(name: &'static str, error: gateway::IdError) -> ConfigError {
    ConfigError::Wrong { name, problem: format!("cannot be used as a name: {error}") }
}

fn master_key(environment: &Environment, data_dir: &Path) -> Result<MasterKey, ConfigError> {
    let of = |name| move |source| ConfigError::MasterKey { name, source };
    match (environment.get("WARMLINE_MASTER_KEY"), environment.get("WARMLINE_MASTER_KEY_FILE")) {
        (Some(_), Some(_)) => Err(ConfigError::Wrong {
            name: "WARMLINE_MASTER_KEY",
            problem: "and WARMLINE_MASTER_KEY_FILE are both set; keep one".to_owned(),
        }),
        (Some(hex), None) => MasterKey::from_hex(hex).map_err(of("WARMLINE_MASTER_KEY")),
        (None, Some(file)) => {
            MasterKey::from_file(Path::new(file)).map_err(of("WARMLINE_MASTER_KEY_FILE"))
        }
        (None, None) => {
            make_private_dir(data_dir)
                .map_err(|source| ConfigError::DataDir { path: data_dir.to_owned(), source })?;
            let file = data_dir.join(MASTER_KEY_FILE);
            // A new key beside old data would sit under the right name and open nothing.
            if data_dir.join(DATABASE_FILE).exists() && !file.exists() {
                return Err(ConfigError::KeyLost { path: data_dir.to_owned() });
            }
            MasterKey::from_file_or_new(&file).map_err(of("the master key in WARMLINE_DATA_DIR"))
        }
    }
}

fn make_private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn remarks(environment: &Environment, public_url: Option<&str>) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut say = |text: &str| remarks.push(text.to_owned());
    if environment.get("DIRECT_LINE_SECRET").is_none() {
        say("Direct Line is closed; set DIRECT_LINE_SECRET to open it for web pages");
    }
    say("/api/messages is closed; Azure Bot Service is not part of this version");
    // Said, not refused: the tools around us may have variables of that name, too.
    let ours = |name: &&String| name.starts_with("WARMLINE_");
    for name in
        environment.values.keys().filter(ours).filter(|name| !KNOWN.contains(&name.as_str()))
    {
        say(&format!("{name} is no setting of Warmline; there are {}", KNOWN.join(", ")));
    }
    for name in UNUSED.into_iter().filter(|name| environment.get(name).is_some()) {
        say(&format!("{name} is set and has no use in this version"));
    }
    let user = REQUIRED_BY_PASSWORD.into_iter().filter(|name| environment.get(name).is_some());
    if grant(environment).is_ok_and(|grant| grant == Grant::ClientCredentials) {
        user.for_each(|name| say(&format!("{name} is set and has no use with client_credentials")));
    }
    if environment.get("SERVICENOW_TOKEN").is_none() {
        say("every user is a guest at ServiceNow; set SERVICENOW_TOKEN to the message-auth token");
    }
    if public_url.is_none() {
        say("ServiceNow cannot be told where to call back; set WARMLINE_PUBLIC_URL");
    }
    for name in ["WEBHOOK_SECRET", "DIRECT_LINE_SECRET"] {
        if environment.get(name).is_some_and(|secret| secret.len() < SECRET_BYTES_GOOD) {
            remarks.push(format!("{name} is short; make a better one with: openssl rand -hex 32"));
        }
    }
    remarks
}

#[cfg(test)]
mod tests;
