//! Secrets by reference: from where the configuration says they are to what they are.

use std::{
    cell::{OnceCell, RefCell},
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use vault::Vault;
use zeroize::Zeroizing;

use super::{
    ConfigError,
    draft::{Draft, Owner, exposed},
    environment::Environment,
    master,
    remarks::Remark,
    value::{Secret, Value},
};

/// The largest file that a secret is read from, in bytes; a secret itself is shorter.
const SECRET_FILE_BYTES_MAX: u64 = 8 * 1_024;

/// Opens a file for reading, and nothing else: a pipe would be waited for, and a device may have no
/// end.
pub(super) fn open_file(path: &Path) -> std::io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    File::open(path)
}

/// Looks up what references name.
pub(super) struct References<'a> {
    draft: &'a Draft,
    pub(super) environment: &'a Environment,
    data_dir: PathBuf,
    vault: OnceCell<Vault>,
    /// What an operator should know.
    pub(super) remarks: RefCell<Vec<Remark>>,
}

impl<'a> References<'a> {
    pub(super) fn new(draft: &'a Draft, environment: &'a Environment, data_dir: PathBuf) -> Self {
        let (vault, remarks) = (OnceCell::new(), RefCell::default());
        Self { draft, environment, data_dir, vault, remarks }
    }

    /// The secret of this setting, if it is set.
    pub(super) fn secret(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<SecretString>, ConfigError> {
        let Some((Value::Secret(secret), _)) = self.draft.found(owner, id) else {
            return Ok(None);
        };
        let name = self.draft.name(owner, id);
        let found = match secret {
            Secret::Vault(sealed) => self.sealed(&name, sealed),
            plain => self.open(&name, plain),
        };
        found.map(Some)
    }

    /// A secret that needs no vault: itself, of a variable, or of a file.
    pub(super) fn open(&self, name: &str, secret: &Secret) -> Result<SecretString, ConfigError> {
        let wrong = |problem: String| ConfigError::Wrong { name: name.to_owned(), problem };
        match secret {
            Secret::Plain(secret) => Ok(secret.clone()),
            Secret::Env(variable) => {
                self.environment.get(variable).map(SecretString::from).ok_or_else(|| {
                    let found =
                        if self.environment.is_empty(variable) { "empty" } else { "not set" };
                    wrong(format!(
                        "refers to the variable {variable}, which is {found}; export it in this \
                         shell, and set it for the service (systemd: EnvironmentFile), or keep the \
                         secret elsewhere and say file:PATH or vault:NAME"
                    ))
                })
            }
            Secret::File(path) => {
                let path = self.draft.beside_file(path);
                let text = self.read(name, &path)?;
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() {
                    return Err(wrong(format!("refers to {}, which is empty", path.display())));
                }
                Ok(secret.into())
            }
            Secret::Vault(_) => Err(wrong(
                "refers to the vault, which the master key itself opens; use env: or file:"
                    .to_owned(),
            )),
        }
    }

    fn read(&self, name: &str, path: &Path) -> Result<Zeroizing<String>, ConfigError> {
        let unreadable = |source| ConfigError::SecretFile {
            name: name.to_owned(),
            path: path.to_owned(),
            source,
        };
        let file = open_file(path).map_err(unreadable)?;
        if exposed(&file.metadata().map_err(unreadable)?) {
            let path = path.display();
            let text = format!("{name} is in {path}, which others can read; run: chmod 600 {path}");
            self.remarks.borrow_mut().push(Remark::weak(text));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(SECRET_FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
        if u64::try_from(text.len()).is_ok_and(|bytes| bytes > SECRET_FILE_BYTES_MAX) {
            return Err(unreadable(std::io::Error::other("it is longer than 8 KiB: no secret")));
        }
        Ok(text)
    }

    fn sealed(&self, name: &str, sealed: &str) -> Result<SecretString, ConfigError> {
        let fails = |source| ConfigError::Sealed { name: name.to_owned(), source };
        // Whoever named the file of this command has to name it of that one, too.
        let file = self.environment.file.as_ref();
        let with = file.map(|file| format!(" --config {}", file.display())).unwrap_or_default();
        let none = || ConfigError::Wrong {
            name: name.to_owned(),
            problem: format!(
                "refers to vault:{sealed}, and there is no such secret; keep it with: warmline \
                 secret set {sealed}{with}"
            ),
        };
        if self.vault.get().is_none() {
            // Without data there is no key to be made: nothing can be sealed under it.
            let Some(key) = master::existing(self.draft, self, &self.data_dir)? else {
                return Err(none());
            };
            let vault = Vault::new(&key).map_err(|source| fails(source.into()))?;
            drop(self.vault.set(vault));
        }
        let Some(vault) = self.vault.get() else { return Err(none()) };
        gateway::secrets::read(&self.data_dir, vault, sealed).map_err(fails)?.ok_or_else(none)
    }
}
