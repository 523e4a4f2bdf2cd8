//! The master key: where it is, and that none is made beside data that another one sealed.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use vault::MasterKey;

use super::{
    ConfigError,
    draft::{Draft, Owner},
    environment::Environment,
    reference::References,
    remarks::Remark,
    value::Value,
};

/// The master key's file inside the data directory.
pub(super) const MASTER_KEY_FILE: &str = "master.key";

/// The store's file inside the data directory.
pub(super) const DATABASE_FILE: &str = "warmline.db";

/// Where the data is, or would be.
pub(super) fn data_dir(draft: &Draft) -> PathBuf {
    draft.path(&Owner::House, "data_dir").unwrap_or_default()
}

/// Where the data is by this configuration, whatever else is wrong with it.
pub(crate) fn data_dir_alone(environment: &Environment) -> Option<PathBuf> {
    let draft = Draft::of_one(environment, "data_dir").ok()?;
    draft.path(&Owner::House, "data_dir")
}

/// Where the master key is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// In a file that this user can replace.
    File(PathBuf),
    /// Where only whoever runs the gateway can change it; the setting in words.
    Elsewhere(String),
}

/// Where the master key is kept, or would be.
pub(super) fn source(draft: &Draft, data_dir: &Path) -> Source {
    if draft.found(&Owner::House, "master_key").is_some() {
        return Source::Elsewhere(draft.name(&Owner::House, "master_key"));
    }
    let file = draft.path(&Owner::House, "master_key_file");
    match file {
        Some(path) if MasterKey::is_handed_over(&path) => {
            Source::Elsewhere(draft.name(&Owner::House, "master_key_file"))
        }
        Some(path) => Source::File(path),
        None => Source::File(data_dir.join(MASTER_KEY_FILE)),
    }
}

/// The key that is configured or lies in the data directory; nothing if there is none yet. Makes
/// nothing.
pub(super) fn existing(
    draft: &Draft,
    references: &References<'_>,
    data_dir: &Path,
) -> Result<Option<MasterKey>, ConfigError> {
    let [given, file] = ["master_key", "master_key_file"].map(|id| {
        let name = draft.name(&Owner::House, id);
        draft.found(&Owner::House, id).map(|(value, _)| (value.clone(), name))
    });
    match (given, file) {
        (Some((_, name)), Some((_, other))) => {
            Err(ConfigError::Wrong { name, problem: format!("and {other} are both set; keep one") })
        }
        (Some((value, name)), None) => {
            let Value::Secret(secret) = value else { return Ok(None) };
            let key = references.open(&name, &secret)?;
            let key = MasterKey::from_hex(key.expose_secret());
            key.map(Some).map_err(|source| ConfigError::MasterKey { name, source })
        }
        (None, Some((_, name))) => {
            let path = draft.path(&Owner::House, "master_key_file").unwrap_or_default();
            let key = MasterKey::from_file(&path);
            key.map(Some).map_err(|source| ConfigError::MasterKey { name, source })
        }
        (None, None) => {
            let file = data_dir.join(MASTER_KEY_FILE);
            if file.exists() {
                let name = format!("the master key in {}", in_words(draft));
                let key = MasterKey::from_file(&file);
                return key.map(Some).map_err(|source| ConfigError::MasterKey { name, source });
            }
            // A new key beside old data would sit under the right name and open nothing.
            if data_dir.join(DATABASE_FILE).exists() {
                return Err(ConfigError::KeyLost { path: data_dir.to_owned() });
            }
            Ok(None)
        }
    }
}

/// What an operator should know of a key that lies alone in the data directory. It is no fault by
/// itself: a first start that was cut short leaves it.
pub(super) fn alone(draft: &Draft, data_dir: &Path) -> Option<Remark> {
    let elsewhere =
        ["master_key", "master_key_file"].iter().any(|id| draft.found(&Owner::House, id).is_some());
    let there = |file| data_dir.join(file).exists();
    (!elsewhere && there(MASTER_KEY_FILE) && !there(DATABASE_FILE)).then(|| {
        Remark::weak(format!(
            "{} holds a master key and no database, so the store begins empty; if there was one \
             before, stop, put {DATABASE_FILE} back and start again",
            data_dir.display()
        ))
    })
}

/// The key, made in the data directory if there is none yet.
pub(super) fn existing_or_new(
    draft: &Draft,
    references: &References<'_>,
    data_dir: &Path,
) -> Result<MasterKey, ConfigError> {
    if let Some(key) = filled_in(draft, existing(draft, references, data_dir)?)? {
        return Ok(key);
    }
    make_private_dir(data_dir)
        .map_err(|source| ConfigError::DataDir { path: data_dir.to_owned(), source })?;
    MasterKey::from_file_or_new(&data_dir.join(MASTER_KEY_FILE)).map_err(|source| {
        ConfigError::MasterKey { name: format!("the master key in {}", in_words(draft)), source }
    })
}

/// A key that nobody filled in may open data that it has sealed already, so that it can be changed; nothing is
/// begun with it.
pub(super) fn filled_in(
    draft: &Draft,
    key: Option<MasterKey>,
) -> Result<Option<MasterKey>, ConfigError> {
    if key.as_ref().is_some_and(MasterKey::is_blank) {
        return Err(ConfigError::WeakMasterKey { name: key_name(draft) });
    }
    Ok(key)
}

/// What to see to about a key that somebody typed.
pub(super) fn remark(draft: &Draft, key: &MasterKey) -> Option<Remark> {
    key.is_weak().then(|| {
        Remark::weak(format!(
            "{} repeats a few bytes, so that anybody may try it; change it with warmline keys rotate-master, \
             and warmline keys rotate after it",
            key_name(draft)
        ))
    })
}

/// What says the key.
fn key_name(draft: &Draft) -> String {
    let set = |id: &&str| draft.found(&Owner::House, id).is_some();
    let name = ["master_key", "master_key_file"].into_iter().find(set);
    let name = name.map(|id| draft.name(&Owner::House, id));
    name.unwrap_or_else(|| format!("what {MASTER_KEY_FILE} in {} holds", in_words(draft)))
}

fn in_words(draft: &Draft) -> String {
    draft.ways(&Owner::House, "data_dir")
}

fn make_private_dir(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
