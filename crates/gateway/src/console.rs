//! The operator's password: kept as an argon2id hash, never as it is.
//!
//! What is configured is a PHC string (`$argon2id$v=19$m=…,t=…,p=…$salt$hash`), as `warmline
//! console-password` prints it. Parameters that would make each attempt a burden are refused when
//! the configuration is read.

use std::fmt;

use argon2::{
    ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{PasswordHash as Phc, SaltString},
};
use secrecy::{ExposeSecret, SecretString};
use session::id::TenantId;
use vault::MasterKey;

/// What the operator is called whose password stands alone in the configuration.
pub const ADMIN: &str = "admin";

/// What an operator may do. Each may what the ones before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// End chats, send dead letters again and drop them.
    Operator,
    /// Read the audit trail.
    Admin,
}

impl Role {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// An operator as the configuration has them.
#[derive(Clone)]
pub struct OperatorSetup {
    /// By which they sign in.
    pub name: Box<str>,
    /// The argon2id hash (PHC string) of their password.
    pub password_hash: SecretString,
    /// What they may do.
    pub role: Role,
    /// Whose affairs they see; `None` for everybody's.
    pub tenants: Option<Vec<TenantId>>,
}

impl PartialEq for OperatorSetup {
    fn eq(&self, other: &Self) -> bool {
        let Self { name, password_hash, role, tenants } = self;
        *name == other.name
            && password_hash.expose_secret() == other.password_hash.expose_secret()
            && *role == other.role
            && *tenants == other.tenants
    }
}

impl fmt::Debug for OperatorSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, tenants, .. } = self;
        let mut shown = f.debug_struct("OperatorSetup");
        shown.field("name", name).field("role", role).field("tenants", tenants);
        shown.finish_non_exhaustive()
    }
}

/// Memory of one attempt, in KiB: 64 MiB. Two attempts run at a time; more memory is a burden that a
/// stranger could make us carry.
const MEMORY_KIB_MAX: u32 = 64 * 1_024;

/// Passes over that memory.
const PASSES_MAX: u32 = 16;

/// Memory and passes of the hashes made here: the first choice of OWASP's list.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;

/// The least work that makes guessing slow for whoever has taken a hash, in passes over a KiB: the
/// lightest choice of OWASP's list (m=7168, t=5).
pub const WORK_ADVISED: u64 = 7 * 1_024 * 5;

/// The shortest password that a hash is made of, in characters. One that guards people's chats is
/// guessed at over the network only, and slowly.
pub const PASSWORD_CHARS_MIN: usize = 12;

/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// Hexadecimal digits of a salt; in the alphabet of PHC strings they stand for 24 bytes, which hold
/// 16 bytes of chance.
const SALT_DIGITS: usize = 32;

/// Why there is no usable password hash.
#[derive(Debug, thiserror::Error)]
pub enum PasswordHashError {
    /// Not a PHC string, or of another function.
    #[error(
        "is no argon2id hash such as $argon2id$v=19$m=19456,t=2,p=1$…; make one with: warmline \
         console-password"
    )]
    Malformed,
    /// It would take too much to check.
    #[error(
        "asks for too much work; at most m={MEMORY_KIB_MAX} (KiB) and t={PASSES_MAX} are taken; \
         make another with: warmline console-password"
    )]
    TooCostly,
    /// The password is too short.
    #[error("the password needs {PASSWORD_CHARS_MIN} characters at least")]
    TooShort,
    /// The password is too long.
    #[error("the password may have {PASSWORD_BYTES_MAX} bytes at most")]
    TooLong,
    /// The system has no randomness, or no memory, to give.
    #[error("the system gives neither randomness nor memory for a hash")]
    System,
}

/// A password's hash. It does not print.
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// Reads a PHC string.
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let phc = Phc::new(text.trim()).map_err(|_| PasswordHashError::Malformed)?;
        let params = Params::try_from(&phc).map_err(|_| PasswordHashError::Malformed)?;
        let version = phc.version.is_none_or(|version| version == u32::from(Version::V0x13));
        if phc.algorithm != ARGON2ID_IDENT || !version || phc.hash.is_none() || phc.salt.is_none() {
            return Err(PasswordHashError::Malformed);
        }
        if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX {
            return Err(PasswordHashError::TooCostly);
        }
        Ok(Self(text.trim().into()))
    }

    /// The hash of a password. Takes a moment, and blocks for it.
    pub fn of(password: &SecretString) -> Result<Self, PasswordHashError> {
        let password = password.expose_secret();
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordHashError::TooLong);
        }
        if password.chars().count() < PASSWORD_CHARS_MIN {
            return Err(PasswordHashError::TooShort);
        }
        let chance = MasterKey::fresh_secret().map_err(|_| PasswordHashError::System)?;
        let digits = chance.get(..SALT_DIGITS).ok_or(PasswordHashError::System)?;
        let salt = SaltString::from_b64(digits).map_err(|_| PasswordHashError::System)?;
        let params = Params::new(MEMORY_KIB, PASSES, 1, None);
        let params = params.map_err(|_| PasswordHashError::System)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let phc = argon2.hash_password(password.as_bytes(), &salt);
        Ok(Self(phc.map_err(|_| PasswordHashError::System)?.to_string().into()))
    }

    /// The PHC string.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// How much work a check of it is, in passes over a KiB.
    pub fn work(&self) -> u64 {
        let params = Phc::new(self.expose()).ok().and_then(|phc| Params::try_from(&phc).ok());
        params.map_or(0, |params| u64::from(params.m_cost()) * u64::from(params.t_cost()))
    }

    /// Whether it is this password's. Takes a moment, and blocks for it; always the same moment.
    pub fn is_of(&self, password: &SecretString) -> Result<bool, PasswordHashError> {
        let phc = Phc::new(self.expose()).map_err(|_| PasswordHashError::Malformed)?;
        match Argon2::default().verify_password(password.expose_secret().as_bytes(), &phc) {
            Ok(()) => Ok(true),
            Err(argon2::password_hash::Error::Password) => Ok(false),
            Err(_) => Err(PasswordHashError::System),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let password: SecretString = "correct horse battery".into();
        let hash = PasswordHash::of(&password).unwrap();
        let again = PasswordHash::parse(hash.expose()).unwrap();
        assert!(again.is_of(&password).unwrap());
        for other in ["", "correct horse", "correct horse battery ", "Correct horse battery"] {
            assert!(!again.is_of(&other.into()).unwrap(), "{other:?}");
        }
        let other = PasswordHash::of(&password).unwrap();
        assert_ne!(other.expose(), hash.expose(), "each has a salt of its own");
    }

    #[test]
    fn what_cannot_be_checked_is_not_called_wrong() {
        let password: SecretString = "correct horse battery".into();
        let hash = PasswordHash("no hash".into());
        assert!(matches!(hash.is_of(&password), Err(PasswordHashError::Malformed)));
        let hash = PasswordHash::of(&password).unwrap();
        let hash = PasswordHash(hash.expose().replace("m=19456", "m=1").into());
        assert!(hash.is_of(&password).is_err(), "the function takes more memory than that");
    }

    #[test]
    fn only_argon2id_that_is_bearable_is_taken() {
        let good = PasswordHash::of(&"correct horse battery".into()).unwrap();
        assert!(good.work() >= WORK_ADVISED, "what is made here is no weak one");
        let good = good.expose();
        for bad in [
            "",
            "secret",
            "$2b$12$eImiTXuWVxfM37uY4JANjQ==",
            &good.replace("argon2id", "argon2i"),
            &good.replace("argon2id", "argon2d"),
            &good.replace("v=19", "v=16"),
            good.rsplit_once('$').unwrap().0,
        ] {
            let refused = PasswordHash::parse(bad);
            assert!(matches!(refused, Err(PasswordHashError::Malformed)), "{bad}");
        }
        for costly in [good.replace("m=19456", "m=1048576"), good.replace("t=2", "t=1000")] {
            let refused = PasswordHash::parse(&costly);
            assert!(matches!(refused, Err(PasswordHashError::TooCostly)), "{costly}");
        }
        assert!(PasswordHash::parse(&format!(" {good}\n")).is_ok(), "a mounted file ends a line");
    }

    #[test]
    fn a_password_that_is_too_short_or_too_long_gets_no_hash() {
        let of = |text: &str| PasswordHash::of(&text.into());
        assert!(matches!(of("eleven char"), Err(PasswordHashError::TooShort)));
        assert!(matches!(of(&"x".repeat(1_025)), Err(PasswordHashError::TooLong)));
    }

    #[test]
    fn a_hash_does_not_print() {
        let hash = PasswordHash::of(&"correct horse battery".into()).unwrap();
        assert_eq!(format!("{hash:?} {hash:#?}"), "PasswordHash PasswordHash");
    }
}
