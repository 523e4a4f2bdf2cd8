//! The audit trail: append-only, read from either end.

use session::id::{TenantId, Timestamp};

use crate::StoreError;

/// Where the audit trail can be read.
pub trait AuditSource {
    /// Records with greater numbers, oldest first, at most `limit`.
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// Records with numbers up to and including `upto`, newest first, at most `limit`.
    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError>;

    /// The newest record there ever was; `None` before the first.
    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError>;

    /// Up to where records were cut off; `None` if none were.
    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError>;
}

/// A record of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// From 1, without gaps.
    pub number: u64,
    /// When it was written.
    pub at: Timestamp,
    /// Whose affair it is; `None` for the installation's own.
    pub tenant: Option<TenantId>,
    /// What was done, by its name.
    pub deed: Box<str>,
    /// The rest of it.
    pub sealed: Vec<u8>,
}

/// A mark in the audit trail: its newest record, or the newest of those that were cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditMark {
    /// The record's number.
    pub number: u64,
    /// What the record after it is bound to.
    pub link: Vec<u8>,
    /// Proof that whoever made the records made the mark.
    pub sealed: Vec<u8>,
}
