//! Secrets of the configuration that are kept sealed in the store, under the root key.
//!
//! Reading needs no lock, so the configuration can be read beside a running gateway. Writing goes
//! through the gateway that has the data ([`crate::control`]) or, while none runs, opens the data.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use store::{Leftovers, Store, StoreError, sqlite};
use vault::{SealError, Vault};
use zeroize::Zeroizing;

use crate::{
    app::{StartError, open_alone, this_command},
    audit::{self, Deed, Entry, Who},
    clock::Clock,
    control::Refusal,
    keys::{self, IN_FILES, IN_FILES_CODE, KeysError},
};

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The longest secret, in bytes: an order with it still is one line of the control socket.
pub const SECRET_BYTES_MAX: usize = 1_024;

/// The code of an order to forget one that is not there.
pub(crate) const NO_SUCH: &str = "no_such_secret";

/// What the store's settings that hold one begin with. Names hold no control characters.
const PREFIX: &str = "secret\u{1f}";

/// Why a secret cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// No name for one.
    #[error(
        "the name of a sealed secret has 1 to {NAME_BYTES_MAX} letters, digits, dots, hyphens and \
         underscores"
    )]
    Name,
    /// Nothing, too long, or no text that a header or a form can carry.
    #[error(
        "a secret has 1 to {SECRET_BYTES_MAX} bytes and no control characters (line ends among them)"
    )]
    Value,
    /// The store failed.
    #[error("the sealed secrets cannot be read")]
    Store(#[from] StoreError),
    /// Sealed under another key, or changed.
    #[error("a sealed secret does not open: the master key is not the one it was sealed with")]
    Seal(#[from] SealError),
}

impl SecretError {
    /// Machine code; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Name => "bad_name",
            Self::Value => "bad_value",
            Self::Store(_) | Self::Seal(_) => "failed",
        }
    }
}

impl From<KeysError> for SecretError {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Store(error) => error.into(),
            KeysError::Seal(error) => error.into(),
            // Opening says nothing else.
            KeysError::TooMany
            | KeysError::NoSuchRoot
            | KeysError::WrongMasterKey
            | KeysError::StillUsed { .. }
            | KeysError::FilesLeft { .. }
            | KeysError::FilesElsewhere(_)
            | KeysError::FilesUnseen(_)
            | KeysError::InFiles
            | KeysError::NeedsGateway => SealError::OtherMasterKey.into(),
        }
    }
}

/// Whether this can be the name of a sealed secret.
pub fn check_name(name: &str) -> Result<(), SecretError> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let right = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fine);
    right.then_some(()).ok_or(SecretError::Name)
}

/// Whether this can be sealed as a secret.
pub fn check_value(value: &SecretString) -> Result<(), SecretError> {
    let value = value.expose_secret();
    let right =
        (1..=SECRET_BYTES_MAX).contains(&value.len()) && !value.chars().any(char::is_control);
    right.then_some(()).ok_or(SecretError::Value)
}

/// The secret of this name, if there is one. A gateway may be running on the data. Blocks.
pub fn read(
    data_dir: &Path,
    vault: &Vault,
    name: &str,
) -> Result<Option<SecretString>, SecretError> {
    check_name(name)?;
    let place = place(name);
    let kept = sqlite::settings_beside(data_dir, &place)?;
    let Some((_, sealed)) = kept.into_iter().find(|(found, _)| *found == place) else {
        return Ok(None);
    };
    if sealed.is_empty() {
        return Ok(None);
    }
    keys::open_beside(data_dir, vault)?;
    let opened = vault.record_key(place.as_bytes())?.open(place.as_bytes(), &sealed)?;
    let text = std::str::from_utf8(&opened).map_err(|_| SealError::Malformed)?;
    Ok(Some(text.into()))
}

/// The names there are, in order. A gateway may be running on the data. Blocks.
pub fn names(data_dir: &Path) -> Result<Vec<String>, SecretError> {
    let kept = sqlite::settings_beside(data_dir, PREFIX)?;
    let there = kept.into_iter().filter(|(_, sealed)| !sealed.is_empty());
    Ok(there.filter_map(|(name, _)| name.strip_prefix(PREFIX).map(str::to_owned)).collect())
}

/// Keeps a secret, or forgets it, in data that no gateway is using. Blocks.
pub fn keep_alone(
    data_dir: &Path,
    vault: &Vault,
    name: &str,
    value: Option<&SecretString>,
) -> Result<Kept, StartError> {
    let store = open_alone(data_dir, vault)?;
    let was_there = is_there(&*store, name);
    let kept = keep(&*store, vault, name, value);
    let entry = entry_of(this_command(), name, value.is_none(), was_there, &kept);
    audit::record_alone(store, vault, &Clock::System, entry)?;
    Ok(kept?)
}

/// Whether there is one of this name, as far as the store can say.
pub(crate) fn is_there(store: &dyn Store, name: &str) -> bool {
    let kept = check_name(name).ok().and_then(|()| store.setting(&place(name)).ok());
    kept.flatten().is_some_and(|sealed| !sealed.is_empty())
}

/// What the audit trail has of an order, also of one that was not carried out.
pub(crate) fn entry_of(
    who: Who,
    name: &str,
    forgets: bool,
    was_there: bool,
    kept: &Result<Kept, SecretError>,
) -> Entry {
    let (is_done, outcome) = match kept {
        Ok(kept) if forgets && !kept.was_there => (false, NO_SUCH),
        Ok(kept) if kept.in_files => (true, IN_FILES_CODE),
        Ok(_) => (true, "done"),
        Err(error) => (false, error.code()),
    };
    // What stands in the place of a name that nothing has may be anything, a secret too.
    let name = if is_done || was_there { name.into() } else { audit::UNKNOWN.into() };
    let deed = match (forgets, was_there) {
        (true, _) => Deed::SecretForgotten { name },
        (false, true) => Deed::SecretRotated { name },
        (false, false) => Deed::SecretKept { name },
    };
    Entry::new(who, deed).with(outcome)
}

/// What came of keeping or forgetting a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// There was one before.
    pub was_there: bool,
    /// That one is still in the files, sealed, because somebody read them all the time.
    pub in_files: bool,
}

/// What is said where the one of before is still in the files.
pub fn still_in_files() -> Refusal {
    Refusal::new(IN_FILES_CODE, format!("it is done, but {IN_FILES}"))
}

/// Keeps a secret, or forgets it: the one of before leaves the files.
pub(crate) fn keep(
    store: &dyn Store,
    vault: &Vault,
    name: &str,
    value: Option<&SecretString>,
) -> Result<Kept, SecretError> {
    check_name(name)?;
    value.map_or(Ok(()), check_value)?;
    let place = place(name);
    let was_there = store.setting(&place)?.is_some_and(|sealed| !sealed.is_empty());
    let sealed = match value {
        Some(value) => {
            let plain = Zeroizing::new(value.expose_secret().as_bytes().to_vec());
            vault.record_key(place.as_bytes())?.seal(place.as_bytes(), &plain)?
        }
        None => Vec::new(),
    };
    if !was_there {
        if value.is_some() {
            store.keep_setting(&place, &sealed)?;
        }
        return Ok(Kept { was_there, in_files: false });
    }
    store.supersede(&place, &sealed, Leftovers::Settings)?;
    // It is kept by now, so trouble with the rest is no refusal.
    Ok(Kept { was_there, in_files: !keys::scrubbed(store, Leftovers::Settings) })
}

fn place(name: &str) -> String {
    format!("{PREFIX}{name}")
}

#[cfg(test)]
mod tests {
    use vault::MasterKey;

    use super::*;

    fn vault(digits: &str) -> Vault {
        Vault::new(&MasterKey::from_hex(&digits.repeat(32)).unwrap()).unwrap()
    }

    /// Which files have these bytes.
    fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap());
        let has = |file: &std::fs::DirEntry| {
            let there = std::fs::read(file.path()).unwrap();
            there.windows(bytes.len()).any(|window| window == bytes)
        };
        files.filter(has).map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_secret_is_kept_sealed_read_beside_its_owner_listed_by_name_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, other) = (vault("ab"), vault("cd"));
        let store = sqlite::SqliteStore::open(folder.path()).unwrap();
        let set = |name: &str, value: &str| keep(&store, &vault, name, Some(&value.into()));
        assert!(!set("one", "kolibri-1").unwrap().was_there);
        assert!(!set("two", "kolibri-2").unwrap().was_there);
        let again = set("one", "kolibri-3").unwrap();
        assert_eq!(again, Kept { was_there: true, in_files: false });
        let read = |name: &str| read(folder.path(), &vault, name).unwrap();
        // The store is open: this is beside a running gateway.
        assert_eq!(read("one").unwrap().expose_secret(), "kolibri-3");
        assert!(read("three").is_none());
        assert_eq!(names(folder.path()).unwrap(), ["one", "two"]);
        let wrong = super::read(folder.path(), &other, "one");
        assert!(matches!(wrong, Err(SecretError::Seal(_))));
        let sealed = store.setting("secret\u{1f}one").unwrap().unwrap();
        assert!(!files_with(folder.path(), &sealed).is_empty());
        assert!(keep(&store, &vault, "one", None).unwrap().was_there);
        assert_eq!(files_with(folder.path(), &sealed), Vec::<String>::new(), "sealed, too");
        assert!(!keep(&store, &vault, "one", None).unwrap().was_there);
        assert!(read("one").is_none());
        drop(store);
        assert_eq!(names(folder.path()).unwrap(), ["two"], "and where nobody has it open");
        assert_eq!(files_with(folder.path(), b"kolibri"), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_name_or_no_secret_is_refused_and_nothing_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite::SqliteStore::open(folder.path()).unwrap();
        let vault = vault("ab");
        let keep = |name: &str, value: &str| keep(&store, &vault, name, Some(&value.into()));
        for name in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert!(matches!(keep(name, "fine"), Err(SecretError::Name)), "{name}");
        }
        for value in ["", "line\n", &"x".repeat(1_025)] {
            assert!(matches!(keep("fine", value), Err(SecretError::Value)));
        }
        assert!(names(folder.path()).unwrap().is_empty());
    }
}
