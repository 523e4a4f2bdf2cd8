//! One person's data: given out, erased.

use serde::{Deserialize, Serialize};

use super::{Done, Order, line_of};
use crate::person::Erased;

/// A person's data is to be given out. It is answered by many lines: see `person::export`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "export_person")]
pub struct ExportPerson {
    /// Whose user they are.
    pub tenant: String,
    /// Their id at the channel, or at the desk.
    pub user: String,
}

impl ExportPerson {
    /// As it goes over the socket.
    pub fn to_line(&self) -> Vec<u8> {
        line_of(self)
    }
}

/// A person's data is to be erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "erase_person")]
pub struct ErasePerson {
    /// Whose user they are.
    pub tenant: String,
    /// Their id at the channel, or at the desk.
    pub user: String,
}

impl Order for ErasePerson {
    type Done = Erased;
}

impl Done for Erased {
    const NAME: &str = "erased";
}
