//! What an operator does with files: sees how full they are, and drops those of a tenant.

use std::sync::Arc;

use session::id::{TenantId, Timestamp};

use crate::{
    audit::{Audit, Deed, Entry, Who},
    control::{
        Answer, Outcome, Refusal,
        wire::{FilesOrder, FilesTaken, TenantFiles},
    },
    files::{FileError, Files, Which},
};

/// The files, for an operator.
pub(crate) struct Storeroom {
    pub(crate) files: Arc<Files>,
    pub(crate) audit: Audit,
}

impl Storeroom {
    /// Does what was ordered. What is dropped is one line in the log.
    pub(super) async fn carry_out(&self, order: FilesOrder, who: Who) -> Answer {
        match order {
            FilesOrder::ListFiles => Outcome::Files(self.taken()).into(),
            FilesOrder::DropFiles { tenant, strangers, before } => {
                match self.dropped(&tenant, strangers, before.as_deref(), who).await {
                    Ok(outcome) => outcome.into(),
                    Err(refusal) => refusal.into(),
                }
            }
        }
    }

    fn taken(&self) -> FilesTaken {
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

    async fn dropped(
        &self,
        tenant: &str,
        strangers: bool,
        before: Option<&str>,
        who: Who,
    ) -> Result<Outcome, Refusal> {
        let has_files = TenantId::new(tenant).ok().filter(|tenant| self.files.has(tenant));
        let tenant = has_files.ok_or_else(|| {
            Refusal::new(
                "no_files",
                format!("the tenant {tenant} has no files; `warmline files list` shows who has"),
            )
        })?;
        let before = before.map(moment).transpose()?;
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
        Ok(Outcome::FilesDropped(dropped))
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
    tracing::error!(error = error as &dyn std::error::Error, "files cannot be dropped");
    Refusal::new("failed", "the disk or the bucket failed; see the gateway's log")
}
