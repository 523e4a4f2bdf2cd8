//! A gateway whose clocks a test moves while it runs, on Linux.
//!
//! The binary is the real one: a library of a page of C (`moved_clock.c`) stands between it and the
//! system's clock.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::process::Environment;

/// The hand that moves the clock.
pub(crate) struct MovedClock {
    file: File,
}

impl MovedClock {
    /// Gives the gateway with these settings a clock of its own, `by` milliseconds ahead of the
    /// system's. The file that tells it so lies in `folder`.
    pub(crate) fn of(environment: &mut Environment, folder: &Path, by: i64) -> Self {
        let name = folder.join("moved-clock");
        let mut file = File::create(&name).unwrap();
        file.write_all(&by.to_ne_bytes()).unwrap();
        file.write_all(&0_i64.to_ne_bytes()).unwrap();
        let mut set = |key: &str, value: &Path| {
            environment.insert(key.to_owned(), value.to_str().unwrap().to_owned());
        };
        set("LD_PRELOAD", library());
        set("MOVED_CLOCK", &name);
        Self { file }
    }

    /// From now on the gateway's clock is this many milliseconds ahead of the system's.
    pub(crate) fn set(&self, by: i64) {
        self.file.write_all_at(&by.to_ne_bytes(), 0).unwrap();
    }

    /// What the gateway waits for so long is due now: its clock of intervals jumps ahead, which a running one
    /// sees as soon as anything wakes it. For a gateway that has nothing else to do meanwhile.
    pub(crate) fn passes(&self, milliseconds: i64) {
        self.file.write_all_at(&milliseconds.to_ne_bytes(), 8).unwrap();
    }
}

/// Milliseconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "a test compares the gateway's time with the real one"
)]
pub(crate) fn system_time() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// The library, compiled once by the compiler that cargo links with.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/moved_clock.c");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Runs beside each other do not read each other's half-written file.
        let (own, library) =
            (folder.join(format!("{}.so", std::process::id())), folder.join("moved_clock.so"));
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&own).arg(source);
        assert!(cc.status().expect("cc is there: cargo links with it").success());
        std::fs::rename(own, &library).unwrap();
        library
    })
}
