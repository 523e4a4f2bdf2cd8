//! The sealed secrets of the configuration: kept, forgotten.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{Done, Order, hidden, shown};

/// What an operator wants of a sealed secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum SecretOrder {
    /// It is to be kept, instead of an earlier one of its name.
    KeepSecret {
        /// How the configuration calls it.
        name: String,
        /// It.
        #[serde(serialize_with = "shown", deserialize_with = "hidden")]
        value: SecretString,
    },
    /// It is to be forgotten.
    ForgetSecret {
        /// Which.
        name: String,
    },
}

impl Order for SecretOrder {
    type Done = SecretName;
}

/// The secret of this name is kept, or forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretName(pub String);

impl Done for SecretName {
    const NAME: &str = "secret";
}
