//! Prometheus' own tool asks whether alert rules and the form of the metrics are right.

use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::step::{succeed, workspace};

/// Checks the rules, plays their stories, and checks what the tests of the workspace got from
/// `/metrics`.
pub(crate) fn check() -> Result<()> {
    present()?;
    let rules = workspace().join("ops/prometheus");
    let promtool = |arguments: &[&str]| {
        let mut command = Command::new("promtool");
        command.current_dir(&rules).args(arguments);
        command
    };
    succeed(&mut promtool(&["check", "rules", "alerts.yml"]), "the rule is named above")?;
    succeed(&mut promtool(&["test", "rules", "alerts_test.yml"]), "the story is told above")?;
    let metrics = metrics();
    let text = File::open(&metrics).with_context(|| {
        format!("{} is missing; the tests of the package warmline write it", metrics.display())
    })?;
    let mut form = promtool(&["check", "metrics"]);
    succeed(form.stdin(Stdio::from(text)), "the metric is named above")
}

/// Where a test leaves what `/metrics` answered.
fn metrics() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR");
    target.map_or_else(|| workspace().join("target"), PathBuf::from).join("tmp/metrics.txt")
}

/// Installs it where that is ours to do: Debian's package, by root.
fn present() -> Result<()> {
    let runs = |program: &str, argument: &str| {
        let mut command = Command::new(program);
        command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    if runs("promtool", "--version") {
        return Ok(());
    }
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if !(root && runs("apt-get", "--version")) {
        bail!(
            "promtool is not installed; it comes with Prometheus: `apt-get install prometheus` on \
             Debian, else https://prometheus.io/download"
        );
    }
    let advice = "install Debian's package prometheus by hand";
    succeed(Command::new("apt-get").args(["update", "-qq"]), advice)?;
    let package = ["install", "-qq", "-y", "--no-install-recommends", "prometheus"];
    let mut install = Command::new("apt-get");
    succeed(install.env("DEBIAN_FRONTEND", "noninteractive").args(package), advice)
}
