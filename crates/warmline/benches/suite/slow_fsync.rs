//! A disk whose flushes take longer: a shim in C, made when the benchmark runs and loaded into the
//! gateway alone.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::process::Command;

const SOURCE: &str = include_str!("slow_fsync.c");

/// Said where it cannot be made.
pub(crate) const LEFT_OUT: &str =
    "The slower disk is left out: it needs Linux and a C compiler that is called cc.";

/// A made shim.
#[derive(Debug)]
pub(crate) struct Shim {
    library: PathBuf,
    milliseconds: u32,
}

impl Shim {
    /// Makes it with the system's C compiler. `None` where there is none, or no Linux.
    pub(crate) async fn make(milliseconds: u32) -> anyhow::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(None);
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (source, library) = (folder.join("slow_fsync.c"), folder.join("slow_fsync.so"));
        std::fs::write(&source, SOURCE)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&source);
        let Ok(output) = compiler.stdin(Stdio::null()).output().await else { return Ok(None) };
        if !output.status.success() {
            bail!("cc cannot make the shim: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(Some(Self { library, milliseconds }))
    }

    /// What each flush takes longer.
    pub(crate) fn added(&self) -> Duration {
        Duration::from_millis(self.milliseconds.into())
    }

    /// Has a program loaded with it.
    pub(crate) fn load_into(&self, command: &mut Command) -> anyhow::Result<()> {
        let library = self.library.to_str().context("the target folder's name is not UTF-8")?;
        command.env("LD_PRELOAD", library);
        command.env("SLOW_FSYNC_MS", self.milliseconds.to_string());
        Ok(())
    }
}
