//! The ring as it is kept.
//!
//! ```text
//!   version (1) ‖ count (1) ‖ { master key's id (4) ‖ length (2) ‖ sealed ring }
//! ```
//!
//! Each master key that opens the ring has a sealing of its own, the newest last; there are two only
//! while the master key is being changed. Inside stand the keys with which those sealings are made, so
//! that whoever opened the ring can write all of them anew.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{ID_BYTES, Opener, ROOTS_MAX, Ring, Root, RootId, Secret};
use crate::{master::KEY_BYTES, sealed::SealError};

/// Master keys that may open a ring at a time: the one in use and the one to come.
const MASTERS_MAX: usize = 2;

const VERSION: u8 = 1;
const PLACE: &[u8] = b"key ring";
const OPENS_VERSION_1: u8 = 1;

impl Ring {
    /// As it is kept.
    pub(crate) fn sealed(&self) -> Result<Vec<u8>, SealError> {
        let plain = self.plain()?;
        let mut out = vec![VERSION, count(self.masters.len())?];
        for opener in &self.masters {
            let sealed = opener.key()?.seal(PLACE, &plain)?;
            let length = u16::try_from(sealed.len()).map_err(|_| SealError::Malformed)?;
            out.extend_from_slice(&opener.id);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&sealed);
        }
        Ok(out)
    }

    /// Opens what was kept.
    pub(crate) fn open(opener: &Opener, kept: &[u8]) -> Result<Self, SealError> {
        let mut reader = Reader(kept);
        if reader.byte()? != VERSION {
            return Err(SealError::Malformed);
        }
        for _ in 0..reader.byte()? {
            let id: [u8; ID_BYTES] = *reader.array()?;
            let length = usize::from(u16::from_be_bytes(*reader.array()?));
            let sealed = reader.bytes(length)?;
            if id == opener.id {
                return Self::parsed(&opener.key()?.open(PLACE, sealed)?);
            }
        }
        Err(SealError::OtherMasterKey)
    }

    fn plain(&self) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.bytes()));
        out.push(VERSION);
        out.extend_from_slice(self.identity.as_slice());
        out.push(count(self.kept.len())?);
        for (name, key) in &self.kept {
            out.push(count(name.len())?);
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(key.as_slice());
        }
        out.push(count(self.count())?);
        for root in self.roots() {
            out.extend_from_slice(&root.id.0);
            out.push(if root.opens_version_1 { OPENS_VERSION_1 } else { 0 });
            out.extend_from_slice(&root.made_at.to_be_bytes());
            out.extend_from_slice(&root.retiring_since.unwrap_or(i64::MIN).to_be_bytes());
            out.extend_from_slice(root.secret.as_slice());
        }
        out.push(count(self.masters.len())?);
        for opener in &self.masters {
            out.extend_from_slice(&opener.id);
            out.extend_from_slice(opener.raw.as_slice());
        }
        Ok(out)
    }

    /// Room for all of it: a buffer that grows leaves what it held behind.
    fn bytes(&self) -> usize {
        let kept: usize = self.kept.iter().map(|(name, _)| name.len() + 1 + KEY_BYTES).sum();
        let roots = self.count() * (ID_BYTES + 1 + 8 + 8 + KEY_BYTES);
        4 + KEY_BYTES + kept + roots + self.masters.len() * (ID_BYTES + KEY_BYTES)
    }

    fn parsed(plain: &[u8]) -> Result<Self, SealError> {
        let mut reader = Reader(plain);
        if reader.byte()? != VERSION {
            return Err(SealError::Malformed);
        }
        let identity = reader.secret()?;
        let mut kept = Vec::new();
        for _ in 0..reader.byte()? {
            let length = usize::from(reader.byte()?);
            let name = std::str::from_utf8(reader.bytes(length)?);
            let name = name.map_err(|_| SealError::Malformed)?.to_owned();
            kept.push((name, reader.secret()?));
        }
        let mut roots = Vec::new();
        for _ in 0..reader.byte()? {
            let id = RootId(*reader.array()?);
            let first = reader.byte()? == OPENS_VERSION_1;
            let made_at = i64::from_be_bytes(*reader.array()?);
            let retiring = Some(i64::from_be_bytes(*reader.array()?)).filter(|at| *at != i64::MIN);
            roots.push(Arc::new(Root::new(id, reader.secret()?, made_at, retiring, first)?));
        }
        let mut masters = Vec::new();
        for _ in 0..reader.byte()? {
            masters.push(Opener { id: *reader.array()?, raw: reader.secret()? });
        }
        let right = reader.0.is_empty()
            && (1..=ROOTS_MAX).contains(&roots.len())
            && (1..=MASTERS_MAX).contains(&masters.len());
        if !right {
            return Err(SealError::Malformed);
        }
        let current = roots.pop().ok_or(SealError::Malformed)?;
        Ok(Self::with((roots, current), identity, kept, masters))
    }
}

fn count(items: usize) -> Result<u8, SealError> {
    u8::try_from(items).map_err(|_| SealError::Malformed)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, length: usize) -> Result<&'a [u8], SealError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(SealError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], SealError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(SealError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, SealError> {
        self.array::<1>().map(|[byte]| *byte)
    }

    fn secret(&mut self) -> Result<Secret, SealError> {
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        secret.copy_from_slice(self.bytes(KEY_BYTES)?);
        Ok(secret)
    }
}
