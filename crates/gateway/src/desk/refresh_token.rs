//! Where a desk's refresh token is kept between two lives of the process: sealed, in the store.
//!
//! Losing it costs one password grant, nothing else; so trouble here is logged and never stops a
//! delivery.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use servicenow::RefreshTokenKeeper;
use session::id::{DeskId, TenantId};
use store::{Store, StoreError};
use vault::{RecordKey, SealError, Vault};

/// Keeps the refresh token of one desk.
pub(crate) struct KeptRefreshToken {
    store: Arc<dyn Store>,
    key: RecordKey,
    name: String,
}

/// Why a token could not be kept or read.
#[derive(Debug, thiserror::Error)]
enum KeptError {
    #[error("the store refused")]
    Store(#[from] StoreError),
    #[error("it does not open")]
    Seal(#[from] SealError),
    #[error("it is no text")]
    Text(#[from] std::string::FromUtf8Error),
}

impl KeptRefreshToken {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        vault: &Vault,
        tenant: &TenantId,
        desk: &DeskId,
        granted_to: &SecretString,
    ) -> Result<Self, SealError> {
        // For the instance and the user it was granted to, and nobody else: with other credentials it
        // would go on as the old user, or be shown to another instance.
        let to = vault.mac_key("refresh tokens")?.tag(&[granted_to.expose_secret().as_bytes()]);
        let to = u64::from_be_bytes(*to.first_chunk().expect("a tag has 32 bytes"));
        // Ids hold no control characters, so two desks never share a name.
        let name = format!("refresh token\u{1f}{tenant}\u{1f}{desk}\u{1f}{to:016x}");
        Ok(Self { store, key: vault.record_key(name.as_bytes())?, name })
    }

    fn read(&self) -> Result<Option<SecretString>, KeptError> {
        // A token that was found dead is kept as nothing.
        let Some(sealed) = self.store.setting(&self.name)?.filter(|sealed| !sealed.is_empty())
        else {
            return Ok(None);
        };
        let mut opened = self.key.open(self.name.as_bytes(), &sealed)?;
        let text = String::from_utf8(std::mem::take(&mut *opened))?;
        Ok(Some(text.into()))
    }

    fn write(&self, token: Option<&SecretString>) -> Result<(), KeptError> {
        let sealed = match token {
            Some(token) => self.key.seal(self.name.as_bytes(), token.expose_secret().as_bytes())?,
            None => Vec::new(),
        };
        Ok(self.store.keep_setting(&self.name, &sealed)?)
    }
}

impl RefreshTokenKeeper for KeptRefreshToken {
    fn load(&self) -> Option<SecretString> {
        self.read().unwrap_or_else(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the kept refresh token cannot be read; the password is used instead"
            );
            None
        })
    }

    fn keep(&self, token: Option<&SecretString>) {
        if let Err(error) = self.write(token) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the refresh token cannot be kept; the next start uses the password"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use store::sqlite::SqliteStore;
    use vault::MasterKey;

    use super::*;

    #[test]
    fn a_token_survives_the_process_and_is_nowhere_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).unwrap()).unwrap();
        let (tenant, desk) = (TenantId::new("t").unwrap(), DeskId::new("d").unwrap());
        let open = || {
            let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
            KeptRefreshToken::new(store, &vault, &tenant, &desk, &"one".into()).unwrap()
        };
        let kept = open();
        assert!(kept.load().is_none());
        kept.keep(Some(&"refresh-canary".into()));
        drop(kept);
        let kept = open();
        assert_eq!(kept.load().unwrap().expose_secret(), "refresh-canary");
        let sealed = kept.store.setting(&kept.name).unwrap().unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        kept.keep(None);
        assert!(kept.load().is_none());
    }

    #[test]
    fn another_desks_token_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).unwrap()).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let of = |desk: &str| {
            let (tenant, desk) = (TenantId::new("t").unwrap(), DeskId::new(desk).unwrap());
            KeptRefreshToken::new(Arc::clone(&store), &vault, &tenant, &desk, &"one".into())
                .unwrap()
        };
        let (one, two) = (of("one"), of("two"));
        one.keep(Some(&"secret".into()));
        let stolen = store.setting(&one.name).unwrap().unwrap();
        store.keep_setting(&two.name, &stolen).unwrap();
        assert!(two.load().is_none());
    }

    #[test]
    fn a_token_is_for_whom_it_was_granted_to_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(&MasterKey::from_hex(&"ab".repeat(32)).unwrap()).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let (tenant, desk) = (TenantId::new("t").unwrap(), DeskId::new("d").unwrap());
        let of = |whom: &str| {
            KeptRefreshToken::new(Arc::clone(&store), &vault, &tenant, &desk, &whom.into()).unwrap()
        };
        of("kim at dev1").keep(Some(&"token".into()));
        assert!(of("robin at dev1").load().is_none());
        assert!(of("kim at dev1").load().is_some());
    }
}
