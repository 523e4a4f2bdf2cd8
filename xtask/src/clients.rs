//! The tests of `clients/`: Microsoft's own clients before the binary and bots of its SDKs behind it.
//! Owns installing what they need, in JavaScript and in Python, into folders that git ignores.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{browser, debian, pages, step};

/// A Python of their own, with nothing but what the requirements name.
const ENVIRONMENT: &str = ".venv";

/// What must be installed in it, and, as a copy in it, what is.
const REQUIREMENTS: &str = "requirements.txt";

/// Plays them with the binary that cargo built last.
pub(crate) fn test() -> Result<()> {
    let folder = step::workspace().join("clients");
    pages::install(&folder)?;
    install_python(&folder)?;
    let mut tests = pages::npm(&folder, &["test"]);
    tests
        .env(browser::CHROMIUM_VARIABLE, browser::chromium()?)
        .env(browser::BINARY_VARIABLE, browser::binary()?);
    step::succeed(
        &mut tests,
        "the failures are listed above, clients/README.md says how to play one",
    )
}

/// Makes the environment anew unless it has what the requirements name.
fn install_python(folder: &Path) -> Result<()> {
    let requirements = folder.join(REQUIREMENTS);
    let environment = folder.join(ENVIRONMENT);
    let installed = environment.join(REQUIREMENTS);
    let wanted = fs::read(&requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if !has_venv() {
        debian::install("python3-venv", "the tests with bots in Python", "")?;
    }
    let advice = "Python 3.11 or later with its module venv is needed";
    let mut make = Command::new("python3");
    step::succeed(make.args(["-m", "venv", "--clear"]).arg(&environment), advice)?;
    let mut pip = Command::new(python(&environment));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    step::succeed(pip.arg(&requirements), "pip needs an index that it can reach")?;
    // Last, as the mark of a whole installation.
    fs::copy(&requirements, &installed).context("cannot write into the Python environment")?;
    Ok(())
}

fn python(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// Debian ships Python without the part that puts pip into an environment.
fn has_venv() -> bool {
    let mut command = Command::new("python3");
    command.args(["-c", "import venv, ensurepip"]).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
