//! What is configured, by whom: the file's settings with the environment's over them. Values are
//! right by themselves here; whether they fit each other is seen when they are used.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::{Path, PathBuf},
};

use super::{
    ConfigError,
    environment::{CONFIG, Environment},
    file::{self, FILE_BYTES_MAX},
    reference::open_file,
    table::{SETTINGS, Section, Setting, setting},
    value::{Secret, Value},
};

/// What tenant, desk and bot are called unless the file names them.
pub(crate) const DEFAULT_NAME: &str = "default";

/// So many problems of a file are told at once.
const PROBLEMS: usize = 5;

/// Whose setting it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// The installation's.
    House,
    /// A tenant's.
    Tenant { tenant: String },
    /// An operator's.
    Operator { name: String },
    /// A desk's.
    Desk { tenant: String, name: String },
    /// A bot's.
    Bot { tenant: String, name: String },
}

impl Owner {
    fn desk(tenant: &str, name: &str) -> Self {
        Self::Desk { tenant: tenant.to_owned(), name: name.to_owned() }
    }

    fn bot(tenant: &str, name: &str) -> Self {
        Self::Bot { tenant: tenant.to_owned(), name: name.to_owned() }
    }

    pub(crate) fn tenant(&self) -> Option<&str> {
        match self {
            Self::House | Self::Operator { .. } => None,
            Self::Tenant { tenant } | Self::Desk { tenant, .. } | Self::Bot { tenant, .. } => {
                Some(tenant)
            }
        }
    }

    /// The table's name in the file; empty for the installation's own.
    pub(crate) fn table(&self) -> String {
        match self {
            Self::House => String::new(),
            Self::Tenant { tenant } => format!("tenants.{}", toml_key(tenant)),
            Self::Operator { name } => format!("operators.{}", toml_key(name)),
            Self::Desk { tenant, name } => {
                format!("tenants.{}.desks.{}", toml_key(tenant), toml_key(name))
            }
            Self::Bot { tenant, name } => {
                format!("tenants.{}.bots.{}", toml_key(tenant), toml_key(name))
            }
        }
    }

    /// The setting's whole name in the file.
    fn path(&self, setting: &Setting) -> String {
        match self {
            Self::House => setting.id.to_owned(),
            Self::Tenant { .. } | Self::Operator { .. } | Self::Desk { .. } | Self::Bot { .. } => {
                format!("{}.{}", self.table(), setting.key())
            }
        }
    }
}

/// A dot in a name needs quotation marks.
fn toml_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the file.
    Line(usize),
    /// A variable.
    Variable(&'static str),
}

/// The configuration as it was found.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    values: BTreeMap<(Owner, &'static str), (Value, Origin)>,
    owners: BTreeSet<Owner>,
    /// What the environment's settings of desks and bots are about.
    by_environment: Vec<Owner>,
}

impl Draft {
    /// Reads the file, if there is to be one, and the environment.
    pub(crate) fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let ours = |name: &&String| {
            name.as_str() == CONFIG || SETTINGS.iter().any(|known| known.env == Some(name.as_str()))
        };
        if let Some(name) = environment.unreadable.iter().find(ours) {
            return Err(ConfigError::NotText { name: name.clone() });
        }
        let empty = empty(environment);
        if !empty.is_empty() {
            return Err(ConfigError::Empty(empty));
        }
        let mut draft = match environment.config_file() {
            Some(path) => Self::of_file(&path)?,
            None => Self::default(),
        };
        draft.overlay(environment)?;
        Ok(draft)
    }

    /// What this text says, as if it were a file.
    pub(crate) fn of_text(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parsed = file::parse(text).map_err(|problems| {
            let more = problems.len().saturating_sub(PROBLEMS);
            let mut told = problems[..problems.len() - more].join("; ");
            if more > 0 {
                told.extend(["; and ", &more.to_string(), " more"]);
            }
            ConfigError::File { path: path.to_owned(), problems: told }
        })?;
        let mut draft = Self { file: Some(path.to_owned()), ..Self::default() };
        for (owner, setting, value, line) in parsed.values {
            draft.values.insert((owner, setting.id), (value, Origin::Line(line)));
        }
        draft.owners.extend(parsed.owners);
        Ok(draft)
    }

    /// One setting of the installation and nothing else, by the same order: the environment, else a
    /// file that may be wrong in every other respect.
    pub(crate) fn of_one(environment: &Environment, id: &'static str) -> Result<Self, ConfigError> {
        let mut draft = Self { file: environment.config_file(), ..Self::default() };
        let Some(setting) = setting(id) else { return Ok(draft) };
        if let Some(name) =
            setting.env.filter(|name| environment.unreadable.iter().any(|n| n == name))
        {
            return Err(ConfigError::NotText { name: name.to_owned() });
        }
        let said = setting.env.and_then(|name| Some((name, environment.get(name)?)));
        let found = match (said, &draft.file) {
            (Some((name, text)), _) => {
                let wrong = |problem| ConfigError::Wrong { name: name.to_owned(), problem };
                Some((setting.read_text(text).map_err(wrong)?, Origin::Variable(name)))
            }
            (None, Some(path)) => {
                let (text, _) = text_of(path)?;
                let found = file::find(&text, setting).map_err(|problem| ConfigError::File {
                    path: path.clone(),
                    problems: problem,
                })?;
                found.map(|(value, line)| (value, Origin::Line(line)))
            }
            (None, None) => None,
        };
        draft.values.extend(found.map(|found| ((Owner::House, setting.id), found)));
        Ok(draft)
    }

    fn of_file(path: &Path) -> Result<Self, ConfigError> {
        let (text, exposed) = text_of(path)?;
        let draft = Self::of_text(&text, path)?;
        let plain =
            draft.values.iter().find_map(|((owner, id), (value, origin))| match (value, origin) {
                (Value::Secret(Secret::Plain(_)), Origin::Line(line)) => Some((owner, id, *line)),
                _ => None,
            });
        match plain {
            Some((owner, id, line)) if exposed => {
                let name = setting(id).map(|setting| owner.path(setting)).unwrap_or_default();
                Err(ConfigError::Exposed { path: path.to_owned(), name, line })
            }
            Some(_) | None => Ok(draft),
        }
    }

    /// Lays the environment over the file.
    fn overlay(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        let desk = self.meant_desk();
        for setting in SETTINGS {
            let Some((name, text)) =
                setting.env.and_then(|name| Some((name, environment.get(name)?)))
            else {
                continue;
            };
            let wrong = |problem| ConfigError::Wrong { name: name.to_owned(), problem };
            let value = setting.read_text(text).map_err(wrong)?;
            let owner = match setting.section() {
                // The tenant of the desk that the environment is about.
                Section::Tenant => desk
                    .as_ref()
                    .and_then(Owner::tenant)
                    .map(|tenant| Owner::Tenant { tenant: tenant.to_owned() })
                    .ok_or_else(|| wrong(AMBIGUOUS_DESK.to_owned()))?,
                Section::Desk => desk.clone().ok_or_else(|| wrong(AMBIGUOUS_DESK.to_owned()))?,
                Section::Bot => {
                    self.meant_bot(desk.as_ref()).ok_or_else(|| wrong(AMBIGUOUS_BOT.to_owned()))?
                }
                Section::Top
                | Section::Console
                | Section::Operator
                | Section::Metrics
                | Section::Telemetry
                | Section::Files => Owner::House,
            };
            if owner != Owner::House && !self.by_environment.contains(&owner) {
                self.by_environment.push(owner.clone());
            }
            let is_named = matches!(owner, Owner::Desk { .. } | Owner::Bot { .. });
            self.owners.extend(is_named.then(|| owner.clone()));
            self.values.insert((owner, setting.id), (value, Origin::Variable(name)));
        }
        if self.desks().next().is_none() {
            let desk = desk.unwrap_or_else(|| Owner::desk(DEFAULT_NAME, DEFAULT_NAME));
            self.by_environment.push(desk.clone());
            self.owners.insert(desk);
        }
        // A tenant that names no bot has the built-in one under the default name.
        let without: BTreeSet<_> = self
            .desks()
            .filter_map(Owner::tenant)
            .filter(|tenant| !self.bots().any(|bot| bot.tenant() == Some(tenant)))
            .map(|tenant| Owner::bot(tenant, DEFAULT_NAME))
            .collect();
        self.owners.extend(without);
        Ok(())
    }

    /// The desk that the environment's settings are about: the only one, else the one called
    /// `default`.
    fn meant_desk(&self) -> Option<Owner> {
        let default = Owner::desk(DEFAULT_NAME, DEFAULT_NAME);
        let mut desks = self.desks();
        match (desks.next(), desks.next()) {
            (None, _) => {
                let tenants: BTreeSet<_> = self.bots().filter_map(Owner::tenant).collect();
                match (tenants.len(), tenants.first()) {
                    (1, Some(tenant)) => Some(Owner::desk(tenant, DEFAULT_NAME)),
                    _ => Some(default),
                }
            }
            (Some(only), None) => Some(only.clone()),
            (Some(_), Some(_)) => self.owners.get(&default).cloned(),
        }
    }

    /// The same for bots; where there is none, the desk's tenant gets one.
    fn meant_bot(&self, desk: Option<&Owner>) -> Option<Owner> {
        let mut bots = self.bots();
        match (bots.next(), bots.next()) {
            (None, _) => {
                desk.and_then(Owner::tenant).map(|tenant| Owner::bot(tenant, DEFAULT_NAME))
            }
            (Some(only), None) => Some(only.clone()),
            (Some(_), Some(_)) => self.owners.get(&Owner::bot(DEFAULT_NAME, DEFAULT_NAME)).cloned(),
        }
    }

    pub(crate) fn desks(&self) -> impl Iterator<Item = &Owner> {
        self.owners.iter().filter(|owner| matches!(owner, Owner::Desk { .. }))
    }

    /// The tenants that have a desk or a bot.
    pub(crate) fn tenants(&self) -> impl Iterator<Item = Owner> {
        let names: BTreeSet<_> = self.owners.iter().filter_map(Owner::tenant).collect();
        names.into_iter().map(|tenant| Owner::Tenant { tenant: tenant.to_owned() })
    }

    /// A tenant that has settings of its own and nothing that they could be about.
    pub(crate) fn tenant_without_desk(&self) -> Option<&Owner> {
        let known = |owner: &Owner| self.owners.iter().any(|own| own.tenant() == owner.tenant());
        let of_tenants = |owner: &&Owner| matches!(owner, Owner::Tenant { .. });
        self.values.keys().map(|(owner, _)| owner).filter(of_tenants).find(|owner| !known(owner))
    }

    pub(crate) fn operators(&self) -> impl Iterator<Item = &Owner> {
        self.owners.iter().filter(|owner| matches!(owner, Owner::Operator { .. }))
    }

    pub(crate) fn bots(&self) -> impl Iterator<Item = &Owner> {
        self.owners.iter().filter(|owner| matches!(owner, Owner::Bot { .. }))
    }

    /// Takes a setting of the installation to be this, whatever was set.
    pub(crate) fn assume(&mut self, id: &str, value: Value) {
        let Some(setting) = setting(id) else { return };
        let set = (value, Origin::Variable(setting.env.unwrap_or_default()));
        self.values.insert((Owner::House, setting.id), set);
    }

    /// Whether a variable says anything of it, a secret by reference too.
    pub(crate) fn has_variables(&self) -> bool {
        self.values.values().any(|(value, origin)| {
            matches!(origin, Origin::Variable(_)) || matches!(value, Value::Secret(Secret::Env(_)))
        })
    }

    /// A value and where it comes from, if it was set.
    pub(crate) fn found(&self, owner: &Owner, id: &str) -> Option<(&Value, &Origin)> {
        let setting = setting(id)?;
        self.values.get(&(owner.clone(), setting.id)).map(|(value, origin)| (value, origin))
    }

    /// A value: as it was set, else the table's default.
    pub(crate) fn value(&self, owner: &Owner, id: &str) -> Option<Value> {
        self.found(owner, id).map(|(value, _)| value.clone()).or_else(|| default_of(setting(id)?))
    }

    pub(crate) fn text(&self, owner: &Owner, id: &str) -> Option<String> {
        match self.value(owner, id) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A path; a relative one of the file, or of a default beside a file, begins at the file's folder.
    pub(crate) fn path(&self, owner: &Owner, id: &str) -> Option<PathBuf> {
        match self.value(owner, id) {
            Some(Value::Path(path)) => Some(match self.found(owner, id) {
                Some((_, Origin::Variable(_))) => path,
                Some((_, Origin::Line(_))) | None => self.beside_file(&path),
            }),
            _ => None,
        }
    }

    /// A path of the file.
    pub(crate) fn beside_file(&self, path: &Path) -> PathBuf {
        let folder = self.file.as_deref().and_then(Path::parent);
        folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// What a setting is called in a sentence about its value.
    pub(crate) fn name(&self, owner: &Owner, id: &str) -> String {
        let Some(setting) = setting(id) else { return id.to_owned() };
        match (self.found(owner, id), &self.file) {
            (Some((_, Origin::Variable(name))), _) => (*name).to_owned(),
            (Some((_, Origin::Line(line))), Some(file)) => {
                format!("`{}` on line {line} of {}", owner.path(setting), file.display())
            }
            (_, None) => match setting.env {
                Some(name) => name.to_owned(),
                None => format!("`{}`", owner.path(setting)),
            },
            (_, Some(_)) => format!("`{}`", owner.path(setting)),
        }
    }

    /// What a setting is called wherever it is, or can be, set; without its line.
    pub(super) fn called(&self, owner: &Owner, id: &str) -> String {
        match (setting(id), self.found(owner, id)) {
            (Some(_), Some((_, Origin::Variable(name)))) => (*name).to_owned(),
            (Some(setting), Some((_, Origin::Line(_)))) => format!("`{}`", owner.path(setting)),
            (Some(_), None) | (None, _) => self.ways(owner, id),
        }
    }

    /// What a setting that is not set can be set by.
    pub(crate) fn ways(&self, owner: &Owner, id: &str) -> String {
        let Some(setting) = setting(id) else { return id.to_owned() };
        let meant = *owner == Owner::House || self.by_environment.contains(owner);
        let variable = setting.env.filter(|_| meant || self.desks().count() == 1);
        match (variable, &self.file) {
            (Some(name), None) => name.to_owned(),
            (Some(name), Some(_)) => format!("`{}` (or {name})", owner.path(setting)),
            (None, _) => format!("`{}`", owner.path(setting)),
        }
    }
}

const AMBIGUOUS_DESK: &str = "is set, but the file has several desks and none of them is \
    [tenants.default.desks.default], which the environment is about; say it in the file";

const AMBIGUOUS_BOT: &str = "is set, but the file has several bots and none of them is \
    [tenants.default.bots.default], which the environment is about; say it in the file";

/// The variables that are set to nothing and must not be.
fn empty(environment: &Environment) -> Vec<&'static str> {
    let never = SETTINGS.iter().filter(|setting| setting.is_never_empty());
    let never = never.filter_map(|setting| setting.env);
    // Whoever names a file in a command does not ask it.
    let config = Some(CONFIG).filter(|_| environment.file.is_none());
    never.chain(config).filter(|name| environment.is_empty(name)).collect()
}

/// What a file says, and whether others than its owner can read it.
fn text_of(path: &Path) -> Result<(zeroize::Zeroizing<String>, bool), ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = open_file(path).map_err(unreadable)?;
    let exposed = exposed(&file.metadata().map_err(unreadable)?);
    let mut text = zeroize::Zeroizing::new(String::new());
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        let problems = "it is larger than 1 MiB".to_owned();
        return Err(ConfigError::File { path: path.to_owned(), problems });
    }
    Ok((text, exposed))
}

/// The default of the table.
pub(crate) fn default_of(setting: &Setting) -> Option<Value> {
    let written = setting.default?;
    let value = toml::de::DeValue::parse(written).ok()?;
    setting.read_toml(value.get_ref()).ok()
}

/// Whether others than the owner can read it.
#[cfg(unix)]
pub(crate) fn exposed(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&file.permissions()) & 0o077 != 0
}

#[cfg(not(unix))]
pub(crate) fn exposed(_: &std::fs::Metadata) -> bool {
    false
}
