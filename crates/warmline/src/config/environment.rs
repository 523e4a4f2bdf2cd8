//! The environment, as far as it concerns us.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Names the configuration file.
pub(crate) const CONFIG: &str = "WARMLINE_CONFIG";

/// Where the configuration file is looked for unless it is named.
pub(crate) const DEFAULT_FILE: &str = "warmline.toml";

/// Where a command's configuration is. Each that reads one takes this, so that all are told it alike.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file, instead of the one that `WARMLINE_CONFIG` names.
    #[arg(long = "config", global = true, value_name = "PATH")]
    path: Option<PathBuf>,
}

impl ConfigFile {
    /// The environment of the process, with that file.
    pub(crate) fn environment(&self) -> Environment {
        Environment::of_process().with_file(self.path.clone())
    }
}

/// The environment and where the file is. An empty value counts as not set; those that must not be empty
/// ([`Setting::is_never_empty`](super::table::Setting::is_never_empty)) are refused before anybody asks.
pub(crate) struct Environment {
    pub(super) values: BTreeMap<String, String>,
    /// Names whose values are not UTF-8.
    pub(super) unreadable: Vec<String>,
    /// The file that a command was given.
    pub(super) file: Option<PathBuf>,
}

impl Environment {
    /// The process's own.
    fn of_process() -> Self {
        let (mut values, mut unreadable) = (BTreeMap::new(), Vec::new());
        for (name, value) in std::env::vars_os() {
            // A name that is not UTF-8 is none of ours.
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(values.insert(name, value)),
                Err(_) => unreadable.push(name),
            }
        }
        Self { values, unreadable, file: None }
    }

    /// Nothing but this file.
    #[cfg(test)]
    pub(crate) fn of_file(file: PathBuf) -> Self {
        Self { values: BTreeMap::new(), unreadable: Vec::new(), file: Some(file) }
    }

    /// The same, with the file that a command was given; it goes before `WARMLINE_CONFIG`.
    fn with_file(mut self, file: Option<PathBuf>) -> Self {
        self.file = file;
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether it is there and holds nothing.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(String::is_empty)
    }

    /// The configuration file, if there is to be one: the one that is named, else the default if it
    /// is there.
    pub(crate) fn config_file(&self) -> Option<PathBuf> {
        let named = self.file.clone().or_else(|| self.get(CONFIG).map(PathBuf::from));
        named.or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| Path::exists(path)))
    }
}
