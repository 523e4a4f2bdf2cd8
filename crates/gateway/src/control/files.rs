//! What an operator does with files: sees how full they are, and drops those of a tenant.

use std::sync::Arc;

use session::id::{TenantId, Timestamp};

use crate::{
    audit::{Audit, Deed, Entry, Who},
    control::{
        DropFiles, FilesDropped, FilesPlaceAccepted, FilesTaken, Outcome, Refusal, TenantFiles,
    },
    files::{FileError, Files, Which},
};

/// The files, for an operator.
pub(crate) struct Storeroom {
    pub(crate) files: Arc<Files>,
    pub(crate) audit: Audit,
}

impl Storeroom {
    /// How full they are.
    pub(super) fn taken(&self) -> FilesTaken {
        let rules = self.files.rules();
        let (all, tenants) = self.files.fill();
        let tenants = tenants.into_iter().map(|(tenant, fill)| TenantFiles {
            tenant: tenant.as_str().to_owned(),
            bytes: fill.bytes,
            of_strangers: fill.strangers,
        });
        FilesTaken {
            bytes: all.bytes,
            of_strangers: all.strangers,
            room: rules.all_bytes,
            room_of_tenant: rules.tenant_bytes,
            room_of_strangers: rules.strangers_bytes,
            tenants: tenants.collect(),
        }
    }

    /// Drops those that were ordered; that is one line in the log.
    pub(super) async fn dropped(&self, order: DropFiles, who: Who) -> Outcome<FilesDropped> {
        let DropFiles { tenant, strangers, before } = order;
        let has_files = TenantId::new(&tenant).ok().filter(|tenant| self.files.has(tenant));
        let tenant = has_files.ok_or_else(|| {
            Refusal::new(
                "no_files",
                format!("the tenant {tenant} has no files; `warmline files list` shows who has"),
            )
        })?;
        let before = before.as_deref().map(moment).transpose()?;
        let which = Which { tenant, strangers, before };
        let dropped = self.files.drop_those(&which).await;
        let outcome = if dropped.is_ok() { "done" } else { "failed" };
        let entry =
            Entry::new(who, Deed::FilesDropped).of(Some(which.tenant.clone())).with(outcome);
        self.audit.record_now(entry).await;
        let dropped = dropped.map_err(|error| failed(&error))?;
        tracing::info!(
            tenant = which.tenant.as_str(),
            strangers,
            files = dropped.files,
            bytes = dropped.bytes,
            left = dropped.left,
            "an operator dropped files"
        );
        Ok(dropped)
    }

    /// Takes the place of the files for theirs as it is.
    pub(super) async fn accepted(&self, who: Who) -> Outcome<FilesPlaceAccepted> {
        let accepted = self.files.accept_place().await;
        let outcome = match accepted {
            Ok(true) => "done",
            Ok(false) => "unchanged",
            Err(_) => "failed",
        };
        self.audit.record_now(Entry::new(who, Deed::FilesPlaceAccepted).with(outcome)).await;
        let changed = accepted.map_err(|error| failed(&error))?;
        Ok(FilesPlaceAccepted { changed })
    }
}

/// A moment as an operator writes it.
fn moment(text: &str) -> Result<Timestamp, Refusal> {
    let at = text.parse::<jiff::Timestamp>().map_err(|_| {
        Refusal::new("bad_time", "the time is to be as in 2026-11-30T08:00:00Z".to_owned())
    })?;
    Ok(Timestamp(at.as_millisecond()))
}

fn failed(error: &FileError) -> Refusal {
    if let FileError::Elsewhere(elsewhere) = error {
        return Refusal::new("files_away", elsewhere.to_string());
    }
    tracing::error!(
        error = error as &dyn std::error::Error,
        "an operator's order about files cannot be carried out"
    );
    Refusal::new("failed", "the disk or the bucket failed; see the gateway's log")
}
