//! Running other programs one after the other, with a line that says which one runs.

use std::{
    ffi::OsStr,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// The numbered lines of one command's progress. They go to standard error, so that a benchmark's
/// or a demo's own output stays clean.
#[derive(Debug)]
pub(crate) struct Steps {
    begun: usize,
    total: usize,
}

impl Steps {
    pub(crate) fn of(total: usize) -> Self {
        Self { begun: 0, total }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Says that the next step begins.
    pub(crate) fn begin(&mut self, what: &str) {
        self.begun += 1;
        eprintln!("\n[{}/{}] {what} …", self.begun, self.total);
    }
}

/// The workspace's folder, whatever folder the person stands in.
pub(crate) fn workspace() -> PathBuf {
    // Cargo says where it found the manifest today; the folder may have moved since the build.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().map_or_else(|| here.clone(), Path::to_path_buf)
}

/// The cargo that runs this program, in the workspace's folder.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace()).args(arguments);
    command
}

/// Runs a program to its end; an end that is not a success becomes an error with the advice.
pub(crate) fn succeed(command: &mut Command, advice: &str) -> Result<()> {
    let shown = shown(command);
    let status = match command.status() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("`{shown}` could not start: the program is not installed; {advice}")
        }
        other => other.with_context(|| format!("`{shown}` could not start"))?,
    };
    if !status.success() {
        bail!("`{shown}` did not succeed ({status}); {advice}");
    }
    Ok(())
}

/// Goes on as another program. Where a process cannot turn into another, it waits for it instead.
#[cfg(unix)]
pub(crate) fn become_program(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    let shown = shown(command);
    Err(command.exec()).with_context(|| format!("`{shown}` could not start"))
}

/// Goes on as another program. Where a process cannot turn into another, it waits for it instead.
#[cfg(not(unix))]
pub(crate) fn become_program(command: &mut Command) -> Result<()> {
    succeed(command, "its messages above say why")
}

/// A command as a person would type it: without folders, variables and quoting.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_else(|| OsStr::new("?"));
    std::iter::once(program)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_person_would_type_it() {
        let mut command = Command::new(Path::new("some").join("folder").join("cargo"));
        command.args(["test", "--workspace"]);
        assert_eq!(shown(&command), "cargo test --workspace");
    }

    #[test]
    fn the_workspace_is_the_folder_with_the_root_manifest() {
        let manifest = std::fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_with_the_advice() {
        let mut command = Command::new("no-program-has-this-name");
        let error = succeed(&mut command, "install it").unwrap_err().to_string();
        assert!(error.contains("not installed; install it"), "{error}");
    }

    #[test]
    fn a_program_that_fails_is_an_error_with_its_name_and_the_advice() {
        let mut command = cargo(["no-such-command-of-cargo"]);
        command.stderr(std::process::Stdio::null());
        let error = succeed(&mut command, "look above").unwrap_err().to_string();
        assert!(error.contains("`cargo no-such-command-of-cargo`"), "{error}");
        assert!(error.ends_with("; look above"), "{error}");
    }
}
