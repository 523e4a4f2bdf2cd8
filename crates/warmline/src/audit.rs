//! `warmline audit`: who did what to which tenant. Read from the data directory, beside a gateway that
//! runs there or without one; the master key opens what is sealed in it.

use std::{io::Write, process::ExitCode};

use anyhow::{Context, bail};
use gateway::audit::{self, AuditBeside, Break, DeedName, Query, Record};
use vault::Vault;

use crate::config::{ConfigFile, Kept};

/// Records in a list unless asked otherwise.
const RECORDS_PER_LIST: usize = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    order: Option<Command>,
    /// Only records since then: a moment (`2026-01-31T08:00:00Z`), or so long ago (`24h`, `7d`).
    #[arg(long)]
    since: Option<String>,
    /// Only records about this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// Only this kind of deed, for instance `sign_in`.
    #[arg(long, value_parser = deed)]
    deed: Option<DeedName>,
    /// The newest so many; 0 for all.
    #[arg(long, default_value_t = RECORDS_PER_LIST)]
    limit: usize,
    /// Print a line of JSON for each record.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    file: ConfigFile,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Look whether a record was changed, removed or put in between. Exit code 1: one was.
    Verify {
        /// A head that an earlier run printed, as NUMBER:DIGEST: whether the trail still holds it.
        #[arg(long, value_name = "NUMBER:DIGEST", value_parser = head)]
        expect: Option<(u64, String)>,
    },
}

fn deed(word: &str) -> Result<DeedName, String> {
    DeedName::read(word).ok_or_else(|| {
        let words: Vec<_> = DeedName::ALL.iter().map(|name| name.as_str()).collect();
        format!("give one of: {}", words.join(", "))
    })
}

fn head(text: &str) -> Result<(u64, String), String> {
    let parts = text.split_once(':').and_then(|(number, digest)| {
        let digits = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some((number.parse().ok().filter(|_| digits)?, digest.to_lowercase()))
    });
    parts.ok_or_else(|| "give NUMBER:DIGEST as `warmline audit verify` prints it".to_owned())
}

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let environment = options.file.environment();
    let kept = Kept::read(&environment)?;
    let vault = Vault::new(&kept.master_key)?;
    gateway::keys::open_beside(&kept.data_dir, &vault)?;
    let Some(trail) = AuditBeside::open(&kept.data_dir)? else {
        bail!("this data has no audit trail yet; it begins with the next start of the gateway");
    };
    match &options.order {
        Some(Command::Verify { expect }) => verify(&trail, &vault, expect.as_ref(), options.json),
        None => {
            let query = query(options)?;
            let found = trail.find(&vault, &query)?;
            let mut out = std::io::stdout().lock();
            for record in &found {
                let line = if options.json { serde_json::to_string(record)? } else { line(record) };
                // A reader that goes away does not need the rest.
                if writeln!(out, "{line}").is_err() {
                    break;
                }
            }
            drop(out);
            let damaged: Vec<_> = found
                .iter()
                .filter(|record| record.damaged)
                .map(|record| record.number.to_string())
                .collect();
            if !damaged.is_empty() {
                bail!(
                    "of the audit trail cannot be read, because they or those before them were changed or \
                     removed: {}; see: warmline audit verify",
                    damaged.join(", ")
                );
            }
            if found.is_empty() && matches!(trail.verify(&vault, None)?, Err(Break::Gone)) {
                bail!("{GONE}");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

const GONE: &str = "there was an audit trail, and all of it is gone: put back a copy of the database, or find \
                    out who emptied it";

fn query(options: &Options) -> anyhow::Result<Query> {
    let tenant = options.tenant.as_deref().map(gateway::TenantId::new).transpose();
    let tenant = tenant.context("--tenant is no name of a tenant")?;
    let since = match options.since.as_deref() {
        Some(text) => Some(audit::moment(text).with_context(|| {
            format!(
                "--since {text} is neither a moment like 2026-01-31T08:00:00Z nor a time like 24h"
            )
        })?),
        None => None,
    };
    let tenants = tenant.map(|tenant| vec![tenant]);
    Ok(Query { since, tenants, deed: options.deed, newest: options.limit })
}

fn line(record: &Record) -> String {
    let tenant = record.tenant.as_deref().unwrap_or("-");
    let mut line = format!(
        "{:>6}  {}  {:<12}  {:<16}  {}",
        record.number,
        record.at,
        tenant,
        record.deed,
        record.who()
    );
    if let Some(about) = record.about() {
        line.extend(["  ", about]);
    }
    line.extend(["  ", record.outcome()]);
    if let Some(count) = record.count() {
        line.extend(["  x", &count.to_string()]);
    }
    line
}

fn verify(
    trail: &AuditBeside,
    vault: &Vault,
    expect: Option<&(u64, String)>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut verified = trail.verify(vault, expect)?;
    if verified.is_err() {
        // Old records may have been cut off while they were read.
        verified = trail.verify(vault, expect)?;
    }
    let mut out = std::io::stdout().lock();
    let said = match &verified {
        Ok(whole) if json => serde_json::json!({
            "whole": true, "oldest": whole.oldest, "records": whole.records,
            "head": whole.head.0, "digest": whole.head.1, "begun_anew": whole.anew,
        })
        .to_string(),
        Ok(whole) => format!(
            "The audit trail is whole: {} records from {} on. Its head is {}:{}; kept elsewhere, it \
             shows with --expect that no older copy was put in its place.",
            whole.records, whole.oldest, whole.head.0, whole.head.1
        ),
        Err(broken) if json => {
            serde_json::json!({ "whole": false, "problem": broken.to_string() }).to_string()
        }
        Err(broken) => format!("The audit trail is NOT whole: {broken}."),
    };
    writeln!(out, "{said}").ok();
    if let Ok(audit::Verified { anew: Some(number), .. }) = &verified
        && !json
    {
        writeln!(
            out,
            "Record {number} says that the trail before it was found gone: what is before is in no record."
        )
        .ok();
    }
    Ok(match verified {
        Ok(_) => ExitCode::SUCCESS,
        Err(
            Break::Gone
            | Break::Cut
            | Break::Missing { .. }
            | Break::Changed { .. }
            | Break::Head { .. }
            | Break::Elsewhere { .. },
        ) => ExitCode::FAILURE,
    })
}
