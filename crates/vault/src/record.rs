//! What seals the state and the effects of one record.

use std::{fmt, sync::Arc};

use crate::{
    master::KEY_BYTES,
    ring::{Root, RootId, head},
    sealed::{DataKey, Opened, SealError, VERSION, expand},
    shared::Shared,
};

/// What a sealed blob begins with that names its root key.
pub(crate) const VERSION_OF_RECORDS: u8 = 2;

/// Seals what belongs to one record: under the current root key, whichever that is by then.
pub struct RecordKey {
    shared: Arc<Shared>,
    record: Box<[u8]>,
    /// Of which root key the derived one is.
    root: RootId,
    key: DataKey,
}

impl RecordKey {
    pub(crate) fn new(shared: Arc<Shared>, record: &[u8]) -> Result<Self, SealError> {
        let ring = shared.get();
        let root = ring.current();
        let key = key_of_record(root, record)?;
        Ok(Self { shared, record: record.into(), root: root.id, key })
    }

    /// Whether its root key is still current. One that is not works, and derives a key each time.
    pub fn is_current(&self) -> bool {
        self.shared.is_current(self.root)
    }

    /// Seals `plain`, bound to `place`: it opens with the same place only.
    pub fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        if self.is_current() {
            return self.key.seal_behind(&head(VERSION_OF_RECORDS, self.root), place, plain);
        }
        let ring = self.shared.get();
        let root = ring.current();
        let key = key_of_record(root, &self.record)?;
        key.seal_behind(&head(VERSION_OF_RECORDS, root.id), place, plain)
    }

    /// Opens what was sealed for this `place`, under whichever root key of the ring.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<Opened, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        match *version {
            VERSION => {
                let ring = self.shared.get();
                let root = ring.root_of_version_1().ok_or(SealError::UnknownRoot)?;
                self.open_under(root, place, rest)
            }
            VERSION_OF_RECORDS => {
                let (id, body) = rest.split_first_chunk().ok_or(SealError::Malformed)?;
                let id = RootId(*id);
                if id == self.root && self.is_current() {
                    return self.key.open_body(place, body);
                }
                let ring = self.shared.get();
                let root = ring.root(id).ok_or(SealError::UnknownRoot)?;
                self.open_under(root, place, body)
            }
            _ => Err(SealError::Malformed),
        }
    }

    fn open_under(&self, root: &Root, place: &[u8], body: &[u8]) -> Result<Opened, SealError> {
        if root.id == self.root {
            return self.key.open_body(place, body);
        }
        key_of_record(root, &self.record)?.open_body(place, body)
    }
}

fn key_of_record(root: &Root, record: &[u8]) -> Result<DataKey, SealError> {
    DataKey::new(expand::<KEY_BYTES>(&root.prk, &[b"record ", record])?.as_slice())
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordKey(…)")
    }
}
