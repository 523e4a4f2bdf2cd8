//! The browser tests of `web/tests`: the browser they need, and running them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::{pages, step};

/// Where Debian's package puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Names another browser, for the tests too.
const CHROMIUM_VARIABLE: &str = "CHROMIUM";

/// Makes sure of a browser: the one that is named, the one that is there, or, for root on Debian,
/// one that is installed now.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os(CHROMIUM_VARIABLE) {
        let named = PathBuf::from(named);
        if named.exists() {
            return Ok(named);
        }
        bail!("{CHROMIUM_VARIABLE} names {}, which does not exist", named.display());
    }
    let usual = Path::new(CHROMIUM);
    if !usual.exists() {
        install()?;
    }
    Ok(usual.to_owned())
}

fn install() -> Result<()> {
    if !is_root() || output("apt-get", "--version").is_none() {
        bail!(
            "the browser tests need Chromium; install it (on Debian: sudo apt-get install \
             chromium), or name the program in {CHROMIUM_VARIABLE}"
        );
    }
    eprintln!("      Chromium is not installed; installing Debian's");
    let advice = "install chromium by hand, or name the program in CHROMIUM";
    step::succeed(&mut apt(&["update", "-qq"]), advice)?;
    step::succeed(
        &mut apt(&["install", "-y", "-qq", "--no-install-recommends", "chromium"]),
        advice,
    )
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

/// Plays the pages through the binary that cargo built last.
pub(crate) fn test() -> Result<()> {
    let browser = chromium()?;
    // As the tests before it built it: another choice of packages would build half of it anew.
    let build = ["test", "--workspace", "--no-run", "--quiet"];
    step::succeed(&mut step::cargo(build), "the compiler's messages above say why")?;
    let mut tests = pages::npm(&step::workspace().join("web"), &["test"]);
    tests.env(CHROMIUM_VARIABLE, browser).env("WARMLINE_BINARY", binary());
    step::succeed(&mut tests, "the failures are listed above, pictures are in target/screenshots")
}

fn binary() -> PathBuf {
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = step::workspace().join(named.unwrap_or_else(|| "target".into()));
    target.join("debug").join("warmline")
}
