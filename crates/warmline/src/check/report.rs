//! Printing findings while they come, or as JSON at the end.

use std::io::{IsTerminal, Write};

use serde_json::json;

use super::finding::{Finding, Status};

/// The version of what `--json` prints.
const VERSION: u32 = 1;

/// How the check ended; the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Well,
    Failing,
    Unreadable,
}

impl Outcome {
    pub(super) fn exit_code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failing => 1,
            Self::Unreadable => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Failing => "failing",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What was found so far.
#[expect(clippy::struct_excessive_bools, reason = "ways to print, free of each other")]
pub(super) struct Report {
    findings: Vec<Finding>,
    json: bool,
    quiet: bool,
    /// Say whose each finding is.
    named: bool,
    /// Somebody watches: say what is being looked at.
    watched: bool,
}

impl Report {
    pub(super) fn new(json: bool, quiet: bool) -> Self {
        let watched = !quiet && std::io::stderr().is_terminal();
        Self { findings: Vec::new(), json, quiet, named: false, watched }
    }

    /// From here on findings say whose they are.
    pub(super) fn name_subjects(&mut self) {
        self.named = true;
    }

    /// Something is being looked at; it may take some seconds.
    pub(super) fn looks_at(&self, what: &str) {
        if self.watched {
            // The next line takes its place.
            write!(std::io::stderr(), "\x1b[2K… {what}\r").ok();
        }
    }

    pub(super) fn say(&mut self, finding: Finding) {
        let wanted = !self.quiet || matches!(finding.status, Status::Warn | Status::Fail);
        if !self.json && wanted {
            if self.watched {
                write!(std::io::stderr(), "\x1b[2K").ok();
            }
            // A reader that goes away does not need the rest.
            writeln!(std::io::stdout(), "{}", finding.line(self.named)).ok();
        }
        self.findings.push(finding);
    }

    pub(super) fn failed(&self) -> bool {
        self.findings.iter().any(|finding| finding.status == Status::Fail)
    }

    /// Prints what is to be printed at the end.
    pub(super) fn end(self, outcome: Outcome) {
        if self.watched {
            write!(std::io::stderr(), "\x1b[2K").ok();
        }
        let mut out = std::io::stdout();
        if self.json {
            let all = json!({"v": VERSION, "outcome": outcome.name(), "checks": self.findings});
            writeln!(out, "{all}").ok();
        } else if !self.quiet {
            let count = |status| self.findings.iter().filter(|f| f.status == status).count();
            let (fails, warns) = (count(Status::Fail), count(Status::Warn));
            writeln!(out, "{fails} failing, {warns} to be seen to").ok();
        }
    }
}
