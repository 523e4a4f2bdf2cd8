//! The master key and where it comes from.

use std::{
    fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use zeroize::{Zeroize, Zeroizing};

/// The length of every key here, in bytes.
pub(crate) const KEY_BYTES: usize = 32;

/// The fewest different bytes of a good key: random ones have about thirty, and never so few.
const BYTES_DIFFERENT_MIN: usize = 8;

/// The longest key file read, in bytes: 64 digits and some white space.
const KEY_FILE_BYTES_MAX: u64 = 1_024;

/// The key that everything else hangs on. Losing it loses every message.
pub struct MasterKey(pub(crate) Zeroizing<[u8; KEY_BYTES]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 64 hexadecimal digits.
    #[error(
        "the master key must be 64 hexadecimal digits (32 bytes); make one with: openssl rand -hex 32"
    )]
    Malformed,
    /// The key file cannot be read.
    #[error("cannot read the master key file {}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A new key file cannot be written.
    #[error("cannot make the master key file {}", path.display())]
    Unwritable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others than the owner can read the key file.
    #[error("the master key file {} can be read by others; run: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl MasterKey {
    /// Reads a key written as 64 hexadecimal digits; white space around it is ignored.
    pub fn from_hex(text: &str) -> Result<Self, MasterKeyError> {
        let digits = text.trim().as_bytes();
        if digits.len() != KEY_BYTES * 2 {
            return Err(MasterKeyError::Malformed);
        }
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            let (high, low) = digit(0).zip(digit(1)).ok_or(MasterKeyError::Malformed)?;
            // Two digits of four bits each fit.
            *byte = u8::try_from(high << 4 | low).map_err(|_| MasterKeyError::Malformed)?;
        }
        Ok(Self(key))
    }

    /// Reads a key file. It must not be readable by others.
    pub fn from_file(path: &Path) -> Result<Self, MasterKeyError> {
        let unreadable = |source| MasterKeyError::Unreadable { path: path.to_owned(), source };
        let file = fs::File::open(path).map_err(unreadable)?;
        if exposed(&file.metadata().map_err(unreadable)?, is_credential(path)) {
            return Err(MasterKeyError::Exposed { path: path.to_owned() });
        }
        let mut text = Zeroizing::new(String::new());
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        Self::from_hex(&text)
    }

    /// Reads the key file, or makes one with a fresh key (mode 0600, synced to disk before anything
    /// can be sealed with it).
    pub fn from_file_or_new(path: &Path) -> Result<Self, MasterKeyError> {
        match Self::from_file(path) {
            Err(MasterKeyError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Self::make_file(path)
            }
            read => read,
        }
    }

    fn make_file(path: &Path) -> Result<Self, MasterKeyError> {
        let key = Self::generate()?;
        key.write_to(path)?;
        Ok(key)
    }

    /// A fresh random secret of this length, as text: 64 hexadecimal digits. For whoever needs one
    /// that no person chooses.
    pub fn fresh_secret() -> Result<String, MasterKeyError> {
        Ok(Self::generate()?.to_hex().to_string())
    }

    /// Writes the key to a file (mode 0600), synced to disk; replaces what is there.
    pub fn write_to(&self, path: &Path) -> Result<(), MasterKeyError> {
        let unwritable = |source| MasterKeyError::Unwritable { path: path.to_owned(), source };
        let mut text = self.to_hex();
        text.push('\n');
        // A crash must not leave half a key under the real name.
        let unfinished = path.with_extension("new");
        let mut file = new_private_file(&unfinished).map_err(unwritable)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)?;
        Self::put_in_place(&unfinished, path)
    }

    /// Puts a key file that is complete in the place of another one, or of none: whoever is killed
    /// leaves the one or the other.
    pub fn put_in_place(new: &Path, path: &Path) -> Result<(), MasterKeyError> {
        let unwritable = |source| MasterKeyError::Unwritable { path: path.to_owned(), source };
        fs::rename(new, path).map_err(unwritable)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
        }
        Ok(())
    }

    /// Whether it repeats a few bytes, as nothing random does: somebody typed it.
    pub fn is_weak(&self) -> bool {
        let mut bytes = self.0.clone();
        bytes.sort_unstable();
        bytes.chunk_by(|one, next| one == next).count() < BYTES_DIFFERENT_MIN
    }

    /// Whether it is nothing but zeros: nobody filled it in.
    pub fn is_blank(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Whether a service manager hands this file to the process, which then cannot replace it.
    pub fn is_handed_over(path: &Path) -> bool {
        is_credential(path)
    }

    /// As it stands in a key file: 64 hexadecimal digits.
    pub fn to_hex(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(KEY_BYTES * 2 + 1));
        for byte in self.0.iter() {
            for half in [byte >> 4, byte & 0xf] {
                text.extend(char::from_digit(u32::from(half), 16));
            }
        }
        text
    }

    /// A fresh random key.
    pub fn generate() -> Result<Self, MasterKeyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        rand::fill(key.as_mut_slice()).map_err(|_| MasterKeyError::NoRandomness)?;
        Ok(Self(key))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whether a service manager hands this file to this process only (systemd's `LoadCredential`). It
/// lets the process in by an access list, which shows as a right of the file's group.
fn is_credential(path: &Path) -> bool {
    std::env::var_os("CREDENTIALS_DIRECTORY")
        .is_some_and(|folder| !folder.is_empty() && path.starts_with(folder))
}

#[cfg(unix)]
fn exposed(metadata: &fs::Metadata, credential: bool) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let others = if credential { 0o037 } else { 0o077 };
    metadata.permissions().mode() & others != 0
}

#[cfg(not(unix))]
fn exposed(_: &fs::Metadata, _: bool) -> bool {
    false
}

fn new_private_file(path: &Path) -> io::Result<fs::File> {
    // Left behind by a crash in the middle of making the first key: nothing was sealed with it.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_digits_and_nothing_else() {
        let good = "00ff".repeat(16);
        assert_eq!(MasterKey::from_hex(&format!(" {good}\n")).unwrap().0[..2], [0x00, 0xff]);
        for bad in ["", "00", &"0".repeat(63), &"0".repeat(65), &"zz".repeat(32), &"+f".repeat(32)]
        {
            assert!(matches!(MasterKey::from_hex(bad), Err(MasterKeyError::Malformed)), "{bad}");
        }
    }

    #[test]
    fn a_key_file_is_made_once_and_read_ever_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = MasterKey::from_file_or_new(&path).unwrap();
        let read = MasterKey::from_file_or_new(&path).unwrap();
        assert_eq!(made.0, read.0);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::from_file_or_new(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(MasterKey::from_file(&path), Err(MasterKeyError::Exposed { .. })));
    }

    #[test]
    fn a_broken_key_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        new_private_file(&path).unwrap().write_all(b"half a key").unwrap();
        assert!(matches!(MasterKey::from_file_or_new(&path), Err(MasterKeyError::Malformed)));
        assert_eq!(fs::read(&path).unwrap(), b"half a key");
    }

    #[test]
    fn a_fresh_secret_is_64_digits_and_never_the_same() {
        let (one, two) = (MasterKey::fresh_secret().unwrap(), MasterKey::fresh_secret().unwrap());
        assert!(one.len() == 64 && one.chars().all(|digit| digit.is_ascii_hexdigit()), "{one}");
        assert_ne!(one, two);
    }

    #[test]
    fn a_key_that_repeats_a_few_bytes_is_weak() {
        for digits in ["00", "ff", "ab", "0123", "deadbeef"] {
            let key = MasterKey::from_hex(&digits.repeat(64 / digits.len())).unwrap();
            assert!(key.is_weak(), "{digits}");
            assert_eq!(key.is_blank(), digits == "00", "{digits}");
        }
        assert!((0..1_000).all(|_| !MasterKey::generate().unwrap().is_weak()));
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = MasterKey::from_hex(&"ab".repeat(32)).unwrap();
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }
}
