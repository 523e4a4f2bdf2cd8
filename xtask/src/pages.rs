//! Building the pages of `web/` with Node: whether that is possible, and doing it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::SystemTime,
};

use anyhow::{Context, Result, anyhow, bail};

use crate::step;

/// What to do about a missing or old Node; ends every sentence about it.
const INSTALL: &str = "install Node 20.19 or later, 22.12 or later, with npm (https://nodejs.org)";

/// npm is a script, and Windows wants its full name.
const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// Whether Node and npm are there and new enough; if not, the error says what to install.
pub(crate) fn node() -> Result<()> {
    let version = version_of("node").ok_or_else(|| anyhow!("Node is not installed; {INSTALL}"))?;
    if !is_new_enough(&version) {
        bail!("Node {version} is too old for the page builder; {INSTALL}");
    }
    version_of(NPM).ok_or_else(|| anyhow!("Node is installed without npm; {INSTALL}"))?;
    Ok(())
}

/// Checks the pages' types and builds them into `web/dist`, after installing what they are built
/// with where that is missing or older than the lock file.
pub(crate) fn build() -> Result<()> {
    let web = step::workspace().join("web");
    install(&web)?;
    step::succeed(&mut npm(&web, &["run", "build"]), "the messages above name file and line")
}

/// Installs what the lock file of a folder names, where that is missing or older than the lock file.
pub(crate) fn install(folder: &Path) -> Result<()> {
    if needs_install(folder)? {
        let advice = "npm needs a registry it can reach, and a lock file that fits package.json";
        step::succeed(&mut npm(folder, &["ci"]), advice)?;
    }
    Ok(())
}

pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(NPM);
    command.current_dir(folder).args(arguments);
    command
}

fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stderr(Stdio::null()).output().ok()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| printed.trim().trim_start_matches('v').to_owned())
}

/// The page builder's own condition: `^20.19.0 || >=22.12.0`.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let (major, minor) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    match major {
        20 => minor >= 19,
        22 => minor >= 12,
        other => other > 22,
    }
}

/// npm writes its own copy of the lock file last, so that copy is the mark of a whole installation.
fn needs_install(folder: &Path) -> Result<bool> {
    let wanted = changed_at(&folder.join("package-lock.json"))?;
    let installed: PathBuf = folder.join("node_modules").join(".package-lock.json");
    Ok(is_stale(changed_at(&installed).ok(), wanted))
}

fn is_stale(installed: Option<SystemTime>, wanted: SystemTime) -> bool {
    installed.is_none_or(|installed| installed < wanted)
}

fn changed_at(file: &Path) -> Result<SystemTime> {
    let metadata =
        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(metadata.modified()?)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_a_node_that_the_page_builder_accepts_is_new_enough() {
        let table = [
            ("18.20.4", false),
            ("20.18.3", false),
            ("20.19.0", true),
            ("20.20.2", true),
            ("21.7.3", false),
            ("22.11.0", false),
            ("22.12.0", true),
            ("23.0.0", true),
            ("26.1.0", true),
            ("nonsense", false),
            ("", false),
        ];
        for (version, expected) in table {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }

    #[test]
    fn an_installation_older_than_the_lock_file_or_missing_is_stale() {
        let early = SystemTime::UNIX_EPOCH;
        let late = early + Duration::from_secs(1);
        assert!(is_stale(None, early));
        assert!(is_stale(Some(early), late));
        assert!(!is_stale(Some(late), early));
        assert!(!is_stale(Some(early), early));
    }
}
