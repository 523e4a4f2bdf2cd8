//! Small named values of the installation itself.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

pub(super) fn find(reader: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = reader.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
}

/// Those whose names begin so, in order. A database that is older than the table has none.
pub(super) fn beginning(
    reader: &Connection,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    if !reader.table_exists(None, "setting")? {
        return Ok(Vec::new());
    }
    let mut statement = reader.prepare(
        "SELECT name, value
         FROM setting
         WHERE substr(name, 1, length(?1)) = ?1
         ORDER BY name",
    )?;
    let rows = statement.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn keep(writer: &Connection, name: &str, value: &[u8]) -> Result<(), StoreError> {
    let mut statement = writer.prepare_cached(
        "INSERT INTO setting (name, value)
         VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE
         SET value = excluded.value",
    )?;
    statement.execute(params![name, value])?;
    Ok(())
}

/// Replaces a value that still is `before`; says whether it was.
pub(super) fn replace(
    writer: &Connection,
    name: &str,
    before: &[u8],
    value: &[u8],
) -> Result<bool, StoreError> {
    let mut statement =
        writer.prepare_cached("UPDATE setting SET value = ?3 WHERE name = ?1 AND value = ?2")?;
    Ok(statement.execute(params![name, before, value])? == 1)
}

/// Forgets a value that still is `before`.
pub(super) fn forget(writer: &Connection, name: &str, before: &[u8]) -> Result<(), StoreError> {
    let mut statement =
        writer.prepare_cached("DELETE FROM setting WHERE name = ?1 AND value = ?2")?;
    statement.execute(params![name, before])?;
    Ok(())
}

/// Writes all of them anew, on pages that were emptied before. Where rows were moved from page to page, copies
/// of them may be left behind those that are there, and what deletes a row does not find them.
pub(super) fn rewrite(transaction: &Connection) -> Result<(), StoreError> {
    let all = beginning(transaction, "")?;
    transaction.execute("DELETE FROM setting", [])?;
    all.iter().try_for_each(|(name, value)| keep(transaction, name, value))
}
