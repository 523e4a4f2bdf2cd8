//! Files: how full they are, and those of a tenant dropped.

use serde::{Deserialize, Serialize};

use super::{Done, Order};

/// How much room files take, and whose, is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "list_files")]
pub struct ListFiles {}

impl Order for ListFiles {
    type Done = FilesTaken;
}

/// Files of a tenant are to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "drop_files")]
pub struct DropFiles {
    /// Whose.
    pub tenant: String,
    /// Only what strangers brought.
    #[serde(default)]
    pub strangers: bool,
    /// Only what came before this moment, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

impl Order for DropFiles {
    type Done = FilesDropped;
}

/// The place of the files is to be taken for theirs as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename = "accept_files_place")]
pub struct AcceptFilesPlace {}

impl Order for AcceptFilesPlace {
    type Done = FilesPlaceAccepted;
}

impl Done for FilesPlaceAccepted {
    const NAME: &str = "files_place";
}

/// The place of the files is the known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesPlaceAccepted {
    /// It was another one before the order.
    pub changed: bool,
}

impl Done for FilesTaken {
    const NAME: &str = "files";
}

impl Done for FilesDropped {
    const NAME: &str = "files_dropped";
}

/// How much room files take, in sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesTaken {
    /// All of them.
    pub bytes: u64,
    /// What those of strangers take of it.
    pub of_strangers: u64,
    /// How much all may take.
    pub room: u64,
    /// How much those of one tenant may.
    pub room_of_tenant: u64,
    /// How much those of one tenant's strangers may.
    pub room_of_strangers: u64,
    /// Each tenant that has some.
    pub tenants: Vec<TenantFiles>,
}

/// The same of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantFiles {
    /// Which.
    pub tenant: String,
    /// All of theirs.
    pub bytes: u64,
    /// What those of strangers take of it.
    pub of_strangers: u64,
}

/// What was dropped of files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesDropped {
    /// How many.
    pub files: u64,
    /// What they took, in sealed bytes.
    pub bytes: u64,
    /// How many could not be dropped; the gateway's log says why.
    pub left: u64,
}
