//! Small named values of the installation itself.

use rusqlite::{Connection, OptionalExtension, params};

use crate::StoreError;

pub(super) fn find(reader: &Connection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = reader.prepare_cached("SELECT value FROM setting WHERE name = ?1")?;
    Ok(statement.query_row([name], |row| row.get(0)).optional()?)
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
