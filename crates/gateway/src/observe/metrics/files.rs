//! Files that came, and what came of them.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use crate::{
    files::{Bringer, FileError, PlaceSeen},
    observe::metrics::{Labels, counter, counters, gauge},
};

/// What can come of a file.
const OUTCOMES: [&str; 8] =
    ["kept", "infected", "not_allowed", "too_large", "no_room", "not_scanned", "failed", NOT_GIVEN];

/// It could not be fetched from where it lies.
const NOT_GIVEN: &str = "not_given";

/// Which of them this is.
fn outcome(told: Result<(), &FileError>) -> usize {
    match told {
        Ok(()) => 0,
        Err(FileError::Infected) => 1,
        Err(FileError::NotAllowed) => 2,
        Err(FileError::TooLarge { .. }) => 3,
        Err(FileError::ConversationFull | FileError::TenantFull | FileError::Full) => 4,
        Err(FileError::NotScanned | FileError::TooLargeToScan) => 5,
        Err(
            FileError::Busy
            | FileError::Empty
            | FileError::Gone
            | FileError::Elsewhere(_)
            | FileError::Disk(_)
            | FileError::Sealed(_)
            | FileError::Malformed,
        ) => 6,
    }
}

#[derive(Debug)]
pub(crate) struct FileNumbers {
    came: [[Counter; OUTCOMES.len()]; Bringer::ALL.len()],
    bytes_in: Counter,
    bytes_out: Counter,
    kept: Gauge,
    of_strangers: Gauge,
    damaged: Counter,
    place: [Gauge; PlaceSeen::ALL.len()],
}

impl FileNumbers {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let came = counters(registry, "files", "Files that were brought, by what came of them");
        let bytes = counters(registry, "file_bytes", "Bytes of files that came in and went out");
        let of = |by: Bringer, outcome: &str| {
            came.get_or_create_owned(&vec![
                ("by", by.word().to_owned()),
                ("outcome", outcome.to_owned()),
            ])
        };
        let damaged = "Files that were found damaged where they lie";
        let places = Family::<Labels, Gauge>::default();
        let stands = "1 for what stands at the place of the files";
        registry.register("files_place", stands, places.clone());
        let place =
            |seen: PlaceSeen| places.get_or_create_owned(&vec![("state", seen.word().to_owned())]);
        let way = |way: &str| bytes.get_or_create_owned(&vec![("way", way.to_owned())]);
        Self {
            came: Bringer::ALL.map(|by| OUTCOMES.map(|outcome| of(by, outcome))),
            bytes_in: way("in"),
            bytes_out: way("out"),
            kept: gauge(registry, "files_kept_bytes", "What all files that are kept take, sealed"),
            of_strangers: gauge(
                registry,
                "files_of_strangers_bytes",
                "What those of them take that strangers brought",
            ),
            damaged: counter(registry, "files_damaged", damaged),
            place: PlaceSeen::ALL.map(place),
        }
    }

    /// A file was kept, or was not.
    pub(crate) fn came(&self, by: Bringer, told: Result<(), &FileError>) {
        self.came[by as usize][outcome(told)].inc();
    }

    /// A file was not given out by whoever has it: the desk, or Teams.
    pub(crate) fn not_given(&self, by: Bringer) {
        self.came[by as usize][OUTCOMES.len() - 1].inc();
    }

    /// One was found damaged that was not known to be.
    pub(crate) fn damaged(&self) {
        self.damaged.inc();
    }

    /// How many were.
    #[cfg(test)]
    pub(crate) fn found_damaged(&self) -> u64 {
        self.damaged.get()
    }

    /// What a look at their place shows.
    pub(crate) fn place(&self, seen: PlaceSeen) {
        for (gauge, one) in self.place.iter().zip(PlaceSeen::ALL) {
            gauge.set(i64::from(one == seen));
        }
    }

    /// So much of files came in.
    pub(crate) fn took_in(&self, bytes: usize) {
        self.bytes_in.inc_by(bytes as u64);
    }

    /// So much of files went out.
    pub(crate) fn gave_out(&self, bytes: usize) {
        self.bytes_out.inc_by(bytes as u64);
    }

    /// All of them take so much, and strangers' so much of it.
    pub(crate) fn keeps(&self, bytes: u64, of_strangers: u64) {
        self.kept.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.of_strangers.set(i64::try_from(of_strangers).unwrap_or(i64::MAX));
    }
}
