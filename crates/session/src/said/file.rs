//! What goes with words.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A file that goes with what was said. What is in it lies elsewhere.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Under which it is found there. Opaque here.
    pub id: String,
    /// Its name, as people see it.
    pub name: String,
    /// Its media type, as far as what is in it bears it out.
    pub kind: String,
    /// Its size.
    pub bytes: u64,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name says as much as words do.
        f.debug_struct("File")
            .field("kind", &self.kind)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
