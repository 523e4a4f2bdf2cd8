//! The keys that everything is sealed under: seen, rotated, retired.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Done, Order, hidden, shown};
use crate::keys::KeysSeen;

/// What an operator wants of the root keys, and of those that pages seal to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum KeysOrder {
    /// How far they are.
    KeysStatus,
    /// Another root key is to be current.
    RotateKeys,
    /// An old root key is to go now.
    RetireKey {
        /// Which.
        root: String,
    },
    /// Another key for messages is to be the one that pages seal to, and those before it are to end.
    RotateMessages,
}

/// The keys as they are then.
impl Order for KeysOrder {
    type Done = KeysSeen;
}

impl Done for KeysSeen {
    const NAME: &str = "keys";
}

/// What an operator wants of the master key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum MasterOrder {
    /// A second master key is to open the data as well.
    BeginMaster {
        /// One that does now.
        #[serde(serialize_with = "shown", deserialize_with = "hidden")]
        in_use: SecretString,
        /// The one to come.
        #[serde(serialize_with = "shown", deserialize_with = "hidden")]
        next: SecretString,
    },
    /// Every other master key is to be forgotten.
    FinishMaster {
        /// The one that stays.
        #[serde(serialize_with = "shown", deserialize_with = "hidden")]
        newest: SecretString,
    },
}

impl Order for MasterOrder {
    type Done = MasterKeys;
}

/// The master keys that open the data are those ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MasterKeys;

impl Done for MasterKeys {
    const NAME: &str = "master_key";
}
