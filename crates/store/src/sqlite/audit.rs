//! The audit trail: records that only arrive, and its two marks.
//!
//! That records are not changed, not removed beyond the mark and leave no gap is the schema's rule
//! (`0007_audit.sql`), not this module's.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, Rows, TransactionBehavior, params};
use session::id::{TenantId, Timestamp};

use super::column::{Columns, limited, signed};
use super::{SqliteStore, connect, files, settings};
use crate::{AuditMark, AuditRow, AuditSource, StoreError};

const TABLE: &str = "audit";
const MARKS: &str = "audit_mark";

const CUT: &str = "cut";
const HEAD: &str = "head";

/// Keeps the trail's key and sets its head, in one transaction.
pub(super) fn begin(
    writer: &mut Connection,
    (name, key): (&str, &[u8]),
    head: &AuditMark,
) -> Result<(), StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    settings::keep(&transaction, name, key)?;
    set_mark(&transaction, HEAD, head)?;
    Ok(transaction.commit()?)
}

/// Appends records and moves the head, in one transaction.
pub(super) fn append(
    writer: &mut Connection,
    rows: &[AuditRow],
    head: &AuditMark,
) -> Result<(), StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut statement = transaction.prepare_cached(
            "INSERT INTO audit (number, at, tenant, deed, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for row in rows {
            statement.execute(params![
                signed(row.number, TABLE, row.number)?,
                row.at.0,
                row.tenant.as_ref().map(TenantId::as_str),
                row.deed,
                row.sealed,
            ])?;
        }
    }
    set_mark(&transaction, HEAD, head)?;
    Ok(transaction.commit()?)
}

/// Moves the cut and removes what is behind it, in one transaction; says how many records went.
pub(super) fn cut(writer: &mut Connection, mark: &AuditMark) -> Result<usize, StoreError> {
    let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    set_mark(&transaction, CUT, mark)?;
    let upto = signed(mark.number, MARKS, CUT)?;
    let gone = transaction.execute("DELETE FROM audit WHERE number <= ?1", [upto])?;
    transaction.commit()?;
    Ok(gone)
}

fn set_mark(writer: &Connection, kind: &str, mark: &AuditMark) -> Result<(), StoreError> {
    let mut statement = writer.prepare_cached(
        "INSERT INTO audit_mark (kind, number, link, sealed)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kind) DO UPDATE
         SET number = excluded.number, link = excluded.link, sealed = excluded.sealed",
    )?;
    let number = signed(mark.number, MARKS, kind)?;
    statement.execute(params![kind, number, mark.link, mark.sealed])?;
    Ok(())
}

pub(super) fn after(
    reader: &Connection,
    after: u64,
    limit: usize,
) -> Result<Vec<AuditRow>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT number, at, tenant, deed, sealed
         FROM audit
         WHERE number > ?1
         ORDER BY number
         LIMIT ?2",
    )?;
    records(statement.query([signed(after, TABLE, after)?, limited(limit)])?)
}

pub(super) fn upto(
    reader: &Connection,
    upto: u64,
    limit: usize,
) -> Result<Vec<AuditRow>, StoreError> {
    let mut statement = reader.prepare_cached(
        "SELECT number, at, tenant, deed, sealed
         FROM audit
         WHERE number <= ?1
         ORDER BY number DESC
         LIMIT ?2",
    )?;
    // No record has a greater number than this.
    let upto = i64::try_from(upto).unwrap_or(i64::MAX);
    records(statement.query([upto, limited(limit)])?)
}

fn records(mut rows: Rows<'_>) -> Result<Vec<AuditRow>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> Result<AuditRow, StoreError> {
    let number: i64 = row.get("number")?;
    let columns = Columns { row, table: TABLE, key: &number };
    Ok(AuditRow {
        number: columns.unsigned("number")?,
        at: Timestamp(columns.get("at")?),
        tenant: columns.optional_id("tenant", TenantId::new)?,
        deed: columns.text("deed")?,
        sealed: columns.get("sealed")?,
    })
}

fn mark(reader: &Connection, kind: &str) -> Result<Option<AuditMark>, StoreError> {
    let mut statement =
        reader.prepare_cached("SELECT number, link, sealed FROM audit_mark WHERE kind = ?1")?;
    let found = statement
        .query_row([kind], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        })
        .optional()?;
    let Some((number, link, sealed)) = found else { return Ok(None) };
    let number = u64::try_from(number)
        .map_err(|_| super::column::damaged(MARKS, kind, "a number below zero"))?;
    Ok(Some(AuditMark { number, link, sealed }))
}

pub(super) fn cut_mark(reader: &Connection) -> Result<Option<AuditMark>, StoreError> {
    mark(reader, CUT)
}

pub(super) fn head(reader: &Connection) -> Result<Option<AuditMark>, StoreError> {
    mark(reader, HEAD)
}

/// The trail of a store that somebody else may have open: read without its lock.
pub struct AuditBeside(std::sync::Mutex<Connection>);

impl AuditBeside {
    /// Opens it; `None` where there is no store, or one that is older than the trail. Blocks.
    pub fn open(dir: &Path) -> Result<Option<Self>, StoreError> {
        connect::require_safe_sqlite()?;
        let Some(file) = files::database_in(dir) else { return Ok(None) };
        let reader = connect::reader(&file)?;
        let there = reader.table_exists(None, TABLE)?;
        Ok(there.then(|| Self(std::sync::Mutex::new(reader))))
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> T) -> T {
        work(&self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl AuditSource for AuditBeside {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| self::after(reader, after, limit))
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| self::upto(reader, upto, limit))
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(head)
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(cut_mark)
    }
}

impl AuditSource for SqliteStore {
    fn audit_after(&self, after: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| self::after(reader, after, limit))
    }

    fn audit_upto(&self, upto: u64, limit: usize) -> Result<Vec<AuditRow>, StoreError> {
        self.read(|reader| self::upto(reader, upto, limit))
    }

    fn audit_head(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(|reader| head(reader))
    }

    fn audit_cut(&self) -> Result<Option<AuditMark>, StoreError> {
        self.read(|reader| cut_mark(reader))
    }
}
