//! From columns to the house's types, and from SQLite's errors to the store's.

use std::fmt::Display;

use rusqlite::Row;
use rusqlite::types::FromSql;
use session::id::IdError;

use crate::StoreError;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => {
                Self::Full { folder: None, source: Box::new(error) }
            }
            _ => Self::Database(Box::new(error)),
        }
    }
}

/// A row that the schema should have made impossible.
pub(super) fn damaged(
    table: &'static str,
    key: impl Display,
    what: impl Into<String>,
) -> StoreError {
    StoreError::Damaged { table, key: key.to_string(), what: what.into() }
}

/// A row being read: knows what to blame when a column is not what it should be.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a, 'stmt> {
    pub(super) row: &'a Row<'stmt>,
    pub(super) table: &'static str,
    /// What the row is called in an error.
    pub(super) key: &'a dyn Display,
}

impl Columns<'_, '_> {
    pub(super) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, StoreError> {
        self.row.get(column).map_err(|error| self.blame(column, &error))
    }

    /// An id or another text that has a type of its own.
    pub(super) fn id<T>(
        &self,
        column: &'static str,
        make: fn(&str) -> Result<T, IdError>,
    ) -> Result<T, StoreError> {
        let text =
            self.row.get_ref(column)?.as_str().map_err(|error| self.blame(column, &error))?;
        make(text).map_err(|error| self.blame(column, &error))
    }

    pub(super) fn optional_id<T>(
        &self,
        column: &'static str,
        make: fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, StoreError> {
        let value = self.row.get_ref(column)?;
        let text = value.as_str_or_null().map_err(|error| self.blame(column, &error))?;
        text.map(make).transpose().map_err(|error| self.blame(column, &error))
    }

    pub(super) fn text(&self, column: &'static str) -> Result<Box<str>, StoreError> {
        self.get(column).map(String::into_boxed_str)
    }

    /// A count or a number; SQLite's integers have a sign, ours do not.
    pub(super) fn unsigned<T: TryFrom<i64>>(&self, column: &'static str) -> Result<T, StoreError> {
        T::try_from(self.get(column)?)
            .map_err(|_| damaged(self.table, self.key, format!("{column} is out of range")))
    }

    fn blame(&self, column: &'static str, error: &dyn Display) -> StoreError {
        damaged(self.table, self.key, format!("{column}: {error}"))
    }
}

/// A number as SQLite keeps it.
pub(super) fn signed(
    number: u64,
    table: &'static str,
    key: impl Display,
) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| damaged(table, key, "a number is too large"))
}

/// A limit as SQLite takes it.
pub(super) fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
