//! The trail, read beside whoever writes it.

use vault::Vault;

use super::{AuditError, Break, KEY_SETTING, Query, Record, Verified, find, verify};

/// The trail of a data directory that a gateway may be using.
pub struct AuditBeside {
    source: store::sqlite::AuditBeside,
    wrapped_key: Option<Vec<u8>>,
}

impl AuditBeside {
    /// Opens it; `None` if there is none yet. Blocks.
    pub fn open(data_dir: &std::path::Path) -> Result<Option<Self>, AuditError> {
        let Some(source) = store::sqlite::AuditBeside::open(data_dir)? else { return Ok(None) };
        let kept = store::sqlite::settings_beside(data_dir, KEY_SETTING)?;
        let key = kept.into_iter().find(|(name, _)| name == KEY_SETTING);
        Ok(Some(Self { source, wrapped_key: key.map(|(_, wrapped)| wrapped) }))
    }

    /// The records that fit, oldest first. Blocks.
    pub fn find(&self, vault: &Vault, query: &Query) -> Result<Vec<Record>, AuditError> {
        find(&self.source, vault, self.wrapped_key.as_deref(), query)
    }

    /// Goes through the whole trail; see [`verify`]. Blocks.
    pub fn verify(
        &self,
        vault: &Vault,
        elsewhere: Option<&(u64, String)>,
    ) -> Result<Result<Verified, Break>, AuditError> {
        verify(&self.source, vault, self.wrapped_key.as_deref(), elsewhere)
    }
}
