//! The browser tests of `web/tests`: the browser they need, and running them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{debian, pages, step};

/// Where Debian's package puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Names another browser, for the tests too.
pub(crate) const CHROMIUM_VARIABLE: &str = "CHROMIUM";

/// Names the binary under test, for tests in other languages.
pub(crate) const BINARY_VARIABLE: &str = "WARMLINE_BINARY";

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
        debian::install("chromium", "the browser tests", ", or name the program in CHROMIUM")?;
    }
    Ok(usual.to_owned())
}

/// Plays the pages through the binary that cargo built last.
pub(crate) fn test() -> Result<()> {
    let browser = chromium()?;
    let mut tests = pages::npm(&step::workspace().join("web"), &["test"]);
    tests.env(CHROMIUM_VARIABLE, browser).env(BINARY_VARIABLE, binary()?);
    step::succeed(&mut tests, "the failures are listed above, pictures are in target/screenshots")
}

/// The binary under test, built now if it is not yet.
pub(crate) fn binary() -> Result<PathBuf> {
    // As the tests before it built it: another choice of packages would build half of it anew.
    let build = ["test", "--workspace", "--no-run", "--quiet"];
    step::succeed(&mut step::cargo(build), "the compiler's messages above say why")?;
    let named = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = step::workspace().join(named.unwrap_or_else(|| "target".into()));
    Ok(target.join("debug").join("warmline"))
}
