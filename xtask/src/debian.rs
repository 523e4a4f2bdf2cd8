//! Debian's packages that some tests need: installed for root on Debian, asked for elsewhere.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::step;

/// Installs a package; where that is not possible, the error says who needs it and what to do.
pub(crate) fn install(package: &str, needed_by: &str, otherwise: &str) -> Result<()> {
    if !is_root() || output("apt-get", "--version").is_none() {
        bail!(
            "{needed_by} need it; install it (on Debian: sudo apt-get install {package}){otherwise}"
        );
    }
    eprintln!("      {package} is not installed; installing Debian's");
    let advice = format!("install {package} by hand{otherwise}");
    step::succeed(&mut apt(&["update", "-qq"]), &advice)?;
    step::succeed(&mut apt(&["install", "-y", "-qq", "--no-install-recommends", package]), &advice)
}

/// A virus scanner for the tests of files, which bring a signature of their own.
pub(crate) fn clamd() -> Result<()> {
    if Path::new("/usr/sbin/clamd").exists() || output("clamd", "--version").is_some() {
        return Ok(());
    }
    install("clamav-daemon", "the tests of files", "")
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments).stdout(Stdio::null());
    command
}

fn is_root() -> bool {
    output("id", "-u").is_some_and(|id| id == "0")
}

fn output(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stderr(Stdio::null()).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| printed.trim().to_owned())
}
