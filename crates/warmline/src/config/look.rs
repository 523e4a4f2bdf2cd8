//! The configuration for somebody who only looks: everything that is wrong at once, and no file made.

use std::{net::SocketAddr, path::Path};

use gateway::{BuiltInBot, Grant, Settings, Wording};
use vault::MasterKey;

use super::{
    Config, ConfigError, DATABASE_FILE, DEFAULT_NAME, Environment, Kept, MASTER_KEY_FILE, REQUIRED,
    REQUIRED_BY_PASSWORD, SECRETS, bot, desk, grant, listen, master_key, name, public_url,
    refuse_unsupported, remarks, sendable,
};

/// What `warmline check` looks at.
pub(crate) struct Look {
    pub(crate) listen: SocketAddr,
    pub(crate) settings: Settings,
    /// The master key, if there is one already.
    pub(crate) master_key: Result<Option<MasterKey>, ConfigError>,
    pub(crate) remarks: Vec<String>,
}

impl ConfigError {
    /// The stable machine code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Wrong { .. } => "wrong",
            Self::KeyLost { .. } => "key_lost",
            Self::NoData { .. } => "no_data",
            Self::NotText { .. } => "not_text",
            Self::Instance { .. } => "instance",
            Self::MasterKey { .. } => "master_key",
            Self::Bot(_) => "bot",
            Self::DataDir { .. } => "data_dir",
        }
    }
}

impl Config {
    /// Reads the configuration and makes nothing. Answers all that is wrong, as far as one fault
    /// does not hide another.
    pub(crate) fn look(environment: &Environment) -> Result<Look, Vec<ConfigError>> {
        let mut problems = Vec::new();
        if let Some(name) = environment.unreadable.first() {
            problems.push(ConfigError::NotText { name: name.clone() });
        }
        let grant = noted(grant(environment), &mut problems);
        let user = REQUIRED_BY_PASSWORD
            .into_iter()
            .filter(|_| grant.unwrap_or_default() == Grant::Password);
        let required = REQUIRED.into_iter().chain(user);
        let missing: Vec<_> = required.filter(|name| environment.get(name).is_none()).collect();
        let complete = missing.is_empty();
        if !complete {
            problems.push(ConfigError::Missing(missing));
        }
        noted(refuse_unsupported(environment), &mut problems);
        for name in SECRETS {
            noted(sendable(name, environment), &mut problems);
        }
        let public_url = noted(
            environment.get("WARMLINE_PUBLIC_URL").map(public_url).transpose(),
            &mut problems,
        );
        let listen =
            noted(listen(environment, public_url.clone().flatten().as_deref()), &mut problems);
        let made = name("tenant", DEFAULT_NAME).and_then(|tenant| {
            // What is missing was said already.
            let grant = grant.filter(|_| complete);
            let desk = grant.map(|grant| desk(environment, &tenant, grant)).transpose()?;
            let Some(desk) = desk else { return Ok(None) };
            let bot = bot(environment, &tenant, desk.desk.clone())?;
            Ok(Some((desk, bot)))
        });
        let made = noted(made, &mut problems).flatten();
        let bot = noted(BuiltInBot::help_desk().map_err(ConfigError::from), &mut problems);
        match (listen, made, bot, public_url) {
            (Some(listen), Some((desk, bot)), Some(built_in_bot), Some(public_url))
                if problems.is_empty() =>
            {
                let data_dir = Kept::data_dir(environment);
                Ok(Look {
                    listen,
                    master_key: key_if_there(environment, &data_dir),
                    remarks: remarks(environment, public_url.as_deref()),
                    settings: Settings {
                        data_dir,
                        desks: vec![desk],
                        bots: vec![bot],
                        public_url,
                        built_in_bot,
                        wording: Wording::default(),
                    },
                })
            }
            _ => Err(problems),
        }
    }
}

/// Keeps an error for later.
fn noted<T>(read: Result<T, ConfigError>, problems: &mut Vec<ConfigError>) -> Option<T> {
    read.map_err(|error| problems.push(error)).ok()
}

/// The master key, unless the first start is yet to make it.
fn key_if_there(
    environment: &Environment,
    data_dir: &Path,
) -> Result<Option<MasterKey>, ConfigError> {
    let given = ["WARMLINE_MASTER_KEY", "WARMLINE_MASTER_KEY_FILE"];
    let given = given.iter().any(|name| environment.get(name).is_some());
    let there = [MASTER_KEY_FILE, DATABASE_FILE].iter().any(|file| data_dir.join(file).exists());
    if given || there { master_key(environment, data_dir).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(values: &[(&str, &str)]) -> Environment {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Environment { values: values.collect(), unreadable: Vec::new() }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let environment = environment(&[
            ("SERVICENOW_INSTANCE", "dev12345"),
            ("WEBHOOK_SECRET", "two words"),
            ("WARMLINE_PUBLIC_URL", "http://chat.example.org"),
            ("WARMLINE_LISTEN", "8080"),
            ("DATABASE_URL", "postgres://db"),
        ]);
        let problems = Config::look(&environment).err().unwrap();
        let said: Vec<_> = problems.iter().map(ToString::to_string).collect();
        let said = said.join("\n");
        for name in [
            "SERVICENOW_CLIENT_ID",
            "SERVICENOW_PASSWORD",
            "WEBHOOK_SECRET",
            "WARMLINE_PUBLIC_URL",
            "WARMLINE_LISTEN",
            "DATABASE_URL",
        ] {
            assert!(said.contains(name), "{name} in {said}");
        }
        assert_eq!(problems.len(), 5, "{said}");
    }

    #[test]
    fn a_look_makes_neither_a_directory_nor_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let environment = environment(&[
            ("SERVICENOW_INSTANCE", "dev12345"),
            ("SERVICENOW_CLIENT_ID", "c"),
            ("SERVICENOW_CLIENT_SECRET", "s"),
            ("SERVICENOW_USERNAME", "u"),
            ("SERVICENOW_PASSWORD", "p"),
            ("WEBHOOK_SECRET", "w"),
            ("WARMLINE_DATA_DIR", data.to_str().unwrap()),
        ]);
        let look = Config::look(&environment).ok().unwrap();
        assert!(look.master_key.unwrap().is_none());
        assert!(!data.exists());
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join(DATABASE_FILE), "x").unwrap();
        let look = Config::look(&environment).ok().unwrap();
        assert_eq!(look.master_key.err().unwrap().code(), "key_lost");
    }
}
