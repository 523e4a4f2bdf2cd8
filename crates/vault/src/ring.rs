//! The key ring: the root keys that everything is derived from.

mod kept;

use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac, rand};
use zeroize::Zeroizing;

use crate::{
    master::{KEY_BYTES, MasterKey},
    sealed::{DataKey, SealError, expand},
};

/// Root keys that a ring may hold, the retiring ones among them: a rotation takes hours, so more are a
/// mistake, and each one makes a wrong token a little dearer to refuse.
pub const ROOTS_MAX: usize = 8;

pub(crate) const ID_BYTES: usize = 4;

/// The purposes whose keys an earlier version derived from its only key, and that recognise what was
/// kept or given out: they stay as they were when that key goes.
const RECOGNISED_BEFORE: [&str; 8] = [
    "bots",
    "callers",
    "console browsers",
    "console sessions",
    "desk media",
    "direct line origins",
    "refresh tokens",
    "repeats",
];

/// A secret of 32 bytes; wiped when dropped.
pub(crate) type Secret = Zeroizing<[u8; KEY_BYTES]>;

/// The name of a root key. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootId(pub(crate) [u8; ID_BYTES]);

impl std::fmt::Display for RootId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// What is sealed under a root key begins with this: a version, and the key's name.
pub(crate) fn head(version: u8, id: RootId) -> [u8; 1 + ID_BYTES] {
    let mut head = [version; 1 + ID_BYTES];
    head[1..].copy_from_slice(&id.0);
    head
}

/// One root key.
pub(crate) struct Root {
    pub(crate) id: RootId,
    /// When it was made, in milliseconds since 1970.
    pub(crate) made_at: i64,
    /// Since when another one is current, in milliseconds since 1970.
    pub(crate) retiring_since: Option<i64>,
    /// It is the one that an earlier version had, whose blobs name no key.
    pub(crate) opens_version_1: bool,
    secret: Secret,
    pub(crate) prk: hkdf::Prk,
    pub(crate) wrapping: DataKey,
}

impl Root {
    fn new(
        id: RootId,
        secret: Secret,
        made_at: i64,
        retiring_since: Option<i64>,
        opens_version_1: bool,
    ) -> Result<Self, SealError> {
        let prk = prk(&secret);
        let wrapping = DataKey::new(expand::<KEY_BYTES>(&prk, &[b"wrap data keys"])?.as_slice())?;
        Ok(Self { id, made_at, retiring_since, opens_version_1, secret, prk, wrapping })
    }

    fn again(&self, retiring_since: Option<i64>) -> Result<Self, SealError> {
        let (secret, first) = (self.secret.clone(), self.opens_version_1);
        Self::new(self.id, secret, self.made_at, retiring_since, first)
    }
}

/// Seals the ring for whoever has one master key.
pub(crate) struct Opener {
    pub(crate) id: [u8; ID_BYTES],
    raw: Secret,
}

impl Opener {
    pub(crate) fn of(master: &MasterKey) -> Result<Self, SealError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"warmline master key 2");
        let prk = salt.extract(master.0.as_slice());
        let id = *expand::<ID_BYTES>(&prk, &[b"id"])?;
        Ok(Self { id, raw: expand::<KEY_BYTES>(&prk, &[b"seal key ring"])? })
    }

    fn key(&self) -> Result<DataKey, SealError> {
        DataKey::new(self.raw.as_slice())
    }

    fn again(&self) -> Self {
        Self { id: self.id, raw: self.raw.clone() }
    }
}

/// All of it, opened.
pub(crate) struct Ring {
    /// The oldest first.
    older: Vec<Arc<Root>>,
    /// The newest of all: what is sealed now is sealed under it.
    current: Arc<Root>,
    /// What recognises, and stays whatever else is changed.
    identity: Secret,
    identity_prk: hkdf::Prk,
    kept: Vec<(String, Secret)>,
    /// The newest last.
    pub(crate) masters: Vec<Opener>,
}

fn prk(secret: &Secret) -> hkdf::Prk {
    hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret.as_slice())
}

pub(crate) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, SealError> {
    let mut out = Zeroizing::new([0; N]);
    rand::fill(out.as_mut_slice()).map_err(|_| SealError::Library)?;
    Ok(out)
}

/// The root key that an earlier version had: HKDF's extract, which is an HMAC.
fn root_before(master: &MasterKey) -> Result<Root, SealError> {
    let salt = hmac::Key::new(hmac::HMAC_SHA256, b"warmline vault 1");
    let mut secret = Zeroizing::new([0; KEY_BYTES]);
    secret.copy_from_slice(hmac::sign(&salt, master.0.as_slice()).as_ref());
    let id = RootId(*expand::<ID_BYTES>(&prk(&secret), &[b"key id"])?);
    Root::new(id, secret, 0, None, true)
}

impl Ring {
    fn with(
        (older, current): (Vec<Arc<Root>>, Arc<Root>),
        identity: Secret,
        kept: Vec<(String, Secret)>,
        masters: Vec<Opener>,
    ) -> Self {
        let identity_prk = prk(&identity);
        Self { older, current, identity, identity_prk, kept, masters }
    }

    /// What an earlier version derived from its master key, without anything of its own.
    pub(crate) fn before(master: &MasterKey) -> Result<Self, SealError> {
        let root = root_before(master)?;
        let identity = root.secret.clone();
        let masters = vec![Opener::of(master)?];
        Ok(Self::with((Vec::new(), Arc::new(root)), identity, Vec::new(), masters))
    }

    /// A ring for data that an earlier version kept: its root key and what it recognises by.
    pub(crate) fn adopted(&self) -> Result<Self, SealError> {
        let key = |purpose: &&str| Ok(((*purpose).to_owned(), self.recognising(purpose)?));
        let kept = RECOGNISED_BEFORE.iter().map(key).collect::<Result<_, SealError>>()?;
        Ok(Self::with(self.all(), random()?, kept, self.masters_again()))
    }

    /// A ring for new data.
    pub(crate) fn fresh(&self, now: i64) -> Result<Self, SealError> {
        let root = Root::new(RootId(*random()?), random()?, now, None, false)?;
        Ok(Self::with((Vec::new(), Arc::new(root)), random()?, Vec::new(), self.masters_again()))
    }

    /// The same with another current root key; `None` if there are too many.
    pub(crate) fn with_new_root(&self, now: i64) -> Result<Option<Self>, SealError> {
        if self.count() >= ROOTS_MAX {
            return Ok(None);
        }
        let id = loop {
            let id = RootId(*random()?);
            if self.root(id).is_none() {
                break id;
            }
        };
        let older = self.roots().map(|root| {
            let retires = root.retiring_since.is_none();
            if retires { root.again(Some(now)).map(Arc::new) } else { Ok(Arc::clone(root)) }
        });
        let older = older.collect::<Result<Vec<_>, SealError>>()?;
        let current = Arc::new(Root::new(id, random()?, now, None, false)?);
        Ok(Some(self.with_roots((older, current))))
    }

    /// The same without a root key that retires.
    pub(crate) fn without(&self, gone: RootId) -> Self {
        let stays = |root: &&Arc<Root>| root.id != gone || root.retiring_since.is_none();
        let older = self.older.iter().filter(stays).cloned().collect();
        self.with_roots((older, Arc::clone(&self.current)))
    }

    /// The same with a note that stays: something was begun with these data. The key beside it is for nobody.
    pub(crate) fn with_note(&self, note: &str) -> Result<Self, SealError> {
        let mut kept = self.kept.clone();
        kept.push((note.to_owned(), random()?));
        Ok(Self::with(self.all(), self.identity.clone(), kept, self.masters_again()))
    }

    pub(crate) fn has_note(&self, note: &str) -> bool {
        self.kept.iter().any(|(name, _)| name == note)
    }

    fn all(&self) -> (Vec<Arc<Root>>, Arc<Root>) {
        (self.older.clone(), Arc::clone(&self.current))
    }

    fn with_roots(&self, roots: (Vec<Arc<Root>>, Arc<Root>)) -> Self {
        Self::with(roots, self.identity.clone(), self.kept.clone(), self.masters_again())
    }

    /// The same for whoever has the master key that opened it now (`in_use`), and for this one.
    pub(crate) fn with_master(&self, in_use: [u8; ID_BYTES], next: Opener) -> Self {
        let mut masters = self.masters_again();
        masters.retain(|opener| opener.id == in_use && opener.id != next.id);
        masters.push(next);
        self.with_masters(masters)
    }

    /// The same for the newest master key only.
    pub(crate) fn newest_master_only(&self) -> Self {
        let newest = self.masters.last().map(Opener::again);
        self.with_masters(newest.into_iter().collect())
    }

    fn with_masters(&self, masters: Vec<Opener>) -> Self {
        Self::with(self.all(), self.identity.clone(), self.kept.clone(), masters)
    }

    fn masters_again(&self) -> Vec<Opener> {
        self.masters.iter().map(Opener::again).collect()
    }

    /// The newest last.
    pub(crate) fn roots(&self) -> impl DoubleEndedIterator<Item = &Arc<Root>> {
        self.older.iter().chain(std::iter::once(&self.current))
    }

    fn count(&self) -> usize {
        self.older.len() + 1
    }

    pub(crate) fn current(&self) -> &Arc<Root> {
        &self.current
    }

    pub(crate) fn root(&self, id: RootId) -> Option<&Root> {
        self.roots().find(|root| root.id == id).map(|root| &**root)
    }

    pub(crate) fn root_of_version_1(&self) -> Option<&Root> {
        self.roots().find(|root| root.opens_version_1).map(|root| &**root)
    }

    /// The key that recognises for a purpose.
    pub(crate) fn recognising(&self, purpose: &str) -> Result<Secret, SealError> {
        match self.kept.iter().find(|(name, _)| name == purpose) {
            Some((_, key)) => Ok(key.clone()),
            None => expand(&self.identity_prk, &[b"purpose ", purpose.as_bytes()]),
        }
    }
}
