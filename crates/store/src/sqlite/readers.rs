//! A small pool of connections that only read.
//!
//! Whoever finds it empty waits for a connection to come back. Readers see the last commit; they
//! neither wait for the writer nor hold it up.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::connect;
use super::files::Both;
use crate::StoreError;

/// How many reads run side by side. Reads are short; more would only compete for the processors.
const READERS: usize = 4;

/// A pair of connections that cannot write.
pub(super) struct Reader {
    database: Connection,
    pub(super) keys: Connection,
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.database
    }
}

impl Reader {
    /// Of these files, which hold a store.
    pub(super) fn open(files: &Both) -> Result<Self, StoreError> {
        Ok(Self {
            database: connect::reader(&files.database)?,
            keys: connect::reader(&files.keys)?,
        })
    }
}

pub(super) struct Readers {
    idle: Mutex<Vec<Reader>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn open(files: &Both) -> Result<Self, StoreError> {
        let idle = (0..READERS).map(|_| Reader::open(files)).collect::<Result<_, _>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Waits for an idle connection. A holder must not ask for a second one.
    pub(super) fn borrow(&self) -> Borrowed<'_> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return Borrowed { pool: self, connection: Some(connection) },
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// A connection that goes back to its pool, also when its borrower panics.
pub(super) struct Borrowed<'a> {
    pool: &'a Readers,
    connection: Option<Reader>,
}

impl Deref for Borrowed<'_> {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.connection.as_ref().expect("a borrowed connection stays until the drop")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}
